/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "sample.h"

#define TCP4 .proto = IPPROTO_TCP, .tcp_flags = 0x02
#define UDP4 .proto = IPPROTO_UDP, .payload_len = 5
#define TCP6 .ipv6 = true, TCP4
#define UDP6 .ipv6 = true, UDP4
#define EXTRA(type, bytes)                                                                         \
	.first_header = (type), .l3_extra = (bytes), .l3_extra_len = sizeof(bytes) - 1

/* Changes to a sample before it is parsed; the IPv4 header checksum is put right after them. */
struct patch {
	uint16_t off;
	uint8_t value;
};

struct row {
	const char *what;
	struct sample sample;
	struct patch patch[3]; /* up to the first with offset zero */
	enum fb_parse kind;
	enum fb_reason reason;
	bool keep_sum; /* leave the header checksum as the patch made it */
};

#define SERVICE  .kind = FB_PARSE_SERVICE
#define OTHER    .kind = FB_PARSE_OTHER
#define FRAGMENT .kind = FB_PARSE_FRAGMENT
#define DROP(r)  .kind = FB_PARSE_DROP, .reason = FB_REASON_##r

#define TWO_OPTIONS "\x3c\0\1\4\0\0\0\0" "\6\0\1\4\0\0\0\0"
#define NINE_HEADERS                                                                               \
	"\x3c\0\1\4\0\0\0\0" "\x3c\0\1\4\0\0\0\0" "\x3c\0\1\4\0\0\0\0" "\x3c\0\1\4\0\0\0\0"        \
	"\x3c\0\1\4\0\0\0\0" "\x3c\0\1\4\0\0\0\0" "\x3c\0\1\4\0\0\0\0" "\x3c\0\1\4\0\0\0\0"        \
	"\6\0\1\4\0\0\0\0"

/* Offsets: Ethernet 0, IP 14, IPv4's L4 34, IPv6's L4 54. */
static const struct row rows[] = {
	/* Ethernet */
	{"IPv4 TCP", {TCP4}, SERVICE},
	{"one VLAN tag", {TCP4, .vlan = true}, SERVICE},
	{"a second tag", {TCP4, .vlan = true}, {{16, 0x81}, {17, 0}}, DROP(VLAN), .keep_sum = true},
	{"a provider's tag", {TCP4}, {{12, 0x88}, {13, 0xa8}}, DROP(VLAN)},
	{"an old stacked tag", {TCP4}, {{12, 0x91}, {13, 0}}, DROP(VLAN)},
	{"LLDP", {TCP4}, {{12, 0x88}, {13, 0xcc}}, OTHER},
	{"spanning tree, with a length for a type", {TCP4}, {{12, 0}, {13, 0x26}}, OTHER},
	/* IPv4 header */
	{"padding behind a short packet", {TCP4, .padding_len = 6}, SERVICE},
	{"version 6 under IPv4's type", {TCP4}, {{14, 0x65}}, DROP(BAD_VERSION)},
	{"header length 16", {TCP4}, {{14, 0x44}}, DROP(BAD_HEADER_LEN), .keep_sum = true},
	{"total length below the header's", {TCP4}, {{17, 19}}, DROP(BAD_TOTAL_LEN)},
	{"total length beyond the frame", {TCP4}, {{17, 41}}, DROP(BAD_TOTAL_LEN)},
	{"wrong header checksum", {TCP4}, {{25, 0xee}}, DROP(BAD_IP_CHECKSUM), .keep_sum = true},
	{"wrong checksum over options", {TCP4, EXTRA(0, "\1\1\1\1")}, {{34, 0}},
	 DROP(BAD_IP_CHECKSUM), .keep_sum = true},
	{"record route option", {TCP4, EXTRA(0, "\7\7\4\0\0\0\0\0")}, SERVICE},
	{"router alert option", {TCP4, EXTRA(0, "\x94\4\0\0")}, SERVICE},
	{"end of options before nonsense", {TCP4, EXTRA(0, "\0\7\1\1")}, SERVICE},
	{"option longer than the header", {TCP4, EXTRA(0, "\7\5\4\0")}, DROP(BAD_HEADER_LEN)},
	{"option of length 1", {TCP4, EXTRA(0, "\7\1\0\0")}, DROP(BAD_HEADER_LEN)},
	{"option type without length", {TCP4, EXTRA(0, "\1\1\1\7")}, DROP(BAD_HEADER_LEN)},
	{"loose source route", {TCP4, EXTRA(0, "\x83\7\4\0\0\0\0\0")}, DROP(BAD_ADDRESS)},
	{"strict source route", {UDP4, EXTRA(0, "\x89\7\4\0\0\0\0\0")}, DROP(BAD_ADDRESS)},
	/* IPv4 addresses */
	{"source 0.0.0.0", {TCP4, .src = "0.0.0.0"}, DROP(BAD_ADDRESS)},
	{"source 0.1.2.3", {UDP4, .src = "0.1.2.3"}, DROP(BAD_ADDRESS)},
	{"source loopback", {TCP4, .src = "127.0.0.1"}, DROP(BAD_ADDRESS)},
	{"source multicast", {UDP4, .src = "224.0.0.1"}, DROP(BAD_ADDRESS)},
	{"source broadcast", {UDP4, .src = "255.255.255.255"}, DROP(BAD_ADDRESS)},
	{"source of class E", {UDP4, .src = "240.0.0.1"}, SERVICE},
	{"source 223.255.255.255", {UDP4, .src = "223.255.255.255"}, SERVICE},
	{"destination loopback", {TCP4, .dst = "127.0.0.1"}, DROP(BAD_ADDRESS)},
	{"destination 0.0.0.0", {TCP4, .dst = "0.0.0.0"}, DROP(BAD_ADDRESS)},
	{"destination multicast", {UDP4, .dst = "239.1.1.1"}, OTHER},
	{"DHCP", {UDP4, .src = "0.0.0.0", .dst = "255.255.255.255"}, OTHER},
	{"OSPF hello", {.proto = 89, .dst = "224.0.0.5"}, OTHER},
	{"GRE", {.proto = IPPROTO_GRE}, OTHER},
	/* IPv4 fragments; offset 6 of the header */
	{"more fragments", {TCP4}, {{20, 0x20}}, FRAGMENT},
	{"fragment offset", {UDP4}, {{21, 5}}, FRAGMENT},
	{"ICMP fragment", {.proto = IPPROTO_ICMP}, {{20, 0x20}}, FRAGMENT},
	{"fragment of GRE", {.proto = IPPROTO_GRE}, {{20, 0x20}}, OTHER},
	{"fragment from loopback", {UDP4, .src = "127.0.0.1"}, {{21, 5}}, DROP(BAD_ADDRESS)},
	/* TCP */
	{"data offset 16", {TCP4}, {{46, 0x40}}, DROP(BAD_HEADER_LEN)},
	{"data offset beyond the packet", {TCP4}, {{46, 0x60}}, DROP(BAD_HEADER_LEN)},
	{"options up to the end", {TCP4, .tcp_options_len = 40}, SERVICE},
	{"data in SYN", {TCP4, .payload_len = 9}, SERVICE},
	{"SYN ECE CWR", {TCP4}, {{47, 0xc2}}, SERVICE},
	{"SYN ACK", {TCP4}, {{47, 0x12}}, SERVICE},
	{"RST alone", {TCP4}, {{47, 0x04}}, SERVICE},
	{"RST ACK FIN", {TCP4}, {{47, 0x15}}, SERVICE},
	{"FIN ACK PSH URG", {TCP4}, {{47, 0x39}}, SERVICE},
	{"no flags", {TCP4}, {{47, 0x00}}, DROP(BAD_TCP_FLAGS)},
	{"SYN FIN", {TCP4}, {{47, 0x03}}, DROP(BAD_TCP_FLAGS)},
	{"SYN RST", {TCP4}, {{47, 0x06}}, DROP(BAD_TCP_FLAGS)},
	{"FIN alone", {TCP4}, {{47, 0x01}}, DROP(BAD_TCP_FLAGS)},
	{"FIN PSH URG (Xmas)", {TCP4}, {{47, 0x29}}, DROP(BAD_TCP_FLAGS)},
	{"source port 0", {TCP4}, {{34, 0}, {35, 0}}, DROP(BAD_ADDRESS)},
	{"destination port 0", {TCP6}, {{56, 0}, {57, 0}}, DROP(BAD_ADDRESS)},
	{"TCP cut by the total length", {TCP4}, {{17, 39}}, DROP(TOO_SHORT)},
	/* UDP */
	{"IPv4 UDP", {UDP4}, SERVICE},
	{"no UDP payload", {.proto = IPPROTO_UDP}, SERVICE},
	{"UDP length below the payload's", {UDP4}, {{39, 9}}, SERVICE},
	{"UDP length 7", {UDP4}, {{39, 7}}, DROP(BAD_TOTAL_LEN)},
	{"UDP length beyond the packet", {UDP4}, {{39, 14}}, DROP(BAD_TOTAL_LEN)},
	{"UDP cut by the total length", {UDP4}, {{17, 27}}, DROP(TOO_SHORT)},
	{"UDP port 0", {UDP4}, {{36, 0}, {37, 0}}, DROP(BAD_ADDRESS)},
	/* IPv6 header and addresses */
	{"IPv6 TCP", {TCP6}, SERVICE},
	{"IPv6 UDP", {UDP6, .vlan = true, .padding_len = 3}, SERVICE},
	{"version 4 under IPv6's type", {TCP6}, {{14, 0x45}}, DROP(BAD_VERSION)},
	{"payload length beyond the frame", {TCP6}, {{19, 21}}, DROP(BAD_TOTAL_LEN)},
	{"jumbogram", {TCP6}, {{18, 0}, {19, 0}, {20, 0}}, DROP(BAD_TOTAL_LEN)},
	{"payload length 0", {TCP6}, {{19, 0}}, DROP(TOO_SHORT)},
	{"no next header", {TCP6}, {{20, 59}}, OTHER},
	{"source ::", {TCP6, .src = "::"}, DROP(BAD_ADDRESS)},
	{"source ::1", {TCP6, .src = "::1"}, DROP(BAD_ADDRESS)},
	{"source multicast", {UDP6, .src = "ff02::1"}, DROP(BAD_ADDRESS)},
	{"source mapped", {UDP6, .src = "::ffff:192.0.2.1"}, DROP(BAD_ADDRESS)},
	{"destination ::1", {UDP6, .dst = "::1"}, DROP(BAD_ADDRESS)},
	{"destination mapped", {UDP6, .dst = "::ffff:192.0.2.1"}, DROP(BAD_ADDRESS)},
	{"destination multicast", {UDP6, .dst = "ff0e::1"}, OTHER},
	{"from a link-local address", {TCP6, .src = "fe80::1"}, OTHER},
	{"to a link-local address", {TCP6, .dst = "fe80::1"}, OTHER},
	/* IPv6 extension headers */
	{"hop-by-hop and destination options", {TCP6, EXTRA(0, TWO_OPTIONS)}, SERVICE},
	{"hop-by-hop not first", {TCP6, EXTRA(60, "\0\0\1\4\0\0\0\0" "\6\0\1\4\0\0\0\0")},
	 DROP(BAD_EXTENSION)},
	{"nine headers", {TCP6, EXTRA(60, NINE_HEADERS)}, DROP(BAD_EXTENSION)},
	{"options beyond the packet", {TCP6, EXTRA(60, "\6\4\1\4\0\0\0\0")}, DROP(BAD_EXTENSION)},
	{"routing type 0 with segments left", {TCP6, EXTRA(43, "\6\0\0\1\0\0\0\0")},
	 DROP(BAD_EXTENSION)},
	{"routing type 0 at its end", {TCP6, EXTRA(43, "\6\0\0\0\0\0\0\0")}, SERVICE},
	{"segment routing under way", {TCP6, EXTRA(43, "\6\0\4\1\0\0\0\0")}, OTHER},
	{"segment routing at its end", {UDP6, EXTRA(43, "\x11\0\4\0\0\0\0\0")}, SERVICE},
	{"ESP", {TCP6, EXTRA(50, "\0\0\0\1\0\0\0\1")}, OTHER},
	{"AH", {TCP6, EXTRA(51, "\6\4\0\0\0\0\0\1")}, OTHER},
	{"atomic fragment", {TCP6, EXTRA(44, "\6\0\0\0\0\0\0\1")}, SERVICE},
	{"first fragment", {TCP6, EXTRA(44, "\6\0\0\1\0\0\0\1")}, FRAGMENT},
	{"later fragment", {UDP6, EXTRA(44, "\x11\0\1\0\0\0\0\1")}, FRAGMENT},
	{"fragment of ESP", {UDP6, EXTRA(44, "\x32\0\1\0\0\0\0\1")}, OTHER},
	{"fragment from loopback", {UDP6, .src = "::1", EXTRA(44, "\x11\0\1\0\0\0\0\1")},
	 DROP(BAD_ADDRESS)},
};

static uint32_t build_row(const struct row *r, uint8_t *frame)
{
	uint32_t len = sample_build(&r->sample, frame);

	for (size_t i = 0; i < COUNT_OF(r->patch) && r->patch[i].off != 0; i++)
		frame[r->patch[i].off] = r->patch[i].value;
	if (!r->sample.ipv6 && !r->sample.vlan && !r->keep_sum)
		sample_fix_ipv4(frame);
	return len;
}

static void each_frame_is_what_its_row_says(void **state)
{
	uint8_t frame[SAMPLE_MAX];
	struct fb_packet pkt;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint32_t len = build_row(&rows[i], frame);
		uint8_t *exact = sample_exact(frame, len);
		enum fb_parse kind = fb_packet_parse(exact, len, len, &pkt);

		if (kind != rows[i].kind || pkt.kind != kind || pkt.reason != rows[i].reason)
			fail_msg("%s: kind %d, reason %s", rows[i].what, kind,
				 fb_reason_names[pkt.reason]);
		free(exact);
	}
}

static void every_offset_and_tuple_is_that_of_the_frame(void **state)
{
	struct fb_addr src6 = sample_addr(SAMPLE_SRC6);
	struct fb_addr dst6 = sample_addr(SAMPLE_DST6);
	struct fb_addr src4 = sample_addr(SAMPLE_SRC4);
	struct fb_addr dst4 = sample_addr(SAMPLE_DST4);
	struct fb_tuple want;
	uint8_t frame[SAMPLE_MAX];
	struct fb_packet pkt;
	uint32_t len;

	(void)state;
	memset(&pkt, 0xa5, sizeof(pkt));
	len = sample_build(&(struct sample){TCP4, .vlan = true, EXTRA(0, "\1\1\1\1"), .ttl = 9},
			   frame);
	assert_int_equal(fb_packet_parse(frame, len, len, &pkt), FB_PARSE_SERVICE);
	want = fb_tuple_make(IPPROTO_TCP, &src4, RTE_BE16(40000), &dst4, RTE_BE16(80));
	assert_memory_equal(&pkt.tuple, &want, sizeof(want));
	assert_int_equal(pkt.l3_off, 18);
	assert_int_equal(pkt.l4_off, 42);
	assert_int_equal(pkt.l3_len_bytes, 44);
	assert_int_equal(pkt.vlan_tci, 0x2064);
	assert_int_equal(pkt.ether_type, 0x0800);
	assert_int_equal(pkt.flags, FB_PKT_VLAN | FB_PKT_IPV4_DF);
	assert_int_equal(pkt.ttl, 9);
	assert_int_equal(pkt.tcp_flags, 0x02);

	len = sample_build(&(struct sample){UDP6, EXTRA(60, "\x11\0\1\4\0\0\0\0"), .no_sum = true},
			   frame);
	frame[0] |= 1;
	assert_int_equal(fb_packet_parse(frame, len, len, &pkt), FB_PARSE_SERVICE);
	want = fb_tuple_make(IPPROTO_UDP, &src6, RTE_BE16(40000), &dst6, RTE_BE16(80));
	assert_memory_equal(&pkt.tuple, &want, sizeof(want));
	assert_int_equal(pkt.l4_off, 62);
	assert_int_equal(pkt.l3_len_bytes, 61);
	assert_int_equal(pkt.flags, FB_PKT_MULTICAST | FB_PKT_UDP_NOSUM);
	assert_int_equal(pkt.tcp_flags, 0);
}

static void a_fragment_has_addresses_but_no_ports(void **state)
{
	struct fb_addr src = sample_addr(SAMPLE_SRC6);
	struct fb_addr dst = sample_addr(SAMPLE_DST6);
	struct fb_tuple want = fb_tuple_make(IPPROTO_TCP, &src, 0, &dst, 0);
	uint8_t frame[SAMPLE_MAX];
	struct fb_packet pkt;
	uint32_t len =
		sample_build(&(struct sample){TCP6, EXTRA(44, "\6\0\0\1\0\0\0\1")}, frame);

	(void)state;
	assert_int_equal(fb_packet_parse(frame, len, len, &pkt), FB_PARSE_FRAGMENT);
	assert_memory_equal(&pkt.tuple, &want, sizeof(want));
	assert_int_equal(pkt.flags, FB_PKT_FIRST_FRAGMENT);
}

/* Every first segment too short, in a frame that is whole and in one that ends there. */
static void a_frame_cut_anywhere_is_never_read_beyond(void **state)
{
	uint8_t frame[SAMPLE_MAX];
	struct fb_packet pkt;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint32_t len = build_row(&rows[i], frame);

		for (uint32_t cut = 0; cut < len; cut++) {
			uint8_t *exact = sample_exact(frame, cut);
			enum fb_parse kind = fb_packet_parse(exact, cut, cut, &pkt);

			if (kind == FB_PARSE_SERVICE)
				assert_true(cut >= len - rows[i].sample.padding_len);
			kind = fb_packet_parse(exact, cut, len, &pkt);
			if (kind == FB_PARSE_SERVICE)
				assert_true(pkt.l4_off + 8u <= cut);
			free(exact);
		}
	}
}

static void headers_split_over_segments_are_dropped_as_such(void **state)
{
	static const struct sample samples[] = {
		{TCP4}, {UDP4}, {TCP6}, {UDP6}, {TCP6, EXTRA(0, TWO_OPTIONS)},
		{UDP6, EXTRA(60, "\x11\1\1\14\0\0\0\0\0\0\0\0\0\0\0\0")},
		{TCP4, EXTRA(0, "\1\1\1\1"), .vlan = true},
	};
	uint8_t frame[SAMPLE_MAX];
	struct fb_packet pkt;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(samples); i++) {
		uint32_t len = sample_build(&samples[i], frame);
		uint32_t headers = len - samples[i].payload_len;

		for (uint32_t cut = 0; cut < headers; cut++) {
			assert_int_equal(fb_packet_parse(frame, cut, len, &pkt), FB_PARSE_DROP);
			assert_int_equal(pkt.reason, FB_REASON_HEADER_SPLIT);
		}
		assert_int_equal(fb_packet_parse(frame, headers, len, &pkt), FB_PARSE_SERVICE);
	}
}

static void a_frame_without_room_for_headers_is_too_short(void **state)
{
	uint8_t frame[SAMPLE_MAX];
	struct fb_packet pkt;

	(void)state;
	(void)sample_build(&(struct sample){TCP4, .vlan = true}, frame);
	for (uint32_t cut = 0; cut < 18 + 20; cut++) {
		assert_int_equal(fb_packet_parse(frame, cut, cut, &pkt), FB_PARSE_DROP);
		assert_int_equal(pkt.reason, FB_REASON_TOO_SHORT);
	}
}

static void random_changes_are_survived(void **state)
{
	uint8_t frame[SAMPLE_MAX];
	uint32_t seed = 3;
	struct fb_packet pkt;

	(void)state;
	for (int n = 0; n < 20000; n++) {
		const struct row *r = &rows[sample_random(&seed) % COUNT_OF(rows)];
		uint32_t len = build_row(r, frame);
		uint8_t *exact;

		for (uint32_t i = sample_random(&seed) % 4; i > 0; i--)
			frame[12 + sample_random(&seed) % (len - 12)] =
				(uint8_t)sample_random(&seed);
		if (frame[12] == 0x08)
			sample_fix_ipv4(frame);
		exact = sample_exact(frame, len);
		if (fb_packet_parse(exact, len, len, &pkt) == FB_PARSE_DROP)
			assert_int_not_equal(pkt.reason, FB_REASON_NONE);
		free(exact);
	}
}

static void arp_is_told_from_what_only_looks_like_it(void **state)
{
	static const uint8_t arp[42] = {[12] = 8, 6, 0, 1, 8, 0, 6, 4, 0, 1};
	uint8_t frame[42];
	struct fb_packet pkt;

	(void)state;
	memcpy(frame, arp, sizeof(arp));
	assert_int_equal(fb_packet_parse(frame, 42, 42, &pkt), FB_PARSE_ARP);
	assert_int_equal(fb_packet_parse(frame, 41, 41, &pkt), FB_PARSE_DROP);
	assert_int_equal(pkt.reason, FB_REASON_TOO_SHORT);
	frame[18] = 8;
	assert_int_equal(fb_packet_parse(frame, 42, 42, &pkt), FB_PARSE_DROP);
	assert_int_equal(pkt.reason, FB_REASON_BAD_HEADER_LEN);
	frame[15] = 6;
	assert_int_equal(fb_packet_parse(frame, 42, 42, &pkt), FB_PARSE_OTHER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_frame_is_what_its_row_says),
		cmocka_unit_test(every_offset_and_tuple_is_that_of_the_frame),
		cmocka_unit_test(a_fragment_has_addresses_but_no_ports),
		cmocka_unit_test(a_frame_cut_anywhere_is_never_read_beyond),
		cmocka_unit_test(headers_split_over_segments_are_dropped_as_such),
		cmocka_unit_test(a_frame_without_room_for_headers_is_too_short),
		cmocka_unit_test(random_changes_are_survived),
		cmocka_unit_test(arp_is_told_from_what_only_looks_like_it),
	};

	return cmocka_run_group_tests_name("net/packet", tests, NULL, NULL);
}
