/* SPDX-License-Identifier: BSD-3-Clause */

#include "dns/message.h"

#include <string.h>

#include "dns/lower.h"
#include "net/wire.h"

/* A query has one question, and few carry more than OPT behind it (TSIG would be one). */
#define ADDITIONAL_MAX 4

#define POINTER 0xc0 /* RFC 1035, 4.1.4: both bits; one alone is nothing */

#define OPT_DNSSEC_OK 0x8000 /* RFC 3225 */

static void copy_lower(uint8_t *to, const uint8_t *from, uint32_t len)
{
	uint64_t w;
	uint32_t i = 0;

	for (; i + 8 <= len; i += 8) {
		memcpy(&w, from + i, 8);
		w = fb_dns_lower(w);
		memcpy(to + i, &w, 8);
	}
	if (i == len)
		return;
	w = 0;
	memcpy(&w, from + i, len - i);
	w = fb_dns_lower(w);
	memcpy(to + i, &w, 8); /* names have room up to a multiple of 8 */
}

_Static_assert(sizeof(((struct fb_dns_name *)0)->bytes) % 8 == 0, "copied 8 bytes at a time");

uint32_t fb_dns_name_read(const uint8_t *bytes, uint32_t len, struct fb_dns_name *ret)
{
	uint32_t most = len < FB_DNS_NAME_MAX ? len : FB_DNS_NAME_MAX;
	uint32_t n_labels = 0;
	uint32_t at = 0;

	for (;;) {
		uint32_t label;

		if (at >= most)
			return 0;
		label = bytes[at];
		ret->offsets[n_labels] = (uint8_t)at;
		if (label == 0)
			break;
		if (label > FB_DNS_LABEL_MAX)
			return 0;
		at += 1 + label;
		n_labels++;
	}
	at++;
	ret->n_labels = (uint8_t)n_labels;
	ret->len = (uint8_t)at;
	copy_lower(ret->bytes, bytes, at);
	return at;
}

uint32_t fb_dns_name_expand(const uint8_t *msg, uint32_t len, uint32_t at, uint8_t *out,
			    uint32_t *ret_len)
{
	uint32_t end = 0; /* behind the name where it began; set by the first pointer */
	uint32_t least = at;
	uint32_t n = 0;

	for (;;) {
		uint32_t label;

		if (at >= len)
			return 0;
		label = msg[at];
		if ((label & POINTER) == POINTER) {
			uint32_t to;

			if (at + 2 > len)
				return 0;
			to = fb_load16(msg + at) & 0x3fff;
			if (end == 0)
				end = at + 2;
			/* Each pointer points before all that was read: so it ends. */
			if (to >= least)
				return 0;
			least = to;
			at = to;
			continue;
		}
		if (label > FB_DNS_LABEL_MAX || at + 1 + label > len ||
		    n + 1 + label > FB_DNS_NAME_MAX)
			return 0;
		memcpy(out + n, msg + at, 1 + label);
		n += 1 + label;
		at += 1 + label;
		if (label == 0)
			break;
	}
	*ret_len = n;
	return end != 0 ? end : at;
}

uint32_t fb_dns_name_from_text(const char *text, uint8_t *out)
{
	uint32_t at = 0;

	if (strcmp(text, ".") == 0)
		text++;
	while (*text != '\0') {
		size_t label = strcspn(text, ".");

		/* Room for the root, which comes last. */
		if (label == 0 || label > FB_DNS_LABEL_MAX || at + 1 + label + 1 > FB_DNS_NAME_MAX)
			return 0;
		out[at] = (uint8_t)label;
		memcpy(out + at + 1, text, label);
		at += 1 + (uint32_t)label;
		text += label;
		text += *text == '.';
	}
	out[at] = 0;
	return at + 1;
}

bool fb_dns_name_is_under(const struct fb_dns_name *name, const struct fb_dns_name *zone)
{
	uint32_t from;

	if (name->n_labels < zone->n_labels)
		return false;
	from = name->offsets[name->n_labels - zone->n_labels];
	return name->len - from == zone->len &&
	       memcmp(name->bytes + from, zone->bytes, zone->len) == 0;
}

/* One record behind the question. @return offset behind it, or 0 */
static uint32_t read_additional(const uint8_t *msg, uint32_t len, uint32_t at,
				struct fb_dns_query *q)
{
	uint8_t name[FB_DNS_NAME_MAX];
	uint32_t name_len;
	uint32_t fixed;
	uint32_t end;

	/* OPT belongs to the root, and is what there is: no need to expand that. */
	fixed = at < len && msg[at] == 0 ? at + 1
					 : fb_dns_name_expand(msg, len, at, name, &name_len);
	if (fixed == 0 || fixed + 10 > len)
		return 0;
	end = fixed + 10 + fb_load16(msg + fixed + 8);
	if (end > len)
		return 0;
	if (fb_load16(msg + fixed) != FB_DNS_OPT)
		return end;
	if (q->has_opt || msg[at] != 0) /* RFC 6891, 6.1.1 */
		return 0;
	q->has_opt = true;
	q->udp_size = fb_load16(msg + fixed + 2);
	if (q->udp_size < FB_DNS_UDP_MIN)
		q->udp_size = FB_DNS_UDP_MIN;
	q->dnssec_ok = (fb_load16(msg + fixed + 6) & OPT_DNSSEC_OK) != 0;
	if (msg[fixed + 5] != 0) /* a version of EDNS that is not 0 */
		q->rcode = FB_DNS_BADVERS;
	return end;
}

static enum fb_dns_kind bad(struct fb_dns_query *q, enum fb_dns_rcode rcode)
{
	q->rcode = (uint8_t)rcode;
	return FB_DNS_QUERY_BAD;
}

enum fb_dns_kind fb_dns_query_parse(const uint8_t *msg, uint32_t len, struct fb_dns_query *ret)
{
	uint32_t n_additional;
	uint32_t at;

	if (len < FB_DNS_HEADER_LEN)
		return FB_DNS_NO_QUERY;
	ret->flags = fb_load16(msg + 2);
	if (ret->flags & FB_DNS_FLAG_QR)
		return FB_DNS_NO_QUERY;
	ret->type = 0;
	ret->class_ = 0;
	ret->question_end = FB_DNS_HEADER_LEN;
	ret->udp_size = FB_DNS_UDP_MIN;
	ret->rcode = FB_DNS_NOERROR;
	ret->has_opt = false;
	ret->dnssec_ok = false;
	if (ret->flags & FB_DNS_OPCODE_MASK)
		return bad(ret, FB_DNS_NOTIMP);
	n_additional = fb_load16(msg + 10);
	/* One question and nothing that only answers and transfers have. */
	if (fb_load16(msg + 4) != 1 || fb_load32(msg + 6) != 0 || n_additional > ADDITIONAL_MAX)
		return bad(ret, FB_DNS_FORMERR);
	at = fb_dns_name_read(msg + FB_DNS_HEADER_LEN, len - FB_DNS_HEADER_LEN, &ret->name);
	if (at == 0 || FB_DNS_HEADER_LEN + at + 4 > len)
		return bad(ret, FB_DNS_FORMERR);
	at += FB_DNS_HEADER_LEN;
	ret->type = fb_load16(msg + at);
	ret->class_ = fb_load16(msg + at + 2);
	at += 4;
	ret->question_end = (uint16_t)at;
	for (uint32_t i = 0; i < n_additional; i++) {
		at = read_additional(msg, len, at, ret);
		if (at == 0) {
			/* Whatever was read of it is not to be believed. */
			ret->has_opt = false;
			ret->udp_size = FB_DNS_UDP_MIN;
			return bad(ret, FB_DNS_FORMERR);
		}
	}
	return ret->rcode == FB_DNS_NOERROR ? FB_DNS_QUERY_GOOD : FB_DNS_QUERY_BAD;
}
