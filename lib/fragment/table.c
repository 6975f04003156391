/* SPDX-License-Identifier: BSD-3-Clause */

#include "fragment/table.h"

#include <errno.h>
#include <string.h>

#include "flow/region.h"

#define NONE    UINT32_MAX
#define MAX_CAP (UINT32_C(1) << 24)

#define DUE_AT_ONCE 64 /* some 10 us: more would be felt by the packets that wait meanwhile */

#define SOURCES_PER_DATAGRAM 4 /* so that few share a counter by chance */

enum age { ALL, HOLDING, AGE_COUNT };

struct held {
	void *piece;
	uint32_t next;
};

struct source {
	uint32_t datagrams;
	uint32_t held;
};

struct list {
	uint32_t first;
	uint32_t last;
};

struct fb_fragments {
	struct fb_datagram *datagrams;
	uint32_t *index; /* place of the first datagram of a bucket; as many buckets as datagrams */
	struct held *held;
	struct source *sources;
	struct fb_fragment_limits limits;
	uint32_t source_datagrams; /* what one may have */
	uint32_t source_held;
	uint32_t n_sources;
	struct fb_hash_secret secret;
	fb_fragment_drop_fn *drop;
	void *drop_arg;
	uint32_t free_datagram;
	uint32_t free_held;
	uint32_t n_datagrams;
	uint32_t n_held;
	struct list age[AGE_COUNT];
	struct fb_region region;
};

static uint32_t share_of(uint32_t n, uint32_t percent)
{
	const uint32_t share = (uint32_t)((uint64_t)n * percent / 100);

	return share == 0 ? 1 : share;
}

struct fb_fragments *fb_fragments_create(const struct fb_fragment_limits *limits,
					 const struct fb_hash_secret *secret, int numa_node,
					 fb_fragment_drop_fn *drop, void *drop_arg)
{
	const size_t n = limits->n_datagrams;
	const size_t n_sources = n * SOURCES_PER_DATAGRAM;
	struct fb_fragments *t;
	struct fb_region region;
	int err;

	if (n == 0 || n > MAX_CAP || limits->n_held == 0 || limits->n_held > MAX_CAP) {
		errno = EINVAL;
		return NULL;
	}
	err = fb_region_map(sizeof(*t) + limits->n_held * sizeof(struct held) +
				    n_sources * sizeof(struct source) +
				    n * (sizeof(struct fb_datagram) + sizeof(uint32_t)),
			    numa_node, &region);
	if (err != 0) {
		errno = -err;
		return NULL;
	}
	t = region.base;
	t->region = region;
	t->held = (struct held *)(t + 1);
	t->sources = (struct source *)(t->held + limits->n_held);
	t->datagrams = (struct fb_datagram *)(t->sources + n_sources);
	t->index = (uint32_t *)(t->datagrams + n);
	t->limits = *limits;
	t->n_sources = (uint32_t)n_sources;
	t->source_datagrams = share_of(limits->n_datagrams, limits->percent_per_source);
	t->source_held = share_of(limits->n_held, limits->percent_per_source);
	t->secret = *secret;
	t->drop = drop;
	t->drop_arg = drop_arg;
	for (uint32_t i = 0; i < n; i++) {
		t->index[i] = NONE;
		t->datagrams[i].place_next = i + 1 < n ? i + 1 : NONE;
	}
	for (uint32_t i = 0; i < limits->n_held; i++)
		t->held[i].next = i + 1 < limits->n_held ? i + 1 : NONE;
	for (int age = 0; age < AGE_COUNT; age++)
		t->age[age] = (struct list){NONE, NONE};
	return t;
}

void fb_fragments_free(struct fb_fragments *t)
{
	struct fb_region region;

	if (t == NULL)
		return;
	region = t->region; /* the table lies in it */
	fb_region_unmap(&region);
}

static uint64_t hash_addr(const struct fb_hash_secret *s, const struct fb_addr *a)
{
	uint64_t w[2];

	memcpy(w, a->bytes, sizeof(w));
	return fb_hash_mix(w[0] ^ s->k[0], w[1] ^ s->k[1]);
}

uint32_t fb_fragments_hash(const struct fb_hash_secret *secret, const struct fb_fragment_key *key)
{
	const uint64_t rest = (uint64_t)key->id << 32 | (uint64_t)key->proto << 8 | key->family;

	return (uint32_t)(fb_hash_2(secret, hash_addr(secret, &key->src),
				    fb_hash_mix(hash_addr(secret, &key->dst), secret->k[2]) ^
					    rest) >>
			  32);
}

/* Which worker a datagram comes to is the same hash's: within one worker its high bits are alike. */
static uint32_t *bucket_of(const struct fb_fragments *t, const struct fb_fragment_key *key)
{
	const uint64_t hash = fb_hash_2(&t->secret, fb_fragments_hash(&t->secret, key), 1);

	return &t->index[fb_hash_reduce((uint32_t)hash, t->limits.n_datagrams)];
}

static uint32_t place_of(const struct fb_fragments *t, const struct fb_datagram *d)
{
	return (uint32_t)(d - t->datagrams);
}

static void append(struct fb_fragments *t, struct fb_datagram *d, enum age age)
{
	struct list *l = &t->age[age];

	d->next[age] = NONE;
	d->previous[age] = l->last;
	if (l->last != NONE)
		t->datagrams[l->last].next[age] = place_of(t, d);
	else
		l->first = place_of(t, d);
	l->last = place_of(t, d);
}

static void unlink_age(struct fb_fragments *t, struct fb_datagram *d, enum age age)
{
	struct list *l = &t->age[age];

	if (d->previous[age] != NONE)
		t->datagrams[d->previous[age]].next[age] = d->next[age];
	else
		l->first = d->next[age];
	if (d->next[age] != NONE)
		t->datagrams[d->next[age]].previous[age] = d->previous[age];
	else
		l->last = d->previous[age];
}

uint32_t fb_fragments_release(struct fb_fragments *t, struct fb_datagram *d,
			      void *ret[FB_FRAGMENT_MAX_HELD])
{
	const uint32_t n = d->n_held;
	uint32_t at = d->held_first;

	if (n == 0)
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		struct held *h = &t->held[at];
		const uint32_t next = h->next;

		ret[i] = h->piece;
		h->next = t->free_held;
		t->free_held = at;
		at = next;
	}
	unlink_age(t, d, HOLDING);
	d->n_held = 0;
	t->n_held -= n;
	t->sources[d->source].held -= n;
	return n;
}

static void drop_held(struct fb_fragments *t, struct fb_datagram *d, enum fb_reason reason)
{
	void *pieces[FB_FRAGMENT_MAX_HELD];
	const uint32_t n = fb_fragments_release(t, d, pieces);

	for (uint32_t i = 0; i < n; i++)
		t->drop(t->drop_arg, pieces[i], reason);
}

static void forget(struct fb_fragments *t, struct fb_datagram *d, enum fb_reason reason)
{
	uint32_t *at = bucket_of(t, &d->key);

	drop_held(t, d, reason);
	while (*at != place_of(t, d))
		at = &t->datagrams[*at].place_next;
	*at = d->place_next;
	unlink_age(t, d, ALL);
	t->sources[d->source].datagrams--;
	d->place_next = t->free_datagram;
	t->free_datagram = place_of(t, d);
	t->n_datagrams--;
}

static struct fb_datagram *find(const struct fb_fragments *t, const struct fb_fragment_key *key)
{
	for (uint32_t at = *bucket_of(t, key); at != NONE; at = t->datagrams[at].place_next)
		if (memcmp(&t->datagrams[at].key, key, sizeof(*key)) == 0)
			return &t->datagrams[at];
	return NULL;
}

static enum fb_reason insert(struct fb_fragments *t, const struct fb_fragment_key *key,
			     uint32_t now_ms, struct fb_datagram **ret)
{
	const uint64_t hash = fb_hash_2(&t->secret, hash_addr(&t->secret, &key->src), key->family);
	const uint32_t source = fb_hash_reduce((uint32_t)(hash >> 32), t->n_sources);
	uint32_t *bucket = bucket_of(t, key);
	struct fb_datagram *d;

	if (t->sources[source].datagrams >= t->source_datagrams)
		return FB_REASON_FRAGMENT_SOURCE;
	if (t->free_datagram == NONE)
		forget(t, &t->datagrams[t->age[ALL].first], FB_REASON_FRAGMENT_FULL);
	d = &t->datagrams[t->free_datagram];
	t->free_datagram = d->place_next;
	memset(d, 0, offsetof(struct fb_datagram, ranges));
	d->key = *key;
	d->fresh = true;
	d->begin_ms = now_ms;
	d->source = source;
	d->place_next = *bucket;
	*bucket = place_of(t, d);
	append(t, d, ALL);
	t->sources[source].datagrams++;
	t->n_datagrams++;
	*ret = d;
	return FB_REASON_NONE;
}

/*
 * Note the bytes [begin, end). Stretches that touch become one, so that pieces in order need one stretch.
 * What is there in whole is an echo of a piece; what is there in part is no accident.
 */
static enum fb_reason add_range(struct fb_datagram *d, uint32_t begin, uint32_t end)
{
	uint32_t at = 0;
	bool joins_before;
	bool joins_behind;

	while (at < d->n_ranges && d->ranges[at].end < begin)
		at++;
	/* Stretch `at` ends at begin or behind it, if there is one. */
	joins_before = at < d->n_ranges && d->ranges[at].end == begin;
	if (at < d->n_ranges && !joins_before && d->ranges[at].begin < end) {
		d->spoilt = d->ranges[at].begin > begin || d->ranges[at].end < end;
		return FB_REASON_FRAGMENT_OVERLAP;
	}
	if (joins_before && at + 1u < d->n_ranges && d->ranges[at + 1].begin < end) {
		d->spoilt = true;
		return FB_REASON_FRAGMENT_OVERLAP;
	}
	if (joins_before) {
		d->ranges[at].end = (uint16_t)end;
		joins_behind = at + 1u < d->n_ranges && d->ranges[at + 1].begin == end;
		if (!joins_behind)
			return FB_REASON_NONE;
		d->ranges[at].end = d->ranges[at + 1].end;
		d->n_ranges--;
		memmove(&d->ranges[at + 1], &d->ranges[at + 2],
			(d->n_ranges - at - 1) * sizeof(d->ranges[0]));
		return FB_REASON_NONE;
	}
	if (at < d->n_ranges && d->ranges[at].begin == end) {
		d->ranges[at].begin = (uint16_t)begin;
		return FB_REASON_NONE;
	}
	if (d->n_ranges == FB_FRAGMENT_MAX_RANGES)
		return FB_REASON_FRAGMENT_FULL;
	memmove(&d->ranges[at + 1], &d->ranges[at], (d->n_ranges - at) * sizeof(d->ranges[0]));
	d->ranges[at].begin = (uint16_t)begin;
	d->ranges[at].end = (uint16_t)end;
	d->n_ranges++;
	return FB_REASON_NONE;
}

/* Two ends, or bytes behind the end. */
static bool contradicts_end(const struct fb_datagram *d, uint32_t end, bool more)
{
	const uint32_t seen_end = d->n_ranges == 0 ? 0 : d->ranges[d->n_ranges - 1].end;

	if (d->total_len != 0)
		return more ? end >= d->total_len : end != d->total_len;
	return !more && seen_end > end;
}

enum fb_reason fb_fragments_note(struct fb_fragments *t, const struct fb_fragment_key *key,
				 uint16_t offset, uint16_t len, bool more, uint32_t now_ms,
				 struct fb_datagram **ret)
{
	const uint32_t end = (uint32_t)offset + len;
	struct fb_datagram *d = find(t, key);
	enum fb_reason reason;

	if (d == NULL) {
		reason = insert(t, key, now_ms, &d);
		if (reason != FB_REASON_NONE)
			return reason;
	}
	if (d->spoilt)
		return FB_REASON_FRAGMENT_OVERLAP;
	if (contradicts_end(d, end, more)) {
		d->spoilt = true;
		reason = FB_REASON_FRAGMENT_OVERLAP;
	} else {
		reason = add_range(d, offset, end);
	}
	if (d->spoilt)
		drop_held(t, d, FB_REASON_FRAGMENT_OVERLAP);
	if (reason != FB_REASON_NONE)
		return reason;
	d->seen_len += len;
	if (!more)
		d->total_len = end;
	*ret = d;
	return FB_REASON_NONE;
}

enum fb_reason fb_fragments_hold(struct fb_fragments *t, struct fb_datagram *d, void *piece)
{
	struct source *source = &t->sources[d->source];
	uint32_t at;

	if (source->held >= t->source_held)
		return FB_REASON_FRAGMENT_SOURCE;
	if (d->n_held == FB_FRAGMENT_MAX_HELD)
		return FB_REASON_FRAGMENT_FULL;
	if (t->free_held == NONE) {
		struct fb_datagram *oldest = &t->datagrams[t->age[HOLDING].first];

		if (oldest == d)
			return FB_REASON_FRAGMENT_FULL;
		drop_held(t, oldest, FB_REASON_FRAGMENT_FULL);
	}
	at = t->free_held;
	t->free_held = t->held[at].next;
	t->held[at] = (struct held){.piece = piece, .next = NONE};
	if (d->n_held == 0) {
		d->held_first = at;
		append(t, d, HOLDING);
	} else {
		t->held[d->held_last].next = at;
	}
	d->held_last = at;
	d->n_held++;
	t->n_held++;
	source->held++;
	return FB_REASON_NONE;
}

void fb_fragments_done(struct fb_fragments *t, struct fb_datagram *d)
{
	if (d->total_len != 0 && d->seen_len == d->total_len && d->n_held == 0)
		forget(t, d, FB_REASON_FRAGMENT_TIMEOUT);
}

void fb_fragments_expire(struct fb_fragments *t, uint32_t now_ms)
{
	for (int n = 0; n < DUE_AT_ONCE && t->age[ALL].first != NONE; n++) {
		struct fb_datagram *oldest = &t->datagrams[t->age[ALL].first];

		if ((int32_t)(now_ms - oldest->begin_ms) <= (int32_t)t->limits.timeout_ms)
			return;
		forget(t, oldest, FB_REASON_FRAGMENT_TIMEOUT);
	}
}

void fb_fragments_flush(struct fb_fragments *t)
{
	while (t->age[ALL].first != NONE)
		forget(t, &t->datagrams[t->age[ALL].first], FB_REASON_FRAGMENT_TIMEOUT);
}

uint32_t fb_fragments_n_datagrams(const struct fb_fragments *t)
{
	return t->n_datagrams;
}

uint32_t fb_fragments_n_held(const struct fb_fragments *t)
{
	return t->n_held;
}
