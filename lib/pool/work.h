/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_POOL_WORK_H
#define FB_POOL_WORK_H

/*
 * One Service in a round (allot.c); for lib/pool's own files only.
 *
 * To claim is to say what is written, before anything is allotted; to settle is to give back what is no
 * longer wanted and to allot what is missing. What a Service gets stands in `full`, why it does not get
 * something in `trouble`.
 *
 * Functions that return an int: 0 or -ENOMEM, where nothing else is said.
 */

#include "pool/parts.h"
#include "pool/want.h"

struct fb_pool_work {
	struct fb_pool *pool;
	struct fb_pool_record *record;
	struct fb_object *object;      /* as it is written; the record holds it */
	struct fb_object *full;        /* held: completed */
	struct fb_service_port *ports; /* full's */
	struct fb_ingress ingress[FB_FAMILY_COUNT];
	uint32_t n_ingress;
	char trouble[512];
	bool changed; /* full says something else than object */
	bool refused; /* an address it asks for */
	bool waits;
};

/* work.c */

/** Added to what was said before. */
void fb_pool_complain(struct fb_pool_work *w, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/** To whom else it was allotted; NULL: nobody. A record that did not come yet gives way. */
const struct fb_pool_record *fb_pool_holder(struct fb_pool_work *w, const struct fb_addr *addr,
					    uint16_t node_port);
/** @return 1: it is ours; 0: refused, with a complaint about `what`; -ENOMEM */
int fb_pool_claim(struct fb_pool_work *w, const char *what, const struct fb_addr *addr,
		  uint16_t node_port);
/** An address of the record, which has none there then. */
void fb_pool_give_back(struct fb_pool_work *w, struct fb_addr *had);

/* cluster.c */
int fb_pool_claim_cluster(struct fb_pool_work *w);
int fb_pool_settle_cluster(struct fb_pool_work *w, const struct fb_pool_families *families);
bool fb_pool_has_cluster_ip(const struct fb_model_service *service, enum fb_family family);

/* balancer.c */

/** With what is written: nobody is allotted what somebody asks for. */
int fb_pool_claim_asked(struct fb_pool_work *w);
/** After the ClusterIPs: their families count. */
int fb_pool_settle_balancer(struct fb_pool_work *w, const struct fb_pool_families *families);

/* port.c */
int fb_pool_claim_ports(struct fb_pool_work *w);
int fb_pool_settle_ports(struct fb_pool_work *w);
int fb_pool_settle_health(struct fb_pool_work *w);
/** NodePorts that the record has; the new list is taken over. */
void fb_pool_replace_ports(struct fb_pool_work *w, struct fb_pool_port *ports, uint32_t n);

#endif
