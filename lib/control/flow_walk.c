/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/flow_walk.h"

#include <errno.h>
#include <stdlib.h>

#include "control/state.h"

int fb_flow_walk_init(struct fb_flow_walk *walk,
		      bool (*row)(void *arg, struct fb_control *c, const struct fb_flow_row *row),
		      void *arg)
{
	*walk = (struct fb_flow_walk){.row = row, .arg = arg};
	walk->rows = calloc(FB_FLOW_WALK_ROWS, sizeof(*walk->rows));
	return walk->rows != NULL ? 0 : -ENOMEM;
}

void fb_flow_walk_fini(struct fb_flow_walk *walk)
{
	free(walk->rows);
	walk->rows = NULL;
}

void fb_flow_walk_stop(struct fb_flow_walk *walk)
{
	walk->stop = true;
}

bool fb_flow_walk_is_stuck(const struct fb_flow_walk *walk, const struct fb_control *c)
{
	return walk->since_ms != 0 && c->now_ms - walk->since_ms > FB_WORKER_PATIENCE_MS;
}

static void ask(struct fb_flow_walk *walk, struct fb_control *c, enum fb_family family,
		uint32_t cursor)
{
	walk->request = (struct fb_request){
		.kind = FB_REQUEST_LIST,
		.family = family,
		.cursor = cursor,
		.rows = walk->rows,
		.rows_cap = FB_FLOW_WALK_ROWS,
	};
	/* A full ring empties within a burst: asked again in the next pass. */
	walk->asked = fb_datapath_request(c->p.datapath, walk->worker, &walk->request) == 0;
}

/* One piece is in. @return whether there is another place to ask at */
static bool next_place(struct fb_flow_walk *walk, enum fb_family *family, uint32_t *cursor,
		       uint16_t n_workers)
{
	*family = walk->request.family;
	*cursor = walk->request.next_cursor;
	if (*cursor != 0)
		return true;
	if (*family == FB_IPV4) {
		*family = FB_IPV6;
		return true;
	}
	*family = FB_IPV4;
	return ++walk->worker < n_workers;
}

bool fb_flow_walk_poll(struct fb_flow_walk *walk, struct fb_control *c)
{
	uint16_t n_workers = fb_datapath_n_workers(c->p.datapath);
	enum fb_family family;
	uint32_t cursor;

	if (walk->since_ms == 0)
		walk->since_ms = c->now_ms;
	if (!walk->asked) {
		if (walk->stop)
			return true;
		ask(walk, c, walk->request.family, walk->request.cursor);
		return false;
	}
	if (!fb_request_done(&walk->request))
		return false;
	walk->asked = false;
	walk->since_ms = c->now_ms;
	for (uint32_t i = 0; i < walk->request.n_rows && !walk->stop; i++)
		walk->stop = !walk->row(walk->arg, c, &walk->rows[i]);
	if (walk->stop || !next_place(walk, &family, &cursor, n_workers))
		return true;
	ask(walk, c, family, cursor);
	return false;
}
