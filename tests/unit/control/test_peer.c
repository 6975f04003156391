/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a box believes of its peer's flows, and how fast it tells of its own. The peer is the other end of a
 * socket; workers are stood in for: they take whatever they are given, and their flows are made up.
 */

#include "unit.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/control.h"
#include "control/peer_parts.h"
#include "table/write.h"

enum {
	OWN_RUN = 7,
	PEER_RUN = 9,
	BEGIN_MS = 100000,
	BANDWIDTH = 20000, /* bytes per second */
	FLOWS = 4000,
	FIRST_PORT = 32768, /* SNAT ports of this box: the lower half */
	LAST_PORT = 49151,
};

static struct fixture {
	struct fb_config config;
	struct fb_control control;
	struct fb_table *table;
	struct fb_rcu *rcu;
	struct fb_peer peer;
	struct fb_peer_request requests[FB_PEER_REQUESTS];
	struct fb_peer_seen seen[FLOWS];
	struct fb_nat_ports ports;
	int far; /* the peer's end */
	uint64_t sequence;
	char logged[512];
	struct fb_flow_row mirrored[4]; /* what workers were given last */
	uint16_t workers[4];
	uint32_t n_mirrored;
	uint32_t walked;
	bool walks_kept; /* the Service's that keeps clients' addresses */
	bool walks_proxied;
} fix;

const struct fb_nat_ports *__wrap_fb_datapath_nat_ports(const struct fb_datapath *dp);
uint16_t __wrap_fb_datapath_n_ports(const struct fb_datapath *dp);
uint16_t __wrap_fb_datapath_owner(const struct fb_datapath *dp, const struct fb_service *svc,
				  uint16_t port, const struct fb_tuple *client,
				  const char **ret_rule);
int __wrap_fb_datapath_request(struct fb_datapath *dp, uint16_t worker, struct fb_request *request);
bool __wrap_fb_flow_walk_poll(struct fb_flow_walk *walk, struct fb_control *c);

const struct fb_nat_ports *__wrap_fb_datapath_nat_ports(const struct fb_datapath *dp)
{
	return &fix.ports;
}

uint16_t __wrap_fb_datapath_n_ports(const struct fb_datapath *dp)
{
	return 1;
}

uint16_t __wrap_fb_datapath_owner(const struct fb_datapath *dp, const struct fb_service *svc,
				  uint16_t port, const struct fb_tuple *client,
				  const char **ret_rule)
{
	*ret_rule = "test";
	return 0;
}

int __wrap_fb_datapath_request(struct fb_datapath *dp, uint16_t worker, struct fb_request *request)
{
	assert_int_equal(request->kind, FB_REQUEST_MIRROR);
	for (uint32_t i = 0; i < request->n_rows; i++) {
		assert_true(fix.n_mirrored < 4);
		fix.workers[fix.n_mirrored] = worker;
		fix.mirrored[fix.n_mirrored++] = request->rows[i];
	}
	request->mirrored.n_new = request->n_rows;
	request->done = 1;
	return 0;
}

static struct fb_addr addr(const char *text)
{
	struct fb_addr a;

	assert_int_equal(fb_addr_parse(text, &a), 0);
	return a;
}

/* Client i of the Service that hides clients, or of the one that keeps them. */
static struct fb_sync_flow flow_of(uint16_t i, bool snat, uint16_t snat_port)
{
	const rte_be16_t sport_be = rte_cpu_to_be_16((uint16_t)(10000 + i));
	const struct fb_addr client = addr("203.0.113.2");
	const struct fb_addr service = addr(snat ? "192.0.2.10" : "192.0.2.11");
	const struct fb_addr endpoint = addr("10.1.0.1");
	const struct fb_addr hidden = addr("203.0.113.9");

	return (struct fb_sync_flow){
		.client = fb_tuple_make(IPPROTO_TCP, &client, sport_be, &service,
					rte_cpu_to_be_16(80)),
		.reply = fb_tuple_make(IPPROTO_TCP, &endpoint, rte_cpu_to_be_16(8080),
				       snat ? &hidden : &client,
				       snat ? rte_cpu_to_be_16(snat_port) : sport_be),
		.snat = snat,
	};
}

/* All of a worker's flows, a piece at a call. */
bool __wrap_fb_flow_walk_poll(struct fb_flow_walk *walk, struct fb_control *c)
{
	for (uint32_t n = 0; n < FB_FLOW_WALK_ROWS && fix.walked < FLOWS; n++, fix.walked++) {
		const uint32_t i = fix.walked;
		const struct fb_sync_flow flow =
			flow_of((uint16_t)i, !fix.walks_kept, (uint16_t)(FIRST_PORT + i));
		const struct fb_flow_row row = {
			.client = flow.client,
			.reply = flow.reply,
			.ep_id = fix.walks_kept, /* numbered in the order of add_service() */
			.packets = 10,
			.place = i,
			.state = fix.walks_proxied ? FB_FLOW_PROXIED : FB_FLOW_ESTABLISHED,
			.shift = {.seq = fix.walks_proxied ? i : 0},
			.flags = fix.walks_kept ? 0 : FB_FLOW_SNAT,
		};

		assert_true(walk->row(walk->arg, c, &row));
	}
	return fix.walked == FLOWS;
}

static const struct fb_next_hop *next_hops(void *arg, uint32_t *ret_n)
{
	static const struct fb_next_hop v[] = {
		{.state = FB_HOP_NONE},
		{.state = FB_HOP_READY, .mac = {2, 0, 0, 0, 0, 1}, .mtu = 1500},
	};

	*ret_n = 2;
	return v;
}

static uint16_t next_hop(void *arg, const struct fb_addr *a)
{
	return 1;
}

static void add_service(const char *name, enum fb_service_mode mode, const char *at)
{
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_frontend_spec fe = {
		.addr = addr(at),
		.port_be = rte_cpu_to_be_16(80),
		.kind = FB_FRONTEND_LOAD_BALANCER,
	};
	struct fb_endpoint_spec ep = {
		.addr = addr("10.1.0.1"),
		.port_be = rte_cpu_to_be_16(8080),
		.state = FB_EP_ACTIVE,
		.weight = 1,
	};
	struct fb_service_spec spec = {
		.namespace_ = "default",
		.name = name,
		.port_name = "",
		.port = 80,
		.proto = IPPROTO_TCP,
		.family = FB_IPV4,
		.mode = (uint8_t)mode,
		.frontends = &fe,
		.n_frontends = 1,
		.endpoints = &ep,
		.n_endpoints = 1,
		.removed_tcp_s = FB_NEVER_S,
	};

	assert_int_equal(fb_table_set_service(fix.table, "default", name, &spec, 1,
					      (struct fb_place){0}, &errs),
			 0);
	assert_int_equal(errs.n, 0);
}

static void note_log(void *arg, enum fb_config_log level, const char *line)
{
	strncat(fix.logged, line, sizeof(fix.logged) - strlen(fix.logged) - 1);
}

static void build_table(const struct fb_hash_secret *secret)
{
	struct fb_table_router router = {.next_hop = next_hop, .next_hops = next_hops};
	struct fb_addr snat = addr("203.0.113.9");

	fix.table = fb_table_create(secret, &router, 100, 100);
	assert_non_null(fix.table);
	add_service("hidden", FB_MODE_SNAT, "192.0.2.10");
	add_service("kept", FB_MODE_DNAT, "192.0.2.11");
	assert_int_equal(fb_table_set_address(fix.table, &snat, FB_ADDR_SNAT), 0);
	fix.rcu = fb_rcu_create(1, fb_control_release, fix.table);
	assert_non_null(fix.rcu);
	assert_int_equal(fb_rcu_publish(fix.rcu, fb_table_commit(fix.table)), 0);
}

static int set_up(void **state)
{
	static char peer_name[] = "10.9.0.2:7401";
	struct fb_hash_secret secret;
	int fds[2];
	int room = 1 << 20;

	memset(&fix, 0, sizeof(fix));
	fb_hash_secret_init(&secret, "peer");
	build_table(&secret);
	assert_int_equal(fb_nat_ports_init(&fix.ports, FIRST_PORT, LAST_PORT, 2, &secret), 0);
	fb_nat_ports_mirror(&fix.ports);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds), 0);
	(void)setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	fix.far = fds[1];
	fix.config = (struct fb_config){
		.sync_bandwidth = BANDWIDTH,
		.sync_interval_s = 1,
		.sync_peer = peer_name,
		.log_level = FB_LOG_NOTICE,
	};
	fix.control.p =
		(struct fb_control_params){.config = &fix.config, .rcu = fix.rcu, .log = note_log};
	fix.control.now_ms = BEGIN_MS;
	fix.peer = (struct fb_peer){
		.c = &fix.control,
		.watch.fd = fds[0],
		.key = {.len = 16, .bytes = "0123456789abcdef"},
		.run = OWN_RUN,
		.credit_ms = BEGIN_MS,
		.requests = fix.requests,
	};
	fix.peer.seen[0][FB_IPV4] = fix.seen;
	return 0;
}

static int tear_down(void **state)
{
	fb_peer_send_fini(&fix.peer);
	(void)close(fix.peer.watch.fd);
	(void)close(fix.far);
	fb_rcu_free(fix.rcu);
	fb_table_free(fix.table);
	return 0;
}

/* The peer tells of flows; its SNAT ports begin at first. What workers are given of them is in fix.mirrored. */
static void tell(uint16_t first, const struct fb_sync_flow *flows, uint32_t n)
{
	struct fb_sync_writer w;
	uint32_t len;

	fb_sync_begin(&w, &(struct fb_sync_head){.kind = FB_SYNC_FLOWS,
						 .from = PEER_RUN,
						 .to = OWN_RUN,
						 .sequence = ++fix.sequence,
						 .snat_first = first,
						 .snat_last = 65535});
	for (uint32_t i = 0; i < n; i++)
		assert_true(fb_sync_put(&w, &flows[i]));
	len = fb_sync_end(&w, &fix.peer.key);
	assert_int_equal(send(fix.far, w.bytes, len, 0), len);
	fix.n_mirrored = 0;
	fb_peer_receive(&fix.peer, 0);
	fb_peer_collect(&fix.peer);
	fb_peer_collect(&fix.peer);
}

static uint64_t counted(int what)
{
	return fix.peer.counts.flows[what];
}

static void with_ports_that_overlap_hidden_flows_are_refused_and_kept_ones_are_not(void **state)
{
	const struct fb_sync_flow flows[] = {flow_of(1, true, 50000), flow_of(2, false, 0)};

	tell(LAST_PORT, flows, 2);
	assert_int_equal(counted(FB_METRICS_SYNC_UNFIT), 1);
	assert_int_equal(counted(FB_METRICS_SYNC_NEW), 1);
	assert_int_equal(fix.n_mirrored, 1);
	assert_memory_equal(&fix.mirrored[0].client, &flows[1].client, sizeof(struct fb_tuple));
	assert_non_null(
		strstr(fix.logged, "49151-65535, this box's 32768-49151: they have to be apart"));
	/* Told once; and put right, they are taken. */
	fix.logged[0] = 0;
	tell(LAST_PORT, flows, 1);
	assert_int_equal(fix.logged[0], 0);
	tell(LAST_PORT + 1, flows, 1);
	assert_int_equal(counted(FB_METRICS_SYNC_UNFIT), 2);
	assert_true(fix.n_mirrored > 0);
	assert_memory_equal(&fix.mirrored[0].reply, &flows[0].reply, sizeof(struct fb_tuple));
}

/* This box was lost, with what it knew, and the peer has had its flows meanwhile. */
static void a_box_that_comes_back_gets_the_flows_by_its_own_ports(void **state)
{
	/* Blocks of ports are dealt in turn: this one is the second worker's. */
	const struct fb_sync_flow flow = flow_of(1, true, FIRST_PORT + FB_NAT_BLOCK);

	tell(LAST_PORT + 1, &flow, 1);
	assert_int_equal(counted(FB_METRICS_SYNC_UNFIT), 0);
	assert_int_equal(fix.n_mirrored, 2);
	/* To the worker that the client comes to, and to the one that its replies come to. */
	assert_int_equal(fix.workers[0] + fix.workers[1], 1);
}

static void a_hidden_client_has_an_address_and_a_port_that_can_be(void **state)
{
	struct fb_sync_flow flow = flow_of(1, true, 80); /* no worker has privileged ports */
	struct fb_addr elsewhere = addr("203.0.113.8");
	struct fb_addr endpoint = addr("10.1.0.1");

	tell(LAST_PORT + 1, &flow, 1);
	flow = flow_of(1, true, 50000);
	flow.reply = fb_tuple_make(IPPROTO_TCP, &endpoint, rte_cpu_to_be_16(8080), &elsewhere,
				   rte_cpu_to_be_16(50000));
	tell(LAST_PORT + 1, &flow, 1);
	flow = flow_of(1, false, 0); /* a client that is kept has its own address */
	flow.reply = fb_tuple_make(IPPROTO_TCP, &endpoint, rte_cpu_to_be_16(8080), &elsewhere,
				   fb_tuple_sport(&flow.client));
	tell(LAST_PORT + 1, &flow, 1);
	assert_int_equal(counted(FB_METRICS_SYNC_UNFIT), 3);
	assert_int_equal(fix.n_mirrored, 0);
}

/* By as much as can be, and as a flow can keep it. */
static void what_began_with_a_cookie_is_kept_with_its_numbers(void **state)
{
	struct fb_sync_flow flow = flow_of(1, false, 0);

	flow.shifted = true;
	flow.shift = (struct fb_tcp_shift){7, 64, -14};
	tell(LAST_PORT + 1, &flow, 1);
	assert_int_equal(fix.n_mirrored, 1);
	assert_int_equal(fix.mirrored[0].state, FB_FLOW_PROXIED);
	assert_memory_equal(&fix.mirrored[0].shift, &flow.shift, sizeof(flow.shift));
	flow.shift.ts = 65;
	tell(LAST_PORT + 1, &flow, 1);
	flow.shift.ts = 64;
	flow.shift.window = -15;
	tell(LAST_PORT + 1, &flow, 1);
	flow.shift.window = 15;
	tell(LAST_PORT + 1, &flow, 1);
	assert_int_equal(counted(FB_METRICS_SYNC_UNFIT), 3);
	assert_int_equal(counted(FB_METRICS_SYNC_NEW), 1);
}

/* The peer reads what was told. @return bytes, with their headers; each flow is noted in told */
static uint64_t listen_to(uint8_t told[FLOWS])
{
	uint8_t bytes[FB_SYNC_MESSAGE_MAX];
	struct fb_sync_reader reader;
	struct fb_sync_flow flow;
	struct fb_sync_head head;
	uint64_t sum = 0;
	ssize_t n;

	while ((n = recv(fix.far, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
		sum += (uint64_t)n + 28;
		assert_int_equal(fb_sync_open(&fix.peer.key, bytes, (uint32_t)n, &head, &reader),
				 0);
		while (fb_sync_next(&reader, &flow) == 1) {
			const uint32_t i = rte_be_to_cpu_16(fb_tuple_sport(&flow.client)) - 10000u;

			told[i]++;
			assert_int_equal(flow.shifted, fix.walks_proxied);
			assert_int_equal(flow.shift.seq, fix.walks_proxied ? i : 0);
		}
	}
	return sum;
}

/* A millisecond of the loop, with a peer that is there. */
static void pass(void)
{
	fix.control.now_ms++;
	fix.peer.heard_ms = fix.control.now_ms;
	fb_peer_send(&fix.peer);
}

/* Until so many rounds are over; told counts what the peer hears. */
static void tell_rounds(uint64_t rounds, uint8_t told[FLOWS])
{
	while (fix.peer.counts.rounds < rounds) {
		pass();
		(void)listen_to(told);
	}
	(void)listen_to(told);
}

/* A flow of dnat is found again by the hash, but not by what its endpoint sends. */
static void flows_of_dnat_are_told_of_when_they_are_old_unless_it_is_off(void **state)
{
	static uint8_t told[FLOWS];

	fix.peer.peer_run = PEER_RUN;
	fix.config.sync_bandwidth = 1000000000;
	fix.config.sync_age_s = 2;
	fix.walks_kept = true;
	/* At first, when they have lasted, and when they are not wanted. */
	for (int round = 1; round <= 4; round++) {
		fix.config.sync_dnat = round <= 3;
		fix.walked = 0;
		tell_rounds((uint64_t)round, told);
		assert_int_equal(fix.peer.counts.sent_flows, round >= 3 ? FLOWS : 0);
	}
	for (uint32_t i = 0; i < FLOWS; i++)
		assert_int_equal(told[i], 1);
}

/* The hash finds its endpoint, but not its numbers. */
static void what_began_with_a_cookie_is_always_told_of(void **state)
{
	static uint8_t told[FLOWS];

	fix.peer.peer_run = PEER_RUN;
	fix.config.sync_bandwidth = 1000000000;
	fix.config.sync_age_s = 1000;
	fix.walks_kept = true;
	fix.walks_proxied = true;
	tell_rounds(1, told);
	for (uint32_t i = 0; i < FLOWS; i++)
		assert_int_equal(told[i], 1);
}

static void with_too_little_bandwidth_a_round_takes_longer_and_leaves_nobody_out(void **state)
{
	/* What may go at once: a full purse, and the last piece of the walk. */
	const uint64_t at_once = 65536 + (FB_FLOW_WALK_ROWS + 1) * 40;
	static uint8_t told[FLOWS];
	uint64_t sum = 0;

	fix.peer.peer_run = PEER_RUN;
	for (int round = 1; round <= 2; round++) {
		const uint64_t began_ms = fix.control.now_ms;
		const uint64_t began = sum;

		memset(told, 0, sizeof(told));
		fix.walked = 0;
		while (fix.peer.counts.rounds < (uint64_t)round) {
			pass();
			sum += listen_to(told);
			assert_true(sum - began <=
				    at_once + (fix.control.now_ms - began_ms) * BANDWIDTH / 1000);
			assert_true(fix.control.now_ms - began_ms < 20000);
		}
		sum += listen_to(told);
		for (uint32_t i = 0; i < FLOWS; i++)
			assert_int_equal(told[i], 1);
		/* 150,000 bytes at 20,000 a second, and not one round each second. */
		assert_true(fix.peer.counts.round_ms > 3000);
	}
	assert_int_equal(fix.peer.counts.sent_flows, 2 * FLOWS);
	assert_int_equal(fix.peer.counts.sent_bytes, sum);
	assert_int_equal(fix.peer.counts.unsent, 0);
}

static void what_the_kernel_does_not_take_is_counted_and_told_in_the_next_round(void **state)
{
	static uint8_t told[FLOWS];
	const int room = 32768; /* a piece of the walk, and not many */
	uint64_t lost = 0;

	assert_int_equal(setsockopt(fix.peer.watch.fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)),
			 0);
	fix.config.sync_bandwidth = 1000000000;
	fix.peer.peer_run = PEER_RUN;
	/* Nobody reads. */
	while (fix.peer.counts.rounds == 0)
		pass();
	assert_true(fix.peer.counts.unsent > 0);
	(void)listen_to(told);
	for (uint32_t i = 0; i < FLOWS; i++)
		lost += told[i] == 0;
	assert_true(lost > 0);
	assert_int_equal(fix.peer.counts.sent_flows, FLOWS - lost);
	fix.walked = 0;
	while (fix.peer.counts.rounds == 1) {
		pass();
		(void)listen_to(told);
	}
	for (uint32_t i = 0; i < FLOWS; i++)
		assert_true(told[i] > 0);
}

#define WITH_PEER(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PEER(with_ports_that_overlap_hidden_flows_are_refused_and_kept_ones_are_not),
		WITH_PEER(a_box_that_comes_back_gets_the_flows_by_its_own_ports),
		WITH_PEER(a_hidden_client_has_an_address_and_a_port_that_can_be),
		WITH_PEER(what_began_with_a_cookie_is_kept_with_its_numbers),
		WITH_PEER(what_began_with_a_cookie_is_always_told_of),
		WITH_PEER(flows_of_dnat_are_told_of_when_they_are_old_unless_it_is_off),
		WITH_PEER(with_too_little_bandwidth_a_round_takes_longer_and_leaves_nobody_out),
		WITH_PEER(what_the_kernel_does_not_take_is_counted_and_told_in_the_next_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
