/* SPDX-License-Identifier: BSD-3-Clause */

#include "health/health.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <microhttpd.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* Some load balancers that each ask for some hundred Services every few seconds. */
#define MAX_CONNECTIONS 256
#define TIMEOUT_S       10
#define BACKLOG         64

/* One Service; its sockets, one for each address. */
struct checked {
	struct checked *next;
	struct fb_health *health;
	uint16_t port;
	uint32_t n_endpoints[FB_FAMILY_COUNT];
	uint32_t n_sockets;
	bool told; /* that it cannot be answered */
	int *sockets;
	const char *name;
	char namespace_[]; /* and the name behind it */
};

struct fb_health {
	struct MHD_Daemon *daemon;
	int epoll_fd; /* the sockets, and what the library waits for */
	struct checked *checked;
	struct fb_addr *addrs;
	uint32_t n_addrs;
	bool draining;
};

static socklen_t to_sockaddr(const struct fb_addr *addr, uint16_t port,
			     struct sockaddr_storage *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (fb_addr_family(addr) == FB_IPV4) {
		struct sockaddr_in *sin = (struct sockaddr_in *)ret;

		sin->sin_family = AF_INET;
		sin->sin_port = htons(port);
		memcpy(&sin->sin_addr, addr->bytes + 12, sizeof(sin->sin_addr));
		return sizeof(*sin);
	}
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)ret;

	sin6->sin6_family = AF_INET6;
	sin6->sin6_port = htons(port);
	memcpy(&sin6->sin6_addr, addr->bytes, sizeof(sin6->sin6_addr));
	return sizeof(*sin6);
}

/* ---- answers ---- */

/* Which Service a connection asks about, and over which family: its own end says it. */
static const struct checked *find_asked(const struct fb_health *health,
					struct MHD_Connection *connection, enum fb_family *ret)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	uint16_t port;

	if (info == NULL || getsockname(info->connect_fd, (struct sockaddr *)&addr, &len) != 0)
		return NULL;
	*ret = addr.ss_family == AF_INET ? FB_IPV4 : FB_IPV6;
	port = ntohs(addr.ss_family == AF_INET ? ((struct sockaddr_in *)&addr)->sin_port
					       : ((struct sockaddr_in6 *)&addr)->sin6_port);
	for (const struct checked *c = health->checked; c != NULL; c = c->next) {
		if (c->port == port && c->n_sockets > 0)
			return c;
	}
	return NULL;
}

/* Names are those of Kubernetes: nothing in them needs to be escaped. */
static struct MHD_Response *answer_of(const struct checked *c, enum fb_family family)
{
	struct MHD_Response *response;
	char number[16];
	char *text;
	int len;

	len = asprintf(
		&text,
		"{\n\t\"service\": {\n\t\t\"namespace\": \"%s\",\n\t\t\"name\": \"%s\"\n\t},\n"
		"\t\"localEndpoints\": %u,\n\t\"serviceProxyHealthy\": true\n}\n",
		c->namespace_, c->name, c->n_endpoints[family]);
	if (len < 0)
		return NULL;
	response = MHD_create_response_from_buffer((size_t)len, text, MHD_RESPMEM_MUST_FREE);
	if (response == NULL) {
		free(text);
		return NULL;
	}
	(void)snprintf(number, sizeof(number), "%u", c->n_endpoints[family]);
	(void)MHD_add_response_header(response, "Content-Type", "application/json");
	(void)MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	(void)MHD_add_response_header(response, "X-Load-Balancing-Endpoint-Weight", number);
	return response;
}

static enum MHD_Result handle(void *arg, struct MHD_Connection *connection, const char *url,
			      const char *method, const char *version, const char *upload,
			      size_t *upload_len, void **request)
{
	static int seen;
	const struct fb_health *health = arg;
	struct MHD_Response *response;
	const struct checked *c;
	enum MHD_Result result;
	enum fb_family family;

	/* First call: headers only. Taking the request up in the second lets keep-alive work. */
	if (*request == NULL) {
		*request = &seen;
		return MHD_YES;
	}
	if (*upload_len > 0) {
		*upload_len = 0;
		return MHD_YES;
	}
	c = find_asked(arg, connection, &family);
	response = c != NULL ? answer_of(c, family) : NULL;
	if (response == NULL)
		return MHD_NO;
	result = MHD_queue_response(connection,
				    c->n_endpoints[family] > 0 && !health->draining ?
					    MHD_HTTP_OK :
					    MHD_HTTP_SERVICE_UNAVAILABLE,
				    response);
	MHD_destroy_response(response);
	return result;
}

/* ---- sockets ---- */

static void close_sockets(struct checked *c)
{
	for (uint32_t i = 0; i < c->n_sockets; i++)
		(void)close(c->sockets[i]);
	free(c->sockets);
	c->sockets = NULL;
	c->n_sockets = 0;
}

/* The twin may have the address later, and clients of the last run may linger. */
static int listen_at(const struct fb_addr *addr, uint16_t port)
{
	bool v4 = fb_addr_family(addr) == FB_IPV4;
	int fd = socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_storage at;
	socklen_t len = to_sockaddr(addr, port, &at);
	const int on = 1;

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on));
	if (!v4)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&at, len) != 0 || listen(fd, BACKLOG) != 0) {
		int err = -errno;

		(void)close(fd);
		return err;
	}
	return fd;
}

static int open_sockets(struct fb_health *health, struct checked *c)
{
	c->sockets = calloc(health->n_addrs + 1u, sizeof(*c->sockets));
	if (c->sockets == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < health->n_addrs; i++) {
		struct epoll_event event = {.events = EPOLLIN};
		int fd = listen_at(&health->addrs[i], c->port);

		event.data.fd = fd;
		if (fd >= 0 && epoll_ctl(health->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
			int err = -errno;

			(void)close(fd);
			fd = err;
		}
		if (fd < 0) {
			close_sockets(c);
			return fd;
		}
		c->sockets[c->n_sockets++] = fd;
	}
	return 0;
}

static void accept_all(struct fb_health *health, int fd)
{
	for (int i = 0; i < BACKLOG; i++) {
		struct sockaddr_storage from;
		socklen_t len = sizeof(from);
		int client =
			accept4(fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (client < 0)
			return;
		/* It closes what it cannot take. */
		(void)MHD_add_connection(health->daemon, client, (struct sockaddr *)&from, len);
	}
}

/* ---- Services ---- */

static struct checked **find(struct fb_health *health, const char *namespace_, const char *name)
{
	struct checked **at = &health->checked;

	while (*at != NULL &&
	       (strcmp((*at)->name, name) != 0 || strcmp((*at)->namespace_, namespace_) != 0))
		at = &(*at)->next;
	return at;
}

static struct checked *add(struct fb_health *health, const char *namespace_, const char *name)
{
	size_t namespace_size = strlen(namespace_) + 1;
	size_t name_size = strlen(name) + 1;
	struct checked *c = calloc(1, sizeof(*c) + namespace_size + name_size);

	if (c == NULL)
		return NULL;
	memcpy(c->namespace_, namespace_, namespace_size);
	memcpy(c->namespace_ + namespace_size, name, name_size);
	c->name = c->namespace_ + namespace_size;
	c->health = health;
	c->next = health->checked;
	health->checked = c;
	return c;
}

static void drop(struct checked **at)
{
	struct checked *c = *at;

	*at = c->next;
	close_sockets(c);
	free(c);
}

/* Who else answers there. */
static const struct checked *holder(const struct fb_health *health, const struct checked *c)
{
	const struct checked *other = health->checked;

	while (other != NULL && (other == c || other->port != c->port || other->n_sockets == 0))
		other = other->next;
	return other;
}

static void answer_at(struct fb_health *health, struct checked *c, struct fb_errs *errs)
{
	const struct checked *other = holder(health, c);
	int err = other == NULL ? open_sockets(health, c) : 0;
	bool told = c->told;

	c->told = other != NULL || err != 0;
	if (told)
		return;
	if (other != NULL)
		fb_errs_add(errs, (struct fb_place){0}, FB_SEV_NOTICE,
			    "Service %s/%s: its healthCheckNodePort %u is answered for %s/%s",
			    c->namespace_, c->name, c->port, other->namespace_, other->name);
	if (err != 0)
		fb_errs_add(errs, (struct fb_place){0}, FB_SEV_NOTICE,
			    "Service %s/%s: its healthCheckNodePort %u cannot be answered: %s",
			    c->namespace_, c->name, c->port, strerror(-err));
}

/* A port became free: whoever waits for it. */
static void answer_waiting(struct fb_health *health, uint16_t port, struct fb_errs *errs)
{
	for (struct checked *c = health->checked; c != NULL && port != 0; c = c->next) {
		if (c->port == port && c->n_sockets == 0)
			answer_at(health, c, errs);
	}
}

void fb_health_set(struct fb_health *health, const char *namespace_, const char *name,
		   uint16_t port, const uint32_t n_endpoints[FB_FAMILY_COUNT], struct fb_errs *errs)
{
	struct checked **at = find(health, namespace_, name);
	struct checked *c = *at;
	uint16_t had = c != NULL ? c->port : 0;

	if (port == 0) {
		if (c != NULL)
			drop(at);
		answer_waiting(health, had, errs);
		return;
	}
	if (c == NULL)
		c = add(health, namespace_, name);
	if (c == NULL) {
		fb_errs_add(errs, (struct fb_place){0}, FB_SEV_NOTICE,
			    "Service %s/%s: its healthCheckNodePort is not answered: out of memory",
			    namespace_, name);
		return;
	}
	memcpy(c->n_endpoints, n_endpoints, sizeof(c->n_endpoints));
	if (had == port && c->n_sockets > 0)
		return;
	if (had != port) {
		close_sockets(c);
		c->port = port;
		c->told = false;
		answer_waiting(health, had, errs);
	}
	answer_at(health, c, errs);
}

/* The library prints to stderr unless told otherwise; what matters comes back as return values. */
static void discard_log(void *arg, const char *fmt, va_list args)
{
}

static int open_loop(struct fb_health *health)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = -1};

	health->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (health->epoll_fd < 0)
		return -1;
	health->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL,
					  handle, health, MHD_OPTION_EXTERNAL_LOGGER, discard_log,
					  NULL, MHD_OPTION_CONNECTION_LIMIT,
					  (unsigned int)MAX_CONNECTIONS,
					  MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)TIMEOUT_S,
					  MHD_OPTION_END);
	if (health->daemon == NULL)
		return -1;
	return epoll_ctl(health->epoll_fd, EPOLL_CTL_ADD,
			 MHD_get_daemon_info(health->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
			 &event);
}

struct fb_health *fb_health_open(const struct fb_addr *addrs, uint32_t n_addrs)
{
	struct fb_health *health = calloc(1, sizeof(*health));

	if (health == NULL)
		return NULL;
	health->epoll_fd = -1;
	health->addrs = calloc(n_addrs + 1u, sizeof(*addrs));
	if (health->addrs == NULL || open_loop(health) != 0) {
		int err = errno;

		fb_health_close(health);
		errno = err;
		return NULL;
	}
	if (n_addrs > 0)
		memcpy(health->addrs, addrs, n_addrs * sizeof(*addrs));
	health->n_addrs = n_addrs;
	return health;
}

void fb_health_close(struct fb_health *health)
{
	if (health == NULL)
		return;
	while (health->checked != NULL)
		drop(&health->checked);
	if (health->daemon != NULL)
		MHD_stop_daemon(health->daemon);
	if (health->epoll_fd >= 0)
		(void)close(health->epoll_fd);
	free(health->addrs);
	free(health);
}

void fb_health_drain(struct fb_health *health, bool draining)
{
	health->draining = draining;
}

int fb_health_fd(const struct fb_health *health)
{
	return health->epoll_fd;
}

void fb_health_process(struct fb_health *health)
{
	struct epoll_event events[16];
	int n = epoll_wait(health->epoll_fd, events, 16, 0);

	for (int i = 0; i < n; i++) {
		if (events[i].data.fd >= 0)
			accept_all(health, events[i].data.fd);
	}
	(void)MHD_run(health->daemon);
}

int64_t fb_health_timeout_ms(const struct fb_health *health)
{
	MHD_UNSIGNED_LONG_LONG timeout_ms;

	if (MHD_get_timeout(health->daemon, &timeout_ms) != MHD_YES)
		return -1;
	return (int64_t)timeout_ms;
}
