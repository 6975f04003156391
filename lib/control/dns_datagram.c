/* SPDX-License-Identifier: BSD-3-Clause */

/* Queries over UDP. */

#include <stdlib.h>
#include <sys/socket.h>

#include "control/dns_parts.h"

/* Datagrams taken at once, so that a flood leaves time for everything else. */
#define UDP_BURST 64

static void datagram(struct fb_dns_listener *listener, uint32_t len,
		     const struct sockaddr_storage *peer, socklen_t peer_len)
{
	struct fb_dns_server *server = listener->server;
	const struct fb_dns_zone *zone = fb_dns_server_zone(server);
	struct fb_dns_chase chase;
	struct fb_dns_pending *p = NULL;
	struct fb_dns_query q;

	if (zone == NULL || fb_dns_query_parse(server->message, len, &q) == FB_DNS_NO_QUERY)
		return;
	/* The answer takes the query's place: keep it, in case that others are asked. */
	if (zone->forwards)
		p = fb_dns_pending_create(server, server->message, len);
	if (fb_dns_answer(zone, &q, server->message, fb_dns_udp_most(&q), &len, &chase) ==
	    FB_DNS_FORWARD) {
		if (p == NULL)
			return; /* no memory: the client asks again */
		p->listener = listener;
		p->epoch = listener->epoch;
		p->peer = *peer;
		p->peer_len = peer_len;
		if (fb_dns_pending_ask(server, p, &q, &chase))
			return;
		len = fb_dns_answer_error(zone, &q, server->message, FB_DNS_SERVFAIL);
	}
	free(p);
	(void)sendto(listener->udp.fd, server->message, len, MSG_NOSIGNAL,
		     (const struct sockaddr *)peer, peer_len);
}

void fb_dns_datagram_ready(void *arg, uint32_t events)
{
	struct fb_dns_listener *listener = arg;

	for (int i = 0; i < UDP_BURST && listener->udp.fd >= 0; i++) {
		struct sockaddr_storage peer;
		socklen_t peer_len = sizeof(peer);
		ssize_t n = recvfrom(listener->udp.fd, listener->server->message, FB_DNS_QUERY_MAX,
				     0, (struct sockaddr *)&peer, &peer_len);

		if (n < 0)
			return;
		datagram(listener, (uint32_t)n, &peer, peer_len);
	}
}
