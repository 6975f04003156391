/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <errno.h>
#include <stdlib.h>

#include "flow/change.h"
#include "flow/lookup.h"
#include "flow/table.h"
#include "tuples.h"

static struct fb_hash_secret secret;

static struct fb_flow_table *table(enum fb_family family, uint32_t capacity)
{
	struct fb_flow_table *t = fb_flow_table_create(family, capacity, &secret, -1);

	assert_non_null(t);
	return t;
}

static struct fb_flow *find(const struct fb_flow_table *t, const struct fb_tuple *tuple,
			    enum fb_flow_dir *ret_dir)
{
	return fb_flow_find(t, tuple, fb_flow_hash_tuple(t, tuple), ret_dir);
}

/* As the packet path does. */
static int insert_inlined(struct fb_flow_table *t, const struct fb_tuple *client,
			  const struct fb_tuple *reply, uint32_t now_ms, struct fb_flow **ret)
{
	return fb_flow_insert_as(t, (enum fb_family)t->family, client,
				 fb_flow_hash_tuple(t, client), reply,
				 fb_flow_hash_tuple(t, reply), now_ms, ret);
}

/* Either way, by turns. */
static int insert(struct fb_flow_table *t, uint32_t number, struct fb_flow **ret)
{
	const enum fb_family family = (enum fb_family)t->family;
	struct fb_tuple client = numbered_tuple(family, number, FB_DIR_CLIENT);
	struct fb_tuple reply = numbered_tuple(family, number, FB_DIR_ENDPOINT);
	int err = number & 1 ? fb_flow_insert(t, &client, &reply, number, ret)
			     : insert_inlined(t, &client, &reply, number, ret);

	if (err == 0) {
		(*ret)->state = FB_FLOW_OPENING;
		(*ret)->ep_id = number;
	}
	return err;
}

/* Both keys lead to the flow, from the right side; or neither leads anywhere. */
static void assert_known(const struct fb_flow_table *t, uint32_t number, bool known)
{
	for (int side = FB_DIR_CLIENT; side <= FB_DIR_ENDPOINT; side++) {
		struct fb_tuple key = numbered_tuple((enum fb_family)t->family, number,
						     (enum fb_flow_dir)side);
		enum fb_flow_dir dir;
		const struct fb_flow *flow = find(t, &key, &dir);

		assert_int_equal(fb_flow_taken(t, &key), known);
		if (!known) {
			assert_null(flow);
			continue;
		}
		assert_non_null(flow);
		assert_int_equal(dir, side);
		assert_int_equal(flow->ep_id, number);
	}
}

/* What `spilled` must be, from the entries alone; and that no entry is out of reach of its home. */
static void assert_index_sound(const struct fb_flow_table *t)
{
	const uint32_t n = t->n_homes + FB_FLOW_REACH;
	uint16_t *spilled = calloc(n, sizeof(*spilled));
	uint32_t entries = 0;

	assert_non_null(spilled);
	for (uint32_t i = 0; i < n; i++) {
		for (uint32_t mask = t->buckets[i].used; mask != 0; mask &= mask - 1) {
			uint32_t entry = t->buckets[i].entry[__builtin_ctz(mask)];
			const struct fb_flow *flow = fb_flow_at(t, entry >> 1);
			struct fb_tuple key;
			struct fb_flow_hash hash;

			assert_non_null(flow);
			key = entry & 1 ? fb_flow_reply_key(t, flow) : fb_flow_client_key(t, flow);
			hash = fb_flow_hash_tuple(t, &key);
			assert_in_range(i, hash.home, hash.home + FB_FLOW_REACH);
			for (uint32_t passed = hash.home; passed < i; passed++)
				spilled[passed]++;
			entries++;
		}
	}
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(t->buckets[i].spilled, spilled[i]);
	assert_int_equal(entries, 2 * fb_flow_count(t));
	free(spilled);
}

static void a_flow_is_found_by_both_keys_and_knows_the_side(void **state)
{
	(void)state;
	for (enum fb_family f = FB_IPV4; f <= FB_IPV6; f++) {
		struct fb_flow_table *t = table(f, 10);
		struct fb_tuple client = numbered_tuple(f, 5, FB_DIR_CLIENT);
		struct fb_tuple reply = numbered_tuple(f, 5, FB_DIR_ENDPOINT);
		struct fb_tuple key;
		struct fb_flow *flow;

		assert_known(t, 5, false);
		assert_int_equal(insert(t, 5, &flow), 0);
		assert_known(t, 5, true);
		key = fb_flow_client_key(t, flow);
		assert_memory_equal(&key, &client, sizeof(key));
		key = fb_flow_reply_key(t, flow);
		assert_memory_equal(&key, &reply, sizeof(key));
		assert_int_equal(fb_flow_count(t), 1);
		fb_flow_remove(t, flow);
		assert_known(t, 5, false);
		assert_int_equal(fb_flow_count(t), 0);
		fb_flow_table_free(t);
	}
}

static void a_new_record_is_zero_but_for_keys_protocol_and_time(void **state)
{
	const struct fb_flow zero = {.proto = IPPROTO_TCP, .last_use_ms = 777};
	struct fb_tuple client = numbered_tuple(FB_IPV4, 1, FB_DIR_CLIENT);
	struct fb_tuple reply = numbered_tuple(FB_IPV4, 1, FB_DIR_ENDPOINT);
	struct fb_flow_table *t = table(FB_IPV4, 1);
	struct fb_flow *flow;

	(void)state;
	for (int again = 0; again < 3; again++) {
		assert_int_equal(fb_flow_insert(t, &client, &reply, 777, &flow), 0);
		assert_memory_equal(flow, &zero, sizeof(zero));
		memset(flow, 0xff, sizeof(*flow));
		flow->proto = IPPROTO_TCP;
		fb_flow_remove(t, flow);
	}
	fb_flow_table_free(t);
}

static void any_difference_between_two_keys_counts(void **state)
{
	(void)state;
	for (enum fb_family f = FB_IPV4; f <= FB_IPV6; f++) {
		struct fb_flow_table *t = table(f, 10);
		struct fb_flow *flow;

		assert_int_equal(insert(t, 5, &flow), 0);
		for (uint32_t bit = 0; bit < 8 * (fb_flow_key_len(f) + 1); bit++) {
			for (int side = 0; side < 2; side++) {
				struct fb_tuple key = numbered_tuple(f, 5, (enum fb_flow_dir)side);
				struct fb_flow_hash hash = fb_flow_hash_tuple(t, &key);
				enum fb_flow_dir dir;
				uint8_t *byte = (uint8_t *)&key + bit / 8;

				if (bit / 8 == fb_flow_key_len(f))
					byte = &key.proto;
				*byte ^= (uint8_t)(1 << bit % 8);
				/* Even if the hashes were the same. */
				assert_null(fb_flow_find(t, &key, hash, &dir));
				assert_null(find(t, &key, &dir));
			}
		}
		fb_flow_table_free(t);
	}
}

static void a_reply_key_that_is_taken_is_refused(void **state)
{
	(void)state;
	for (enum fb_family f = FB_IPV4; f <= FB_IPV6; f++) {
		struct fb_flow_table *t = table(f, 10);
		struct fb_tuple client = numbered_tuple(f, 101, FB_DIR_CLIENT);
		struct fb_tuple reply = numbered_tuple(f, 5, FB_DIR_ENDPOINT);
		struct fb_flow *flow;
		struct fb_flow *none = NULL;

		assert_int_equal(insert(t, 5, &flow), 0);
		assert_int_equal(insert(t, 6, &flow), 0);
		fb_flow_remove(t, flow); /* a record that was used before is the usual case */
		assert_int_equal(fb_flow_insert(t, &client, &reply, 0, &none), -EEXIST);
		assert_int_equal(fb_flow_insert(t, &client, &client, 0, &none), -EEXIST);
		assert_int_equal(insert_inlined(t, &client, &reply, 0, &none), -EEXIST);
		assert_int_equal(insert_inlined(t, &client, &client, 0, &none), -EEXIST);
		assert_null(none);
		assert_int_equal(fb_flow_count(t), 1);
		assert_false(fb_flow_taken(t, &client));
		fb_flow_table_free(t);
	}
}

static void it_fills_to_its_capacity_and_not_further(void **state)
{
	static const uint32_t capacities[] = {1, 2, 3, 10, 1000, 50000};

	(void)state;
	for (enum fb_family f = FB_IPV4; f <= FB_IPV6; f++) {
		for (size_t c = 0; c < sizeof(capacities) / sizeof(capacities[0]); c++) {
			struct fb_flow_table *t = table(f, capacities[c]);
			struct fb_flow *flow;

			for (uint32_t i = 0; i < capacities[c]; i++)
				assert_int_equal(insert(t, i, &flow), 0);
			assert_int_equal(insert(t, capacities[c], &flow), -ENOSPC);
			assert_int_equal(fb_flow_count(t), capacities[c]);
			assert_index_sound(t);
			for (uint32_t i = 0; i < capacities[c]; i++)
				assert_known(t, i, true);
			assert_known(t, capacities[c], false);
			/* One out, one in. */
			fb_flow_remove(t, fb_flow_at(t, capacities[c] / 2));
			assert_int_equal(insert(t, capacities[c], &flow), 0);
			assert_int_equal(fb_flow_high_water(t), capacities[c]);
			fb_flow_table_free(t);
		}
	}
}

/* Random steps against an array that says what should be there; the table is mostly full. */
static void it_agrees_with_a_plain_array_over_many_random_steps(void **state)
{
	enum { NUMBERS = 3000, CAPACITY = 2000, STEPS = 300000 };
	static struct fb_flow *model[NUMBERS];

	(void)state;
	for (enum fb_family f = FB_IPV4; f <= FB_IPV6; f++) {
		struct fb_flow_table *t = table(f, CAPACITY);
		uint64_t random = 42 + f;
		uint32_t live = 0;

		memset(model, 0, sizeof(model));
		for (uint32_t step = 0; step < STEPS; step++) {
			uint32_t number = (uint32_t)(next_random(&random) >> 33) % NUMBERS;
			struct fb_flow *flow;
			enum fb_flow_dir dir;
			struct fb_tuple key;

			switch (next_random(&random) >> 33 & 3) {
			case 0:
			case 1:
				if (model[number] != NULL)
					break;
				assert_int_equal(insert(t, number, &flow),
						 live == CAPACITY ? -ENOSPC : 0);
				if (live < CAPACITY) {
					model[number] = flow;
					live++;
				}
				break;
			case 2:
				if (model[number] == NULL)
					break;
				fb_flow_remove(t, model[number]);
				model[number] = NULL;
				live--;
				break;
			default:
				dir = (enum fb_flow_dir)(step & 1);
				key = numbered_tuple(f, number, dir);
				dir ^= 1;
				assert_ptr_equal(find(t, &key, &dir), model[number]);
				if (model[number] != NULL)
					assert_int_equal(dir, step & 1);
			}
			if (step % 50000 == 0)
				assert_index_sound(t);
		}
		assert_int_equal(fb_flow_count(t), live);
		assert_index_sound(t);
		for (uint32_t i = 0; i < NUMBERS; i++)
			if (model[i] != NULL)
				fb_flow_remove(t, model[i]);
		assert_int_equal(fb_flow_count(t), 0);
		assert_index_sound(t);
		fb_flow_table_free(t);
	}
}

/* Every key in one home: the neighbourhood is the bound, and it is said. */
static void a_full_neighbourhood_refuses_and_leaves_everything_as_it_was(void **state)
{
	const uint32_t room = (1 + FB_FLOW_REACH) * FB_FLOW_SLOTS;
	struct fb_flow_table *t = table(FB_IPV4, 1000);
	struct fb_flow *flow;
	uint32_t n = 0;

	(void)state;
	t->n_homes = 1; /* stands in for 330 keys that happen to meet */
	while (insert(t, n, &flow) == 0)
		n++;
	assert_int_equal(n, room / 2);
	fb_flow_remove(t, fb_flow_at(t, 7));
	assert_int_equal(insert(t, 900, &flow), 0);
	assert_int_equal(insert(t, 901, &flow), -ENOSPC);
	assert_known(t, 901, false);
	assert_known(t, 900, true);
	assert_int_equal(fb_flow_count(t), room / 2);
	assert_index_sound(t);
	while (fb_flow_count(t) > 0)
		for (uint32_t i = 0; i < fb_flow_high_water(t); i++)
			if (fb_flow_at(t, i) != NULL)
				fb_flow_remove(t, fb_flow_at(t, i));
	assert_index_sound(t);
	fb_flow_table_free(t);
}

static void with_room_for_one_key_only_the_first_is_taken_back(void **state)
{
	struct fb_flow_table *t = table(FB_IPV4, 1000);
	struct fb_flow_bucket *last = &t->buckets[FB_FLOW_REACH];
	struct fb_flow *flow;
	uint32_t n = 0;

	(void)state;
	t->n_homes = 1;
	last->used = 1; /* an odd number of slots is left */
	while (insert(t, n, &flow) == 0)
		n++;
	assert_int_equal(n, (1 + FB_FLOW_REACH) * FB_FLOW_SLOTS / 2 - 1);
	assert_known(t, n, false);
	last->used &= (uint16_t)~1;
	assert_index_sound(t);
	fb_flow_table_free(t);
}

/* The bound of the design: index and record, all told. */
static void a_flow_costs_at_most_96_and_160_bytes(void **state)
{
	const uint32_t capacity = 200000;
	struct fb_flow_table *v4 = table(FB_IPV4, capacity);
	struct fb_flow_table *v6 = table(FB_IPV6, capacity);

	(void)state;
	assert_in_range(fb_flow_table_bytes(v4), 64 * (size_t)capacity, 96 * (size_t)capacity);
	assert_in_range(fb_flow_table_bytes(v6), 128 * (size_t)capacity, 160 * (size_t)capacity);
	fb_flow_table_free(v4);
	fb_flow_table_free(v6);
}

/* Where in a record its second key begins. */
static ptrdiff_t key_offset(const struct fb_flow_table *t, enum fb_family family)
{
	const struct fb_flow *record = fb_flow_record(t, family, 0);

	return fb_flow_key(record, family, FB_DIR_ENDPOINT) - (const uint8_t *)record;
}

static void records_lie_on_whole_cache_lines(void **state)
{
	struct fb_flow_table *v4 = table(FB_IPV4, 7);
	struct fb_flow_table *v6 = table(FB_IPV6, 7);

	(void)state;
	assert_int_equal((uintptr_t)v4->records % 64, 0);
	assert_int_equal((uintptr_t)v6->records % 128, 0);
	assert_int_equal((uintptr_t)v4->buckets % 64, 0);
	assert_int_equal(key_offset(v4, FB_IPV4) + 12, 64);
	assert_true(key_offset(v6, FB_IPV6) + 36 <= 128);
	fb_flow_table_free(v4);
	fb_flow_table_free(v6);
}

static void wrong_sizes_are_refused(void **state)
{
	(void)state;
	errno = 0;
	assert_null(fb_flow_table_create(FB_IPV4, 0, &secret, -1));
	assert_int_equal(errno, EINVAL);
	errno = 0;
	assert_null(fb_flow_table_create(FB_IPV4, (1U << 30) + 1, &secret, -1));
	assert_int_equal(errno, EINVAL);
	errno = 0;
	assert_null(fb_flow_table_create(FB_FAMILY_COUNT, 10, &secret, -1));
	assert_int_equal(errno, EINVAL);
	fb_flow_table_free(NULL);
}

static void every_state_has_a_name(void **state)
{
	(void)state;
	for (int i = 0; i < FB_FLOW_STATE_COUNT; i++)
		assert_non_null(fb_flow_state_names[i]);
}

static int set_up(void **state)
{
	(void)state;
	fb_hash_secret_init(&secret, "table");
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flow_is_found_by_both_keys_and_knows_the_side),
		cmocka_unit_test(a_new_record_is_zero_but_for_keys_protocol_and_time),
		cmocka_unit_test(any_difference_between_two_keys_counts),
		cmocka_unit_test(a_reply_key_that_is_taken_is_refused),
		cmocka_unit_test(it_fills_to_its_capacity_and_not_further),
		cmocka_unit_test(it_agrees_with_a_plain_array_over_many_random_steps),
		cmocka_unit_test(a_full_neighbourhood_refuses_and_leaves_everything_as_it_was),
		cmocka_unit_test(with_room_for_one_key_only_the_first_is_taken_back),
		cmocka_unit_test(a_flow_costs_at_most_96_and_160_bytes),
		cmocka_unit_test(records_lie_on_whole_cache_lines),
		cmocka_unit_test(wrong_sizes_are_refused),
		cmocka_unit_test(every_state_has_a_name),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
