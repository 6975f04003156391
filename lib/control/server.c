/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/server.h"

#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "control/command.h"
#include "control/file.h"
#include "control/state.h"

#define READ_CHUNK 65536
/* All clients together; a client that would go over it is refused. */
#define TOTAL_IN_BYTES (160u << 20)

struct fb_reply {
	struct client *client; /* NULL: gone */
	char *items;           /* as far as they have been added */
	size_t len;
	size_t cap;
	bool failed; /* for lack of memory */
};

struct client {
	struct client *next;
	struct fb_server *server;
	struct fb_watch watch;
	char *in;
	size_t in_len;
	size_t in_cap;
	size_t scanned; /* no newline before this */
	char *out;
	size_t out_len;
	size_t out_off;
	struct fb_reply *reply; /* a request is being worked on */
	uint64_t since_ms;      /* of the half request, or of the last progress in writing */
	uint32_t events;
	bool last; /* close when the answer is out */
	bool dead;
};

struct fb_server {
	struct fb_control *control;
	struct fb_watch watch;
	char *path;
	struct client *clients;
	uint32_t n_clients; /* the dead ones, which the sweep frees, left out */
	size_t in_bytes;
};

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

static void kill_client(struct client *cl)
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

/* Level-triggered, so what is not wanted now must not be asked for. */
static void set_events(struct client *cl, uint32_t events)
{
	if (cl->events == events)
		return;
	cl->events = events;
	(void)fb_control_rewatch(cl->server->control, &cl->watch, events);
}

static void flush(struct client *cl)
{
	while (cl->out_off < cl->out_len) {
		ssize_t n = send(cl->watch.fd, cl->out + cl->out_off, cl->out_len - cl->out_off,
				 MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			set_events(cl, EPOLLOUT);
			return;
		}
		if (n < 0) {
			kill_client(cl);
			return;
		}
		cl->out_off += (size_t)n;
		cl->since_ms = cl->server->control->now_ms;
	}
	free(cl->out);
	cl->out = NULL;
	cl->out_len = 0;
	cl->out_off = 0;
	if (cl->last) {
		kill_client(cl);
		return;
	}
	set_events(cl, EPOLLIN);
}

/* Takes the line over, which ends in a newline. */
static void send_line(struct client *cl, char *line, size_t len)
{
	cl->reply = NULL;
	if (line == NULL) {
		kill_client(cl);
		return;
	}
	cl->out = line;
	cl->out_len = len;
	cl->out_off = 0;
	cl->since_ms = cl->server->control->now_ms;
	flush(cl);
}

static void free_reply(struct fb_reply *reply)
{
	free(reply->items);
	free(reply);
}

void fb_reply_send(struct fb_reply *reply, json_t *answer)
{
	struct client *cl = reply->client;
	char *text = NULL;
	char *line;
	size_t len;

	free_reply(reply);
	if (answer != NULL)
		text = json_dumps(answer, JSON_COMPACT);
	json_decref(answer);
	if (cl == NULL) {
		free(text);
		return;
	}
	if (text == NULL)
		text = strdup("{\"ok\":false,\"error\":\"out of memory\"}");
	len = text != NULL ? strlen(text) : 0;
	line = text != NULL ? realloc(text, len + 2) : NULL;
	if (line == NULL)
		free(text);
	else
		line[len] = '\n';
	send_line(cl, line, len + 1);
}

static int append(const char *data, size_t len, void *arg)
{
	struct fb_reply *reply = arg;

	if (reply->cap - reply->len < len) {
		size_t cap = (reply->cap + len) * 2;
		char *items = realloc(reply->items, cap);

		if (items == NULL) {
			reply->failed = true;
			return -1;
		}
		reply->items = items;
		reply->cap = cap;
	}
	memcpy(reply->items + reply->len, data, len);
	reply->len += len;
	return 0;
}

static int append_text(struct fb_reply *reply, const char *text)
{
	return append(text, strlen(text), reply);
}

void fb_reply_add_item(struct fb_reply *reply, const json_t *item)
{
	if (reply->failed || reply->client == NULL)
		return;
	(void)append_text(reply, reply->len == 0 ? "{\"ok\":true,\"items\":[" : ",");
	if (!reply->failed)
		reply->failed = json_dump_callback(item, append, reply, JSON_COMPACT) != 0;
}

void fb_reply_send_items(struct fb_reply *reply)
{
	struct client *cl = reply->client;

	if (reply->len == 0 && !reply->failed)
		(void)append_text(reply, "{\"ok\":true,\"items\":[");
	if (cl == NULL || reply->failed || append_text(reply, "]}\n") != 0) {
		fb_reply_send(reply, NULL);
		return;
	}
	send_line(cl, reply->items, reply->len);
	free(reply);
}

void fb_reply_error(struct fb_reply *reply, const char *fmt, ...)
{
	json_t *answer;
	va_list args;

	va_start(args, fmt);
	answer = fb_answer_verror(fmt, args);
	va_end(args);
	fb_reply_send(reply, answer);
}

int fb_reply_is_dead(const struct fb_reply *reply)
{
	return reply->client == NULL;
}

static struct fb_reply *new_reply(struct client *cl)
{
	struct fb_reply *reply = calloc(1, sizeof(*reply));

	if (reply == NULL) {
		kill_client(cl);
		return NULL;
	}
	reply->client = cl;
	cl->reply = reply;
	return reply;
}

static void drop_input(struct client *cl, size_t n)
{
	cl->in_len -= n;
	memmove(cl->in, cl->in + n, cl->in_len);
	cl->scanned = 0;
	if (cl->in_len == 0) {
		/* An apply of 64 MB should not stay behind as a buffer. */
		cl->server->in_bytes -= cl->in_cap;
		free(cl->in);
		cl->in = NULL;
		cl->in_cap = 0;
	}
}

/* Take up requests as long as none is being answered. */
static void process_lines(struct client *cl)
{
	while (!cl->dead && cl->reply == NULL && cl->out == NULL && cl->in_len > cl->scanned) {
		char *newline = memchr(cl->in + cl->scanned, '\n', cl->in_len - cl->scanned);
		struct fb_reply *reply;
		size_t len;

		if (newline == NULL) {
			cl->scanned = cl->in_len;
			return;
		}
		len = (size_t)(newline - cl->in);
		reply = new_reply(cl);
		if (reply == NULL)
			return;
		fb_command_run(cl->server->control, cl->in, len, reply);
		drop_input(cl, len + 1);
		cl->since_ms = cl->server->control->now_ms;
	}
}

static size_t line_limit(const struct client *cl)
{
	return fb_server_may_be_long(cl->in, cl->in_len) ? FB_SERVER_LONG_BYTES
							 : FB_SERVER_LINE_BYTES;
}

static void refuse(struct client *cl, const char *why)
{
	struct fb_reply *reply = new_reply(cl);

	if (reply == NULL)
		return;
	cl->last = true;
	fb_reply_error(reply, "%s", why);
}

static bool make_room(struct client *cl)
{
	size_t cap = cl->in_cap != 0 ? cl->in_cap : READ_CHUNK;
	char *in;

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

static void read_client(struct client *cl)
{
	ssize_t n;

	if (!make_room(cl)) {
		refuse(cl, "no memory left for requests; try again");
		return;
	}
	n = recv(cl->watch.fd, cl->in + cl->in_len, cl->in_cap - cl->in_len, 0);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		kill_client(cl);
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
	struct client *cl = arg;

	if (cl->dead)
		return;
	if ((events & EPOLLOUT) != 0 && cl->out != NULL)
		flush(cl);
	else if ((events & (EPOLLERR | EPOLLHUP)) != 0 && (events & EPOLLIN) == 0)
		kill_client(cl);
	else if (cl->reply == NULL && cl->out == NULL && (events & EPOLLIN) != 0)
		read_client(cl);
	else if ((events & EPOLLIN) != 0 && cl->reply != NULL)
		/* A job is on its way; bytes of the next request, or the end, can wait for it. */
		set_events(cl, 0);
	if (!cl->dead)
		process_lines(cl);
}

/* Who only holds a connection, or is slow, gives way to who comes: an operator always gets in. */
static void make_place(struct fb_server *server)
{
	struct client *oldest = NULL;

	if (server->n_clients < FB_SERVER_MAX_CLIENTS)
		return;
	for (struct client *cl = server->clients; cl != NULL; cl = cl->next) {
		/* Clients are listed newest first. */
		if (!cl->dead && cl->reply == NULL &&
		    (oldest == NULL || cl->since_ms <= oldest->since_ms))
			oldest = cl;
	}
	if (oldest != NULL)
		kill_client(oldest);
}

static void accept_client(void *arg, uint32_t events)
{
	struct fb_server *server = arg;
	int fd = accept4(server->watch.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct client *cl;

	if (fd < 0)
		return;
	make_place(server);
	cl = server->n_clients < FB_SERVER_MAX_CLIENTS ? calloc(1, sizeof(*cl)) : NULL;
	if (cl == NULL) {
		static const char busy[] = "{\"ok\":false,\"error\":\"too many clients\"}\n";

		(void)send(fd, busy, sizeof(busy) - 1, MSG_NOSIGNAL);
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
	for (struct client *cl = c->server->clients; cl != NULL; cl = cl->next) {
		bool waits = cl->out != NULL || (cl->in_len > 0 && cl->reply == NULL);

		if (!cl->dead && waits && c->now_ms - cl->since_ms > FB_SERVER_HALF_TIMEOUT_MS)
			kill_client(cl);
	}
}

static void free_client(struct client *cl)
{
	cl->server->in_bytes -= cl->in_cap;
	free(cl->in);
	free(cl->out);
	free(cl);
}

void fb_server_sweep(struct fb_control *c)
{
	struct client **link = &c->server->clients;

	while (*link != NULL) {
		struct client *cl = *link;

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

/* ---- opening ---- */

/* A socket file that nobody listens on is left from a crash. @return 0, or -EADDRINUSE */
static int remove_stale(const struct sockaddr_un *addr)
{
	struct stat st;
	int ret = 0;
	int fd;

	if (lstat(addr->sun_path, &st) != 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 || errno == EAGAIN)
		ret = -EADDRINUSE;
	else if (errno != ECONNREFUSED)
		ret = -errno;
	else if (unlink(addr->sun_path) != 0)
		ret = -errno;
	(void)close(fd);
	return ret;
}

static int listen_on(const char *path, const char *group)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	char dir[sizeof(addr.sun_path)];
	struct group *gr;
	mode_t mask;
	int ret;
	int fd;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	(void)strcpy(addr.sun_path, path);
	(void)strcpy(dir, path);
	gr = group[0] != '\0' ? getgrnam(group) : NULL;
	if (group[0] != '\0' && gr == NULL)
		return -ESRCH;
	/* The socket's own directory, such as /run/forebay, and no more: the rest may be a slip. */
	ret = mkdir(dirname(dir), 0755) == 0 || errno == EEXIST ? 0 : -errno;
	if (ret == 0)
		ret = remove_stale(&addr);
	if (ret != 0)
		return ret;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* Nobody else may connect in the moment before the mode is set. */
	mask = umask(0117);
	ret = bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0 ? 0 : -errno;
	(void)umask(mask);
	if (ret != 0) {
		(void)close(fd);
		return ret;
	}
	if ((gr != NULL && chown(path, (uid_t)-1, gr->gr_gid) != 0) || listen(fd, 64) != 0) {
		ret = -errno;
		(void)unlink(path);
		(void)close(fd);
		return ret;
	}
	return fd;
}

struct fb_server *fb_server_open(struct fb_control *c, const char *path, const char *group,
				 struct fb_errs *errs)
{
	struct fb_server *server = calloc(1, sizeof(*server));
	int fd = -ENOMEM;
	int ret;

	if (server != NULL) {
		server->control = c;
		server->path = strdup(path);
		fd = server->path != NULL ? listen_on(path, group) : -ENOMEM;
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
	for (struct client *cl = server->clients; cl != NULL; cl = cl->next)
		kill_client(cl);
	fb_server_sweep(server->control);
	fb_control_unwatch(server->control, &server->watch);
	(void)close(server->watch.fd);
	(void)unlink(server->path);
	free(server->path);
	free(server);
}
