/* SPDX-License-Identifier: BSD-3-Clause */

#include "neigh/rtnl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

/* News of some 10,000 routes, about as many as a BGP daemon writes between two turns of the loop. */
#define NEWS_BUFFER_BYTES (8 << 20)
#define ANSWER_BUFFER_BYTES (1 << 20)
#define ANSWER_TIMEOUT_S 1

/* Datagrams read in one call of fb_rtnl_news(), so that a flood of routes cannot hold the loop. */
#define NEWS_PER_CALL 16384

/* The kernel fills dumps up to 32 KiB a datagram if it is offered that much. */
#define RECV_BYTES 32768

struct fb_rtnl {
	struct mnl_socket *news;
	struct mnl_socket *ask;
	uint32_t seq;
	uint32_t n_pokes;
	size_t poke_len;
	char pokes[FB_RTNL_BATCH * FB_NEIGH_REQUEST_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	char out[FB_RTNL_BATCH * FB_NEIGH_REQUEST_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	char in[RECV_BYTES] __attribute__((aligned(NLMSG_ALIGNTO)));
};

static struct mnl_socket *open_socket(int flags, int buffer_bytes)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | flags);
	struct timeval timeout = {.tv_sec = ANSWER_TIMEOUT_S};
	int saved;
	int fd;

	if (nl == NULL)
		return NULL;
	fd = mnl_socket_get_fd(nl);
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) != 0) {
		saved = errno;
		mnl_socket_close(nl);
		errno = saved;
		return NULL;
	}
	/* Without the privilege the system's limit has to do: a smaller buffer overruns earlier. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer_bytes, sizeof(buffer_bytes)) != 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof(buffer_bytes));
	return nl;
}

static int subscribe(struct mnl_socket *nl)
{
	static const int groups[] = {
		RTNLGRP_LINK,	      RTNLGRP_NEIGH,	    RTNLGRP_IPV4_IFADDR,
		RTNLGRP_IPV6_IFADDR,  RTNLGRP_IPV4_ROUTE,   RTNLGRP_IPV6_ROUTE,
		RTNLGRP_IPV4_RULE,    RTNLGRP_IPV6_RULE,
	};
	int optional = RTNLGRP_NEXTHOP; /* Linux 5.3; older kernels have no nexthop objects to change */

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		int group = groups[i];

		if (mnl_socket_setsockopt(nl, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) != 0)
			return -errno;
	}
	(void)mnl_socket_setsockopt(nl, NETLINK_ADD_MEMBERSHIP, &optional, sizeof(optional));
	return 0;
}

struct fb_rtnl *fb_rtnl_open(void)
{
	struct fb_rtnl *r = calloc(1, sizeof(*r));
	int rc = -ENOMEM;

	if (r == NULL)
		goto fail;
	r->news = open_socket(SOCK_NONBLOCK, NEWS_BUFFER_BYTES);
	r->ask = r->news != NULL ? open_socket(0, ANSWER_BUFFER_BYTES) : NULL;
	rc = r->ask != NULL ? subscribe(r->news) : -errno;
	if (rc == 0)
		return r;
fail:
	fb_rtnl_close(r);
	errno = -rc;
	return NULL;
}

void fb_rtnl_close(struct fb_rtnl *r)
{
	if (r == NULL)
		return;
	if (r->news != NULL)
		mnl_socket_close(r->news);
	if (r->ask != NULL)
		mnl_socket_close(r->ask);
	free(r);
}

int fb_rtnl_fd(const struct fb_rtnl *r)
{
	return mnl_socket_get_fd(r->news);
}

int fb_rtnl_news(struct fb_rtnl *r, fb_rtnl_event *on_event, void *arg)
{
	int rc = 0;

	for (int i = 0; i < NEWS_PER_CALL; i++) {
		ssize_t len = mnl_socket_recvfrom(r->news, r->in, sizeof(r->in));

		if (len > 0)
			fb_neigh_message_each(r->in, (size_t)len, on_event, arg);
		else if (len == 0 || errno == EAGAIN)
			break;
		else if (errno != EINTR)
			rc = -ENOBUFS; /* lost, or cut short: either way something is not known */
	}
	return rc;
}

struct dump {
	fb_rtnl_event *on_event;
	void *arg;
	uint32_t seq;
	bool done;
	bool interrupted;
	int error;
};

static void on_dump_event(void *arg, const struct fb_neigh_event *event)
{
	struct dump *d = arg;

	if (event->seq != d->seq)
		return;
	d->interrupted |= event->interrupted;
	if (event->kind == FB_NEIGH_EVENT_DONE || event->kind == FB_NEIGH_EVENT_ERROR) {
		d->done = true;
		d->error = event->error;
	} else {
		d->on_event(d->arg, event);
	}
}

int fb_rtnl_dump(struct fb_rtnl *r, uint16_t type, fb_rtnl_event *on_event, void *arg)
{
	struct dump d = {.on_event = on_event, .arg = arg, .seq = ++r->seq};
	size_t len = fb_neigh_message_dump(r->out, type, d.seq);

	if (mnl_socket_sendto(r->ask, r->out, len) < 0)
		return -errno;
	while (!d.done) {
		ssize_t n = mnl_socket_recvfrom(r->ask, r->in, sizeof(r->in));

		if (n > 0)
			fb_neigh_message_each(r->in, (size_t)n, on_dump_event, &d);
		else if (n == 0 || errno != EINTR)
			return n == 0 ? -EIO : -errno;
	}
	if (d.error != 0)
		return d.error;
	return d.interrupted ? -EINTR : 0;
}

struct route_batch {
	struct fb_neigh_path *paths;
	uint32_t first_seq;
	uint32_t n;
	uint32_t n_answered;
};

static void on_route_answer(void *arg, const struct fb_neigh_event *event)
{
	struct route_batch *b = arg;
	uint32_t i = event->seq - b->first_seq;

	if (i >= b->n) /* late, of a batch that was given up, or of a poke */
		return;
	/* An error says that there is no route: ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL by its type. */
	if (event->kind == FB_NEIGH_EVENT_ROUTE)
		b->paths[i] = event->route;
	else if (event->kind != FB_NEIGH_EVENT_ERROR)
		return;
	b->n_answered++;
}

int fb_rtnl_routes(struct fb_rtnl *r, const struct fb_addr *const *dsts, uint32_t n,
		   struct fb_neigh_path *ret_paths)
{
	struct fb_neigh_path paths[FB_RTNL_BATCH];
	struct route_batch b = {.paths = paths, .first_seq = r->seq + 1, .n = n};
	size_t len = 0;

	memset(paths, 0, sizeof(paths));
	for (uint32_t i = 0; i < n; i++)
		len += fb_neigh_message_route(r->out + len, dsts[i], ++r->seq);
	if (mnl_socket_sendto(r->ask, r->out, len) < 0)
		return -errno;
	while (b.n_answered < n) {
		ssize_t got = mnl_socket_recvfrom(r->ask, r->in, sizeof(r->in));

		if (got > 0)
			fb_neigh_message_each(r->in, (size_t)got, on_route_answer, &b);
		else if (got == 0 || errno != EINTR)
			return got == 0 ? -EIO : -errno;
	}
	memcpy(ret_paths, paths, n * sizeof(*paths));
	return 0;
}

/* Where the next request of a batch goes. */
static char *next_poke(struct fb_rtnl *r)
{
	if (r->n_pokes == FB_RTNL_BATCH)
		fb_rtnl_poke_flush(r);
	r->n_pokes++;
	r->seq++;
	return r->pokes + r->poke_len;
}

void fb_rtnl_poke(struct fb_rtnl *r, int ifindex, const struct fb_addr *addr)
{
	char *at = next_poke(r);

	r->poke_len += fb_neigh_message_poke(at, ifindex, addr, r->seq);
}

void fb_rtnl_doubt(struct fb_rtnl *r, int ifindex, const struct fb_addr *addr, const uint8_t mac[6])
{
	char *at = next_poke(r);

	r->poke_len += fb_neigh_message_doubt(at, ifindex, addr, mac, r->seq);
}

void fb_rtnl_poke_flush(struct fb_rtnl *r)
{
	if (r->n_pokes == 0)
		return;
	/* Best effort: what fails (link down, neighbour table full) is tried again when due again. */
	(void)mnl_socket_sendto(r->ask, r->pokes, r->poke_len);
	r->n_pokes = 0;
	r->poke_len = 0;
	/* Errors come at once, and only errors; unread they would fill the buffer. */
	while (recv(mnl_socket_get_fd(r->ask), r->in, sizeof(r->in), MSG_DONTWAIT) > 0)
		;
}
