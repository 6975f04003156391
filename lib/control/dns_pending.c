/* SPDX-License-Identifier: BSD-3-Clause */

/* Questions that a resolver has: asked, and what comes back made the client's answer. */

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "control/dns_parts.h"

/* The resolver's answer, or that there is none, as the client's. @return its length in server->message */
static uint32_t finish(struct fb_dns_server *server, const struct fb_dns_pending *p,
		       const uint8_t *answer, uint32_t len)
{
	const struct fb_dns_zone *zone = fb_dns_server_zone(server);
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
	struct fb_dns_pending *p = arg;
	struct fb_dns_server *server = p->server;
	struct fb_dns_connection *conn = p->connection;
	uint32_t n = finish(server, p, answer, len);

	server->control->dns_failed += len == 0;
	if (conn != NULL && conn->epoch == p->epoch) {
		conn->waits = false;
		if (n == 0)
			fb_dns_connection_close(conn);
		else
			(void)fb_dns_connection_send(conn, server->message, n);
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
bool fb_dns_pending_ask(struct fb_dns_server *server, struct fb_dns_pending *p,
			const struct fb_dns_query *q, const struct fb_dns_chase *chase)
{
	uint8_t other[FB_DNS_QUERY_MAX + FB_DNS_NAME_MAX];
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

struct fb_dns_pending *fb_dns_pending_create(struct fb_dns_server *server, const uint8_t *query,
					     uint32_t len)
{
	struct fb_dns_pending *p = calloc(1, sizeof(*p) + len);

	if (p == NULL)
		return NULL;
	p->server = server;
	p->len = len;
	memcpy(p->query, query, len);
	return p;
}
