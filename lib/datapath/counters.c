/* SPDX-License-Identifier: BSD-3-Clause */

/* Reading the workers' counters from the control thread: relaxed loads, summed here. */

#include "datapath/worker.h"

/* Copy counters word by word, so that each value is one that the worker stored. */
static void load(void *dst, const void *src, size_t size)
{
	uint64_t *d = dst;
	const uint64_t *s = src;

	for (size_t i = 0; i < size / sizeof(*d); i++)
		d[i] = __atomic_load_n(&s[i], __ATOMIC_RELAXED);
}

static void add(void *dst, const void *src, size_t size)
{
	uint64_t *d = dst;
	const uint64_t *s = src;

	for (size_t i = 0; i < size / sizeof(*d); i++)
		d[i] += __atomic_load_n(&s[i], __ATOMIC_RELAXED);
}

uint64_t fb_datapath_open_flows(const struct fb_datapath *dp)
{
	uint64_t n = 0;

	for (uint16_t i = 0; i < dp->n_workers; i++) {
		for (uint32_t ep = 0; ep < dp->max_endpoints; ep++)
			n += __atomic_load_n(&dp->workers[i]->endpoint_counters[ep].open,
					     __ATOMIC_RELAXED);
	}
	return n;
}

uint16_t fb_datapath_n_workers(const struct fb_datapath *dp)
{
	return dp->n_workers;
}

uint16_t fb_datapath_n_ports(const struct fb_datapath *dp)
{
	return dp->n_ports;
}

const struct fb_port *fb_datapath_port(const struct fb_datapath *dp, uint16_t port)
{
	return &dp->ports[port];
}

bool fb_datapath_port_steered(const struct fb_datapath *dp, uint16_t port)
{
	return dp->steer[port] != NULL;
}

const struct fb_nat_steer *fb_datapath_steer(const struct fb_datapath *dp, uint16_t port)
{
	return dp->steer[port];
}

const struct fb_nat_ports *fb_datapath_nat_ports(const struct fb_datapath *dp)
{
	return &dp->nat;
}

void fb_datapath_worker_counters(const struct fb_datapath *dp, uint16_t worker,
				 struct fb_worker_counters *ret)
{
	load(ret, &dp->workers[worker]->counters, sizeof(*ret));
}

void fb_datapath_worker_port_counters(const struct fb_datapath *dp, uint16_t worker, uint16_t port,
				      struct fb_port_counters *ret)
{
	load(ret, &dp->workers[worker]->port_counters[port], sizeof(*ret));
}

void fb_datapath_worker_endpoint_counters(const struct fb_datapath *dp, uint16_t worker,
					  uint32_t ep_id, struct fb_endpoint_counters *ret)
{
	load(ret, &dp->workers[worker]->endpoint_counters[ep_id], sizeof(*ret));
}

void fb_datapath_port_counters(const struct fb_datapath *dp, uint16_t port,
			       struct fb_port_counters *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (uint16_t i = 0; i < dp->n_workers; i++)
		add(ret, &dp->workers[i]->port_counters[port], sizeof(*ret));
}

void fb_datapath_endpoint_counters(const struct fb_datapath *dp, uint32_t ep_id,
				   struct fb_endpoint_counters *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (uint16_t i = 0; i < dp->n_workers; i++)
		add(ret, &dp->workers[i]->endpoint_counters[ep_id], sizeof(*ret));
}

void fb_datapath_service_counters(const struct fb_datapath *dp, uint32_t service_id,
				  struct fb_service_counters *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (uint16_t i = 0; i < dp->n_workers; i++)
		add(ret, &dp->workers[i]->service_counters[service_id], sizeof(*ret));
}
