/* SPDX-License-Identifier: BSD-3-Clause */

/* Listening on one address: the kernel is lent it, and both sockets are opened. */

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/dns_parts.h"

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
	    (type == SOCK_STREAM && listen(fd, FB_DNS_CONNECTIONS_MAX) != 0)) {
		int rc = -errno;

		(void)close(fd);
		return rc;
	}
	return fd;
}

static int watch_socket(struct fb_dns_listener *listener, struct fb_watch *watch, int type)
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

static void close_watch(struct fb_dns_listener *listener, struct fb_watch *watch)
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

void fb_dns_listener_open(struct fb_dns_listener *listener)
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

void fb_dns_listener_close(struct fb_dns_listener *listener)
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
