/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_TABLE_STATE_H
#define FB_TABLE_STATE_H

/*
 * The write side between commits: what is staged beside what is in force.
 *
 * stage.c changes what is staged (with claim.c and group.c), commit.c makes a snapshot of it or goes
 * back to what is in force. That is complete in itself (parts, groups' committed services), so going
 * back needs no memory.
 *
 * Thread: control.
 */

#include <stddef.h>

#include "dns/write.h"
#include "table/index.h"
#include "table/service.h"

/* A Kubernetes Service: all service ports under one (namespace, name). */
struct fb_group {
	char *namespace_; /* one allocation with the group */
	char *name;
	struct fb_group *chain;       /* of its hash bucket */
	struct fb_group *older;       /* all groups, by when they first appeared */
	struct fb_group *newer;
	struct fb_group *next_staged;
	bool staged; /* now is not committed */
	struct fb_service_part **now;
	uint32_t n_now;
	struct fb_service_part **committed;
	uint32_t n_committed;
};

/* An address that is ours and no frontend. */
struct fb_extra_address {
	struct fb_addr addr;
	uint8_t bits;
};

struct fb_extras {
	struct fb_extra_address *v;
	uint32_t n;
	uint32_t cap;
};

/* Parts of a snapshot; each is replaced as a whole. */
enum fb_part_kind {
	FB_PART_SERVICES,
	FB_PART_INFOS, /* pointers to chunks, which are parts too */
	FB_PART_EPOCHS, /* of chunks, for all identities that there may be */
	FB_PART_NEXT_HOPS,
	FB_PART_FRONTENDS,
	FB_PART_RANGES,
	FB_PART_ADDRESSES,
	FB_PART_SERVING, /* with pointers to chunks, which are parts too */
	FB_PART_PLACES,
	FB_PART_COUNT,
};

/* Some endpoints' infos, and what is known of all of them. */
struct fb_info_chunk {
	uint32_t n_over;
	bool is_going; /* of some the time may run, and is not over */
	uint32_t due_s; /* control's own: when the next of these is over; FB_NEVER_S: none is timed */
	struct fb_endpoint_info v[FB_INFO_CHUNK] __attribute__((aligned(64)));
};

static inline struct fb_info_chunk *fb_info_chunk_of(const struct fb_endpoint_info *v)
{
	return (struct fb_info_chunk *)((uintptr_t)v - offsetof(struct fb_info_chunk, v));
}

struct fb_held_snapshot {
	struct fb_snapshot pub;
	struct fb_held_snapshot *next;
} __attribute__((aligned(64)));

struct fb_table {
	struct fb_ids ids;
	uint64_t generation;
	uint32_t ep_epoch;
	uint32_t now_s;

	/* Staged. */
	struct fb_frontend_index *index;
	struct fb_frontend_ranges *ranges;
	struct fb_service_part **places;
	uint32_t *place_ids; /* of these, their service ports */
	uint32_t n_places;
	uint32_t places_cap;
	struct fb_group *staged_groups;
	struct fb_extras extras;
	uint32_t announce;
	struct fb_snat_pool snat[FB_MAX_PORTS][FB_FAMILY_COUNT];
	uint32_t n_refused;        /* frontends that services wait for */
	uint32_t n_clamping;       /* services with a tcp_mss */
	bool frontend_freed;       /* somebody may take one over, and flows look again */
	bool services_changed;
	bool frontends_changed;
	bool places_changed; /* some service port is at another place */
	bool addresses_changed;
	bool snat_changed;
	bool endpoint_added;
	bool reroute; /* these say that the world changed: abort does not unsay it */
	bool rehop;
	bool time_is_up;

	/* In force. */
	struct fb_dns *dns; /* has a staged side of its own; NULL: none */
	void *parts[FB_PART_COUNT];
	uint32_t n_services;
	uint32_t n_endpoints;
	uint32_t n_over;
	uint32_t n_next_hops;
	struct fb_extras committed_extras;
	struct fb_prefix cluster[FB_FAMILY_COUNT]; /* never changes after the first commit */
	uint32_t n_cluster;
	uint32_t committed_announce;
	struct fb_snat_pool committed_snat[FB_MAX_PORTS][FB_FAMILY_COUNT];

	/* Groups. */
	struct fb_group **buckets;
	uint32_t bucket_mask;
	struct fb_group *oldest;
	struct fb_group *newest;

	/* Snapshots out, newest first, and what waits for them. */
	struct fb_held_snapshot *snapshots;
	struct fb_part *retired_services;
	struct fb_part *retired_parts;
};

/* group.c */

struct fb_group *fb_group_find(const struct fb_table *t, const char *namespace_, const char *name);

/** A new group, the newest; NULL: no memory. fb_group_remove() frees it. */
struct fb_group *fb_group_add(struct fb_table *t, const char *namespace_, const char *name);
void fb_group_remove(struct fb_table *t, struct fb_group *g);

/* claim.c */

/**
 * Who has a service's frontend, in the staged index; NULL: nobody. Of a range, who has any port of it,
 * other Services first.
 */
struct fb_frontend_entry *fb_claim_at(struct fb_table *t, const struct fb_service_part *svc,
				      const struct fb_frontend_spec *f);

/**
 * Give a service at its place those frontends that no other group has. The indices have room.
 * The service is not published yet and learns what it got, or claims again what it had.
 */
void fb_claim_take(struct fb_table *t, struct fb_service_part *svc,
		   const struct fb_frontend_spec *from, uint32_t n);
void fb_claim_leave(struct fb_table *t, const struct fb_service_part *svc);

/** Room for n services. @return 0 or -ENOMEM */
int fb_place_reserve(struct fb_table *t, uint32_t n);
void fb_place_take(struct fb_table *t, struct fb_service_part *svc, uint32_t place);

/** The last service moves into the place that becomes free. */
void fb_place_leave(struct fb_table *t, const struct fb_service_part *svc);

/* stage.c */

/** Let the Services that wait for frontends have those that are free now. @return 0 or -ENOMEM */
int fb_stage_take_over(struct fb_table *t);

#endif
