/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <errno.h>
#include <string.h>

#include "fragment/table.h"

#define N_DATAGRAMS 16
#define N_HELD      12
#define TIMEOUT_MS  2000

/* What was dropped, by reason; pieces are numbers. */
static uint32_t dropped[FB_REASON_COUNT];
static uintptr_t dropped_last;

static void drop(void *arg, void *piece, enum fb_reason reason)
{
	assert_ptr_equal(arg, dropped);
	dropped[reason]++;
	dropped_last = (uintptr_t)piece;
}

static struct fb_fragments *create(uint32_t percent)
{
	const struct fb_fragment_limits limits = {N_DATAGRAMS, N_HELD, percent, TIMEOUT_MS};
	struct fb_hash_secret secret;
	struct fb_fragments *t;

	memset(dropped, 0, sizeof(dropped));
	fb_hash_secret_init(&secret, "test");
	t = fb_fragments_create(&limits, &secret, -1, drop, dropped);
	assert_non_null(t);
	return t;
}

static struct fb_fragment_key key_of(uint8_t source, uint32_t id)
{
	struct fb_fragment_key key = {.id = id, .proto = 17, .family = FB_IPV4};
	const uint8_t src[4] = {192, 0, 2, source};
	const uint8_t dst[4] = {203, 0, 113, 1};

	key.src = fb_addr_from_bytes(FB_IPV4, src);
	key.dst = fb_addr_from_bytes(FB_IPV4, dst);
	return key;
}

static enum fb_reason note(struct fb_fragments *t, const struct fb_fragment_key *key,
			   uint32_t begin, uint32_t end, bool more, struct fb_datagram **ret)
{
	return fb_fragments_note(t, key, (uint16_t)begin, (uint16_t)(end - begin), more, 0, ret);
}

static void *piece(uintptr_t n)
{
	return (void *)n;
}

static void what_the_caller_wrote_is_there_with_the_next_piece(void **state)
{
	struct fb_fragments *t = create(100);
	struct fb_fragment_key key = key_of(1, 7);
	struct fb_datagram *d;

	(void)state;
	assert_int_equal(note(t, &key, 0, 800, true, &d), FB_REASON_NONE);
	assert_true(d->fresh);
	assert_int_equal(d->ports_be, 0);
	d->fresh = false;
	d->ports_be = 0x1234;
	assert_int_equal(note(t, &key, 800, 1600, true, &d), FB_REASON_NONE);
	assert_false(d->fresh);
	assert_int_equal(d->ports_be, 0x1234);
	assert_int_equal(d->total_len, 0);
	assert_int_equal(note(t, &key, 1600, 1700, false, &d), FB_REASON_NONE);
	assert_int_equal(d->total_len, 1700);
	assert_int_equal(fb_fragments_n_datagrams(t), 1);
	fb_fragments_done(t, d);
	assert_int_equal(fb_fragments_n_datagrams(t), 0);
	/* The same identification is a new datagram now. */
	assert_int_equal(note(t, &key, 0, 800, true, &d), FB_REASON_NONE);
	assert_true(d->fresh);
	assert_int_equal(d->ports_be, 0);
	fb_fragments_free(t);
}

/* Differing in any one part of the key makes another datagram. */
static void datagrams_are_told_apart(void **state)
{
	struct fb_fragments *t = create(100);
	struct fb_fragment_key keys[6];
	struct fb_datagram *d;

	(void)state;
	for (int i = 0; i < 6; i++)
		keys[i] = key_of(1, 7);
	keys[1].src.bytes[15]++;
	keys[2].dst.bytes[15]++;
	keys[3].id++;
	keys[4].proto++;
	keys[5].family = FB_IPV6;
	for (uint32_t i = 0; i < 6; i++) {
		assert_int_equal(note(t, &keys[i], 0, 8, true, &d), FB_REASON_NONE);
		assert_true(d->fresh);
		d->ports_be = i + 1;
	}
	for (uint32_t i = 0; i < 6; i++) {
		assert_int_equal(note(t, &keys[i], 8, 16, true, &d), FB_REASON_NONE);
		assert_int_equal(d->ports_be, i + 1);
	}
	fb_fragments_free(t);
}

/* A map of the bytes, one by one, is the slow twin. */
static void overlaps_are_found_in_any_order(void **state)
{
	struct fb_fragments *t = create(100);
	uint32_t seed = 1;
	uint32_t id = 0;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		struct fb_fragment_key key = key_of(1, ++id);
		bool seen[64] = {false};
		bool spoilt = false;
		struct fb_datagram *d;

		for (int k = 0; k < 20; k++) {
			uint32_t begin;
			uint32_t len;
			uint32_t hits = 0;
			enum fb_reason reason;

			seed = seed * 1664525 + 1013904223;
			begin = (seed >> 8) % 56;
			len = 1 + (seed >> 20) % 8;
			for (uint32_t i = begin; i < begin + len; i++)
				hits += seen[i];
			reason = note(t, &key, begin, begin + len, true, &d);
			if (spoilt || hits != 0) {
				assert_int_equal(reason, FB_REASON_FRAGMENT_OVERLAP);
				spoilt |= hits != len;
				continue;
			}
			assert_int_equal(reason, FB_REASON_NONE);
			for (uint32_t i = begin; i < begin + len; i++)
				seen[i] = true;
		}
		fb_fragments_flush(t);
	}
	fb_fragments_free(t);
}

static void all_of_a_datagram_is_all_of_it_in_any_order(void **state)
{
	struct fb_fragments *t = create(100);
	uint32_t seed = 5;

	(void)state;
	for (uint32_t round = 0; round < 500; round++) {
		struct fb_fragment_key key = key_of(1, round);
		uint32_t order[48];

		for (uint32_t i = 0; i < 48; i++) {
			uint32_t at;

			seed = seed * 1664525 + 1013904223;
			at = (seed >> 8) % (i + 1);
			order[i] = order[at];
			order[at] = i;
		}
		for (uint32_t i = 0; i < 48; i++) {
			struct fb_datagram *d;

			assert_int_equal(note(t, &key, order[i] * 8, order[i] * 8 + 8,
					      order[i] != 47, &d),
					 FB_REASON_NONE);
			fb_fragments_done(t, d);
			assert_int_equal(fb_fragments_n_datagrams(t), i < 47);
		}
	}
	fb_fragments_free(t);
}

static void gaps_are_bounded(void **state)
{
	struct fb_fragments *t = create(100);
	struct fb_fragment_key key = key_of(1, 1);
	struct fb_datagram *d;

	(void)state;
	for (uint32_t i = 0; i < FB_FRAGMENT_MAX_RANGES; i++)
		assert_int_equal(note(t, &key, i * 16, i * 16 + 8, true, &d), FB_REASON_NONE);
	assert_int_equal(note(t, &key, 4096, 4104, true, &d), FB_REASON_FRAGMENT_FULL);
	/* What fills a gap needs no room, and makes some. */
	assert_int_equal(note(t, &key, 8, 16, true, &d), FB_REASON_NONE);
	assert_int_equal(note(t, &key, 4096, 4104, true, &d), FB_REASON_NONE);
	fb_fragments_free(t);
}

static void two_ends_contradict_each_other(void **state)
{
	struct fb_fragments *t = create(100);
	struct fb_fragment_key key = key_of(1, 1);
	struct fb_fragment_key other = key_of(1, 2);
	struct fb_fragment_key third = key_of(1, 3);
	struct fb_datagram *d;

	(void)state;
	assert_int_equal(note(t, &key, 80, 90, false, &d), FB_REASON_NONE);
	assert_int_equal(note(t, &key, 160, 170, false, &d), FB_REASON_FRAGMENT_OVERLAP);
	assert_int_equal(note(t, &key, 0, 8, true, &d), FB_REASON_FRAGMENT_OVERLAP);
	assert_int_equal(note(t, &other, 160, 168, true, &d), FB_REASON_NONE);
	assert_int_equal(note(t, &other, 80, 90, false, &d), FB_REASON_FRAGMENT_OVERLAP);
	/* More to come, but nothing can be behind the end. */
	assert_int_equal(note(t, &third, 80, 88, false, &d), FB_REASON_NONE);
	assert_int_equal(note(t, &third, 72, 88, true, &d), FB_REASON_FRAGMENT_OVERLAP);
	fb_fragments_free(t);
}

static void what_waits_comes_back_in_its_order(void **state)
{
	struct fb_fragments *t = create(100);
	struct fb_fragment_key key = key_of(1, 1);
	void *pieces[FB_FRAGMENT_MAX_HELD];
	struct fb_datagram *d;

	(void)state;
	for (uintptr_t i = 1; i <= 3; i++) {
		assert_int_equal(note(t, &key, (uint32_t)i * 8, (uint32_t)i * 8 + 8, true, &d),
				 FB_REASON_NONE);
		assert_int_equal(fb_fragments_hold(t, d, piece(i)), FB_REASON_NONE);
	}
	assert_int_equal(fb_fragments_n_held(t), 3);
	assert_int_equal(fb_fragments_release(t, d, pieces), 3);
	for (uintptr_t i = 0; i < 3; i++)
		assert_ptr_equal(pieces[i], piece(i + 1));
	assert_int_equal(fb_fragments_n_held(t), 0);
	assert_int_equal(fb_fragments_release(t, d, pieces), 0);
	fb_fragments_free(t);
}

static void what_overlaps_drops_what_waits(void **state)
{
	struct fb_fragments *t = create(100);
	struct fb_fragment_key key = key_of(1, 1);
	struct fb_datagram *d;

	(void)state;
	assert_int_equal(note(t, &key, 8, 24, true, &d), FB_REASON_NONE);
	assert_int_equal(fb_fragments_hold(t, d, piece(1)), FB_REASON_NONE);
	assert_int_equal(note(t, &key, 16, 32, true, &d), FB_REASON_FRAGMENT_OVERLAP);
	assert_int_equal(dropped[FB_REASON_FRAGMENT_OVERLAP], 1);
	assert_int_equal(fb_fragments_n_held(t), 0);
	fb_fragments_free(t);
}

static void time_ends_a_datagram_and_what_waits(void **state)
{
	const uint32_t begin_ms = UINT32_MAX - 500; /* wraps on the way */
	struct fb_fragments *t = create(100);
	struct fb_fragment_key key = key_of(1, 1);
	struct fb_fragment_key later = key_of(1, 2);
	struct fb_datagram *d;

	(void)state;
	assert_int_equal(fb_fragments_note(t, &key, 8, 8, true, begin_ms, &d), FB_REASON_NONE);
	assert_int_equal(fb_fragments_hold(t, d, piece(1)), FB_REASON_NONE);
	assert_int_equal(fb_fragments_note(t, &later, 8, 8, true, begin_ms + 1000, &d),
			 FB_REASON_NONE);
	/* From the first piece on, whatever comes later. */
	assert_int_equal(fb_fragments_note(t, &key, 16, 8, true, begin_ms + 1900, &d),
			 FB_REASON_NONE);
	fb_fragments_expire(t, begin_ms + TIMEOUT_MS);
	assert_int_equal(fb_fragments_n_datagrams(t), 2);
	fb_fragments_expire(t, begin_ms + TIMEOUT_MS + 1);
	assert_int_equal(fb_fragments_n_datagrams(t), 1);
	assert_int_equal(dropped[FB_REASON_FRAGMENT_TIMEOUT], 1);
	assert_int_equal(fb_fragments_n_held(t), 0);
	fb_fragments_expire(t, begin_ms + 1000 + TIMEOUT_MS + 1);
	assert_int_equal(fb_fragments_n_datagrams(t), 0);
	fb_fragments_free(t);
}

static void the_oldest_makes_room(void **state)
{
	struct fb_fragments *t = create(100);
	struct fb_fragment_key key;
	struct fb_datagram *d;

	(void)state;
	for (uint32_t i = 0; i < N_DATAGRAMS + 1; i++) {
		key = key_of((uint8_t)i, i);
		assert_int_equal(note(t, &key, 8, 16, true, &d), FB_REASON_NONE);
		if (i == 0)
			assert_int_equal(fb_fragments_hold(t, d, piece(77)), FB_REASON_NONE);
		assert_int_equal(dropped[FB_REASON_FRAGMENT_FULL], i == N_DATAGRAMS);
	}
	assert_int_equal(fb_fragments_n_datagrams(t), N_DATAGRAMS);
	assert_int_equal(dropped_last, 77);
	key = key_of(1, 1);
	assert_int_equal(note(t, &key, 16, 24, true, &d), FB_REASON_NONE);
	assert_int_equal(d->seen_len, 16); /* still known */
	fb_fragments_free(t);
}

static void the_oldest_that_waits_makes_room(void **state)
{
	struct fb_fragments *t = create(100);
	struct fb_fragment_key key;
	struct fb_datagram *d;

	(void)state;
	for (uint32_t i = 0; i <= N_HELD; i++) {
		key = key_of((uint8_t)i, i);
		assert_int_equal(note(t, &key, 8, 16, true, &d), FB_REASON_NONE);
		assert_int_equal(fb_fragments_hold(t, d, piece(i + 100)), FB_REASON_NONE);
	}
	assert_int_equal(fb_fragments_n_held(t), N_HELD);
	assert_int_equal(dropped[FB_REASON_FRAGMENT_FULL], 1);
	assert_int_equal(dropped_last, 100);
	fb_fragments_flush(t);
	assert_int_equal(fb_fragments_n_held(t), 0);
	assert_int_equal(fb_fragments_n_datagrams(t), 0);
	assert_int_equal(dropped[FB_REASON_FRAGMENT_TIMEOUT], N_HELD);
	fb_fragments_free(t);
}

static void one_datagram_does_not_push_itself_out(void **state)
{
	struct fb_fragments *t = create(100);
	struct fb_fragment_key key = key_of(1, 1);
	struct fb_datagram *d;

	(void)state;
	for (uint32_t i = 0; i < N_HELD; i++) {
		assert_int_equal(note(t, &key, i * 8 + 8, i * 8 + 16, true, &d), FB_REASON_NONE);
		assert_int_equal(fb_fragments_hold(t, d, piece(i)), FB_REASON_NONE);
	}
	assert_int_not_equal(fb_fragments_hold(t, d, piece(9)), FB_REASON_NONE);
	fb_fragments_flush(t);
	fb_fragments_free(t);
}

static void a_source_gets_its_share(void **state)
{
	struct fb_fragments *t = create(25);
	struct fb_fragment_key key;
	struct fb_datagram *d;

	(void)state;
	for (uint32_t i = 0; i < N_DATAGRAMS / 4; i++) {
		key = key_of(1, i);
		assert_int_equal(note(t, &key, 8, 16, true, &d), FB_REASON_NONE);
		assert_int_equal(fb_fragments_hold(t, d, piece(i)),
				 i < N_HELD / 4 ? FB_REASON_NONE : FB_REASON_FRAGMENT_SOURCE);
	}
	key = key_of(1, 99);
	assert_int_equal(note(t, &key, 8, 16, true, &d), FB_REASON_FRAGMENT_SOURCE);
	/* Others have theirs, and his own come back. */
	key = key_of(2, 1);
	assert_int_equal(note(t, &key, 8, 16, true, &d), FB_REASON_NONE);
	assert_int_equal(fb_fragments_hold(t, d, piece(50)), FB_REASON_NONE);
	fb_fragments_expire(t, TIMEOUT_MS + 1);
	key = key_of(1, 99);
	assert_int_equal(note(t, &key, 8, 16, true, &d), FB_REASON_NONE);
	assert_int_equal(fb_fragments_hold(t, d, piece(51)), FB_REASON_NONE);
	fb_fragments_flush(t);
	fb_fragments_free(t);
}

static void limits_that_make_no_sense_are_refused(void **state)
{
	struct fb_fragment_limits limits = {0, N_HELD, 25, TIMEOUT_MS};
	struct fb_hash_secret secret;

	(void)state;
	fb_hash_secret_init(&secret, "test");
	assert_null(fb_fragments_create(&limits, &secret, -1, drop, NULL));
	assert_int_equal(errno, EINVAL);
	limits = (struct fb_fragment_limits){N_DATAGRAMS, 0, 25, TIMEOUT_MS};
	assert_null(fb_fragments_create(&limits, &secret, -1, drop, NULL));
	assert_int_equal(errno, EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_caller_wrote_is_there_with_the_next_piece),
		cmocka_unit_test(datagrams_are_told_apart),
		cmocka_unit_test(overlaps_are_found_in_any_order),
		cmocka_unit_test(all_of_a_datagram_is_all_of_it_in_any_order),
		cmocka_unit_test(gaps_are_bounded),
		cmocka_unit_test(two_ends_contradict_each_other),
		cmocka_unit_test(what_waits_comes_back_in_its_order),
		cmocka_unit_test(what_overlaps_drops_what_waits),
		cmocka_unit_test(time_ends_a_datagram_and_what_waits),
		cmocka_unit_test(the_oldest_makes_room),
		cmocka_unit_test(the_oldest_that_waits_makes_room),
		cmocka_unit_test(one_datagram_does_not_push_itself_out),
		cmocka_unit_test(a_source_gets_its_share),
		cmocka_unit_test(limits_that_make_no_sense_are_refused),
	};

	return cmocka_run_group_tests_name("fragment/table", tests, NULL, NULL);
}
