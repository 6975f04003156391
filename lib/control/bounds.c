/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/bounds.h"

/* What is so now that it is full; by bound. */
static const char *const full_means[FB_BOUND_COUNT] = {
	[FB_BOUND_FLOWS + FB_IPV4] = "new flows take the place of half-open ones, or are dropped",
	[FB_BOUND_FLOWS + FB_IPV6] = "new flows take the place of half-open ones, or are dropped",
	[FB_BOUND_CONNECTIONS + FB_IPV4] = "the oldest half-open connections make room",
	[FB_BOUND_CONNECTIONS + FB_IPV6] = "the oldest half-open connections make room",
	[FB_BOUND_UDP + FB_IPV4] = "the oldest UDP flows without an answer make room",
	[FB_BOUND_UDP + FB_IPV6] = "the oldest UDP flows without an answer make room",
	[FB_BOUND_SNAT_PORTS] = "new flows are dropped; give nat.snat-addresses more",
	[FB_BOUND_HANDOVER] = "packets for other workers are dropped, new connections' first",
};

static void say(const struct fb_control *c, uint32_t worker, uint32_t bound, uint8_t level)
{
	if (level == FB_LEVEL_NORMAL)
		fb_control_log(c, FB_LOG_NOTICE, "worker %u: %s: normal again", worker,
			       fb_bound_name(bound));
	else if (level == FB_LEVEL_PRESSURE)
		fb_control_log(c, FB_LOG_WARNING, "worker %u: %s: under pressure", worker,
			       fb_bound_name(bound));
	else
		fb_control_log(c, FB_LOG_WARNING, "worker %u: %s: full: %s", worker,
			       fb_bound_name(bound), full_means[bound]);
}

/* Buffers are all workers' and ports'; without one a device drops what arrives, or no answer is built. */
static void tick_buffers(struct fb_control *c)
{
	uint32_t size;
	uint32_t used = fb_datapath_buffers(c->p.datapath, &size);

	if (!fb_level_step(&c->buffers, used, size, c->p.config->pressure, (uint32_t)c->now_ms))
		return;
	fb_control_log(c, c->buffers.level == FB_LEVEL_NORMAL ? FB_LOG_NOTICE : FB_LOG_WARNING,
		       "packet buffers: %s: %u of %u in use%s", fb_level_name(c->buffers.level),
		       used, size,
		       c->buffers.level == FB_LEVEL_FULL
			       ? "; devices drop what arrives; raise memory.mbufs"
			       : "");
}

void fb_bounds_tick(struct fb_control *c)
{
	for (uint16_t w = 0; w < fb_datapath_n_workers(c->p.datapath); w++) {
		struct fb_worker_counters v;

		fb_datapath_worker_counters(c->p.datapath, w, &v);
		for (uint32_t b = 0; b < FB_BOUND_COUNT; b++) {
			if (v.levels[b] == c->levels[w][b])
				continue;
			c->levels[w][b] = (uint8_t)v.levels[b];
			say(c, w, b, c->levels[w][b]);
		}
	}
	tick_buffers(c);
}

json_t *fb_bounds_json(const struct fb_worker_counters *v)
{
	json_t *list = json_array();

	for (uint32_t b = 0; b < FB_BOUND_COUNT; b++) {
		if (v->levels[b] != FB_LEVEL_NORMAL)
			(void)json_array_append_new(list,
						    json_sprintf("%s %s", fb_bound_name(b),
								 fb_level_name(v->levels[b])));
	}
	return list;
}
