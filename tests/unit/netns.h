/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_UNIT_NETNS_H
#define FB_UNIT_NETNS_H

/* What tests against the real kernel share: an empty network namespace, and waiting with a deadline. */

#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define NETNS_SKIP 77

/* Meson reads 77 as "skipped". */
static inline int netns_enter(void)
{
	if (unshare(CLONE_NEWNET) == 0)
		return 0;
	(void)fprintf(stderr, "skipped: a network namespace of its own needs root\n");
	return NETNS_SKIP;
}

static inline uint64_t netns_now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* Wait until fd is readable or the deadline has passed. */
static inline bool netns_wait(int fd, uint64_t deadline_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	uint64_t now = netns_now_ms();

	return now < deadline_ms && poll(&p, 1, (int)(deadline_ms - now)) > 0;
}

#endif
