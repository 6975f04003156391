/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A link that loses one packet in LOSE, or (tc_lose_syns) all TCP segments that open connections, for kernels that
 * were built without netem: tc programs for a veth end (clang -DLOSE=200 -target bpf).
 */

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/pkt_cls.h>

#define SYN	    0x02
#define SYN_AND_ACK 0x12

static __u32 (*const get_prandom_u32)(void) = (void *)BPF_FUNC_get_prandom_u32;

__attribute__((section("tc_lose"), used)) int lose(struct __sk_buff *skb)
{
	return get_prandom_u32() % LOSE == 0 ? TC_ACT_SHOT : TC_ACT_OK;
}

static long (*const load_bytes)(const struct __sk_buff *skb, __u32 off, void *to,
				__u32 len) = (void *)BPF_FUNC_skb_load_bytes;

/* A byte of the frame, of which there are no options before TCP; 0 behind its end. */
static __u8 byte_at(struct __sk_buff *skb, __u32 off)
{
	__u8 byte = 0;

	return load_bytes(skb, off, &byte, 1) == 0 ? byte : 0;
}

__attribute__((section("tc_lose_syns"), used)) int lose_syns(struct __sk_buff *skb)
{
	const int ipv4 = skb->protocol == __builtin_bswap16(ETH_P_IP);

	if (byte_at(skb, ETH_HLEN + (ipv4 ? 9 : 6)) != IPPROTO_TCP)
		return TC_ACT_OK;
	return (byte_at(skb, ETH_HLEN + (ipv4 ? 20 : 40) + 13) & SYN_AND_ACK) == SYN ? TC_ACT_SHOT
										     : TC_ACT_OK;
}
