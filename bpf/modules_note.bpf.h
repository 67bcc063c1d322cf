/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a load or an unload under way notes at each point that the kernel passes. */
#ifndef APUS_MODULES_NOTE_H
#define APUS_MODULES_NOTE_H

#include "modules_action.bpf.h"

/* Called for firmware, too, and by integrity checks. */
static __always_inline void note_read(void)
{
	struct module_action *action = action_of_current();

	if (action && !action->read_ns)
		action->read_ns = bpf_ktime_get_ns();
}

static __always_inline void note_check(struct load_info *info)
{
	struct module_action *action = action_of_current();

	if (!action)
		return;
	action->checked_ns = bpf_ktime_get_ns();
	read_image(action, info);
}

/* The state is COMING: the file is right, and all symbols are found. */
static __always_inline void note_formed(unsigned long state)
{
	struct module_action *action = action_of_current();

	if (action && action->checked_ns && state == MODULE_STATE_COMING && !action->formed_ns)
		action->formed_ns = bpf_ktime_get_ns();
}

static __always_inline void note_parsed(void)
{
	struct module_action *action = action_of_current();

	if (action)
		action->parsed_ns = bpf_ktime_get_ns();
}

/*
 * delete_module() has the module and its lock, and decides by what is read here:
 * who uses it, whether it is LIVE, how many hold it. Then its exit function is
 * next: the lock is given back in between, and none is waited for.
 */
static __always_inline void note_found(struct module *module)
{
	struct module_action *action = action_of_current();

	if (!action || action->event.type != MODULE_EVENT_UNLOAD || !module || action->found_ns)
		return;
	action->module = (__u64)module;
	action->state = BPF_CORE_READ(module, state);
	/* MODULE_REF_BASE of kernel/module/main.c. */
	action->references = BPF_CORE_READ(module, refcnt.counter) - 1;
	read_uses(action, module, true);
	action->found_ns = bpf_ktime_get_ns();
}

static __always_inline void note_state(unsigned long state, struct module *module)
{
	struct module_action *action = action_of_current();

	/* Other chains tell of other things. */
	if (!action || !action->module || action->module != (__u64)module)
		return;
	if (action->event.type == MODULE_EVENT_UNLOAD) {
		if (state == MODULE_STATE_GOING)
			action->exited_ns = bpf_ktime_get_ns();
		return;
	}
	if (state != MODULE_STATE_LIVE)
		return;
	action->live_ns = bpf_ktime_get_ns();
	/* Its call's end will not be seen either. */
	if (action->is_late)
		finish(0);
}

/* All is ready, and the init function is next. */
static __always_inline void note_loaded(struct module *module)
{
	struct module_action *action = action_of_current();

	if (!action) {
		/* It had begun before we came. */
		action = begin(MODULE_EVENT_LOAD);
		if (!action)
			return;
		action->is_late = true;
		read_loader(action);
	}
	action->loaded_ns = bpf_ktime_get_ns();
	action->module = (__u64)module;
	action->size_bytes = size_of(module);
	action->taints = BPF_CORE_READ(module, taints);
	if (bpf_core_field_exists(module->sig_ok))
		action->is_signed = 1 + BPF_CORE_READ(module, sig_ok);
	bpf_core_read(&action->name, sizeof(action->name), &module->name);
	read_text(action->version, MODULE_VERSION_SIZE, BPF_CORE_READ(module, version));
	read_text(action->srcversion, MODULE_VERSION_SIZE, BPF_CORE_READ(module, srcversion));
	read_uses(action, module, false);
}

static __always_inline void note_initcall(void)
{
	struct module_action *action = action_of_current();

	if (action && !action->init_ns)
		action->init_ns = bpf_ktime_get_ns();
}

static __always_inline void note_result(int result)
{
	struct module_action *action = action_of_current();

	if (!action)
		return;
	action->init_end_ns = bpf_ktime_get_ns();
	action->init_result = result;
}

static __always_inline void note_freed(void)
{
	struct module_action *action = action_of_current();

	if (!action)
		return;
	action->freed_ns = bpf_ktime_get_ns();
	if (action->is_late)
		finish(action->init_result);
}

#endif
