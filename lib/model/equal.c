/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Do two objects say the same? Written field by field: structs have padding and pointers. A field
 * that is added to objects.h belongs here too; the unit test changes every field once and expects a
 * difference.
 */

#include "model/objects.h"

#include <string.h>

static bool same(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static bool same_labels(const struct fb_labels *a, const struct fb_labels *b)
{
	if (a->n != b->n)
		return false;
	for (uint32_t i = 0; i < a->n; i++) {
		if (!same(a->v[i].key, b->v[i].key) || !same(a->v[i].value, b->v[i].value))
			return false;
	}
	return true;
}

static bool same_addrs(const struct fb_addr *a, uint32_t n_a, const struct fb_addr *b, uint32_t n_b)
{
	return n_a == n_b && (n_a == 0 || memcmp(a, b, n_a * sizeof(*a)) == 0);
}

static bool same_strings(const char *const *a, uint32_t n_a, const char *const *b, uint32_t n_b)
{
	if (n_a != n_b)
		return false;
	for (uint32_t i = 0; i < n_a; i++) {
		if (!same(a[i], b[i]))
			return false;
	}
	return true;
}

static bool same_service_port(const struct fb_service_port *a, const struct fb_service_port *b)
{
	return a->port == b->port && a->target_port == b->target_port &&
	       a->node_port == b->node_port && a->proto == b->proto && same(a->name, b->name) &&
	       same(a->app_protocol, b->app_protocol) && same(a->target_name, b->target_name);
}

static bool same_ingress(const struct fb_ingress *a, const struct fb_ingress *b)
{
	return a->has_addr == b->has_addr && a->proxy == b->proxy &&
	       (!a->has_addr || fb_addr_equal(&a->addr, &b->addr)) &&
	       same(a->hostname, b->hostname);
}

static bool same_service_lists(const struct fb_model_service *a, const struct fb_model_service *b)
{
	if (a->n_ports != b->n_ports || a->n_ingress != b->n_ingress ||
	    a->n_source_ranges != b->n_source_ranges || a->n_weights != b->n_weights)
		return false;
	for (uint32_t i = 0; i < a->n_weights; i++) {
		if (a->weights[i].weight != b->weights[i].weight ||
		    !same(a->weights[i].node_name, b->weights[i].node_name) ||
		    !fb_addr_equal(&a->weights[i].addr, &b->weights[i].addr))
			return false;
	}
	for (uint32_t i = 0; i < a->n_ports; i++) {
		if (!same_service_port(&a->ports[i], &b->ports[i]))
			return false;
	}
	for (uint32_t i = 0; i < a->n_ingress; i++) {
		if (!same_ingress(&a->ingress[i], &b->ingress[i]))
			return false;
	}
	for (uint32_t i = 0; i < a->n_source_ranges; i++) {
		if (a->source_ranges[i].len_bits != b->source_ranges[i].len_bits ||
		    !fb_addr_equal(&a->source_ranges[i].addr, &b->source_ranges[i].addr))
			return false;
	}
	return same_addrs(a->external_ips, a->n_external_ips, b->external_ips, b->n_external_ips) &&
	       same_addrs(a->cluster_ips, a->n_cluster_ips, b->cluster_ips, b->n_cluster_ips) &&
	       a->n_ip_families == b->n_ip_families &&
	       memcmp(a->ip_families, b->ip_families, a->n_ip_families) == 0;
}

static bool same_service(const struct fb_model_service *a, const struct fb_model_service *b)
{
	return a->type == b->type && a->headless == b->headless &&
	       a->publish_not_ready == b->publish_not_ready &&
	       a->allocate_node_ports == b->allocate_node_ports &&
	       a->has_load_balancer_ip == b->has_load_balancer_ip &&
	       (!a->has_load_balancer_ip ||
		fb_addr_equal(&a->load_balancer_ip, &b->load_balancer_ip)) &&
	       a->ip_family_policy == b->ip_family_policy &&
	       a->external_policy == b->external_policy &&
	       a->internal_policy == b->internal_policy && a->distribution == b->distribution &&
	       a->mode == b->mode && a->affinity_timeout_s == b->affinity_timeout_s &&
	       a->selection == b->selection && a->slow_start_s == b->slow_start_s &&
	       a->drain_deadline_s == b->drain_deadline_s && a->new_flow_rate == b->new_flow_rate &&
	       a->removed_tcp_s == b->removed_tcp_s && a->tcp_mss == b->tcp_mss &&
	       a->syn_proxy == b->syn_proxy && a->syn_proxy_wscale == b->syn_proxy_wscale &&
	       a->health_check_node_port == b->health_check_node_port &&
	       same(a->cluster_ip, b->cluster_ip) &&
	       same(a->load_balancer_class, b->load_balancer_class) &&
	       same(a->external_name, b->external_name) &&
	       same_labels(&a->selector, &b->selector) && same_service_lists(a, b);
}

static bool same_endpoint_ports(const struct fb_endpoint_port *a, uint32_t n_a,
				const struct fb_endpoint_port *b, uint32_t n_b)
{
	if (n_a != n_b)
		return false;
	for (uint32_t i = 0; i < n_a; i++) {
		if (a[i].port != b[i].port || a[i].proto != b[i].proto ||
		    !same(a[i].name, b[i].name) || !same(a[i].app_protocol, b[i].app_protocol))
			return false;
	}
	return true;
}

static bool same_slice_endpoint(const struct fb_slice_endpoint *a,
				const struct fb_slice_endpoint *b)
{
	return a->ready == b->ready && a->serving == b->serving &&
	       a->terminating == b->terminating && same(a->hostname, b->hostname) &&
	       same(a->target_name, b->target_name) && same(a->node_name, b->node_name) &&
	       same(a->zone, b->zone) && same_addrs(a->addrs, a->n_addrs, b->addrs, b->n_addrs) &&
	       same_strings(a->hint_zones, a->n_hint_zones, b->hint_zones, b->n_hint_zones) &&
	       same_strings(a->hint_nodes, a->n_hint_nodes, b->hint_nodes, b->n_hint_nodes);
}

static bool same_slice(const struct fb_endpoint_slice *a, const struct fb_endpoint_slice *b)
{
	if (a->fqdn != b->fqdn || a->family != b->family || !same(a->service, b->service) ||
	    a->n_endpoints != b->n_endpoints ||
	    !same_endpoint_ports(a->ports, a->n_ports, b->ports, b->n_ports))
		return false;
	for (uint32_t i = 0; i < a->n_endpoints; i++) {
		if (!same_slice_endpoint(&a->endpoints[i], &b->endpoints[i]))
			return false;
	}
	return true;
}

static bool same_addresses(const struct fb_endpoints_address *a, uint32_t n_a,
			   const struct fb_endpoints_address *b, uint32_t n_b)
{
	if (n_a != n_b)
		return false;
	for (uint32_t i = 0; i < n_a; i++) {
		if (!fb_addr_equal(&a[i].addr, &b[i].addr) || !same(a[i].hostname, b[i].hostname) ||
		    !same(a[i].target_name, b[i].target_name) ||
		    !same(a[i].node_name, b[i].node_name))
			return false;
	}
	return true;
}

static bool same_endpoints(const struct fb_endpoints *a, const struct fb_endpoints *b)
{
	if (a->n_subsets != b->n_subsets)
		return false;
	for (uint32_t i = 0; i < a->n_subsets; i++) {
		const struct fb_endpoints_subset *x = &a->subsets[i];
		const struct fb_endpoints_subset *y = &b->subsets[i];

		if (!same_addresses(x->ready, x->n_ready, y->ready, y->n_ready) ||
		    !same_addresses(x->not_ready, x->n_not_ready, y->not_ready, y->n_not_ready) ||
		    !same_endpoint_ports(x->ports, x->n_ports, y->ports, y->n_ports))
			return false;
	}
	return true;
}

static bool same_pod(const struct fb_pod *a, const struct fb_pod *b)
{
	if (a->n_ports != b->n_ports)
		return false;
	for (uint32_t i = 0; i < a->n_ports; i++) {
		if (a->ports[i].port != b->ports[i].port || a->ports[i].proto != b->ports[i].proto ||
		    a->ports[i].sidecar != b->ports[i].sidecar ||
		    !same(a->ports[i].name, b->ports[i].name))
			return false;
	}
	return same(a->phase, b->phase) && a->ready == b->ready &&
	       a->terminating == b->terminating && a->finished == b->finished &&
	       a->has_weight == b->has_weight && a->weight == b->weight &&
	       same(a->node_name, b->node_name) && same(a->hostname, b->hostname) &&
	       same(a->subdomain, b->subdomain) &&
	       same_addrs(a->addrs, a->n_addrs, b->addrs, b->n_addrs);
}

static bool same_node(const struct fb_model_node *a, const struct fb_model_node *b)
{
	return a->ready == b->ready && a->leaving == b->leaving &&
	       same_addrs(a->addrs, a->n_addrs, b->addrs, b->n_addrs);
}

bool fb_object_equal(const struct fb_object *a, const struct fb_object *b)
{
	if (a->kind != b->kind || !same(a->meta.namespace_, b->meta.namespace_) ||
	    !same(a->meta.name, b->meta.name) || !same(a->meta.creation, b->meta.creation) ||
	    !same_labels(&a->meta.labels, &b->meta.labels) ||
	    !same_labels(&a->meta.annotations, &b->meta.annotations))
		return false;
	switch (a->kind) {
	case FB_KIND_SERVICE:
		return same_service(&a->service, &b->service);
	case FB_KIND_ENDPOINT_SLICE:
		return same_slice(&a->slice, &b->slice);
	case FB_KIND_ENDPOINTS:
		return same_endpoints(&a->endpoints, &b->endpoints);
	case FB_KIND_POD:
		return same_pod(&a->pod, &b->pod);
	case FB_KIND_NODE:
		return same_node(&a->node, &b->node);
	case FB_KIND_NAMESPACE:
		return true;
	case FB_KIND_COUNT:
		break;
	}
	return false;
}
