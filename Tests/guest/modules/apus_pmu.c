// SPDX-License-Identifier: GPL-2.0-only
// A PMU for a machine without one. Its counters follow the time-stamp counter at fixed ratios, two
// instructions a cycle, and a CPU has two of them, so that more events take turns.
#include <asm/msr.h>
#include <linux/module.h>
#include <linux/perf_event.h>

enum { COUNTERS = 2 };

static DEFINE_PER_CPU(int, used);

// How often an event happens in so many cycles, by its PERF_COUNT_HW_ number.
static const struct {
    u32 times, cycles;
} rates[] = {
    [PERF_COUNT_HW_CPU_CYCLES] = {1, 1},          [PERF_COUNT_HW_INSTRUCTIONS] = {2, 1},
    [PERF_COUNT_HW_CACHE_REFERENCES] = {1, 10},   [PERF_COUNT_HW_CACHE_MISSES] = {1, 40},
    [PERF_COUNT_HW_BRANCH_INSTRUCTIONS] = {1, 5}, [PERF_COUNT_HW_BRANCH_MISSES] = {1, 100},
};

static u64 now(struct perf_event *event) {
    return rdtsc() / rates[event->attr.config].cycles * rates[event->attr.config].times;
}

static void pmu_read(struct perf_event *event) {
    const u64 value = now(event);
    local64_add(value - local64_xchg(&event->hw.prev_count, value), &event->count);
}

static void pmu_start(struct perf_event *event, int flags) {
    event->hw.state = 0;
    local64_set(&event->hw.prev_count, now(event));
}

static void pmu_stop(struct perf_event *event, int flags) {
    if (!(event->hw.state & PERF_HES_STOPPED))
        pmu_read(event);
    event->hw.state = PERF_HES_STOPPED | PERF_HES_UPTODATE;
}

static int pmu_add(struct perf_event *event, int flags) {
    if (this_cpu_read(used) >= COUNTERS)
        return -EAGAIN;
    this_cpu_inc(used);
    event->hw.state = PERF_HES_STOPPED | PERF_HES_UPTODATE;
    if (flags & PERF_EF_START)
        pmu_start(event, flags);
    return 0;
}

static void pmu_del(struct perf_event *event, int flags) {
    pmu_stop(event, flags);
    this_cpu_dec(used);
}

static int pmu_event_init(struct perf_event *event) {
    struct perf_event *sibling;
    int group = 1;

    // No caches, which come to this PMU too.
    if (event->attr.type == PERF_TYPE_HW_CACHE || event->attr.config >= ARRAY_SIZE(rates))
        return -ENOENT;
    if (is_sampling_event(event) || event->attr.exclude_user || event->attr.exclude_kernel)
        return -EINVAL;
    if (event->group_leader != event) {
        group += event->group_leader->pmu == event->pmu;
        for_each_sibling_event(sibling, event->group_leader) group += sibling->pmu == event->pmu;
    }
    return group > COUNTERS ? -EINVAL : 0;
}

static struct pmu pmu = {
    .module = THIS_MODULE,
    .task_ctx_nr = perf_hw_context,
    .event_init = pmu_event_init,
    .add = pmu_add,
    .del = pmu_del,
    .start = pmu_start,
    .stop = pmu_stop,
    .read = pmu_read,
};

static int __init pmu_init(void) { return perf_pmu_register(&pmu, "cpu", PERF_TYPE_RAW); }
static void __exit pmu_exit(void) { perf_pmu_unregister(&pmu); }

module_init(pmu_init);
module_exit(pmu_exit);
MODULE_LICENSE("GPL");
