/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is told beside loads and unloads: requests, references, lines of the log. */
#ifndef APUS_MODULES_TELL_H
#define APUS_MODULES_TELL_H

#include "modules_action.bpf.h"

static __always_inline void tell_request(char *alias, bool waits, unsigned long caller)
{
	struct module_request *request;

	count_run();
	request = bpf_ringbuf_reserve(&events, sizeof(*request), 0);
	if (!request) {
		increment(lost);
		return;
	}
	describe(&request->event, MODULE_EVENT_REQUEST);
	/* The buffer holds what was there before. */
	request->process.cgroup[0] = 0;
	for (int i = 0; i < MODULE_PATH_PARTS; i++)
		request->process.executable.parts[i][0] = 0;
	read_process(&request->process);
	request->caller = caller;
	request->waits = waits;
	request->_pad = 0;
	bpf_probe_read_kernel_str(request->alias, sizeof(request->alias), alias);
	bpf_ringbuf_submit(request, 0);
}

static __always_inline void refer(struct module *module, unsigned long caller, bool is_put)
{
	struct module_reference *reference;

	count_run();
	reference = bpf_ringbuf_reserve(&events, sizeof(*reference), 0);
	if (!reference) {
		increment(lost);
		return;
	}
	describe(&reference->event, MODULE_EVENT_REFERENCE);
	reference->caller = caller;
	/* MODULE_REF_BASE of kernel/module/main.c. */
	reference->count = BPF_CORE_READ(module, refcnt.counter) - 1;
	reference->is_put = is_put;
	bpf_core_read(&reference->name, sizeof(reference->name), &module->name);
	bpf_ringbuf_submit(reference, 0);
}

static __always_inline void tell_line(const char *text, __u64 length)
{
	struct module_log *line;

	count_run();
	if (!under_way)
		return;
	line = bpf_ringbuf_reserve(&events, sizeof(*line), 0);
	if (!line) {
		increment(lost);
		return;
	}
	describe(&line->event, MODULE_EVENT_LOG);
	line->cut = 0;
	if (length >= MODULE_TEXT_SIZE) {
		length = MODULE_TEXT_SIZE - 1;
		line->cut = MODULE_CUT_LOG;
	}
	length = bounded(length, MODULE_TEXT_SIZE);
	line->length = length;
	if (bpf_probe_read_kernel(line->text, length, text))
		line->length = 0;
	if (line->cut)
		__builtin_memcpy(line->text + MODULE_TEXT_SIZE - 4, "…", 3);
	bpf_ringbuf_submit(line, 0);
}

#endif
