/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <netinet/in.h>
#include <rte_tcp.h>

#include "datapath/stages.h"

/*
 * Whether a flow may keep its endpoint, as a table: what the endpoint has become, what came in, and
 * whether the record is refreshed or has to go.
 */
struct row {
	const char *what;
	uint8_t endpoint; /* enum fb_endpoint_state in the new snapshot */
	uint8_t proto;
	uint8_t tcp_flags;
	uint8_t flow_state;
	uint8_t dir;
	bool goes_on;
};

static const struct row rows[] = {
	{"tcp data, active", FB_EP_ACTIVE, IPPROTO_TCP, RTE_TCP_ACK_FLAG, FB_FLOW_ESTABLISHED,
	 FB_DIR_CLIENT, true},
	{"tcp data, draining", FB_EP_DRAINING, IPPROTO_TCP, RTE_TCP_ACK_FLAG, FB_FLOW_ESTABLISHED,
	 FB_DIR_CLIENT, true},
	{"tcp data, removed: kept to the end", FB_EP_REMOVED, IPPROTO_TCP, RTE_TCP_ACK_FLAG,
	 FB_FLOW_ESTABLISHED, FB_DIR_CLIENT, true},
	{"tcp reply, removed", FB_EP_REMOVED, IPPROTO_TCP, RTE_TCP_ACK_FLAG, FB_FLOW_ESTABLISHED,
	 FB_DIR_ENDPOINT, true},
	{"udp, draining: keeps its flows", FB_EP_DRAINING, IPPROTO_UDP, 0, FB_FLOW_UDP,
	 FB_DIR_CLIENT, true},
	{"udp, removed: moves at once", FB_EP_REMOVED, IPPROTO_UDP, 0, FB_FLOW_UDP, FB_DIR_CLIENT,
	 false},
	{"udp, identity gone", FB_EP_ABSENT, IPPROTO_UDP, 0, FB_FLOW_UDP, FB_DIR_CLIENT, false},
	{"udp reply, removed", FB_EP_REMOVED, IPPROTO_UDP, 0, FB_FLOW_UDP, FB_DIR_ENDPOINT, false},
	{"new connection on an old port, active", FB_EP_ACTIVE, IPPROTO_TCP, RTE_TCP_SYN_FLAG,
	 FB_FLOW_CLOSING, FB_DIR_CLIENT, true},
	{"new connection on an old port, draining", FB_EP_DRAINING, IPPROTO_TCP, RTE_TCP_SYN_FLAG,
	 FB_FLOW_CLOSING, FB_DIR_CLIENT, false},
	{"syn again, endpoint left meanwhile", FB_EP_REMOVED, IPPROTO_TCP, RTE_TCP_SYN_FLAG,
	 FB_FLOW_OPENING, FB_DIR_CLIENT, false},
	{"syn inside a connection is the endpoint's to judge", FB_EP_DRAINING, IPPROTO_TCP,
	 RTE_TCP_SYN_FLAG, FB_FLOW_ESTABLISHED, FB_DIR_CLIENT, true},
	{"syn+ack of the endpoint", FB_EP_DRAINING, IPPROTO_TCP, RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG,
	 FB_FLOW_OPENING, FB_DIR_ENDPOINT, true},
};

static void a_flow_keeps_its_endpoint_as_kubernetes_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		struct fb_endpoint_info infos[4] = {[3] = {.nh_idx = 9, .state = r->endpoint}};
		struct fb_snapshot snap = {.ep_epoch = 7, .endpoints = infos, .n_endpoints = 4};
		struct fb_flow flow = {.ep_id = 3, .ep_epoch = 6, .nh_idx = 1, .state = r->flow_state};
		struct fb_packet pkt = {.proto = r->proto, .tcp_flags = r->tcp_flags};
		bool goes_on = fb_flow_goes_on(&snap, &flow, &pkt, r->dir);

		if (goes_on != r->goes_on)
			fail_msg("%s", r->what);
		/* A flow that goes on has taken the endpoint's new next hop over; another is untouched. */
		assert_int_equal(flow.nh_idx, goes_on ? 9 : 1);
		assert_int_equal(flow.ep_epoch, goes_on ? 7 : 6);
	}
}

static void within_an_epoch_the_endpoint_is_not_looked_at(void **state)
{
	struct fb_snapshot snap = {.ep_epoch = 7}; /* no endpoints: a look would crash */
	struct fb_flow flow = {.ep_id = 3, .ep_epoch = 7, .nh_idx = 1, .state = FB_FLOW_UDP};
	struct fb_packet pkt = {.proto = IPPROTO_UDP};

	(void)state;
	assert_true(fb_flow_goes_on(&snap, &flow, &pkt, FB_DIR_CLIENT));
	assert_int_equal(flow.nh_idx, 1);
}

static void an_identity_beyond_the_snapshot_ends_the_flow(void **state)
{
	struct fb_snapshot snap = {.ep_epoch = 7, .n_endpoints = 3};
	struct fb_flow flow = {.ep_id = 3, .ep_epoch = 6, .state = FB_FLOW_ESTABLISHED};
	struct fb_packet pkt = {.proto = IPPROTO_TCP, .tcp_flags = RTE_TCP_ACK_FLAG};

	(void)state;
	assert_false(fb_flow_goes_on(&snap, &flow, &pkt, FB_DIR_CLIENT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flow_keeps_its_endpoint_as_kubernetes_says),
		cmocka_unit_test(within_an_epoch_the_endpoint_is_not_looked_at),
		cmocka_unit_test(an_identity_beyond_the_snapshot_ends_the_flow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
