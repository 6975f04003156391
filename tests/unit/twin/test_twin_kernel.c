/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_tun.h>

#include "netns.h"
#include "twin/twin.h"

static const uint8_t mac[6] = {0x02, 0xfb, 0, 0, 0, 1};
static const uint8_t peer_mac[6] = {0x02, 0xaa, 0, 0, 0, 2};

static struct fb_config_addr addresses[2];
static char lan_name[] = "lan";
static struct fb_config_port port = {
	.name = lan_name, .addresses = addresses, .n_addresses = 2, .mtu = 1400,
};

static int open_twin(void **state)
{
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_twin *t;

	assert_int_equal(fb_addr_parse("192.0.2.1", &addresses[0].addr), 0);
	addresses[0].len_bits = 24;
	assert_int_equal(fb_addr_parse("2001:db8::1", &addresses[1].addr), 0);
	addresses[1].len_bits = 64;
	t = fb_twin_open(&port, mac, &errs);
	for (size_t i = 0; i < errs.n; i++)
		print_error("%s\n", errs.v[i].text);
	assert_non_null(t);
	assert_int_equal(errs.n, 0);
	*state = t;
	return 0;
}

static int close_twin(void **state)
{
	fb_twin_close(*state);
	return 0;
}

/* What a shell command says. */
static const char *said(const char *command)
{
	static char text[4096];
	FILE *f = popen(command, "re");
	size_t n;

	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	assert_int_equal(pclose(f), 0);
	return text;
}

static void it_has_the_ports_name_mac_and_mtu_and_is_up(void **state)
{
	struct fb_twin *t = *state;
	const char *text = said("ip link show dev fb-lan");

	assert_string_equal(fb_twin_name(t), "fb-lan");
	assert_int_equal(fb_twin_ifindex(t), if_nametoindex("fb-lan"));
	assert_non_null(strstr(text, "mtu 1400"));
	assert_non_null(strstr(text, "02:fb:00:00:00:01"));
	assert_non_null(strstr(text, "LOWER_UP"));
}

static void its_addresses_are_usable_at_once_the_link_local_too(void **state)
{
	const char *text = said("ip -6 route show table local dev fb-lan");

	(void)state;
	assert_non_null(strstr(text, "local 2001:db8::1 "));
	assert_non_null(strstr(text, "local fe80::fb:ff:fe00:1 "));
	text = said("ip addr show dev fb-lan");
	assert_non_null(strstr(text, "192.0.2.1/24"));
	assert_non_null(strstr(text, "2001:db8::1/64"));
	assert_non_null(strstr(text, "fe80::fb:ff:fe00:1/64"));
	assert_null(strstr(text, "tentative"));
}

static void a_name_in_use_is_refused_in_one_line(void **state)
{
	struct fb_errs errs = FB_ERRS_INIT;

	(void)state;
	assert_null(fb_twin_open(&port, mac, &errs));
	assert_int_equal(errno, EBUSY);
	assert_int_equal(errs.n, 1);
	assert_non_null(strstr(errs.v[0].text, "fb-lan exists already"));
	fb_errs_fini(&errs);
}

static void a_name_in_use_is_told_without_opening_anything(void **state)
{
	struct fb_errs errs = FB_ERRS_INIT;

	assert_int_equal(fb_twin_check(&port, &errs), -EBUSY);
	assert_int_equal(errs.n, 1);
	assert_non_null(strstr(errs.v[0].text, "fb-lan exists already"));
	fb_errs_fini(&errs);
	fb_twin_close(*state);
	*state = NULL;
	assert_int_equal(fb_twin_check(&port, &errs), 0);
	assert_int_equal(errs.n, 0);
	assert_int_equal(if_nametoindex("fb-lan"), 0);
}

static void a_persistent_tap_of_that_name_is_not_taken_over(void **state)
{
	struct fb_errs errs = FB_ERRS_INIT;

	(void)state;
	(void)said("ip tuntap add dev fb-lan mode tap");
	assert_null(fb_twin_open(&port, mac, &errs));
	assert_int_equal(errs.n, 1);
	assert_non_null(strstr(errs.v[0].text, "fb-lan exists already"));
	fb_errs_fini(&errs);
	(void)said("ip link del fb-lan");
}

static void an_address_that_the_kernel_refuses_is_named(void **state)
{
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_config_port small = port;

	(void)state;
	small.mtu = 1000;
	assert_null(fb_twin_open(&small, mac, &errs));
	assert_int_equal(errs.n, 1);
	assert_non_null(strstr(errs.v[0].text, "2001:db8::1/64"));
	assert_int_equal(if_nametoindex("fb-lan"), 0);
	fb_errs_fini(&errs);
}

static void closing_it_removes_the_interface(void **state)
{
	(void)open_twin(state);
	fb_twin_close(*state);
	assert_int_equal(if_nametoindex("fb-lan"), 0);
}

static void carrier_follows_the_port(void **state)
{
	assert_int_equal(fb_twin_set_carrier(*state, false), 0);
	assert_non_null(strstr(said("ip link show dev fb-lan"), "NO-CARRIER"));
	assert_int_equal(fb_twin_set_carrier(*state, true), 0);
	assert_null(strstr(said("ip link show dev fb-lan"), "NO-CARRIER"));
}

/* The next frame of an EtherType; others (router solicitations, MLD) are passed over. */
static size_t frame_of_type(struct fb_twin *t, uint16_t type, uint8_t *buf, size_t buf_size)
{
	uint64_t deadline = netns_now_ms() + 5000;

	while (netns_wait(fb_twin_fd(t), deadline)) {
		ssize_t len = fb_twin_read(t, buf, buf_size);

		assert_true(len >= 0);
		if (len >= 14 && (buf[12] << 8 | buf[13]) == type)
			return (size_t)len;
	}
	fail_msg("no frame of type %04x within 5 s", type);
	return 0;
}

static uint32_t sum16(const uint8_t *p, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
	return sum;
}

static void what_the_kernel_sends_can_be_read_with_complete_checksums(void **state)
{
	struct sockaddr_in peer = {
		.sin_family = AF_INET, .sin_port = htons(7), .sin_addr.s_addr = htonl(0xc0000209),
	};
	struct fb_twin *t = *state;
	uint8_t buf[2048];
	uint8_t reply[42];
	uint32_t sum;
	size_t len;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(sendto(fd, "odd", 3, 0, (struct sockaddr *)&peer, sizeof(peer)), 3);
	len = frame_of_type(t, 0x0806, buf, sizeof(buf));
	assert_true(len >= 42);
	/* ARP (RFC 826): who has 192.0.2.9; answer with sender and target swapped. */
	memcpy(reply, buf, sizeof(reply));
	memcpy(reply, mac, 6);
	memcpy(reply + 6, peer_mac, 6);
	reply[21] = 2;
	memcpy(reply + 22, peer_mac, 6);
	memcpy(reply + 28, buf + 38, 4);
	memcpy(reply + 32, mac, 6);
	memcpy(reply + 38, buf + 28, 4);
	assert_int_equal(fb_twin_write(t, reply, sizeof(reply)), 0);
	len = frame_of_type(t, 0x0800, buf, sizeof(buf));
	assert_int_equal(len, 14 + 20 + 8 + 3);
	assert_memory_equal(buf, peer_mac, 6);
	assert_int_not_equal(buf[40] << 8 | buf[41], 0);
	sum = sum16(buf + 26, 8, IPPROTO_UDP + 11);
	sum = sum16(buf + 34, 11, sum);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	assert_int_equal(sum, 0xffff);
	close(fd);
}

static void nothing_waiting_reads_as_zero(void **state)
{
	struct fb_twin *t = *state;
	uint8_t buf[2048];
	ssize_t len;

	assert_int_equal(fb_twin_set_carrier(t, false), 0); /* so that nothing more can come */
	do
		len = fb_twin_read(t, buf, sizeof(buf));
	while (len > 0);
	assert_int_equal(len, 0);
}

static void an_address_can_be_lent_and_taken_back(void **state)
{
	static const char *const texts[] = {"10.96.0.53", "fd00:96::53"};
	struct fb_twin *t = *state;

	for (size_t i = 0; i < 2; i++) {
		struct fb_addr a;

		assert_int_equal(fb_addr_parse(texts[i], &a), 0);
		for (int twice = 0; twice < 2; twice++)
			assert_int_equal(fb_twin_add_address(t, &a), 0);
		assert_non_null(strstr(said("ip -o addr show dev fb-lan"),
				       i == 0 ? "10.96.0.53/32" : "fd00:96::53/128"));
		for (int twice = 0; twice < 2; twice++)
			assert_int_equal(fb_twin_remove_address(t, &a), 0);
		assert_null(strstr(said("ip -o addr show dev fb-lan"), texts[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_has_the_ports_name_mac_and_mtu_and_is_up,
						open_twin, close_twin),
		cmocka_unit_test_setup_teardown(
			its_addresses_are_usable_at_once_the_link_local_too, open_twin, close_twin),
		cmocka_unit_test_setup_teardown(a_name_in_use_is_refused_in_one_line, open_twin,
						close_twin),
		cmocka_unit_test_setup_teardown(a_name_in_use_is_told_without_opening_anything,
						open_twin, close_twin),
		cmocka_unit_test(a_persistent_tap_of_that_name_is_not_taken_over),
		cmocka_unit_test(an_address_that_the_kernel_refuses_is_named),
		cmocka_unit_test(closing_it_removes_the_interface),
		cmocka_unit_test_setup_teardown(carrier_follows_the_port, open_twin, close_twin),
		cmocka_unit_test_setup_teardown(
			what_the_kernel_sends_can_be_read_with_complete_checksums, open_twin,
			close_twin),
		cmocka_unit_test_setup_teardown(nothing_waiting_reads_as_zero, open_twin,
						close_twin),
		cmocka_unit_test_setup_teardown(an_address_can_be_lent_and_taken_back, open_twin,
						close_twin),
	};

	return netns_enter() != 0 ? NETNS_SKIP : cmocka_run_group_tests(tests, NULL, NULL);
}
