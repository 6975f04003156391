/* SPDX-License-Identifier: BSD-3-Clause */

#include "box/names.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

struct fb_names {
	const struct fb_config *config;
	struct fb_dns *dns; /* the table's */
	struct fb_hash_secret secret;
	struct fb_names_settings settings;
	char *service_namespace; /* of the DNS Service; "": none */
	const char *service_name;
	struct fb_addr *addrs; /* the config's, then the Service's */
	uint32_t n_addrs;
	uint64_t namespaces_epoch; /* of the store, as staged last; STALE: never */
	uint64_t pods_epoch;
};

#define STALE UINT64_MAX

/* Names of so many endpoints take 0.2 ms and more. */
#define MANY 1000

/* "kube-system/kube-dns" becomes two strings. */
static int split_service(struct fb_names *names, const char *service)
{
	char *slash;

	names->service_namespace = strdup(service);
	if (names->service_namespace == NULL)
		return -ENOMEM;
	slash = strchr(names->service_namespace, '/');
	names->service_name = "";
	if (slash != NULL) {
		*slash = '\0';
		names->service_name = slash + 1;
	}
	return 0;
}

static struct fb_dns *create_dns(const struct fb_config *config,
				 const struct fb_hash_secret *secret)
{
	const struct fb_dns_settings settings = {
		.domain = config->dns_domain,
		.ttl_s = config->dns_ttl_s,
		.pods = (enum fb_dns_pods)config->dns_pods,
		.forwards = config->n_dns_resolvers > 0,
		.reverse = config->dns_reverse_zones,
		.n_reverse = config->n_dns_reverse_zones,
	};

	return fb_dns_create(secret, &settings);
}

int fb_names_open(const struct fb_config *config, struct fb_table *table, struct fb_names **ret)
{
	struct fb_names *names;

	*ret = NULL;
	if (!config->dns_enabled)
		return 0;
	names = calloc(1, sizeof(*names));
	if (names == NULL)
		return -ENOMEM;
	names->config = config;
	names->settings = (struct fb_names_settings){
		.pod_names = config->dns_pod_names,
		.ignore_empty = config->dns_ignore_empty,
		.namespaces = config->dns_namespaces,
		.n_namespaces = config->n_dns_namespaces,
	};
	fb_names_abort(names);
	/* Hostile names must not pile up in the zone, so nobody else may know the key. */
	(void)fb_hash_secret_draw(&names->secret);
	names->addrs = calloc(FB_DNS_ADDRESSES_MAX, sizeof(*names->addrs));
	if (names->addrs == NULL || split_service(names, config->dns_service) != 0) {
		fb_names_close(names);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < config->n_dns_addresses; i++)
		names->addrs[names->n_addrs++] = config->dns_addresses[i];
	names->dns = create_dns(config, &names->secret);
	if (names->dns == NULL) {
		int rc = errno == EINVAL ? -EINVAL : -ENOMEM;

		fb_names_close(names);
		return rc;
	}
	fb_table_set_dns(table, names->dns);
	*ret = names;
	return 0;
}

void fb_names_close(struct fb_names *names)
{
	if (names == NULL)
		return;
	free(names->addrs);
	free(names->service_namespace);
	free(names);
}

static bool has_addr(const struct fb_names *names, const struct fb_addr *addr)
{
	for (uint32_t i = 0; i < names->n_addrs; i++) {
		if (fb_addr_equal(&names->addrs[i], addr))
			return true;
	}
	return false;
}

/* The DNS Service's addresses are its frontends for UDP port 53. */
static void take_addresses(struct fb_names *names, const struct fb_service_specs *specs)
{
	names->n_addrs = names->config->n_dns_addresses;
	for (uint32_t s = 0; s < specs->n; s++) {
		const struct fb_service_spec *spec = &specs->v[s];

		for (uint32_t f = 0; f < spec->n_frontends && spec->proto == IPPROTO_UDP; f++) {
			const struct fb_frontend_spec *fe = &spec->frontends[f];

			if (fe->port_be == rte_cpu_to_be_16(FB_DNS_PORT) &&
			    names->n_addrs < FB_DNS_ADDRESSES_MAX && !has_addr(names, &fe->addr))
				names->addrs[names->n_addrs++] = fe->addr;
		}
	}
}

static bool is_dns_service(const struct fb_names *names, const char *namespace_, const char *name)
{
	return strcmp(name, names->service_name) == 0 &&
	       strcmp(namespace_, names->service_namespace) == 0;
}

bool fb_names_may_wait(const struct fb_names *names, const struct fb_store *store,
		       const char *namespace_, const char *name)
{
	struct fb_store_view view;
	uint32_t n = 0;

	if (names == NULL || is_dns_service(names, namespace_, name) ||
	    !fb_store_view(store, namespace_, name, &view))
		return false;
	for (uint32_t i = 0; i < view.n_slices; i++)
		n += view.slices[i]->slice.n_endpoints;
	return n >= MANY;
}

int fb_names_stage(struct fb_names *names, const struct fb_store *store, const char *namespace_,
		   const char *name, const struct fb_service_specs *specs, struct fb_errs *errs)
{
	struct fb_dns_service *service;
	int rc;

	if (names == NULL)
		return 0;
	if (is_dns_service(names, namespace_, name))
		take_addresses(names, specs);
	rc = fb_names_build(store, &names->settings, &names->secret, namespace_, name, &service,
			    errs);
	return rc != 0 ? rc : fb_dns_set_service(names->dns, namespace_, name, service);
}

struct namespace_list {
	const struct fb_names_settings *settings;
	const char **v;
	uint32_t n;
};

static void add_namespace(void *arg, const char *name)
{
	struct namespace_list *list = arg;

	if (fb_names_has_namespace(list->settings, name))
		list->v[list->n++] = name;
}

static int settle_namespaces(struct fb_names *names, const struct fb_store *store)
{
	uint64_t epoch = fb_store_namespaces_epoch(store);
	struct namespace_list list = {.settings = &names->settings};
	int rc;

	if (epoch == names->namespaces_epoch)
		return 0;
	list.v = calloc(fb_store_n_namespaces(store) + 1, sizeof(*list.v));
	if (list.v == NULL)
		return -ENOMEM;
	fb_store_each_namespace(store, add_namespace, &list);
	rc = fb_dns_set_namespaces(names->dns, list.v, list.n);
	free(list.v);
	if (rc == 0)
		names->namespaces_epoch = epoch;
	return rc;
}

struct pod_list {
	struct fb_dns_pod_spec *v;
	uint32_t n;
};

/* As CoreDNS: not those that are going away or over, nor those whose node says nothing any more. */
static bool has_name(const struct fb_pod *pod)
{
	return !pod->terminating && !pod->finished && strcmp(pod->phase, "Unknown") != 0;
}

static void add_pod(void *arg, const struct fb_object *object)
{
	struct pod_list *list = arg;

	for (uint32_t i = 0; i < object->pod.n_addrs; i++) {
		if (has_name(&object->pod))
			list->v[list->n++] = (struct fb_dns_pod_spec){object->meta.namespace_,
								      object->pod.addrs[i]};
	}
}

static int settle_pods(struct fb_names *names, const struct fb_store *store)
{
	uint64_t epoch = fb_store_pods_epoch(store);
	struct pod_list list = {NULL, 0};
	int rc;

	if (names->config->dns_pods != FB_DNS_PODS_VERIFIED || epoch == names->pods_epoch)
		return 0;
	list.v = calloc(2 * fb_store_n_objects(store, FB_KIND_POD) + 1, sizeof(*list.v));
	if (list.v == NULL)
		return -ENOMEM;
	fb_store_each_pod(store, add_pod, &list);
	rc = fb_dns_set_pods(names->dns, list.v, list.n);
	free(list.v);
	if (rc == 0)
		names->pods_epoch = epoch;
	return rc;
}

int fb_names_settle(struct fb_names *names, const struct fb_store *store, bool synced,
		    uint32_t now_s)
{
	if (names == NULL)
		return 0;
	if (settle_namespaces(names, store) != 0 || settle_pods(names, store) != 0)
		return -ENOMEM;
	fb_dns_set_addresses(names->dns, names->addrs, names->n_addrs);
	fb_dns_set_synced(names->dns, synced);
	fb_dns_set_serial(names->dns, now_s);
	return 0;
}

void fb_names_abort(struct fb_names *names)
{
	if (names == NULL)
		return;
	names->namespaces_epoch = STALE;
	names->pods_epoch = STALE;
}

const struct fb_addr *fb_names_addresses(const struct fb_names *names, uint32_t *ret_n)
{
	*ret_n = names != NULL ? names->n_addrs : 0;
	return names != NULL ? names->addrs : NULL;
}
