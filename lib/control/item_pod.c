/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/item.h"

#include "control/answer.h"

bool fb_item_append_pod(struct fb_items *items, const struct fb_items_source *s,
			const struct fb_object *object, json_t *list)
{
	const struct fb_pod *pod = &object->pod;
	json_t *addresses = json_array();
	json_t *o;

	(void)s;
	for (uint8_t i = 0; i < pod->n_addrs; i++)
		fb_item_append_addr(addresses, &pod->addrs[i]);
	o = json_pack("{s:s,s:s,s:b,s:b,s:o,s:o}", "namespace", object->meta.namespace_, "name",
		      object->meta.name, "ready", (int)pod->ready, "terminating",
		      (int)pod->terminating, "addresses", addresses, "labels",
		      fb_item_labels(&object->meta.labels));
	(void)json_object_set_new(o, "phase", fb_json_text(pod->phase));
	(void)json_object_set_new(o, "node", fb_json_text(pod->node_name));
	(void)json_object_set_new(o, "created", fb_json_text(object->meta.creation));
	fb_item_set_object(items, object, o);
	(void)json_array_append_new(list, o);
	return false;
}
