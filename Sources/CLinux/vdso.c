// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinux.h"

#include <elf.h>
#include <sys/auxv.h>
#include <unistd.h>

int apus_vdso_file(void) {
    const Elf64_Ehdr *image = (const Elf64_Ehdr *)getauxval(AT_SYSINFO_EHDR);

    if (!image)
        return -1;
    // The section headers are the last thing in it.
    const size_t size = image->e_shoff + (size_t)image->e_shentsize * image->e_shnum;
    const int descriptor = apus_memory_file("vdso");
    if (descriptor >= 0 && write(descriptor, image, size) != (ssize_t)size) {
        close(descriptor);
        return -1;
    }
    return descriptor;
}
