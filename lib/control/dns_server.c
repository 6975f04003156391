/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/dns_server.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/dns_forward.h"
#include "dns/answer.h"

/* A query has one question and perhaps some options; more than this is none. */
#define QUERY_MAX 4096

#define CONNECTIONS_MAX 128
/* A client that says nothing, or takes nothing, for so long is gone (RFC 7766, 6.2.3: some seconds). */
#define IDLE_MS 10000

/* Datagrams taken at once, so that a flood leaves time for everything else. */
#define UDP_BURST 64

#define POLL_MS  100
#define RETRY_MS 5000 /* to listen where it failed */

struct listener {
	bool used;
	bool lent;   /* the kernel has the address from us */
	bool failed; /* and was reported */
	struct fb_addr addr;
	uint32_t epoch; /* of the slot: who waits for an answer may find another address here */
	struct fb_watch udp; /* fd -1: not open. Slots stay, so that a late event finds one. */
	struct fb_watch tcp;
	struct fb_dns_server *server;
};

struct connection {
	struct fb_watch watch; /* fd -1: free slot */
	struct fb_dns_server *server;
	uint32_t epoch;
	uint64_t active_ms;
	bool waits; /* for a resolver: nothing is read meanwhile */
	bool more;  /* what was read before is still to be looked at */
	uint32_t n_in;
	uint8_t in[2 + QUERY_MAX];
	uint8_t *out; /* NULL: nothing to send */
	uint32_t n_out;
	uint32_t sent;
};

/* A question that a resolver has. */
struct pending {
	struct fb_dns_server *server;
	struct listener *listener;     /* UDP */
	struct connection *connection; /* TCP; NULL: UDP */
	uint32_t epoch;                /* of either */
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
	struct listener listeners[FB_DNS_ADDRESSES_MAX];
	struct connection connections[CONNECTIONS_MAX];
	uint8_t message[FB_DNS_MESSAGE_MAX]; /* the one in hand */
};

static const struct fb_dns_zone *zone_of(const struct fb_dns_server *server)
{
	const struct fb_snapshot *snap = fb_control_snapshot(server->control);

	return snap != NULL ? snap->dns : NULL;
}

/* ---- sending ---- */

static void close_connection(struct connection *conn)
{
	if (conn->watch.fd < 0)
		return;
	fb_control_unwatch(conn->server->control, &conn->watch);
	(void)close(conn->watch.fd);
	free(conn->out);
	conn->watch.fd = -1;
	conn->out = NULL;
	conn->epoch++;
}

/* @return false: the connection is closed */
static bool flush(struct connection *conn)
{
	while (conn->out != NULL) {
		ssize_t n = send(conn->watch.fd, conn->out + conn->sent, conn->n_out - conn->sent,
				 MSG_NOSIGNAL);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n < 0) {
			close_connection(conn);
			return false;
		}
		conn->active_ms = conn->server->control->now_ms;
		conn->sent += (uint32_t)n;
		if (conn->sent == conn->n_out) {
			free(conn->out);
			conn->out = NULL;
		}
	}
	(void)fb_control_rewatch(conn->server->control, &conn->watch,
				 conn->out != NULL ? EPOLLOUT
				 : conn->waits     ? 0
						   : EPOLLIN);
	return true;
}

/* RFC 1035, 4.2.2: the length in front. @return false: the connection is closed */
static bool send_tcp(struct connection *conn, const uint8_t *msg, uint32_t len)
{
	conn->out = malloc(2 + len);
	if (conn->out == NULL) {
		close_connection(conn);
		return false;
	}
	conn->out[0] = (uint8_t)(len >> 8);
	conn->out[1] = (uint8_t)len;
	memcpy(conn->out + 2, msg, len);
	conn->n_out = 2 + len;
	conn->sent = 0;
	return flush(conn);
}

/* ---- resolvers ---- */

/* The resolver's answer, or that there is none, as the client's. @return its length in server->message */
static uint32_t finish(struct fb_dns_server *server, const struct pending *p, const uint8_t *answer,
		       uint32_t len)
{
	const struct fb_dns_zone *zone = zone_of(server);
	uint8_t *msg = server->message;
	struct fb_dns_query q;
	uint32_t most;
	uint32_t n = 0;

	memcpy(msg, p->query, p->len);
	if (zone == NULL || fb_dns_query_parse(msg, p->len, &q) != FB_DNS_QUERY_GOOD)
		return 0;
	most = p->connection != NULL ? FB_DNS_MESSAGE_MAX : fb_dns_udp_most(&q);
	if (len >= FB_DNS_HEADER_LEN && p->chase) {
		n = fb_dns_answer_chased(zone, &q, msg, most, answer, len);
	} else if (len >= FB_DNS_HEADER_LEN && len <= most) {
		memcpy(msg + 2, answer + 2, len - 2);
		n = len;
	} else if (len > most) {
		n = fb_dns_answer_truncated(zone, &q, msg);
	}
	return n != 0 ? n : fb_dns_answer_error(zone, &q, msg, FB_DNS_SERVFAIL);
}

static void resolved(void *arg, const uint8_t *answer, uint32_t len)
{
	struct pending *p = arg;
	struct fb_dns_server *server = p->server;
	struct connection *conn = p->connection;
	uint32_t n = finish(server, p, answer, len);

	server->control->dns_failed += len == 0;
	if (conn != NULL && conn->epoch == p->epoch) {
		conn->waits = false;
		if (n == 0)
			close_connection(conn);
		else
			(void)send_tcp(conn, server->message, n);
		/* In the next pass: c-ares may be calling from within the question itself. */
		conn->more = true;
		server->more = true;
	} else if (conn == NULL && n != 0 && p->listener->epoch == p->epoch) {
		(void)sendto(p->listener->udp.fd, server->message, n, MSG_NOSIGNAL,
			     (struct sockaddr *)&p->peer, p->peer_len);
	}
	free(p);
}

/* The question about an ExternalName's target: the client's, with another name. @return its length */
static uint32_t write_chase(uint8_t *out, const uint8_t *query, uint32_t len,
			    const struct fb_dns_query *q, const struct fb_dns_chase *chase)
{
	uint32_t rest = len - (q->question_end - 4u);

	memcpy(out, query, FB_DNS_HEADER_LEN);
	memcpy(out + FB_DNS_HEADER_LEN, chase->target, chase->target_len);
	memcpy(out + FB_DNS_HEADER_LEN + chase->target_len, query + q->question_end - 4, rest);
	return FB_DNS_HEADER_LEN + chase->target_len + rest;
}

/* @return false: no resolver can be asked; p is the caller's still */
static bool ask_resolver(struct fb_dns_server *server, struct pending *p,
			 const struct fb_dns_query *q, const struct fb_dns_chase *chase)
{
	uint8_t other[QUERY_MAX + FB_DNS_NAME_MAX];
	const uint8_t *query = p->query;
	uint32_t len = p->len;

	if (server->forward == NULL)
		return false;
	p->chase = chase->target != NULL;
	if (p->chase) {
		len = write_chase(other, p->query, p->len, q, chase);
		query = other;
	}
	server->control->dns_forwarded++;
	return fb_forward_ask(server->forward, query, len, resolved, p) == 0;
}

static struct pending *pending_of(struct fb_dns_server *server, const uint8_t *query, uint32_t len)
{
	struct pending *p = calloc(1, sizeof(*p) + len);

	if (p == NULL)
		return NULL;
	p->server = server;
	p->len = len;
	memcpy(p->query, query, len);
	return p;
}

/* ---- UDP ---- */

static void datagram(struct listener *listener, uint32_t len, const struct sockaddr_storage *peer,
		     socklen_t peer_len)
{
	struct fb_dns_server *server = listener->server;
	const struct fb_dns_zone *zone = zone_of(server);
	struct fb_dns_chase chase;
	struct pending *p = NULL;
	struct fb_dns_query q;

	if (zone == NULL || fb_dns_query_parse(server->message, len, &q) == FB_DNS_NO_QUERY)
		return;
	/* The answer takes the query's place: keep it, in case that others are asked. */
	if (zone->forwards)
		p = pending_of(server, server->message, len);
	if (fb_dns_answer(zone, &q, server->message, fb_dns_udp_most(&q), &len, &chase) ==
	    FB_DNS_FORWARD) {
		if (p == NULL)
			return; /* no memory: the client asks again */
		p->listener = listener;
		p->epoch = listener->epoch;
		p->peer = *peer;
		p->peer_len = peer_len;
		if (ask_resolver(server, p, &q, &chase))
			return;
		len = fb_dns_answer_error(zone, &q, server->message, FB_DNS_SERVFAIL);
	}
	free(p);
	(void)sendto(listener->udp.fd, server->message, len, MSG_NOSIGNAL,
		     (const struct sockaddr *)peer, peer_len);
}

static void udp_ready(void *arg, uint32_t events)
{
	struct listener *listener = arg;

	for (int i = 0; i < UDP_BURST && listener->udp.fd >= 0; i++) {
		struct sockaddr_storage peer;
		socklen_t peer_len = sizeof(peer);
		ssize_t n = recvfrom(listener->udp.fd, listener->server->message, QUERY_MAX, 0,
				     (struct sockaddr *)&peer, &peer_len);

		if (n < 0)
			return;
		datagram(listener, (uint32_t)n, &peer, peer_len);
	}
}

/* ---- TCP ---- */

/* The first query of what was read. @return false: the connection is closed, or waits */
static bool request(struct connection *conn, uint32_t len)
{
	struct fb_dns_server *server = conn->server;
	const struct fb_dns_zone *zone = zone_of(server);
	struct fb_dns_chase chase;
	struct fb_dns_query q;
	struct pending *p;

	memcpy(server->message, conn->in + 2, len);
	conn->n_in -= 2 + len;
	memmove(conn->in, conn->in + 2 + len, conn->n_in);
	p = pending_of(server, server->message, len);
	if (p == NULL || zone == NULL ||
	    fb_dns_query_parse(server->message, len, &q) == FB_DNS_NO_QUERY) {
		free(p);
		close_connection(conn);
		return false;
	}
	if (fb_dns_answer(zone, &q, server->message, FB_DNS_MESSAGE_MAX, &len, &chase) ==
	    FB_DNS_FORWARD) {
		p->connection = conn;
		p->epoch = conn->epoch;
		conn->waits = true;
		if (ask_resolver(server, p, &q, &chase))
			return false;
		conn->waits = false;
		len = fb_dns_answer_error(zone, &q, server->message, FB_DNS_SERVFAIL);
	}
	free(p);
	return send_tcp(conn, server->message, len);
}

/* Answer what is complete, one after the other, as long as the client takes it. */
static void answer_all(struct connection *conn)
{
	while (conn->n_in >= 2 && conn->out == NULL && !conn->waits) {
		uint32_t len = (uint32_t)conn->in[0] << 8 | conn->in[1];

		if (len > QUERY_MAX) {
			close_connection(conn);
			return;
		}
		if (conn->n_in < 2 + len || !request(conn, len))
			break;
	}
	if (conn->watch.fd >= 0)
		(void)flush(conn);
}

static void read_connection(struct connection *conn)
{
	ssize_t n;

	answer_all(conn);
	if (conn->watch.fd < 0 || conn->out != NULL || conn->waits)
		return;
	n = recv(conn->watch.fd, conn->in + conn->n_in, sizeof(conn->in) - conn->n_in, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		close_connection(conn);
		return;
	}
	conn->active_ms = conn->server->control->now_ms;
	conn->n_in += (uint32_t)n;
	answer_all(conn);
}

static void connection_ready(void *arg, uint32_t events)
{
	struct connection *conn = arg;

	if (conn->watch.fd < 0)
		return;
	if (events & (EPOLLERR | EPOLLHUP)) {
		close_connection(conn);
		return;
	}
	if (flush(conn) && conn->out == NULL && !conn->waits)
		read_connection(conn);
}

/* A free slot, or that of the connection that has been silent longest. */
static struct connection *slot_for_connection(struct fb_dns_server *server)
{
	struct connection *oldest = &server->connections[0];

	for (uint32_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *conn = &server->connections[i];

		if (conn->watch.fd < 0)
			return conn;
		if (conn->active_ms < oldest->active_ms)
			oldest = conn;
	}
	close_connection(oldest);
	return oldest;
}

static void tcp_ready(void *arg, uint32_t events)
{
	struct listener *listener = arg;
	struct fb_dns_server *server = listener->server;

	for (int i = 0; i < UDP_BURST && listener->tcp.fd >= 0; i++) {
		int fd = accept4(listener->tcp.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct connection *conn;

		if (fd < 0)
			return;
		conn = slot_for_connection(server);
		conn->watch.fd = fd;
		conn->active_ms = server->control->now_ms;
		conn->n_in = 0;
		conn->waits = false;
		if (fb_control_watch(server->control, &conn->watch, EPOLLIN) != 0)
			close_connection(conn);
	}
}

/* ---- listening ---- */

static int open_socket(const struct fb_addr *addr, int type)
{
	struct sockaddr_storage ss = {0};
	socklen_t len;
	int on = 1;
	int fd;

	if (fb_addr_family(addr) == FB_IPV4) {
		struct sockaddr_in *sin = (struct sockaddr_in *)&ss;

		sin->sin_family = AF_INET;
		sin->sin_port = htons(FB_DNS_PORT);
		memcpy(&sin->sin_addr, fb_addr_wire(addr), 4);
		len = sizeof(*sin);
	} else {
		struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&ss;

		sin6->sin6_family = AF_INET6;
		sin6->sin6_port = htons(FB_DNS_PORT);
		memcpy(&sin6->sin6_addr, fb_addr_wire(addr), 16);
		len = sizeof(*sin6);
	}
	fd = socket(ss.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* TCP alone: after a restart old connections still linger. */
	if ((type == SOCK_STREAM &&
	     setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0) ||
	    bind(fd, (struct sockaddr *)&ss, len) != 0 ||
	    (type == SOCK_STREAM && listen(fd, CONNECTIONS_MAX) != 0)) {
		int rc = -errno;

		(void)close(fd);
		return rc;
	}
	return fd;
}

static int watch_socket(struct listener *listener, struct fb_watch *watch, int type)
{
	int fd = open_socket(&listener->addr, type);
	int rc;

	if (fd < 0)
		return fd;
	watch->fd = fd;
	rc = fb_control_watch(listener->server->control, watch, EPOLLIN);
	if (rc != 0) {
		(void)close(fd);
		watch->fd = -1;
	}
	return rc;
}

static void close_watch(struct listener *listener, struct fb_watch *watch)
{
	if (watch->fd < 0)
		return;
	fb_control_unwatch(listener->server->control, watch);
	(void)close(watch->fd);
	watch->fd = -1;
}

/* The box's own addresses are in the kernel already. */
static bool is_own(const struct fb_config *config, const struct fb_addr *addr)
{
	for (uint32_t p = 0; p < config->n_ports; p++) {
		for (uint32_t i = 0; i < config->ports[p].n_addresses; i++) {
			if (fb_addr_equal(&config->ports[p].addresses[i].addr, addr))
				return true;
		}
	}
	return false;
}

static void open_listener(struct listener *listener)
{
	struct fb_control *c = listener->server->control;
	char text[FB_ADDR_STRLEN];
	int rc = 0;

	if (!listener->lent && !is_own(c->p.config, &listener->addr)) {
		rc = fb_twin_add_address(c->p.twins[0], &listener->addr);
		listener->lent = rc == 0;
	}
	if (rc == 0 && listener->udp.fd < 0)
		rc = watch_socket(listener, &listener->udp, SOCK_DGRAM);
	if (rc == 0 && listener->tcp.fd < 0)
		rc = watch_socket(listener, &listener->tcp, SOCK_STREAM);
	if (rc != 0 && !listener->failed)
		fb_control_log(
			c, FB_LOG_WARNING,
			"dns: cannot listen on %s port 53: %s; TCP and forwarding fail there, "
			"trying again",
			fb_addr_format(&listener->addr, text), strerror(-rc));
	listener->failed = rc != 0;
}

static void close_listener(struct listener *listener)
{
	close_watch(listener, &listener->udp);
	close_watch(listener, &listener->tcp);
	if (listener->lent)
		(void)fb_twin_remove_address(listener->server->control->p.twins[0],
					     &listener->addr);
	listener->used = false;
	listener->lent = false;
	listener->failed = false;
	listener->epoch++;
}

static struct listener *listener_for(struct fb_dns_server *server, const struct fb_addr *addr)
{
	struct listener *free_slot = NULL;

	for (uint32_t i = 0; i < FB_DNS_ADDRESSES_MAX; i++) {
		struct listener *listener = &server->listeners[i];

		if (listener->used && fb_addr_equal(&listener->addr, addr))
			return listener;
		if (!listener->used && free_slot == NULL)
			free_slot = listener;
	}
	/* Those that are wanted no more were closed before, so there is one. */
	free_slot->used = true;
	free_slot->addr = *addr;
	return free_slot;
}

void fb_dns_server_sync(struct fb_dns_server *server)
{
	const struct fb_dns_zone *zone = server != NULL ? zone_of(server) : NULL;

	if (zone == NULL)
		return;
	for (uint32_t i = 0; i < FB_DNS_ADDRESSES_MAX; i++) {
		struct listener *listener = &server->listeners[i];

		if (listener->used && !fb_dns_zone_serves(zone, &listener->addr))
			close_listener(listener);
	}
	for (uint32_t i = 0; i < zone->n_addresses; i++) {
		struct listener *listener = listener_for(server, &zone->addresses[i]);

		if ((listener->udp.fd < 0 || listener->tcp.fd < 0) && !listener->failed)
			open_listener(listener);
	}
}

/* ---- as a whole ---- */

static void go_on(struct fb_dns_server *server)
{
	server->more = false;
	for (uint32_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *conn = &server->connections[i];

		if (!conn->more)
			continue;
		conn->more = false;
		if (conn->watch.fd >= 0)
			answer_all(conn);
	}
}

void fb_dns_server_poll(struct fb_dns_server *server)
{
	uint64_t now_ms = server != NULL ? server->control->now_ms : 0;

	if (server != NULL && server->more)
		go_on(server);
	if (server == NULL || now_ms < server->poll_ms)
		return;
	server->poll_ms = now_ms + POLL_MS;
	if (server->forward != NULL)
		fb_forward_tick(server->forward);
	for (uint32_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *conn = &server->connections[i];

		/* A resolver has its own timeouts. */
		if (conn->watch.fd >= 0 && !conn->waits && now_ms - conn->active_ms > IDLE_MS)
			close_connection(conn);
	}
	if (now_ms < server->retry_ms)
		return;
	server->retry_ms = now_ms + RETRY_MS;
	for (uint32_t i = 0; i < FB_DNS_ADDRESSES_MAX; i++) {
		if (server->listeners[i].used && server->listeners[i].failed)
			open_listener(&server->listeners[i]);
	}
}

int fb_dns_server_open(struct fb_control *c, struct fb_dns_server **ret)
{
	struct fb_dns_server *server;

	*ret = NULL;
	if (!c->p.config->dns_enabled || c->p.n_twins == 0 || c->p.twins[0] == NULL)
		return 0;
	server = calloc(1, sizeof(*server));
	if (server == NULL)
		return -ENOMEM;
	server->control = c;
	for (uint32_t i = 0; i < FB_DNS_ADDRESSES_MAX; i++) {
		struct listener *listener = &server->listeners[i];

		listener->server = server;
		listener->udp = (struct fb_watch){.fd = -1, .ready = udp_ready, .arg = listener};
		listener->tcp = (struct fb_watch){.fd = -1, .ready = tcp_ready, .arg = listener};
	}
	for (uint32_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *conn = &server->connections[i];

		conn->server = server;
		conn->watch = (struct fb_watch){.fd = -1, .ready = connection_ready, .arg = conn};
	}
	if (c->p.config->n_dns_resolvers > 0) {
		server->forward = fb_forward_open(c);
		if (server->forward == NULL) {
			free(server);
			return -ENOMEM;
		}
	}
	*ret = server;
	return 0;
}

void fb_dns_server_close(struct fb_dns_server *server)
{
	if (server == NULL)
		return;
	/* First who waits for resolvers: they get their failure over sockets that are still there. */
	fb_forward_close(server->forward);
	for (uint32_t i = 0; i < CONNECTIONS_MAX; i++)
		close_connection(&server->connections[i]);
	for (uint32_t i = 0; i < FB_DNS_ADDRESSES_MAX; i++)
		close_listener(&server->listeners[i]);
	free(server);
}
