/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A SYN flood from forged sources, out of one interface, until it is ended:
 *
 *     flood IFACE DESTINATION-MAC DESTINATION PORT
 *
 * As many as are answered, with at most IN_FLIGHT on their way: that is what the box takes, whatever else the
 * machine has to do, and no ring on the way runs over. Sources are 198.18.0.0/15 or 2001:2::/64 (networks for
 * such tests, RFC 2544 and 5180), a new one each time.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { BATCH = 64, TCP_LEN = 24, IN_FLIGHT = 512, LOST_NS = 50000000 };

/* Frames to the MAC address that the flood comes from. */
static struct sock_filter to_flood[] = {
	BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x02f1, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, 64),
	BPF_STMT(BPF_RET | BPF_K, 0),
};

static uint64_t seed = 88172645463325252;

static uint64_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static uint32_t sum(const uint8_t *p, size_t len, uint32_t s)
{
	for (size_t i = 0; i < len; i += 2)
		s += (uint32_t)p[i] << 8 | p[i + 1];
	return s;
}

static void put(uint8_t *p, uint32_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	p[0] = (uint8_t)(~s >> 8);
	p[1] = (uint8_t)~s;
}

/* Another source and port, and the sums to them. @return the frame's length */
static size_t make(uint8_t *frame, int family, const uint8_t *dst, uint16_t port)
{
	const uint64_t r = next_random();
	uint8_t *ip = frame + 14;
	uint8_t *tcp = ip + (family == AF_INET ? 20 : 40);
	const size_t addr_len = family == AF_INET ? 4 : 16;
	uint8_t *src = ip + (family == AF_INET ? 12 : 8);

	memset(ip, 0, 40 + TCP_LEN);
	if (family == AF_INET) {
		ip[0] = 0x45;
		ip[3] = 20 + TCP_LEN;
		ip[8] = 64;
		ip[9] = IPPROTO_TCP;
		memcpy(src,
		       (uint8_t[]){198, (uint8_t)(18 + (r & 1)), (uint8_t)(r >> 8),
				   (uint8_t)(r >> 16)},
		       4);
	} else {
		ip[0] = 0x60;
		ip[5] = TCP_LEN;
		ip[6] = IPPROTO_TCP;
		ip[7] = 64;
		memcpy(src, (uint8_t[]){0x20, 0x01, 0x00, 0x02}, 4);
		memcpy(src + 8, &r, 8);
	}
	memcpy(src + addr_len, dst, addr_len);
	tcp[0] = (uint8_t)(4 + (r >> 56) % 250);
	tcp[1] = (uint8_t)(r >> 48);
	tcp[2] = (uint8_t)(port >> 8);
	tcp[3] = (uint8_t)port;
	memcpy(tcp + 4, &r, 4);
	tcp[12] = TCP_LEN / 4 << 4;
	tcp[13] = 0x02; /* SYN */
	tcp[14] = 0xff;
	memcpy(tcp + 20, (uint8_t[]){2, 4, 0x05, 0xb4}, 4); /* MSS 1460 */
	put(tcp + 16, sum(tcp, TCP_LEN, sum(src, 2 * addr_len, IPPROTO_TCP + TCP_LEN)));
	if (family == AF_INET)
		put(ip + 10, sum(ip, 20, 0));
	return (size_t)(tcp - frame) + TCP_LEN;
}

/* A socket that only counts the answers: the kernel does, also of those that find no room in it. */
static int open_counter(const struct sockaddr_ll *at)
{
	const struct sock_fprog filter = {.len = 4, .filter = to_flood};
	struct sockaddr_ll all = *at;
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	all.sll_protocol = htons(ETH_P_ALL);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) != 0 ||
	    bind(fd, (struct sockaddr *)&all, sizeof(all)) != 0)
		return -1;
	return fd;
}

static uint64_t answered(int fd)
{
	struct tpacket_stats stats = {0};
	socklen_t len = sizeof(stats);

	return getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) == 0 ? stats.tp_packets
										: 0;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

int main(int argc, char **argv)
{
	static uint8_t frames[BATCH][128];
	struct sockaddr_ll to = {.sll_family = AF_PACKET};
	struct mmsghdr messages[BATCH] = {0};
	struct iovec iov[BATCH];
	uint64_t in_flight = 0, last_ns;
	unsigned int mac[6];
	uint8_t dst[16];
	int family, fd, counter;

	if (argc != 5 || sscanf(argv[2], "%x:%x:%x:%x:%x:%x", mac, mac + 1, mac + 2, mac + 3,
				mac + 4, mac + 5) != 6) {
		fprintf(stderr, "usage: flood IFACE MAC DESTINATION PORT\n");
		return 2;
	}
	family = strchr(argv[3], ':') ? AF_INET6 : AF_INET;
	fd = socket(AF_PACKET, SOCK_RAW, 0);
	to.sll_ifindex = (int)if_nametoindex(argv[1]);
	if (inet_pton(family, argv[3], dst) != 1 || fd < 0 || to.sll_ifindex == 0 ||
	    bind(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
		perror("flood");
		return 1;
	}
	for (int i = 0; i < BATCH; i++) {
		for (int k = 0; k < 6; k++)
			frames[i][k] = (uint8_t)mac[k];
		memcpy(frames[i] + 6, (uint8_t[]){2, 0xf1, 0, 0, 0, 0}, 6);
		frames[i][12] = family == AF_INET ? 0x08 : 0x86;
		frames[i][13] = family == AF_INET ? 0x00 : 0xdd;
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
	}
	counter = open_counter(&to);
	if (counter < 0) {
		perror("flood: counter");
		return 1;
	}
	last_ns = now_ns();
	for (;;) {
		const uint64_t n = answered(counter);
		int sent;

		in_flight = in_flight > n ? in_flight - n : 0;
		if (n != 0)
			last_ns = now_ns();
		else if (now_ns() - last_ns > LOST_NS)
			in_flight = 0;
		if (in_flight > IN_FLIGHT - BATCH) {
			nanosleep(&(struct timespec){0, 100000}, NULL);
			continue;
		}
		for (int i = 0; i < BATCH; i++) {
			iov[i].iov_base = frames[i];
			iov[i].iov_len = make(frames[i], family, dst, (uint16_t)atoi(argv[4]));
		}
		sent = sendmmsg(fd, messages, BATCH, 0);
		if (sent > 0)
			in_flight += (uint64_t)sent;
		else if (errno != ENOBUFS && errno != EAGAIN)
			return 1;
	}
}
