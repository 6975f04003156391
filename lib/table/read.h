/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_TABLE_READ_H
#define FB_TABLE_READ_H

/*
 * The snapshot: what workers read. Immutable once published; read-only here by construction (every
 * pointer is const, and the write side is in table/write.h, which the packet path may not include).
 *
 * A snapshot shares what did not change with the one before: services and their Maglev tables, next
 * hops, the indices. So a change of one Service costs that Service and an array of pointers.
 *
 * Identities (_id) outlive snapshots and are what flows keep; places (_idx) are of this snapshot.
 *
 * Thread: any thread between fb_rcu_read() and its quiescent report; control and explain as they like.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_byteorder.h>
#include <rte_prefetch.h>

#include "base/addr.h"
#include "base/hash.h"
#include "maglev/groups.h"
#include "net/packet.h"
#include "table/spec.h"

struct fb_endpoint {
	struct fb_addr addr;
	rte_be16_t port_be;
	uint8_t state; /* enum fb_endpoint_state */
	bool terminating; /* drains because it goes away */
	uint32_t id;   /* index of fb_snapshot.endpoints and of the workers' counters */
};

/* Where an endpoint of this service stands, by its identity. */
struct fb_endpoint_place {
	uint32_t id;
	uint32_t place;
};

#define FB_NO_MEMBER UINT16_MAX

struct fb_service {
	/* One line, which is all that Maglev without affinity reads. */
	uint32_t id;          /* index of the workers' service counters; stable while the port exists */
	uint8_t family;
	uint8_t proto;
	uint8_t mode;         /* enum fb_service_mode */
	bool by_hash : 1;     /* n_slots is not 0, and the hash alone says which endpoint: no affinity */
	bool by_client : 1;   /* the hash is of the client's address alone */
	bool ranged : 1;      /* some frontend is more than one port: fb_table_port_be() */
	bool open : 1;	      /* n_slots is not 0, and whoever comes gets a flow: no n_sources, none of these: */
	bool limited : 1;     /* by new_flow_rate; else as many flows as come */
	bool proxied : 1;     /* by cookies, always or at times: syn_proxy */
	bool elsewhere : 1;   /* with n_slots 0: drop, since other nodes have endpoints */
	uint8_t slot_bits;    /* of a slot: 4, 8 or 16 */
	uint8_t part;         /* parts of a port share id; each has the same endpoints, in other states */
	uint8_t selection;    /* enum fb_selection */
	uint32_t n_slots;     /* 0: no endpoint takes new flows */
	const uint8_t *slots; /* Maglev table, see fb_table_slot(): place in endpoints; with groups, the group */
	const struct fb_endpoint *endpoints; /* active first; each by (addr, port) */
	uint32_t n_endpoints;
	uint32_t n_sources; /* 0: everybody may be a client */
	const struct fb_source_set *sources; /* see fb_table_admits(); NULL with n_sources 0 */
	uint32_t n_active;    /* endpoints that take new flows: the first ones */
	uint32_t affinity_s;  /* 0: no session affinity */
	const uint16_t *const *groups; /* NULL: one level. Their tables, FB_MAGLEV_GROUP_SLOTS each */
	/* From here on not for Maglev without affinity, but of a service with groups. */
	const uint16_t *members; /* a group's from group * stride on: place in endpoints, or FB_NO_MEMBER */
	uint32_t stride;
	uint32_t new_flow_rate; /* a second, on the box */
	uint32_t slow_start_s; /* least connections */
	uint32_t drain_deadline_s; /* these two are for control */
	uint32_t removed_tcp_s;
	uint16_t tcp_mss;      /* to which MSS options are lowered: base/mss.h */
	uint8_t syn_proxy;     /* enum fb_syn_proxy */
	uint8_t syn_proxy_wscale; /* what clients are told of the endpoints' windows */
	uint32_t n_turns;      /* round robin: length of a round */
	const uint16_t *turns; /* place in endpoints; NULL: each in its order, weights are equal */
	const uint32_t *weights; /* of the active endpoints, by place */
	const struct fb_endpoint_place *places; /* of the active ones, by id; NULL without affinity */
	/* For people: control, explain. */
	const char *namespace_;
	const char *name;
	const char *port_name;
	uint16_t port;
	const struct fb_frontend_spec *frontends;
	uint32_t n_frontends;
} __attribute__((aligned(64)));

_Static_assert(offsetof(struct fb_service, members) == 64, "the first line ends there");

/* What an address is to us, whatever the port. Bits. */
#define FB_ADDR_SERVICE  0x01 /* an address of a Service: answer ping, reject unknown ports */
#define FB_ADDR_SNAT     0x02 /* replies to SNAT ports come here */
#define FB_ADDR_ANNOUNCE 0x04 /* answer ARP and NDP for it */
#define FB_ADDR_RANGES   0x10 /* ports without a Service of their own may be in a range, or all be one's */
#define FB_ADDR_UNUSED   0x20 /* of a service CIDR, and no Service's: alone, and in no index */
#define FB_ADDR_BOX      0x08 /* the kernel twin has it too: what is for no service is punted */

enum fb_hop_state {
	FB_HOP_NONE,       /* place not in use, or no route */
	FB_HOP_UNRESOLVED, /* the kernel is asking for the MAC address */
	FB_HOP_READY,
};

struct fb_next_hop {
	uint8_t mac[6];
	uint8_t port; /* port index on which to send */
	uint8_t state; /* enum fb_hop_state */
	uint16_t mtu;  /* of the route or port, L3 bytes */
};

/* What a flow has to learn about its endpoint when fb_table_epoch() moved on: 12 bytes, by ep_id. */
struct fb_endpoint_info {
	uint16_t nh_idx;
	uint8_t state; /* enum fb_endpoint_state */
	uint8_t flags; /* FB_EP_* below */
	uint32_t since_s; /* when the state (or terminating) began, by the clock of fb_table_set_now() */
	uint32_t service_id; /* fb_service.id */
};

#define FB_EP_TERMINATING 0x01 /* draining, since it goes away */
#define FB_EP_OVER	  0x02 /* its time is over too: TCP is reset, UDP gets another endpoint */

#define FB_MAX_PORTS 32

/* SNAT addresses by egress port, since the reply has to find its way back to that port. */
struct fb_snat_pool {
	const struct fb_addr *addrs;
	uint32_t n;
};

/* Epochs wrap, and leave their users a bit (flow/shift.h). */
#define FB_TABLE_EPOCH_MAX UINT32_C(0x7fffffff)

struct fb_snapshot {
	uint64_t generation;
	/* Moves on when any endpoint's state or next hop changed, or a frontend left. */
	uint32_t ep_epoch;
	uint32_t n_services;
	const struct fb_service *const *services; /* by place */
	const struct fb_endpoint_info *const *infos; /* in chunks: fb_table_info() */
	const uint32_t *ep_epochs; /* by chunk: ep_epoch as of its last move; for all ids there may be */
	uint32_t n_endpoints;                     /* one past the highest ep_id in use */
	uint32_t n_over;                          /* endpoints with FB_EP_OVER */
	uint32_t n_clamping;                      /* services with a tcp_mss */
	uint32_t n_next_hops;
	const struct fb_next_hop *next_hops;      /* by nh_idx; place 0 is "no route" */
	struct fb_snat_pool snat[FB_MAX_PORTS][FB_FAMILY_COUNT];
	struct fb_hash_secret secret;
	const struct fb_frontend_index *frontends; /* opaque */
	const struct fb_frontend_ranges *ranges;   /* opaque */
	const struct fb_address_index *addresses;  /* opaque */
	uint64_t box_ends; /* bits by fb_address_end_bit(): an address whose own is clear is not the box's */
	const struct fb_serving_index *serving;	   /* opaque: fb_table_serves() */
	const struct fb_service_places *places;	   /* opaque, for the same */
	struct fb_prefix cluster[FB_FAMILY_COUNT]; /* service CIDRs */
	uint32_t n_cluster;
	const struct fb_dns_zone *dns;		   /* dns/zone.h; NULL: DNS is not answered */
};

/* So many infos, 6 KiB, are shared with the next snapshot or replaced together. */
#define FB_INFO_CHUNK 512

/** What a flow may learn about its endpoint; ep_id is below n_endpoints. */
static inline const struct fb_endpoint_info *fb_table_info(const struct fb_snapshot *snap,
							   uint32_t ep_id)
{
	return &snap->infos[ep_id / FB_INFO_CHUNK][ep_id % FB_INFO_CHUNK];
}

/**
 * What a flow compares to know whether something of its endpoint may have changed since it looked: moves
 * with the endpoints of its chunk only, so that changes of others cost its packets nothing. Few lines:
 * 100,000 endpoints have 800 bytes. ep_id is any that was ever given out.
 */
static inline uint32_t fb_table_epoch(const struct fb_snapshot *snap, uint32_t ep_id)
{
	return snap->ep_epochs[ep_id / FB_INFO_CHUNK];
}

/**
 * The service port that a packet's destination names, or NULL.
 * Cost: one line of the index, and the service's first line. Without one, an address's line; and of
 * an address with ranges log n of these and one more line of the index.
 */
const struct fb_service *fb_table_lookup(const struct fb_snapshot *snap,
					 const struct fb_tuple *tuple);

#define FB_TABLE_BULK 64

/**
 * fb_table_lookup() of up to FB_TABLE_BULK tuples, whose lines are on their way together. The lines that
 * fb_table_source_is_forged() reads, and the services' first ones, are asked for. Thread: as for the rest.
 *
 * @param ret  n services, each may be NULL
 */
void fb_table_lookup_bulk(const struct fb_snapshot *snap, const struct fb_tuple *const *tuples,
			  uint32_t n, const struct fb_service **ret);

/** Ask for the slot of a hash (of one level, or the first); svc->n_slots is not 0. */
static inline void fb_table_prefetch_slot(const struct fb_service *svc, uint64_t hash)
{
	rte_prefetch0(&svc->slots[(size_t)fb_hash_reduce((uint32_t)(hash >> 32), svc->n_slots) *
				  svc->slot_bits / 8]);
}

/**
 * What stands in a slot below n_slots. Slots lie side by side with as few bits as their numbers take, so that the
 * tables of many small services are near the core; the last one has another byte behind it.
 */
static inline uint32_t fb_table_slot(const struct fb_service *svc, uint32_t slot)
{
	const size_t bit = (size_t)slot * svc->slot_bits;
	uint16_t v;

	_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the lower bits come first");
	memcpy(&v, svc->slots + bit / 8, sizeof(v));
	return (uint32_t)v >> bit % 8 & ((1u << svc->slot_bits) - 1);
}

rte_be16_t fb_table_port_in_range(const struct fb_snapshot *snap, const struct fb_tuple *tuple,
				  const struct fb_endpoint *ep);

/**
 * The port towards an endpoint, for a packet that leads to it: the endpoint's own; or, where a range or
 * the whole address led there, the packet's, shifted.
 * Cost: nothing but a test where the service has no ranges; else as fb_table_lookup().
 */
static inline rte_be16_t fb_table_port_be(const struct fb_snapshot *snap,
					  const struct fb_service *svc,
					  const struct fb_tuple *tuple,
					  const struct fb_endpoint *ep)
{
	return likely(!svc->ranged) ? ep->port_be : fb_table_port_in_range(snap, tuple, ep);
}

/** The service that has just this frontend, a range only as a whole; or NULL. For control. */
const struct fb_service *fb_table_frontend(const struct fb_snapshot *snap, uint8_t proto,
					   const struct fb_frontend_spec *f);

/**
 * May this client open flows?
 * Cost: nothing but a test where there are no source ranges; else a tree of fan-out 8 over them.
 */
bool fb_table_admits(const struct fb_service *svc, const struct fb_addr *client);

/** Do both let the same clients in? Cost: linear in their ranges; not for the packet path. */
bool fb_table_same_sources(const struct fb_service *a, const struct fb_service *b);

/** The endpoint that the service sends to, be it draining; NULL if it does not. Cost: log n; not for the
 * packet path. */
const struct fb_endpoint *fb_table_find_endpoint(const struct fb_service *svc,
						 const struct fb_addr *addr, rte_be16_t port_be);

static inline bool fb_table_has_endpoint(const struct fb_service *svc, const struct fb_addr *addr,
					 rte_be16_t port_be)
{
	return fb_table_find_endpoint(svc, addr, port_be) != NULL;
}

/** FB_ADDR_* bits of an address, 0 if it is nothing to us. */
uint8_t fb_table_address(const struct fb_snapshot *snap, const struct fb_addr *addr);

/* Of the last byte of one. */
static inline uint64_t fb_address_end_bit(uint8_t end)
{
	return UINT64_C(1) << (end % 64);
}

/* Whether the source may be the box's own, by its last byte; hardly any is. */
static inline bool fb_table_source_may_be_box(const struct fb_snapshot *snap,
					      const struct fb_tuple *tuple)
{
	const uint8_t *last = tuple->family == FB_IPV4 ? (const uint8_t *)&tuple->v4.src + 3
						       : &tuple->v6.src[15];

	return (snap->box_ends & fb_address_end_bit(*last)) != 0;
}

/* Whether it is. */
bool fb_table_source_is_box(const struct fb_snapshot *snap, const struct fb_tuple *tuple);

/**
 * Whether a packet's source is an address that nobody out there has: the destination's (the land
 * attack) or one of the box's own (RFC 1122, 3.2.1.3). Other services' addresses may be somebody's:
 * external IPs often are nodes'.
 */
static inline bool fb_table_source_is_forged(const struct fb_snapshot *snap,
					     const struct fb_tuple *tuple)
{
	if (tuple->family == FB_IPV4
		    ? tuple->v4.src == tuple->v4.dst
		    : memcmp(tuple->v6.src, tuple->v6.dst, sizeof(tuple->v6.src)) == 0)
		return true;
	return unlikely(fb_table_source_may_be_box(snap, tuple)) &&
	       fb_table_source_is_box(snap, tuple);
}

/**
 * Whether a flow may stay with its endpoint, as kube-proxy leaves connections in conntrack or not: TCP
 * to its end; UDP while the endpoint is in the cluster and the address and port that the client asked
 * are that service's. Neither, where the Service's own time for it is over.
 * @client the flow's tuple as its client's packets have it
 */
bool fb_table_keeps_flow(const struct fb_snapshot *snap, const struct fb_tuple *client,
			 uint32_t ep_id);

/**
 * The services of a protocol that may have an endpoint of this address and port: all that have, as far as there
 * is room, and perhaps one that has not or no longer. Its family is the address'.
 * Cost: an address and port that no endpoint has, three lines; else two more for each service.
 *
 * @param ret  room for `most`
 * @return how many
 */
uint32_t fb_table_serves(const struct fb_snapshot *snap, const struct fb_addr *addr,
			 rte_be16_t port_be, uint8_t proto, const struct fb_service **ret,
			 uint32_t most);

/*
 * Set selection apart from every other use of the secret: with the same words hashed the same way,
 * the flows of one Maglev slot would share buckets of the flow table. Any values would do.
 */
#define FB_SELECT_SRC UINT64_C(0x8f14e45fceea167a)
#define FB_SELECT_DST UINT64_C(0x5a105e8b9d40e132)
#define FB_SELECT_END UINT64_C(0xc9f0f895fb98ab91)

static inline uint64_t fb_table_select_hash4(const struct fb_hash_secret *s, bool by_client,
					     const struct fb_tuple *tuple)
{
	uint64_t addrs;
	uint32_t ports;

	if (by_client)
		return fb_hash_2(s, tuple->v4.src ^ FB_SELECT_SRC, FB_SELECT_END);
	memcpy(&addrs, &tuple->v4.src, sizeof(addrs));
	memcpy(&ports, &tuple->v4.sport, sizeof(ports));
	return fb_hash_2(s, addrs ^ FB_SELECT_SRC,
			 FB_SELECT_END ^ ((uint64_t)tuple->proto << 32 | ports));
}

static inline uint64_t fb_table_select_hash6(const struct fb_hash_secret *s, bool by_client,
					     const struct fb_tuple *tuple)
{
	uint64_t w[4];
	uint32_t ports;
	uint64_t h;

	memcpy(w, tuple->v6.src, sizeof(w));
	memcpy(&ports, &tuple->v6.sport, sizeof(ports));
	h = fb_hash_2(s, w[0] ^ FB_SELECT_SRC, w[1]);
	if (by_client)
		return h;
	h = fb_hash_2(s, h ^ w[2], w[3] ^ FB_SELECT_DST);
	return fb_hash_2(s, h, FB_SELECT_END ^ ((uint64_t)tuple->proto << 32 | ports));
}

/**
 * Hash for selection, the same on every box: client's address and port, service address and port,
 * protocol; of a service by_client the client's address alone, whichever of its addresses is asked.
 */
static inline uint64_t fb_table_select_hash(const struct fb_snapshot *snap,
					    const struct fb_service *svc,
					    const struct fb_tuple *tuple)
{
	return likely(tuple->family == FB_IPV4)
		       ? fb_table_select_hash4(&snap->secret, svc->by_client, tuple)
		       : fb_table_select_hash6(&snap->secret, svc->by_client, tuple);
}

/**
 * The place in svc->endpoints for a hash, whose higher half chooses the slot, or the group; and the lower
 * one the slot of the group. svc->n_slots is not 0. For a service with groups: the pointer to the
 * group's table (few, in the cache), its slot, and the member's place.
 */
static inline uint32_t fb_table_place(const struct fb_service *svc, uint64_t hash)
{
	uint32_t place = fb_table_slot(svc, fb_hash_reduce((uint32_t)(hash >> 32), svc->n_slots));

	if (likely(svc->groups == NULL))
		return place;
	return svc->members[place * svc->stride +
			    svc->groups[place][fb_hash_reduce((uint32_t)hash,
							      FB_MAGLEV_GROUP_SLOTS)]];
}

/** Slots for people: with groups, those that one table of the same fineness would have. */
static inline uint32_t fb_table_n_slots(const struct fb_service *svc)
{
	return svc->groups == NULL ? svc->n_slots : svc->n_slots * FB_MAGLEV_GROUP_SLOTS;
}

/**
 * The endpoint of this identity, if it takes new flows of the service; else NULL. For services with
 * affinity. Cost: log n.
 */
const struct fb_endpoint *fb_table_endpoint(const struct fb_service *svc, uint32_t ep_id);

/** The endpoint for a hash; NULL if the service has none. ret_slot (of fb_table_n_slots()) may be NULL. */
const struct fb_endpoint *fb_table_select(const struct fb_service *svc, uint64_t hash,
					  uint32_t *ret_slot);

#endif
