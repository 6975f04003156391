/* SPDX-License-Identifier: BSD-3-Clause */

#include "model/objects.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

const char *const fb_object_kind_names[FB_KIND_COUNT] = {
	[FB_KIND_SERVICE] = "Service",
	[FB_KIND_ENDPOINT_SLICE] = "EndpointSlice",
	[FB_KIND_ENDPOINTS] = "Endpoints",
	[FB_KIND_POD] = "Pod",
	[FB_KIND_NODE] = "Node",
	[FB_KIND_NAMESPACE] = "Namespace",
};

const char *const fb_service_type_names[FB_SERVICE_TYPE_COUNT] = {
	[FB_SERVICE_CLUSTER_IP] = "ClusterIP",
	[FB_SERVICE_NODE_PORT] = "NodePort",
	[FB_SERVICE_LOAD_BALANCER] = "LoadBalancer",
	[FB_SERVICE_EXTERNAL_NAME] = "ExternalName",
};

const char *const fb_ip_family_names[FB_FAMILY_COUNT] = {
	[FB_IPV4] = "IPv4",
	[FB_IPV6] = "IPv6",
};

const char *const fb_ip_family_policy_names[FB_FAMILY_POLICY_COUNT] = {
	[FB_FAMILY_POLICY_NONE] = "",
	[FB_FAMILY_POLICY_SINGLE] = "SingleStack",
	[FB_FAMILY_POLICY_PREFER_DUAL] = "PreferDualStack",
	[FB_FAMILY_POLICY_REQUIRE_DUAL] = "RequireDualStack",
};

const char *const fb_traffic_policy_names[FB_TRAFFIC_COUNT] = {
	[FB_TRAFFIC_NONE] = "",
	[FB_TRAFFIC_CLUSTER] = "Cluster",
	[FB_TRAFFIC_LOCAL] = "Local",
};

const char *const fb_traffic_distribution_names[FB_DISTRIBUTION_COUNT] = {
	[FB_DISTRIBUTION_NONE] = "",
	[FB_DISTRIBUTION_PREFER_CLOSE] = "PreferClose",
	[FB_DISTRIBUTION_PREFER_SAME_ZONE] = "PreferSameZone",
	[FB_DISTRIBUTION_PREFER_SAME_NODE] = "PreferSameNode",
};

const char *const fb_selection_wish_names[FB_SELECTION_WISH_COUNT] = {
	[FB_SELECTION_WISH_NONE] = "",
	[FB_SELECTION_WISH_MAGLEV] = "maglev",
	[FB_SELECTION_WISH_SOURCE_IP] = "source-ip",
	[FB_SELECTION_WISH_RANDOM] = "random",
	[FB_SELECTION_WISH_ROUND_ROBIN] = "round-robin",
	[FB_SELECTION_WISH_LEAST_CONNECTIONS] = "least-connections",
};

const char *const fb_targets_wish_names[FB_TARGETS_WISH_COUNT] = {
	[FB_TARGETS_WISH_NONE] = "",
	[FB_TARGETS_WISH_PODS] = "pods",
	[FB_TARGETS_WISH_NODES] = "nodes",
};

const char *const fb_proxy_wish_names[FB_PROXY_WISH_COUNT] = {
	[FB_PROXY_WISH_NONE] = "",
	[FB_PROXY_WISH_OFF] = "off",
	[FB_PROXY_WISH_AUTO] = "auto",
	[FB_PROXY_WISH_ALWAYS] = "always",
};

const char *const fb_mode_wish_names[FB_MODE_WISH_COUNT] = {
	[FB_MODE_WISH_NONE] = "",
	[FB_MODE_WISH_SNAT] = "snat",
	[FB_MODE_WISH_DNAT] = "dnat",
};

bool fb_service_ports_meet(const struct fb_service_port *a, const struct fb_service_port *b)
{
	if (a->proto != b->proto)
		return false;
	if (a->port == b->port)
		return true;
	for (uint32_t i = 0; i < a->n_ranges; i++) {
		for (uint32_t j = 0; j < b->n_ranges; j++) {
			const struct fb_port_range *x = &a->ranges[i];
			const struct fb_port_range *y = &b->ranges[j];

			if (x->all == y->all && x->first <= y->last && y->first <= x->last)
				return true;
		}
	}
	return false;
}

const char *fb_protocol_name(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return "TCP";
	case IPPROTO_UDP:
		return "UDP";
	default:
		return "SCTP";
	}
}

const char *fb_service_cluster_ip(const struct fb_model_service *service, char *buf)
{
	if (service->n_cluster_ips == 0)
		return "";
	if (service->cluster_ip != NULL && service->cluster_ip[0] != '\0')
		return service->cluster_ip;
	return fb_addr_format(&service->cluster_ips[0], buf);
}

static int compare_key(const void *key, const void *label)
{
	return strcmp(key, ((const struct fb_label *)label)->key);
}

const char *fb_labels_get(const struct fb_labels *labels, const char *key)
{
	const struct fb_label *label;

	if (labels->n == 0)
		return NULL;
	label = bsearch(key, labels->v, labels->n, sizeof(*labels->v), compare_key);
	return label != NULL ? label->value : NULL;
}

bool fb_labels_are_for_proxies(const struct fb_labels *labels)
{
	return fb_labels_get(labels, FB_LABEL_HEADLESS) == NULL &&
	       fb_labels_get(labels, FB_LABEL_PROXY_NAME) == NULL;
}

bool fb_labels_select(const struct fb_labels *selector, const struct fb_labels *labels)
{
	for (uint32_t i = 0; i < selector->n; i++) {
		const char *value = fb_labels_get(labels, selector->v[i].key);

		if (value == NULL || strcmp(value, selector->v[i].value) != 0)
			return false;
	}
	return selector->n > 0;
}

struct fb_object *fb_object_create(enum fb_object_kind kind, struct fb_place place)
{
	struct fb_object *object = calloc(1, sizeof(*object));

	if (object == NULL)
		return NULL;
	object->kind = kind;
	object->holds = 1;
	object->place = place;
	object->meta.namespace_ = "";
	object->meta.name = "";
	object->meta.creation = "";
	if (kind == FB_KIND_POD)
		object->pod.phase = "";
	if (place.file != NULL) {
		object->place.file = fb_arena_strdup(&object->arena, place.file);
		if (object->place.file == NULL) {
			free(object);
			return NULL;
		}
	}
	return object;
}

struct fb_object *fb_object_hold(struct fb_object *object)
{
	object->holds++;
	return object;
}

void fb_object_release(struct fb_object *object)
{
	if (object == NULL || --object->holds > 0)
		return;
	fb_object_release(object->base);
	fb_arena_fini(&object->arena);
	free(object);
}

struct fb_object *fb_object_completed(struct fb_object *service, struct fb_service_port **ret_ports)
{
	struct fb_object *object = fb_object_create(FB_KIND_SERVICE, service->place);
	uint32_t n = service->service.n_ports;
	struct fb_service_port *ports;

	if (object == NULL)
		return NULL;
	ports = fb_arena_alloc(&object->arena, n, sizeof(*ports));
	if (ports == NULL) {
		fb_object_release(object);
		return NULL;
	}
	object->meta = service->meta;
	object->service = service->service;
	if (n > 0)
		memcpy(ports, service->service.ports, n * sizeof(*ports));
	object->service.ports = ports;
	object->base = fb_object_hold(service);
	*ret_ports = ports;
	return object;
}

const char *fb_object_service_name(const struct fb_object *object)
{
	switch (object->kind) {
	case FB_KIND_SERVICE:
	case FB_KIND_ENDPOINTS:
		return object->meta.name;
	case FB_KIND_ENDPOINT_SLICE:
		return object->slice.service;
	default:
		return "";
	}
}

/* Room for one more element; *cap counts elements. */
static void *grown(void *v, size_t n, size_t *cap, size_t size)
{
	size_t want = *cap != 0 ? *cap * 2 : 16;

	if (n < *cap)
		return v;
	v = realloc(v, want * size);
	if (v != NULL)
		*cap = want;
	return v;
}

int fb_objects_add(struct fb_objects *objects, struct fb_object *object)
{
	struct fb_object **v = grown(objects->v, objects->n, &objects->cap, sizeof(*v));

	if (v == NULL) {
		fb_object_release(object);
		return -ENOMEM;
	}
	objects->v = v;
	objects->v[objects->n++] = object;
	return 0;
}

int fb_objects_refuse(struct fb_objects *objects, enum fb_object_kind kind, const char *namespace_,
		      const char *name)
{
	struct fb_object_ref ref = {.kind = kind};
	struct fb_object_ref *v =
		grown(objects->refused, objects->n_refused, &objects->refused_cap, sizeof(*v));

	if (v == NULL)
		return -ENOMEM;
	objects->refused = v;
	ref.namespace_ = strdup(namespace_);
	ref.name = strdup(name);
	if (ref.namespace_ == NULL || ref.name == NULL) {
		free(ref.namespace_);
		free(ref.name);
		return -ENOMEM;
	}
	objects->refused[objects->n_refused++] = ref;
	return 0;
}

void fb_objects_fini(struct fb_objects *objects)
{
	for (size_t i = 0; i < objects->n; i++)
		fb_object_release(objects->v[i]);
	for (size_t i = 0; i < objects->n_refused; i++) {
		free(objects->refused[i].namespace_);
		free(objects->refused[i].name);
	}
	free(objects->v);
	free(objects->refused);
	*objects = (struct fb_objects)FB_OBJECTS_INIT;
}
