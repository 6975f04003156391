/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Whether a new flow may be made, by the rates of its source and of its service.
 *
 * Each worker gives its part of a rate. A box's clients spread over the workers by a hash, or by the
 * device's, so what the parts add up to is the rate but for the spread's unevenness.
 */

#include "datapath/limit.h"

#include "datapath/stages.h"

struct fb_bucket *fb_limit_source(struct fb_source_bucket *sources, uint64_t key, uint32_t rate,
				  uint32_t now_ms)
{
	const size_t place = (size_t)(key >> 32) & (FB_LIMIT_SOURCES - FB_LIMIT_PER_LINE);
	struct fb_source_bucket *line = &sources[place];
	struct fb_source_bucket *give = line;

	for (struct fb_source_bucket *s = line; s < line + FB_LIMIT_PER_LINE; s++) {
		if (s->key == key)
			return &s->bucket;
		/* A place that nobody has owes nothing. */
		if (fb_bucket_owes(&s->bucket, rate, now_ms) <
		    fb_bucket_owes(&give->bucket, rate, now_ms))
			give = s;
	}
	*give = (struct fb_source_bucket){.key = key, .bucket.last_ms = now_ms};
	return &give->bucket;
}

static uint64_t prefix_key(const struct fb_worker *w, const struct fb_addr *client)
{
	const enum fb_family family = fb_addr_family(client);
	const uint32_t bits = w->dp->source_bits[family] + (family == FB_IPV4 ? 96 : 0);
	uint64_t v[2];

	memcpy(v, client->bytes, sizeof(v));
	v[0] = rte_be_to_cpu_64(v[0]);
	v[1] = rte_be_to_cpu_64(v[1]);
	if (bits <= 64) {
		v[0] &= ~UINT64_C(0) << (64 - bits);
		v[1] = 0;
	} else {
		v[1] &= ~UINT64_C(0) << (128 - bits);
	}
	return fb_hash_2(&w->dp->nat.secret, v[0], v[1]) | 1;
}

enum fb_reason fb_limit_new_flow(struct fb_worker *w, const struct fb_service *svc,
				 const struct fb_tuple *client)
{
	if (w->sources != NULL) {
		const struct fb_addr src = fb_tuple_src(client);

		if (!fb_bucket_take(fb_limit_source(w->sources, prefix_key(w, &src), w->source_rate,
						    w->now_ms),
				    w->source_rate, w->now_ms))
			return FB_REASON_SOURCE_RATE;
	}
	if (svc->limited &&
	    !fb_bucket_take(&w->service_buckets[svc->id], fb_limit_part(w->dp, svc->new_flow_rate),
			    w->now_ms))
		return FB_REASON_SERVICE_RATE;
	return FB_REASON_NONE;
}
