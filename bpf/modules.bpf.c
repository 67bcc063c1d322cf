// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A record for each load and unload of a module. It is opened when the system
 * call begins, filled at each point that the kernel passes on the way, and
 * written when the call ends. While no module moves, no hook on a path that is
 * often taken does anything.
 */
#include "modules_note.bpf.h"
#include "modules_tell.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* arch/x86/entry/syscalls/syscall_64.tbl */
#define INIT_MODULE   175
#define DELETE_MODULE 176
#define FINIT_MODULE  313

/* ---- The system calls ---- */

SEC("fentry/__x64_sys_finit_module")
int BPF_PROG(finit_enter)
{
	hold_cpu();
	count_run();
	begin_load(false);
	let_cpu_go();
	return 0;
}

SEC("fentry/__x64_sys_init_module")
int BPF_PROG(init_enter)
{
	hold_cpu();
	count_run();
	begin_load(true);
	let_cpu_go();
	return 0;
}

SEC("fentry/__x64_sys_delete_module")
int BPF_PROG(delete_enter)
{
	hold_cpu();
	count_run();
	begin_unload();
	let_cpu_go();
	return 0;
}

SEC("fexit/__x64_sys_finit_module")
int BPF_PROG(finit_exit, struct pt_regs *registers, long result)
{
	hold_cpu();
	count_run();
	finish(result);
	let_cpu_go();
	return 0;
}

SEC("fexit/__x64_sys_init_module")
int BPF_PROG(init_exit, struct pt_regs *registers, long result)
{
	hold_cpu();
	count_run();
	finish(result);
	let_cpu_go();
	return 0;
}

SEC("fexit/__x64_sys_delete_module")
int BPF_PROG(delete_exit, struct pt_regs *registers, long result)
{
	hold_cpu();
	count_run();
	finish(result);
	let_cpu_go();
	return 0;
}

/* Where fentry is not to be had: these run for every system call of the machine. */
SEC("tp_btf/sys_enter")
int BPF_PROG(sys_enter, struct pt_regs *registers, long number)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	count_run();
	if (number != FINIT_MODULE && number != INIT_MODULE && number != DELETE_MODULE)
		return 0;
	/* A 32-bit call has other numbers. */
	if (BPF_CORE_READ(task, thread_info.status) & TS_COMPAT)
		return 0;
	hold_cpu();
	if (number == DELETE_MODULE)
		begin_unload();
	else
		begin_load(number == INIT_MODULE);
	let_cpu_go();
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exit, struct pt_regs *registers, long result)
{
	count_run();
	if (!under_way)
		return 0;
	hold_cpu();
	finish(result);
	let_cpu_go();
	return 0;
}

/* ---- On the way ---- */

SEC("fentry/kernel_read_file")
int BPF_PROG(read_file)
{
	hold_cpu();
	note_read();
	let_cpu_go();
	return 0;
}

SEC("fentry/load_module")
int BPF_PROG(check, struct load_info *info)
{
	hold_cpu();
	note_check(info);
	let_cpu_go();
	return 0;
}

SEC("fentry/blocking_notifier_call_chain_robust")
int BPF_PROG(form, void *chain, unsigned long state)
{
	hold_cpu();
	note_formed(state);
	let_cpu_go();
	return 0;
}

SEC("fentry/mod_sysfs_setup")
int BPF_PROG(parse)
{
	hold_cpu();
	note_parsed();
	let_cpu_go();
	return 0;
}

SEC("fexit/find_module_all")
int BPF_PROG(found, const char *name, unsigned long length, bool even_unformed,
	     struct module *module)
{
	hold_cpu();
	note_found(module);
	let_cpu_go();
	return 0;
}

SEC("fentry/blocking_notifier_call_chain")
int BPF_PROG(change_state, void *chain, unsigned long state, struct module *module)
{
	hold_cpu();
	note_state(state, module);
	let_cpu_go();
	return 0;
}

SEC("tp_btf/module_load")
int BPF_PROG(module_load, struct module *module)
{
	hold_cpu();
	note_loaded(module);
	let_cpu_go();
	return 0;
}

SEC("tp_btf/initcall_start")
int BPF_PROG(initcall_start)
{
	hold_cpu();
	note_initcall();
	let_cpu_go();
	return 0;
}

SEC("tp_btf/initcall_finish")
int BPF_PROG(initcall_finish, void *function, int result)
{
	hold_cpu();
	note_result(result);
	let_cpu_go();
	return 0;
}

SEC("tp_btf/module_free")
int BPF_PROG(module_free)
{
	hold_cpu();
	note_freed();
	let_cpu_go();
	return 0;
}

/* ---- Beside it ---- */

SEC("tp_btf/module_request")
int BPF_PROG(module_request, char *alias, bool waits, unsigned long caller)
{
	hold_cpu();
	tell_request(alias, waits, caller);
	let_cpu_go();
	return 0;
}

SEC("tp_btf/module_get")
int BPF_PROG(module_get, struct module *module, unsigned long caller)
{
	hold_cpu();
	refer(module, caller, false);
	let_cpu_go();
	return 0;
}

SEC("tp_btf/module_put")
int BPF_PROG(module_put, struct module *module, unsigned long caller)
{
	hold_cpu();
	refer(module, caller, true);
	let_cpu_go();
	return 0;
}

SEC("tp_btf/console")
int BPF_PROG(console, const char *text, __u64 length)
{
	hold_cpu();
	tell_line(text, length);
	let_cpu_go();
	return 0;
}
