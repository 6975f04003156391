/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "pool/work.h"

void fb_pool_complain(struct fb_pool_work *w, const char *fmt, ...)
{
	size_t len = strlen(w->trouble);
	va_list args;

	if (len > 0)
		len += (size_t)snprintf(w->trouble + len, sizeof(w->trouble) - len, "; ");
	if (len >= sizeof(w->trouble))
		return;
	va_start(args, fmt);
	(void)vsnprintf(w->trouble + len, sizeof(w->trouble) - len, fmt, args);
	va_end(args);
}

/* A record that was only loaded, whose Service may never come, gives way. */
static void take_away(struct fb_pool *pool, struct fb_pool_record *from, const struct fb_addr *addr,
		      uint16_t node_port)
{
	for (int f = 0; f < FB_FAMILY_COUNT && addr != NULL; f++) {
		if (fb_addr_equal(&from->cluster[f], addr))
			from->cluster[f] = (struct fb_addr){{0}};
		if (fb_addr_equal(&from->balancer[f], addr))
			from->balancer[f] = (struct fb_addr){{0}};
	}
	for (uint32_t i = 0; i < from->n_ports && node_port != 0; i++) {
		if (from->ports[i].node_port == node_port)
			from->ports[i--] = from->ports[--from->n_ports];
	}
	if (node_port != 0 && from->health_port == node_port)
		from->health_port = 0;
	fb_pool_use_drop(pool, from, addr, node_port);
}

/* To whom else it was allotted; NULL: nobody. */
const struct fb_pool_record *fb_pool_holder(struct fb_pool_work *w, const struct fb_addr *addr,
					    uint16_t node_port)
{
	struct fb_pool_use *use = NULL;
	bool again;

	do {
		again = false;
		while ((use = fb_pool_use_next(w->pool, addr, node_port, use)) != NULL) {
			if (use->record == w->record || use->written)
				continue;
			if (use->record->object != NULL)
				return use->record;
			take_away(w->pool, use->record, addr, node_port);
			again = true;
			use = NULL;
			break;
		}
	} while (again);
	return NULL;
}

/* @return 1: it is ours; 0: refused; -ENOMEM */
int fb_pool_claim(struct fb_pool_work *w, const char *what, const struct fb_addr *addr,
		  uint16_t node_port)
{
	const struct fb_pool_record *other = fb_pool_holder(w, addr, node_port);
	char text[FB_ADDR_STRLEN];

	if (other == NULL)
		return fb_pool_use_add(w->pool, w->record, addr, node_port, true) == 0 ? 1
										       : -ENOMEM;
	if (addr != NULL)
		fb_pool_complain(w, "%s %s was allotted to %s/%s", what, fb_addr_format(addr, text),
				 other->namespace_, other->name);
	else
		fb_pool_complain(w, "%s %u was allotted to %s/%s", what, node_port,
				 other->namespace_, other->name);
	w->changed = true;
	return 0;
}

void fb_pool_give_back(struct fb_pool_work *w, struct fb_addr *had)
{
	fb_pool_use_drop(w->pool, w->record, had, 0);
	*had = (struct fb_addr){{0}};
}
