/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_SYNC_MESSAGE_H
#define FB_SYNC_MESSAGE_H

/*
 * What two boxes tell each other of their flows: datagrams in bytes, signed, and each believed once.
 *
 *     magic  version  kind  count  from  to  sequence  first  last | flows | MAC
 *       4       1       1     2     8    8      8        2      2     ...     16
 *
 * Everything is in network order. A flow is its two tuples, how long it has been silent, where its client
 * was last, and by how much its endpoint's numbers are others than its client's, where it began with a cookie. Which
 * endpoint that is, whoever reads it finds in a table of its own: nothing here depends on how
 * either box numbers things, but for ports, which both list in one order.
 *
 * A message is of the least version that it needs, and of a later one than its reader's it is none: 2 is for those
 * that tell of such a difference.
 *
 * A message is believed if its MAC (HMAC-SHA256 of all before it, cut to 128 bits) is right, if it is for this
 * run of this box (`to`: drawn at the start, learned by the peer from a greeting), and if its sequence number
 * was not seen before in that run of the peer (`from`). So what was recorded earlier says nothing. It is not
 * encrypted: whoever sees the link sees the packets anyway.
 *
 * Thread: any; pure.
 */

#include <stdbool.h>
#include <stdint.h>

#include "net/packet.h"
#include "net/tcp_shift.h"

#define FB_SYNC_HEAD_LEN  36
#define FB_SYNC_MAC_LEN   16
#define FB_SYNC_FLOW4_LEN 36
#define FB_SYNC_FLOW6_LEN 84
#define FB_SYNC_SHIFT_LEN 8 /* more */
/* Within the least IPv6 MTU, so nothing is in fragments. */
#define FB_SYNC_MESSAGE_MAX 1232
#define FB_SYNC_FLOWS_MAX \
	((FB_SYNC_MESSAGE_MAX - FB_SYNC_HEAD_LEN - FB_SYNC_MAC_LEN) / FB_SYNC_FLOW4_LEN)

/* Of a shared key. Shorter ones are guessed, longer ones are a mistake (a wrong file). */
#define FB_SYNC_KEY_MIN 16
#define FB_SYNC_KEY_MAX 1024

enum fb_sync_kind {
	FB_SYNC_HELLO = 1, /* who is there; to may be 0: not known yet */
	FB_SYNC_FLOWS = 2,
};

struct fb_sync_head {
	enum fb_sync_kind kind;
	uint64_t from;       /* run of the sender; never 0 */
	uint64_t to;         /* run of the receiver, as the sender knows it */
	uint64_t sequence;   /* grows by one with each message of the run */
	uint16_t snat_first; /* the sender's SNAT ports, host order */
	uint16_t snat_last;
};

struct fb_sync_flow {
	struct fb_tuple client; /* key of the client's packets */
	struct fb_tuple reply;  /* key of the endpoint's packets */
	uint32_t idle_s;        /* rounded up; more than the wire holds counts as most */
	bool snat;
	bool shifted; /* TCP only */
	struct fb_tcp_shift shift; /* all zero where it is not */
	uint8_t client_port; /* index of the port on which the client's packets came in */
	uint8_t client_mac[6];
};

struct fb_sync_key {
	uint32_t len;
	uint8_t bytes[FB_SYNC_KEY_MAX];
};

/* A message while it is written. */
struct fb_sync_writer {
	uint32_t len;
	uint16_t n; /* flows */
	uint8_t bytes[FB_SYNC_MESSAGE_MAX];
};

void fb_sync_begin(struct fb_sync_writer *w, const struct fb_sync_head *head);
/** @return false: there is no room for it */
bool fb_sync_put(struct fb_sync_writer *w, const struct fb_sync_flow *flow);
/** Sign it. @return bytes of the message */
uint32_t fb_sync_end(struct fb_sync_writer *w, const struct fb_sync_key *key);

/* A message while it is read; the bytes are borrowed. */
struct fb_sync_reader {
	const uint8_t *at;
	const uint8_t *end;
	uint16_t n; /* flows that are left */
};

/**
 * Look at a message that came in.
 *
 * @return 0; -EBADMSG: it is none, or was not signed with this key
 */
int fb_sync_open(const struct fb_sync_key *key, const uint8_t *bytes, uint32_t len,
		 struct fb_sync_head *ret_head, struct fb_sync_reader *ret);

/** @return 1: a flow; 0: that was all; -EBADMSG: the rest makes no sense */
int fb_sync_next(struct fb_sync_reader *r, struct fb_sync_flow *ret);

#define FB_SYNC_RETIRED 16

/* What was believed already. */
struct fb_sync_window {
	uint64_t from; /* 0: nobody was heard yet */
	uint64_t top;
	uint64_t seen;                     /* bit i: top - i */
	uint64_t retired[FB_SYNC_RETIRED]; /* earlier runs of the peer, which are over */
	uint32_t n_retired;                /* of all time: the oldest is forgotten */
};

/**
 * Whether this message is new; it is noted.
 *
 * @return false: it, or its run, was there before, or it is too old to tell
 */
bool fb_sync_window_take(struct fb_sync_window *w, const struct fb_sync_head *head);

#endif
