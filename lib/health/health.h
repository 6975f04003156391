/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_HEALTH_HEALTH_H
#define FB_HEALTH_HEALTH_H

/*
 * The answers to health checks of Services: a load balancer in front asks the healthCheckNodePort of one
 * with externalTrafficPolicy Local over HTTP, whether traffic for it should be sent here.
 *
 * As kube-proxy answers: 200 with the number of endpoints where there are some, 503 where there are none,
 * whatever path is asked for; the number stands in a header too, for load balancers that weigh by it. Each
 * family of addresses tells its own endpoints.
 *
 * Inside the caller's event loop, on the box's own kernel: what is sent to the NodePort addresses comes
 * there by the twin. Addresses need not be there yet. Connections are few and time out.
 *
 * Thread: control.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"

struct fb_health;

/**
 * @param addrs  where it is asked, both families; copied
 * @return NULL with errno
 */
struct fb_health *fb_health_open(const struct fb_addr *addrs, uint32_t n_addrs);
void fb_health_close(struct fb_health *health);

/**
 * Answer for a Service, or go on with other numbers.
 *
 * @param port         its healthCheckNodePort; 0: no longer, nothing is answered
 * @param n_endpoints  by enum fb_family: ready ones that are served from here
 * @param errs         notices: the port is another Service's, or another program's
 */
void fb_health_set(struct fb_health *health, const char *namespace_, const char *name,
		   uint16_t port, const uint32_t n_endpoints[FB_FAMILY_COUNT],
		   struct fb_errs *errs);

/** From now on all Services are unhealthy here, whatever they have: the box leaves. Or no longer. */
void fb_health_drain(struct fb_health *health, bool draining);

/** Descriptor to poll for reading. */
int fb_health_fd(const struct fb_health *health);

/** Do what there is to do; after the descriptor was readable, and when fb_health_timeout_ms() is over. */
void fb_health_process(struct fb_health *health);

/** Milliseconds after which fb_health_process() is due anyway; -1: none. */
int64_t fb_health_timeout_ms(const struct fb_health *health);

#endif
