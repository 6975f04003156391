/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "datapath/stateless.h"

static const uint8_t router[6] = {2, 0, 0, 0, 0, 1};
static const uint8_t station[6] = {2, 0, 0, 0, 0, 2};

static int set_up(void **state)
{
	/* A size that the alignment does not divide is none to every allocator. */
	const size_t bytes = RTE_ALIGN_CEIL(sizeof(struct fb_stateless), 64);
	struct fb_stateless *s = aligned_alloc(64, bytes);

	assert_non_null(s);
	memset(s, 0, bytes);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

/* Spread over the table's lines; 0 is no key. */
static uint64_t key_of(uint32_t client)
{
	return (uint64_t)(client + 1) << 34 | 1;
}

static bool leads_to(const struct fb_stateless *s, uint32_t client, const uint8_t mac[6])
{
	const struct fb_client_hop *hop = fb_stateless_hop(s, key_of(client));

	return hop != NULL && memcmp(hop->mac, mac, 6) == 0;
}

static void clients_are_reached_by_the_usual_hop_or_by_their_own(void **state)
{
	struct fb_stateless *s = *state;

	assert_null(fb_stateless_hop(s, key_of(1)));
	for (uint32_t i = 0; i < 100; i++)
		fb_stateless_learn_hop(s, key_of(i), 0, router);
	for (uint32_t i = 100; i < 150; i++)
		fb_stateless_learn_hop(s, key_of(i), 0, station);
	for (uint32_t i = 0; i < 150; i++)
		assert_true(leads_to(s, i, i < 100 ? router : station));
	/* The same station on another port is another hop. */
	fb_stateless_learn_hop(s, key_of(200), 1, router);
	assert_int_equal(fb_stateless_hop(s, key_of(200))->port, 1);
	assert_int_equal(fb_stateless_hop(s, key_of(0))->port, 0);
	/* Who comes by the usual one again is reached by it. */
	fb_stateless_learn_hop(s, key_of(120), 0, router);
	assert_true(leads_to(s, 120, router));
}

static void a_flood_by_the_usual_hop_pushes_nobody_out(void **state)
{
	struct fb_stateless *s = *state;

	fb_stateless_learn_hop(s, key_of(0), 0, router);
	fb_stateless_learn_hop(s, key_of(1), 0, router);
	for (uint32_t i = 1000; i < 1000 + FB_STATELESS_HOPS / 8; i++) {
		fb_stateless_learn_hop(s, key_of(0), 0, router);
		fb_stateless_learn_hop(s, key_of(i), 0, station);
	}
	for (uint32_t i = 5000; i < 1000000; i++)
		fb_stateless_learn_hop(s, key_of(i), 0, router);
	for (uint32_t i = 1000; i < 1000 + FB_STATELESS_HOPS / 8; i++)
		assert_true(leads_to(s, i, station));
}

static void the_usual_hop_changes_with_the_majority(void **state)
{
	struct fb_stateless *s = *state;

	for (uint32_t i = 0; i < 5000; i++)
		fb_stateless_learn_hop(s, key_of(1), 0, router);
	for (uint32_t i = 0; i < 3000; i++)
		fb_stateless_learn_hop(s, key_of(2), 0, station);
	assert_true(leads_to(s, 3, station));
	assert_true(leads_to(s, 2, station));
	fb_stateless_learn_hop(s, key_of(1), 0, router);
	assert_true(leads_to(s, 1, router));
}

static struct fb_stateless_endpoint entry(uint8_t endpoint, uint8_t frontend)
{
	struct fb_stateless_endpoint e = {
		.endpoint_port_be = RTE_BE16(8080),
		.frontend_port_be = RTE_BE16(80),
		.proto = IPPROTO_TCP,
		.ep_id = endpoint,
	};

	e.endpoint = fb_addr_from_bytes(FB_IPV4, (const uint8_t[]){10, 1, 0, endpoint});
	e.frontend = fb_addr_from_bytes(FB_IPV4, (const uint8_t[]){192, 0, 2, frontend});
	return e;
}

static const struct fb_stateless_endpoint *find(const struct fb_stateless *s, uint64_t hash,
						const struct fb_stateless_endpoint *e,
						uint32_t now_ms)
{
	return fb_stateless_find(s, hash, &e->endpoint, e->endpoint_port_be, e->proto, now_ms);
}

static void an_endpoint_has_one_frontend_until_nobody_uses_it(void **state)
{
	const struct fb_stateless_endpoint a = entry(11, 20);
	const struct fb_stateless_endpoint b = entry(11, 21);
	struct fb_stateless *s = *state;
	uint32_t now_ms = UINT32_MAX - 1000; /* it wraps on the way */

	assert_null(find(s, 0, &a, now_ms));
	assert_true(fb_stateless_claim(s, 0, &a, now_ms));
	assert_true(s->used);
	assert_false(fb_stateless_claim(s, 0, &b, now_ms));
	now_ms += FB_STATELESS_IDLE_MS;
	assert_false(fb_stateless_claim(s, 0, &b, now_ms));
	assert_true(fb_addr_equal(&find(s, 0, &b, now_ms)->frontend, &a.frontend));
	assert_true(fb_stateless_claim(s, 0, &a, now_ms)); /* used again */
	now_ms += FB_STATELESS_IDLE_MS + 1;
	assert_null(find(s, 0, &a, now_ms));
	assert_true(fb_stateless_claim(s, 0, &b, now_ms));
	assert_true(fb_addr_equal(&find(s, 0, &a, now_ms)->frontend, &b.frontend));
}

static void protocols_and_ports_have_their_own(void **state)
{
	struct fb_stateless_endpoint e = entry(11, 20);
	struct fb_stateless *s = *state;

	assert_true(fb_stateless_claim(s, 0, &e, 0));
	e.proto = IPPROTO_UDP;
	assert_null(find(s, 0, &e, 0));
	e = entry(11, 21);
	e.endpoint_port_be = RTE_BE16(8081);
	assert_null(find(s, 0, &e, 0));
	assert_true(fb_stateless_claim(s, 0, &e, 0));
}

static void without_a_place_there_is_none_and_an_idle_ones_place_is_taken(void **state)
{
	struct fb_stateless *s = *state;
	struct fb_stateless_endpoint e;

	for (uint8_t i = 0; i < FB_STATELESS_PROBES; i++) {
		e = entry(i, 20);
		assert_true(fb_stateless_claim(s, 0, &e, i == 0 ? 0 : 1000));
	}
	e = entry(100, 20);
	assert_false(fb_stateless_claim(s, 0, &e, 1000));
	assert_true(fb_stateless_claim(s, 0, &e, 500 + FB_STATELESS_IDLE_MS));
	assert_non_null(find(s, 0, &e, 500 + FB_STATELESS_IDLE_MS));
	e = entry(0, 20);
	assert_null(find(s, 0, &e, 500 + FB_STATELESS_IDLE_MS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			clients_are_reached_by_the_usual_hop_or_by_their_own, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_flood_by_the_usual_hop_pushes_nobody_out, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(the_usual_hop_changes_with_the_majority, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(an_endpoint_has_one_frontend_until_nobody_uses_it,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(protocols_and_ports_have_their_own, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(
			without_a_place_there_is_none_and_an_idle_ones_place_is_taken, set_up,
			tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
