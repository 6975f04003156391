/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A VLAN for kernels that were built without one: tc programs for a veth end, so that its namespace
 * speaks untagged and the wire carries tag VID (clang -DVID=100 -target bpf).
 */

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#define ETH_P_8021Q_BE 0x0081 /* network order; this file is compiled for little-endian machines */

static long (*const skb_vlan_push)(struct __sk_buff *skb, __u16 proto, __u16 tci) =
	(void *)BPF_FUNC_skb_vlan_push;
static long (*const skb_vlan_pop)(struct __sk_buff *skb) = (void *)BPF_FUNC_skb_vlan_pop;

__attribute__((section("tc_push"), used)) int push(struct __sk_buff *skb)
{
	return skb_vlan_push(skb, ETH_P_8021Q_BE, VID) ? TC_ACT_SHOT : TC_ACT_OK;
}

__attribute__((section("tc_pop"), used)) int pop(struct __sk_buff *skb)
{
	if (!skb->vlan_present || (skb->vlan_tci & 0xfff) != VID)
		return TC_ACT_SHOT;
	return skb_vlan_pop(skb) ? TC_ACT_SHOT : TC_ACT_OK;
}
