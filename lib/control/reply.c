/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <sys/epoll.h>
#include <sys/socket.h>

#include "control/answer.h"
#include "control/client.h"

void fb_client_watch(struct fb_client *cl, uint32_t events)
{
	if (cl->events == events)
		return;
	cl->events = events;
	(void)fb_control_rewatch(cl->server->control, &cl->watch, events);
}

void fb_client_drop_output(struct fb_client *cl)
{
	cl->server->out_bytes -= cl->out_cap;
	free(cl->out);
	cl->out = NULL;
	cl->out_len = 0;
	cl->out_off = 0;
	cl->out_cap = 0;
}

void fb_client_flush(struct fb_client *cl)
{
	while (cl->out_off < cl->out_len) {
		ssize_t n = send(cl->watch.fd, cl->out + cl->out_off, cl->out_len - cl->out_off,
				 MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			fb_client_watch(cl, EPOLLOUT);
			return;
		}
		if (n < 0) {
			fb_client_kill(cl);
			return;
		}
		cl->out_off += (size_t)n;
		cl->since_ms = cl->server->control->now_ms;
	}
	fb_client_drop_output(cl);
	if (cl->last) {
		fb_client_kill(cl);
		return;
	}
	fb_client_watch(cl, EPOLLIN);
}

/* Takes the line over, which ends in a newline, and its share of the server's out_bytes. */
static void send_line(struct fb_client *cl, char *line, size_t len, size_t cap)
{
	cl->reply = NULL;
	if (line == NULL) {
		fb_client_kill(cl);
		return;
	}
	cl->out = line;
	cl->out_len = len;
	cl->out_off = 0;
	cl->out_cap = cap;
	cl->since_ms = cl->server->control->now_ms;
	fb_client_flush(cl);
}

static void free_reply(struct fb_reply *reply)
{
	reply->server->out_bytes -= reply->cap;
	free(reply->items);
	free(reply);
}

void fb_reply_send(struct fb_reply *reply, json_t *answer)
{
	struct fb_client *cl = reply->client;
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
	if (line != NULL)
		cl->server->out_bytes += len + 2;
	send_line(cl, line, len + 1, len + 2);
}

static int append(const char *data, size_t len, void *arg)
{
	struct fb_reply *reply = arg;

	if (reply->cap - reply->len < len) {
		size_t cap = (reply->cap + len) * 2;
		char *items = NULL;

		reply->refused = reply->server->out_bytes - reply->cap + cap > FB_SERVER_OUT_BYTES;
		if (!reply->refused)
			items = realloc(reply->items, cap);
		if (items == NULL) {
			reply->failed = true;
			return -1;
		}
		reply->server->out_bytes += cap - reply->cap;
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
	struct fb_client *cl = reply->client;

	if (reply->len == 0 && !reply->failed)
		(void)append_text(reply, "{\"ok\":true,\"items\":[");
	if (!reply->failed && cl != NULL)
		(void)append_text(reply, "]}\n");
	if (reply->refused && cl != NULL) {
		fb_reply_error(reply, "no room left for answers; ask for less, or later");
		return;
	}
	if (cl == NULL || reply->failed) {
		fb_reply_send(reply, NULL);
		return;
	}
	send_line(cl, reply->items, reply->len, reply->cap);
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

struct fb_reply *fb_reply_new(struct fb_client *cl)
{
	struct fb_reply *reply = calloc(1, sizeof(*reply));

	if (reply == NULL) {
		fb_client_kill(cl);
		return NULL;
	}
	reply->server = cl->server;
	reply->client = cl;
	cl->reply = reply;
	return reply;
}
