/* SPDX-License-Identifier: BSD-3-Clause */

/* kind: Service (v1): the fields that decide something, and what must agree among them. */

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "manifest/kinds.h"

#define AFFINITY_DEFAULT_S 10800
#define AFFINITY_MAX_S     86400

static void read_target_port(const struct field *f, struct fb_service_port *port)
{
	int64_t number;

	port->target_name = "";
	port->target_port = port->port;
	if (f->node == NULL)
		return;
	if (scalar_kind_of(f->node, FB_NODE_STRING, &number) == FB_NODE_STRING) {
		port->target_name = f->node->text[0] != '\0' ? field_name(f, NAME_PORT) : "";
		if (port->target_name[0] != '\0')
			port->target_port = 0;
		return;
	}
	port->target_port = (uint16_t)field_int(f, 0, 65535, "a port", port->port);
	if (port->target_port == 0)
		port->target_port = port->port;
}

static void read_port(const struct field *item, struct fb_service_port *port)
{
	struct field f = field_get(item, "name");

	port->name = "";
	port->app_protocol = "";
	port->target_name = "";
	port->proto = IPPROTO_TCP;
	if (!field_is(item, FB_NODE_MAPPING)) {
		if (item->node == NULL)
			field_error(item, "is empty");
		return;
	}
	if (f.node != NULL && (f.node->kind != FB_NODE_STRING || f.node->text[0] != '\0'))
		port->name = field_name(&f, NAME_LABEL);
	f = field_get(item, "port");
	port->port = (uint16_t)field_int(&f, 1, 65535, "a port", 0);
	if (f.node == NULL)
		field_error(&f, "is missing (1 to 65535)");
	f = field_get(item, "protocol");
	port->proto = field_protocol(&f);
	f = field_get(item, "targetPort");
	read_target_port(&f, port);
	f = field_get(item, "nodePort");
	port->node_port = (uint16_t)field_int(&f, 0, 65535, "a port", 0);
	f = field_get(item, "appProtocol");
	port->app_protocol = field_string(&f);
}

/* Two ports of one Service must differ; a Service has few (the API server allows any number). */
static void check_port_pair(const struct field *list, const struct fb_service_port *ports,
			    uint32_t i, uint32_t j)
{
	struct field item = field_at(list, j);
	struct field f;

	if (ports[i].name[0] != '\0' && strcmp(ports[i].name, ports[j].name) == 0) {
		f = field_get(&item, "name");
		field_error(&f, "\"%s\" is also the name of ports[%u]", ports[j].name, i);
	}
	if (ports[i].proto != ports[j].proto)
		return;
	if (ports[i].port != 0 && ports[i].port == ports[j].port) {
		f = field_get(&item, "port");
		field_error(&f, "%u/%s is also ports[%u]", ports[j].port,
			    fb_protocol_name(ports[j].proto), i);
	}
	if (ports[i].node_port != 0 && ports[i].node_port == ports[j].node_port) {
		f = field_get(&item, "nodePort");
		field_error(&f, "%u/%s is also that of ports[%u]", ports[j].node_port,
			    fb_protocol_name(ports[j].proto), i);
	}
}

/* Bound on the quadratic check above, and more than anybody has written. */
#define PORTS_MAX 1000

static void read_ports(const struct field *spec, struct fb_model_service *service)
{
	struct field list = field_get(spec, "ports");
	uint32_t n = field_list(&list);
	struct fb_service_port *ports;

	if (n > PORTS_MAX) {
		field_error(&list, "%u ports are too many (at most %u)", n, PORTS_MAX);
		return;
	}
	ports = field_alloc(&list, n, sizeof(*ports));
	if (ports == NULL)
		return;
	for (uint32_t i = 0; i < n; i++) {
		struct field item = field_at(&list, i);
		struct field name = field_get(&item, "name");

		read_port(&item, &ports[i]);
		if (n > 1 && item.node != NULL &&
		    (name.node == NULL || field_says(&name, "")))
			field_error(&name, "is missing; with two or more ports each needs a name");
		for (uint32_t j = 0; j < i; j++)
			check_port_pair(&list, ports, j, i);
	}
	service->ports = ports;
	service->n_ports = n;
	if (n == 0 && !list.reader->failed && !service->headless &&
	    service->type != FB_SERVICE_EXTERNAL_NAME)
		field_error(&list, "is empty; a Service of type %s needs at least one port",
			    fb_service_type_names[service->type]);
}

/* nodePort needs a type that has them. */
static void check_node_ports(const struct field *spec, const struct fb_model_service *service)
{
	struct field list = field_get(spec, "ports");

	if (service->type != FB_SERVICE_CLUSTER_IP)
		return;
	for (uint32_t i = 0; i < service->n_ports; i++) {
		struct field item = field_at(&list, i);
		struct field f = field_get(&item, "nodePort");

		if (service->ports[i].node_port != 0)
			field_error(&f, "needs type NodePort or LoadBalancer; this one is %s",
				    fb_service_type_names[service->type]);
	}
}

static bool is_none(const struct field *f)
{
	return f->node != NULL && f->node->kind == FB_NODE_STRING &&
	       strcmp(f->node->text, "None") == 0;
}

static bool is_empty(const struct field *f)
{
	return f->node == NULL || (f->node->kind == FB_NODE_STRING && f->node->text[0] == '\0');
}

static void read_cluster_ips(const struct field *spec, struct fb_model_service *service)
{
	struct field one = field_get(spec, "clusterIP");
	struct field list = field_get(spec, "clusterIPs");
	uint32_t n = field_list(&list);
	struct field first = one;
	struct fb_addr single = {{0}};
	uint8_t n_read = 0;

	if (n > 2) {
		field_error(&list, "%u addresses are too many (one of each family)", n);
		return;
	}
	if (n > 0) {
		first = field_at(&list, 0);
		if (!is_empty(&one) && is_none(&one) != is_none(&first))
			field_error(&first, "must be the same as clusterIP");
	}
	if (is_none(&one) || is_none(&first)) {
		service->headless = true;
		if (n > 1)
			field_error(&list, "None stands alone; there cannot be a second address");
		return;
	}
	if (!is_empty(&one) && field_addr(&one, &single)) {
		service->cluster_ips[0] = single;
		n_read = 1;
	}
	for (uint32_t i = 0; i < n; i++) {
		struct field f = field_at(&list, i);

		if (is_empty(&f))
			field_error(&f, "is empty");
		else if (field_addr(&f, &service->cluster_ips[i]))
			n_read = (uint8_t)(i + 1);
	}
	service->n_cluster_ips = n_read;
	if (n_read > 0)
		service->cluster_ip = field_string(is_empty(&one) ? &first : &one);
	if (n > 0 && n_read > 0 && !is_empty(&one) &&
	    !fb_addr_equal(&service->cluster_ips[0], &single))
		field_error(&first, "must be the same as clusterIP");
	if (n_read == 2 && fb_addr_family(&service->cluster_ips[0]) ==
				   fb_addr_family(&service->cluster_ips[1]))
		field_error(&list, "both are %s; two addresses must be of different families",
			    fb_ip_family_names[fb_addr_family(&service->cluster_ips[0])]);
}

static void read_families(const struct field *spec, struct fb_model_service *service)
{
	struct field list = field_get(spec, "ipFamilies");
	uint32_t n = field_list(&list);
	struct field f = field_get(spec, "ipFamilyPolicy");

	service->ip_family_policy = field_enum(&f, fb_ip_family_policy_names,
					       FB_FAMILY_POLICY_COUNT, FB_FAMILY_POLICY_NONE);
	if (n > 2) {
		field_error(&list, "%u families are too many (IPv4, IPv6)", n);
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		f = field_at(&list, i);
		service->ip_families[i] =
			(uint8_t)field_enum(&f, fb_ip_family_names, FB_FAMILY_COUNT, FB_IPV4);
		if (i < service->n_cluster_ips && !f.reader->failed &&
		    service->ip_families[i] != fb_addr_family(&service->cluster_ips[i]))
			field_error(&f, "%s, but clusterIPs[%u] is %s",
				    fb_ip_family_names[service->ip_families[i]], i,
				    fb_ip_family_names[fb_addr_family(&service->cluster_ips[i])]);
	}
	service->n_ip_families = (uint8_t)n;
	if (n == 2 && !f.reader->failed && service->ip_families[0] == service->ip_families[1])
		field_error(&f, "%s is named twice", fb_ip_family_names[service->ip_families[1]]);
}

static void read_external(const struct field *spec, struct fb_model_service *service)
{
	struct field list = field_get(spec, "externalIPs");
	uint32_t n = field_list(&list);
	struct fb_addr *addrs = field_alloc(&list, n, sizeof(*addrs));
	struct field f;

	for (uint32_t i = 0; addrs != NULL && i < n; i++) {
		f = field_at(&list, i);
		if (f.node == NULL)
			field_error(&f, "is empty");
		(void)field_unicast(&f, &addrs[i]);
	}
	service->external_ips = addrs;
	service->n_external_ips = addrs != NULL ? n : 0;
	f = field_get(spec, "loadBalancerIP");
	if (is_empty(&f) || !field_is(&f, FB_NODE_STRING))
		return;
	/* The API server takes any text here, and people leave placeholders in. */
	if (fb_addr_parse(f.node->text, &service->load_balancer_ip) == 0) {
		service->has_load_balancer_ip = true;
	} else {
		char shown[FIELD_SHOWN_SIZE];

		field_notice(&f, "\"%s\" is not an IP address and is ignored",
			     field_show(&f, shown));
	}
}

#define BLANKS " \t\r\n\v\f"

/* A range of len characters, with blanks around it as the API server allows. */
static bool parse_range(const char *at, size_t len, struct fb_prefix *ret)
{
	size_t blanks = strspn(at, BLANKS);
	char text[FB_PREFIX_STRLEN];

	if (blanks >= len)
		return false;
	at += blanks;
	len -= blanks;
	while (strchr(BLANKS, at[len - 1]) != NULL)
		len--;
	if (len >= sizeof(text) || memchr(at, '/', len) == NULL)
		return false;
	memcpy(text, at, len);
	text[len] = '\0';
	return fb_prefix_parse(text, ret, NULL) == 0;
}

static void say_no_range(const struct field *f)
{
	char shown[FIELD_SHOWN_SIZE];

	field_error(f, "\"%s\" is not a range like 192.0.2.0/24", field_show(f, shown));
}

/* The annotation that was there before the field, and counts where that says nothing: with commas. */
static void read_annotated_ranges(const struct field *root, struct fb_model_service *service)
{
	struct field metadata = field_get(root, "metadata");
	struct field annotations = field_get(&metadata, "annotations");
	struct field f = field_get(&annotations, FB_ANNOTATION_SOURCE_RANGES);
	const char *at = f.node != NULL ? field_string(&f) : "";
	struct fb_prefix *ranges;
	uint32_t n = 1;

	if (at[strspn(at, BLANKS)] == '\0')
		return;
	for (const char *c = at; *c != '\0'; c++)
		n += *c == ',';
	ranges = field_alloc(&f, n, sizeof(*ranges));
	for (uint32_t i = 0; ranges != NULL && i < n; i++) {
		size_t len = strcspn(at, ",");

		if (!parse_range(at, len, &ranges[i])) {
			say_no_range(&f);
			return;
		}
		at += len + 1;
	}
	service->source_ranges = ranges;
	service->n_source_ranges = ranges != NULL ? n : 0;
}

static void read_source_ranges(const struct field *root, const struct field *spec,
			       struct fb_model_service *service)
{
	struct field list = field_get(spec, "loadBalancerSourceRanges");
	uint32_t n = field_list(&list);
	struct fb_prefix *ranges = field_alloc(&list, n, sizeof(*ranges));

	for (uint32_t i = 0; ranges != NULL && i < n; i++) {
		struct field f = field_at(&list, i);

		if (!field_is(&f, FB_NODE_STRING) ||
		    !parse_range(f.node->text, strlen(f.node->text), &ranges[i]))
			say_no_range(&f);
	}
	service->source_ranges = ranges;
	service->n_source_ranges = ranges != NULL ? n : 0;
	if (n == 0)
		read_annotated_ranges(root, service);
}

static void read_ingress(const struct field *root, struct fb_model_service *service)
{
	static const char *const modes[] = {"VIP", "Proxy"};
	struct field status = field_get(root, "status");
	struct field balancer = field_get(&status, "loadBalancer");
	struct field list = field_get(&balancer, "ingress");
	uint32_t n = field_list(&list);
	struct fb_ingress *ingress = field_alloc(&list, n, sizeof(*ingress));

	for (uint32_t i = 0; ingress != NULL && i < n; i++) {
		struct field item = field_at(&list, i);
		struct field f = field_get(&item, "hostname");

		(void)field_is(&item, FB_NODE_MAPPING);
		ingress[i].hostname = field_string(&f);
		f = field_get(&item, "ip");
		if (!is_empty(&f))
			ingress[i].has_addr = field_addr(&f, &ingress[i].addr);
		f = field_get(&item, "ipMode");
		/* The mode is one of the address. */
		ingress[i].proxy = field_enum(&f, modes, 2, 0) == 1 && ingress[i].has_addr;
	}
	service->ingress = ingress;
	service->n_ingress = ingress != NULL ? n : 0;
}

static void read_policies(const struct field *spec, struct fb_model_service *service)
{
	struct field f = field_get(spec, "externalTrafficPolicy");
	bool external = service->type == FB_SERVICE_NODE_PORT ||
			service->type == FB_SERVICE_LOAD_BALANCER || service->n_external_ips > 0;

	service->external_policy = field_enum(&f, fb_traffic_policy_names, FB_TRAFFIC_COUNT,
					      FB_TRAFFIC_CLUSTER);
	if (!external)
		service->external_policy = FB_TRAFFIC_NONE;
	f = field_get(spec, "internalTrafficPolicy");
	service->internal_policy = field_enum(&f, fb_traffic_policy_names, FB_TRAFFIC_COUNT,
					      FB_TRAFFIC_CLUSTER);
	f = field_get(spec, "trafficDistribution");
	service->distribution = field_enum(&f, fb_traffic_distribution_names,
					   FB_DISTRIBUTION_COUNT, FB_DISTRIBUTION_NONE);
	f = field_get(spec, "healthCheckNodePort");
	service->health_check_node_port = (uint16_t)field_int(&f, 0, 65535, "a port", 0);
	f = field_get(spec, "publishNotReadyAddresses");
	service->publish_not_ready = field_bool(&f, false);
	f = field_get(spec, "allocateLoadBalancerNodePorts");
	service->allocate_node_ports = field_bool(&f, true);
	f = field_get(spec, "loadBalancerClass");
	service->load_balancer_class = field_string(&f);
}

static void read_affinity(const struct field *spec, struct fb_model_service *service)
{
	static const char *const names[] = {"None", "ClientIP"};
	struct field affinity = field_get(spec, "sessionAffinity");
	struct field config = field_get(spec, "sessionAffinityConfig");
	struct field client = field_get(&config, "clientIP");
	struct field f = field_get(&client, "timeoutSeconds");

	if (field_enum(&affinity, names, 2, 0) == 0)
		return;
	service->affinity_timeout_s = (uint32_t)field_int(&f, 1, AFFINITY_MAX_S,
							  "a number of seconds",
							  AFFINITY_DEFAULT_S);
}

/* A domain's name, perhaps with a dot at its end. Of other types it means nothing. */
static void read_external_name(const struct field *spec, struct fb_model_service *service)
{
	struct field f = field_get(spec, "externalName");
	const char *name = field_string(&f);
	size_t len = strlen(name);
	char whole[256];
	char shown[FIELD_SHOWN_SIZE];

	service->external_name = name;
	if (service->type != FB_SERVICE_EXTERNAL_NAME)
		return;
	if (len == 0) {
		field_error(&f, "is missing; type ExternalName needs it");
		return;
	}
	(void)snprintf(whole, sizeof(whole), "%.*s", (int)(len - (name[len - 1] == '.')), name);
	if (len >= sizeof(whole) || !name_is_subdomain(whole))
		field_error(&f,
			    "\"%s\" is not a domain's name (at most 253 of a-z, 0-9, \"-\" and \".\", "
			    "with a letter or digit at both ends of each part)",
			    field_show(&f, shown));
}

void kind_read_service(const struct field *root)
{
	struct fb_model_service *service = &root->reader->object->service;
	struct field spec = field_get(root, "spec");
	struct field f = field_get(&spec, "type");

	kind_read_meta(root, NAME_LABEL);
	if (spec.node == NULL)
		field_error(&spec, "is missing");
	else
		(void)field_is(&spec, FB_NODE_MAPPING);
	service->type = field_enum(&f, fb_service_type_names, FB_SERVICE_TYPE_COUNT,
				   FB_SERVICE_CLUSTER_IP);
	service->cluster_ip = "";
	if (service->type != FB_SERVICE_EXTERNAL_NAME)
		read_cluster_ips(&spec, service);
	read_families(&spec, service);
	read_ports(&spec, service);
	check_node_ports(&spec, service);
	read_external(&spec, service);
	read_source_ranges(root, &spec, service);
	read_ingress(root, service);
	read_policies(&spec, service);
	read_affinity(&spec, service);
	kind_read_service_annotations(root, service);
	f = field_get(&spec, "selector");
	field_labels(&f, &service->selector);
	read_external_name(&spec, service);
}
