/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_NET_PACKET_H
#define FB_NET_PACKET_H

/*
 * Parse: what a frame is, once.
 *
 * Lengths come from the packet and are checked here and nowhere later: after FB_PARSE_SERVICE or
 * FB_PARSE_ICMP every offset below points at bytes that are there, in the first segment. Nothing
 * here knows mbufs, flows or services, so it runs over pcap files and under a fuzzer.
 *
 * Standards: RFC 791, 792, 1122 (3.2.1), 4443, 8200, 9293, 768, 9260, 826, 4861, IEEE 802.1Q.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <rte_byteorder.h>

#include "base/addr.h"
#include "net/verdict.h"

/*
 * The addressed pair as it stands in a packet, network order. It is hashed and compared as bytes,
 * so there is no padding inside. v4 is the packet's own layout: 8 bytes of IPv4 header, 4 of L4.
 */
struct fb_tuple4 {
	rte_be32_t src;
	rte_be32_t dst;
	rte_be16_t sport;
	rte_be16_t dport;
};

struct fb_tuple6 {
	uint8_t src[16];
	uint8_t dst[16];
	rte_be16_t sport;
	rte_be16_t dport;
};

_Static_assert(sizeof(struct fb_tuple4) == 12, "hashed and compared as bytes");
_Static_assert(sizeof(struct fb_tuple6) == 36, "hashed and compared as bytes");

struct fb_tuple {
	union {
		struct fb_tuple4 v4;
		struct fb_tuple6 v6;
	};
	uint8_t proto;  /* IPPROTO_TCP, _UDP or _SCTP */
	uint8_t family; /* enum fb_family */
};

/*
 * A tuple's ports are written in one word, and an IPv4 one's addresses too, as they are hashed: what is stored in
 * parts and loaded whole has to wait until it has reached the cache.
 */
static inline void fb_tuple_set_ports(struct fb_tuple *t, rte_be16_t sport, rte_be16_t dport)
{
	const uint32_t ports = sport | (uint32_t)dport << 16;

	_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the lower half comes first");
	memcpy((uint8_t *)t + (t->family == FB_IPV4 ? offsetof(struct fb_tuple4, sport)
						    : offsetof(struct fb_tuple6, sport)),
	       &ports, sizeof(ports));
}

/** Source and destination exchanged: the tuple of the packet that answers this one. */
struct fb_tuple fb_tuple_reverse(const struct fb_tuple *t);

/** The tuple of packets with which an endpoint answers whom it sees, at an address of its family. */
static inline void fb_tuple_set_answer(struct fb_tuple *t, uint8_t proto, enum fb_family family,
				       const struct fb_addr *ep, rte_be16_t ep_port_be,
				       const void *client, rte_be16_t client_port_be)
{
	t->proto = proto;
	t->family = (uint8_t)family;
	if (family == FB_IPV4) {
		rte_be32_t src;
		rte_be32_t dst;
		uint64_t addrs;

		memcpy(&src, ep->bytes + 12, sizeof(src));
		memcpy(&dst, client, sizeof(dst));
		addrs = src | (uint64_t)dst << 32;
		memcpy(&t->v4, &addrs, sizeof(addrs));
	} else {
		memcpy(t->v6.src, ep->bytes, sizeof(t->v6.src));
		memcpy(t->v6.dst, client, sizeof(t->v6.dst));
	}
	fb_tuple_set_ports(t, ep_port_be, client_port_be);
}

/** Tuple from parts; ports in network order. Control, tests and `explain`. */
struct fb_tuple fb_tuple_make(uint8_t proto, const struct fb_addr *src, rte_be16_t sport_be,
			      const struct fb_addr *dst, rte_be16_t dport_be);
struct fb_addr fb_tuple_src(const struct fb_tuple *t);
struct fb_addr fb_tuple_dst(const struct fb_tuple *t);
/** "tcp", "udp", "sctp"; "icmp" for whatever else. */
const char *fb_proto_name(uint8_t proto);
static inline rte_be16_t fb_tuple_sport(const struct fb_tuple *t)
{
	return t->family == FB_IPV4 ? t->v4.sport : t->v6.sport;
}
static inline rte_be16_t fb_tuple_dport_as(enum fb_family family, const struct fb_tuple *t)
{
	return family == FB_IPV4 ? t->v4.dport : t->v6.dport;
}
static inline rte_be16_t fb_tuple_dport(const struct fb_tuple *t)
{
	return fb_tuple_dport_as((enum fb_family)t->family, t);
}

/** One's complement sum of addresses and ports, not folded (net/checksum.h): the same in both directions. */
static inline uint64_t fb_tuple_sum(const struct fb_tuple *t)
{
	uint64_t words[4];
	uint64_t sum;

	if (t->family == FB_IPV4)
		return (uint64_t)t->v4.src + t->v4.dst + t->v4.sport + t->v4.dport;
	memcpy(words, &t->v6, sizeof(words));
	sum = (uint64_t)t->v6.sport + t->v6.dport;
	for (int i = 0; i < 4; i++)
		sum += (words[i] & UINT32_MAX) + (words[i] >> 32);
	return sum;
}

enum fb_parse {
	FB_PARSE_SERVICE,    /* whole TCP, UDP or SCTP over IP: tuple is set */
	FB_PARSE_ICMP_ECHO,  /* echo request of the packet's family; whole, checksum good */
	FB_PARSE_ICMP_ERROR, /* quotes such a packet: quote is set; checksum good */
	FB_PARSE_ARP,        /* Ethernet/IPv4 ARP, whole */
	FB_PARSE_NDP_NS,     /* neighbour solicitation, whole, hop limit 255, checksum good */
	FB_PARSE_FRAGMENT,   /* of one of these or of ICMP: addresses in tuple, ports zero */
	FB_PARSE_OTHER,      /* well-formed, not for services: the kernel may know it */
	FB_PARSE_DROP,       /* see reason */
};

/* Bits of fb_packet.flags. */
#define FB_PKT_MULTICAST      0x01 /* destination MAC has the group bit */
#define FB_PKT_VLAN           0x02 /* vlan_tci is set (from the frame or from the device) */
#define FB_PKT_IPV4_DF        0x04
#define FB_PKT_UDP_NOSUM      0x08 /* UDP checksum zero: stays zero (RFC 768) */
#define FB_PKT_FIRST_FRAGMENT 0x10 /* FB_PARSE_FRAGMENT: the one with offset zero */
#define FB_PKT_QUOTES_LATER   0x40 /* FB_PARSE_OTHER: an ICMP error about a later fragment */
#define FB_PKT_SCTP_NOSUM     0x20 /* SCTP without checksum: stays without (RFC 9653) */

/*
 * Bits of fb_packet.sctp_chunks: which of the chunks that open or end something are there. INIT and
 * ABORT are where SYN and RST are among TCP's flags, since they mean the same to a flow: so who looks
 * for a new connection or its end asks once for both protocols.
 */
#define FB_SCTP_SHUTDOWN          0x01 /* or SHUTDOWN ACK */
#define FB_SCTP_INIT              0x02
#define FB_SCTP_ABORT             0x04
#define FB_SCTP_COOKIE_ECHO       0x08
#define FB_SCTP_COOKIE_ACK        0x10
#define FB_SCTP_SHUTDOWN_COMPLETE 0x20
#define FB_SCTP_ERROR             0x40
#define FB_SCTP_INIT_ACK          0x80

/* What nobody answers who knows of no association (RFC 9260, 8.4; net/answer.h). */
#define FB_SCTP_UNANSWERED                                                                         \
	(FB_SCTP_ABORT | FB_SCTP_SHUTDOWN_COMPLETE | FB_SCTP_COOKIE_ACK | FB_SCTP_ERROR)

struct fb_packet {
	/*
	 * Both addresses of every IP packet with a sound header, as well as the final protocol;
	 * ports with FB_PARSE_SERVICE only, else zero. Bytes that the family does not use are zero.
	 */
	struct fb_tuple tuple;
	/* In the order of an IPv4 header, and then what is the same for all usual packets (net/usual.h). */
	uint8_t ttl;           /* TTL or hop limit */
	uint8_t proto;         /* final protocol after extension headers; IP packets only */
	union {
		uint8_t tcp_flags;   /* RTE_TCP_*_FLAG; TCP only */
		uint8_t sctp_chunks; /* FB_SCTP_*; SCTP only */
	};
	uint8_t flags;         /* FB_PKT_* */
	uint8_t kind;          /* enum fb_parse */
	uint8_t reason;        /* enum fb_reason, FB_PARSE_DROP only */
	uint8_t family;        /* enum fb_family; IP packets only */
	uint8_t quote_l4_len;  /* bytes of L4 present in the quote, capped at 255 (at least 8) */
	uint16_t vlan_tci;     /* host order; FB_PKT_VLAN only */
	uint16_t ether_type;   /* host order, after VLAN tags */
	uint16_t l3_off;
	uint16_t l4_off;
	union {
		uint16_t quote_l3_off; /* FB_PARSE_ICMP_ERROR */
		uint16_t l4_more; /* SCTP's first fragment: bytes of L4 that the later ones have */
	};
	uint16_t quote_l4_off;
	uint16_t l3_len_bytes; /* IPv4 total length, or 40 + IPv6 payload length */

	/* Apart from the rest and not cleared, so that the usual packet writes one cache line. */
	struct fb_tuple quote; /* FB_PARSE_ICMP_ERROR only: the quoted packet's, as quoted */
} __attribute__((aligned(64)));

_Static_assert(offsetof(struct fb_packet, quote) == 64, "what the usual packet writes is one line");

/**
 * Whether a TCP or UDP packet of this tuple gets past the parser's look at addresses and ports: for
 * whoever has a tuple and no frame (explain).
 *
 * Thread: any; pure.
 */
bool fb_tuple_is_sane(const struct fb_tuple *tuple);

/**
 * Parse a frame.
 *
 * Thread: any; pure.
 *
 * @param data       the first segment, beginning with the Ethernet header
 * @param data_len   bytes in the first segment
 * @param frame_len  bytes in the whole frame, at least data_len
 * @param ret        written but for `quote`, which is written for FB_PARSE_ICMP_ERROR only; fields
 *                   that do not apply are zero
 * @return ret->kind, for a switch at the caller
 */
enum fb_parse fb_packet_parse(const uint8_t *data, uint32_t data_len, uint32_t frame_len,
			      struct fb_packet *ret);

#endif
