/* SPDX-License-Identifier: BSD-3-Clause */

#include "pool/want.h"

#include <string.h>

/* Has the Service entry points at all, and are they ours? */
static bool is_proxied(const struct fb_object *object)
{
	return object->service.type != FB_SERVICE_EXTERNAL_NAME && !object->service.headless &&
	       fb_labels_are_for_proxies(&object->meta.labels);
}

bool fb_pool_has_family(const struct fb_pool_families *families, enum fb_family family)
{
	bool has = false;

	for (uint32_t i = 0; i < families->n; i++)
		has |= families->v[i] == family;
	return has;
}

static void add_family(struct fb_pool_families *families, enum fb_family family)
{
	if (!fb_pool_has_family(families, family))
		families->v[families->n++] = family;
}

/* One of each family: a second one makes the list wrong. */
static bool add_asked(struct fb_pool_asked *asked, const char *text, size_t len)
{
	char one[FB_ADDR_STRLEN];
	struct fb_addr addr;

	if (len >= sizeof(one))
		return false;
	memcpy(one, text, len);
	one[len] = '\0';
	if (fb_addr_parse(one, &addr) != 0 || asked->n == FB_FAMILY_COUNT ||
	    (asked->n == 1 && fb_addr_family(&asked->v[0]) == fb_addr_family(&addr)))
		return false;
	asked->v[asked->n++] = addr;
	return true;
}

void fb_pool_asked(const struct fb_object *object, struct fb_pool_asked *ret)
{
	const char *text = fb_labels_get(&object->meta.annotations, FB_ANNOTATION_ASKED);

	*ret = (struct fb_pool_asked){.wrong = NULL};
	if (text == NULL) {
		if (object->service.has_load_balancer_ip)
			ret->v[ret->n++] = object->service.load_balancer_ip;
		return;
	}
	for (const char *at = text; *at != '\0' && ret->wrong == NULL;) {
		size_t space = strspn(at, " ,");
		size_t len = strcspn(at + space, " ,");

		if (len > 0 && !add_asked(ret, at + space, len))
			ret->wrong = text;
		at += space + len;
	}
	if (ret->n == 0)
		ret->wrong = text;
	if (ret->wrong != NULL)
		ret->n = 0;
}

static bool is_dual(const struct fb_object *object)
{
	return object->service.ip_family_policy == FB_FAMILY_POLICY_PREFER_DUAL ||
	       object->service.ip_family_policy == FB_FAMILY_POLICY_REQUIRE_DUAL;
}

/* Of the addresses that it has or asks for from outside. */
static void add_written(struct fb_pool_families *families, const struct fb_object *object)
{
	const struct fb_model_service *service = &object->service;
	struct fb_pool_asked asked = {.n = 0};

	if (service->type == FB_SERVICE_LOAD_BALANCER)
		fb_pool_asked(object, &asked);
	for (uint32_t i = 0; i < asked.n; i++)
		add_family(families, fb_addr_family(&asked.v[i]));
	for (uint32_t i = 0; i < service->n_ingress; i++) {
		if (service->ingress[i].has_addr)
			add_family(families, fb_addr_family(&service->ingress[i].addr));
	}
	for (uint32_t i = 0; i < service->n_external_ips; i++)
		add_family(families, fb_addr_family(&service->external_ips[i]));
}

void fb_pool_families(const struct fb_config *config, const struct fb_object *object,
		      struct fb_pool_families *ret)
{
	const struct fb_model_service *service = &object->service;
	enum fb_family first = FB_IPV4;

	if (config->n_cluster_cidrs > 0)
		first = fb_addr_family(&config->cluster_cidrs[0].addr);
	else if (config->n_pools > 0 && config->pools[0].n_ranges > 0)
		first = fb_addr_family(&config->pools[0].ranges[0].first);
	*ret = (struct fb_pool_families){.n = 0};
	for (uint32_t i = 0; i < service->n_ip_families; i++)
		add_family(ret, (enum fb_family)service->ip_families[i]);
	for (uint32_t i = 0; i < service->n_cluster_ips; i++)
		add_family(ret, fb_addr_family(&service->cluster_ips[i]));
	if (ret->n == 0 && service->ip_family_policy == FB_FAMILY_POLICY_NONE)
		add_written(ret, object);
	if (ret->n == 0)
		add_family(ret, first);
	if (is_dual(object)) {
		add_family(ret, FB_IPV4);
		add_family(ret, FB_IPV6);
	}
}

bool fb_pool_insists(const struct fb_object *object, enum fb_family family)
{
	bool insists = object->service.ip_family_policy == FB_FAMILY_POLICY_REQUIRE_DUAL;

	for (uint32_t i = 0; i < object->service.n_ip_families && !is_dual(object); i++)
		insists |= object->service.ip_families[i] == family;
	return insists;
}

bool fb_pool_is_ours(const struct fb_config *config, const struct fb_object *object)
{
	const char *class = object->service.load_balancer_class;
	bool ours = config->n_load_balancer_classes == 0 && class[0] == '\0';

	for (uint32_t i = 0; i < config->n_load_balancer_classes; i++)
		ours |= strcmp(config->load_balancer_classes[i], class) == 0;
	return ours;
}

bool fb_pool_wants_cluster(const struct fb_config *config, const struct fb_object *object)
{
	return config->n_cluster_cidrs > 0 && is_proxied(object);
}

bool fb_pool_wants_balancer(const struct fb_config *config, const struct fb_object *object)
{
	/* A proxy on a node allots none: it goes by the status, which somebody else fills in. */
	return (config->n_pools > 0 || config->node_name[0] == '\0') &&
	       object->service.type == FB_SERVICE_LOAD_BALANCER && is_proxied(object) &&
	       object->service.n_ingress == 0 && fb_pool_is_ours(config, object);
}

bool fb_pool_wants_ports(const struct fb_object *object)
{
	return is_proxied(object) && (object->service.type == FB_SERVICE_NODE_PORT ||
				      (object->service.type == FB_SERVICE_LOAD_BALANCER &&
				       object->service.allocate_node_ports));
}

bool fb_pool_wants_health(const struct fb_object *object)
{
	return is_proxied(object) && object->service.type == FB_SERVICE_LOAD_BALANCER &&
	       object->service.external_policy == FB_TRAFFIC_LOCAL &&
	       object->service.health_check_node_port == 0;
}
