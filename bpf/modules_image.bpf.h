/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a module is: from its file in memory, and from the kernel's struct module. */
#ifndef APUS_MODULES_IMAGE_H
#define APUS_MODULES_IMAGE_H

#include "common.bpf.h"
#include "modules.h"
#include <linux/elf.h>

/* The most sections of a module's file that are looked at. */
#define MODULE_SECTIONS 128

/*
 * The module's own name, its build id and the beginning of its .modinfo, from the
 * file. Nothing of it has been verified yet, so all is read with care.
 */
static __always_inline void read_image(struct module_action *action, struct load_info *info)
{
	/* .gnu.linkonce.this_module holds the struct module that is to be. */
	static const char module_section[] = ".gnu.linkonce.th", info_section[] = ".modinfo";
	/* A note: the sizes of its name and of what it says, its type, "GNU", the build id. */
	static const char note_section[] = ".note.gnu.build-";
	const __u32 note_header = 16;
	void *image = BPF_CORE_READ(info, hdr);
	__u64 length = BPF_CORE_READ(info, len);
	Elf64_Ehdr header = {};
	Elf64_Shdr section = {};
	__u64 names, size;
	char name[17];

	bpf_probe_read_kernel(&header, sizeof(header), image);
	bpf_probe_read_kernel(&section, sizeof(section),
			      image + header.e_shoff + header.e_shstrndx * sizeof(section));
	names = section.sh_offset;
	for (int i = 1; i < MODULE_SECTIONS; i++) {
		if (i >= header.e_shnum)
			break;
		bpf_probe_read_kernel(&section, sizeof(section),
				      image + header.e_shoff + i * sizeof(section));
		if (section.sh_offset >= length || names + section.sh_name >= length)
			continue;
		if (bpf_probe_read_kernel_str(name, sizeof(name), image + names + section.sh_name) <
		    0)
			continue;
		if (!__builtin_memcmp(name, module_section, 16))
			bpf_probe_read_kernel(&action->name, sizeof(action->name),
					      image + section.sh_offset +
						      bpf_core_field_offset(struct module, name));
		if (!__builtin_memcmp(name, note_section, 16) &&
		    section.sh_size == note_header + MODULE_BUILD_ID_SIZE &&
		    !bpf_probe_read_kernel(&action->build_id, MODULE_BUILD_ID_SIZE,
					   image + section.sh_offset + note_header))
			action->build_id_size = MODULE_BUILD_ID_SIZE;
		if (__builtin_memcmp(name, info_section, sizeof(info_section)))
			continue;
		size = section.sh_size;
		if (size >= MODULE_INFO_SIZE)
			size = MODULE_INFO_SIZE - 1;
		size = bounded(size, MODULE_INFO_SIZE);
		if (!bpf_probe_read_kernel(action->modinfo, size, image + section.sh_offset))
			action->modinfo_size = size;
	}
}

/* Of what is resident once init is gone, as in /proc/modules. */
static __always_inline __u64 size_of(struct module *module)
{
	struct module___before_6_4 *old = (void *)module;
	struct module___since_6_4 *new = (void *)module;

	if (bpf_core_field_exists(old->core_layout))
		return BPF_CORE_READ(old, core_layout.size);
	/* MOD_TEXT, MOD_DATA, MOD_RODATA, MOD_RO_AFTER_INIT of enum mod_mem_type. */
	return BPF_CORE_READ(new, mem[0].size) + BPF_CORE_READ(new, mem[1].size) +
	       BPF_CORE_READ(new, mem[2].size) + BPF_CORE_READ(new, mem[3].size);
}

static __always_inline void read_uses(struct module_action *action, struct module *module,
				      bool of_users)
{
	struct list_head *head = of_users ? __builtin_preserve_access_index(&module->source_list)
					  : __builtin_preserve_access_index(&module->target_list);
	struct list_head *node = BPF_CORE_READ(head, next);
	struct module_use *use;
	struct module *other;

	for (int i = 0; i < MODULE_USES; i++) {
		if (node == head)
			return;
		use = (void *)node -
		      (of_users ? bpf_core_field_offset(struct module_use, source_list)
				: bpf_core_field_offset(struct module_use, target_list));
		other = of_users ? BPF_CORE_READ(use, source) : BPF_CORE_READ(use, target);
		bpf_core_read(&action->uses[i], MODULE_NAME_SIZE, &other->name);
		action->use_count = i + 1;
		node = BPF_CORE_READ(node, next);
	}
	if (node != head)
		action->cut |= MODULE_CUT_USES;
}

#endif
