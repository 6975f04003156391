/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <errno.h>
#include <pthread.h>

#include "affinity/table.h"

static struct fb_affinity *create(uint32_t capacity)
{
	struct fb_hash_secret secret;
	struct fb_affinity *t;

	fb_hash_secret_init(&secret, "affinity");
	t = fb_affinity_create(capacity, &secret, -1);
	assert_non_null(t);
	return t;
}

static struct fb_addr client(uint32_t i)
{
	uint8_t bytes[4] = {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};

	return fb_addr_from_bytes(FB_IPV4, bytes);
}

static uint64_t key_of(const struct fb_affinity *t, uint32_t service_id, uint32_t i)
{
	struct fb_addr addr = client(i);

	return fb_affinity_key(t, service_id, &addr);
}

static int keep(struct fb_affinity *t, uint64_t key, uint32_t ep_id, uint32_t end_s, bool proven,
		uint32_t now_s)
{
	const struct fb_affinity_entry entry = {ep_id, end_s, proven};
	struct fb_affinity_entry seen;

	return fb_affinity_keep(t, key, fb_affinity_lookup(t, key, now_s, &seen) ? &seen : NULL,
				&entry, now_s);
}

static void what_is_kept_is_found_until_it_ends(void **state)
{
	struct fb_affinity *t = create(1000);
	uint64_t key = key_of(t, 3, 1);
	struct fb_affinity_entry e;

	(void)state;
	assert_false(fb_affinity_lookup(t, key, 100, &e));
	assert_int_equal(keep(t, key, 77, 160, false, 100), 0);
	assert_true(fb_affinity_lookup(t, key, 159, &e));
	assert_int_equal(e.ep_id, 77);
	assert_int_equal(e.end_s, 160);
	assert_false(e.proven);
	assert_false(fb_affinity_lookup(t, key, 160, &e));
	/* What has ended begins anew. */
	assert_int_equal(keep(t, key, 78, 300, true, 200), 0);
	assert_true(fb_affinity_lookup(t, key, 200, &e));
	assert_int_equal(e.ep_id, 78);
	assert_true(e.proven);
	fb_affinity_free(t);
}

static void clients_and_service_ports_are_told_apart(void **state)
{
	struct fb_affinity *t = create(1000);
	struct fb_addr v6 = {.bytes = {0x20, 1, 0xd, 0xb8}};
	struct fb_affinity_entry e;

	(void)state;
	assert_int_equal(keep(t, key_of(t, 3, 1), 1, 100, true, 0), 0);
	assert_false(fb_affinity_lookup(t, key_of(t, 4, 1), 0, &e));
	assert_false(fb_affinity_lookup(t, key_of(t, 3, 2), 0, &e));
	assert_false(fb_affinity_lookup(t, fb_affinity_key(t, 3, &v6), 0, &e));
	fb_affinity_free(t);
}

/* Two workers that both saw nothing: the second is told, and finds what the first one kept. */
static void whoever_comes_second_is_told(void **state)
{
	struct fb_affinity *t = create(1000);
	const struct fb_affinity_entry first = {1, 100, false};
	const struct fb_affinity_entry second = {2, 100, false};
	uint64_t key = key_of(t, 3, 1);
	struct fb_affinity_entry e;

	(void)state;
	assert_int_equal(fb_affinity_keep(t, key, NULL, &first, 0), 0);
	assert_int_equal(fb_affinity_keep(t, key, NULL, &second, 0), -EAGAIN);
	assert_int_equal(fb_affinity_keep(t, key, &second, &second, 0), -EAGAIN);
	assert_true(fb_affinity_lookup(t, key, 0, &e));
	assert_int_equal(e.ep_id, 1);
	assert_int_equal(fb_affinity_keep(t, key, &e, &second, 0), 0);
	fb_affinity_free(t);
}

static void at_capacity_nearly_all_are_kept(void **state)
{
	const uint32_t n = 100000;
	struct fb_affinity *t = create(n);
	uint32_t lost = 0;

	(void)state;
	for (uint32_t i = 0; i < n; i++)
		lost += keep(t, key_of(t, 3, i), i, 100, true, 0) != 0;
	print_message("# %u of %u clients at capacity find no place\n", lost, n);
	assert_in_range(lost, 0, n / 100);
	for (uint32_t i = 0; i < n; i++) {
		struct fb_affinity_entry e;

		if (fb_affinity_lookup(t, key_of(t, 3, i), 0, &e))
			assert_int_equal(e.ep_id, i);
		else
			lost--;
	}
	assert_int_equal(lost, 0);
	fb_affinity_free(t);
}

/* A flood of forged clients, ten times what fits, takes nothing from those that are there. */
static void who_is_not_proven_takes_no_place_from_who_is(void **state)
{
	const uint32_t n = 10000;
	struct fb_affinity *t = create(n);
	uint32_t full = 0;
	uint32_t kept = 0;

	(void)state;
	for (uint32_t i = 0; i < n / 2; i++)
		kept += keep(t, key_of(t, 3, i), i, 1000, true, 0) == 0;
	assert_in_range(kept, n / 2 - n / 200, n / 2);
	for (uint32_t i = n; i < 11 * n; i++) {
		int rc = keep(t, key_of(t, 3, i), 7, 30, false, 0);

		assert_true(rc == 0 || rc == -ENOSPC);
		full += rc != 0;
	}
	assert_in_range(full, 0, 11 * n / 100);
	for (uint32_t i = 0; i < n / 2; i++) {
		struct fb_affinity_entry e;

		kept -= fb_affinity_lookup(t, key_of(t, 3, i), 0, &e) && e.ep_id == i;
	}
	assert_int_equal(kept, 0);
	/* In the midst of it one that is proven finds its place. */
	for (uint32_t i = n / 2; i < n; i++)
		kept += keep(t, key_of(t, 3, i), i, 1000, true, 0) == 0;
	assert_in_range(kept, n / 2 - n / 50, n / 2);
	fb_affinity_free(t);
}

static void a_set_of_proven_entries_is_full_until_one_ends(void **state)
{
	struct fb_affinity *t = create(1); /* one set */
	uint32_t n = 0;

	(void)state;
	while (keep(t, key_of(t, 3, n), n, 100 + n, true, 0) == 0)
		n++;
	assert_int_equal(n, 8);
	assert_int_equal(keep(t, key_of(t, 3, n), n, 500, true, 99), -ENOSPC);
	assert_int_equal(keep(t, key_of(t, 3, n), n, 500, true, 100), 0);
	fb_affinity_free(t);
}

static void wrong_sizes_are_refused(void **state)
{
	struct fb_hash_secret secret;

	(void)state;
	fb_hash_secret_init(&secret, "affinity");
	errno = 0;
	assert_null(fb_affinity_create(0, &secret, -1));
	assert_int_equal(errno, EINVAL);
	fb_affinity_free(NULL);
}

#define RACE_CLIENTS 64
#define RACE_ROUNDS  100000

struct racer {
	struct fb_affinity *t;
	uint32_t seed;
	uint32_t n_wrong;
};

/* An endpoint's identity says whose entry it is, so that a mix of two is seen. */
static void *race(void *arg)
{
	struct racer *r = arg;

	for (uint32_t i = 0; i < RACE_ROUNDS; i++) {
		uint32_t who = (r->seed = r->seed * 1664525 + 1013904223) >> 8;
		uint64_t key = key_of(r->t, 3, who % RACE_CLIENTS);
		uint32_t now_s = i / 64;
		struct fb_affinity_entry e;

		if (fb_affinity_lookup(r->t, key, now_s, &e))
			r->n_wrong += e.ep_id % RACE_CLIENTS != who % RACE_CLIENTS;
		(void)keep(r->t, key, who % RACE_CLIENTS + RACE_CLIENTS * (i % 3), now_s + 2, false,
			   now_s);
	}
	return NULL;
}

static void workers_never_see_half_of_an_entry(void **state)
{
	struct racer racers[4];
	pthread_t threads[4];
	struct fb_affinity *t = create(8); /* two sets: they fight for every place */

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		racers[i] = (struct racer){.t = t, .seed = i};
		assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
	}
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(racers[i].n_wrong, 0);
	}
	fb_affinity_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_kept_is_found_until_it_ends),
		cmocka_unit_test(clients_and_service_ports_are_told_apart),
		cmocka_unit_test(whoever_comes_second_is_told),
		cmocka_unit_test(at_capacity_nearly_all_are_kept),
		cmocka_unit_test(who_is_not_proven_takes_no_place_from_who_is),
		cmocka_unit_test(a_set_of_proven_entries_is_full_until_one_ends),
		cmocka_unit_test(wrong_sizes_are_refused),
		cmocka_unit_test(workers_never_see_half_of_an_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
