/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A round: those that changed give back what they no longer want, then all that is written is claimed,
 * then what is missing is allotted, the older Services first. So the order of files does not matter.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pool/parts.h"
#include "pool/want.h"

/* One Service in a round. */
struct work {
	struct fb_pool *pool;
	struct fb_pool_record *record;
	struct fb_object *object;      /* as it is written; the record holds it */
	struct fb_object *full;        /* held: completed */
	struct fb_service_port *ports; /* full's */
	struct fb_ingress ingress[FB_FAMILY_COUNT];
	uint32_t n_ingress;
	char trouble[512];
	bool changed; /* full says something else than object */
	bool refused; /* an address it asks for */
	bool waits;
};

struct round {
	struct fb_pool *pool;
	struct work *v;
	size_t n;
};

/* ---- troubles ---- */

static void complain(struct work *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void complain(struct work *w, const char *fmt, ...)
{
	size_t len = strlen(w->trouble);
	va_list args;

	if (len > 0)
		len += (size_t)snprintf(w->trouble + len, sizeof(w->trouble) - len, "; ");
	if (len >= sizeof(w->trouble))
		return;
	va_start(args, fmt);
	(void)vsnprintf(w->trouble + len, sizeof(w->trouble) - len, fmt, args);
	va_end(args);
}

/* Told once: again only when it is another. */
static int keep_trouble(struct work *w, struct fb_errs *errs)
{
	struct fb_pool_record *record = w->record;
	const char *before = record->trouble != NULL ? record->trouble : "";
	char *text = NULL;

	if (strcmp(before, w->trouble) == 0)
		return 0;
	if (w->trouble[0] != '\0') {
		text = strdup(w->trouble);
		if (text == NULL)
			return -ENOMEM;
		fb_errs_add(errs, w->object->place, FB_SEV_NOTICE, "Service %s/%s: %s",
			    record->namespace_, record->name, text);
	}
	free(record->trouble);
	record->trouble = text;
	return 0;
}

/* ---- what is written ---- */

/* A record that was only loaded, whose Service may never come, gives way. */
static void take_away(struct fb_pool *pool, struct fb_pool_record *from, const struct fb_addr *addr,
		      uint16_t node_port)
{
	for (int f = 0; f < FB_FAMILY_COUNT && addr != NULL; f++) {
		if (fb_addr_equal(&from->cluster[f], addr))
			from->cluster[f] = (struct fb_addr){{0}};
		if (fb_addr_equal(&from->balancer[f], addr))
			from->balancer[f] = (struct fb_addr){{0}};
	}
	for (uint32_t i = 0; i < from->n_ports && node_port != 0; i++) {
		if (from->ports[i].node_port == node_port)
			from->ports[i--] = from->ports[--from->n_ports];
	}
	if (node_port != 0 && from->health_port == node_port)
		from->health_port = 0;
	fb_pool_use_drop(pool, from, addr, node_port);
}

/* To whom else it was allotted; NULL: nobody. */
static const struct fb_pool_record *holder(struct work *w, const struct fb_addr *addr,
					   uint16_t node_port)
{
	struct fb_pool_use *use = NULL;
	bool again;

	do {
		again = false;
		while ((use = fb_pool_use_next(w->pool, addr, node_port, use)) != NULL) {
			if (use->record == w->record || use->written)
				continue;
			if (use->record->object != NULL)
				return use->record;
			take_away(w->pool, use->record, addr, node_port);
			again = true;
			use = NULL;
			break;
		}
	} while (again);
	return NULL;
}

/* @return 1: it is ours; 0: refused; -ENOMEM */
static int claim(struct work *w, const char *what, const struct fb_addr *addr, uint16_t node_port)
{
	const struct fb_pool_record *other = holder(w, addr, node_port);
	char text[FB_ADDR_STRLEN];

	if (other == NULL)
		return fb_pool_use_add(w->pool, w->record, addr, node_port, true) == 0 ? 1
										       : -ENOMEM;
	if (addr != NULL)
		complain(w, "%s %s was allotted to %s/%s", what, fb_addr_format(addr, text),
			 other->namespace_, other->name);
	else
		complain(w, "%s %u was allotted to %s/%s", what, node_port, other->namespace_,
			 other->name);
	w->changed = true;
	return 0;
}

static int claim_cluster(struct work *w)
{
	struct fb_model_service *service = &w->full->service;
	uint8_t n = 0;

	for (uint8_t i = 0; i < service->n_cluster_ips; i++) {
		struct fb_addr addr = service->cluster_ips[i];
		int rc = claim(w, "clusterIP", &addr, 0);

		if (rc < 0)
			return rc;
		if (rc > 0)
			service->cluster_ips[n++] = addr;
	}
	service->n_cluster_ips = n;
	return 0;
}

static int claim_ports(struct work *w)
{
	struct fb_model_service *service = &w->full->service;

	for (uint32_t i = 0; i < service->n_ports; i++) {
		int rc = w->ports[i].node_port == 0
				 ? 1
				 : claim(w, "nodePort", NULL, w->ports[i].node_port);

		if (rc < 0)
			return rc;
		if (rc == 0)
			w->ports[i].node_port = 0;
	}
	if (service->health_check_node_port != 0) {
		int rc = claim(w, "healthCheckNodePort", NULL, service->health_check_node_port);

		if (rc < 0)
			return rc;
		if (rc == 0)
			service->health_check_node_port = 0;
	}
	return 0;
}

/* externalIPs and the status: somebody else has decided on them. */
static int claim_others(struct work *w)
{
	const struct fb_model_service *service = &w->object->service;
	int rc = 0;

	for (uint32_t i = 0; i < service->n_external_ips; i++)
		rc |= fb_pool_use_add(w->pool, w->record, &service->external_ips[i], 0, true);
	for (uint32_t i = 0; i < service->n_ingress; i++) {
		if (service->ingress[i].has_addr)
			rc |= fb_pool_use_add(w->pool, w->record, &service->ingress[i].addr, 0,
					      true);
	}
	return rc;
}

/* ---- ClusterIPs ---- */

static void give_back(struct work *w, struct fb_addr *had)
{
	fb_pool_use_drop(w->pool, w->record, had, 0);
	*had = (struct fb_addr){{0}};
}

static bool has_cluster_ip(const struct fb_model_service *service, enum fb_family family)
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

static int allot_cluster_ip(struct work *w, enum fb_family family)
{
	struct fb_addr *has = &w->record->cluster[family];
	struct fb_model_service *service = &w->full->service;
	const struct fb_pool_record *other;

	if (!has_cidr(w->pool->config, family)) {
		give_back(w, has);
		if (fb_pool_insists(w->object, family))
			complain(w, "services.cluster-cidrs has no %s prefix",
				 fb_ip_family_names[family]);
		return 0;
	}
	if (!fb_pool_is_none(has) &&
	    (!fb_pool_in_cidr(w->pool, has) ||
	     !fb_pool_may_have(w->pool, w->record, w->object, has, &other)))
		give_back(w, has);
	if (fb_pool_is_none(has))
		*has = fb_pool_pick_cluster(w->pool, w->record, family);
	if (fb_pool_is_none(has)) {
		complain(w, "no %s address of services.cluster-cidrs is left",
			 fb_ip_family_names[family]);
		w->waits = true;
		return 0;
	}
	service->cluster_ips[service->n_cluster_ips++] = *has;
	w->changed = true;
	return fb_pool_use_add(w->pool, w->record, has, 0, false);
}

/* As text it is what pods get in their environment: of an allotted one, or of none. */
static int name_cluster_ip(struct work *w)
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

static int settle_cluster(struct work *w, const struct fb_pool_families *families)
{
	/* Who writes one that is refused is not given another. */
	bool refused = w->full->service.n_cluster_ips < w->object->service.n_cluster_ips;
	bool wants = fb_pool_wants_cluster(w->pool->config, w->object) && !refused;
	int rc = 0;

	for (int f = 0; f < FB_FAMILY_COUNT; f++) {
		if (!wants || !fb_pool_has_family(families, (enum fb_family)f) ||
		    has_cluster_ip(&w->object->service, (enum fb_family)f))
			give_back(w, &w->record->cluster[f]);
	}
	for (uint32_t i = 0; i < families->n && wants && rc == 0; i++) {
		if (!has_cluster_ip(&w->full->service, families->v[i]))
			rc = allot_cluster_ip(w, families->v[i]);
	}
	if (rc == 0 && w->changed)
		rc = name_cluster_ip(w);
	return rc;
}

/* ---- load balancer addresses ---- */

static void add_ingress(struct work *w, const struct fb_addr *addr)
{
	w->ingress[w->n_ingress++] =
		(struct fb_ingress){.hostname = "", .addr = *addr, .has_addr = true};
	w->changed = true;
}

/* Written addresses may meet, unless one of them is under a key that the other does not have. */
static const struct fb_pool_record *other_key(const struct work *w, const struct fb_addr *addr)
{
	const struct fb_pool_use *use = NULL;

	while ((use = fb_pool_use_next(w->pool, addr, 0, use)) != NULL) {
		if (use->record != w->record && use->record->object != NULL &&
		    strcmp(use->record->sharing_key, w->record->sharing_key) != 0)
			return use->record;
	}
	return NULL;
}

static int ask(struct work *w, const struct fb_addr *addr)
{
	const struct fb_config_pool *of = fb_pool_of(w->pool, addr);
	const struct fb_pool_record *other = NULL;
	struct fb_pool_families families;
	char text[FB_ADDR_STRLEN];
	const char *why = of != NULL ? fb_pool_refuses(of, w->object) : NULL;

	(void)fb_addr_format(addr, text);
	fb_pool_families(w->pool->config, w->object, &families);
	if (w->pool->config->n_pools > 0 && of == NULL) {
		complain(w, "%s is in no pool", text);
	} else if (why != NULL) {
		complain(w, "%s is in pool %s, which %s", text, of->name, why);
	} else if (!fb_pool_has_family(&families, fb_addr_family(addr))) {
		complain(w, "%s is of a family that the Service is not", text);
	} else if ((other = other_key(w, addr)) != NULL) {
		complain(w, "%s is of %s/%s, which has another " FB_ANNOTATION_SHARING, text,
			 other->namespace_, other->name);
	} else if (holder(w, addr, 0) != NULL &&
		   !fb_pool_may_have(w->pool, w->record, w->object, addr, &other)) {
		complain(w, "%s was allotted to %s/%s, which does not share it", text,
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
static void complain_pools(struct work *w, enum fb_family family)
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
			complain(w, "no %s address of pool %s is left", fb_ip_family_names[family],
				 of->name);
			w->waits = true;
			return;
		}
		if (config->n_pools == 1) {
			complain(w, "pool %s %s", of->name, why);
			return;
		}
	}
	if (why != NULL || fb_pool_insists(w->object, family) || w->n_ingress == 0)
		complain(w, "no pool with %s addresses is for it", fb_ip_family_names[family]);
}

static bool may_keep(const struct work *w, const struct fb_addr *addr)
{
	const struct fb_config_pool *of = fb_pool_of(w->pool, addr);
	const struct fb_pool_record *other;

	return of != NULL && fb_pool_refuses(of, w->object) == NULL &&
	       fb_pool_may_have(w->pool, w->record, w->object, addr, &other);
}

static int allot_balancer(struct work *w, enum fb_family family)
{
	const struct fb_config *config = w->pool->config;
	struct fb_addr *has = &w->record->balancer[family];
	bool asks = fb_labels_get(&w->object->meta.annotations, FB_ANNOTATION_POOL) != NULL;

	if (!fb_pool_is_none(has) && !may_keep(w, has))
		give_back(w, has);
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
static void leave_to_others(struct work *w)
{
	struct fb_model_service *service = &w->full->service;

	if (service->type != FB_SERVICE_LOAD_BALANCER || service->headless ||
	    fb_pool_is_ours(w->pool->config, w->object) || w->pool->config->node_name[0] != '\0')
		return;
	complain(w, "its loadBalancerClass \"%s\" is none of services.load-balancer-classes",
		 service->load_balancer_class);
	if (service->n_ingress == 0 && !service->has_load_balancer_ip)
		return;
	service->n_ingress = 0;
	service->has_load_balancer_ip = false;
	w->changed = true;
}

/* With what is written: nobody is allotted what somebody asks for. */
static int claim_asked(struct work *w)
{
	struct fb_pool_asked asked = {.n = 0};
	int rc = 0;

	leave_to_others(w);
	if (!fb_pool_wants_balancer(w->pool->config, w->object))
		return 0;
	fb_pool_asked(w->object, &asked);
	if (asked.wrong != NULL) {
		complain(w, FB_ANNOTATION_ASKED " \"%s\" is not one address of each family",
			 asked.wrong);
		w->changed = true;
	}
	for (uint32_t i = 0; i < asked.n && rc == 0; i++)
		rc = ask(w, &asked.v[i]);
	w->refused = asked.wrong != NULL || w->n_ingress < asked.n;
	return rc;
}

static bool has_ingress(const struct work *w, enum fb_family family)
{
	bool has = false;

	for (uint32_t i = 0; i < w->n_ingress; i++)
		has |= fb_addr_family(&w->ingress[i].addr) == family;
	return has;
}

/* Still to be allotted a load balancer address of that family? */
static bool wants_family(const struct work *w, const struct fb_pool_families *families,
			 enum fb_family family)
{
	const struct fb_model_service *service = &w->full->service;

	return (service->n_cluster_ips == 0 || has_cluster_ip(service, family)) &&
	       !has_ingress(w, family) && fb_pool_has_family(families, family);
}

static int settle_balancer(struct work *w, const struct fb_pool_families *families)
{
	struct fb_model_service *service = &w->full->service;
	/* Who asks for one that is refused is not given another. */
	bool wants = fb_pool_wants_balancer(w->pool->config, w->object) && !w->refused &&
		     w->pool->config->n_pools > 0;
	int rc = 0;

	for (int f = 0; f < FB_FAMILY_COUNT; f++) {
		if (!wants_family(w, families, (enum fb_family)f) || !wants)
			give_back(w, &w->record->balancer[f]);
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

/* ---- NodePorts ---- */

static uint16_t kept_port(const struct work *w, uint16_t port, uint8_t proto)
{
	const struct fb_pool_record *record = w->record;

	for (uint32_t i = 0; i < record->n_ports; i++) {
		if (record->ports[i].port == port && record->ports[i].proto == proto &&
		    fb_pool_is_node_port(w->pool, record->ports[i].node_port))
			return record->ports[i].node_port;
	}
	return 0;
}

/* As the API server does: 53/UDP and 53/TCP of one Service have one number. */
static uint16_t twin_port(const struct work *w, uint32_t i)
{
	const struct fb_service_port *ports = w->ports;

	for (uint32_t j = 0; j < w->full->service.n_ports; j++) {
		bool taken = ports[j].node_port == 0 || ports[j].port != ports[i].port;
		const struct fb_pool_use *use = NULL;

		while (!taken &&
		       (use = fb_pool_use_next(w->pool, NULL, ports[j].node_port, use)) != NULL)
			taken = use->record != w->record;
		for (uint32_t k = 0; k < w->full->service.n_ports && !taken; k++)
			taken = k != i && ports[k].node_port == ports[j].node_port &&
				ports[k].proto == ports[i].proto;
		if (!taken)
			return ports[j].node_port;
	}
	return 0;
}

static bool is_in(const struct fb_pool_port *ports, uint32_t n, uint16_t node_port)
{
	bool is = false;

	for (uint32_t i = 0; i < n; i++)
		is |= ports[i].node_port == node_port;
	return is;
}

/* Takes the new list over. */
static void replace_ports(struct work *w, struct fb_pool_port *ports, uint32_t n)
{
	struct fb_pool_record *record = w->record;

	for (uint32_t i = 0; i < record->n_ports; i++) {
		if (!is_in(ports, n, record->ports[i].node_port))
			fb_pool_use_drop(w->pool, record, NULL, record->ports[i].node_port);
	}
	free(record->ports);
	record->ports = ports;
	record->n_ports = n;
}

static int allot_port(struct work *w, uint32_t i, struct fb_pool_port *to)
{
	struct fb_service_port *port = &w->ports[i];
	uint16_t node_port = kept_port(w, port->port, port->proto);

	if (node_port == 0)
		node_port = twin_port(w, i);
	if (node_port == 0)
		node_port = fb_pool_pick_port(w->pool, w->record, port->port, port->proto);
	*to = (struct fb_pool_port){port->port, port->proto, node_port};
	if (node_port == 0) {
		complain(w, "no port of services.node-port-range is left for %u/%s", port->port,
			 fb_protocol_name(port->proto));
		w->waits = true;
		return 0;
	}
	port->node_port = node_port;
	port->own_node_port = true;
	w->changed = true;
	return fb_pool_use_add(w->pool, w->record, NULL, node_port, false);
}

static int settle_ports(struct work *w)
{
	const struct fb_model_service *written = &w->object->service;
	bool wants = fb_pool_wants_ports(w->object);
	struct fb_pool_port *ports = calloc(written->n_ports + 1u, sizeof(*ports));
	uint32_t n = 0;
	int rc = 0;

	if (ports == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < written->n_ports && wants && rc == 0; i++) {
		if (written->ports[i].node_port != 0)
			continue;
		rc = allot_port(w, i, &ports[n]);
		n += ports[n].node_port != 0;
	}
	replace_ports(w, ports, n);
	return rc;
}

static int settle_health(struct work *w)
{
	struct fb_pool_record *record = w->record;
	bool wants = fb_pool_wants_health(w->object);

	if (record->health_port != 0 &&
	    (!wants || !fb_pool_is_node_port(w->pool, record->health_port))) {
		fb_pool_use_drop(w->pool, record, NULL, record->health_port);
		record->health_port = 0;
	}
	if (!wants)
		return 0;
	if (record->health_port == 0)
		record->health_port = fb_pool_pick_port(w->pool, record, 0, 0);
	if (record->health_port == 0) {
		complain(w, "no port of services.node-port-range is left for its "
			    "healthCheckNodePort");
		w->waits = true;
		return 0;
	}
	w->full->service.health_check_node_port = record->health_port;
	w->changed = true;
	return fb_pool_use_add(w->pool, record, NULL, record->health_port, false);
}

/* ---- a round ---- */

static int claim_written(struct work *w)
{
	int rc = claim_others(w);

	if (rc == 0)
		rc = claim_cluster(w);
	if (rc == 0)
		rc = claim_ports(w);
	if (rc == 0)
		rc = claim_asked(w);
	return rc;
}

static int begin(struct work *w)
{
	const char *said = fb_labels_get(&w->object->meta.annotations, FB_ANNOTATION_SHARING);
	struct fb_pool_record *record = w->record;
	char *key = strdup(said != NULL ? said : "");

	w->full = fb_object_completed(w->object, &w->ports);
	if (key == NULL || w->full == NULL) {
		free(key);
		return -ENOMEM;
	}
	w->pool->changed |= strcmp(record->sharing_key, key) != 0;
	free(record->sharing_key);
	record->sharing_key = key;
	(void)fb_object_hold(w->object);
	fb_object_release(record->object);
	record->object = w->object;
	record->done = false;
	fb_pool_uses_stale(record);
	for (int f = 0; f < FB_FAMILY_COUNT; f++) {
		if (!fb_pool_wants_cluster(w->pool->config, w->object))
			give_back(w, &record->cluster[f]);
		if (!fb_pool_wants_balancer(w->pool->config, w->object))
			give_back(w, &record->balancer[f]);
	}
	if (!fb_pool_wants_ports(w->object))
		replace_ports(w, NULL, 0);
	return 0;
}

static int finish(struct work *w, struct fb_store *store, struct fb_errs *errs)
{
	struct fb_pool_record *record = w->record;
	struct fb_pool_families families;
	int rc;

	fb_pool_families(w->pool->config, w->object, &families);
	rc = settle_cluster(w, &families);
	if (rc == 0)
		rc = settle_balancer(w, &families);
	if (rc == 0)
		rc = settle_ports(w);
	if (rc == 0)
		rc = settle_health(w);
	fb_pool_uses_sweep(w->pool, record);
	if (rc == 0)
		rc = keep_trouble(w, errs);
	if (rc != 0)
		return rc;
	fb_store_complete(store, record->namespace_, record->name, w->changed ? w->full : NULL);
	w->pool->n_waiting += (uint32_t)w->waits - (uint32_t)record->waiting;
	record->waiting = w->waits;
	record->waits_since = w->pool->n_freed;
	record->done = true;
	return 0;
}

static int compare_work(const void *left, const void *right)
{
	const struct work *a = left;
	const struct work *b = right;
	int order = fb_object_compare_age(a->object, b->object);

	if (order == 0)
		order = strcmp(a->record->namespace_, b->record->namespace_);
	return order != 0 ? order : strcmp(a->record->name, b->record->name);
}

static int run(struct round *round, struct fb_store *store, struct fb_errs *errs)
{
	int rc = 0;

	if (round->n > 1)
		qsort(round->v, round->n, sizeof(*round->v), compare_work);
	for (size_t i = 0; i < round->n && rc == 0; i++)
		rc = begin(&round->v[i]);
	for (size_t i = 0; i < round->n && rc == 0; i++)
		rc = claim_written(&round->v[i]);
	for (size_t i = 0; i < round->n && rc == 0; i++)
		rc = finish(&round->v[i], store, errs);
	for (size_t i = 0; i < round->n; i++)
		fb_object_release(round->v[i].full);
	free(round->v);
	return rc;
}

/* Those that changed; those that went give all back at once. */
static int collect(struct round *round, struct fb_store *store)
{
	struct fb_store_service *service = NULL;

	round->v = calloc(fb_store_n_dirty(store) + 1, sizeof(*round->v));
	if (round->v == NULL)
		return -ENOMEM;
	while ((service = fb_store_dirty_next(store, service)) != NULL) {
		struct fb_pool_record *record;
		struct fb_store_view view;

		fb_store_service_view(service, &view);
		record = fb_pool_record_find(round->pool, view.namespace_, view.name);
		if (view.written == NULL) {
			if (record != NULL && record->object != NULL)
				fb_pool_record_drop(round->pool, record);
			continue;
		}
		if (record != NULL && record->done && record->object == view.written)
			continue;
		if (record == NULL)
			record = fb_pool_record_make(round->pool, view.namespace_, view.name);
		if (record == NULL)
			return -ENOMEM;
		round->v[round->n++] = (struct work){.pool = round->pool,
						     .record = record,
						     .object = view.written};
	}
	return 0;
}

/* Those that waited for what has become free. */
static int collect_waiting(struct round *round, struct fb_store *store)
{
	struct fb_pool *pool = round->pool;
	struct fb_index_link *link = NULL;

	*round = (struct round){.pool = pool};
	round->v = calloc(pool->n_waiting + 1u, sizeof(*round->v));
	if (round->v == NULL)
		return -ENOMEM;
	while (pool->n_waiting > 0 && (link = fb_index_walk(&pool->records, link)) != NULL) {
		struct fb_pool_record *record = (struct fb_pool_record *)link;

		if (!record->waiting || record->waits_since == pool->n_freed)
			continue;
		fb_store_dirty(store, record->namespace_, record->name);
		round->v[round->n++] =
			(struct work){.pool = pool, .record = record, .object = record->object};
	}
	return 0;
}

int fb_pool_allot(struct fb_pool *pool, struct fb_store *store, struct fb_errs *errs)
{
	struct round round = {.pool = pool};
	int rc = collect(&round, store);

	if (rc != 0) {
		free(round.v);
		return rc;
	}
	rc = run(&round, store, errs);
	if (rc == 0)
		rc = collect_waiting(&round, store);
	if (rc == 0)
		rc = run(&round, store, errs);
	return rc;
}
