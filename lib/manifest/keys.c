/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Keys that are no field but look like one that is read: slips, which would otherwise be defaults.
 *
 * Only what is near to a key of these tables is told. A cluster's own objects are full of fields that
 * forebay does not read (managedFields, most of a Pod), and new ones come with every Kubernetes; a key
 * that is not near to any is none of ours. So a table has the keys that are read, and of the others
 * those that somebody might take for them.
 */

#include <string.h>

#include "base/spelling.h"
#include "manifest/kinds.h"

struct key {
	const char *name;
	const struct key *below; /* of the value, or of each element of a list; NULL: anything */
};

static const struct key annotations[] = {
	{FB_ANNOTATION_MODE, NULL},
	{FB_ANNOTATION_TARGETS, NULL},
	{FB_ANNOTATION_WEIGHT, NULL},
	{FB_ANNOTATION_WEIGHTS, NULL},
	{FB_ANNOTATION_SELECTION, NULL},
	{FB_ANNOTATION_SLOW_START, NULL},
	{FB_ANNOTATION_DRAIN_DEADLINE, NULL},
	{FB_ANNOTATION_REMOVED_TCP, NULL},
	{FB_ANNOTATION_POOL, NULL},
	{FB_ANNOTATION_SHARING, NULL},
	{FB_ANNOTATION_ASKED, NULL},
	{FB_ANNOTATION_PORT_RANGES, NULL},
	{FB_ANNOTATION_NEW_FLOW_RATE, NULL},
	{FB_ANNOTATION_TCP_MSS, NULL},
	{FB_ANNOTATION_SYN_PROXY, NULL},
	{FB_ANNOTATION_SYN_PROXY_SCALE, NULL},
	{NULL, NULL},
};

static const struct key metadata[] = {
	{"name", NULL},
	{"namespace", NULL},
	{"creationTimestamp", NULL},
	{"deletionTimestamp", NULL},
	{"labels", NULL},
	{"annotations", annotations},
	{NULL, NULL},
};

static const struct key only_ip[] = {
	{"ip", NULL},
	{NULL, NULL},
};

static const struct key only_name[] = {
	{"name", NULL},
	{NULL, NULL},
};

static const struct key conditions[] = {
	{"type", NULL},
	{"status", NULL},
	{NULL, NULL},
};

/* ---- Service ---- */

static const struct key service_port[] = {
	{"name", NULL},
	{"port", NULL},
	{"protocol", NULL},
	{"targetPort", NULL},
	{"nodePort", NULL},
	{"appProtocol", NULL},
	{NULL, NULL},
};

static const struct key client_ip[] = {
	{"timeoutSeconds", NULL},
	{NULL, NULL},
};

static const struct key affinity_config[] = {
	{"clientIP", client_ip},
	{NULL, NULL},
};

static const struct key service_spec[] = {
	{"type", NULL},
	{"selector", NULL},
	{"ports", service_port},
	{"clusterIP", NULL},
	{"clusterIPs", NULL},
	{"ipFamilies", NULL},
	{"ipFamilyPolicy", NULL},
	{"externalIPs", NULL},
	{"externalName", NULL},
	{"loadBalancerIP", NULL},
	{"loadBalancerClass", NULL},
	{"loadBalancerSourceRanges", NULL},
	{"externalTrafficPolicy", NULL},
	{"internalTrafficPolicy", NULL},
	{"trafficDistribution", NULL},
	{"healthCheckNodePort", NULL},
	{"publishNotReadyAddresses", NULL},
	{"allocateLoadBalancerNodePorts", NULL},
	{"sessionAffinity", NULL},
	{"sessionAffinityConfig", affinity_config},
	{NULL, NULL},
};

static const struct key ingress[] = {
	{"ip", NULL},
	{"ipMode", NULL},
	{"hostname", NULL},
	{"ports", NULL},
	{NULL, NULL},
};

static const struct key load_balancer[] = {
	{"ingress", ingress},
	{NULL, NULL},
};

static const struct key service_status[] = {
	{"loadBalancer", load_balancer},
	{NULL, NULL},
};

static const struct key service[] = {
	{"apiVersion", NULL},
	{"kind", NULL},
	{"metadata", metadata},
	{"spec", service_spec},
	{"status", service_status},
	{NULL, NULL},
};

/* ---- EndpointSlice and Endpoints ---- */

static const struct key endpoint_port[] = {
	{"name", NULL},
	{"port", NULL},
	{"protocol", NULL},
	{"appProtocol", NULL},
	{NULL, NULL},
};

static const struct key endpoint_conditions[] = {
	{"ready", NULL},
	{"serving", NULL},
	{"terminating", NULL},
	{NULL, NULL},
};

static const struct key hints[] = {
	{"forZones", only_name},
	{"forNodes", only_name},
	{NULL, NULL},
};

static const struct key endpoint[] = {
	{"addresses", NULL},
	{"conditions", endpoint_conditions},
	{"hostname", NULL},
	{"nodeName", NULL},
	{"zone", NULL},
	{"hints", hints},
	{NULL, NULL},
};

static const struct key slice[] = {
	{"apiVersion", NULL},
	{"kind", NULL},
	{"metadata", metadata},
	{"addressType", NULL},
	{"endpoints", endpoint},
	{"ports", endpoint_port},
	{NULL, NULL},
};

static const struct key subset_address[] = {
	{"ip", NULL},
	{"hostname", NULL},
	{"nodeName", NULL},
	{NULL, NULL},
};

static const struct key subset[] = {
	{"addresses", subset_address},
	{"notReadyAddresses", subset_address},
	{"ports", endpoint_port},
	{NULL, NULL},
};

static const struct key endpoints[] = {
	{"apiVersion", NULL},
	{"kind", NULL},
	{"metadata", metadata},
	{"subsets", subset},
	{NULL, NULL},
};

/* ---- Pod and Node ---- */

static const struct key container_port[] = {
	{"name", NULL},
	{"containerPort", NULL},
	{"protocol", NULL},
	{NULL, NULL},
};

static const struct key container[] = {
	{"ports", container_port},
	{"restartPolicy", NULL},
	{NULL, NULL},
};

static const struct key pod_spec[] = {
	{"nodeName", NULL},
	{"containers", container},
	{"initContainers", container},
	{NULL, NULL},
};

static const struct key pod_status[] = {
	{"phase", NULL},
	{"podIP", NULL},
	{"podIPs", only_ip},
	{"conditions", conditions},
	{NULL, NULL},
};

static const struct key pod[] = {
	{"apiVersion", NULL},
	{"kind", NULL},
	{"metadata", metadata},
	{"spec", pod_spec},
	{"status", pod_status},
	{NULL, NULL},
};

static const struct key taint[] = {
	{"key", NULL},
	{"effect", NULL},
	{NULL, NULL},
};

static const struct key node_spec[] = {
	{"taints", taint},
	{NULL, NULL},
};

static const struct key node_address[] = {
	{"type", NULL},
	{"address", NULL},
	{NULL, NULL},
};

static const struct key node_status[] = {
	{"addresses", node_address},
	{"conditions", conditions},
	{NULL, NULL},
};

static const struct key node[] = {
	{"apiVersion", NULL},
	{"kind", NULL},
	{"metadata", metadata},
	{"spec", node_spec},
	{"status", node_status},
	{NULL, NULL},
};

/* Of the other kinds nothing is read but what they are called. */
static const struct key other[] = {
	{"apiVersion", NULL},
	{"kind", NULL},
	{"metadata", metadata},
	{NULL, NULL},
};

static const struct key *const roots[FB_KIND_COUNT] = {
	[FB_KIND_SERVICE] = service,
	[FB_KIND_ENDPOINT_SLICE] = slice,
	[FB_KIND_ENDPOINTS] = endpoints,
	[FB_KIND_POD] = pod,
	[FB_KIND_NODE] = node,
};

/* A short word has many neighbours that are words too: "ip", "id". */
static unsigned int slips_in(const char *name)
{
	size_t len = strlen(name);

	return len <= 3 ? 0 : len <= 5 ? 1 : 2;
}

/* @return the key that this one is (*ret_is), or is taken for; NULL: neither */
static const struct key *find(const struct key *keys, const char *text, bool *ret_is)
{
	const struct key *nearest = NULL;
	unsigned int best = FB_SPELLING_MAX;

	*ret_is = true;
	for (const struct key *k = keys; k->name != NULL; k++) {
		if (strcmp(k->name, text) == 0)
			return k;
	}
	*ret_is = false;
	for (const struct key *k = keys; k->name != NULL; k++) {
		unsigned int most = slips_in(k->name);
		unsigned int edits = fb_spelling_edits(text, k->name, most);

		if (edits <= most && edits < best) {
			best = edits;
			nearest = k;
		}
	}
	return nearest;
}

/* Objects of one file repeat what is wrong in it: told once for each place in the tables. */
static bool is_first(struct reader *r, const struct key *keys, const char *text)
{
	for (uint32_t i = 0; i < r->n_slips; i++) {
		if (r->slips[i].keys == keys && strcmp(r->slips[i].text, text) == 0)
			return false;
	}
	if (r->n_slips == READER_MAX_SLIPS)
		return false;
	r->slips[r->n_slips].keys = keys;
	r->slips[r->n_slips].text = text;
	r->n_slips++;
	return true;
}

static void check_keys(const struct field *f, const struct key *keys);

static void check_value(const struct field *f, const struct key *keys)
{
	if (f->node->kind == FB_NODE_MAPPING) {
		check_keys(f, keys);
		return;
	}
	for (uint32_t i = 0; f->node->kind == FB_NODE_SEQUENCE && i < f->node->n; i++) {
		struct field item = field_at(f, i);

		if (item.node != NULL && item.node->kind == FB_NODE_MAPPING)
			check_keys(&item, keys);
	}
}

/* Recursion is as deep as the tables. */
static void check_keys(const struct field *f, const struct key *keys)
{
	for (uint32_t i = 0; i < f->node->n; i++) {
		const struct fb_node *name = f->node->children[2 * i];
		struct field at = {.reader = f->reader, .up = f, .key = name->text, .node = name};
		const struct key *key;
		bool is;

		if (name->text == NULL)
			continue;
		key = find(keys, name->text, &is);
		if (key != NULL && !is && is_first(f->reader, keys, name->text))
			field_notice(&at, "unknown field, ignored; did you mean \"%s\"?",
				     key->name);
		at.node = f->node->children[2 * i + 1];
		if (key != NULL && is && key->below != NULL)
			check_value(&at, key->below);
	}
}

void kind_check_keys(const struct field *root, enum fb_object_kind kind)
{
	check_keys(root, roots[kind] != NULL ? roots[kind] : other);
}
