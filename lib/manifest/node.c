/* SPDX-License-Identifier: BSD-3-Clause */

/* kind: Node (v1), as far as a load balancer in front of the nodes asks about it. */

#include <string.h>

#include "manifest/kinds.h"

/* The first of the type in each family that is not there yet. */
static void read_addresses(const struct field *status, const char *type, struct fb_model_node *node)
{
	struct field list = field_get(status, "addresses");
	uint32_t n = field_list(&list);

	for (uint32_t i = 0; i < n && node->n_addrs < 2; i++) {
		struct field item = field_at(&list, i);
		struct field of_type = field_get(&item, "type");
		struct field f = field_get(&item, "address");
		struct fb_addr addr;

		if (!field_says(&of_type, type) || !field_addr(&f, &addr))
			continue;
		if (node->n_addrs == 1 && fb_addr_family(&addr) == fb_addr_family(&node->addrs[0]))
			continue;
		node->addrs[node->n_addrs++] = addr;
	}
}

static bool has_taint(const struct field *spec, const char *taint)
{
	struct field list = field_get(spec, "taints");
	uint32_t n = field_list(&list);
	bool has = false;

	for (uint32_t i = 0; i < n; i++) {
		struct field item = field_at(&list, i);
		struct field key = field_get(&item, "key");

		has |= field_says(&key, taint);
	}
	return has;
}

void kind_read_node(const struct field *root)
{
	struct fb_model_node *node = &root->reader->object->node;
	struct field spec = field_get(root, "spec");
	struct field status = field_get(root, "status");

	kind_read_meta(root, NAME_SUBDOMAIN);
	root->reader->object->meta.namespace_ = "";
	node->ready = field_is_ready(&status);
	node->leaving = has_taint(&spec, FB_TAINT_LEAVING);
	read_addresses(&status, "InternalIP", node);
	read_addresses(&status, "ExternalIP", node);
}
