/* SPDX-License-Identifier: BSD-3-Clause */

#include "metrics/http.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <microhttpd.h>
#include <sys/socket.h>

#include "config/listen.h"

/* A scraper or two, and a person with curl. */
#define MAX_CONNECTIONS 16
#define TIMEOUT_S       10

/* A text that is being made; its connection is suspended meanwhile. */
struct scrape {
	struct scrape *next;
	struct MHD_Connection *connection;
	void *state; /* the source's */
	struct fb_text text;
	bool done;
};

struct fb_http {
	struct MHD_Daemon *daemon;
	struct fb_http_source source;
	struct scrape *scrapes;
	bool resumed; /* a connection goes on when the library runs next, of which no descriptor tells */
};

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned int status,
				   const char *text)
{
	struct MHD_Response *response;
	enum MHD_Result result;

	/* The library wants a mutable pointer but only reads a persistent buffer. */
	response = MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text,
						   MHD_RESPMEM_PERSISTENT);
	if (response == NULL)
		return MHD_NO;
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		(void)MHD_add_response_header(response, "Allow", "GET, HEAD");
	(void)MHD_add_response_header(response, "Content-Type", "text/plain; charset=utf-8");
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result answer_metrics(struct scrape *scrape)
{
	struct MHD_Response *response;
	enum MHD_Result result;
	size_t len;
	char *data;

	data = fb_text_take(&scrape->text, &len);
	if (data == NULL)
		return answer_text(scrape->connection, MHD_HTTP_INTERNAL_SERVER_ERROR,
				   "out of memory\n");
	response = MHD_create_response_from_buffer(len, data, MHD_RESPMEM_MUST_FREE);
	if (response == NULL) {
		free(data);
		return MHD_NO;
	}
	(void)MHD_add_response_header(response, "Content-Type",
				      "text/plain; version=0.0.4; charset=utf-8");
	result = MHD_queue_response(scrape->connection, MHD_HTTP_OK, response);
	MHD_destroy_response(response);
	return result;
}

static void end_scrape(struct fb_http *http, struct scrape *scrape)
{
	struct scrape **link = &http->scrapes;

	while (*link != scrape)
		link = &(*link)->next;
	*link = scrape->next;
	if (!scrape->done)
		http->source.end(http->source.arg, scrape->state);
	free(scrape->text.data);
	free(scrape);
}

static enum MHD_Result begin_scrape(struct fb_http *http, struct MHD_Connection *connection,
				    void **request)
{
	struct scrape *scrape = calloc(1, sizeof(*scrape));

	if (scrape == NULL)
		return answer_text(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory\n");
	scrape->connection = connection;
	scrape->next = http->scrapes;
	http->scrapes = scrape;
	*request = scrape;
	MHD_suspend_connection(connection);
	return MHD_YES;
}

/* One piece for everybody who waits. */
static void render_pieces(struct fb_http *http)
{
	for (struct scrape *s = http->scrapes; s != NULL; s = s->next) {
		if (s->done || http->source.render(http->source.arg, &s->state, &s->text))
			continue;
		s->done = true;
		http->source.end(http->source.arg, s->state);
		MHD_resume_connection(s->connection);
		http->resumed = true;
	}
}

static bool is_rendering(const struct fb_http *http)
{
	for (const struct scrape *s = http->scrapes; s != NULL; s = s->next) {
		if (!s->done)
			return true;
	}
	return false;
}

/* A request has gone through the handler twice before it can be a scrape: what this points to. */
static int seen;

static void completed(void *arg, struct MHD_Connection *connection, void **request,
		      enum MHD_RequestTerminationCode code)
{
	if (*request != NULL && *request != &seen)
		end_scrape(arg, *request);
	*request = NULL;
}

static enum MHD_Result handle(void *arg, struct MHD_Connection *connection, const char *url,
			      const char *method, const char *version, const char *upload,
			      size_t *upload_len, void **request)
{
	/* First call: headers only. Taking the request up in the second lets keep-alive work. */
	if (*request == NULL) {
		*request = &seen;
		return MHD_YES;
	}
	if (*upload_len > 0) {
		*upload_len = 0;
		return MHD_YES;
	}
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
	if (*request != &seen)
		return answer_metrics(*request);
	if (strcmp(url, "/metrics") == 0)
		return begin_scrape(arg, connection, request);
	if (strcmp(url, "/healthz") == 0)
		return answer_text(connection, MHD_HTTP_OK, "ok\n");
	return answer_text(connection, MHD_HTTP_NOT_FOUND,
			   "not found; there are /metrics and /healthz\n");
}

/* The library prints to stderr unless told otherwise; what matters comes back as return values. */
static void discard_log(void *arg, const char *fmt, va_list args)
{
}

struct fb_http *fb_http_open(const char *listen, const struct fb_http_source *source,
			     struct fb_errs *errs)
{
	struct fb_place place = {0};
	struct sockaddr_storage addr;
	struct fb_http *http;
	socklen_t addr_len;

	if (fb_config_sockaddr(listen, &addr, &addr_len) != 0) {
		fb_errs_add(errs, place, FB_SEV_ERROR,
			    "metrics: '%s' is not ADDRESS:PORT or [IPV6]:PORT", listen);
		return NULL;
	}
	http = calloc(1, sizeof(*http));
	if (http == NULL) {
		fb_errs_add(errs, place, FB_SEV_ERROR, "metrics: out of memory");
		return NULL;
	}
	http->source = *source;
	http->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME |
			(addr.ss_family == AF_INET6 ? MHD_USE_IPv6 : 0), 0, NULL, NULL,
		handle, http, MHD_OPTION_EXTERNAL_LOGGER, discard_log, NULL,
		MHD_OPTION_NOTIFY_COMPLETED, completed, http, MHD_OPTION_SOCK_ADDR, &addr, MHD_OPTION_CONNECTION_LIMIT, (unsigned int)MAX_CONNECTIONS,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)TIMEOUT_S, MHD_OPTION_END);
	if (http->daemon == NULL) {
		fb_errs_add(errs, place, FB_SEV_ERROR, "metrics: cannot listen on %s: %s", listen,
			    strerror(errno));
		free(http);
		return NULL;
	}
	return http;
}

void fb_http_close(struct fb_http *http)
{
	if (http == NULL)
		return;
	/* The library does not end what is suspended. */
	for (struct scrape *s = http->scrapes; s != NULL; s = s->next) {
		if (!s->done)
			MHD_resume_connection(s->connection);
	}
	MHD_stop_daemon(http->daemon);
	free(http);
}

int fb_http_fd(const struct fb_http *http)
{
	return MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

static bool is_full(const struct fb_http *http)
{
	return MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)
		       ->num_connections >= MAX_CONNECTIONS;
}

void fb_http_process(struct fb_http *http)
{
	bool was_full = is_full(http);

	http->resumed = false;
	(void)MHD_run(http->daemon);
	/* The library listens again in the run after the one that gave a place free, of which nothing tells. */
	if (was_full && !is_full(http))
		(void)MHD_run(http->daemon);
	render_pieces(http);
}

int64_t fb_http_timeout_ms(const struct fb_http *http)
{
	MHD_UNSIGNED_LONG_LONG timeout_ms;

	if (http->resumed || is_rendering(http))
		return 0;
	if (MHD_get_timeout(http->daemon, &timeout_ms) != MHD_YES)
		return -1;
	return (int64_t)timeout_ms;
}

uint16_t fb_http_port(const struct fb_http *http)
{
	return MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}
