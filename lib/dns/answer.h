/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_DNS_ANSWER_H
#define FB_DNS_ANSWER_H

/*
 * From a query and the zone to the answer, in the query's own buffer.
 *
 * The same function serves workers (UDP, in the mbuf) and control (UDP and TCP, on the twin). It writes
 * what CoreDNS' kubernetes plugin would: names of Services, hosts, ports and addresses; NXDOMAIN and
 * NODATA with SOA; an ExternalName inside the zone with what it leads to.
 *
 * Thread: any; nothing is allocated.
 */

#include "dns/message.h"
#include "dns/zone.h"

enum fb_dns_verdict {
	FB_DNS_ANSWER,  /* the answer is in the buffer */
	FB_DNS_FORWARD, /* somebody else has to be asked; the buffer is as it was */
};

/* Whom to ask; of FB_DNS_FORWARD. */
struct fb_dns_chase {
	const uint8_t *target; /* wire name of an ExternalName, in the zone; NULL: what was asked */
	uint32_t target_len;
};

/** How long an answer over UDP may be: the client's size, within what is never in fragments. */
static inline uint32_t fb_dns_udp_most(const struct fb_dns_query *q)
{
	return q->udp_size < FB_DNS_UDP_MAX ? q->udp_size : FB_DNS_UDP_MAX;
}

/**
 * Answer a query that was parsed as FB_DNS_QUERY_GOOD or FB_DNS_QUERY_BAD.
 *
 * Cost of an A record: a chunk's line, and two or three of the Service's piece.
 *
 * @param msg       begins with the query; may be written up to `most`
 * @param most      bytes that the answer may have, at least FB_DNS_UDP_MIN; what does not fit is left out,
 *                  and the answer says so (TC)
 * @param ret_len   bytes of the answer; FB_DNS_ANSWER only
 * @param ret_chase FB_DNS_FORWARD only; may be NULL
 */
enum fb_dns_verdict fb_dns_answer(const struct fb_dns_zone *zone, const struct fb_dns_query *q,
				  uint8_t *msg, uint32_t most, uint32_t *ret_len,
				  struct fb_dns_chase *ret_chase);

/**
 * The answer about an ExternalName whose target a resolver was asked for: the CNAME, and the CNAME, A and
 * AAAA records of the resolver's answer.
 *
 * @param msg       begins with the query (as of fb_dns_answer())
 * @param upstream  the resolver's answer: hostile until parsed
 * @return bytes of the answer, or 0: the name leads elsewhere by now, or upstream makes no sense
 */
uint32_t fb_dns_answer_chased(const struct fb_dns_zone *zone, const struct fb_dns_query *q,
			      uint8_t *msg, uint32_t most, const uint8_t *upstream,
			      uint32_t upstream_len);

/** An answer without records, such as SERVFAIL. @return its bytes */
uint32_t fb_dns_answer_error(const struct fb_dns_zone *zone, const struct fb_dns_query *q,
			     uint8_t *msg, enum fb_dns_rcode rcode);

/** A foreign answer that is too long for the client: the question alone, with TC. @return its bytes */
uint32_t fb_dns_answer_truncated(const struct fb_dns_zone *zone, const struct fb_dns_query *q,
				 uint8_t *msg);

#endif
