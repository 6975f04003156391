/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/item.h"

#include "control/answer.h"

bool fb_item_append_node(struct fb_items *items, const struct fb_items_source *s,
			 const struct fb_object *object, json_t *list)
{
	const char *zone = fb_labels_get(&object->meta.labels, FB_LABEL_ZONE);
	json_t *o = json_pack("{s:s,s:o}", "name", object->meta.name, "labels",
			      fb_item_labels(&object->meta.labels));

	(void)s;
	(void)json_object_set_new(o, "zone", fb_json_text(zone != NULL ? zone : ""));
	(void)json_object_set_new(o, "created", fb_json_text(object->meta.creation));
	fb_item_set_object(items, object, o);
	(void)json_array_append_new(list, o);
	return false;
}
