/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <netinet/in.h>
#include <rte_tcp.h>

#include "datapath/stages.h"
#include "table/index.h"
#include "table/part.h"

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

#define SERVICE_ID 5

static bool goes_on_in(struct fb_snapshot *snap, struct fb_flow *flow, const struct fb_packet *pkt,
		       enum fb_flow_dir dir)
{
	static struct fb_worker worker;

	worker.snap = snap;
	return fb_flow_goes_on(&worker, flow, pkt, dir);
}

/* An IPv4 record, with its keys. */
struct record {
	struct fb_flow head;
	uint8_t keys[24];
};

/* A snapshot whose one service has the address and port that all these flows' clients asked. */
struct bed {
	struct fb_endpoint_info infos[4];
	const struct fb_endpoint_info *chunk;
	uint32_t epochs[2]; /* the second one is of identities that no flow here has */
	struct fb_service svc;
	const struct fb_service *services[1];
	struct fb_frontend_index *index;
	struct fb_address_index *addresses;
	struct fb_snapshot snap;
	struct record record;
};

static void bed_open(struct bed *bed, uint8_t endpoint_state, uint8_t proto, uint8_t flow_state)
{
	struct fb_tuple asked = {.family = FB_IPV4, .proto = proto};
	struct fb_addr dst = fb_tuple_dst(&asked);
	struct fb_frontend_entry *entry;

	*bed = (struct bed){
		.infos = {[3] = {.nh_idx = 9, .state = endpoint_state, .service_id = SERVICE_ID}},
		.svc = {.id = SERVICE_ID},
		.record.head = {.ep_id = 3,
				.ep_epoch = 6,
				.nh_idx = 1,
				.proto = proto,
				.state = flow_state},
	};
	bed->services[0] = &bed->svc;
	bed->index = fb_frontend_index_create(1);
	bed->addresses = fb_address_index_create(0);
	assert_non_null(bed->index);
	assert_non_null(bed->addresses);
	bed->chunk = bed->infos;
	bed->epochs[0] = 7;
	bed->snap = (struct fb_snapshot){.ep_epoch = 7,
					 .ep_epochs = bed->epochs,
					 .infos = &bed->chunk,
					 .n_endpoints = 4,
					 .services = bed->services,
					 .n_services = 1,
					 .frontends = bed->index,
					 .addresses = bed->addresses};
	entry = (struct fb_frontend_entry *)(uintptr_t)fb_frontend_index_at(bed->index,
									    &bed->snap.secret, &dst,
									    fb_tuple_dport(&asked),
									    proto);
	*entry = (struct fb_frontend_entry){.addr = dst, .proto = proto, .place = 0};
}

static void bed_close(struct bed *bed)
{
	fb_part_free(bed->index);
	fb_part_free(bed->addresses);
}

static void a_flow_keeps_its_endpoint_as_kubernetes_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		struct fb_packet pkt = {.proto = r->proto, .tcp_flags = r->tcp_flags};
		struct bed bed;
		struct fb_flow *flow = &bed.record.head;
		bool goes_on;

		bed_open(&bed, r->endpoint, r->proto, r->flow_state);
		goes_on = goes_on_in(&bed.snap, flow, &pkt, r->dir);

		if (goes_on != r->goes_on)
			fail_msg("%s", r->what);
		/* A flow that goes on has taken the endpoint's new next hop over; another is untouched. */
		assert_int_equal(flow->nh_idx, goes_on ? 9 : 1);
		assert_int_equal(flow->ep_epoch, goes_on ? 7 : 6);
		bed_close(&bed);
	}
}

static void udp_leaves_an_address_that_is_not_its_services_any_more(void **state)
{
	static const struct {
		uint8_t proto;
		bool another; /* the address went to another service; else to nobody */
		bool goes_on;
	} cases[] = {
		{IPPROTO_UDP, true, false},
		{IPPROTO_UDP, false, false},
		{IPPROTO_TCP, true, true},
		{IPPROTO_TCP, false, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int dir = FB_DIR_CLIENT; dir <= FB_DIR_ENDPOINT; dir++) {
			struct fb_packet pkt = {.proto = cases[i].proto,
						.tcp_flags = RTE_TCP_ACK_FLAG};
			struct bed bed;

			bed_open(&bed, FB_EP_ACTIVE, cases[i].proto, FB_FLOW_UDP);
			if (cases[i].another)
				bed.svc.id = SERVICE_ID + 1;
			else
				memset(bed.index->entries, 0,
				       sizeof(bed.index->entries[0]) * (bed.index->mask + 1));
			assert_int_equal(goes_on_in(&bed.snap, &bed.record.head, &pkt,
						    (enum fb_flow_dir)dir),
					 cases[i].goes_on);
			bed_close(&bed);
		}
	}
}

/* Once the Service's time is over: who is told so, and who begins anew. */
static void what_is_over_is_reset_or_begins_anew(void **state)
{
	static const struct {
		uint8_t proto;
		uint8_t tcp_flags;
		uint8_t flow_state;
		uint8_t dir;
		uint8_t endpoint; /* enum fb_endpoint_state */
		uint8_t flags;
		bool goes_on;
		bool is_over;
	} cases[] = {
		{IPPROTO_TCP, RTE_TCP_ACK_FLAG, FB_FLOW_ESTABLISHED, FB_DIR_CLIENT, FB_EP_DRAINING,
		 FB_EP_TERMINATING, true, false},
		{IPPROTO_TCP, RTE_TCP_ACK_FLAG, FB_FLOW_ESTABLISHED, FB_DIR_CLIENT, FB_EP_DRAINING,
		 FB_EP_TERMINATING | FB_EP_OVER, false, true},
		{IPPROTO_TCP, RTE_TCP_ACK_FLAG, FB_FLOW_ESTABLISHED, FB_DIR_ENDPOINT, FB_EP_REMOVED,
		 FB_EP_OVER, false, true},
		{IPPROTO_TCP, RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG, FB_FLOW_OPENING, FB_DIR_ENDPOINT,
		 FB_EP_REMOVED, FB_EP_OVER, false, true},
		/* A new connection of the client's. */
		{IPPROTO_TCP, RTE_TCP_SYN_FLAG, FB_FLOW_ESTABLISHED, FB_DIR_CLIENT, FB_EP_REMOVED,
		 FB_EP_OVER, false, false},
		/* Reset it stays, also if the endpoint is back. */
		{IPPROTO_TCP, RTE_TCP_ACK_FLAG, FB_FLOW_RESET, FB_DIR_CLIENT, FB_EP_ACTIVE, 0, false,
		 true},
		{IPPROTO_UDP, 0, FB_FLOW_UDP, FB_DIR_CLIENT, FB_EP_DRAINING,
		 FB_EP_TERMINATING | FB_EP_OVER, false, false},
		{IPPROTO_SCTP, 0, FB_FLOW_ASSOCIATED, FB_DIR_CLIENT, FB_EP_DRAINING,
		 FB_EP_TERMINATING | FB_EP_OVER, false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fb_packet pkt = {.proto = cases[i].proto, .tcp_flags = cases[i].tcp_flags};
		enum fb_flow_dir dir = (enum fb_flow_dir)cases[i].dir;
		struct bed bed;

		bed_open(&bed, cases[i].endpoint, cases[i].proto, cases[i].flow_state);
		bed.infos[3].flags = cases[i].flags;
		if (fb_flow_is_over(&bed.snap, &bed.record.head, &pkt, dir) != cases[i].is_over ||
		    goes_on_in(&bed.snap, &bed.record.head, &pkt, dir) != cases[i].goes_on)
			fail_msg("case %zu", i);
		bed_close(&bed);
	}
}

/* What stands in the epoch's place then is no epoch, whatever the client made it. */
static void while_it_opens_by_a_cookie_each_packet_looks(void **state)
{
	struct fb_flow_opening o = {.isn = 1, .told = 2, .said = {.timestamps = true}};

	(void)state;
	for (uint32_t tsval = 0; tsval < 1000; tsval++) {
		struct fb_packet pkt = {.proto = IPPROTO_TCP, .tcp_flags = RTE_TCP_ACK_FLAG};
		struct fb_flow *flow;
		struct bed bed;

		bed_open(&bed, FB_EP_ACTIVE, IPPROTO_TCP, FB_FLOW_PROXY_OPENING);
		flow = &bed.record.head;
		o.said.tsval = tsval;
		fb_flow_opening_begin(flow, &o);
		for (int dir = FB_DIR_CLIENT; dir <= FB_DIR_ENDPOINT; dir++) {
			flow->nh_idx = 1;
			assert_true(goes_on_in(&bed.snap, flow, &pkt, (enum fb_flow_dir)dir));
			assert_int_equal(flow->nh_idx, 9);
			assert_int_equal(fb_flow_opening(flow).said.tsval,
					 tsval & ~(uint32_t)(FB_FLOW_SHIFT_TS_STEP - 1));
		}
		bed_close(&bed);
	}
}

static void while_only_others_change_the_endpoint_is_not_looked_at(void **state)
{
	/* Endpoints of the second chunk have changed since; those of the first are not there: a look would crash. */
	const uint32_t epochs[2] = {7, 8};
	struct fb_snapshot snap = {.ep_epoch = 8, .ep_epochs = epochs};
	struct fb_flow flow = {.ep_id = 3, .ep_epoch = 7, .nh_idx = 1, .state = FB_FLOW_UDP};
	struct record other = {.head = {.ep_id = FB_INFO_CHUNK, .ep_epoch = 7, .state = FB_FLOW_UDP}};
	struct fb_packet pkt = {.proto = IPPROTO_UDP};

	(void)state;
	assert_true(goes_on_in(&snap, &flow, &pkt, FB_DIR_CLIENT));
	assert_int_equal(flow.nh_idx, 1);
	/* This one looks, and finds that its endpoint is none. */
	assert_false(goes_on_in(&snap, &other.head, &pkt, FB_DIR_CLIENT));
}

static void an_identity_beyond_the_snapshot_ends_the_flow(void **state)
{
	struct fb_packet pkt = {.proto = IPPROTO_TCP, .tcp_flags = RTE_TCP_ACK_FLAG};
	struct bed bed;

	(void)state;
	bed_open(&bed, FB_EP_ACTIVE, IPPROTO_TCP, FB_FLOW_ESTABLISHED);
	bed.snap.n_endpoints = 3;
	assert_false(goes_on_in(&bed.snap, &bed.record.head, &pkt, FB_DIR_CLIENT));
	bed_close(&bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flow_keeps_its_endpoint_as_kubernetes_says),
		cmocka_unit_test(udp_leaves_an_address_that_is_not_its_services_any_more),
		cmocka_unit_test(what_is_over_is_reset_or_begins_anew),
		cmocka_unit_test(while_it_opens_by_a_cookie_each_packet_looks),
		cmocka_unit_test(while_only_others_change_the_endpoint_is_not_looked_at),
		cmocka_unit_test(an_identity_beyond_the_snapshot_ends_the_flow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
