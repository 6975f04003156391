/* SPDX-License-Identifier: BSD-3-Clause */

#include "desired/weights.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct desired_pod_weight {
	struct fb_addr addr;
	uint32_t weight;
};

static int compare_said(const void *a, const void *b)
{
	const struct desired_pod_weight *x = a;
	const struct desired_pod_weight *y = b;
	int order = memcmp(x->addr.bytes, y->addr.bytes, sizeof(x->addr.bytes));

	/* Two Pods of one address (one is going away): the order of the text does not matter. */
	return order != 0 ? order : (int)x->weight - (int)y->weight;
}

static uint32_t collect(const struct desired_query *query, struct desired_pod_weight *v)
{
	struct fb_store_pods walk = {0};
	const struct fb_object *object;
	uint32_t n = 0;

	while ((object = fb_store_pod_next(query->store, query->view->service, &walk)) != NULL) {
		const struct fb_pod *pod = &object->pod;

		for (uint32_t i = 0; i < pod->n_addrs && pod->has_weight && !pod->finished; i++) {
			if (v != NULL)
				v[n] = (struct desired_pod_weight){pod->addrs[i], pod->weight};
			n++;
		}
	}
	return n;
}

/* The first of them at or after an address. */
static const struct desired_pod_weight *find_said(const struct desired_said *said,
						  const struct fb_addr *addr)
{
	uint32_t from = 0;
	uint32_t to = said->n;

	while (from < to) {
		uint32_t mid = from + (to - from) / 2;

		if (memcmp(said->v[mid].addr.bytes, addr->bytes, sizeof(addr->bytes)) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return from < said->n && fb_addr_equal(&said->v[from].addr, addr) ? &said->v[from] : NULL;
}

static int compare_weight(const void *key, const void *element)
{
	const struct fb_endpoint_weight *a = key;
	const struct fb_endpoint_weight *b = element;
	int order = strcmp(a->node_name, b->node_name);

	return order != 0 ? order : memcmp(a->addr.bytes, b->addr.bytes, sizeof(a->addr.bytes));
}

static const struct fb_endpoint_weight *find_weight(const struct fb_model_service *service,
						    const struct fb_endpoint_weight *key)
{
	if (service->n_weights == 0)
		return NULL;
	return bsearch(key, service->weights, service->n_weights, sizeof(*service->weights),
		       compare_weight);
}

int desired_ask_pods(struct fb_arena *arena, const struct desired_query *query,
		     struct desired_said *ret)
{
	const uint32_t n = collect(query, NULL);
	struct desired_pod_weight *v = NULL;

	if (n > 0) {
		v = fb_arena_alloc(arena, n, sizeof(*v));
		if (v == NULL)
			return -ENOMEM;
		(void)collect(query, v);
		qsort(v, n, sizeof(*v), compare_said);
	}
	*ret = (struct desired_said){v, n};
	return 0;
}

void desired_weigh(const struct desired_query *query, const struct desired_said *said,
		   struct desired_candidate *v, uint32_t n)
{
	const struct fb_model_service *service = &query->view->service->service;

	for (uint32_t i = 0; i < n && service->n_weights + said->n > 0; i++) {
		const struct fb_endpoint_weight by_addr = {.addr = v[i].addr, .node_name = ""};
		const struct fb_endpoint_weight by_node = {.node_name = v[i].node_name};
		const struct fb_endpoint_weight *wish = find_weight(service, &by_addr);
		const struct desired_pod_weight *pod = find_said(said, &v[i].addr);

		if (wish == NULL && v[i].node_name[0] != '\0')
			wish = find_weight(service, &by_node);
		if (wish != NULL)
			v[i].weight = wish->weight;
		else if (pod != NULL)
			v[i].weight = pod->weight;
	}
}
