/* SPDX-License-Identifier: BSD-3-Clause */

/* Next hops against the real kernel; the test is the peer, reading and writing frames on the twin. */

#include "unit.h"

#include <string.h>
#include <sys/socket.h>

#include "alloc_fail.h"
#include "neigh/kept.h"
#include "neigh/neigh.h"
#include "netns.h"
#include "twin/twin.h"

#define DEADLINE_MS 10000

static const uint8_t mac[6] = {0x02, 0xfb, 0, 0, 0, 1};
static const uint8_t peer_mac[6] = {0x02, 0xaa, 0, 0, 0, 2};
static const uint8_t other_mac[6] = {0x02, 0xaa, 0, 0, 0, 3};

struct box {
	struct fb_twin *twin;
	struct fb_neigh *neigh;
	struct fb_table_router router;
};

static struct fb_addr addr(const char *text)
{
	struct fb_addr a;

	assert_int_equal(fb_addr_parse(text, &a), 0);
	return a;
}

static void run(const char *command)
{
	assert_int_equal(system(command), 0);
}

/* A run begins; NULL: the first one. */
static void begin_run(struct box *b, const struct fb_neigh_kept *kept)
{
	static char lan[] = "lan";
	struct fb_config_addr addresses[] = {
		{.addr = addr("192.0.2.1"), .len_bits = 24},
		{.addr = addr("2001:db8::1"), .len_bits = 64},
	};
	struct fb_config_port port = {
		.name = lan, .addresses = addresses, .n_addresses = 2, .mtu = 1500,
	};
	struct fb_config config = {.ports = &port, .n_ports = 1};
	struct fb_neigh_link link = {.port = 0, .mtu = 1500};
	struct fb_errs errs = FB_ERRS_INIT;

	b->twin = fb_twin_open(&port, mac, &errs);
	assert_non_null(b->twin);
	link.ifindex = fb_twin_ifindex(b->twin);
	if (kept != NULL)
		assert_int_equal(fb_neigh_kept_tell(kept, &link.ifindex, 1), 2);
	b->neigh = fb_neigh_open(&config, &link, 1, true);
	assert_non_null(b->neigh);
	b->router = fb_neigh_router(b->neigh);
}

static void end_run(struct box *b)
{
	fb_neigh_close(b->neigh);
	fb_twin_close(b->twin);
}

static int open_box(void **state)
{
	struct box *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	begin_run(b, NULL);
	*state = b;
	return 0;
}

static int close_box(void **state)
{
	struct box *b = *state;

	end_run(b);
	free(b);
	return 0;
}

static uint16_t place_of(struct box *b, const char *text)
{
	struct fb_addr a = addr(text);

	return b->router.next_hop(b->router.arg, &a);
}

static uint16_t hold(struct box *b, const char *text)
{
	struct fb_addr a = addr(text);

	assert_int_equal(b->router.hold(b->router.arg, &a), 0);
	return place_of(b, text);
}

static const struct fb_next_hop *hop_at(struct box *b, uint16_t place)
{
	uint32_t n;
	const struct fb_next_hop *hops = b->router.next_hops(b->router.arg, &n);

	assert_true(place < n);
	return &hops[place];
}

static void assert_gateway(struct box *b, const char *dst, const char *gateway)
{
	struct fb_addr want = addr(gateway);
	struct fb_addr got;

	assert_int_equal(fb_neigh_describe(b->neigh, place_of(b, dst), &got), 0);
	assert_memory_equal(&got, &want, sizeof(got));
}

/* Process news until one of `bits` is told. */
static void await_news(struct box *b, uint32_t bits)
{
	uint64_t deadline = netns_now_ms() + DEADLINE_MS;

	while (netns_wait(fb_neigh_fd(b->neigh), deadline)) {
		if ((fb_neigh_process(b->neigh) & bits) != 0)
			return;
	}
	fail_msg("the kernel did not tell %x", bits);
}

/* Process until the address has the wanted gateway, or NULL: none. */
static void await_gateway(struct box *b, const char *dst, const char *gateway)
{
	uint64_t deadline = netns_now_ms() + DEADLINE_MS;
	struct fb_addr want = {.bytes = {0}};
	struct fb_addr got = want;

	if (gateway != NULL)
		want = addr(gateway);
	do {
		uint16_t place;

		(void)fb_neigh_process(b->neigh);
		place = place_of(b, dst);
		if (place == 0 && gateway == NULL)
			return;
		if (fb_neigh_describe(b->neigh, place, &got) == 0 && fb_addr_equal(&got, &want))
			return;
	} while (netns_wait(fb_neigh_fd(b->neigh), deadline));
	fail_msg("%s did not come to lead to %s", dst, gateway != NULL ? gateway : "nowhere");
}

/* The next ARP request (op 1), or neighbour solicitation (type 135), for an address. */
static void await_question(struct box *b, const char *text, uint8_t *frame, size_t frame_size)
{
	uint64_t deadline = netns_now_ms() + DEADLINE_MS;
	struct fb_addr target = addr(text);
	size_t len = fb_family_addr_len(fb_addr_family(&target));

	while (netns_wait(fb_twin_fd(b->twin), deadline)) {
		ssize_t got = fb_twin_read(b->twin, frame, frame_size);

		if (len == 4 && got >= 42 && frame[12] == 0x08 && frame[13] == 0x06 &&
		    memcmp(frame + 38, fb_addr_wire(&target), 4) == 0)
			return;
		if (len == 16 && got >= 78 && frame[12] == 0x86 && frame[54] == 135 &&
		    memcmp(frame + 62, fb_addr_wire(&target), 16) == 0)
			return;
	}
	fail_msg("nobody asked for %s", text);
}

static void write_arp(struct box *b, uint8_t op, const char *sender, const uint8_t *sender_mac,
		      const uint8_t *target_mac, const uint8_t *target)
{
	struct fb_addr a = addr(sender);
	uint8_t f[42] = {[12] = 0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, op};

	memcpy(f, target_mac, 6);
	memcpy(f + 6, sender_mac, 6);
	memcpy(f + 22, sender_mac, 6);
	memcpy(f + 28, fb_addr_wire(&a), 4);
	memcpy(f + 32, target_mac, 6);
	memcpy(f + 38, target != NULL ? target : fb_addr_wire(&a), 4);
	assert_int_equal(fb_twin_write(b->twin, f, sizeof(f)), 0);
}

/* Neighbour advertisement (RFC 4861, 4.4), solicited and overriding, to whoever asked. */
static void write_advertisement(struct box *b, const uint8_t *question, const uint8_t *sender_mac)
{
	uint8_t f[86] = {[12] = 0x86, 0xdd, 0x60};
	uint32_t sum = 32 + 58;

	memcpy(f, question + 6, 6);
	memcpy(f + 6, sender_mac, 6);
	f[19] = 32;
	f[20] = 58;
	f[21] = 255;
	memcpy(f + 22, question + 62, 16);
	memcpy(f + 38, question + 22, 16);
	f[54] = 136;
	f[58] = 0x60;
	memcpy(f + 62, question + 62, 16);
	f[78] = 2;
	f[79] = 1;
	memcpy(f + 80, sender_mac, 6);
	for (int i = 22; i < 86; i += 2)
		sum += (uint32_t)f[i] << 8 | f[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	f[56] = (uint8_t)(~sum >> 8);
	f[57] = (uint8_t)~sum;
	assert_int_equal(fb_twin_write(b->twin, f, sizeof(f)), 0);
}

static void resolve(struct box *b, const char *text, uint16_t place)
{
	uint8_t frame[2048];

	await_question(b, text, frame, sizeof(frame));
	if (frame[12] == 0x08)
		write_arp(b, 2, text, peer_mac, mac, frame + 28);
	else
		write_advertisement(b, frame, peer_mac);
	await_news(b, FB_NEIGH_HOPS);
	assert_int_equal(hop_at(b, place)->state, FB_HOP_READY);
	assert_memory_equal(hop_at(b, place)->mac, peer_mac, 6);
}

static void an_ipv4_neighbour_is_asked_for_and_becomes_ready(void **state)
{
	struct box *b = *state;
	uint16_t place = hold(b, "192.0.2.9");

	assert_int_not_equal(place, 0);
	assert_int_equal(hop_at(b, place)->state, FB_HOP_UNRESOLVED);
	assert_int_equal(hop_at(b, place)->port, 0);
	assert_int_equal(hop_at(b, place)->mtu, 1500);
	resolve(b, "192.0.2.9", place);
}

static void an_ipv6_neighbour_is_asked_for_and_becomes_ready(void **state)
{
	struct box *b = *state;
	uint16_t place = hold(b, "2001:db8::9");

	assert_int_equal(hop_at(b, place)->state, FB_HOP_UNRESOLVED);
	resolve(b, "2001:db8::9", place);
}

static void an_unanswered_neighbour_is_asked_for_again(void **state)
{
	struct box *b = *state;
	uint8_t frame[2048];

	(void)hold(b, "192.0.2.9");
	await_question(b, "192.0.2.9", frame, sizeof(frame));
	/* As if it had failed: gone from the kernel, and only a poke brings it back. */
	run("ip neigh flush dev fb-lan nud all");
	run("ip neigh del 192.0.2.9 dev fb-lan 2>/dev/null || true");
	(void)fb_neigh_process(b->neigh);
	(void)fb_neigh_tick(b->neigh, 60000);
	await_question(b, "192.0.2.9", frame, sizeof(frame));
}

static void a_moved_mac_is_followed_at_once(void **state)
{
	struct box *b = *state;
	uint16_t place = hold(b, "192.0.2.9");
	static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	resolve(b, "192.0.2.9", place);
	write_arp(b, 1, "192.0.2.9", other_mac, everybody, NULL);
	await_news(b, FB_NEIGH_HOPS);
	assert_int_equal(hop_at(b, place)->state, FB_HOP_READY);
	assert_memory_equal(hop_at(b, place)->mac, other_mac, 6);
}

static void a_lost_neighbour_becomes_unresolved(void **state)
{
	struct box *b = *state;
	uint16_t place = hold(b, "192.0.2.9");

	resolve(b, "192.0.2.9", place);
	run("ip neigh del 192.0.2.9 dev fb-lan");
	await_news(b, FB_NEIGH_HOPS);
	assert_int_equal(hop_at(b, place)->state, FB_HOP_UNRESOLVED);
}

static void a_neighbour_that_the_kernel_knows_already_is_ready_at_once(void **state)
{
	struct box *b = *state;

	run("ip neigh add 192.0.2.9 lladdr 02:aa:00:00:00:02 dev fb-lan");
	(void)fb_neigh_process(b->neigh);
	assert_int_equal(hop_at(b, hold(b, "192.0.2.9"))->state, FB_HOP_READY);
}

/* Nobody answers: who is reached is known from the run before, and asked himself whether he is there. */
static void whom_an_earlier_run_reached_is_ready_at_once(void **state)
{
	static const char *const peers[] = {"192.0.2.9", "2001:db8::9"};
	static struct fb_neigh_kept kept;
	struct box *b = *state;
	uint8_t frame[2048];

	for (int i = 0; i < 2; i++)
		resolve(b, peers[i], hold(b, peers[i]));
	(void)hold(b, "192.0.2.77");
	fb_neigh_keep(b->neigh, &kept);
	(void)fb_neigh_tick(b->neigh, 1000);
	assert_int_equal(kept.v[2].check, 0); /* of whom nothing is known */
	kept.v[3] = kept.v[0];
	kept.v[3].mac[5] ^= 1; /* the run ended while it was written */
	end_run(b);
	begin_run(b, &kept);
	for (int i = 0; i < 2; i++) {
		const uint16_t place = hold(b, peers[i]);

		assert_int_equal(hop_at(b, place)->state, FB_HOP_READY);
		assert_memory_equal(hop_at(b, place)->mac, peer_mac, 6);
		await_question(b, peers[i], frame, sizeof(frame));
		assert_memory_equal(frame, peer_mac, 6);
	}
}

static void routes_are_followed(void **state)
{
	struct box *b = *state;

	assert_int_equal(hold(b, "198.51.100.7"), 0);
	run("ip route add 198.51.100.0/24 via 192.0.2.9 mtu 1300");
	await_news(b, FB_NEIGH_ROUTES);
	assert_gateway(b, "198.51.100.7", "192.0.2.9");
	assert_int_equal(hop_at(b, place_of(b, "198.51.100.7"))->mtu, 1300);
	run("ip route replace 198.51.100.0/24 via 192.0.2.10");
	await_gateway(b, "198.51.100.7", "192.0.2.10");
	assert_int_equal(hop_at(b, place_of(b, "198.51.100.7"))->mtu, 1500);
	run("ip route replace 198.51.100.0/24 via inet6 2001:db8::9 dev fb-lan");
	await_gateway(b, "198.51.100.7", "2001:db8::9");
	run("ip route add 198.51.100.7/32 via 192.0.2.11");
	await_gateway(b, "198.51.100.7", "192.0.2.11");
	run("ip route del 198.51.100.7/32");
	await_gateway(b, "198.51.100.7", "2001:db8::9");
	run("ip route del 198.51.100.0/24");
	await_gateway(b, "198.51.100.7", NULL);
}

static void ipv6_routes_are_followed(void **state)
{
	struct box *b = *state;

	assert_int_equal(hold(b, "2001:db8:1::7"), 0);
	run("ip -6 route add default via fe80::9 dev fb-lan");
	await_gateway(b, "2001:db8:1::7", "fe80::9");
	run("ip -6 route add 2001:db8:1::/64 via 2001:db8::9 mtu 1400");
	await_gateway(b, "2001:db8:1::7", "2001:db8::9");
	assert_int_equal(hop_at(b, place_of(b, "2001:db8:1::7"))->mtu, 1400);
	run("ip -6 route add unreachable 2001:db8:1::7/128");
	await_gateway(b, "2001:db8:1::7", NULL);
}

static void what_is_not_behind_a_port_has_no_route(void **state)
{
	struct box *b = *state;

	run("ip tuntap add dev other0 mode tap && ip addr add 203.0.113.1/24 dev other0 && "
	    "ip link set other0 up");
	(void)fb_neigh_process(b->neigh);
	assert_int_equal(hold(b, "203.0.113.7"), 0);
	assert_int_equal(hold(b, "192.0.2.1"), 0);
	assert_int_equal(hold(b, "127.0.0.1"), 0);
	/* When the other link goes, the default route takes over. */
	run("ip route add default via 192.0.2.9");
	run("ip link del other0");
	await_gateway(b, "203.0.113.7", "192.0.2.9");
}

static void rules_and_lost_addresses_are_followed(void **state)
{
	struct box *b = *state;

	run("ip route add 198.51.100.0/24 via 192.0.2.9");
	(void)fb_neigh_process(b->neigh);
	assert_int_not_equal(hold(b, "198.51.100.7"), 0);
	run("ip rule add to 198.51.100.7 unreachable");
	await_gateway(b, "198.51.100.7", NULL);
	run("ip rule del to 198.51.100.7 unreachable");
	await_gateway(b, "198.51.100.7", "192.0.2.9");
	run("ip addr del 192.0.2.1/24 dev fb-lan");
	await_gateway(b, "198.51.100.7", NULL);
}

static void a_link_that_goes_down_takes_its_routes_along(void **state)
{
	struct box *b = *state;

	assert_int_not_equal(hold(b, "192.0.2.9"), 0);
	run("ip link set fb-lan down");
	await_gateway(b, "192.0.2.9", NULL);
	run("ip link set fb-lan up");
	await_gateway(b, "192.0.2.9", "192.0.2.9");
}

static void after_lost_news_everything_is_as_the_kernel_has_it(void **state)
{
	struct box *b = *state;
	int small = 1;

	assert_int_equal(setsockopt(fb_neigh_fd(b->neigh), SOL_SOCKET, SO_RCVBUF, &small,
				    sizeof(small)), 0);
	assert_int_equal(hold(b, "198.51.100.7"), 0);
	assert_int_not_equal(hold(b, "192.0.2.9"), 0);
	run("for i in $(seq 100); do echo route add 10.1.$i.0/24 via 192.0.2.10; done | ip -b -");
	run("ip route add 198.51.100.0/24 via 192.0.2.9");
	run("ip neigh replace 192.0.2.9 lladdr 02:aa:00:00:00:02 nud reachable dev fb-lan");
	/* One call: what was lost does not come later. */
	assert_int_equal(fb_neigh_process(b->neigh), FB_NEIGH_ROUTES | FB_NEIGH_HOPS);
	assert_gateway(b, "198.51.100.7", "192.0.2.9");
	assert_int_equal(hop_at(b, place_of(b, "192.0.2.9"))->state, FB_HOP_READY);
	assert_memory_equal(hop_at(b, place_of(b, "192.0.2.9"))->mac, peer_mac, 6);
}

/* Whichever allocation fails while news are read: a second later it is as the kernel has it. */
static void without_memory_it_is_as_the_kernel_has_it_a_second_later(void **state)
{
	struct box *b = *state;
	uint64_t now_ms = 1000;
	bool failed = true;

	assert_int_equal(hold(b, "198.51.100.7"), 0);
	for (unsigned int n = 1; failed; n++) {
		run("ip route add 198.51.100.0/24 via 192.0.2.9");
		run("ip neigh replace 192.0.2.9 lladdr 02:aa:00:00:00:02 nud reachable dev fb-lan");
		run("for i in $(seq 80); do echo neigh replace 192.0.2.1$i lladdr 02:aa:00:00:00:03 "
		    "nud reachable dev fb-lan; done | ip -b -");
		alloc_fail_at(n);
		(void)fb_neigh_process(b->neigh);
		failed = alloc_fail_stop();
		(void)fb_neigh_tick(b->neigh, now_ms += 1000);
		assert_gateway(b, "198.51.100.7", "192.0.2.9");
		assert_int_equal(hop_at(b, place_of(b, "198.51.100.7"))->state, FB_HOP_READY);
		assert_memory_equal(hop_at(b, place_of(b, "198.51.100.7"))->mac, peer_mac, 6);
		run("ip route del 198.51.100.0/24");
		run("ip neigh flush dev fb-lan nud all");
		(void)fb_neigh_process(b->neigh);
		assert_int_equal(place_of(b, "198.51.100.7"), 0);
	}
}

#define WITH_BOX(f) cmocka_unit_test_setup_teardown(f, open_box, close_box)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_BOX(an_ipv4_neighbour_is_asked_for_and_becomes_ready),
		WITH_BOX(an_ipv6_neighbour_is_asked_for_and_becomes_ready),
		WITH_BOX(an_unanswered_neighbour_is_asked_for_again),
		WITH_BOX(a_moved_mac_is_followed_at_once),
		WITH_BOX(a_lost_neighbour_becomes_unresolved),
		WITH_BOX(a_neighbour_that_the_kernel_knows_already_is_ready_at_once),
		WITH_BOX(whom_an_earlier_run_reached_is_ready_at_once),
		WITH_BOX(routes_are_followed),
		WITH_BOX(ipv6_routes_are_followed),
		WITH_BOX(what_is_not_behind_a_port_has_no_route),
		WITH_BOX(rules_and_lost_addresses_are_followed),
		WITH_BOX(a_link_that_goes_down_takes_its_routes_along),
		WITH_BOX(after_lost_news_everything_is_as_the_kernel_has_it),
		WITH_BOX(without_memory_it_is_as_the_kernel_has_it_a_second_later),
	};

	return netns_enter() != 0 ? NETNS_SKIP : cmocka_run_group_tests(tests, NULL, NULL);
}
