/* SPDX-License-Identifier: BSD-3-Clause */

/* Load balancer addresses: those that are asked for are claimed, those that are missing are allotted. */

#include <errno.h>
#include <string.h>

#include "pool/work.h"

static void add_ingress(struct fb_pool_work *w, const struct fb_addr *addr)
{
	w->ingress[w->n_ingress++] =
		(struct fb_ingress){.hostname = "", .addr = *addr, .has_addr = true};
	w->changed = true;
}

/* Written addresses may meet, unless one of them is under a key that the other does not have. */
static const struct fb_pool_record *other_key(const struct fb_pool_work *w,
					      const struct fb_addr *addr)
{
	const struct fb_pool_use *use = NULL;

	while ((use = fb_pool_use_next(w->pool, addr, 0, use)) != NULL) {
		if (use->record != w->record && use->record->object != NULL &&
		    strcmp(use->record->sharing_key, w->record->sharing_key) != 0)
			return use->record;
	}
	return NULL;
}

static int ask(struct fb_pool_work *w, const struct fb_addr *addr)
{
	const struct fb_config_pool *of = fb_pool_of(w->pool, addr);
	const struct fb_pool_record *other = NULL;
	struct fb_pool_families families;
	char text[FB_ADDR_STRLEN];
	const char *why = of != NULL ? fb_pool_refuses(of, w->object) : NULL;

	(void)fb_addr_format(addr, text);
	fb_pool_families(w->pool->config, w->object, &families);
	if (w->pool->config->n_pools > 0 && of == NULL) {
		fb_pool_complain(w, "%s is in no pool", text);
	} else if (why != NULL) {
		fb_pool_complain(w, "%s is in pool %s, which %s", text, of->name, why);
	} else if (!fb_pool_has_family(&families, fb_addr_family(addr))) {
		fb_pool_complain(w, "%s is of a family that the Service is not", text);
	} else if ((other = other_key(w, addr)) != NULL) {
		fb_pool_complain(w, "%s is of %s/%s, which has another " FB_ANNOTATION_SHARING,
				 text, other->namespace_, other->name);
	} else if (fb_pool_holder(w, addr, 0) != NULL &&
		   !fb_pool_may_have(w->pool, w->record, w->object, addr, &other)) {
		fb_pool_complain(w, "%s was allotted to %s/%s, which does not share it", text,
				 other->namespace_, other->name);
	} else {
		add_ingress(w, addr);
		return fb_pool_use_add(w->pool, w->record, addr, 0, true);
	}
	w->changed = true;
	w->waits |= other != NULL;
	return 0;
}

/* Why no pool had one: the first that is for the Service tells, else the last that is not. */
static void complain_pools(struct fb_pool_work *w, enum fb_family family)
{
	const struct fb_config *config = w->pool->config;
	const char *why = NULL;

	for (uint32_t p = 0; p < config->n_pools; p++) {
		const struct fb_config_pool *of = &config->pools[p];
		bool has = false;

		for (uint32_t i = 0; i < of->n_ranges; i++)
			has |= fb_addr_family(&of->ranges[i].first) == family;
		if (!has)
			continue;
		why = fb_pool_refuses(of, w->object);
		if (why == NULL && !of->automatic &&
		    fb_labels_get(&w->object->meta.annotations, FB_ANNOTATION_POOL) == NULL)
			why = "is not automatic";
		if (why == NULL) {
			fb_pool_complain(w, "no %s address of pool %s is left",
					 fb_ip_family_names[family], of->name);
			w->waits = true;
			return;
		}
		if (config->n_pools == 1) {
			fb_pool_complain(w, "pool %s %s", of->name, why);
			return;
		}
	}
	if (why != NULL || fb_pool_insists(w->object, family) || w->n_ingress == 0)
		fb_pool_complain(w, "no pool with %s addresses is for it",
				 fb_ip_family_names[family]);
}

static bool may_keep(const struct fb_pool_work *w, const struct fb_addr *addr)
{
	const struct fb_config_pool *of = fb_pool_of(w->pool, addr);
	const struct fb_pool_record *other;

	return of != NULL && fb_pool_refuses(of, w->object) == NULL &&
	       fb_pool_may_have(w->pool, w->record, w->object, addr, &other);
}

static int allot_balancer(struct fb_pool_work *w, enum fb_family family)
{
	const struct fb_config *config = w->pool->config;
	struct fb_addr *has = &w->record->balancer[family];
	bool asks = fb_labels_get(&w->object->meta.annotations, FB_ANNOTATION_POOL) != NULL;

	if (!fb_pool_is_none(has) && !may_keep(w, has))
		fb_pool_give_back(w, has);
	for (uint32_t p = 0; p < config->n_pools && fb_pool_is_none(has); p++) {
		if ((config->pools[p].automatic || asks) &&
		    fb_pool_refuses(&config->pools[p], w->object) == NULL)
			*has = fb_pool_pick_balancer(w->pool, w->record, w->object, p, family);
	}
	if (fb_pool_is_none(has)) {
		complain_pools(w, family);
		return 0;
	}
	add_ingress(w, has);
	return fb_pool_use_add(w->pool, w->record, has, 0, false);
}

/* Not ours: another controller answers for it. As a node, it is answered all the same. */
static void leave_to_others(struct fb_pool_work *w)
{
	struct fb_model_service *service = &w->full->service;

	if (service->type != FB_SERVICE_LOAD_BALANCER || service->headless ||
	    fb_pool_is_ours(w->pool->config, w->object) || w->pool->config->node_name[0] != '\0')
		return;
	fb_pool_complain(w,
			 "its loadBalancerClass \"%s\" is none of services.load-balancer-classes",
			 service->load_balancer_class);
	if (service->n_ingress == 0 && !service->has_load_balancer_ip)
		return;
	service->n_ingress = 0;
	service->has_load_balancer_ip = false;
	w->changed = true;
}

/* With what is written: nobody is allotted what somebody asks for. */
int fb_pool_claim_asked(struct fb_pool_work *w)
{
	struct fb_pool_asked asked = {.n = 0};
	int rc = 0;

	leave_to_others(w);
	if (!fb_pool_wants_balancer(w->pool->config, w->object))
		return 0;
	fb_pool_asked(w->object, &asked);
	if (asked.wrong != NULL) {
		fb_pool_complain(w, FB_ANNOTATION_ASKED " \"%s\" is not one address of each family",
				 asked.wrong);
		w->changed = true;
	}
	for (uint32_t i = 0; i < asked.n && rc == 0; i++)
		rc = ask(w, &asked.v[i]);
	w->refused = asked.wrong != NULL || w->n_ingress < asked.n;
	return rc;
}

static bool has_ingress(const struct fb_pool_work *w, enum fb_family family)
{
	bool has = false;

	for (uint32_t i = 0; i < w->n_ingress; i++)
		has |= fb_addr_family(&w->ingress[i].addr) == family;
	return has;
}

/* Still to be allotted a load balancer address of that family? */
static bool wants_family(const struct fb_pool_work *w, const struct fb_pool_families *families,
			 enum fb_family family)
{
	const struct fb_model_service *service = &w->full->service;

	return (service->n_cluster_ips == 0 || fb_pool_has_cluster_ip(service, family)) &&
	       !has_ingress(w, family) && fb_pool_has_family(families, family);
}

int fb_pool_settle_balancer(struct fb_pool_work *w, const struct fb_pool_families *families)
{
	struct fb_model_service *service = &w->full->service;
	/* Who asks for one that is refused is not given another. */
	bool wants = fb_pool_wants_balancer(w->pool->config, w->object) && !w->refused &&
		     w->pool->config->n_pools > 0;
	int rc = 0;

	for (int f = 0; f < FB_FAMILY_COUNT; f++) {
		if (!wants_family(w, families, (enum fb_family)f) || !wants)
			fb_pool_give_back(w, &w->record->balancer[f]);
	}
	for (uint32_t i = 0; i < families->n && wants && rc == 0; i++) {
		if (wants_family(w, families, families->v[i]))
			rc = allot_balancer(w, families->v[i]);
	}
	if (rc == 0 && w->n_ingress > 0) {
		struct fb_ingress *v = fb_arena_alloc(&w->full->arena, w->n_ingress, sizeof(*v));

		if (v == NULL)
			return -ENOMEM;
		memcpy(v, w->ingress, w->n_ingress * sizeof(*v));
		service->ingress = v;
		service->n_ingress = w->n_ingress;
	}
	/* Refused: it shall not stand in for the ingress. */
	if (fb_pool_wants_balancer(w->pool->config, w->object) && w->n_ingress == 0)
		service->has_load_balancer_ip = false;
	return rc;
}
