/* SPDX-License-Identifier: BSD-3-Clause */

#include "dns/quick.h"

#include "dns/lower.h"
#include "net/checksum.h"
#include "net/wire.h"

#define LABELS_MIN     4 /* two labels of one letter */
#define TYPE_CLASS_LEN 4

static inline uint64_t load64(const uint8_t *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	return w;
}

static inline uint64_t sum_of(uint64_t w)
{
	return (w & UINT32_MAX) + (w >> 32);
}

/* What stands behind an odd number of bytes has its halves exchanged (RFC 1071, 2(B)). */
static inline uint16_t sum_at(uint32_t offset, uint64_t sum)
{
	uint16_t folded = fb_csum_fold(sum);

	return (offset & 1) != 0 ? rte_bswap16(folded) : folded;
}

/* Sum of at least 8 bytes: the last ones by a load that ends with them. */
static inline uint64_t sum_bytes(const uint8_t *p, uint32_t len)
{
	uint32_t rest = len % 8;
	uint64_t sum = 0;
	uint32_t i = 0;

	for (; i + 8 <= len; i += 8)
		sum += sum_of(load64(p + i));
	return rest == 0 ? sum : sum + sum_of(load64(p + len - 8) >> (64 - 8 * rest));
}

/* The same as fb_dns_hash() of the labels in lower case, which go to the key. */
static inline uint64_t read_key(const struct fb_hash_secret *s, const uint8_t *labels, uint32_t len,
				uint64_t *key)
{
	uint64_t h = s->k[2] ^ len;
	uint32_t rest = len % 8;
	uint32_t n = len / 8;
	uint32_t i = 0;

	/* Behind the labels are the end of the name, type and class: more than 8 bytes. */
	for (uint32_t k = 0; k <= n; k++)
		key[k] = fb_dns_load_lower(labels + 8 * (size_t)k);
	key[n] &= rest == 0 ? 0 : UINT64_MAX >> (64 - 8 * rest);
	key[n + 1] = 0;
	for (; i + 2 <= n; i += 2)
		h = fb_hash_mix(key[i] ^ s->k[0] ^ h, key[i + 1] ^ s->k[1]);
	return fb_hash_mix(fb_hash_mix(key[i] ^ s->k[0] ^ h, key[i + 1] ^ s->k[1]) ^ s->k[2],
			   s->k[3]);
}

/* Is this the end of the name, in whatever case? At least a label is before it. */
static inline bool is_tail(const struct fb_dns_zone *zone, const uint8_t *p)
{
	uint32_t len = zone->tail_len;

	for (uint32_t i = 0; i + 8 < len; i += 8) {
		if (fb_dns_load_lower(p + i) != load64(zone->tail + i))
			return false;
	}
	/* The last bytes by a load that ends with them. */
	return ((fb_dns_load_lower(p + len - 8) ^ zone->tail_end) & zone->tail_end_mask) == 0;
}

/* OPT of version 0, which is all that there is behind the question but for what it carries itself. */
static inline bool read_opt(const uint8_t *p, uint32_t len, struct fb_dns_quick *q)
{
	if (len < FB_DNS_OPT_LEN || p[0] != 0 || fb_load16(p + 1) != FB_DNS_OPT || p[6] != 0 ||
	    fb_load16(p + 9) > len - FB_DNS_OPT_LEN)
		return false;
	q->has_opt = true;
	q->dnssec_ok = (p[7] & 0x80) != 0; /* RFC 3225 */
	q->udp_size = fb_load16(p + 3);
	if (q->udp_size < FB_DNS_UDP_MIN)
		q->udp_size = FB_DNS_UDP_MIN;
	return true;
}

bool fb_dns_quick_parse(const struct fb_dns_zone *zone, const uint8_t *msg, uint32_t len,
			struct fb_dns_quick *ret)
{
	const uint8_t *name = msg + FB_DNS_HEADER_LEN;
	uint32_t behind = zone->tail_len + TYPE_CLASS_LEN;
	uint64_t counts;
	uint32_t asked;
	uint32_t key_len;
	uint32_t room;
	uint32_t end;

	if (len < FB_DNS_HEADER_LEN + LABELS_MIN + behind)
		return false;
	room = len - FB_DNS_HEADER_LEN - behind; /* for the labels before the tail */
	if (name[0] + 2u > room)
		return false;
	key_len = name[0] + 1u;
	if (name[0] - 1u >= FB_DNS_LABEL_MAX || name[key_len] - 1u >= FB_DNS_LABEL_MAX)
		return false;
	key_len += name[key_len] + 1u;
	if (key_len > room || key_len > FB_DNS_QUICK_KEY_MAX || !is_tail(zone, name + key_len))
		return false;
	end = FB_DNS_HEADER_LEN + key_len + behind;
	asked = fb_load32(msg + end - TYPE_CLASS_LEN);
	counts = load64(msg + 4);
	ret->flags = fb_load16(msg + 2);
	if ((ret->flags & (FB_DNS_FLAG_QR | FB_DNS_OPCODE_MASK)) ||
	    (asked != (FB_DNS_A << 16 | FB_DNS_CLASS_IN) &&
	     asked != (FB_DNS_AAAA << 16 | FB_DNS_CLASS_IN)))
		return false;
	ret->has_opt = false;
	ret->dnssec_ok = false;
	ret->udp_size = FB_DNS_UDP_MIN;
	/* One question, and OPT or nothing. */
	if (counts != rte_cpu_to_be_64(UINT64_C(1) << 48) &&
	    (counts != rte_cpu_to_be_64(UINT64_C(1) << 48 | 1) ||
	     !read_opt(msg + end, len - end, ret)))
		return false;
	ret->family = asked >> 16 == FB_DNS_A ? FB_IPV4 : FB_IPV6;
	ret->key_len = (uint8_t)key_len;
	ret->question_end = (uint16_t)end;
	ret->hash = read_key(&zone->secret, name, key_len, ret->key);
	ret->chunk = fb_dns_map_chunk(&zone->services, ret->hash);
	__builtin_prefetch(ret->chunk);
	ret->sum = fb_load_csum(msg) + sum_bytes(name, end - FB_DNS_HEADER_LEN);
	ret->rest = (uint64_t)fb_load_csum(msg + 2) + sum_of(counts);
	if (len != end)
		ret->rest += sum_at(end, fb_csum_add(0, msg + end, len - end));
	return true;
}

static inline bool is_asked_for(const struct fb_dns_quick *q)
{
	const uint8_t *key;

	if (q->service->key_len != q->key_len)
		return false;
	key = fb_dns_piece_at(q->service, q->service->key);
	for (uint32_t i = 0; 8 * i < q->key_len; i++) {
		if (load64(key + 8 * (size_t)i) != q->key[i])
			return false;
	}
	return true;
}

/* All addresses, from the same one on as fb_dns_answer() has it. @return their sum at an even place */
static inline uint64_t write_addrs(const struct fb_dns_zone *zone, const struct fb_dns_quick *q,
				   uint8_t *msg)
{
	const struct fb_dns_pattern *pattern = &zone->patterns[q->family];
	const uint8_t *addrs = fb_dns_piece_at(q->service, q->service->addrs[q->family]);
	uint32_t n = q->service->n_addrs[q->family];
	uint32_t k = fb_dns_first_addr(msg, n);
	uint64_t sum = n * (sum_of(pattern->begin) + pattern->end);
	uint8_t *p = msg + q->question_end;

	for (uint32_t i = 0; i < n; i++, k = k + 1 < n ? k + 1 : 0) {
		memcpy(p, &pattern->begin, 8);
		memcpy(p + 8, &pattern->end, 4);
		if (q->family == FB_IPV4) {
			uint32_t addr;

			memcpy(&addr, addrs + 4 * (size_t)k, 4);
			memcpy(p + 12, &addr, 4);
			sum += addr;
			p += 16;
		} else {
			uint64_t addr[2];

			memcpy(addr, addrs + 16 * (size_t)k, 16);
			memcpy(p + 12, addr, 16);
			sum += sum_of(addr[0]) + sum_of(addr[1]);
			p += 28;
		}
	}
	return sum;
}

static inline uint64_t write_opt(uint8_t *p, bool dnssec_ok)
{
	static const uint8_t opt[2][FB_DNS_OPT_LEN] = {
		{0, 0, FB_DNS_OPT, FB_DNS_UDP_MAX >> 8, FB_DNS_UDP_MAX & 0xff, 0, 0, 0},
		{0, 0, FB_DNS_OPT, FB_DNS_UDP_MAX >> 8, FB_DNS_UDP_MAX & 0xff, 0, 0, 0x80},
	};

	memcpy(p, opt[dnssec_ok], FB_DNS_OPT_LEN);
	return sum_of(load64(opt[dnssec_ok])); /* zeros behind */
}

uint32_t fb_dns_quick_answer(const struct fb_dns_zone *zone, const struct fb_dns_quick *q,
			     uint8_t *msg, uint32_t most, uint64_t *ret_sum)
{
	const uint32_t size = q->family == FB_IPV4 ? 16 : 28;
	uint32_t opt_len = q->has_opt ? FB_DNS_OPT_LEN : 0;
	uint64_t sum = 0;
	uint64_t head;
	uint16_t flags;
	uint32_t end;
	uint32_t n;

	/* An ExternalName has no addresses of its own. */
	if (q->service == NULL || !is_asked_for(q) || q->service->unknown ||
	    q->service->n_addrs[q->family] == 0)
		return 0;
	n = q->service->n_addrs[q->family];
	if ((uint64_t)q->question_end + (uint64_t)n * size + opt_len > most)
		return 0;
	end = q->question_end + n * size;
	sum = write_addrs(zone, q, msg);
	if (q->has_opt)
		sum += write_opt(msg + end, q->dnssec_ok);
	flags = FB_DNS_FLAG_QR | FB_DNS_FLAG_AA | (q->flags & FB_DNS_FLAGS_KEPT);
	flags |= zone->forwards ? FB_DNS_FLAG_RA : 0;
	/* Flags, one question, n answers, no authority; then what is additional. */
	head = rte_cpu_to_be_64((uint64_t)flags << 48 | UINT64_C(1) << 32 | (uint64_t)n << 16);
	memcpy(msg + 2, &head, 8);
	fb_store16(msg + 10, q->has_opt);
	*ret_sum =
		q->sum + sum_of(head) + rte_cpu_to_be_16(q->has_opt) + sum_at(q->question_end, sum);
	return end + opt_len;
}
