/* SPDX-License-Identifier: BSD-3-Clause */

#include "desired/names.h"

#include <errno.h>
#include <string.h>

#include "desired/endpoints.h"

struct names {
	const struct fb_store *store;
	const struct fb_names_settings *settings;
	const struct fb_store_view *view;
	const struct fb_model_service *service;
	struct fb_arena arena;
	struct fb_dns_host_spec *hosts; /* NULL: only counting */
	uint32_t n_hosts;
	bool no_memory;
};

static void add_host(struct names *n, const struct fb_addr *addr, const char *hostname,
		     const char *pod, const struct fb_dns_port_spec *ports, uint32_t n_ports)
{
	if (hostname[0] == '\0' && n->settings->pod_names)
		hostname = pod;
	if (n->hosts != NULL)
		n->hosts[n->n_hosts] = (struct fb_dns_host_spec){*addr, hostname, ports, n_ports};
	n->n_hosts++;
}

/* Port 0 is none, but whoever has it has a name. */
static const struct fb_dns_port_spec *endpoint_ports(struct names *n,
						     const struct fb_endpoint_port *from,
						     uint32_t n_from, uint32_t *ret_n)
{
	struct fb_dns_port_spec *ports;

	*ret_n = 0;
	if (n->hosts == NULL)
		return NULL;
	ports = fb_arena_alloc(&n->arena, n_from, sizeof(*ports));
	if (ports == NULL) {
		n->no_memory = true;
		return NULL;
	}
	for (uint32_t i = 0; i < n_from; i++) {
		if (from[i].port != 0)
			ports[(*ret_n)++] = (struct fb_dns_port_spec){from[i].name, from[i].port,
								      from[i].proto};
	}
	return ports;
}

static void add_slice(struct names *n, const struct fb_endpoint_slice *slice)
{
	uint32_t n_ports;
	const struct fb_dns_port_spec *ports =
		endpoint_ports(n, slice->ports, slice->n_ports, &n_ports);

	for (uint32_t i = 0; i < slice->n_endpoints && !slice->fqdn && !n->no_memory; i++) {
		const struct fb_slice_endpoint *e = &slice->endpoints[i];

		for (uint32_t a = 0; e->ready && a < e->n_addrs; a++)
			add_host(n, &e->addrs[a], e->hostname, e->target_name, ports, n_ports);
	}
}

static void add_subset(struct names *n, const struct fb_endpoints_subset *subset)
{
	uint32_t n_ports;
	const struct fb_dns_port_spec *ports =
		endpoint_ports(n, subset->ports, subset->n_ports, &n_ports);

	for (uint32_t i = 0; i < subset->n_ready && !n->no_memory; i++) {
		const struct fb_endpoints_address *a = &subset->ready[i];

		add_host(n, &a->addr, a->hostname, a->target_name, ports, n_ports);
	}
}

/* The Service's ports as this pod has them; those that it has not are left out. */
static const struct fb_dns_port_spec *pod_ports(struct names *n, const struct fb_pod *pod,
						uint32_t *ret_n)
{
	struct fb_dns_port_spec *ports;

	*ret_n = 0;
	if (n->hosts == NULL)
		return NULL;
	ports = fb_arena_alloc(&n->arena, n->service->n_ports, sizeof(*ports));
	if (ports == NULL) {
		n->no_memory = true;
		return NULL;
	}
	for (uint32_t i = 0; i < n->service->n_ports; i++) {
		const struct fb_service_port *port = &n->service->ports[i];
		uint16_t number = desired_port_on(pod, port);

		if (number != 0)
			ports[(*ret_n)++] =
				(struct fb_dns_port_spec){port->name, number, port->proto};
	}
	return ports;
}

static void add_pod(struct names *n, const struct fb_object *object)
{
	const struct fb_pod *pod = &object->pod;
	const struct fb_dns_port_spec *ports;
	const char *hostname = strcmp(pod->subdomain, n->view->name) == 0 ? pod->hostname : "";
	uint32_t n_ports;

	if (pod->finished || (!n->service->publish_not_ready && (!pod->ready || pod->terminating ||
								 !desired_has_node(n->store, pod))))
		return;
	ports = pod_ports(n, pod, &n_ports);
	for (uint32_t i = 0; i < pod->n_addrs; i++) {
		if (desired_has_family(n->service, fb_addr_family(&pod->addrs[i])))
			add_host(n, &pod->addrs[i], hostname, object->meta.name, ports, n_ports);
	}
}

static void collect(struct names *n)
{
	const struct fb_store_view *view = n->view;
	struct fb_store_pods walk = {0};
	const struct fb_object *pod;

	n->n_hosts = 0;
	for (uint32_t i = 0; i < view->n_slices; i++)
		add_slice(n, &view->slices[i]->slice);
	if (view->n_slices > 0)
		return;
	if (view->endpoints != NULL) {
		for (uint32_t i = 0; i < view->endpoints->endpoints.n_subsets; i++)
			add_subset(n, &view->endpoints->endpoints.subsets[i]);
		return;
	}
	while ((pod = fb_store_pod_next(n->store, view->service, &walk)) != NULL)
		add_pod(n, pod);
}

bool fb_names_has_namespace(const struct fb_names_settings *settings, const char *namespace_)
{
	for (uint32_t i = 0; i < settings->n_namespaces; i++) {
		if (strcmp(settings->namespaces[i], namespace_) == 0)
			return true;
	}
	return settings->n_namespaces == 0;
}

/* What the Service says, without its endpoints. */
static int describe(struct names *n, struct fb_dns_service_spec *spec)
{
	struct fb_dns_port_spec *ports =
		fb_arena_alloc(&n->arena, n->service->n_ports, sizeof(*ports));

	if (ports == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < n->service->n_ports; i++) {
		const struct fb_service_port *port = &n->service->ports[i];

		ports[i] = (struct fb_dns_port_spec){port->name, port->port, port->proto};
	}
	*spec = (struct fb_dns_service_spec){
		.namespace_ = n->view->namespace_,
		.name = n->view->name,
		.external_name = "",
		.headless = n->service->headless,
		.addrs = n->service->cluster_ips,
		.n_addrs = n->service->n_cluster_ips,
		.ports = ports,
		.n_ports = n->service->n_ports,
	};
	return 0;
}

static int fill_hosts(struct names *n, struct fb_dns_service_spec *spec)
{
	collect(n);
	n->hosts = fb_arena_alloc(&n->arena, n->n_hosts, sizeof(*n->hosts));
	if (n->hosts == NULL)
		return -ENOMEM;
	collect(n);
	if (n->no_memory)
		return -ENOMEM;
	spec->hosts = n->hosts;
	spec->n_hosts = n->n_hosts;
	return 0;
}

/* Slices whose Service is not there: CoreDNS answers the PTR of their addresses, and nothing else.
 * @return as fill() */
static int fill_unknown(struct names *n, struct fb_dns_service_spec *spec)
{
	*spec = (struct fb_dns_service_spec){
		.namespace_ = n->view->namespace_,
		.name = n->view->name,
		.unknown = true,
		.external_name = "",
	};
	if (n->view->n_slices == 0)
		return 0;
	return fill_hosts(n, spec) != 0 ? -ENOMEM : spec->n_hosts > 0;
}

/* @return 1: there are names; 0: there are none; -ENOMEM */
static int fill(struct names *n, struct fb_dns_service_spec *spec)
{
	struct fb_addr addr;

	if (describe(n, spec) != 0)
		return -ENOMEM;
	if (n->service->type == FB_SERVICE_EXTERNAL_NAME) {
		spec->external_name = n->service->external_name;
		/* An address is no name to lead to. */
		return spec->external_name[0] != '\0' &&
		       fb_addr_parse(spec->external_name, &addr) != 0;
	}
	if (fill_hosts(n, spec) != 0)
		return -ENOMEM;
	if (spec->n_hosts > 0)
		return 1;
	/* What a ClusterIP is called CoreDNS says all the same. */
	spec->unknown = n->settings->ignore_empty;
	return !spec->headless;
}

int fb_names_build(const struct fb_store *store, const struct fb_names_settings *settings,
		   const struct fb_hash_secret *secret, const char *namespace_, const char *name,
		   struct fb_dns_service **ret, struct fb_errs *errs)
{
	struct fb_dns_service *service = NULL;
	struct fb_dns_service_spec spec;
	struct fb_store_view view;
	struct names n = {.store = store, .settings = settings, .view = &view};
	int rc = 0;

	if (fb_names_has_namespace(settings, namespace_) &&
	    fb_store_view(store, namespace_, name, &view)) {
		n.service = view.service != NULL ? &view.service->service : NULL;
		rc = n.service != NULL ? fill(&n, &spec) : fill_unknown(&n, &spec);
	}
	if (rc > 0) {
		service = fb_dns_service_build(secret, &spec);
		rc = service == NULL ? -errno : 0;
	}
	if (rc == -EINVAL) {
		const struct fb_object *named =
			view.service != NULL ? view.service : view.slices[0];

		fb_errs_add(errs, named->place, FB_SEV_NOTICE,
			    "Service %s/%s: has no name in DNS: its name or externalName is none",
			    namespace_, name);
		rc = 0;
	}
	fb_arena_fini(&n.arena);
	if (rc == 0)
		*ret = service;
	return rc;
}
