/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_CONTROL_CLIENT_H
#define FB_CONTROL_CLIENT_H

/*
 * One client of the control socket: what has come of it and what goes to it. Between server.c, which lets
 * in, reads and turns out, and reply.c, which answers; not for anybody else.
 *
 * Thread: control.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/server.h"
#include "control/state.h"

struct fb_reply {
	struct fb_server *server;
	struct fb_client *client; /* NULL: gone */
	char *items;              /* as far as they have been added */
	size_t len;
	size_t cap;
	bool failed;  /* for lack of memory */
	bool refused; /* of what all answers together may take */
};

struct fb_client {
	struct fb_client *next;
	struct fb_server *server;
	struct fb_watch watch;
	char *in;
	size_t in_off; /* before it are requests that have been taken up */
	size_t in_len; /* from there */
	size_t in_cap;
	size_t scanned; /* no newline before this, from in_off */
	char *out;
	size_t out_len;
	size_t out_off;
	size_t out_cap;         /* as counted in the server's out_bytes */
	struct fb_reply *reply; /* a request is being worked on */
	uint64_t since_ms;      /* of the half request, or of the last progress in writing */
	uint32_t events;
	bool more;   /* a whole request waits for this client's next turn */
	bool served; /* has asked something that could be answered */
	bool last;   /* close when the answer is out */
	bool dead;
};

struct fb_server {
	struct fb_control *control;
	struct fb_watch watch;
	char *path;
	struct fb_client *clients;
	uint32_t n_clients; /* the dead ones, which the sweep frees, left out */
	size_t in_bytes;
	size_t out_bytes;
	bool deaf; /* nobody can be accepted until the next tick */
};

/** The end of it; fb_server_sweep() frees it. */
void fb_client_kill(struct fb_client *cl);

/** What is wanted to know of its descriptor: level-triggered, so nothing else may be asked for. */
void fb_client_watch(struct fb_client *cl, uint32_t events);

/** Send as much as it takes. */
void fb_client_flush(struct fb_client *cl);
void fb_client_drop_output(struct fb_client *cl);

/** @return where the answer goes to; NULL: no memory, and the client is dead */
struct fb_reply *fb_reply_new(struct fb_client *cl);

#endif
