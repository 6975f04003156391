/* SPDX-License-Identifier: BSD-3-Clause */

#include "desired/desired.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/mss.h"
#include "desired/endpoints.h"
#include "desired/nodes.h"
#include "desired/recent.h"
#include "desired/sources.h"

struct build {
	const struct fb_desired_settings *settings;
	const struct fb_store *store;
	const struct fb_store_view *view;
	const struct fb_object *object;
	const struct fb_model_service *service;
	const char *node_name; /* "": no node */
	const char *zone;      /* "": unknown */
	struct fb_service_specs specs;
	/* Source ranges by family, the same for all ports; made when the first port asks. */
	const struct fb_source_range *sources[FB_FAMILY_COUNT];
	uint32_t n_sources[FB_FAMILY_COUNT];
};

/* ClusterIPs, load balancer addresses with source ranges, and the rest may want different things. */
#define PARTS_MAX 3

/* Has the Service entry points at all, and are they ours? */
static bool is_proxied(const struct fb_object *object)
{
	return object != NULL && object->service.type != FB_SERVICE_EXTERNAL_NAME &&
	       !object->service.headless && fb_labels_are_for_proxies(&object->meta.labels);
}

/* What the frontends of one kind want. */
struct way {
	enum desired_set set;
	enum fb_service_mode mode;
	bool filtered; /* by source ranges */
};

static enum fb_service_mode mode_of(const struct build *b, bool local)
{
	if (b->service->mode != FB_MODE_WISH_NONE)
		return b->service->mode == FB_MODE_WISH_DNAT ? FB_MODE_DNAT : FB_MODE_SNAT;
	return local ? FB_MODE_DNAT : b->settings->default_mode;
}

static enum fb_syn_proxy proxy_of(const struct build *b, uint8_t proto)
{
	static const enum fb_syn_proxy wishes[FB_PROXY_WISH_COUNT] = {
		[FB_PROXY_WISH_AUTO] = FB_SYN_PROXY_AUTO,
		[FB_PROXY_WISH_ALWAYS] = FB_SYN_PROXY_ALWAYS,
	};

	return proto == IPPROTO_TCP ? wishes[b->service->syn_proxy] : FB_SYN_PROXY_OFF;
}

static enum fb_selection selection_of(const struct build *b)
{
	static const enum fb_selection wishes[FB_SELECTION_WISH_COUNT] = {
		[FB_SELECTION_WISH_MAGLEV] = FB_SELECT_MAGLEV,
		[FB_SELECTION_WISH_SOURCE_IP] = FB_SELECT_SOURCE_IP,
		[FB_SELECTION_WISH_RANDOM] = FB_SELECT_RANDOM,
		[FB_SELECTION_WISH_ROUND_ROBIN] = FB_SELECT_ROUND_ROBIN,
		[FB_SELECTION_WISH_LEAST_CONNECTIONS] = FB_SELECT_LEAST_CONNECTIONS,
	};

	return b->service->selection != FB_SELECTION_WISH_NONE ? wishes[b->service->selection]
							       : b->settings->selection;
}

static uint32_t said_or(uint32_t said, uint32_t otherwise)
{
	return said != FB_UNSAID ? said : otherwise;
}

static uint32_t removed_tcp_of(const struct build *b)
{
	uint32_t s = said_or(b->service->removed_tcp_s, b->settings->removed_tcp_s);

	return s != FB_FOREVER ? s : FB_NEVER_S;
}

/* As no node, Local has no meaning but to keep the client's address, for the whole Service. */
static struct way way_of(const struct build *b, enum fb_frontend_kind kind, bool has_sources)
{
	bool external = kind != FB_FRONTEND_CLUSTER_IP;
	bool filtered = kind == FB_FRONTEND_LOAD_BALANCER && has_sources;
	enum fb_traffic_policy policy =
		external ? b->service->external_policy : b->service->internal_policy;

	if (b->node_name[0] == '\0')
		return (struct way){policy == FB_TRAFFIC_LOCAL ? DESIRED_ALL : DESIRED_CLUSTER,
				    mode_of(b, b->service->external_policy == FB_TRAFFIC_LOCAL),
				    filtered};
	return (struct way){policy == FB_TRAFFIC_LOCAL ? DESIRED_LOCAL : DESIRED_CLUSTER,
			    mode_of(b, external && policy == FB_TRAFFIC_LOCAL), filtered};
}

static bool same_way(const struct way *a, const struct way *b)
{
	return a->set == b->set && a->mode == b->mode && a->filtered == b->filtered;
}

struct frontends {
	struct fb_frontend_spec *v;
	uint32_t n;
	enum fb_family family;
	const struct fb_port_range *ranges; /* of the port */
	uint32_t n_ranges;
};

/* An address may be written in two fields: the first one names its kind. */
static void add_spec_of(struct frontends *f, const struct fb_frontend_spec *spec)
{
	if (fb_addr_family(&spec->addr) != f->family)
		return;
	for (uint32_t i = 0; i < f->n; i++) {
		if (f->v[i].port_be == spec->port_be && f->v[i].last == spec->last &&
		    fb_addr_equal(&f->v[i].addr, &spec->addr))
			return;
	}
	f->v[f->n++] = *spec;
}

static void add(struct frontends *f, const struct fb_addr *addr, uint16_t port,
		enum fb_frontend_kind kind)
{
	add_spec_of(f, &(struct fb_frontend_spec){.addr = *addr,
						  .port_be = rte_cpu_to_be_16(port),
						  .kind = (uint8_t)kind});
	/* NodePorts are one each, as on a node. */
	for (uint32_t i = 0; i < f->n_ranges && kind != FB_FRONTEND_NODE_PORT; i++) {
		const struct fb_port_range *r = &f->ranges[i];

		add_spec_of(f, &(struct fb_frontend_spec){
				       .addr = *addr,
				       .port_be = r->all ? 0 : rte_cpu_to_be_16(r->first),
				       .kind = (uint8_t)kind,
				       .last = r->last,
				       .shift = (uint16_t)(r->target - r->first)});
	}
}

/*
 * A proxy on a node goes by the status alone. In files nobody may have filled that in, so without a node
 * the address that is asked for counts; what a pool allots is in the status.
 */
static void add_load_balancer(struct frontends *f, const struct build *b, uint16_t port)
{
	const struct fb_model_service *service = b->service;

	for (uint32_t i = 0; i < service->n_ingress; i++) {
		const struct fb_ingress *ingress = &service->ingress[i];

		if (ingress->has_addr && !ingress->proxy)
			add(f, &ingress->addr, port, FB_FRONTEND_LOAD_BALANCER);
	}
	if (service->type == FB_SERVICE_LOAD_BALANCER && service->n_ingress == 0 &&
	    service->has_load_balancer_ip && b->node_name[0] == '\0')
		add(f, &service->load_balancer_ip, port, FB_FRONTEND_LOAD_BALANCER);
}

/* A Service is of its ClusterIPs' families only; without them, of those that it asks for. */
bool desired_has_family(const struct fb_model_service *service, enum fb_family family)
{
	bool has = service->n_cluster_ips == 0 && service->n_ip_families == 0;

	for (uint32_t i = 0; i < service->n_cluster_ips; i++)
		has |= fb_addr_family(&service->cluster_ips[i]) == family;
	for (uint32_t i = 0; i < service->n_ip_families && service->n_cluster_ips == 0; i++)
		has |= service->ip_families[i] == family;
	return has;
}

static void add_frontends(struct frontends *f, const struct build *b,
			  const struct fb_service_port *port)
{
	const struct fb_model_service *service = b->service;

	for (uint32_t i = 0; i < service->n_cluster_ips; i++)
		add(f, &service->cluster_ips[i], port->port, FB_FRONTEND_CLUSTER_IP);
	add_load_balancer(f, b, port->port);
	for (uint32_t i = 0; i < service->n_external_ips; i++)
		add(f, &service->external_ips[i], port->port, FB_FRONTEND_EXTERNAL_IP);
	if (port->node_port == 0)
		return;
	for (uint32_t i = 0; i < b->settings->n_node_addresses; i++)
		add(f, &b->settings->node_addresses[i], port->node_port, FB_FRONTEND_NODE_PORT);
}

/* A port in one family, while its parts are made. */
struct port {
	const struct fb_service_port *port;
	struct frontends frontends;
	struct desired_candidates candidates;
	const struct fb_source_range *sources;
	uint32_t n_sources;
	struct way ways[FB_FRONTEND_KIND_COUNT];
	bool to_nodes; /* the candidates are nodes */
	uint8_t n_parts;
};

/* One spec: those of the port's frontends that want the same as a kind does. */
static int add_spec(struct build *b, struct port *p, const struct way *way)
{
	struct fb_arena *arena = &b->specs.arena;
	const struct frontends *f = &p->frontends;
	struct fb_frontend_spec *frontends = fb_arena_alloc(arena, f->n, sizeof(*frontends));
	struct fb_service_spec spec = {
		.port = p->port->port,
		.proto = p->port->proto,
		.family = (uint8_t)f->family,
		.mode = (uint8_t)way->mode,
		.part = p->n_parts,
		.selection = (uint8_t)selection_of(b),
		.affinity_s = b->service->affinity_timeout_s,
		.slow_start_s = said_or(b->service->slow_start_s, b->settings->slow_start_s),
		.drain_deadline_s =
			said_or(b->service->drain_deadline_s, b->settings->drain_deadline_s),
		.removed_tcp_s = removed_tcp_of(b),
		.new_flow_rate = said_or(b->service->new_flow_rate, b->settings->new_flow_rate),
		.tcp_mss = p->port->proto == IPPROTO_TCP ? b->service->tcp_mss : FB_MSS_OFF,
		.syn_proxy = (uint8_t)proxy_of(b, p->port->proto),
		.syn_proxy_wscale = (uint8_t)said_or(b->service->syn_proxy_wscale, FB_SYN_PROXY_WSCALE),
		.frontends = frontends,
		.sources = way->filtered ? p->sources : NULL,
		.n_sources = way->filtered ? p->n_sources : 0,
	};

	if (frontends == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < f->n; i++) {
		if (same_way(&p->ways[f->v[i].kind], way))
			frontends[spec.n_frontends++] = f->v[i];
	}
	if (spec.n_frontends == 0)
		return 0;
	if (desired_choose(arena, &p->candidates, way->set, &spec) != 0)
		return -ENOMEM;
	spec.namespace_ = fb_arena_strdup(arena, b->view->namespace_);
	spec.name = fb_arena_strdup(arena, b->view->name);
	spec.port_name = fb_arena_strdup(arena, p->port->name);
	if (spec.namespace_ == NULL || spec.name == NULL || spec.port_name == NULL)
		return -ENOMEM;
	b->specs.v[b->specs.n++] = spec;
	p->n_parts++;
	return 0;
}

static int add_parts(struct build *b, struct port *p)
{
	static const enum fb_frontend_kind order[] = {FB_FRONTEND_CLUSTER_IP,
						      FB_FRONTEND_LOAD_BALANCER,
						      FB_FRONTEND_EXTERNAL_IP,
						      FB_FRONTEND_NODE_PORT};
	int rc = 0;

	_Static_assert(sizeof(order) / sizeof(order[0]) == FB_FRONTEND_KIND_COUNT, "each once");
	for (size_t i = 0; i < FB_FRONTEND_KIND_COUNT; i++) {
		p->ways[i] = way_of(b, (enum fb_frontend_kind)i, p->n_sources > 0);
		/* Local has decided among them already. */
		if (p->to_nodes)
			p->ways[i].set = DESIRED_CLUSTER;
	}
	for (size_t i = 0; i < FB_FRONTEND_KIND_COUNT && rc == 0; i++) {
		bool done = false;

		for (size_t k = 0; k < i; k++)
			done |= same_way(&p->ways[order[k]], &p->ways[order[i]]);
		if (!done)
			rc = add_spec(b, p, &p->ways[order[i]]);
	}
	return rc;
}

static bool wants_nodes(const struct build *b)
{
	return b->service->targets != FB_TARGETS_WISH_NONE ?
		       b->service->targets == FB_TARGETS_WISH_NODES :
		       b->settings->to_nodes;
}

static int build_port(struct build *b, const struct fb_service_port *port, enum fb_family family)
{
	struct fb_arena *arena = &b->specs.arena;
	struct port p = {.port = port, .frontends = {.family = family}};
	struct desired_query query = {
		.store = b->store,
		.view = b->view,
		.port = port,
		.family = family,
		.node_name = b->node_name,
		.zone = b->zone,
		.recent = b->settings->recent,
	};
	uint32_t most = b->service->n_cluster_ips + b->service->n_ingress + 1 +
			b->service->n_external_ips + b->settings->n_node_addresses;

	if (!desired_has_family(b->service, family))
		return 0;
	/* A NodePort that was allotted here is known to no node; and a node has no ranges of them. */
	p.to_nodes = wants_nodes(b) && port->node_port != 0 && !port->own_node_port;
	p.frontends.ranges = port->ranges;
	p.frontends.n_ranges = p.to_nodes ? 0 : port->n_ranges;
	p.frontends.v = fb_arena_alloc(arena, (size_t)most * (1 + p.frontends.n_ranges),
				       sizeof(*p.frontends.v));
	if (p.frontends.v == NULL)
		return -ENOMEM;
	add_frontends(&p.frontends, b, port);
	if (p.frontends.n == 0)
		return 0;
	if (desired_collect(arena, &query, &p.candidates) != 0)
		return -ENOMEM;
	if (b->sources[family] == NULL &&
	    desired_sources(arena, b->service, family, &b->sources[family],
			    &b->n_sources[family]) != 0)
		return -ENOMEM;
	p.sources = b->sources[family];
	p.n_sources = b->n_sources[family];
	if (p.to_nodes && desired_to_nodes(arena, &query, &p.candidates, &p.candidates) != 0)
		return -ENOMEM;
	return add_parts(b, &p);
}

/* What is asked for and has no entry point, so that nobody waits for an answer. */
static void report(const struct build *b, struct fb_errs *errs)
{
	bool has_node_port = false;
	bool given = true;

	for (uint32_t i = 0; i < b->service->n_ports; i++)
		has_node_port |= b->service->ports[i].node_port != 0;
	for (uint32_t i = 0; i < b->service->n_ports; i++)
		given &= b->service->ports[i].node_port != 0 && !b->service->ports[i].own_node_port;
	for (uint32_t i = 0; i < b->service->n_ports && wants_nodes(b); i++) {
		const struct fb_service_port *port = &b->service->ports[i];

		if (port->n_ranges > 0 && port->node_port != 0 && !port->own_node_port)
			fb_errs_add(errs, b->object->place, FB_SEV_NOTICE,
				    "Service %s/%s: its port ranges are not answered, its targets "
				    "are nodes",
				    b->view->namespace_, b->view->name);
	}
	if (b->service->targets == FB_TARGETS_WISH_NODES && !given)
		fb_errs_add(errs, b->object->place, FB_SEV_NOTICE,
			    "Service %s/%s: its targets should be nodes, but not every port has a "
			    "nodePort in the manifest; those without go to the pods",
			    b->view->namespace_, b->view->name);
	if (has_node_port && b->settings->n_node_addresses == 0)
		fb_errs_add(errs, b->object->place, FB_SEV_NOTICE,
			    "Service %s/%s: its nodePorts are not answered, there is no node "
			    "address",
			    b->view->namespace_, b->view->name);
	if (b->service->n_cluster_ips == 0 && b->service->n_external_ips == 0 &&
	    b->service->n_ingress == 0 && !b->service->has_load_balancer_ip && !has_node_port)
		fb_errs_add(errs, b->object->place, FB_SEV_NOTICE,
			    "Service %s/%s: has no address yet (clusterIP, externalIPs, "
			    "status.loadBalancer or loadBalancerIP)",
			    b->view->namespace_, b->view->name);
}

int fb_desired_build(const struct fb_store *store, const struct fb_desired_settings *settings,
		     const char *namespace_, const char *name, struct fb_service_specs *ret,
		     struct fb_errs *errs)
{
	struct fb_store_view view;
	struct build b = {.settings = settings, .store = store, .view = &view};
	int rc = 0;

	if (!fb_store_view(store, namespace_, name, &view) || !is_proxied(view.service)) {
		desired_recent_settle(settings->recent, namespace_, name, NULL);
		*ret = b.specs;
		return 0;
	}
	desired_recent_settle(settings->recent, namespace_, name, &view);
	b.object = view.service;
	b.service = &view.service->service;
	b.specs.place = b.object->place;
	b.node_name = settings->node_name != NULL ? settings->node_name : "";
	b.zone = settings->zone != NULL ? settings->zone : "";
	if (b.zone[0] == '\0')
		b.zone = desired_zone_of(store, b.node_name);
	b.specs.v = fb_arena_alloc(&b.specs.arena,
				   (size_t)b.service->n_ports * FB_FAMILY_COUNT * PARTS_MAX,
				   sizeof(*b.specs.v));
	if (b.specs.v == NULL)
		rc = -ENOMEM;
	for (uint32_t i = 0; rc == 0 && i < b.service->n_ports; i++) {
		for (int family = 0; rc == 0 && family < FB_FAMILY_COUNT; family++)
			rc = build_port(&b, &b.service->ports[i], (enum fb_family)family);
	}
	if (rc != 0) {
		fb_service_specs_free(&b.specs);
		return rc;
	}
	report(&b, errs);
	*ret = b.specs;
	return 0;
}

void fb_service_specs_free(struct fb_service_specs *specs)
{
	fb_arena_fini(&specs->arena);
	specs->v = NULL;
	specs->n = 0;
}
