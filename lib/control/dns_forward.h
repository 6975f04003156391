/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_CONTROL_DNS_FORWARD_H
#define FB_CONTROL_DNS_FORWARD_H

/*
 * Asking resolvers: c-ares does it (retries, the next resolver, TCP for what is truncated), its sockets are
 * the control loop's. What is asked goes out as it came in, under an id of its own, from ports that the
 * kernel draws; an answer counts if it comes from that resolver, has that id and that question.
 *
 * Bounded: at most FB_FORWARD_MAX questions wait, each for a few seconds.
 *
 * Thread: control.
 */

#include "control/state.h"

/* A question costs some hundred bytes here and up to two sockets' share; a thousand open ones are either a
 * burst, or resolvers that are gone. */
#define FB_FORWARD_MAX 1024

struct fb_forward;

/** @return NULL with errno */
struct fb_forward *fb_forward_open(struct fb_control *c);
void fb_forward_close(
	struct fb_forward *f); /* what waits is told that there is no answer; takes NULL */

/* answer is borrowed; len 0: there is none. The id in it is not the question's. */
typedef void fb_forward_done_fn(void *arg, const uint8_t *answer, uint32_t len);

/**
 * Ask. done is called once, from here or later from the loop.
 *
 * @param query  as it stands on the wire; copied
 * @return 0; -EBUSY: too many wait (done is not called)
 */
int fb_forward_ask(struct fb_forward *f, const uint8_t *query, uint32_t len,
		   fb_forward_done_fn *done, void *arg);

/** Retries and timeouts; to be called some times a second. */
void fb_forward_tick(struct fb_forward *f);

#endif
