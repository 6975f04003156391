/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/announce.h"

#include <stdlib.h>

#include "control/state.h"
#include "net/answer.h"

#define TIMES       2    /* RFC 5227 1.1: ANNOUNCE_NUM */
#define INTERVAL_MS 2000 /* RFC 5227 1.1: ANNOUNCE_INTERVAL */
/* Per pass of the loop; a pass may be 100 us, so the rings' size bounds it in the end. */
#define SEND_MAX 64

void fb_announce_add(struct fb_control *c, const struct fb_addr *addr)
{
	if (c->n_announcements == c->announcements_cap) {
		uint32_t cap = c->announcements_cap != 0 ? c->announcements_cap * 2 : 64;
		struct fb_announcement *v = reallocarray(c->announcements, cap, sizeof(*v));

		if (v == NULL)
			return;
		c->announcements = v;
		c->announcements_cap = cap;
	}
	c->announcements[c->n_announcements++] = (struct fb_announcement){
		.addr = *addr,
		.due_ms = c->now_ms,
		.left = TIMES,
	};
}

static int compare_addrs(const void *a, const void *b)
{
	return memcmp(((const struct fb_announcement *)a)->addr.bytes,
		      ((const struct fb_announcement *)b)->addr.bytes, sizeof(struct fb_addr));
}

void fb_announce_all(struct fb_control *c)
{
	const struct fb_snapshot *snap = fb_control_snapshot(c);
	uint32_t kept = 0;

	c->n_announcements = 0;
	for (uint32_t s = 0; snap != NULL && s < snap->n_services; s++) {
		const struct fb_service *svc = snap->services[s];

		for (uint32_t f = 0; svc != NULL && f < svc->n_frontends; f++) {
			if (fb_table_address(snap, &svc->frontends[f].addr) & FB_ADDR_ANNOUNCE)
				fb_announce_add(c, &svc->frontends[f].addr);
		}
	}
	/* One address has as many frontends as ports. */
	if (c->n_announcements > 1)
		qsort(c->announcements, c->n_announcements, sizeof(*c->announcements),
		      compare_addrs);
	for (uint32_t i = 0; i < c->n_announcements; i++) {
		if (kept == 0 || compare_addrs(&c->announcements[kept - 1], &c->announcements[i]))
			c->announcements[kept++] = c->announcements[i];
	}
	c->n_announcements = kept;
}

/* @return false when a ring is full: then it is tried again in the next pass */
static bool send_one(struct fb_control *c, const struct fb_addr *addr)
{
	uint8_t frame[FB_ANSWER_MAX];

	for (uint16_t i = 0; i < fb_datapath_n_ports(c->p.datapath); i++) {
		const struct fb_port *port = fb_datapath_port(c->p.datapath, i);
		uint32_t len;

		if (!port->announce)
			continue;
		len = fb_answer_announce(addr, port->mac, frame, sizeof(frame));
		if (len > 0 && fb_datapath_transmit(c->p.datapath, i, frame, len) != 0)
			return false;
	}
	return true;
}

void fb_announce_send(struct fb_control *c)
{
	const struct fb_snapshot *snap = fb_control_snapshot(c);
	uint32_t sent = 0;
	uint32_t i = 0;

	if (!c->running || snap == NULL)
		return;
	while (i < c->n_announcements && sent < SEND_MAX) {
		struct fb_announcement *a = &c->announcements[i];

		if (a->due_ms > c->now_ms) {
			i++;
			continue;
		}
		/* It may have left again since it was queued. */
		if (fb_table_address(snap, &a->addr) & FB_ADDR_ANNOUNCE) {
			if (!send_one(c, &a->addr))
				return;
			sent++;
			a->left--;
			a->due_ms = c->now_ms + INTERVAL_MS;
		} else {
			a->left = 0;
		}
		if (a->left == 0)
			*a = c->announcements[--c->n_announcements];
		else
			i++;
	}
}
