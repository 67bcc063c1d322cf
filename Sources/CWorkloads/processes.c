// SPDX-License-Identifier: Apache-2.0
// Processes that come and go: fork-exec.
#include "workloads.h"

#include <elf.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>

#if !defined(__x86_64__)
#error "the program that fork-exec executes is for x86-64"
#endif

/// A program of two instructions that matter: exit_group(0). A program with a C library would make
/// calls of its own, another number on each machine.
static const struct [[gnu::packed]] tiny {
    Elf64_Ehdr header;
    Elf64_Phdr segment;
    unsigned char code[9];
} tiny = {
    .header =
        {
            .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
            .e_type = ET_EXEC,
            .e_machine = EM_X86_64,
            .e_version = EV_CURRENT,
            .e_entry = 0x400000 + offsetof(struct tiny, code),
            .e_phoff = offsetof(struct tiny, segment),
            .e_ehsize = sizeof(Elf64_Ehdr),
            .e_phentsize = sizeof(Elf64_Phdr),
            .e_phnum = 1,
        },
    .segment =
        {
            .p_type = PT_LOAD,
            .p_flags = PF_R | PF_X,
            .p_vaddr = 0x400000,
            .p_paddr = 0x400000,
            .p_filesz = sizeof(struct tiny),
            .p_memsz = sizeof(struct tiny),
            .p_align = 0x1000,
        },
    // xor edi, edi; mov eax, 231 (exit_group); syscall
    .code = {0x31, 0xff, 0xb8, 0xe7, 0x00, 0x00, 0x00, 0x0f, 0x05},
};

static void write_program(struct player *self) {
    self->fds[0] = (int)check(memfd_create("tiny", MFD_CLOEXEC), "memfd_create");
    if (write(self->fds[0], &tiny, sizeof tiny) != sizeof tiny)
        apus_workload_fail("write the program to execute");
}

static void run_fork_exec(struct player *self) {
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", self->fds[0]);
    char *const arguments[] = {"tiny", nullptr}, *const environment[] = {nullptr};
    for (uint64_t i = 0; i < self->count; i++) {
        // Raw: the C library's fork makes a call more in the child.
        const long child = syscall(SYS_fork);
        if (child == 0) {
            syscall(SYS_execve, path, arguments, environment);
            syscall(SYS_exit_group, 127);
        }
        int status;
        if (child == -1 || syscall(SYS_wait4, child, &status, 0, nullptr) != child)
            apus_workload_fail("fork");
        if (status != 0) {
            errno = ECHILD;
            apus_workload_fail("execute a program from memory");
        }
    }
    self->calls += 4 * self->count;
}

static void close_program(struct player *self) { close(self->fds[0]); }

const struct workload apus_fork_exec = {
    {"fork-exec", "starts a program that exits at once, and waits for it", "process", 4, 0},
    write_program,
    run_fork_exec,
    close_program,
};
