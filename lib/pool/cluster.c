/* SPDX-License-Identifier: BSD-3-Clause */

/* ClusterIPs: those that are written are claimed, those that are missing are allotted. */

#include <errno.h>

#include "pool/work.h"

int fb_pool_claim_cluster(struct fb_pool_work *w)
{
	struct fb_model_service *service = &w->full->service;
	uint8_t n = 0;

	for (uint8_t i = 0; i < service->n_cluster_ips; i++) {
		struct fb_addr addr = service->cluster_ips[i];
		int rc = fb_pool_claim(w, "clusterIP", &addr, 0);

		if (rc < 0)
			return rc;
		if (rc > 0)
			service->cluster_ips[n++] = addr;
	}
	service->n_cluster_ips = n;
	return 0;
}

bool fb_pool_has_cluster_ip(const struct fb_model_service *service, enum fb_family family)
{
	bool has = false;

	for (uint32_t i = 0; i < service->n_cluster_ips; i++)
		has |= fb_addr_family(&service->cluster_ips[i]) == family;
	return has;
}

static bool has_cidr(const struct fb_config *config, enum fb_family family)
{
	bool has = false;

	for (uint32_t i = 0; i < config->n_cluster_cidrs; i++)
		has |= fb_addr_family(&config->cluster_cidrs[i].addr) == family;
	return has;
}

static int allot_cluster_ip(struct fb_pool_work *w, enum fb_family family)
{
	struct fb_addr *has = &w->record->cluster[family];
	struct fb_model_service *service = &w->full->service;
	const struct fb_pool_record *other;

	if (!has_cidr(w->pool->config, family)) {
		fb_pool_give_back(w, has);
		if (fb_pool_insists(w->object, family))
			fb_pool_complain(w, "services.cluster-cidrs has no %s prefix",
					 fb_ip_family_names[family]);
		return 0;
	}
	if (!fb_pool_is_none(has) &&
	    (!fb_pool_in_cidr(w->pool, has) ||
	     !fb_pool_may_have(w->pool, w->record, w->object, has, &other)))
		fb_pool_give_back(w, has);
	if (fb_pool_is_none(has))
		*has = fb_pool_pick_cluster(w->pool, w->record, family);
	if (fb_pool_is_none(has)) {
		fb_pool_complain(w, "no %s address of services.cluster-cidrs is left",
				 fb_ip_family_names[family]);
		w->waits = true;
		return 0;
	}
	service->cluster_ips[service->n_cluster_ips++] = *has;
	w->changed = true;
	return fb_pool_use_add(w->pool, w->record, has, 0, false);
}

/* As text it is what pods get in their environment: of an allotted one, or of none. */
static int name_cluster_ip(struct fb_pool_work *w)
{
	struct fb_model_service *service = &w->full->service;
	char text[FB_ADDR_STRLEN] = "";

	if (service->n_cluster_ips > 0 && w->object->service.n_cluster_ips > 0 &&
	    fb_addr_equal(&service->cluster_ips[0], &w->object->service.cluster_ips[0]))
		return 0;
	if (service->n_cluster_ips > 0)
		(void)fb_addr_format(&service->cluster_ips[0], text);
	service->cluster_ip = fb_arena_strdup(&w->full->arena, text);
	return service->cluster_ip != NULL ? 0 : -ENOMEM;
}

int fb_pool_settle_cluster(struct fb_pool_work *w, const struct fb_pool_families *families)
{
	/* Who writes one that is refused is not given another. */
	bool refused = w->full->service.n_cluster_ips < w->object->service.n_cluster_ips;
	bool wants = fb_pool_wants_cluster(w->pool->config, w->object) && !refused;
	int rc = 0;

	for (int f = 0; f < FB_FAMILY_COUNT; f++) {
		if (!wants || !fb_pool_has_family(families, (enum fb_family)f) ||
		    fb_pool_has_cluster_ip(&w->object->service, (enum fb_family)f))
			fb_pool_give_back(w, &w->record->cluster[f]);
	}
	for (uint32_t i = 0; i < families->n && wants && rc == 0; i++) {
		if (!fb_pool_has_cluster_ip(&w->full->service, families->v[i]))
			rc = allot_cluster_ip(w, families->v[i]);
	}
	if (rc == 0 && w->changed)
		rc = name_cluster_ip(w);
	return rc;
}
