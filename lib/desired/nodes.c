/* SPDX-License-Identifier: BSD-3-Clause */

#include "desired/nodes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "desired/candidates.h"
#include "desired/weights.h"

/* What the endpoints on one node are together. */
struct behind {
	const char *node_name;
	enum desired_standing standing; /* the best of them */
	uint32_t weight;
};

/* "false" keeps a node, as every spelling that Go's ParseBool takes for it does. */
static bool is_excluded(const struct fb_object *node)
{
	static const char *const no[] = {"0", "f", "F", "false", "False", "FALSE"};
	const char *value = fb_labels_get(&node->meta.labels, FB_LABEL_EXCLUDE_NODE);

	for (size_t i = 0; value != NULL && i < sizeof(no) / sizeof(no[0]); i++) {
		if (strcmp(no[i], value) == 0)
			return false;
	}
	return value != NULL;
}

static int compare_names(const void *left, const void *right)
{
	const struct desired_candidate *a = *(const struct desired_candidate *const *)left;
	const struct desired_candidate *b = *(const struct desired_candidate *const *)right;

	return strcmp(a->node_name, b->node_name);
}

/* Ready endpoints count if there are any, else those that terminate and still serve. */
static int use_of(enum desired_standing standing)
{
	if (desired_is_ready(standing))
		return 2;
	return standing == TERMINATING_SERVING ? 1 : 0;
}

static void add_behind(struct behind *to, const struct desired_candidate *c)
{
	int use = use_of((enum desired_standing)c->standing);

	if (use > use_of(to->standing))
		*to = (struct behind){to->node_name, (enum desired_standing)c->standing, 0};
	if (use == use_of(to->standing))
		to->weight += c->weight;
}

/* By name of the node; endpoints that are on none are left out. */
static int sum_up(struct fb_arena *arena, const struct desired_candidates *from,
		  struct behind **ret, uint32_t *ret_n)
{
	const struct desired_candidate **sorted = fb_arena_alloc(arena, from->n, sizeof(*sorted));
	struct behind *v = fb_arena_alloc(arena, from->n, sizeof(*v));
	uint32_t n = 0;

	if (sorted == NULL || v == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < from->n; i++)
		sorted[i] = &from->v[i];
	if (from->n > 0)
		qsort(sorted, from->n, sizeof(const struct desired_candidate *), compare_names);
	for (uint32_t i = 0; i < from->n; i++) {
		const struct desired_candidate *c = sorted[i];

		if (c->node_name[0] == '\0' || c->standing == NOT_READY ||
		    c->standing == TERMINATING)
			continue;
		if (n == 0 || strcmp(v[n - 1].node_name, c->node_name) != 0)
			v[n++] = (struct behind){.node_name = c->node_name,
						 .standing = c->standing,
						 .weight = 0};
		add_behind(&v[n - 1], c);
	}
	*ret = v;
	*ret_n = n;
	return 0;
}

static int compare_behind(const void *key, const void *behind)
{
	return strcmp(key, ((const struct behind *)behind)->node_name);
}

/* Slices that name no endpoint say that there is none; without slices, Endpoints and Pods nothing is
 * said. */
static bool is_known(const struct desired_query *query)
{
	return query->view->n_slices > 0 || query->view->endpoints != NULL ||
	       fb_store_n_objects(query->store, FB_KIND_POD) > 0;
}

static bool is_of_use(const struct desired_candidates *from)
{
	bool is = false;

	for (uint32_t i = 0; i < from->n; i++)
		is |= use_of((enum desired_standing)from->v[i].standing) > 0;
	return is;
}

struct nodes {
	const struct desired_query *query;
	const struct behind *behind;
	uint32_t n_behind;
	bool local;
	struct desired_candidate *v;
	uint32_t n;
};

static void add_node(struct nodes *nodes, const struct fb_object *node)
{
	const struct behind *behind = NULL;
	struct desired_candidate c = {
		.port = nodes->query->port->node_port,
		.standing = READY,
		.weight = FB_WEIGHT_DEFAULT,
		.node_name = node->meta.name,
	};

	if (!node->node.ready)
		return;
	if (nodes->local && nodes->n_behind > 0)
		behind = bsearch(node->meta.name, nodes->behind, nodes->n_behind,
				 sizeof(*nodes->behind), compare_behind);
	if (nodes->local && behind == NULL)
		return;
	if (behind != NULL) {
		c.standing = (uint8_t)behind->standing;
		c.weight = behind->weight;
	}
	/* It keeps its flows, and serves no more. */
	if (is_excluded(node) || node->node.leaving)
		c.standing = NOT_READY_SERVING;
	for (uint32_t i = 0; i < node->node.n_addrs; i++) {
		if (fb_addr_family(&node->node.addrs[i]) != nodes->query->family)
			continue;
		c.addr = node->node.addrs[i];
		nodes->v[nodes->n++] = c;
	}
}

int desired_to_nodes(struct fb_arena *arena, const struct desired_query *query,
		     const struct desired_candidates *from, struct desired_candidates *ret)
{
	const struct fb_object *service = query->view->service;
	bool known = is_known(query);
	size_t most = fb_store_n_objects(query->store, FB_KIND_NODE);
	struct nodes nodes = {
		.query = query,
		.local = known && service->service.external_policy == FB_TRAFFIC_LOCAL,
		.v = fb_arena_alloc(arena, most, sizeof(*nodes.v)),
	};
	struct fb_store_nodes walk = {0};
	const struct fb_object *node;
	struct desired_said said;
	struct behind *behind;
	int rc;

	if (nodes.v == NULL)
		return -ENOMEM;
	rc = sum_up(arena, from, &behind, &nodes.n_behind);
	if (rc != 0)
		return rc;
	nodes.behind = behind;
	while ((!known || is_of_use(from)) &&
	       (node = fb_store_node_next(query->store, &walk)) != NULL)
		add_node(&nodes, node);
	nodes.n = desired_sort(nodes.v, nodes.n);
	ret->v = nodes.v;
	ret->n = nodes.n;
	if (nodes.local)
		return 0;
	rc = desired_ask_pods(arena, query, &said);
	if (rc == 0)
		desired_weigh(query, &said, nodes.v, nodes.n);
	return rc;
}
