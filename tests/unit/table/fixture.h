/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_UNIT_TABLE_FIXTURE_H
#define FB_UNIT_TABLE_FIXTURE_H

/* A table with a router of its own, and short ways to say what a test wants. */

#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "table/write.h"

struct fixture {
	struct fb_table *t;
	struct fb_hash_secret secret;
	struct fb_next_hop hops[4];
	uint16_t next_hop; /* what the router answers */
	int held;          /* addresses held and not released */
};

void fixture_open(struct fixture *f, uint32_t max_endpoints, uint32_t max_services);
void fixture_close(struct fixture *f);

struct fb_addr addr(const char *text);
struct fb_addr addr4(uint32_t host_order);
struct fb_frontend_spec frontend(const char *text, uint16_t port, enum fb_frontend_kind kind);
struct fb_endpoint_spec endpoint(uint32_t i, enum fb_endpoint_state state);
struct fb_tuple tuple_to(const struct fb_addr *dst, rte_be16_t dport_be, uint8_t proto);

/** Stage namespace "default", TCP, IPv4, port 80; errors are not expected. */
void stage(struct fixture *f, const char *name, const struct fb_frontend_spec *frontends,
	   uint32_t n_frontends, const struct fb_endpoint_spec *endpoints, uint32_t n_endpoints);
struct fb_service_spec spec_of(const char *name, const struct fb_frontend_spec *frontends,
			       uint32_t n_frontends, const struct fb_endpoint_spec *endpoints,
			       uint32_t n_endpoints);
struct fb_snapshot *commit(struct fixture *f);
const struct fb_service *lookup(const struct fb_snapshot *snap, const char *dst, uint16_t port);
uint64_t no_flows(void *arg, uint32_t ep_id);

#endif
