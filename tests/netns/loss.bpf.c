/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A link that loses one packet in LOSE, for kernels that were built without netem: a tc program for a veth end
 * (clang -DLOSE=200 -target bpf).
 */

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

static __u32 (*const get_prandom_u32)(void) = (void *)BPF_FUNC_get_prandom_u32;

__attribute__((section("tc_lose"), used)) int lose(struct __sk_buff *skb)
{
	return get_prandom_u32() % LOSE == 0 ? TC_ACT_SHOT : TC_ACT_OK;
}
