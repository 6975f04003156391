/* SPDX-License-Identifier: BSD-3-Clause */

#include "events.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int leader = -1; /* instructions; the misses are in its group */

static int open_counter(uint64_t what, int group)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE,
		.size = sizeof(attr),
		.config = what,
		.read_format = PERF_FORMAT_GROUP,
		.disabled = group < 0,
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};

	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, group, PERF_FLAG_FD_CLOEXEC);
}

bool bench_events_open(void)
{
	leader = open_counter(PERF_COUNT_HW_INSTRUCTIONS, -1);
	if (leader >= 0 && open_counter(PERF_COUNT_HW_CACHE_MISSES, leader) < 0) {
		int err = errno;

		(void)close(leader);
		leader = -1;
		errno = err;
	}
	if (leader < 0)
		(void)fprintf(stderr, "no instructions and cache misses: perf_event_open: %s\n",
			      strerror(errno));
	return leader >= 0;
}

void bench_events_start(void)
{
	if (leader < 0)
		return;
	(void)ioctl(leader, PERF_EVENT_IOC_RESET, PERF_IOC_FLAG_GROUP);
	(void)ioctl(leader, PERF_EVENT_IOC_ENABLE, PERF_IOC_FLAG_GROUP);
}

bool bench_events_stop(struct bench_events *sum)
{
	uint64_t values[3] = {0}; /* how many, then each */

	if (leader < 0)
		return false;
	(void)ioctl(leader, PERF_EVENT_IOC_DISABLE, PERF_IOC_FLAG_GROUP);
	if (read(leader, values, sizeof(values)) != (ssize_t)sizeof(values))
		return false;
	sum->instructions += values[1];
	sum->cache_misses += values[2];
	return true;
}
