/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/dns_server.h"

#include <errno.h>
#include <stdlib.h>

#include "control/dns_parts.h"

/* A client that says nothing, or takes nothing, for so long is gone (RFC 7766, 6.2.3: some seconds). */
#define IDLE_MS 10000

#define POLL_MS  100
#define RETRY_MS 5000 /* to listen where it failed */

static struct fb_dns_listener *listener_for(struct fb_dns_server *server,
					    const struct fb_addr *addr)
{
	struct fb_dns_listener *free_slot = NULL;

	for (uint32_t i = 0; i < FB_DNS_ADDRESSES_MAX; i++) {
		struct fb_dns_listener *listener = &server->listeners[i];

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
	const struct fb_dns_zone *zone = server != NULL ? fb_dns_server_zone(server) : NULL;

	if (zone == NULL)
		return;
	for (uint32_t i = 0; i < FB_DNS_ADDRESSES_MAX; i++) {
		struct fb_dns_listener *listener = &server->listeners[i];

		if (listener->used && !fb_dns_zone_serves(zone, &listener->addr))
			fb_dns_listener_close(listener);
	}
	for (uint32_t i = 0; i < zone->n_addresses; i++) {
		struct fb_dns_listener *listener = listener_for(server, &zone->addresses[i]);

		if ((listener->udp.fd < 0 || listener->tcp.fd < 0) && !listener->failed)
			fb_dns_listener_open(listener);
	}
}

static void go_on(struct fb_dns_server *server)
{
	server->more = false;
	for (uint32_t i = 0; i < FB_DNS_CONNECTIONS_MAX; i++) {
		struct fb_dns_connection *conn = &server->connections[i];

		if (!conn->more)
			continue;
		conn->more = false;
		if (conn->watch.fd >= 0)
			fb_dns_connection_go_on(conn);
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
	for (uint32_t i = 0; i < FB_DNS_CONNECTIONS_MAX; i++) {
		struct fb_dns_connection *conn = &server->connections[i];

		/* A resolver has its own timeouts. */
		if (conn->watch.fd >= 0 && !conn->waits && now_ms - conn->active_ms > IDLE_MS)
			fb_dns_connection_close(conn);
	}
	if (now_ms < server->retry_ms)
		return;
	server->retry_ms = now_ms + RETRY_MS;
	for (uint32_t i = 0; i < FB_DNS_ADDRESSES_MAX; i++) {
		if (server->listeners[i].used && server->listeners[i].failed)
			fb_dns_listener_open(&server->listeners[i]);
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
		struct fb_dns_listener *listener = &server->listeners[i];

		listener->server = server;
		listener->udp = (struct fb_watch){.fd = -1,
						  .ready = fb_dns_datagram_ready,
						  .arg = listener};
		listener->tcp = (struct fb_watch){.fd = -1,
						  .ready = fb_dns_connection_accept,
						  .arg = listener};
	}
	for (uint32_t i = 0; i < FB_DNS_CONNECTIONS_MAX; i++) {
		struct fb_dns_connection *conn = &server->connections[i];

		conn->server = server;
		conn->watch =
			(struct fb_watch){.fd = -1, .ready = fb_dns_connection_ready, .arg = conn};
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
	for (uint32_t i = 0; i < FB_DNS_CONNECTIONS_MAX; i++)
		fb_dns_connection_close(&server->connections[i]);
	for (uint32_t i = 0; i < FB_DNS_ADDRESSES_MAX; i++)
		fb_dns_listener_close(&server->listeners[i]);
	free(server);
}
