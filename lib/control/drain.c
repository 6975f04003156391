/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/drain.h"

#include <inttypes.h>
#include <stdlib.h>

#include "control/answer.h"
#include "control/command.h"

#define DEADLINE_S      300
#define MOST_DEADLINE_S (30 * 86400)

/* A client that waits for the end. */
struct drain_job {
	struct fb_job job;
	struct fb_reply *reply;
};

uint64_t fb_drain_open(const struct fb_control *c)
{
	return fb_datapath_open_flows(c->p.datapath);
}

static void set(struct fb_control *c, bool draining)
{
	c->draining = draining;
	c->drain_over = false;
	fb_datapath_drain(c->p.datapath, draining);
	fb_health_drain(c->health, draining);
}

void fb_drain_tick(struct fb_control *c)
{
	uint64_t open;

	if (!c->draining)
		return;
	/* Who waited has had a second to read that it is over. */
	if (c->drain_over) {
		fb_control_stop(c);
		return;
	}
	open = fb_drain_open(c);
	if (open > 0 && c->now_ms < c->drain_until_ms)
		return;
	c->drain_over = true;
	fb_control_log(c, FB_LOG_NOTICE,
		       open == 0 ? "drained: no flow is open, leaving"
				 : "drained: time is over, leaving with %" PRIu64 " open flows",
		       open);
}

static bool poll_drain(struct fb_control *c, struct fb_job *base)
{
	struct drain_job *job = (struct drain_job *)base;

	if (c->draining && !c->drain_over && !fb_reply_is_dead(job->reply))
		return false;
	if (c->draining)
		fb_reply_send(job->reply, json_pack("{s:b,s:I}", "ok", 1, "flows",
						    (json_int_t)fb_drain_open(c)));
	else
		fb_reply_error(job->reply, "draining was cancelled");
	free(job);
	return true;
}

static void cancel_drain(struct fb_job *base)
{
	struct drain_job *job = (struct drain_job *)base;

	fb_reply_error(job->reply, "forebay is stopping");
	free(job);
}

static void wait_for_end(struct fb_control *c, struct fb_reply *reply)
{
	struct drain_job *job = calloc(1, sizeof(*job));

	if (job == NULL) {
		fb_reply_send(reply, NULL);
		return;
	}
	job->job.poll = poll_drain;
	job->job.cancel = cancel_drain;
	job->reply = reply;
	fb_control_add_job(c, &job->job);
}

void fb_command_drain(struct fb_control *c, const json_t *request, struct fb_reply *reply)
{
	const json_t *deadline = json_object_get(request, "deadline_s");
	json_int_t deadline_s = deadline != NULL ? json_integer_value(deadline) : DEADLINE_S;

	if (json_is_true(json_object_get(request, "cancel"))) {
		if (c->draining)
			fb_control_log(c, FB_LOG_NOTICE, "draining is cancelled: new flows again");
		set(c, false);
	} else if (deadline_s < 1 || deadline_s > MOST_DEADLINE_S ||
		   (deadline != NULL && !json_is_integer(deadline))) {
		fb_reply_error(reply, "\"deadline_s\" is a number from 1 to %d", MOST_DEADLINE_S);
		return;
	} else {
		set(c, true);
		c->drain_until_ms = c->now_ms + (uint64_t)deadline_s * 1000;
		fb_control_log(c, FB_LOG_NOTICE,
			       "draining: no new flows; %" PRIu64 " open ones have %lld s",
			       fb_drain_open(c), (long long)deadline_s);
	}
	if (c->draining && json_is_true(json_object_get(request, "wait")))
		wait_for_end(c, reply);
	else
		fb_reply_send(reply, json_pack("{s:b,s:I}", "ok", 1, "flows",
					       (json_int_t)fb_drain_open(c)));
}
