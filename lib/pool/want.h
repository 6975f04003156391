/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_POOL_WANT_H
#define FB_POOL_WANT_H

/*
 * What one Service, as it is written, wants to be allotted. Pure; for lib/pool's own files.
 */

#include "config/config.h"
#include "model/objects.h"

/* A list of families, each once, the first of them the Service's own first. */
struct fb_pool_families {
	enum fb_family v[FB_FAMILY_COUNT];
	uint32_t n;
};

/* Addresses that it asks for, at most one of a family. */
struct fb_pool_asked {
	struct fb_addr v[FB_FAMILY_COUNT];
	uint32_t n;
	const char *wrong; /* the annotation, where it is not such a list; else NULL */
};

/** forebay.io/load-balancer-ips, else loadBalancerIP. */
void fb_pool_asked(const struct fb_object *object, struct fb_pool_asked *ret);

/**
 * Families of a Service: those it says, those of its ClusterIPs; where it says nothing, those of the
 * addresses it has or asks for from outside, else that of the first service CIDR, or pool, else IPv4. With a dual-stack
 * policy both.
 */
void fb_pool_families(const struct fb_config *config, const struct fb_object *object,
		      struct fb_pool_families *ret);
bool fb_pool_has_family(const struct fb_pool_families *families, enum fb_family family);
/** Does it say that it needs this family, so that it is told where it cannot have it? */
bool fb_pool_insists(const struct fb_object *object, enum fb_family family);

/** Is its loadBalancerClass one of ours? */
bool fb_pool_is_ours(const struct fb_config *config, const struct fb_object *object);

bool fb_pool_wants_cluster(const struct fb_config *config, const struct fb_object *object);
/** A load balancer address, asked for or not; not where its status has some, or on a node without pools. */
bool fb_pool_wants_balancer(const struct fb_config *config, const struct fb_object *object);
bool fb_pool_wants_ports(const struct fb_object *object);
bool fb_pool_wants_health(const struct fb_object *object);

#endif
