/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A flow looks again where fb_table_epoch() of its endpoint moved, and only there. So the epoch of an
 * endpoint moves when something changes that a flow has to hear of, and not with everybody's changes.
 */

#include "fixture.h"

#include <string.h>

#include "base/hash.h"

enum { EACH = 600, SERVICES = 3, ROOM = 8192, CHANGES = 400 };

#define DEADLINE_S 30

struct cluster {
	struct fixture f;
	struct fb_snapshot *snap;
	struct fb_endpoint_spec eps[SERVICES][EACH];
	uint32_t n[SERVICES];
	struct fb_frontend_spec fe[SERVICES];
	uint32_t now_s;
	uint64_t random;
};

static struct cluster c;

static uint32_t any(uint32_t n)
{
	c.random = fb_hash_mix(c.random + UINT64_C(0x9e3779b97f4a7c15), UINT64_C(0xd6e8feb86659fd93));
	return (uint32_t)(c.random >> 32) % n;
}

static void stage_udp(uint32_t s)
{
	static const char *const names[SERVICES] = {"a", "b", "c"};
	struct fb_service_spec spec = spec_of(names[s], &c.fe[s], 1, c.eps[s], c.n[s]);
	struct fb_errs errs = FB_ERRS_INIT;

	spec.proto = IPPROTO_UDP;
	spec.drain_deadline_s = DEADLINE_S;
	spec.removed_tcp_s = s == 0 ? FB_NEVER_S : DEADLINE_S;
	assert_int_equal(fb_table_set_service(c.f.t, "default", names[s], &spec, c.n[s] > 0 ? 1 : 0,
					      (struct fb_place){0}, &errs),
			 0);
	fb_errs_fini(&errs);
}

static void open_cluster(void)
{
	static const char *const addresses[SERVICES] = {"192.0.2.1", "192.0.2.2", "192.0.2.3"};

	memset(&c, 0, sizeof(c));
	fixture_open(&c.f, ROOM, 16);
	for (uint32_t s = 0; s < SERVICES; s++) {
		c.fe[s] = frontend(addresses[s], 80, FB_FRONTEND_CLUSTER_IP);
		c.n[s] = EACH;
		for (uint32_t i = 0; i < EACH; i++)
			c.eps[s][i] = endpoint(s * 2 * EACH + i, FB_EP_ACTIVE);
		stage_udp(s);
	}
	c.snap = commit(&c.f);
}

static void close_cluster(void)
{
	fb_snapshot_release(c.f.t, c.snap);
	fixture_close(&c.f);
}

/* Commit; the caller releases the one before, which is returned. */
static struct fb_snapshot *go_on(void)
{
	struct fb_snapshot *old = c.snap;

	c.snap = commit(&c.f);
	return old;
}

static bool moved(const struct fb_snapshot *old, uint32_t id)
{
	return fb_table_epoch(old, id) != fb_table_epoch(c.snap, id);
}

static void only_endpoints_near_the_one_that_changed_look_again(void **state)
{
	struct fb_snapshot *old;

	(void)state;
	open_cluster();
	/* Identities are given out in order. */
	c.eps[2][EACH - 1].state = FB_EP_DRAINING;
	stage_udp(2);
	old = go_on();
	assert_true(moved(old, SERVICES * EACH - 1));
	assert_false(moved(old, 0));
	assert_false(moved(old, EACH));
	fb_snapshot_release(c.f.t, old);
	c.n[0] = EACH - 1;
	stage_udp(0);
	old = go_on();
	assert_true(moved(old, EACH - 1));
	assert_false(moved(old, SERVICES * EACH - 1));
	fb_snapshot_release(c.f.t, old);
	/* Routes are everybody's, and so is an address that a Service gave up. */
	c.f.next_hop = 2;
	fb_table_reroute(c.f.t);
	old = go_on();
	for (uint32_t id = 0; id < SERVICES * EACH; id += FB_INFO_CHUNK)
		assert_true(moved(old, id));
	fb_snapshot_release(c.f.t, old);
	c.fe[1] = frontend("192.0.2.9", 80, FB_FRONTEND_CLUSTER_IP);
	stage_udp(1);
	old = go_on();
	for (uint32_t id = 0; id < SERVICES * EACH; id += FB_INFO_CHUNK)
		assert_true(moved(old, id));
	fb_snapshot_release(c.f.t, old);
	close_cluster();
}

/* One of the things that happen. */
static void change_something(void)
{
	uint32_t s = any(SERVICES);
	struct fb_endpoint_spec *ep = &c.eps[s][any(EACH)];

	switch (any(8)) {
	case 0:
		ep->state = FB_EP_DRAINING;
		ep->terminating = any(2);
		break;
	case 1:
		ep->state = FB_EP_ACTIVE;
		ep->terminating = false;
		break;
	case 2:
		c.n[s] = any(EACH + 1);
		break;
	case 3:
		c.f.next_hop = (uint16_t)(1 + any(3));
		fb_table_reroute(c.f.t);
		break;
	case 4:
		c.fe[s].addr = addr4(0xc0000201 + any(4));
		break;
	case 5:
		fb_table_reap(c.f.t, no_flows, NULL);
		break;
	case 6:
		*ep = endpoint((uint32_t)(s * 2 * EACH + EACH + any(EACH)), FB_EP_ACTIVE);
		for (uint32_t i = 0; i < EACH; i++) /* distinct ones only */
			if (ep != &c.eps[s][i] && fb_addr_equal(&ep->addr, &c.eps[s][i].addr))
				*ep = endpoint(s * 2 * EACH + (uint32_t)(ep - c.eps[s]), FB_EP_ACTIVE);
		break;
	default:
		c.now_s += any(DEADLINE_S);
		fb_table_set_now(c.f.t, c.now_s);
		fb_table_pass_time(c.f.t);
		break;
	}
	stage_udp(s);
}

/* What a flow that does not look again goes by. */
static void assert_nothing_is_missed(const struct fb_snapshot *old, uint32_t id)
{
	const struct fb_endpoint_info *was = fb_table_info(old, id);

	/* An identity that appears, or was reaped, has no flows. */
	if (moved(old, id) || was->state == FB_EP_ABSENT || id >= c.snap->n_endpoints ||
	    fb_table_info(c.snap, id)->state == FB_EP_ABSENT)
		return;
	for (uint32_t i = 0; i < 4; i++) {
		struct fb_addr dst = addr4(0xc0000201 + i);
		struct fb_tuple udp = tuple_to(&dst, htons(80), IPPROTO_UDP);
		struct fb_tuple tcp = tuple_to(&dst, htons(80), IPPROTO_TCP);

		if ((fb_table_keeps_flow(old, &udp, id) && !fb_table_keeps_flow(c.snap, &udp, id)) ||
		    (fb_table_keeps_flow(old, &tcp, id) && !fb_table_keeps_flow(c.snap, &tcp, id)))
			fail_msg("generation %llu: a flow of endpoint %u was not told that it is over",
				 (unsigned long long)c.snap->generation, id);
	}
	if (fb_table_keeps_flow(old, &(struct fb_tuple){.proto = IPPROTO_TCP}, id) &&
	    fb_table_info(c.snap, id)->nh_idx != was->nh_idx)
		fail_msg("generation %llu: a flow of endpoint %u was not told of its next hop",
			 (unsigned long long)c.snap->generation, id);
}

/* Time is up where a look at each would find it so; identities of services are given out in order. */
static void assert_time_is_told(uint32_t id)
{
	const struct fb_endpoint_info *info = fb_table_info(c.snap, id);
	bool goes = info->state == FB_EP_REMOVED ? info->service_id != 0
						 : (info->flags & FB_EP_TERMINATING) != 0;

	if (goes && c.now_s - info->since_s >= DEADLINE_S && (info->flags & FB_EP_OVER) == 0)
		fail_msg("generation %llu: the time of endpoint %u is up, and nobody says so",
			 (unsigned long long)c.snap->generation, id);
	if (!goes && info->state != FB_EP_REMOVED)
		assert_int_equal(info->flags & FB_EP_OVER, 0);
}

static void whatever_changes_no_flow_misses_it(void **state)
{
	uint32_t n_still = 0;

	(void)state;
	open_cluster();
	for (uint32_t k = 0; k < CHANGES; k++) {
		struct fb_snapshot *old;
		struct fb_snapshot *new;

		change_something();
		new = fb_table_commit(c.f.t);
		if (new == NULL)
			continue;
		old = c.snap;
		c.snap = new;
		for (uint32_t id = 0; id < old->n_endpoints; id++) {
			assert_nothing_is_missed(old, id);
			n_still += !moved(old, id);
		}
		for (uint32_t id = 0; id < new->n_endpoints; id++)
			assert_time_is_told(id);
		fb_snapshot_release(c.f.t, old);
	}
	/* It would be true of epochs that always move, too. */
	assert_true(n_still > 0);
	close_cluster();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_endpoints_near_the_one_that_changed_look_again),
		cmocka_unit_test(whatever_changes_no_flow_misses_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
