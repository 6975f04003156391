/* SPDX-License-Identifier: BSD-3-Clause */

#include "eal.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_mbuf.h>

#define MAX_ARGS 128

/* Receive and transmit descriptors of a queue, as ports.c asks for them. */
#define DESCRIPTORS_PER_QUEUE 2048
#define MBUF_CACHE            256

/* What EAL was started with; it keeps pointers into the strings for as long as it runs. */
static struct args {
	char *v[MAX_ARGS];
	int n;
} eal_args;

static __attribute__((format(printf, 2, 3))) void add(struct args *a, const char *fmt, ...)
{
	va_list ap;

	if (a->n == MAX_ARGS - 1)
		return;
	va_start(ap, fmt);
	if (vasprintf(&a->v[a->n], fmt, ap) >= 0)
		a->n++;
	va_end(ap);
}

unsigned int fb_eal_worker_lcore(uint16_t worker)
{
	return 1u + worker;
}

/* Free hugepage memory of all sizes, in MB. */
static uint64_t free_hugepages_mb(void)
{
	static const char dir[] = "/sys/kernel/mm/hugepages";
	DIR *d = opendir(dir);
	uint64_t total_mb = 0;
	struct dirent *e;

	if (d == NULL)
		return 0;
	while ((e = readdir(d)) != NULL) {
		unsigned long size_kb;
		unsigned long n = 0;
		char path[512];
		FILE *f;

		if (sscanf(e->d_name, "hugepages-%lukB", &size_kb) != 1)
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s/free_hugepages", dir, e->d_name);
		f = fopen(path, "r");
		if (f == NULL)
			continue;
		if (fscanf(f, "%lu", &n) == 1)
			total_mb += (uint64_t)n * size_kb / 1024;
		(void)fclose(f);
	}
	(void)closedir(d);
	return total_mb;
}

static uint32_t n_mbufs(const struct fb_config *config, uint32_t n_queues)
{
	uint32_t n;

	if (config->mbufs != 0)
		return config->mbufs * config->n_ports;
	n = n_queues * 2 * DESCRIPTORS_PER_QUEUE + config->n_workers * 2 * config->ring_size +
	    config->ring_size + (config->n_workers + 1) * 2 * MBUF_CACHE +
	    config->n_workers * config->fragment_held;
	return n < 16384 ? 16384 : n;
}

/* One segment per frame: Ethernet, two VLAN tags, and a little for devices that round up. */
static uint32_t mbuf_room(const struct fb_config *config)
{
	uint32_t largest_mtu = 1500;
	uint32_t room;

	for (uint32_t i = 0; i < config->n_ports; i++)
		if (config->ports[i].mtu > largest_mtu)
			largest_mtu = config->ports[i].mtu;
	room = RTE_ALIGN(largest_mtu + 14 + 8 + 4, 64) + RTE_PKTMBUF_HEADROOM;
	return room < RTE_MBUF_DEFAULT_BUF_SIZE ? RTE_MBUF_DEFAULT_BUF_SIZE : room;
}

/*
 * For EAL: buffers, rings and what devices take for themselves. Tables are not in here. Where pages are
 * small the pool begins each buffer on a page of its own, so that none lies across two.
 */
static uint32_t memory_mb(const struct fb_config *config, bool huge)
{
	uint64_t buffer = mbuf_room(config) + sizeof(struct rte_mbuf) + 2 * RTE_CACHE_LINE_SIZE;

	if (config->memory_mb != 0)
		return config->memory_mb;
	if (!huge)
		buffer = RTE_ALIGN(buffer, 4096);
	return (uint32_t)(n_mbufs(config, config->n_ports * config->n_workers) * buffer >> 20) + 64;
}

static bool is_pci(const char *device)
{
	unsigned int domain;
	unsigned int bus;
	unsigned int dev;
	unsigned int fn;

	return sscanf(device, "%x:%x:%x.%x", &domain, &bus, &dev, &fn) == 4;
}

static void add_devices(struct args *a, const struct fb_config *config)
{
	bool pci = false;

	for (uint32_t i = 0; i < config->n_ports; i++) {
		const char *device = config->ports[i].device;

		pci |= is_pci(device);
		add(a, "%s", is_pci(device) ? "-a" : "--vdev");
		add(a, "%s", device);
	}
	if (!pci)
		add(a, "--no-pci");
}

static int add_memory(struct args *a, const struct fb_config *config, struct fb_errs *errs)
{
	uint32_t need_mb = memory_mb(config, true);
	uint64_t have_mb = free_hugepages_mb();
	bool huge = config->hugepages == FB_HUGEPAGES_ON ||
		    (config->hugepages == FB_HUGEPAGES_AUTO && have_mb >= need_mb);

	if (config->hugepages == FB_HUGEPAGES_ON && have_mb < need_mb) {
		fb_errs_add(errs, (struct fb_place){0}, FB_SEV_ERROR,
			    "memory.hugepages is on, but only %lu MB of hugepages are free and %u MB are "
			    "needed; reserve some (sysctl vm.nr_hugepages=%u), or set it to auto or off",
			    (unsigned long)have_mb, need_mb, (need_mb + 1) / 2);
		return -ENOMEM;
	}
	if (huge) {
		/* No files of EAL's: nothing is left over when the process ends, however it ends. */
		add(a, "--in-memory");
		add(a, "--socket-mem=%u", need_mb);
	} else {
		add(a, "--no-huge");
		add(a, "--no-shconf"); /* the same; --in-memory does not go with --no-huge in 22.11 */
		add(a, "-m");
		add(a, "%u", memory_mb(config, false));
	}
	return 0;
}

static void add_lcores(struct args *a, const struct fb_config *config)
{
	char *list = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&list, &len);

	if (f == NULL)
		return;
	(void)fprintf(f, "0@%u", config->control_core);
	for (uint32_t i = 0; i < config->n_workers; i++)
		(void)fprintf(f, ",%u@%u", fb_eal_worker_lcore((uint16_t)i), config->worker_cores[i]);
	(void)fclose(f);
	add(a, "--lcores");
	add(a, "%s", list);
	free(list);
	add(a, "--main-lcore");
	add(a, "0");
}

/* EAL answers a CPU that is not there with its whole usage text; so it is asked before. */
static int check_cores(const struct fb_config *config, struct fb_errs *errs)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return -errno;
	if (!CPU_ISSET(config->control_core, &set))
		fb_errs_add(errs, (struct fb_place){0}, FB_SEV_ERROR,
			    "workers.control-core: CPU %u is not available to this process (%d are)",
			    config->control_core, CPU_COUNT(&set));
	for (uint32_t i = 0; i < config->n_workers; i++)
		if (!CPU_ISSET(config->worker_cores[i], &set))
			fb_errs_add(errs, (struct fb_place){0}, FB_SEV_ERROR,
				    "workers.cores: CPU %u is not available to this process (%d are)",
				    config->worker_cores[i], CPU_COUNT(&set));
	return errs->n_errors == 0 ? 0 : -EINVAL;
}

static int add_all(struct args *a, const struct fb_config *config, const char *program,
		   char *const *extra, int n_extra, struct fb_errs *errs)
{
	int err;

	add(a, "%s", program);
	add_lcores(a, config);
	add_devices(a, config);
	err = add_memory(a, config, errs);
	/* Two daemons on one machine (labs, an upgrade) must not share EAL's run-time files. */
	add(a, "--file-prefix");
	add(a, "forebay-%d", (int)getpid());
	add(a, "--no-telemetry");
	add(a, "--log-level");
	add(a, "lib.eal:%s", config->log_level >= FB_LOG_DEBUG ? "debug" : "error");
	for (int i = 0; i < n_extra; i++)
		add(a, "%s", extra[i]);
	return err;
}

/* What EAL wrote while it failed: its first line says why, the others what follows from it. */
static void say_why(char *log, int err, struct fb_errs *errs)
{
	bool privileged = geteuid() == 0;

	log[strcspn(log, "\n")] = '\0';
	fb_errs_add(errs, (struct fb_place){0}, FB_SEV_ERROR, "DPDK does not start: %s%s",
		    log[0] != '\0' ? log : strerror(-err),
		    privileged ? "" : " (not root: CAP_NET_ADMIN, CAP_NET_RAW and CAP_IPC_LOCK are needed)");
}

/* EAL starts without a virtual device that it could not make; the driver has said why. */
static void pass_on(char *log, struct fb_errs *errs)
{
	char *rest = log;
	char *line;

	while ((line = strsep(&rest, "\n")) != NULL)
		if (line[0] != '\0')
			fb_errs_add(errs, (struct fb_place){0}, FB_SEV_NOTICE, "DPDK: %s", line);
}

static void free_args(void)
{
	for (int i = 0; i < eal_args.n; i++)
		free(eal_args.v[i]);
	eal_args.n = 0;
}

/*
 * EAL makes it even when it puts nothing there, as the arguments above have it. Taken away at once, it
 * is not left behind by a crash either.
 */
static void remove_runtime_dir(const char *dir)
{
	if (dir != NULL)
		(void)rmdir(dir);
}

int fb_eal_init(const struct fb_config *config, const char *program, char *const *extra, int n_extra,
		struct fb_errs *errs)
{
	char *v[MAX_ARGS];
	char *log = NULL;
	size_t log_len = 0;
	FILE *stream;
	int err = check_cores(config, errs);

	if (err == 0)
		err = add_all(&eal_args, config, program, extra, n_extra, errs);
	stream = err == 0 ? open_memstream(&log, &log_len) : NULL;
	if (stream != NULL) {
		/* EAL reorders its array and overwrites entries. */
		memcpy(v, eal_args.v, sizeof(v));
		(void)rte_openlog_stream(stream);
		if (rte_eal_init(eal_args.n, v) < 0)
			err = -rte_errno;
		(void)rte_openlog_stream(NULL);
		(void)fclose(stream);
		remove_runtime_dir(rte_eal_get_runtime_dir());
		if (err != 0)
			say_why(log, err, errs);
		else
			pass_on(log, errs);
		free(log);
		if (err == 0)
			return 0;
	}
	free_args();
	return err != 0 ? err : -ENOMEM;
}

void fb_eal_fini(void)
{
	char *dir = strdup(rte_eal_get_runtime_dir());

	(void)rte_eal_cleanup();
	remove_runtime_dir(dir); /* other arguments after -- may have used it */
	free(dir);
	free_args();
}

struct rte_mempool *fb_eal_pool(const struct fb_config *config, uint32_t n_queues,
				struct fb_errs *errs)
{
	uint32_t n = n_mbufs(config, n_queues);
	uint32_t room = mbuf_room(config);
	struct rte_mempool *pool;

	pool = rte_pktmbuf_pool_create("fb_mbufs", n, MBUF_CACHE, 0, (uint16_t)room,
				       (int)rte_socket_id());
	if (pool == NULL)
		fb_errs_add(errs, (struct fb_place){0}, FB_SEV_ERROR,
			    "no room for %u packet buffers of %u bytes: raise memory.size-mb (now %u) or "
			    "lower memory.mbufs",
			    n, room, memory_mb(config, rte_eal_has_hugepages() != 0));
	return pool;
}
