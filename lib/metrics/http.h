/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_METRICS_HTTP_H
#define FB_METRICS_HTTP_H

/*
 * GET /metrics and GET /healthz over HTTP (libmicrohttpd), inside the caller's event loop: no thread
 * of its own. Everything else is 404 or 405. Connections are few and time out.
 *
 * Thread: control.
 */

#include <stdint.h>

#include "base/err.h"
#include "metrics/text.h"

struct fb_http;

/*
 * Where the metrics come from. They are many, and the caller's loop has other things to do: a text is
 * made in pieces, one with each fb_http_process(), and sent when it is whole.
 */
struct fb_http_source {
	/* Append a piece. *state is NULL the first time, and the source's own. @return whether there is more */
	bool (*render)(void *arg, void **state, struct fb_text *text);
	/* The text is whole, or nobody wants it any more. state may be NULL. */
	void (*end)(void *arg, void *state);
	void *arg;
};

/**
 * @param listen  "127.0.0.1:9464", "[::1]:9464"
 * @param source  copied
 * @return NULL with a line in errs
 */
struct fb_http *fb_http_open(const char *listen, const struct fb_http_source *source,
			     struct fb_errs *errs);
void fb_http_close(struct fb_http *http);

/** Descriptor to poll for reading. */
int fb_http_fd(const struct fb_http *http);

/** Do what there is to do; after the descriptor was readable, and when fb_http_timeout_ms() is over. */
void fb_http_process(struct fb_http *http);

/** Milliseconds after which fb_http_process() is due anyway; -1: none. */
int64_t fb_http_timeout_ms(const struct fb_http *http);

/** The port that was bound (for "127.0.0.1:0"). */
uint16_t fb_http_port(const struct fb_http *http);

#endif
