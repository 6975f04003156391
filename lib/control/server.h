/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_CONTROL_SERVER_H
#define FB_CONTROL_SERVER_H

/*
 * The control socket: clients, their buffers and their time-outs. What a request means is in command.h;
 * what goes over the wire is in protocol.md.
 *
 * A client cannot hold the loop up: everything is non-blocking, one request at a time is answered, its
 * answer is the only thing that is buffered for it, and after a turn's worth of requests the rest of the
 * loop comes first.
 *
 * Thread: control.
 */

#include <jansson.h>

#include "base/err.h"

struct fb_control;
struct fb_server;

#define FB_SERVER_MAX_CLIENTS   64
#define FB_SERVER_LINE_BYTES    (1u << 20)
#define FB_SERVER_LONG_BYTES    (64u << 20)
#define FB_SERVER_HALF_TIMEOUT_MS 30000
/* Answers of all clients together: a guess, some two million flows. */
#define FB_SERVER_OUT_BYTES (512u << 20)

/** Whether a line that begins like this may be up to FB_SERVER_LONG_BYTES long. */
int fb_server_may_be_long(const char *line, size_t len);

/**
 * Listen, on a socket of mode 0660 that is the group's: root's alone where it is "", and with a notice where
 * it is FB_CONFIG_GROUP and the system has none.
 *
 * @return NULL with an error in errs
 */
struct fb_server *fb_server_open(struct fb_control *c, const char *path, const char *group,
				 struct fb_errs *errs);
void fb_server_close(struct fb_server *server);

/** Once a second: time-outs. */
void fb_server_tick(struct fb_control *c);
/** After each pass: free clients that have gone. */
void fb_server_sweep(struct fb_control *c);

/* Where the answer to a request goes. Lives until fb_reply_send(), also when its client is gone. */
struct fb_reply;

/** Answer and free the reply. answer is taken over; NULL stands for "out of memory". */
void fb_reply_send(struct fb_reply *reply, json_t *answer);
/*
 * The same in pieces, for `{"ok": true, "items": [...]}`: any number of items, each as text from then
 * on, and then the end, which sends and frees the reply. fb_reply_send() instead of the end throws the
 * items away.
 */
void fb_reply_add_item(struct fb_reply *reply, const json_t *item);
void fb_reply_send_items(struct fb_reply *reply);

/** {"ok": false, "error": ...} */
void fb_reply_error(struct fb_reply *reply, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/** The client is gone: a long job may stop. */
int fb_reply_is_dead(const struct fb_reply *reply);

#endif
