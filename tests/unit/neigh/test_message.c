/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "neigh/changed.h"
#include "neigh/message.h"

static char buf[1024] __attribute__((aligned(NLMSG_ALIGNTO)));
static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
static const uint8_t ip[4] = {192, 0, 2, 9};
static const uint8_t ip6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 9};

static struct nlmsghdr *begin(uint16_t type, size_t extra_len, void *ret_extra)
{
	struct nlmsghdr *nlh;
	void *extra;

	memset(buf, 0, sizeof(buf));
	nlh = mnl_nlmsg_put_header(buf);
	nlh->nlmsg_type = type;
	extra = mnl_nlmsg_put_extra_header(nlh, extra_len);
	memcpy(ret_extra, &extra, sizeof(extra));
	return nlh;
}

static struct nlmsghdr *neighbour(uint16_t type, uint16_t nud)
{
	struct ndmsg *ndm;
	struct nlmsghdr *nlh = begin(type, sizeof(*ndm), &ndm);

	ndm->ndm_family = AF_INET;
	ndm->ndm_ifindex = 7;
	ndm->ndm_state = nud;
	mnl_attr_put(nlh, NDA_DST, 4, ip);
	mnl_attr_put(nlh, NDA_LLADDR, 6, mac);
	return nlh;
}

static void a_neighbour_is_resolved_in_the_states_that_the_kernel_sends_in(void **state)
{
	static const uint16_t usable[] = {NUD_REACHABLE, NUD_STALE, NUD_DELAY,
					  NUD_PROBE, NUD_PERMANENT, NUD_NOARP};
	static const uint16_t unusable[] = {NUD_NONE, NUD_INCOMPLETE, NUD_FAILED};
	struct fb_neigh_event e;

	(void)state;
	for (size_t i = 0; i < sizeof(usable) / sizeof(usable[0]); i++) {
		fb_neigh_message_read(neighbour(RTM_NEWNEIGH, usable[i]), &e);
		assert_int_equal(e.kind, FB_NEIGH_EVENT_NEIGHBOUR);
		assert_int_equal(e.ifindex, 7);
		assert_true(e.resolved);
		assert_memory_equal(e.mac, mac, 6);
		assert_memory_equal(fb_addr_wire(&e.addr), ip, 4);
		fb_neigh_message_read(neighbour(RTM_DELNEIGH, usable[i]), &e);
		assert_false(e.resolved);
	}
	for (size_t i = 0; i < sizeof(unusable) / sizeof(unusable[0]); i++) {
		fb_neigh_message_read(neighbour(RTM_NEWNEIGH, unusable[i]), &e);
		assert_int_equal(e.kind, FB_NEIGH_EVENT_NEIGHBOUR);
		assert_false(e.resolved);
	}
}

static struct nlmsghdr *route(uint8_t type)
{
	struct rtmsg *rtm;
	struct nlmsghdr *nlh = begin(RTM_NEWROUTE, sizeof(*rtm), &rtm);
	uint8_t via[18] = {0};
	uint16_t af = AF_INET6;
	struct nlattr *nest;

	rtm->rtm_family = AF_INET;
	rtm->rtm_type = type;
	rtm->rtm_dst_len = 24;
	memcpy(via, &af, 2);
	memcpy(via + 2, ip6, 16);
	mnl_attr_put(nlh, RTA_DST, 4, ip);
	mnl_attr_put_u32(nlh, RTA_OIF, 7);
	mnl_attr_put(nlh, RTA_VIA, sizeof(via), via);
	nest = mnl_attr_nest_start(nlh, RTA_METRICS);
	mnl_attr_put_u32(nlh, RTAX_MTU, 1400);
	mnl_attr_nest_end(nlh, nest);
	return nlh;
}

static void a_route_names_prefix_link_gateway_of_either_family_and_mtu(void **state)
{
	struct fb_neigh_event e;

	(void)state;
	fb_neigh_message_read(route(RTN_UNICAST), &e);
	assert_int_equal(e.kind, FB_NEIGH_EVENT_ROUTE);
	assert_int_equal(e.prefix.len_bits, 24);
	assert_int_equal(e.route.ifindex, 7);
	assert_true(e.route.has_gateway);
	assert_memory_equal(e.route.gateway.bytes, ip6, 16);
	assert_int_equal(e.route.mtu, 1400);
}

static void routes_that_lead_nowhere_have_no_link(void **state)
{
	static const uint8_t types[] = {RTN_LOCAL, RTN_UNREACHABLE, RTN_BLACKHOLE, RTN_PROHIBIT,
					RTN_BROADCAST, RTN_MULTICAST};
	struct fb_neigh_event e;

	(void)state;
	for (size_t i = 0; i < sizeof(types); i++) {
		fb_neigh_message_read(route(types[i]), &e);
		assert_int_equal(e.kind, FB_NEIGH_EVENT_ROUTE);
		assert_int_equal(e.route.ifindex, 0);
	}
}

static void a_path_mtu_that_the_box_learnt_for_itself_is_not_the_routes(void **state)
{
	struct rta_cacheinfo info = {.rta_expires = 500};
	struct nlmsghdr *nlh = route(RTN_UNICAST);
	struct fb_neigh_event e;

	(void)state;
	((struct rtmsg *)mnl_nlmsg_get_payload(nlh))->rtm_flags = RTM_F_CLONED;
	mnl_attr_put(nlh, RTA_CACHEINFO, sizeof(info), &info);
	fb_neigh_message_read(nlh, &e);
	assert_int_equal(e.route.mtu, 0);
}

static void count(void *arg, const struct fb_neigh_event *event)
{
	(void)event;
	(*(int *)arg)++;
}

static void messages_cut_anywhere_or_with_lying_lengths_are_survived(void **state)
{
	struct nlmsghdr *nlh = route(RTN_UNICAST);
	uint32_t len = nlh->nlmsg_len;
	char *exact;
	int n = 0;

	(void)state;
	fb_neigh_message_each(buf, len, count, &n);
	assert_int_equal(n, 1);
	for (uint32_t cut = 0; cut <= len; cut++) {
		exact = test_malloc(cut + 1); /* so that a sanitizer sees a read past the end */
		memcpy(exact, buf, cut);
		fb_neigh_message_each(exact, cut, count, &n);
		if (cut >= sizeof(*nlh)) {
			((struct nlmsghdr *)(void *)exact)->nlmsg_len = cut;
			fb_neigh_message_each(exact, cut, count, &n);
		}
		test_free(exact);
	}
	for (uint32_t at = 16; at < len; at++) {
		char saved = buf[at];

		for (int v = 0; v < 256; v++) {
			buf[at] = (char)v;
			fb_neigh_message_each(buf, len, count, &n);
		}
		buf[at] = saved;
	}
}

static struct fb_prefix prefix(const char *text)
{
	struct fb_prefix p;

	assert_int_equal(fb_prefix_parse(text, &p, NULL), 0);
	return p;
}

static bool changed_has(const struct fb_changed *c, const char *text)
{
	struct fb_addr a;

	assert_int_equal(fb_addr_parse(text, &a), 0);
	return fb_changed_has(c, &a);
}

static void a_change_concerns_what_its_prefix_contains(void **state)
{
	static struct fb_changed c;
	struct fb_prefix v4 = prefix("10.1.0.0/23");
	struct fb_prefix v6 = prefix("2001:db8::/32");
	struct fb_prefix all = prefix("0.0.0.0/0");

	(void)state;
	fb_changed_add(&c, &v4);
	fb_changed_add(&c, &v6);
	assert_true(changed_has(&c, "10.1.1.255"));
	assert_false(changed_has(&c, "10.1.2.0"));
	assert_true(changed_has(&c, "2001:db8:1::1"));
	assert_false(changed_has(&c, "2001:db9::1"));
	fb_changed_add(&c, &all);
	assert_true(changed_has(&c, "10.1.2.0"));
	assert_false(changed_has(&c, "2001:db9::1"));
}

static void many_changes_become_a_change_of_everything(void **state)
{
	static struct fb_changed c;
	struct fb_prefix p = prefix("10.1.0.0/24");

	(void)state;
	for (int i = 0; i <= FB_CHANGED_MAX; i++)
		fb_changed_add(&c, &p);
	assert_false(changed_has(&c, "10.1.1.1"));
	for (int i = 0; i <= FB_CHANGED_MAX; i++) {
		p.addr.bytes[13] = (uint8_t)(i + 2);
		fb_changed_add(&c, &p);
	}
	assert_true(changed_has(&c, "2001:db8::1"));
	fb_changed_clear(&c);
	assert_false(fb_changed_any(&c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_neighbour_is_resolved_in_the_states_that_the_kernel_sends_in),
		cmocka_unit_test(a_route_names_prefix_link_gateway_of_either_family_and_mtu),
		cmocka_unit_test(routes_that_lead_nowhere_have_no_link),
		cmocka_unit_test(a_path_mtu_that_the_box_learnt_for_itself_is_not_the_routes),
		cmocka_unit_test(messages_cut_anywhere_or_with_lying_lengths_are_survived),
		cmocka_unit_test(a_change_concerns_what_its_prefix_contains),
		cmocka_unit_test(many_changes_become_a_change_of_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
