/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include "alloc_fail.h"
#include "neigh/hop.h"

static const uint8_t mac_a[6] = {2, 0, 0, 0, 0, 0xa};
static const uint8_t mac_b[6] = {2, 0, 0, 0, 0, 0xb};

static int create(void **state)
{
	struct fb_hash_secret secret;

	fb_hash_secret_init(&secret, "test");
	*state = fb_hops_create(&secret);
	return *state == NULL;
}

static int destroy(void **state)
{
	fb_hops_free(*state);
	return 0;
}

static struct fb_addr addr(uint16_t last)
{
	struct fb_addr a = {.bytes = {0x20, 0x01, [14] = (uint8_t)(last >> 8), (uint8_t)last}};

	return a;
}

static struct fb_next_hop at(struct fb_hops *h, uint16_t place)
{
	uint32_t n;
	const struct fb_next_hop *array = fb_hops_array(h, &n);

	assert_true(place < n);
	return array[place];
}

static void one_place_per_port_address_and_mtu(void **state)
{
	struct fb_hops *h = *state;
	struct fb_addr a = addr(1);
	uint16_t p = fb_hops_hold(h, 0, &a, 1500);

	assert_int_not_equal(p, 0);
	assert_int_equal(fb_hops_hold(h, 0, &a, 1500), p);
	assert_int_not_equal(fb_hops_hold(h, 1, &a, 1500), p);
	assert_int_not_equal(fb_hops_hold(h, 0, &a, 1400), p);
	assert_int_equal(at(h, 0).state, FB_HOP_NONE);
}

static void all_places_of_a_neighbour_show_its_mac(void **state)
{
	struct fb_hops *h = *state;
	struct fb_addr a = addr(1);
	uint16_t p = fb_hops_hold(h, 3, &a, 1500);
	uint16_t q = fb_hops_hold(h, 3, &a, 1400);

	assert_int_equal(at(h, p).state, FB_HOP_UNRESOLVED);
	assert_true(fb_hops_learn(h, 3, &a, mac_a));
	assert_false(fb_hops_learn(h, 3, &a, mac_a));
	assert_int_equal(at(h, p).state, FB_HOP_READY);
	assert_int_equal(at(h, q).state, FB_HOP_READY);
	assert_memory_equal(at(h, q).mac, mac_a, 6);
	assert_int_equal(at(h, q).port, 3);
	assert_int_equal(at(h, q).mtu, 1400);
	assert_true(fb_hops_learn(h, 3, &a, mac_b));
	assert_memory_equal(at(h, p).mac, mac_b, 6);
	assert_true(fb_hops_learn(h, 3, &a, NULL));
	assert_int_equal(at(h, p).state, FB_HOP_UNRESOLVED);
}

static void a_neighbour_learnt_before_its_place_is_ready_with_it(void **state)
{
	struct fb_hops *h = *state;
	struct fb_addr a = addr(1);

	assert_false(fb_hops_learn(h, 0, &a, mac_a));
	assert_int_equal(at(h, fb_hops_hold(h, 0, &a, 1500)).state, FB_HOP_READY);
}

static void a_configured_neighbour_does_not_listen_to_the_kernel(void **state)
{
	struct fb_hops *h = *state;
	struct fb_addr a = addr(1);
	uint16_t p = fb_hops_hold(h, 0, &a, 1500);
	struct fb_addr poked;
	uint8_t port;

	assert_int_equal(fb_hops_fix(h, 0, &a, mac_a), 0);
	assert_false(fb_hops_learn(h, 0, &a, mac_b));
	assert_false(fb_hops_learn(h, 0, &a, NULL));
	fb_hops_dump_begin(h);
	assert_false(fb_hops_dump_end(h));
	assert_memory_equal(at(h, p).mac, mac_a, 6);
	assert_false(fb_hops_poke(h, p, 100000, &port, &poked));
}

static void who_is_missing_in_a_dump_is_gone(void **state)
{
	struct fb_hops *h = *state;
	struct fb_addr a = addr(1);
	struct fb_addr b = addr(2);
	uint16_t p = fb_hops_hold(h, 0, &a, 1500);
	uint16_t q = fb_hops_hold(h, 0, &b, 1500);

	(void)fb_hops_learn(h, 0, &a, mac_a);
	(void)fb_hops_learn(h, 0, &b, mac_b);
	fb_hops_dump_begin(h);
	(void)fb_hops_learn(h, 0, &b, mac_b);
	assert_true(fb_hops_dump_end(h));
	assert_int_equal(at(h, p).state, FB_HOP_UNRESOLVED);
	assert_int_equal(at(h, q).state, FB_HOP_READY);
}

static void a_place_keeps_its_meaning_for_the_grace_then_is_given_out_again(void **state)
{
	struct fb_hops *h = *state;
	struct fb_addr a = addr(1);
	struct fb_addr b = addr(2);
	struct fb_addr got;
	uint16_t p = fb_hops_hold(h, 0, &a, 1500);

	(void)fb_hops_learn(h, 0, &a, mac_a);
	fb_hops_release(h, p);
	fb_hops_expire(h, 1000000); /* the clock may start anywhere: only now is it known to be idle */
	fb_hops_expire(h, 1000000 + FB_HOP_GRACE_MS - 1);
	assert_int_equal(at(h, p).state, FB_HOP_READY);
	assert_int_not_equal(fb_hops_hold(h, 0, &b, 1500), p);
	fb_hops_expire(h, 1000000 + FB_HOP_GRACE_MS);
	assert_int_equal(at(h, p).state, FB_HOP_NONE);
	assert_int_not_equal(fb_hops_describe(h, p, &got), 0);
	assert_int_equal(fb_hops_hold(h, 7, &a, 1500), p);
	assert_int_equal(at(h, p).port, 7);
}

static void a_place_taken_up_again_within_the_grace_stays(void **state)
{
	struct fb_hops *h = *state;
	struct fb_addr a = addr(1);
	uint16_t p = fb_hops_hold(h, 0, &a, 1500);

	fb_hops_release(h, p);
	fb_hops_expire(h, 1000);
	assert_int_equal(fb_hops_hold(h, 0, &a, 1500), p);
	fb_hops_expire(h, 1000 + FB_HOP_GRACE_MS);
	assert_int_equal(at(h, p).state, FB_HOP_UNRESOLVED);
	fb_hops_release(h, p);
	fb_hops_expire(h, 2000 + FB_HOP_GRACE_MS); /* the first idle time does not count */
	assert_int_equal(at(h, p).state, FB_HOP_UNRESOLVED);
}

static void pokes_back_off_to_five_seconds_and_ready_ones_wait_twenty(void **state)
{
	static const uint64_t due[] = {0, 1000, 3000, 7000, 12000, 17000};
	struct fb_hops *h = *state;
	struct fb_addr a = addr(1);
	uint16_t p = fb_hops_hold(h, 4, &a, 1500);
	struct fb_addr poked;
	uint8_t port;

	for (size_t i = 0; i < sizeof(due) / sizeof(due[0]); i++) {
		if (due[i] > 0)
			assert_false(fb_hops_poke(h, p, due[i] - 1, &port, &poked));
		assert_true(fb_hops_poke(h, p, due[i], &port, &poked));
		assert_int_equal(port, 4);
		assert_memory_equal(&poked, &a, sizeof(a));
	}
	(void)fb_hops_learn(h, 4, &a, mac_a);
	assert_true(fb_hops_poke(h, p, 20000, &port, &poked));
	assert_false(fb_hops_poke(h, p, 39999, &port, &poked));
	assert_true(fb_hops_poke(h, p, 40000, &port, &poked));
	fb_hops_release(h, p);
	assert_false(fb_hops_poke(h, p, 90000, &port, &poked));
}

static void the_65536th_place_is_refused(void **state)
{
	struct fb_hops *h = *state;
	struct fb_addr a;

	for (uint32_t i = 1; i < 65536; i++) {
		a = addr((uint16_t)i);
		assert_int_equal(fb_hops_hold(h, 0, &a, 1500), i);
	}
	assert_int_equal(fb_hops_hold(h, 1, &a, 1500), 0);
	assert_int_equal(fb_hops_hold(h, 0, &a, 1500), 65535);
}

#define WITH_HOPS(f) cmocka_unit_test_setup_teardown(f, create, destroy)

/* Whichever allocation fails: the caller hears that he has to say it again. */
static void what_is_not_remembered_is_owned_up_to(void **state)
{
	struct fb_hops *h = *state;
	bool failed = true;

	assert_false(fb_hops_forgot(h));
	for (unsigned int n = 1; failed; n++) {
		bool known = true;

		alloc_fail_at(n);
		/* Enough to widen what holds places and neighbours. */
		for (uint16_t i = 0; i < 200; i++) {
			struct fb_addr a = addr((uint16_t)(1000 * n + i));
			uint16_t place;

			(void)fb_hops_learn(h, 1, &a, mac_a);
			place = fb_hops_hold(h, 1, &a, 1500);
			known &= place != 0 && at(h, place).state == FB_HOP_READY;
		}
		failed = alloc_fail_stop();
		assert_true(fb_hops_forgot(h) == !known);
		assert_false(fb_hops_forgot(h));
		assert_true(known || failed);
	}
}

static void room_for_a_place_that_was_refused_is_told(void **state)
{
	struct fb_hops *h = *state;
	struct fb_addr one_more = {.bytes = {0x20, 0x02}};
	uint16_t first = 0;

	for (uint32_t i = 1; i < 65536; i++) {
		struct fb_addr a = addr((uint16_t)i);
		uint16_t place = fb_hops_hold(h, 0, &a, 1500);

		assert_int_not_equal(place, 0);
		first = i == 1 ? place : first;
	}
	assert_int_equal(fb_hops_hold(h, 0, &one_more, 1500), 0);
	assert_false(fb_hops_forgot(h)); /* to ask again at once would not help */
	fb_hops_release(h, first);
	fb_hops_expire(h, 1000);
	assert_false(fb_hops_forgot(h));
	fb_hops_expire(h, 1000 + FB_HOP_GRACE_MS);
	assert_true(fb_hops_forgot(h));
	assert_int_not_equal(fb_hops_hold(h, 0, &one_more, 1500), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_HOPS(one_place_per_port_address_and_mtu),
		WITH_HOPS(all_places_of_a_neighbour_show_its_mac),
		WITH_HOPS(a_neighbour_learnt_before_its_place_is_ready_with_it),
		WITH_HOPS(a_configured_neighbour_does_not_listen_to_the_kernel),
		WITH_HOPS(who_is_missing_in_a_dump_is_gone),
		WITH_HOPS(a_place_keeps_its_meaning_for_the_grace_then_is_given_out_again),
		WITH_HOPS(a_place_taken_up_again_within_the_grace_stays),
		WITH_HOPS(pokes_back_off_to_five_seconds_and_ready_ones_wait_twenty),
		WITH_HOPS(the_65536th_place_is_refused),
		WITH_HOPS(what_is_not_remembered_is_owned_up_to),
		WITH_HOPS(room_for_a_place_that_was_refused_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
