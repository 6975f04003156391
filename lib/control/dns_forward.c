/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/dns_forward.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>

#include <ares.h>

/* The first resolver may take so long, then the next is asked; each twice. Stub resolvers of clients wait 5
 * seconds (glibc's default), so with one or two resolvers they hear of a failure. */
#define TIMEOUT_MS 1500
#define TRIES      2

/* Sockets at a time: UDP and TCP for each resolver. */
#define SOCKETS_MAX (2 * 8)

struct socket {
	struct fb_watch watch; /* fd -1: free. Slots stay, so that a late event finds one. */
	struct fb_forward *forward;
};

struct fb_forward {
	struct fb_control *control;
	ares_channel channel;
	uint32_t n_waiting;
	struct socket sockets[SOCKETS_MAX];
};

struct question {
	struct fb_forward *forward;
	fb_forward_done_fn *done;
	void *arg;
};

static void socket_ready(void *arg, uint32_t events)
{
	struct socket *s = arg;
	bool in = (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0;
	bool out = (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0;

	if (s->watch.fd >= 0)
		ares_process_fd(s->forward->channel, in ? s->watch.fd : ARES_SOCKET_BAD,
				out ? s->watch.fd : ARES_SOCKET_BAD);
}

static struct socket *socket_of(struct fb_forward *f, int fd)
{
	for (uint32_t i = 0; i < SOCKETS_MAX; i++) {
		if (f->sockets[i].watch.fd == fd)
			return &f->sockets[i];
	}
	return NULL;
}

/* c-ares says what it wants to know of a socket; neither: it is about to close it. */
static void socket_state(void *arg, ares_socket_t fd, int in, int out)
{
	struct fb_forward *f = arg;
	struct socket *s = socket_of(f, fd);
	uint32_t events = (in ? EPOLLIN : 0u) | (out ? EPOLLOUT : 0u);

	if (s != NULL && events == 0) {
		fb_control_unwatch(f->control, &s->watch);
		s->watch.fd = -1;
	} else if (s != NULL) {
		(void)fb_control_rewatch(f->control, &s->watch, events);
	} else if (events != 0) {
		s = socket_of(f, -1);
		/* Without a place its question times out. */
		if (s == NULL)
			return;
		s->watch.fd = fd;
		if (fb_control_watch(f->control, &s->watch, events) != 0)
			s->watch.fd = -1;
	}
}

static int set_resolvers(ares_channel channel, const struct fb_config *config)
{
	struct ares_addr_port_node *nodes = calloc(config->n_dns_resolvers, sizeof(*nodes));
	int rc;

	if (nodes == NULL)
		return ARES_ENOMEM;
	for (uint32_t i = 0; i < config->n_dns_resolvers; i++) {
		const struct fb_addr *addr = &config->dns_resolvers[i];
		enum fb_family family = fb_addr_family(addr);

		nodes[i].family = family == FB_IPV4 ? AF_INET : AF_INET6;
		memcpy(&nodes[i].addr, fb_addr_wire(addr), fb_family_addr_len(family));
		nodes[i].next = i + 1 < config->n_dns_resolvers ? &nodes[i + 1] : NULL;
	}
	rc = ares_set_servers_ports(channel, nodes);
	free(nodes);
	return rc;
}

struct fb_forward *fb_forward_open(struct fb_control *c)
{
	struct fb_forward *f = calloc(1, sizeof(*f));
	struct ares_options options = {
		.timeout = TIMEOUT_MS,
		.tries = TRIES,
		.sock_state_cb = socket_state,
		.sock_state_cb_data = f,
	};
	int rc;

	if (f == NULL)
		return NULL;
	f->control = c;
	for (uint32_t i = 0; i < SOCKETS_MAX; i++) {
		f->sockets[i].forward = f;
		f->sockets[i].watch =
			(struct fb_watch){.fd = -1, .ready = socket_ready, .arg = &f->sockets[i]};
	}
	rc = ares_library_init(ARES_LIB_INIT_ALL);
	if (rc != ARES_SUCCESS) {
		free(f);
		errno = ENOMEM;
		return NULL;
	}
	rc = ares_init_options(&f->channel, &options,
			       ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
	if (rc == ARES_SUCCESS) {
		rc = set_resolvers(f->channel, c->p.config);
		if (rc != ARES_SUCCESS)
			ares_destroy(f->channel);
	}
	if (rc != ARES_SUCCESS) {
		ares_library_cleanup();
		free(f);
		errno = ENOMEM;
		return NULL;
	}
	return f;
}

void fb_forward_close(struct fb_forward *f)
{
	if (f == NULL)
		return;
	ares_destroy(f->channel); /* ends all questions */
	ares_library_cleanup();
	free(f);
}

static void answered(void *arg, int status, int timeouts, unsigned char *answer, int len)
{
	struct question *question = arg;

	question->forward->n_waiting--;
	if (status == ARES_SUCCESS && answer != NULL && len > 0)
		question->done(question->arg, answer, (uint32_t)len);
	else
		question->done(question->arg, NULL, 0);
	free(question);
}

int fb_forward_ask(struct fb_forward *f, const uint8_t *query, uint32_t len,
		   fb_forward_done_fn *done, void *arg)
{
	struct question *question;
	uint8_t *copy;

	if (f->n_waiting >= FB_FORWARD_MAX || len < 2)
		return -EBUSY;
	question = malloc(sizeof(*question));
	copy = malloc(len);
	/* An id that nobody can guess, or none. */
	if (question == NULL || copy == NULL) {
		free(question);
		free(copy);
		return -EBUSY;
	}
	memcpy(copy, query, len);
	if (getrandom(copy, 2, GRND_NONBLOCK) != 2) {
		free(question);
		free(copy);
		return -EBUSY;
	}
	*question = (struct question){f, done, arg};
	f->n_waiting++;
	ares_send(f->channel, copy, (int)len, answered, question);
	free(copy);
	return 0;
}

void fb_forward_tick(struct fb_forward *f)
{
	if (f->n_waiting > 0)
		ares_process_fd(f->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}
