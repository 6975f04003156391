/* SPDX-License-Identifier: BSD-3-Clause */

/* Objects as JSON that parse.c reads back as equal. Fields that say nothing are left out. */

#include <errno.h>

#include "manifest/json.h"
#include "manifest/kinds.h"
#include "manifest/manifest.h"

static int set_text(json_t *to, const char *key, const char *text)
{
	return text[0] == '\0' ? 0 : json_object_set_new(to, key, json_string(text));
}

static int set_number(json_t *to, const char *key, long long number)
{
	return number == 0 ? 0 : json_object_set_new(to, key, json_integer(number));
}

static int set_bool(json_t *to, const char *key, bool value)
{
	return json_object_set_new(to, key, json_boolean(value));
}

static json_t *addr_json(const struct fb_addr *addr)
{
	char text[FB_ADDR_STRLEN];

	return json_string(fb_addr_format(addr, text));
}

/* Takes the value; jansson refuses NULL values itself, which is how a lack of memory gets here. */
static int set_list(json_t *to, const char *key, json_t *list)
{
	if (list != NULL && json_array_size(list) == 0) {
		json_decref(list);
		return 0;
	}
	return json_object_set_new(to, key, list);
}

static int set_labels(json_t *to, const char *key, const struct fb_labels *labels)
{
	json_t *map;

	if (labels->n == 0)
		return 0;
	map = json_object();
	for (uint32_t i = 0; i < labels->n; i++) {
		if (json_object_set_new(map, labels->v[i].key,
					json_string(labels->v[i].value)) != 0) {
			json_decref(map);
			return -1;
		}
	}
	return json_object_set_new(to, key, map);
}

static int set_addrs(json_t *to, const char *key, const struct fb_addr *addrs, uint32_t n)
{
	json_t *list = json_array();
	int rc = 0;

	for (uint32_t i = 0; i < n; i++)
		rc |= json_array_append_new(list, addr_json(&addrs[i]));
	return rc | set_list(to, key, list);
}

static json_t *service_port_json(const struct fb_service_port *port)
{
	json_t *json = json_object();
	int rc = 0;

	rc |= set_text(json, "name", port->name);
	rc |= set_text(json, "protocol", fb_protocol_name(port->proto));
	rc |= set_text(json, "appProtocol", port->app_protocol);
	rc |= set_number(json, "port", port->port);
	rc |= set_number(json, "targetPort", port->target_port);
	rc |= set_text(json, "targetPort", port->target_name);
	rc |= set_number(json, "nodePort", port->node_port);
	if (rc == 0)
		return json;
	json_decref(json);
	return NULL;
}

static json_t *ingress_json(const struct fb_ingress *ingress)
{
	json_t *json = json_object();
	int rc = set_text(json, "hostname", ingress->hostname);

	if (ingress->has_addr) {
		rc |= json_object_set_new(json, "ip", addr_json(&ingress->addr));
		rc |= set_text(json, "ipMode", ingress->proxy ? "Proxy" : "VIP");
	}
	if (rc == 0)
		return json;
	json_decref(json);
	return NULL;
}

static int write_lists(const struct fb_model_service *service, json_t *spec)
{
	json_t *ports = json_array();
	json_t *ranges = json_array();
	json_t *families = json_array();
	int rc = 0;

	for (uint32_t i = 0; i < service->n_ports; i++)
		rc |= json_array_append_new(ports, service_port_json(&service->ports[i]));
	for (uint32_t i = 0; i < service->n_source_ranges; i++) {
		char text[FB_PREFIX_STRLEN];

		(void)fb_prefix_format(&service->source_ranges[i], text);
		rc |= json_array_append_new(ranges, json_string(text));
	}
	for (uint32_t i = 0; i < service->n_ip_families; i++)
		rc |= json_array_append_new(
			families, json_string(fb_ip_family_names[service->ip_families[i]]));
	rc |= set_list(spec, "ports", ports);
	rc |= set_list(spec, "loadBalancerSourceRanges", ranges);
	rc |= set_list(spec, "ipFamilies", families);
	rc |= set_addrs(spec, "externalIPs", service->external_ips, service->n_external_ips);
	return rc;
}

static int write_addresses(const struct fb_model_service *service, json_t *spec)
{
	char text[FB_ADDR_STRLEN];
	int rc = 0;

	if (service->headless)
		rc |= set_text(spec, "clusterIP", "None");
	rc |= set_addrs(spec, "clusterIPs", service->cluster_ips, service->n_cluster_ips);
	if (service->n_cluster_ips > 0)
		rc |= set_text(spec, "clusterIP", fb_service_cluster_ip(service, text));
	if (service->has_load_balancer_ip)
		rc |= json_object_set_new(spec, "loadBalancerIP",
					  addr_json(&service->load_balancer_ip));
	return rc;
}

static int write_affinity(const struct fb_model_service *service, json_t *spec)
{
	if (service->affinity_timeout_s == 0)
		return 0;
	return set_text(spec, "sessionAffinity", "ClientIP") |
	       json_object_set_new(spec, "sessionAffinityConfig",
				   json_pack("{s{sI}}", "clientIP", "timeoutSeconds",
					     (json_int_t)service->affinity_timeout_s));
}

int kind_write_service(const struct fb_object *object, json_t *ret)
{
	const struct fb_model_service *service = &object->service;
	json_t *spec = json_object();
	json_t *ingress = json_array();
	int rc = 0;

	for (uint32_t i = 0; i < service->n_ingress; i++)
		rc |= json_array_append_new(ingress, ingress_json(&service->ingress[i]));
	rc |= set_text(spec, "type", fb_service_type_names[service->type]);
	rc |= write_addresses(service, spec);
	rc |= write_lists(service, spec);
	rc |= write_affinity(service, spec);
	rc |= set_text(spec, "ipFamilyPolicy",
		       fb_ip_family_policy_names[service->ip_family_policy]);
	rc |= set_text(spec, "externalTrafficPolicy",
		       fb_traffic_policy_names[service->external_policy]);
	rc |= set_text(spec, "internalTrafficPolicy",
		       fb_traffic_policy_names[service->internal_policy]);
	rc |= set_text(spec, "trafficDistribution",
		       fb_traffic_distribution_names[service->distribution]);
	rc |= set_text(spec, "loadBalancerClass", service->load_balancer_class);
	rc |= set_text(spec, "externalName", service->external_name);
	rc |= set_number(spec, "healthCheckNodePort", service->health_check_node_port);
	rc |= set_bool(spec, "allocateLoadBalancerNodePorts", service->allocate_node_ports);
	rc |= set_bool(spec, "publishNotReadyAddresses", service->publish_not_ready);
	rc |= set_labels(spec, "selector", &service->selector);
	rc |= json_object_set_new(ret, "spec", spec);
	if (json_array_size(ingress) == 0) {
		json_decref(ingress);
		return rc;
	}
	return rc | json_object_set_new(ret, "status",
					json_pack("{s{so}}", "loadBalancer", "ingress", ingress));
}

static int set_ports(json_t *to, const struct fb_endpoint_port *ports, uint32_t n)
{
	json_t *list = json_array();
	int rc = 0;

	for (uint32_t i = 0; i < n; i++) {
		json_t *json = json_object();

		rc |= set_text(json, "name", ports[i].name);
		rc |= set_text(json, "protocol", fb_protocol_name(ports[i].proto));
		rc |= set_text(json, "appProtocol", ports[i].app_protocol);
		rc |= set_number(json, "port", ports[i].port);
		rc |= json_array_append_new(list, json);
	}
	return rc | set_list(to, "ports", list);
}

static int set_hints(json_t *to, const char *key, const char *const *names, uint32_t n)
{
	json_t *list = json_array();
	int rc = 0;

	for (uint32_t i = 0; i < n; i++)
		rc |= json_array_append_new(list, json_pack("{ss}", "name", names[i]));
	return rc | set_list(to, key, list);
}

static int set_target(json_t *to, const char *name)
{
	if (name[0] == '\0')
		return 0;
	return json_object_set_new(to, "targetRef",
				   json_pack("{s:s,s:s}", "kind", "Pod", "name", name));
}

static json_t *slice_endpoint_json(const struct fb_slice_endpoint *endpoint)
{
	json_t *json = json_object();
	json_t *hints = json_object();
	int rc = set_addrs(json, "addresses", endpoint->addrs, endpoint->n_addrs);

	rc |= json_object_set_new(json, "conditions",
				  json_pack("{sbsbsb}", "ready", endpoint->ready, "serving",
					    endpoint->serving, "terminating",
					    endpoint->terminating));
	rc |= set_text(json, "hostname", endpoint->hostname);
	rc |= set_target(json, endpoint->target_name);
	rc |= set_text(json, "nodeName", endpoint->node_name);
	rc |= set_text(json, "zone", endpoint->zone);
	rc |= set_hints(hints, "forZones", endpoint->hint_zones, endpoint->n_hint_zones);
	rc |= set_hints(hints, "forNodes", endpoint->hint_nodes, endpoint->n_hint_nodes);
	rc |= json_object_set_new(json, "hints", hints);
	if (rc == 0)
		return json;
	json_decref(json);
	return NULL;
}

int kind_write_slice(const struct fb_object *object, json_t *ret)
{
	const struct fb_endpoint_slice *slice = &object->slice;
	json_t *list = json_array();
	int rc = 0;

	for (uint32_t i = 0; i < slice->n_endpoints; i++)
		rc |= json_array_append_new(list, slice_endpoint_json(&slice->endpoints[i]));
	rc |= set_text(ret, "addressType",
		       slice->fqdn ? "FQDN" : fb_ip_family_names[slice->family]);
	rc |= set_ports(ret, slice->ports, slice->n_ports);
	return rc | json_object_set_new(ret, "endpoints", list);
}

static int set_addresses(json_t *to, const char *key, const struct fb_endpoints_address *addresses,
			 uint32_t n)
{
	json_t *list = json_array();
	int rc = 0;

	for (uint32_t i = 0; i < n; i++) {
		json_t *json = json_object();

		rc |= json_object_set_new(json, "ip", addr_json(&addresses[i].addr));
		rc |= set_text(json, "hostname", addresses[i].hostname);
		rc |= set_target(json, addresses[i].target_name);
		rc |= set_text(json, "nodeName", addresses[i].node_name);
		rc |= json_array_append_new(list, json);
	}
	return rc | set_list(to, key, list);
}

int kind_write_endpoints(const struct fb_object *object, json_t *ret)
{
	json_t *list = json_array();
	int rc = 0;

	for (uint32_t i = 0; i < object->endpoints.n_subsets; i++) {
		const struct fb_endpoints_subset *subset = &object->endpoints.subsets[i];
		json_t *json = json_object();

		rc |= set_addresses(json, "addresses", subset->ready, subset->n_ready);
		rc |= set_addresses(json, "notReadyAddresses", subset->not_ready,
				    subset->n_not_ready);
		rc |= set_ports(json, subset->ports, subset->n_ports);
		rc |= json_array_append_new(list, json);
	}
	return rc | json_object_set_new(ret, "subsets", list);
}

static json_t *pod_ports_json(const struct fb_pod *pod, bool sidecar)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < pod->n_ports; i++) {
		json_t *port;

		if (pod->ports[i].sidecar != sidecar)
			continue;
		port = json_pack("{s:i,s:s}", "containerPort", (int)pod->ports[i].port, "protocol",
				 fb_protocol_name(pod->ports[i].proto));
		if (port == NULL || set_text(port, "name", pod->ports[i].name) != 0 ||
		    json_array_append(list, port) != 0) {
			json_decref(list);
			list = NULL;
		}
		json_decref(port);
	}
	return list;
}

/* Which container had them decides nothing: the first of a name counts in any case. */
static int write_pod_ports(const struct fb_pod *pod, json_t *spec)
{
	json_t *sidecars = pod_ports_json(pod, true);
	int rc = json_object_set_new(spec, "containers",
				     json_pack("[{s:s,s:o}]", "name", "all", "ports",
					       pod_ports_json(pod, false)));

	if (sidecars != NULL && json_array_size(sidecars) > 0)
		return rc | json_object_set_new(spec, "initContainers",
						json_pack("[{s:s,s:s,s:o}]", "name", "sidecars",
							  "restartPolicy", "Always", "ports",
							  sidecars));
	json_decref(sidecars);
	return rc;
}

int kind_write_pod(const struct fb_object *object, json_t *ret)
{
	const struct fb_pod *pod = &object->pod;
	json_t *spec = json_object();
	json_t *status = json_object();
	json_t *addrs = json_array();
	int rc = 0;

	for (uint32_t i = 0; i < pod->n_addrs; i++)
		rc |= json_array_append_new(addrs,
					    json_pack("{s:o}", "ip", addr_json(&pod->addrs[i])));
	rc |= set_text(spec, "nodeName", pod->node_name);
	rc |= set_text(spec, "hostname", pod->hostname);
	rc |= set_text(spec, "subdomain", pod->subdomain);
	rc |= write_pod_ports(pod, spec);
	rc |= set_text(status, "phase", pod->phase);
	rc |= json_object_set_new(status, "conditions",
				  json_pack("[{s:s,s:s}]", "type", "Ready", "status",
					    pod->ready ? "True" : "False"));
	if (pod->n_addrs > 0)
		rc |= json_object_set_new(status, "podIP", addr_json(&pod->addrs[0]));
	rc |= set_list(status, "podIPs", addrs);
	/* When it was deleted decides nothing, only that it was. */
	if (pod->terminating)
		rc |= set_text(json_object_get(ret, "metadata"), "deletionTimestamp",
			       "1970-01-01T00:00:00Z");
	rc |= json_object_set_new(ret, "spec", spec);
	return rc | json_object_set_new(ret, "status", status);
}

int kind_write_node(const struct fb_object *object, json_t *ret)
{
	const struct fb_model_node *node = &object->node;
	json_t *spec = json_object();
	json_t *status = json_object();
	json_t *addrs = json_array();
	int rc = 0;

	for (uint32_t i = 0; i < node->n_addrs; i++)
		rc |= json_array_append_new(addrs, json_pack("{s:s,s:o}", "type", "InternalIP",
							     "address", addr_json(&node->addrs[i])));
	if (node->leaving)
		rc |= json_object_set_new(spec, "taints",
					  json_pack("[{s:s,s:s}]", "key", FB_TAINT_LEAVING,
						    "effect", "NoSchedule"));
	rc |= json_object_set_new(status, "conditions",
				  json_pack("[{s:s,s:s}]", "type", "Ready", "status",
					    node->ready ? "True" : "False"));
	rc |= set_list(status, "addresses", addrs);
	rc |= json_object_set_new(ret, "spec", spec);
	return rc | json_object_set_new(ret, "status", status);
}

/* A Namespace's metadata are all that is kept of it. */
static int write_nothing(const struct fb_object *object, json_t *ret)
{
	(void)object;
	(void)ret;
	return 0;
}

static const struct {
	const char *api_version;
	int (*write)(const struct fb_object *object, json_t *ret);
} writers[FB_KIND_COUNT] = {
	[FB_KIND_SERVICE] = {"v1", kind_write_service},
	[FB_KIND_ENDPOINT_SLICE] = {"discovery.k8s.io/v1", kind_write_slice},
	[FB_KIND_ENDPOINTS] = {"v1", kind_write_endpoints},
	[FB_KIND_POD] = {"v1", kind_write_pod},
	[FB_KIND_NODE] = {"v1", kind_write_node},
	[FB_KIND_NAMESPACE] = {"v1", write_nothing},
};

json_t *fb_manifest_json(const struct fb_object *object)
{
	json_t *json = json_object();
	json_t *meta = json_object();
	int rc = 0;

	rc |= set_text(json, "apiVersion", writers[object->kind].api_version);
	rc |= set_text(json, "kind", fb_object_kind_names[object->kind]);
	rc |= set_text(meta, "namespace", object->meta.namespace_);
	rc |= set_text(meta, "name", object->meta.name);
	rc |= set_text(meta, "creationTimestamp", object->meta.creation);
	rc |= set_labels(meta, "labels", &object->meta.labels);
	rc |= set_labels(meta, "annotations", &object->meta.annotations);
	rc |= json_object_set_new(json, "metadata", meta);
	rc |= writers[object->kind].write(object, json);
	if (rc == 0)
		return json;
	json_decref(json);
	return NULL;
}

char *fb_manifest_write(const struct fb_object *object)
{
	json_t *json = fb_manifest_json(object);
	char *text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;

	json_decref(json);
	return text;
}
