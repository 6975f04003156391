/* SPDX-License-Identifier: BSD-3-Clause */

/* kind: EndpointSlice (discovery.k8s.io/v1, v1beta1) and the older Endpoints (v1). */

#include <netinet/in.h>
#include <string.h>

#include "manifest/kinds.h"

/* The API server's own bound on addresses of one endpoint (discovery validation). */
#define ADDRESSES_MAX 100

/* Index of the address types below. */
enum { TYPE_IPV4, TYPE_IPV6, TYPE_FQDN, TYPE_COUNT };

/* A slice may hold the port 0, which nobody sends to: Kubernetes bounds only the older kind's. */
static uint32_t read_ports(const struct field *list, uint16_t least,
			   const struct fb_endpoint_port **ret)
{
	uint32_t n = field_list(list);
	struct fb_endpoint_port *ports = field_alloc(list, n, sizeof(*ports));

	if (ports == NULL)
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		struct field item = field_at(list, i);
		struct field f = field_get(&item, "name");

		(void)field_is(&item, FB_NODE_MAPPING);
		ports[i].name = "";
		if (f.node != NULL && (f.node->kind != FB_NODE_STRING || f.node->text[0] != '\0'))
			ports[i].name = field_name(&f, NAME_LABEL);
		f = field_get(&item, "port");
		ports[i].port = (uint16_t)field_int(&f, least, 65535, "a port", 0);
		f = field_get(&item, "protocol");
		ports[i].proto = field_protocol(&f);
		f = field_get(&item, "appProtocol");
		ports[i].app_protocol = field_string(&f);
	}
	*ret = ports;
	return n;
}

static uint32_t read_hints(const struct field *endpoint, const char *key, const char *const **ret)
{
	struct field hints = field_get(endpoint, "hints");
	struct field list = field_get(&hints, key);
	uint32_t n = field_list(&list);
	const char **names = field_alloc(&list, n, sizeof(*names));

	if (names == NULL)
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		struct field item = field_at(&list, i);
		struct field f = field_get(&item, "name");

		names[i] = field_string(&f);
	}
	*ret = names;
	return n;
}

static void read_slice_addresses(const struct field *endpoint, enum fb_family family,
				 struct fb_slice_endpoint *ret)
{
	struct field list = field_get(endpoint, "addresses");
	uint32_t n = field_list(&list);
	struct fb_addr *addrs;

	if (n == 0 || n > ADDRESSES_MAX) {
		if (list.node == NULL || list.node->kind == FB_NODE_SEQUENCE)
			field_error(&list, "has %u addresses (1 to %d)", n, ADDRESSES_MAX);
		return;
	}
	addrs = field_alloc(&list, n, sizeof(*addrs));
	if (addrs == NULL)
		return;
	for (uint32_t i = 0; i < n; i++) {
		struct field f = field_at(&list, i);
		char shown[FIELD_SHOWN_SIZE];

		if (f.node == NULL)
			field_error(&f, "is empty");
		else if (field_unicast(&f, &addrs[i]) && fb_addr_family(&addrs[i]) != family)
			field_error(&f, "%s is not of the slice's addressType %s",
				    field_show(&f, shown), fb_ip_family_names[family]);
	}
	ret->addrs = addrs;
	ret->n_addrs = n;
}

/* The pod behind an endpoint: targetRef names it, whatever its kind. */
static const char *read_target(const struct field *item)
{
	struct field ref = field_get(item, "targetRef");
	struct field name = field_get(&ref, "name");

	return field_string(&name);
}

static void read_slice_endpoint(const struct field *item, enum fb_family family,
				struct fb_slice_endpoint *ret)
{
	struct field conditions = field_get(item, "conditions");
	struct field topology = field_get(item, "topology"); /* v1beta1 */
	struct field f = field_get(&conditions, "ready");

	(void)field_is(item, FB_NODE_MAPPING);
	read_slice_addresses(item, family, ret);
	ret->ready = field_bool(&f, true);
	f = field_get(&conditions, "serving");
	ret->serving = field_bool(&f, true);
	f = field_get(&conditions, "terminating");
	ret->terminating = field_bool(&f, false);
	f = field_get(item, "hostname");
	ret->hostname = field_string(&f);
	ret->target_name = read_target(item);
	f = field_get(item, "nodeName");
	if (f.node == NULL)
		f = field_get(&topology, "kubernetes.io/hostname");
	ret->node_name = field_string(&f);
	f = field_get(item, "zone");
	if (f.node == NULL)
		f = field_get(&topology, "topology.kubernetes.io/zone");
	ret->zone = field_string(&f);
	ret->n_hint_zones = read_hints(item, "forZones", &ret->hint_zones);
	ret->n_hint_nodes = read_hints(item, "forNodes", &ret->hint_nodes);
}

void kind_read_slice(const struct field *root)
{
	static const char *const types[TYPE_COUNT] = {
		[TYPE_IPV4] = "IPv4", [TYPE_IPV6] = "IPv6", [TYPE_FQDN] = "FQDN"};
	struct fb_object *object = root->reader->object;
	struct fb_endpoint_slice *slice = &object->slice;
	struct field f = field_get(root, "addressType");
	struct field list = field_get(root, "endpoints");
	struct fb_slice_endpoint *endpoints;
	const char *service;
	unsigned int type;
	uint32_t n;

	kind_read_meta(root, NAME_SUBDOMAIN);
	service = fb_labels_get(&object->meta.labels, FB_LABEL_SERVICE_NAME);
	slice->service = service != NULL ? service : "";
	if (slice->service[0] == '\0')
		field_notice(root, "has no label %s and so belongs to no Service",
			     FB_LABEL_SERVICE_NAME);
	if (f.node == NULL)
		field_error(&f, "is missing (IPv4, IPv6, FQDN)");
	type = field_enum(&f, types, TYPE_COUNT, TYPE_IPV4);
	slice->family = type == TYPE_IPV6 ? FB_IPV6 : FB_IPV4;
	slice->fqdn = type == TYPE_FQDN;
	if (slice->fqdn)
		field_notice(&f, "FQDN endpoints are not used");
	f = field_get(root, "ports");
	slice->n_ports = read_ports(&f, 0, &slice->ports);
	n = field_list(&list);
	if (slice->fqdn)
		return;
	endpoints = field_alloc(&list, n, sizeof(*endpoints));
	if (endpoints == NULL)
		return;
	for (uint32_t i = 0; i < n; i++) {
		struct field item = field_at(&list, i);

		if (item.node == NULL)
			field_error(&item, "is empty");
		else
			read_slice_endpoint(&item, slice->family, &endpoints[i]);
	}
	slice->endpoints = endpoints;
	slice->n_endpoints = n;
}

static uint32_t read_addresses(const struct field *list, const struct fb_endpoints_address **ret)
{
	uint32_t n = field_list(list);
	struct fb_endpoints_address *addresses = field_alloc(list, n, sizeof(*addresses));

	if (addresses == NULL)
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		struct field item = field_at(list, i);
		struct field f = field_get(&item, "ip");

		(void)field_is(&item, FB_NODE_MAPPING);
		if (f.node == NULL)
			field_error(&f, "is missing");
		(void)field_unicast(&f, &addresses[i].addr);
		f = field_get(&item, "hostname");
		addresses[i].hostname = field_string(&f);
		addresses[i].target_name = read_target(&item);
		f = field_get(&item, "nodeName");
		addresses[i].node_name = field_string(&f);
	}
	*ret = addresses;
	return n;
}

void kind_read_endpoints(const struct field *root)
{
	struct fb_endpoints *endpoints = &root->reader->object->endpoints;
	struct field list = field_get(root, "subsets");
	uint32_t n = field_list(&list);
	struct fb_endpoints_subset *subsets = field_alloc(&list, n, sizeof(*subsets));

	kind_read_meta(root, NAME_SUBDOMAIN);
	if (subsets == NULL)
		return;
	for (uint32_t i = 0; i < n; i++) {
		struct field item = field_at(&list, i);
		struct field f = field_get(&item, "addresses");

		(void)field_is(&item, FB_NODE_MAPPING);
		subsets[i].n_ready = read_addresses(&f, &subsets[i].ready);
		f = field_get(&item, "notReadyAddresses");
		subsets[i].n_not_ready = read_addresses(&f, &subsets[i].not_ready);
		f = field_get(&item, "ports");
		subsets[i].n_ports = read_ports(&f, 1, &subsets[i].ports);
	}
	endpoints->subsets = subsets;
	endpoints->n_subsets = n;
}
