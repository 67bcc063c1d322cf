// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinux.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

int apus_open_tracefs(void) {
    int context, mount = -1;
    int mounted = open("/sys/kernel/tracing", O_PATH | O_DIRECTORY | O_CLOEXEC);

    // The folder is there unmounted, too, and empty.
    if (mounted >= 0 && faccessat(mounted, "events/syscalls", F_OK, 0) == 0)
        return mounted;
    if (mounted >= 0)
        close(mounted);
    context = (int)syscall(SYS_fsopen, "tracefs", FSOPEN_CLOEXEC);
    if (context < 0)
        return -1;
    if (syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
        mount = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, 0);
    close(context);
    return mount;
}
