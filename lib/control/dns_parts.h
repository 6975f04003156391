/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_CONTROL_DNS_PARTS_H
#define FB_CONTROL_DNS_PARTS_H

/*
 * What the DNS server on the kernel's side (dns_server.h) is made of; for its own files only. A query comes
 * as a datagram or over a connection, both from a listener; what a resolver has to be asked for is pending.
 *
 * Thread: control.
 */

#include <sys/socket.h>

#include "control/dns_forward.h"
#include "control/state.h"
#include "dns/answer.h"

/* A query has one question and perhaps some options; more than this is none. */
#define FB_DNS_QUERY_MAX 4096

#define FB_DNS_CONNECTIONS_MAX 128

struct fb_dns_server;

struct fb_dns_listener {
	bool used;
	bool lent;   /* the kernel has the address from us */
	bool failed; /* and was reported */
	struct fb_addr addr;
	uint32_t epoch; /* of the slot: who waits for an answer may find another address here */
	struct fb_watch udp; /* fd -1: not open. Slots stay, so that a late event finds one. */
	struct fb_watch tcp;
	struct fb_dns_server *server;
};

struct fb_dns_connection {
	struct fb_watch watch; /* fd -1: free slot */
	struct fb_dns_server *server;
	uint32_t epoch;
	uint64_t active_ms;
	bool waits; /* for a resolver: nothing is read meanwhile */
	bool more;  /* what was read before is still to be looked at */
	uint32_t n_in;
	uint8_t in[2 + FB_DNS_QUERY_MAX];
	uint8_t *out; /* NULL: nothing to send */
	uint32_t n_out;
	uint32_t sent;
};

/* A question that a resolver has. */
struct fb_dns_pending {
	struct fb_dns_server *server;
	struct fb_dns_listener *listener;     /* UDP */
	struct fb_dns_connection *connection; /* TCP; NULL: UDP */
	uint32_t epoch;                       /* of either */
	struct sockaddr_storage peer;
	socklen_t peer_len;
	bool chase;
	uint32_t len;
	uint8_t query[];
};

struct fb_dns_server {
	struct fb_control *control;
	struct fb_forward *forward; /* NULL: no resolvers */
	uint64_t poll_ms;
	uint64_t retry_ms;
	bool more; /* of some connection */
	struct fb_dns_listener listeners[FB_DNS_ADDRESSES_MAX];
	struct fb_dns_connection connections[FB_DNS_CONNECTIONS_MAX];
	uint8_t message[FB_DNS_MESSAGE_MAX]; /* the one in hand */
};

/** The zone in force; NULL: there is none yet. */
static inline const struct fb_dns_zone *fb_dns_server_zone(const struct fb_dns_server *server)
{
	const struct fb_snapshot *snap = fb_control_snapshot(server->control);

	return snap != NULL ? snap->dns : NULL;
}

/* dns_listener.c */

/** Open what is not open yet; a failure is logged once, and stands in `failed`. */
void fb_dns_listener_open(struct fb_dns_listener *listener);
/** The slot is free then. */
void fb_dns_listener_close(struct fb_dns_listener *listener);

/* dns_datagram.c */
void fb_dns_datagram_ready(void *arg, uint32_t events); /* a listener's udp */

/* dns_connection.c */
void fb_dns_connection_accept(void *arg, uint32_t events); /* a listener's tcp */
void fb_dns_connection_ready(void *arg, uint32_t events);
/** Answer what is complete, one after the other, as long as the client takes it. */
void fb_dns_connection_go_on(struct fb_dns_connection *conn);
/** RFC 1035, 4.2.2: the length in front. @return false: the connection is closed */
bool fb_dns_connection_send(struct fb_dns_connection *conn, const uint8_t *msg, uint32_t len);
void fb_dns_connection_close(struct fb_dns_connection *conn); /* also where it is closed already */

/* dns_pending.c */

/** With a copy of the query; free() it where it was not asked. @return NULL: no memory */
struct fb_dns_pending *fb_dns_pending_create(struct fb_dns_server *server, const uint8_t *query,
					     uint32_t len);
/** @return false: no resolver can be asked; p is the caller's still */
bool fb_dns_pending_ask(struct fb_dns_server *server, struct fb_dns_pending *p,
			const struct fb_dns_query *q, const struct fb_dns_chase *chase);

#endif
