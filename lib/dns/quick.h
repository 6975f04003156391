/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_DNS_QUICK_H
#define FB_DNS_QUICK_H

/*
 * The question that is asked most, answered for a burst at a time: A or AAAA of a Service by its full name
 * (SERVICE.NAMESPACE.svc.DOMAIN), with or without EDNS, which has such addresses.
 *
 * Nothing here is said that dns/answer.h would not say in the same bytes (a test holds both beside each
 * other): whatever is out of the ordinary is left to it. What makes it quick: only two labels are walked, what
 * is behind them is compared as a whole; the map is followed in steps that fetch the next line for all of a
 * burst before any of it is read; records are stored from a pattern; and the answer's checksum is put
 * together from parts that are known.
 *
 * For each query of the burst, in this order: fb_dns_quick_parse(), _entry(), _service(), _answer().
 *
 * Thread: any; nothing is allocated.
 */

#include "dns/map.h"
#include "dns/zone.h"

/* Both labels of a longer key are far longer than anybody's. */
#define FB_DNS_QUICK_KEY_MAX 64

struct fb_dns_quick {
	uint64_t hash;
	const struct fb_dns_chunk *chunk;
	const struct fb_dns_service *service; /* NULL: there is none */
	uint64_t sum;                         /* of the id and the question */
	uint64_t rest;                        /* of all other bytes of the query */
	uint16_t flags;                       /* of the header, host order */
	uint16_t question_end;
	uint16_t udp_size; /* what the client takes, at least FB_DNS_UDP_MIN */
	uint8_t family;    /* enum fb_family that is asked for */
	uint8_t key_len;
	bool has_opt;
	bool dnssec_ok;
	uint64_t key[FB_DNS_QUICK_KEY_MAX / 8 + 2]; /* lower case, zeros behind it */
};

/**
 * Is it such a question?
 *
 * The sums are one's complement sums of 16-bit words as they stand in the message, not folded
 * (net/checksum.h); both together are the whole message's.
 *
 * @param ret  of use where the result is true only
 */
bool fb_dns_quick_parse(const struct fb_dns_zone *zone, const uint8_t *msg, uint32_t len,
			struct fb_dns_quick *ret);

/** The chunk's head is there: fetch the line of the entry. */
static inline void fb_dns_quick_entry(const struct fb_dns_quick *q)
{
	if (q->chunk != NULL)
		__builtin_prefetch(&q->chunk->entries[(uint32_t)q->hash & q->chunk->mask]);
}

/** The entry is there: fetch the Service's lines. Keys are compared when they are there. */
static inline void fb_dns_quick_service(struct fb_dns_quick *q)
{
	const struct fb_dns_chunk *chunk = q->chunk;

	q->service = NULL;
	if (chunk == NULL)
		return;
	/* At most half full, so there is a free one. */
	for (uint32_t i = (uint32_t)q->hash & chunk->mask; chunk->entries[i].piece != NULL;
	     i = (i + 1) & chunk->mask) {
		if (chunk->entries[i].hash == q->hash) {
			q->service = chunk->entries[i].piece;
			__builtin_prefetch(q->service);
			__builtin_prefetch((const uint8_t *)q->service + 64);
			return;
		}
	}
}

/**
 * Answer into the query's own buffer.
 *
 * @param msg      as it was parsed; has room for `most` bytes
 * @param most     bytes that the answer may have
 * @param ret_sum  the answer's sum, to be folded; untouched where the result is 0
 * @return bytes of the answer; 0: this is for fb_dns_answer(), and the buffer is as it was
 */
uint32_t fb_dns_quick_answer(const struct fb_dns_zone *zone, const struct fb_dns_quick *q,
			     uint8_t *msg, uint32_t most, uint64_t *ret_sum);

#endif
