/* SPDX-License-Identifier: BSD-3-Clause */

/* kind: Pod (v1), as far as it makes an endpoint; and Namespace (v1), which its name is. */

#include <netinet/in.h>
#include <string.h>

#include "manifest/kinds.h"

/* containers[] and initContainers[] of one pod together; the API server's own bound is the size of
 * an object, 1.5 MiB. */
#define PORTS_MAX 4096

struct ports {
	struct fb_pod_port *v; /* NULL: only counting */
	uint32_t n;
};

static void read_port(const struct field *item, bool sidecar, struct ports *ports)
{
	struct field name = field_get(item, "name");
	struct field port = field_get(item, "containerPort");
	struct field protocol = field_get(item, "protocol");
	struct fb_pod_port *to;

	if (ports->v == NULL) {
		ports->n++;
		return;
	}
	to = &ports->v[ports->n++];
	to->name = field_string(&name);
	to->sidecar = sidecar;
	to->port = (uint16_t)field_int(&port, 1, 65535, "a port", 0);
	if (port.node == NULL)
		field_error(&port, "is missing (1 to 65535)");
	to->proto = field_protocol(&protocol);
}

static void read_containers(const struct field *spec, const char *key, bool only_sidecars,
			    struct ports *ports)
{
	struct field list = field_get(spec, key);
	uint32_t n = field_list(&list);

	for (uint32_t i = 0; i < n; i++) {
		struct field container = field_at(&list, i);
		struct field restart = field_get(&container, "restartPolicy");
		struct field of_container = field_get(&container, "ports");
		uint32_t n_ports;

		if (only_sidecars && !field_says(&restart, "Always"))
			continue;
		n_ports = field_list(&of_container);
		for (uint32_t j = 0; j < n_ports; j++) {
			struct field item = field_at(&of_container, j);

			read_port(&item, only_sidecars, ports);
		}
	}
}

static void read_ports(const struct field *spec, struct fb_pod *pod)
{
	struct ports ports = {NULL, 0};
	bool failed = spec->reader->failed;

	spec->reader->failed = false;
	read_containers(spec, "containers", false, &ports);
	read_containers(spec, "initContainers", true, &ports);
	/* A list that is none was reported; the second round would say it again. */
	if (spec->reader->failed)
		return;
	spec->reader->failed = failed;
	if (ports.n > PORTS_MAX) {
		field_error(spec, "has %u ports (at most %d)", ports.n, PORTS_MAX);
		return;
	}
	ports.v = field_alloc(spec, ports.n, sizeof(*ports.v));
	if (ports.v == NULL || ports.n == 0)
		return;
	ports.n = 0;
	read_containers(spec, "containers", false, &ports);
	read_containers(spec, "initContainers", true, &ports);
	pod->ports = ports.v;
	pod->n_ports = ports.n;
}

/* podIPs are one of a family, podIP is the first of them; older objects have only that. */
static void read_addresses(const struct field *status, struct fb_pod *pod)
{
	struct field one = field_get(status, "podIP");
	struct field list = field_get(status, "podIPs");
	uint32_t n = field_list(&list);

	if (n > 2) {
		field_error(&list, "%u addresses are too many (one of each family)", n);
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		struct field item = field_at(&list, i);
		struct field f = field_get(&item, "ip");

		if (field_addr(&f, &pod->addrs[pod->n_addrs]))
			pod->n_addrs++;
	}
	if (n == 0 && one.node != NULL && !field_says(&one, "") && field_addr(&one, &pod->addrs[0]))
		pod->n_addrs = 1;
	if (pod->n_addrs == 2 &&
	    fb_addr_family(&pod->addrs[0]) == fb_addr_family(&pod->addrs[1]))
		field_error(&list, "both are %s; two addresses must be of different families",
			    fb_ip_family_names[fb_addr_family(&pod->addrs[0])]);
}

void kind_read_pod(const struct field *root)
{
	struct fb_pod *pod = &root->reader->object->pod;
	struct field metadata = field_get(root, "metadata");
	struct field deletion = field_get(&metadata, "deletionTimestamp");
	struct field spec = field_get(root, "spec");
	struct field status = field_get(root, "status");
	struct field f = field_get(&spec, "nodeName");

	kind_read_meta(root, NAME_SUBDOMAIN);
	pod->node_name = field_string(&f);
	f = field_get(&spec, "hostname");
	pod->hostname = field_string(&f);
	f = field_get(&spec, "subdomain");
	pod->subdomain = field_string(&f);
	pod->terminating = deletion.node != NULL && !field_says(&deletion, "");
	f = field_get(&status, "phase");
	pod->finished = field_says(&f, "Succeeded") || field_says(&f, "Failed");
	pod->phase = field_string(&f);
	pod->ready = field_is_ready(&status);
	read_addresses(&status, pod);
	read_ports(&spec, pod);
	kind_read_pod_annotations(root, pod);
}

void kind_read_namespace(const struct field *root)
{
	kind_read_meta(root, NAME_LABEL);
	root->reader->object->meta.namespace_ = "";
}
