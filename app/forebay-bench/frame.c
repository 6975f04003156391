/* SPDX-License-Identifier: BSD-3-Clause */

#include "frame.h"

#include <netinet/in.h>
#include <string.h>

#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "net/build.h"
#include "net/wire.h"
#include "world.h"

#define FRAME_MIN 60

uint16_t bench_frame_write(uint8_t *data, const struct fb_tuple *tuple, uint8_t tcp_flags)
{
	const enum fb_family family = (enum fb_family)tuple->family;
	const uint8_t *addrs = (const uint8_t *)tuple;
	const uint32_t head = FB_ETHER_LEN + fb_build_l3_len(family);
	const uint32_t len = RTE_MAX(head + FB_TCP_LEN, (uint32_t)FRAME_MIN);
	const rte_be16_t ports[2] = {fb_tuple_sport(tuple), fb_tuple_dport(tuple)};
	uint8_t *l4 = fb_build_ip(data, bench_port_mac, bench_neighbour_mac, family, addrs,
				  addrs + fb_family_addr_len(family), IPPROTO_TCP, len - head);

	memset(l4, 0, len - head);
	memcpy(l4, ports, sizeof(ports));
	l4[12] = FB_TCP_LEN / 4 << 4;
	l4[13] = tcp_flags;
	fb_build_checksum(data, family, IPPROTO_TCP, len - head, FB_TCP_CSUM_OFF);
	return (uint16_t)len;
}

void bench_frame_fill(struct rte_mbuf *m, const struct fb_tuple *tuple, uint8_t tcp_flags)
{
	uint16_t len = bench_frame_write(rte_pktmbuf_mtod(m, uint8_t *), tuple, tcp_flags);

	m->data_len = len;
	m->pkt_len = len;
}
