/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_DATAPATH_STATELESS_H
#define FB_DATAPATH_STATELESS_H

/*
 * `dnat` without a flow, while the flow table is under pressure; and what ask.c has in common with that.
 *
 * The way there needs nothing but the consistent hash. The way back needs two things that a packet of the
 * endpoint does not say, and both are learnt from packets of clients:
 *
 * - which address and port the client asked. Of an endpoint's port one frontend at a time may be used
 *   without flows: the first one that is, until nobody has for FB_STATELESS_IDLE_MS. Flows by another
 *   need a record, and have it: a reply that belongs to a record never comes here.
 * - the client's last hop. The packet path has no routing table, and a record for each client would be
 *   the state that there is no room for. Most clients come by one hop, so that one is kept, and those
 *   that come by another stand in a small table. A flood from forged sources comes by one hop too, so it
 *   pushes nobody out.
 *
 * Everything is the worker's own: both directions of `dnat` have the same owner (owner.c).
 */

#include "datapath/worker.h"

struct fb_way_out;

#define FB_STATELESS_IDLE_MS   300000 /* what a UDP flow may be silent for by default (RFC 4787) */
#define FB_STATELESS_ENDPOINTS 4096   /* a power of two; 64 bytes each */
#define FB_STATELESS_PROBES    4
#define FB_STATELESS_HOPS      4096 /* a power of two; 16 bytes each, four on a line */
#define FB_ASK_NOTES	       4096 /* a power of two; 16 bytes each, four on a line */

struct fb_stateless_endpoint {
	struct fb_addr endpoint;
	struct fb_addr frontend;
	rte_be16_t endpoint_port_be;
	rte_be16_t frontend_port_be;
	uint8_t proto; /* 0: not in use */
	uint8_t spare[3];
	uint32_t ep_id;
	uint32_t last_ms; /* of a client's packet */
	uint8_t spare2[16];
};

_Static_assert(sizeof(struct fb_stateless_endpoint) == 64, "one cache line");

struct fb_client_hop {
	uint64_t key; /* hash of the client's address; 0: not in use */
	uint8_t mac[6];
	uint8_t port;
	uint8_t spare;
};

_Static_assert(sizeof(struct fb_client_hop) == 16, "four on a line");

/* Of a connection whose endpoint's packets were led to its client, as ask.c says. */
struct fb_ask_note {
	uint32_t tag; /* of the connection */
	uint32_t began_ms;
	uint32_t last_ms;
	uint16_t n; /* packets */
	bool used;
};

_Static_assert(sizeof(struct fb_ask_note) == 16, "four on a line");

struct fb_stateless {
	struct fb_stateless_endpoint endpoints[FB_STATELESS_ENDPOINTS];
	struct fb_client_hop
		hops[FB_STATELESS_HOPS]; /* of clients that do not come by the usual one */
	struct fb_ask_note notes[FB_ASK_NOTES];
	struct fb_client_hop usual;
	uint32_t
		votes; /* for the usual one: how many more came by it than by others, 1024 at most */
	bool used;     /* some endpoint was ever learnt */
};

/** A client's packet came by this hop. */
void fb_stateless_learn_hop(struct fb_stateless *s, uint64_t key, uint16_t port,
			    const uint8_t mac[6]);

/** By which hop that client is reached; NULL before the first packet of any. */
const struct fb_client_hop *fb_stateless_hop(const struct fb_stateless *s, uint64_t key);

/** Both for the client whose packet is in hand, or who has this address. */
void fb_stateless_note_hop(struct fb_worker *w, const struct fb_burst *b, uint16_t i);
const struct fb_client_hop *fb_stateless_hop_of(const struct fb_worker *w,
						const struct fb_addr *client);

/** Whether nothing but the table decides where the service's flows go, so that every packet of one goes alike. */
bool fb_stateless_is_enough(const struct fb_service *svc);

/**
 * Rewrite the packet in hand to `to` and send it. Nobody is told of what becomes of later pieces.
 *
 * @param client  the tuple of the client's packets: the packet's own, or of those that it answers
 */
void fb_stateless_send(struct fb_worker *w, struct fb_burst *b, uint16_t i,
		       const struct fb_tuple *to, const struct fb_tuple *client, uint32_t ep_id,
		       const struct fb_way_out *out);

/**
 * The frontend may be used for this endpoint without flows, from now on.
 * @return false if another one is, or there is no place
 */
bool fb_stateless_claim(struct fb_stateless *s, uint64_t hash,
			const struct fb_stateless_endpoint *want, uint32_t now_ms);

/** The frontend that is used for an endpoint's port; NULL: none, or not lately. */
const struct fb_stateless_endpoint *fb_stateless_find(const struct fb_stateless *s, uint64_t hash,
						      const struct fb_addr *endpoint,
						      rte_be16_t port_be, uint8_t proto,
						      uint32_t now_ms);

/**
 * What the endpoint's packet with this tuple becomes on its way to the client, and by which hop; for
 * ICMP errors and fragments as well. Nothing is changed by it.
 * @return whether it is such a packet
 */
bool fb_stateless_translate_reply(const struct fb_worker *w, const struct fb_tuple *tuple,
				  struct fb_tuple *ret_out, uint32_t *ret_ep_id,
				  const struct fb_client_hop **ret_hop);

/**
 * A client's packet that no flow has: forward it without one, if that is called for and can be done.
 * @return whether the packet has come to its end
 */
bool fb_stateless_request(struct fb_worker *w, struct fb_burst *b, uint16_t i,
			  const struct fb_service *svc);

/**
 * A later piece of a client's datagram that no flow has, its ports set: if its first piece went without a flow,
 * this one follows, be there pressure or not.
 * @return whether the packet has come to its end
 */
bool fb_stateless_request_piece(struct fb_worker *w, struct fb_burst *b, uint16_t i,
				const struct fb_service *svc);

/** The same for a packet or piece that no flow has and no service is asked by. */
bool fb_stateless_reply(struct fb_worker *w, struct fb_burst *b, uint16_t i);

#endif
