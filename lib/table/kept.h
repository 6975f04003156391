/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_TABLE_KEPT_H
#define FB_TABLE_KEPT_H

/*
 * Identities in memory that outlives the process: flows that a later run takes over keep their ep_id, so the
 * number has to mean the same endpoint there.
 *
 * A slot for each number, with a check that is written last: whatever moment a process ends at, a slot is
 * whole or does not count. An identity stands here before any snapshot has it, and therefore before any
 * flow.
 *
 * Thread: control.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_byteorder.h>

#include "base/addr.h"

/* Longer names do not occur: 63 for a namespace, a Service and a port each. */
#define FB_KEPT_NAMES 224

struct fb_kept_service {
	uint64_t check;    /* 0: not in use */
	uint64_t identity; /* names, proto and family as a number */
	uint32_t drain_deadline_s;
	uint32_t removed_tcp_s;
	uint8_t proto;
	uint8_t family;
	uint16_t names_len; /* three strings with their ends */
	uint8_t pad[4];
	char names[FB_KEPT_NAMES];
};

struct fb_kept_endpoint {
	uint64_t check; /* 0: not in use */
	struct fb_addr addr;
	uint32_t service_id;
	rte_be16_t port_be;
	uint16_t pad;
	uint64_t identity; /* of the service port that service_id meant */
};

_Static_assert(sizeof(struct fb_kept_service) == 256, "no padding, which would be checked too");
_Static_assert(sizeof(struct fb_kept_endpoint) == 40, "no padding, which would be checked too");

/* Slots beyond were never used. */
struct fb_kept_head {
	uint32_t n_services;
	uint32_t n_endpoints;
	uint8_t pad[56];
};

/* Where they lie; all NULL and 0: identities are not kept. */
struct fb_kept {
	struct fb_kept_head *head;
	struct fb_kept_service *services;
	struct fb_kept_endpoint *endpoints;
	uint32_t max_services;
	uint32_t max_endpoints;
};

struct fb_ids;

/** Lay slots over memory of fb_table_kept_bytes() (table/write.h). */
struct fb_kept fb_kept_over(void *memory, uint32_t max_services, uint32_t max_endpoints);

void fb_kept_write_service(struct fb_kept *kept, const struct fb_ids *ids, uint32_t id);
void fb_kept_write_endpoint(struct fb_kept *kept, const struct fb_ids *ids, uint32_t id);
void fb_kept_clear_service(struct fb_kept *kept, uint32_t id);
void fb_kept_clear_endpoint(struct fb_kept *kept, uint32_t id);

/** Whether a slot counts. */
bool fb_kept_service_is_good(const struct fb_kept_service *slot);
bool fb_kept_endpoint_is_good(const struct fb_kept *kept, const struct fb_kept_endpoint *slot);

#endif
