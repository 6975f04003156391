/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_CONTROL_PEER_PARTS_H
#define FB_CONTROL_PEER_PARTS_H

/* What the files of the peer share: peer.c, peer_send.c, peer_receive.c. */

#include "control/flow_walk.h"
#include "control/peer.h"
#include "control/state.h"
#include "sync/message.h"

/* Requests under way to workers; when all are, flows wait for the next round. */
#define FB_PEER_REQUESTS 64

/* Flows on their way to one worker. */
struct fb_peer_request {
	struct fb_request request; /* the worker's while `asked` */
	struct fb_flow_row rows[FB_MIRROR_MAX];
	uint16_t worker;
	bool used;
	bool asked;
};

/* When a flow was seen first, by its place in its table. */
struct fb_peer_seen {
	uint16_t tag; /* of its tuple, so that another flow at the place is told apart; 0: none */
	uint16_t since_s; /* by a clock that wraps */
};

struct fb_peer {
	struct fb_control *c;
	struct fb_watch watch; /* a connected UDP socket */
	struct fb_sync_key key;
	uint64_t run;      /* of this process; drawn */
	uint64_t peer_run; /* 0: not known */
	uint64_t sequence;
	struct fb_sync_window window;
	uint64_t heard_ms; /* the last message that was believed; 0: never */
	uint64_t hello_ms; /* the next greeting is due */
	bool up;           /* as it was logged last */
	bool overlaps;     /* the peer's SNAT ports are ours, too */

	/* peer_send.c */
	int64_t credit; /* bytes; below zero after a message that was longer */
	uint64_t credit_ms;
	uint64_t round_ms; /* the next round is due */
	uint64_t round_began_ms;
	bool walking;
	struct fb_flow_walk walk;
	struct fb_sync_writer writer;
	struct fb_peer_seen *seen[FB_CONFIG_MAX_WORKERS][FB_FAMILY_COUNT];

	/* peer_receive.c */
	struct fb_peer_request *requests; /* FB_PEER_REQUESTS */

	struct fb_metrics_sync counts;
};

/* peer_send.c */

void fb_peer_greet(struct fb_peer *peer);
/** Rounds: begin one that is due, or go on. */
void fb_peer_send(struct fb_peer *peer);
void fb_peer_send_fini(struct fb_peer *peer);

/* peer_receive.c */

void fb_peer_receive(void *arg, uint32_t events);
/** What workers have done with what they were given. */
void fb_peer_collect(struct fb_peer *peer);

static inline bool fb_peer_is_up(const struct fb_peer *peer)
{
	/* Three greetings. */
	return peer->heard_ms != 0 && peer->c->now_ms - peer->heard_ms <= 3000;
}

#endif
