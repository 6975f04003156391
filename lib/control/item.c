/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/item.h"

#include "control/answer.h"
#include "manifest/json.h"

void fb_item_append_addr(json_t *list, const struct fb_addr *addr)
{
	char text[FB_ADDR_STRLEN];

	(void)json_array_append_new(list, json_string(fb_addr_format(addr, text)));
}

json_t *fb_item_labels(const struct fb_labels *labels)
{
	json_t *o = json_object();

	for (uint32_t i = 0; i < labels->n; i++)
		(void)json_object_set_new(o, labels->v[i].key, fb_json_text(labels->v[i].value));
	return o;
}

void fb_item_set_object(const struct fb_items *items, const struct fb_object *object, json_t *o)
{
	if (items != NULL && items->with_object)
		(void)json_object_set_new(o, "object", fb_manifest_json(object));
}

struct fb_service_counters fb_item_service_counters(const struct fb_items_source *s, uint32_t id)
{
	struct fb_service_counters v = {0};

	if (s->service_counters != NULL)
		s->service_counters(s->arg, id, &v);
	return v;
}

struct fb_endpoint_counters fb_item_endpoint_counters(const struct fb_items_source *s, uint32_t id)
{
	struct fb_endpoint_counters v = {0};

	if (s->endpoint_counters != NULL)
		s->endpoint_counters(s->arg, id, &v);
	return v;
}

uint8_t fb_item_endpoint_state(const struct fb_items_source *s, const struct fb_endpoint *ep)
{
	return s->snap != NULL && ep->id < s->snap->n_endpoints ? fb_table_info(s->snap, ep->id)->state
								: (uint8_t)FB_EP_ABSENT;
}
