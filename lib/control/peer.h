/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_CONTROL_PEER_H
#define FB_CONTROL_PEER_H

/*
 * The other box: established flows of this one are told to it, and its flows are kept here, so that
 * connections go on when one of the two is lost and its addresses move to the other (sync/message.h).
 *
 * Rounds: every so often all flows are walked, a piece at a time, and those that are worth it are sent, as
 * fast as the bandwidth allows. Nothing is acknowledged: what is lost comes again in the next round, and a box
 * that starts anew has everything after one. While the peer is silent only greetings are sent.
 *
 * What is received is handed to the workers that its packets will come to, which insert it. It is told to
 * nobody in turn until a packet of it was seen here.
 *
 * Thread: control.
 */

#include <jansson.h>

#include "base/err.h"
#include "metrics/metrics.h"

struct fb_control;
struct fb_peer;

/**
 * Without `sync` in the config there is none: 0 and *ret is NULL.
 *
 * @return 0, or -errno with *ret NULL and the sentence in errs
 */
int fb_peer_open(struct fb_control *c, struct fb_peer **ret, struct fb_errs *errs);
void fb_peer_close(struct fb_peer *peer); /* workers have stopped; takes NULL */

/** Whatever is due; to be called in each pass of the loop. Takes NULL. */
void fb_peer_poll(struct fb_peer *peer);

/** For `get status`; JSON's null where there is no peer. */
json_t *fb_peer_json(const struct fb_peer *peer);

/** NULL where there is no peer. */
const struct fb_metrics_sync *fb_peer_metrics(const struct fb_peer *peer);

#endif
