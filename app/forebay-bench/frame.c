/* SPDX-License-Identifier: BSD-3-Clause */

#include "frame.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "net/build.h"
#include "net/wire.h"
#include "world.h"

void bench_frame_checksum(uint8_t *data, const struct fb_tuple *tuple, uint16_t len)
{
	const enum fb_family family = (enum fb_family)tuple->family;
	const uint32_t head = FB_ETHER_LEN + fb_build_l3_len(family);
	const bool tcp = tuple->proto == IPPROTO_TCP;
	const uint32_t csum_off = tcp ? FB_TCP_CSUM_OFF : FB_UDP_CSUM_OFF;
	uint8_t *csum = data + head + csum_off;

	fb_store_csum(csum, 0);
	fb_build_checksum(data, family, tuple->proto, len - head, csum_off);
	/* Zero would say that there is none. */
	if (!tcp && fb_load_csum(csum) == 0)
		fb_store_csum(csum, 0xffff);
}

uint16_t bench_frame_write(uint8_t *data, const struct fb_tuple *tuple, uint8_t tcp_flags,
			   uint16_t len)
{
	const enum fb_family family = (enum fb_family)tuple->family;
	const uint8_t *addrs = (const uint8_t *)tuple;
	const bool tcp = tuple->proto == IPPROTO_TCP;
	const uint32_t head = FB_ETHER_LEN + fb_build_l3_len(family);
	const uint32_t total = RTE_MAX(head + (tcp ? FB_TCP_LEN : FB_UDP_LEN),
				       (uint32_t)RTE_MAX(len, BENCH_FRAME_MIN));
	const uint32_t l4_len = total - head;
	const rte_be16_t ports[2] = {fb_tuple_sport(tuple), fb_tuple_dport(tuple)};
	uint8_t *l4 = fb_build_ip(data, bench_port_mac, bench_neighbour_mac, family, addrs,
				  addrs + fb_family_addr_len(family), tuple->proto, l4_len);

	memset(l4, 0, l4_len);
	memcpy(l4, ports, sizeof(ports));
	if (tcp) {
		l4[12] = FB_TCP_LEN / 4 << 4;
		l4[13] = tcp_flags;
	} else {
		fb_store16(l4 + 4, (uint16_t)l4_len);
	}
	bench_frame_checksum(data, tuple, (uint16_t)total);
	return (uint16_t)total;
}

void bench_frame_fill(struct rte_mbuf *m, const struct fb_tuple *tuple, uint8_t tcp_flags,
		      uint16_t len)
{
	len = bench_frame_write(rte_pktmbuf_mtod(m, uint8_t *), tuple, tcp_flags, len);
	m->data_len = len;
	m->pkt_len = len;
}
