/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/epoll.h>
#include <sys/socket.h>

#include "control/client.h"
#include "control/command.h"
#include "control/listen.h"

#define READ_CHUNK 65536
/* All clients together; a client that would go over it is refused. */
#define TOTAL_IN_BYTES (160u << 20)

/*
 * One client in one turn; then the rest of the loop gets its own, which is there again within
 * milliseconds. Guesses: most requests take microseconds, a list of 10,000 Services some 50 ms.
 */
#define TURN_REQUESTS 64
#define TURN_US       2000

static const char too_many[] = "{\"ok\":false,\"error\":\"too many clients\"}\n";

int fb_server_may_be_long(const char *line, size_t len)
{
	static const char *const starts[] = {
		"{\"verb\":\"apply\"",
		"{\"verb\":\"diff\"",
		"{\"verb\":\"delete\"",
	};

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		size_t n = strlen(starts[i]);

		if (len >= n && memcmp(line, starts[i], n) == 0)
			return 1;
	}
	return 0;
}

void fb_client_kill(struct fb_client *cl)
{
	if (cl->dead)
		return;
	cl->dead = true;
	if (cl->reply != NULL)
		cl->reply->client = NULL;
	cl->reply = NULL;
	cl->server->n_clients--;
	fb_control_unwatch(cl->server->control, &cl->watch);
	(void)close(cl->watch.fd);
}

static void drop_input(struct fb_client *cl, size_t n)
{
	cl->in_off += n;
	cl->in_len -= n;
	cl->scanned = 0;
	if (cl->in_len == 0) {
		/* An apply of 64 MB should not stay behind as a buffer. */
		cl->server->in_bytes -= cl->in_cap;
		free(cl->in);
		cl->in = NULL;
		cl->in_cap = 0;
		cl->in_off = 0;
	}
}

/* Length of the first request, which is here whole; or SIZE_MAX. */
static size_t first_line(struct fb_client *cl)
{
	const char *newline;
	const char *in;

	if (cl->in_len == cl->scanned)
		return SIZE_MAX;
	in = cl->in + cl->in_off;
	newline = memchr(in + cl->scanned, '\n', cl->in_len - cl->scanned);
	if (newline != NULL)
		return (size_t)(newline - in);
	cl->scanned = cl->in_len;
	return SIZE_MAX;
}

/* Take up requests as long as none is being answered, one turn's worth of them. */
static void process_lines(struct fb_client *cl)
{
	uint64_t begin_us = 0;

	for (uint32_t n = 0; !cl->dead && cl->reply == NULL && cl->out == NULL; n++) {
		size_t len = first_line(cl);
		struct fb_reply *reply;

		if (len == SIZE_MAX) {
			if (cl->more)
				fb_client_watch(cl, EPOLLIN);
			cl->more = false;
			return;
		}
		if (n == 0)
			begin_us = fb_control_clock_us();
		cl->more = n == TURN_REQUESTS ||
			   (n > 0 && fb_control_clock_us() - begin_us > TURN_US);
		if (cl->more) {
			fb_client_watch(cl, 0);
			return;
		}
		reply = fb_reply_new(cl);
		if (reply == NULL)
			return;
		fb_command_run(cl->server->control, cl->in + cl->in_off, len, reply);
		drop_input(cl, len + 1);
		cl->since_ms = cl->server->control->now_ms;
		cl->served = true;
	}
}

static size_t line_limit(const struct fb_client *cl)
{
	return fb_server_may_be_long(cl->in + cl->in_off, cl->in_len) ? FB_SERVER_LONG_BYTES
								      : FB_SERVER_LINE_BYTES;
}

static void refuse(struct fb_client *cl, const char *why)
{
	struct fb_reply *reply = fb_reply_new(cl);

	if (reply == NULL)
		return;
	cl->last = true;
	fb_reply_error(reply, "%s", why);
}

static bool make_room(struct fb_client *cl)
{
	size_t cap = cl->in_cap != 0 ? cl->in_cap : READ_CHUNK;
	char *in;

	if (cl->in_off > 0)
		memmove(cl->in, cl->in + cl->in_off, cl->in_len);
	cl->in_off = 0;
	if (cl->in_cap - cl->in_len >= READ_CHUNK / 2 && cl->in != NULL)
		return true;
	while (cap - cl->in_len < READ_CHUNK / 2)
		cap *= 2;
	if (cl->server->in_bytes - cl->in_cap + cap > TOTAL_IN_BYTES)
		return false;
	in = realloc(cl->in, cap);
	if (in == NULL)
		return false;
	cl->server->in_bytes += cap - cl->in_cap;
	cl->in = in;
	cl->in_cap = cap;
	return true;
}

static void read_client(struct fb_client *cl)
{
	ssize_t n;

	if (!make_room(cl)) {
		refuse(cl, "no memory left for requests; try again");
		return;
	}
	n = recv(cl->watch.fd, cl->in + cl->in_len, cl->in_cap - cl->in_len, 0);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		fb_client_kill(cl);
		return;
	}
	if (n < 0)
		return;
	if (cl->in_len == 0)
		cl->since_ms = cl->server->control->now_ms;
	cl->in_len += (size_t)n;
	process_lines(cl);
	if (!cl->dead && cl->reply == NULL && cl->out == NULL && cl->in_len > 0 &&
	    cl->in_len > line_limit(cl))
		refuse(cl, "the request is too long: 1 MB, or 64 MB for apply, diff and delete "
			   "with the verb first");
}

static void client_ready(void *arg, uint32_t events)
{
	struct fb_client *cl = arg;

	if (cl->dead)
		return;
	if ((events & EPOLLOUT) != 0 && cl->out != NULL)
		fb_client_flush(cl);
	else if ((events & (EPOLLERR | EPOLLHUP)) != 0 && (events & EPOLLIN) == 0)
		fb_client_kill(cl);
	else if (cl->reply == NULL && cl->out == NULL && !cl->more && (events & EPOLLIN) != 0)
		read_client(cl);
	else if ((events & EPOLLIN) != 0 && (cl->reply != NULL || cl->more))
		/* Bytes of the next request, or the end, can wait for what is being worked on. */
		fb_client_watch(cl, 0);
	if (!cl->dead)
		process_lines(cl);
}

/*
 * Who gives way to one more: the one that has done nothing for longest, of those that never asked anything
 * if there are any. So whoever opens connections by the thousand takes his own, not an operator's.
 */
static struct fb_client *idlest(const struct fb_server *server)
{
	struct fb_client *found = NULL;

	for (struct fb_client *cl = server->clients; cl != NULL; cl = cl->next) {
		if (cl->dead || cl->reply != NULL)
			continue;
		/* Clients are listed newest first. */
		if (found == NULL || (found->served && !cl->served) ||
		    (found->served == cl->served && cl->since_ms <= found->since_ms))
			found = cl;
	}
	return found;
}

/* @return whether there was one */
static bool turn_out_idlest(struct fb_server *server)
{
	struct fb_client *cl = idlest(server);

	if (cl == NULL)
		return false;
	/* Not into the middle of an answer. */
	if (cl->out == NULL)
		(void)send(cl->watch.fd, too_many, sizeof(too_many) - 1, MSG_NOSIGNAL);
	fb_client_kill(cl);
	return true;
}

/* No descriptor or memory left for whoever waits; the listening socket would be ready again and again. */
static void stop_listening(struct fb_server *server, int error)
{
	server->deaf = true;
	(void)fb_control_rewatch(server->control, &server->watch, 0);
	fb_control_log(server->control, FB_LOG_WARNING,
		       "control socket: nobody can be let in: %s; trying again", strerror(error));
}

static void accept_client(void *arg, uint32_t events)
{
	struct fb_server *server = arg;
	int fd = accept4(server->watch.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct fb_client *cl = NULL;

	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			stop_listening(server, errno);
		return;
	}
	if (server->n_clients < FB_SERVER_MAX_CLIENTS || turn_out_idlest(server))
		cl = calloc(1, sizeof(*cl));
	if (cl == NULL) {
		(void)send(fd, too_many, sizeof(too_many) - 1, MSG_NOSIGNAL);
		(void)close(fd);
		return;
	}
	cl->server = server;
	cl->watch = (struct fb_watch){.fd = fd, .ready = client_ready, .arg = cl};
	cl->since_ms = server->control->now_ms;
	if (fb_control_watch(server->control, &cl->watch, EPOLLIN) != 0) {
		(void)close(fd);
		free(cl);
		return;
	}
	cl->events = EPOLLIN;
	cl->next = server->clients;
	server->clients = cl;
	server->n_clients++;
}

void fb_server_tick(struct fb_control *c)
{
	if (c->server->deaf) {
		c->server->deaf = false;
		(void)fb_control_rewatch(c, &c->server->watch, EPOLLIN);
	}
	for (struct fb_client *cl = c->server->clients; cl != NULL; cl = cl->next) {
		bool waits = cl->out != NULL || (cl->in_len > 0 && cl->reply == NULL);

		if (!cl->dead && waits && c->now_ms - cl->since_ms > FB_SERVER_HALF_TIMEOUT_MS)
			fb_client_kill(cl);
	}
}

static void free_client(struct fb_client *cl)
{
	cl->server->in_bytes -= cl->in_cap;
	free(cl->in);
	fb_client_drop_output(cl);
	free(cl);
}

void fb_server_sweep(struct fb_control *c)
{
	struct fb_client **link = &c->server->clients;

	while (*link != NULL) {
		struct fb_client *cl = *link;

		if (cl->dead) {
			*link = cl->next;
			free_client(cl);
			continue;
		}
		/* A job's answer may have gone out meanwhile, with the next request already here. */
		process_lines(cl);
		link = &cl->next;
	}
}

/* ---- open, close ---- */

struct fb_server *fb_server_open(struct fb_control *c, const char *path, const char *group,
				 struct fb_errs *errs)
{
	struct fb_server *server = calloc(1, sizeof(*server));
	int fd = -ENOMEM;
	int ret;

	if (server != NULL) {
		server->control = c;
		server->path = strdup(path);
		fd = server->path != NULL ? fb_listen_unix(path, group) : -ENOMEM;
	}
	if (fd == -ESRCH && strcmp(group, FB_CONFIG_GROUP) == 0) {
		fd = fb_listen_unix(path, "");
		if (fd >= 0)
			fb_errs_add(errs, (struct fb_place){.file = path}, FB_SEV_NOTICE,
				    "control socket: there is no group '%s', so it is root's alone",
				    group);
	}
	if (fd >= 0) {
		server->watch = (struct fb_watch){
			.fd = fd,
			.ready = accept_client,
			.arg = server,
		};
		ret = fb_control_watch(c, &server->watch, EPOLLIN);
		if (ret == 0)
			return server;
		(void)close(fd);
		(void)unlink(path);
		fd = ret;
	}
	if (fd == -ESRCH)
		fb_errs_add(errs, (struct fb_place){.file = path}, FB_SEV_ERROR,
			    "control socket: there is no group '%s'", group);
	else
		fb_errs_add(errs, (struct fb_place){.file = path}, FB_SEV_ERROR,
			    "control socket: %s",
			    fd == -EADDRINUSE ? "another forebay listens here"
			    : fd == -EEXIST   ? "there is a file that is no socket"
			    : fd == -ENOENT   ? "the directory above the socket's is missing"
					      : strerror(-fd));
	if (server != NULL)
		free(server->path);
	free(server);
	return NULL;
}

void fb_server_close(struct fb_server *server)
{
	if (server == NULL)
		return;
	for (struct fb_client *cl = server->clients; cl != NULL; cl = cl->next)
		fb_client_kill(cl);
	fb_server_sweep(server->control);
	fb_control_unwatch(server->control, &server->watch);
	(void)close(server->watch.fd);
	(void)unlink(server->path);
	free(server->path);
	free(server);
}
