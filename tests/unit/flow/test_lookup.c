/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <stdlib.h>

#include "flow/lookup.h"
#include "flow/table.h"
#include "tuples.h"

static struct fb_hash_secret secret;

static void the_vector_match_and_its_plain_twin_agree(void **state)
{
	uint64_t random = 7;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		struct fb_flow_bucket b;
		uint16_t sig = (uint16_t)(next_random(&random) >> 40 & 3);

		/* Few values, so that most lanes match, also those of no signature. */
		for (size_t w = 0; w < sizeof(b) / 2; w++)
			((uint16_t *)&b)[w] = (uint16_t)(next_random(&random) >> 40 & 3);
		b.used = (uint16_t)(next_random(&random) >> 40 & 0x3ff);
		assert_int_equal(fb_flow_match(&b, sig), fb_flow_match_plain(&b, sig));
	}
}

static void signatures_with_the_top_bit_are_matched_too(void **state)
{
	struct fb_flow_bucket b = {.used = 0x3ff};

	(void)state;
	for (int i = 0; i < FB_FLOW_SLOTS; i++)
		b.sig[i] = (uint16_t)(0xfff0 + i);
	for (uint32_t i = 0; i < FB_FLOW_SLOTS; i++)
		assert_int_equal(fb_flow_match(&b, (uint16_t)(0xfff0 + i)), 1U << i);
	b.used = 0x3fe;
	assert_int_equal(fb_flow_match(&b, 0xfff0), 0);
}

static void every_byte_of_a_key_and_the_protocol_reach_the_hash(void **state)
{
	(void)state;
	for (enum fb_family f = FB_IPV4; f <= FB_IPV6; f++) {
		struct fb_flow_table *t = fb_flow_table_create(f, 1000000, &secret, -1);
		struct fb_tuple key = numbered_tuple(f, 1, FB_DIR_CLIENT);
		const struct fb_flow_hash before = fb_flow_hash_tuple(t, &key);

		assert_non_null(t);
		for (uint32_t i = 0; i <= fb_flow_key_len(f); i++) {
			uint8_t *byte = i == fb_flow_key_len(f) ? &key.proto : (uint8_t *)&key + i;
			struct fb_flow_hash after;

			*byte ^= 0x10;
			after = fb_flow_hash_tuple(t, &key);
			assert_true(after.home != before.home);
			assert_true(fb_flow_sig(after) != fb_flow_sig(before));
			*byte ^= 0x10;
		}
		fb_flow_table_free(t);
	}
}

static uint32_t crc32c(const uint8_t *data, size_t len)
{
	uint32_t crc = ~0U;

	for (size_t i = 0; i < len; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

/*
 * CRC32c of 12 bytes is linear, so a flood can be made of keys that all have the same one: any
 * source address and ports, and the destination solved for. Here they must lie like any others.
 */
static void keys_that_collide_under_crc32c_do_not_pile_up(void **state)
{
	enum { N = 20000 };
	struct fb_flow_table *t = fb_flow_table_create(FB_IPV4, N, &secret, -1);
	uint32_t column[32];
	uint32_t same = 0;
	uint32_t most = 0;
	uint8_t *load;

	(void)state;
	assert_non_null(t);
	load = calloc(t->n_homes, 1);
	for (int bit = 0; bit < 32; bit++) {
		uint8_t key[12] = {0};
		uint8_t zero[12] = {0};

		key[4 + bit / 8] = (uint8_t)(1 << bit % 8);
		column[bit] = crc32c(key, 12) ^ crc32c(zero, 12);
	}
	for (uint32_t i = 0; i < N; i++) {
		struct fb_tuple key = {.proto = IPPROTO_TCP, .family = FB_IPV4};
		uint32_t basis[32] = {0};
		uint32_t choice[32] = {0};
		uint32_t wanted;
		uint32_t dst = 0;

		key.v4.src = i * 2654435761U;
		key.v4.sport = (uint16_t)i;
		wanted = crc32c((const uint8_t *)&key, 12) ^ 0x12345678;
		/* Gauss: which bits of dst add up to what is wanted. */
		for (int bit = 0; bit < 32; bit++) {
			uint32_t v = column[bit];
			uint32_t c = 1U << bit;

			while (v != 0 && basis[31 - __builtin_clz(v)] != 0) {
				c ^= choice[31 - __builtin_clz(v)];
				v ^= basis[31 - __builtin_clz(v)];
			}
			if (v != 0) {
				choice[31 - __builtin_clz(v)] = c;
				basis[31 - __builtin_clz(v)] = v;
			}
		}
		for (int bit = 31; bit >= 0; bit--) {
			if (wanted >> bit & 1) {
				wanted ^= basis[bit];
				dst ^= choice[bit];
			}
		}
		for (int byte = 0; byte < 4; byte++)
			((uint8_t *)&key.v4.dst)[byte] = (uint8_t)(dst >> 8 * byte);
		same += crc32c((const uint8_t *)&key, 12) == 0x12345678;
		if (++load[fb_flow_hash_tuple(t, &key).home] > most)
			most = load[fb_flow_hash_tuple(t, &key).home];
	}
	assert_int_equal(same, N); /* the flood is one */
	/* 3 a home on average: 20 in one has a chance of 1e-11. */
	assert_in_range(most, 5, 20);
	free(load);
	fb_flow_table_free(t);
}

static void prefetching_tells_the_likely_record_and_changes_nothing(void **state)
{
	(void)state;
	for (enum fb_family f = FB_IPV4; f <= FB_IPV6; f++) {
		struct fb_flow_table *t = fb_flow_table_create(f, 10, &secret, -1);
		struct fb_tuple client = numbered_tuple(f, 3, FB_DIR_CLIENT);
		struct fb_tuple reply = numbered_tuple(f, 3, FB_DIR_ENDPOINT);
		struct fb_flow_hash hash = fb_flow_hash_tuple(t, &client);
		uint8_t likely_dir = FB_DIR_ENDPOINT;
		enum fb_flow_dir dir;
		struct fb_flow *flow;

		for (int present = 0; present < 2; present++) {
			struct fb_flow *likely_flow;

			fb_flow_prefetch_index(t, hash);
			likely_flow = fb_flow_prefetch_record(t, hash, &likely_dir);
			if (!present) {
				assert_null(likely_flow);
				assert_int_equal(likely_dir, FB_FLOW_NOWHERE);
				assert_int_equal(fb_flow_insert(t, &client, &reply, 0, &flow), 0);
				continue;
			}
			assert_ptr_equal(likely_flow, flow);
			assert_int_equal(likely_dir, FB_DIR_CLIENT);
			assert_true(fb_flow_key_equal(likely_flow, f, FB_DIR_CLIENT, &client));
			assert_false(fb_flow_key_equal(likely_flow, f, FB_DIR_CLIENT, &reply));
			assert_false(fb_flow_key_equal(likely_flow, f, FB_DIR_ENDPOINT, &client));
		}
		assert_ptr_equal(fb_flow_find(t, &client, hash, &dir), flow);
		assert_ptr_equal(
			fb_flow_find_as(t, f, &client, fb_flow_hash_tuple_as(t, f, &client), &dir),
			flow);
		fb_flow_table_free(t);
	}
}

/* Nowhere is what is nowhere: a key that passed over a full bucket is looked for. */
static void what_is_nowhere_for_certain_is_in_no_bucket(void **state)
{
	enum { CAPACITY = 3000, OTHERS = 3000 };
	uint32_t certain = 0;
	uint32_t elsewhere = 0;

	(void)state;
	for (enum fb_family f = FB_IPV4; f <= FB_IPV6; f++) {
		struct fb_flow_table *t = fb_flow_table_create(f, CAPACITY, &secret, -1);
		struct fb_flow *flow;

		for (uint32_t i = 0; i < CAPACITY; i++) {
			const struct fb_tuple client = numbered_tuple(f, i, FB_DIR_CLIENT);
			const struct fb_tuple reply = numbered_tuple(f, i, FB_DIR_ENDPOINT);

			assert_int_equal(fb_flow_insert(t, &client, &reply, 0, &flow), 0);
		}
		for (uint32_t i = 0; i < CAPACITY + OTHERS; i++) {
			const struct fb_tuple client = numbered_tuple(f, i, FB_DIR_CLIENT);
			const struct fb_flow_hash hash = fb_flow_hash_tuple(t, &client);
			enum fb_flow_dir found_dir;
			uint8_t dir;
			const bool found =
				fb_flow_find(t, &client, hash, &found_dir) != NULL;
			const bool is_near = fb_flow_prefetch_record(t, hash, &dir) != NULL;

			assert_int_equal(found, i < CAPACITY);
			if (dir == FB_FLOW_NOWHERE)
				assert_false(found || is_near);
			certain += dir == FB_FLOW_NOWHERE;
			elsewhere += found && !is_near;
		}
		fb_flow_table_free(t);
	}
	/* Of others nearly all; of those that are there a few. */
	assert_in_range(certain, 2 * OTHERS * 9 / 10, 2 * OTHERS);
	assert_in_range(elsewhere, 1, 2 * CAPACITY / 10);
}

static int set_up(void **state)
{
	(void)state;
	fb_hash_secret_init(&secret, "lookup");
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vector_match_and_its_plain_twin_agree),
		cmocka_unit_test(signatures_with_the_top_bit_are_matched_too),
		cmocka_unit_test(every_byte_of_a_key_and_the_protocol_reach_the_hash),
		cmocka_unit_test(keys_that_collide_under_crc32c_do_not_pile_up),
		cmocka_unit_test(prefetching_tells_the_likely_record_and_changes_nothing),
		cmocka_unit_test(what_is_nowhere_for_certain_is_in_no_bucket),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
