/* SPDX-License-Identifier: BSD-3-Clause */

#include "machine.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>

#define MAX_ARGS 16

static bool huge;
static uint32_t n_cores;

static uint64_t free_hugepages_mb(void)
{
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "r");
	unsigned long n = 0;

	if (f == NULL)
		return 0;
	if (fscanf(f, "%lu", &n) != 1)
		n = 0;
	(void)fclose(f);
	return 2 * (uint64_t)n;
}

/*
 * "0@3,1@0,2@1,2@2": the main thread's core, then the others, each with a thread that sleeps until it is
 * wanted.
 */
static void name_cores(int core, char *ret, size_t size)
{
	cpu_set_t set;
	size_t len;

	CPU_ZERO(&set);
	(void)sched_getaffinity(0, sizeof(set), &set);
	for (int i = 0; i < CPU_SETSIZE && core < 0; i++)
		if (CPU_ISSET(CPU_SETSIZE - 1 - i, &set))
			core = CPU_SETSIZE - 1 - i;
	len = (size_t)snprintf(ret, size, "0@%d", core);
	n_cores = 1;
	for (int i = 0; i < CPU_SETSIZE && n_cores < BENCH_MAX_CORES; i++)
		if (CPU_ISSET(i, &set) && i != core)
			len += (size_t)snprintf(ret + len, size - len, ",%u@%d", n_cores++, i);
}

uint32_t bench_machine_n_cores(void)
{
	return n_cores;
}

unsigned int bench_machine_lcore(uint32_t i)
{
	return i;
}

int bench_machine_start(const char *program, int core, const char *const devices[2],
			uint32_t memory_mb, struct fb_errs *errs)
{
	static char cores[16 * BENCH_MAX_CORES];
	static char memory[32];
	char *args[MAX_ARGS];
	int n = 0;

	huge = free_hugepages_mb() >= memory_mb;
	name_cores(core, cores, sizeof(cores));
	(void)snprintf(memory, sizeof(memory), "%u", memory_mb);
	/* EAL keeps pointers into argv for as long as it runs. */
	args[n++] = strdup(program);
	args[n++] = strdup("--lcores");
	args[n++] = cores;
	args[n++] = strdup("-m");
	args[n++] = memory;
	args[n++] = strdup("--no-pci");
	args[n++] = strdup("--no-telemetry");
	args[n++] = strdup("--no-shconf");
	args[n++] = strdup(huge ? "--in-memory" : "--no-huge");
	args[n++] = strdup("--log-level=error");
	/* virtio-user tells its peer of each file of memory, and takes but eight. */
	if (devices != NULL && huge)
		args[n++] = strdup("--single-file-segments");
	for (int i = 0; i < 2 && devices != NULL && devices[i] != NULL; i++) {
		args[n++] = strdup("--vdev");
		args[n++] = strdup(devices[i]);
	}
	if (rte_eal_init(n, args) >= 0)
		return 0;
	fb_errs_add(errs, (struct fb_place){0}, FB_SEV_ERROR, "EAL does not start: %s",
		    strerror(rte_errno));
	return -rte_errno;
}

uint32_t bench_machine_core(void)
{
	return (uint32_t)sched_getcpu();
}

uint64_t bench_machine_waited_ns(void)
{
	FILE *f = fopen("/proc/thread-self/schedstat", "r");
	uint64_t waited = 0;

	if (f == NULL)
		return 0;
	if (fscanf(f, "%*u %" SCNu64, &waited) != 1)
		waited = 0;
	(void)fclose(f);
	return waited;
}

void bench_machine_describe(void)
{
	FILE *f = fopen("/proc/cpuinfo", "r");
	char line[256] = "";
	char model[256] = "unknown";

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "model name : %255[^\n]", model) == 1)
			break;
	if (f != NULL)
		(void)fclose(f);
	(void)fprintf(stderr, "CPU:   %s, core %u of %ld, TSC %.2f GHz\n", model,
		      bench_machine_core(), sysconf(_SC_NPROCESSORS_ONLN),
		      (double)rte_get_tsc_hz() / 1e9);
	(void)fprintf(
		stderr, "pages: %s\n",
		huge ? "2 MB, reserved"
		     : "ordinary for packet buffers, transparent huge pages for tables; reserve "
		       "some, or run scripts/bench, which does");
}
