/* SPDX-License-Identifier: BSD-3-Clause */

/* The whole library without a kernel, as replay and explain --offline use it. */

#include "unit.h"

#include "neigh/neigh.h"

static char lan[] = "lan";
static char wan[] = "wan";

static struct fb_addr addr(const char *text)
{
	struct fb_addr a;

	assert_int_equal(fb_addr_parse(text, &a), 0);
	return a;
}

static struct fb_prefix prefix(const char *text)
{
	struct fb_prefix p;

	assert_int_equal(fb_prefix_parse(text, &p, NULL), 0);
	return p;
}

static int open_neigh(void **state)
{
	struct fb_config_addr lan_addr = {.addr = addr("10.0.0.1"), .len_bits = 24};
	struct fb_config_port ports[] = {
		{.name = lan, .mtu = 1500, .addresses = &lan_addr, .n_addresses = 1},
		{.name = wan, .mtu = 1400},
	};
	struct fb_config_neighbour neighbours[] = {
		{.addr = addr("10.0.0.9"), .mac = {2, 0, 0, 0, 0, 9}, .port = lan},
		{.addr = addr("192.0.2.9"), .mac = {2, 0, 0, 0, 1, 9}, .port = wan},
	};
	struct fb_config_route routes[] = {
		{.prefix = prefix("172.16.0.0/12"), .via = addr("10.0.0.9"), .port = lan},
		{.prefix = prefix("172.16.5.0/24"), .via = addr("192.0.2.9"), .port = wan},
		{.prefix = prefix("2001:db8::/32"), .via = addr("192.0.2.9"), .port = wan},
		{.prefix = prefix("192.0.2.0/24"), .port = wan},
	};
	struct fb_config config = {
		.ports = ports, .n_ports = 2,
		.neighbours = neighbours, .n_neighbours = 2,
		.routes = routes, .n_routes = 4,
	};

	*state = fb_neigh_open(&config, NULL, 0, false);
	return *state == NULL;
}

static int close_neigh(void **state)
{
	fb_neigh_close(*state);
	return 0;
}

static struct fb_next_hop hop_to(struct fb_neigh *n, const char *text)
{
	struct fb_table_router router = fb_neigh_router(n);
	struct fb_addr a = addr(text);
	uint16_t place;
	uint32_t count;
	const struct fb_next_hop *hops;

	assert_int_equal(router.hold(router.arg, &a), 0);
	place = router.next_hop(router.arg, &a);
	hops = router.next_hops(router.arg, &count);
	assert_true(place < count);
	return hops[place];
}

static void an_on_link_neighbour_is_ready(void **state)
{
	struct fb_next_hop hop = hop_to(*state, "192.0.2.9");

	assert_int_equal(hop.state, FB_HOP_READY);
	assert_int_equal(hop.port, 1);
	assert_int_equal(hop.mtu, 1400);
	assert_int_equal(hop.mac[4], 1);
}

static void a_ports_subnet_is_on_link(void **state)
{
	assert_int_equal(hop_to(*state, "10.0.0.9").state, FB_HOP_READY);
	assert_int_equal(hop_to(*state, "10.0.0.10").state, FB_HOP_UNRESOLVED);
	assert_int_equal(hop_to(*state, "10.0.1.9").state, FB_HOP_NONE);
}

static void the_longest_prefix_wins(void **state)
{
	assert_int_equal(hop_to(*state, "172.16.4.1").port, 0);
	assert_int_equal(hop_to(*state, "172.16.5.1").port, 1);
	assert_int_equal(hop_to(*state, "172.32.0.1").state, FB_HOP_NONE);
}

static void a_gateway_may_be_of_the_other_family(void **state)
{
	struct fb_next_hop hop = hop_to(*state, "2001:db8::5");

	assert_int_equal(hop.state, FB_HOP_READY);
	assert_int_equal(hop.mac[4], 1);
}

static void an_address_held_twice_stays_until_released_twice(void **state)
{
	struct fb_table_router router = fb_neigh_router(*state);
	struct fb_addr a = addr("10.0.0.9");
	struct fb_addr got;
	uint16_t place;

	(void)hop_to(*state, "10.0.0.9");
	(void)hop_to(*state, "10.0.0.9");
	place = router.next_hop(router.arg, &a);
	assert_int_equal(fb_neigh_describe(*state, place, &got), 0);
	assert_memory_equal(&got, &a, sizeof(a));
	router.release(router.arg, &a);
	assert_int_equal(router.next_hop(router.arg, &a), place);
	router.release(router.arg, &a);
	assert_int_equal(router.next_hop(router.arg, &a), 0);
}

static void without_a_kernel_there_is_nothing_to_poll(void **state)
{
	assert_int_equal(fb_neigh_fd(*state), -1);
	assert_int_equal(fb_neigh_process(*state), 0);
	assert_int_equal(fb_neigh_tick(*state, 1000), 0);
}

#define WITH_NEIGH(f) cmocka_unit_test_setup_teardown(f, open_neigh, close_neigh)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_NEIGH(an_on_link_neighbour_is_ready),
		WITH_NEIGH(a_ports_subnet_is_on_link),
		WITH_NEIGH(the_longest_prefix_wins),
		WITH_NEIGH(a_gateway_may_be_of_the_other_family),
		WITH_NEIGH(an_address_held_twice_stays_until_released_twice),
		WITH_NEIGH(without_a_kernel_there_is_nothing_to_poll),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
