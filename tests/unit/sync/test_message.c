/* SPDX-License-Identifier: BSD-3-Clause */

/* What a box says is what its peer reads, nobody else can say it, and it is said once. */

#include "unit.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "sync/message.h"

static const struct fb_sync_key key = {.len = 16, .bytes = "0123456789abcdef"};
static const struct fb_sync_head head = {
	.kind = FB_SYNC_FLOWS,
	.from = UINT64_C(0x0123456789abcdef),
	.to = UINT64_C(0xfedcba9876543210),
	.sequence = 77,
	.snat_first = 1024,
	.snat_last = 32767,
};

static struct fb_addr addr(const char *text)
{
	struct fb_addr a;

	assert_int_equal(fb_addr_parse(text, &a), 0);
	return a;
}

static struct fb_sync_flow flow(const char *client, const char *service, const char *endpoint,
				const char *snat, uint8_t proto)
{
	struct fb_addr a[4] = {addr(client), addr(service), addr(endpoint), addr(snat)};
	struct fb_sync_flow f = {.idle_s = 3, .snat = true, .client_port = 2};

	memcpy(f.client_mac, "\2\0\0\0\0\7", 6);
	f.client =
		fb_tuple_make(proto, &a[0], rte_cpu_to_be_16(40000), &a[1], rte_cpu_to_be_16(80));
	f.reply =
		fb_tuple_make(proto, &a[2], rte_cpu_to_be_16(8080), &a[3], rte_cpu_to_be_16(1500));
	return f;
}

static struct fb_sync_flow flow4(void)
{
	return flow("203.0.113.2", "192.0.2.10", "10.1.0.11", "10.7.0.1", IPPROTO_TCP);
}

static struct fb_sync_flow flow6(void)
{
	return flow("2001:db8::2", "2001:db8:f::1", "fd00:1::11", "fd00:7::1", IPPROTO_SCTP);
}

static uint32_t message_of(struct fb_sync_writer *w, const struct fb_sync_flow *flows, uint32_t n)
{
	fb_sync_begin(w, &head);
	for (uint32_t i = 0; i < n; i++)
		assert_true(fb_sync_put(w, &flows[i]));
	return fb_sync_end(w, &key);
}

static void a_message_is_read_as_it_was_written(void **state)
{
	const struct fb_sync_flow flows[] = {flow4(), flow6(), flow4()};
	struct fb_sync_writer w;
	uint32_t len = message_of(&w, flows, 3);
	struct fb_sync_reader r;
	struct fb_sync_head h;
	struct fb_sync_flow f;

	assert_int_equal(len, FB_SYNC_HEAD_LEN + 2 * FB_SYNC_FLOW4_LEN + FB_SYNC_FLOW6_LEN +
				      FB_SYNC_MAC_LEN);
	assert_int_equal(fb_sync_open(&key, w.bytes, len, &h, &r), 0);
	assert_int_equal(h.kind, FB_SYNC_FLOWS);
	assert_true(h.from == head.from && h.to == head.to && h.sequence == 77);
	assert_int_equal(h.snat_first, 1024);
	assert_int_equal(h.snat_last, 32767);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(fb_sync_next(&r, &f), 1);
		assert_memory_equal(&f.client, &flows[i].client, sizeof(f.client));
		assert_memory_equal(&f.reply, &flows[i].reply, sizeof(f.reply));
		assert_memory_equal(f.client_mac, flows[i].client_mac, 6);
		assert_int_equal(f.idle_s, 3);
		assert_true(f.snat);
		assert_int_equal(f.client_port, 2);
	}
	assert_int_equal(fb_sync_next(&r, &f), 0);
}

/* The numbers of a connection that began with a cookie. Without one, an older box reads it, too. */
static void a_shift_is_told_with_its_flow(void **state)
{
	static const struct fb_tcp_shift shifts[] = {
		{0, 0, 0}, {UINT32_MAX, 0xffffffe0, -14}, {0x01020304, 0x80000020, 14}};
	struct fb_sync_flow flows[] = {flow4(), flow6(), flow4()};
	struct fb_sync_writer w;
	struct fb_sync_reader r;
	struct fb_sync_head h;
	struct fb_sync_flow f;
	uint32_t len;

	(void)message_of(&w, flows, 3);
	assert_int_equal(w.bytes[4], 1);
	flows[1].client.proto = flows[1].reply.proto = IPPROTO_TCP;
	for (size_t i = 0; i < sizeof(shifts) / sizeof(shifts[0]); i++) {
		flows[0].shifted = flows[1].shifted = true;
		flows[0].shift = flows[1].shift = shifts[i];
		len = message_of(&w, flows, 3);
		assert_int_equal(w.bytes[4], 2);
		assert_int_equal(fb_sync_open(&key, w.bytes, len, &h, &r), 0);
		for (int k = 0; k < 3; k++) {
			assert_int_equal(fb_sync_next(&r, &f), 1);
			assert_memory_equal(&f.reply, &flows[k].reply, sizeof(f.reply));
			assert_int_equal(f.shifted, k < 2);
			assert_int_equal(f.shift.seq, k < 2 ? shifts[i].seq : 0);
			assert_int_equal(f.shift.ts, k < 2 ? shifts[i].ts : 0);
			assert_int_equal(f.shift.window, k < 2 ? shifts[i].window : 0);
		}
		assert_int_equal(fb_sync_next(&r, &f), 0);
	}
}

static void another_version_is_not_read(void **state)
{
	const struct fb_sync_flow f = flow4();
	struct fb_sync_writer w;
	struct fb_sync_reader r;
	struct fb_sync_head h;

	for (int version = 0; version < 256; version++) {
		uint32_t len;

		fb_sync_begin(&w, &head);
		assert_true(fb_sync_put(&w, &f));
		w.bytes[4] = (uint8_t)version;
		len = fb_sync_end(&w, &key);
		assert_int_equal(fb_sync_open(&key, w.bytes, len, &h, &r),
				 version == 1 || version == 2 ? 0 : -EBADMSG);
	}
}

static void whatever_is_changed_or_cut_is_not_believed(void **state)
{
	const struct fb_sync_flow flows[] = {flow4(), flow6()};
	struct fb_sync_key other = key;
	struct fb_sync_writer w;
	uint32_t len = message_of(&w, flows, 2);
	struct fb_sync_reader r;
	struct fb_sync_head h;

	for (uint32_t bit = 0; bit < 8 * len; bit++) {
		w.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(fb_sync_open(&key, w.bytes, len, &h, &r), -EBADMSG);
		w.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (uint32_t cut = 0; cut < len; cut++)
		assert_int_equal(fb_sync_open(&key, w.bytes, cut, &h, &r), -EBADMSG);
	other.bytes[15] ^= 1;
	assert_int_equal(fb_sync_open(&other, w.bytes, len, &h, &r), -EBADMSG);
	assert_int_equal(fb_sync_open(&key, w.bytes, len, &h, &r), 0);
}

static void a_full_message_is_within_the_least_mtu(void **state)
{
	const struct fb_sync_flow f = flow4();
	struct fb_sync_writer w;
	uint32_t n = 0;

	fb_sync_begin(&w, &head);
	while (fb_sync_put(&w, &f))
		n++;
	assert_int_equal(n, FB_SYNC_FLOWS_MAX);
	assert_in_range(fb_sync_end(&w, &key), 1200, FB_SYNC_MESSAGE_MAX);
}

/* Signed, but such a flow cannot be: a peer of another version, or one that is mad. */
static void a_flow_that_cannot_be_ends_the_message(void **state)
{
	struct fb_sync_flow bad = flow4();
	struct fb_sync_reader r;
	struct fb_sync_writer w;
	struct fb_sync_head h;
	struct fb_sync_flow f;
	uint32_t len;

	bad.client.proto = IPPROTO_ICMP;
	len = message_of(&w, &bad, 1);
	assert_int_equal(fb_sync_open(&key, w.bytes, len, &h, &r), 0);
	assert_int_equal(fb_sync_next(&r, &f), -EBADMSG);
	bad = flow4();
	bad.reply.v4.dport = 0;
	len = message_of(&w, &bad, 1);
	assert_int_equal(fb_sync_open(&key, w.bytes, len, &h, &r), 0);
	assert_int_equal(fb_sync_next(&r, &f), -EBADMSG);
	/* Nobody else than TCP has numbers. */
	bad = flow6();
	bad.shifted = true;
	len = message_of(&w, &bad, 1);
	assert_int_equal(fb_sync_open(&key, w.bytes, len, &h, &r), 0);
	assert_int_equal(fb_sync_next(&r, &f), -EBADMSG);
	/* More are promised than there are. */
	bad = flow4();
	fb_sync_begin(&w, &head);
	assert_true(fb_sync_put(&w, &bad));
	w.n = 2;
	len = fb_sync_end(&w, &key);
	assert_int_equal(fb_sync_open(&key, w.bytes, len, &h, &r), 0);
	assert_int_equal(fb_sync_next(&r, &f), 1);
	assert_int_equal(fb_sync_next(&r, &f), -EBADMSG);
}

static bool take(struct fb_sync_window *w, uint64_t from, uint64_t sequence)
{
	const struct fb_sync_head h = {.from = from, .sequence = sequence};

	return fb_sync_window_take(w, &h);
}

static void a_message_counts_once_in_whatever_order(void **state)
{
	struct fb_sync_window w = {0};

	assert_true(take(&w, 5, 100));
	assert_false(take(&w, 5, 100));
	assert_true(take(&w, 5, 102));
	assert_true(take(&w, 5, 101));
	assert_false(take(&w, 5, 101));
	assert_false(take(&w, 5, 102));
	assert_true(take(&w, 5, 165));
	assert_false(take(&w, 5, 101)); /* too old to tell */
	assert_true(take(&w, 5, 103));
	assert_true(take(&w, 5, 1000));
	assert_true(take(&w, 5, 999));
	assert_false(take(&w, 5, 165));
}

static void an_earlier_run_of_the_peer_says_no_more(void **state)
{
	struct fb_sync_window w = {0};

	assert_true(take(&w, 5, 100));
	assert_true(take(&w, 6, 1));
	assert_false(take(&w, 5, 101));
	assert_true(take(&w, 6, 2));
	for (uint64_t run = 7; run < 7 + FB_SYNC_RETIRED - 1; run++)
		assert_true(take(&w, run, 1));
	assert_false(take(&w, 5, 102));
	assert_false(take(&w, 6, 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_read_as_it_was_written),
		cmocka_unit_test(a_shift_is_told_with_its_flow),
		cmocka_unit_test(another_version_is_not_read),
		cmocka_unit_test(whatever_is_changed_or_cut_is_not_believed),
		cmocka_unit_test(a_full_message_is_within_the_least_mtu),
		cmocka_unit_test(a_flow_that_cannot_be_ends_the_message),
		cmocka_unit_test(a_message_counts_once_in_whatever_order),
		cmocka_unit_test(an_earlier_run_of_the_peer_says_no_more),
	};

	return cmocka_run_group_tests_name("sync/message", tests, NULL, NULL);
}
