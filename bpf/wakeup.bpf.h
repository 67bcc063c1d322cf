/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* When programs wake the reader of their ring. */
#ifndef APUS_WAKEUP_BPF_H
#define APUS_WAKEUP_BPF_H

#include "common.bpf.h"

/* So many bytes that wait in the ring wake the reader. */
const volatile __u64 wakeup_bytes = 4096;

/* The reader has been woken, and has not said since that it has read: it does, when it has. */
bool is_woken = false;

/* Wakes the reader once, when a good part of the ring is full: a wakeup for each record would cost
 * more than the record. */
static __always_inline __u64 wakeup_flags(__u64 waiting)
{
	if (waiting < wakeup_bytes || is_woken)
		return BPF_RB_NO_WAKEUP;
	is_woken = true;
	return BPF_RB_FORCE_WAKEUP;
}

#endif
