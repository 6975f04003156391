/* SPDX-License-Identifier: BSD-3-Clause */

/* Queries over TCP: one connection's, one after the other. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/dns_parts.h"

/* Connections taken at once, for the same reason as datagrams. */
#define ACCEPT_BURST 64

void fb_dns_connection_close(struct fb_dns_connection *conn)
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
static bool flush(struct fb_dns_connection *conn)
{
	while (conn->out != NULL) {
		ssize_t n = send(conn->watch.fd, conn->out + conn->sent, conn->n_out - conn->sent,
				 MSG_NOSIGNAL);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n < 0) {
			fb_dns_connection_close(conn);
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
bool fb_dns_connection_send(struct fb_dns_connection *conn, const uint8_t *msg, uint32_t len)
{
	conn->out = malloc(2 + len);
	if (conn->out == NULL) {
		fb_dns_connection_close(conn);
		return false;
	}
	conn->out[0] = (uint8_t)(len >> 8);
	conn->out[1] = (uint8_t)len;
	memcpy(conn->out + 2, msg, len);
	conn->n_out = 2 + len;
	conn->sent = 0;
	return flush(conn);
}

/* The first query of what was read. @return false: the connection is closed, or waits */
static bool request(struct fb_dns_connection *conn, uint32_t len)
{
	struct fb_dns_server *server = conn->server;
	const struct fb_dns_zone *zone = fb_dns_server_zone(server);
	struct fb_dns_chase chase;
	struct fb_dns_query q;
	struct fb_dns_pending *p;

	memcpy(server->message, conn->in + 2, len);
	conn->n_in -= 2 + len;
	memmove(conn->in, conn->in + 2 + len, conn->n_in);
	p = fb_dns_pending_create(server, server->message, len);
	if (p == NULL || zone == NULL ||
	    fb_dns_query_parse(server->message, len, &q) == FB_DNS_NO_QUERY) {
		free(p);
		fb_dns_connection_close(conn);
		return false;
	}
	if (fb_dns_answer(zone, &q, server->message, FB_DNS_MESSAGE_MAX, &len, &chase) ==
	    FB_DNS_FORWARD) {
		p->connection = conn;
		p->epoch = conn->epoch;
		conn->waits = true;
		if (fb_dns_pending_ask(server, p, &q, &chase))
			return false;
		conn->waits = false;
		len = fb_dns_answer_error(zone, &q, server->message, FB_DNS_SERVFAIL);
	}
	free(p);
	return fb_dns_connection_send(conn, server->message, len);
}

/* Answer what is complete, one after the other, as long as the client takes it. */
void fb_dns_connection_go_on(struct fb_dns_connection *conn)
{
	while (conn->n_in >= 2 && conn->out == NULL && !conn->waits) {
		uint32_t len = (uint32_t)conn->in[0] << 8 | conn->in[1];

		if (len > FB_DNS_QUERY_MAX) {
			fb_dns_connection_close(conn);
			return;
		}
		if (conn->n_in < 2 + len || !request(conn, len))
			break;
	}
	if (conn->watch.fd >= 0)
		(void)flush(conn);
}

static void read_connection(struct fb_dns_connection *conn)
{
	ssize_t n;

	fb_dns_connection_go_on(conn);
	if (conn->watch.fd < 0 || conn->out != NULL || conn->waits)
		return;
	n = recv(conn->watch.fd, conn->in + conn->n_in, sizeof(conn->in) - conn->n_in, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		fb_dns_connection_close(conn);
		return;
	}
	conn->active_ms = conn->server->control->now_ms;
	conn->n_in += (uint32_t)n;
	fb_dns_connection_go_on(conn);
}

void fb_dns_connection_ready(void *arg, uint32_t events)
{
	struct fb_dns_connection *conn = arg;

	if (conn->watch.fd < 0)
		return;
	if (events & (EPOLLERR | EPOLLHUP)) {
		fb_dns_connection_close(conn);
		return;
	}
	if (flush(conn) && conn->out == NULL && !conn->waits)
		read_connection(conn);
}

/* A free slot, or that of the connection that has been silent longest. */
static struct fb_dns_connection *slot_for_connection(struct fb_dns_server *server)
{
	struct fb_dns_connection *oldest = &server->connections[0];

	for (uint32_t i = 0; i < FB_DNS_CONNECTIONS_MAX; i++) {
		struct fb_dns_connection *conn = &server->connections[i];

		if (conn->watch.fd < 0)
			return conn;
		if (conn->active_ms < oldest->active_ms)
			oldest = conn;
	}
	fb_dns_connection_close(oldest);
	return oldest;
}

void fb_dns_connection_accept(void *arg, uint32_t events)
{
	struct fb_dns_listener *listener = arg;
	struct fb_dns_server *server = listener->server;

	for (int i = 0; i < ACCEPT_BURST && listener->tcp.fd >= 0; i++) {
		int fd = accept4(listener->tcp.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct fb_dns_connection *conn;

		if (fd < 0)
			return;
		conn = slot_for_connection(server);
		conn->watch.fd = fd;
		conn->active_ms = server->control->now_ms;
		conn->n_in = 0;
		conn->waits = false;
		if (fb_control_watch(server->control, &conn->watch, EPOLLIN) != 0)
			fb_dns_connection_close(conn);
	}
}
