/* SPDX-License-Identifier: BSD-3-Clause */

/* The Service's own addresses and ports, and the names of ports. */

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "dns/build.h"
#include "dns/label.h"

static bool is_port(const struct fb_dns_port_spec *a, const struct fb_dns_port_spec *b)
{
	return a != NULL && a->proto == b->proto && strcasecmp(a->name, b->name) == 0;
}

/* "http.tcp": without the underscores, which may be left out of a query. @return its bytes; 0: not asked
 * for by name */
static uint32_t write_port_name(uint8_t *out, const struct fb_dns_port_spec *port)
{
	static const char *const protos[] = {"tcp", "udp", "sctp"};
	const char *proto = protos[port->proto == IPPROTO_TCP   ? 0
				   : port->proto == IPPROTO_UDP ? 1
								: 2];
	uint32_t n = port->name[0] != '\0' ? fb_dns_label_write(out, "", port->name) : 0;

	return n != 0 ? n + fb_dns_label_write(out + n, "", proto) : 0;
}

static int add_port(struct fb_dns_ports *ports, const struct fb_dns_port_spec *port)
{
	uint8_t name[2 * (FB_DNS_LABEL_MAX + 1)];
	const struct fb_dns_port_spec **v;

	if (port == NULL || write_port_name(name, port) == 0)
		return 0;
	for (uint32_t i = 0; i < ports->n; i++) {
		if (is_port(ports->v[i], port))
			return 0;
	}
	v = realloc(ports->v, (ports->n + 1) * sizeof(*v));
	if (v == NULL)
		return -ENOMEM;
	ports->v = v;
	v[ports->n++] = port;
	return 0;
}

int fb_dns_build_list_ports(const struct fb_dns_build *b, const struct fb_dns_service_spec *spec,
			    struct fb_dns_ports *ret)
{
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && !spec->headless && i < spec->n_ports; i++)
		rc = add_port(ret, &spec->ports[i]);
	for (uint32_t i = 0; rc == 0 && spec->headless && i < b->n_items; i++)
		rc = add_port(ret, b->sorted[i]->port);
	return rc;
}

void fb_dns_build_own_addrs(struct fb_dns_build *b, const struct fb_dns_service_spec *spec)
{
	for (int family = 0; family < FB_FAMILY_COUNT; family++) {
		uint32_t begin = fb_dns_build_room(b, 0, 4);
		uint32_t n = 0;

		for (uint32_t i = 0; i < spec->n_addrs; i++) {
			if (fb_addr_family(&spec->addrs[i]) != (enum fb_family)family)
				continue;
			(void)fb_dns_build_append(b, fb_addr_wire(&spec->addrs[i]),
						  (uint32_t)fb_family_addr_len(
							  (enum fb_family)family),
						  1);
			n++;
		}
		if (b->failed)
			return;
		fb_dns_build_head(b)->addrs[family] = begin;
		fb_dns_build_head(b)->n_addrs[family] = n;
	}
}

void fb_dns_build_cluster(struct fb_dns_build *b, uint32_t node,
			  const struct fb_dns_service_spec *spec,
			  const struct fb_dns_port_spec *port)
{
	const struct fb_dns_service *head;
	struct fb_dns_node *to;
	uint32_t n = 0;
	uint32_t begin = fb_dns_build_room(b, 0, 4);

	if (b->failed)
		return;
	head = fb_dns_build_head(b);
	to = fb_dns_build_node(b, node);
	memcpy(to->addrs, head->addrs, sizeof(to->addrs));
	memcpy(to->n_addrs, head->n_addrs, sizeof(to->n_addrs));
	to->srvs = begin;
	for (uint32_t i = 0; i < spec->n_ports; i++)
		n += port == NULL || is_port(&spec->ports[i], port) ? spec->n_addrs : 0;
	for (uint32_t i = 0; i < spec->n_ports && n > 0; i++) {
		if (port == NULL || is_port(&spec->ports[i], port))
			fb_dns_build_srv(b, node, 0, spec->ports[i].port, fb_dns_build_weight(n));
	}
}

/* A port that all hosts have has what the headless Service itself has, which is written already. */
static void same_as_service(struct fb_dns_build *b, uint32_t node)
{
	struct fb_dns_node *to;
	const struct fb_dns_node *from;

	if (b->failed)
		return;
	to = fb_dns_build_node(b, node);
	from = fb_dns_build_node(b, 0);
	memcpy(to->addrs, from->addrs, sizeof(to->addrs));
	memcpy(to->n_addrs, from->n_addrs, sizeof(to->n_addrs));
	to->srvs = from->srvs;
	to->n_srvs = from->n_srvs;
}

void fb_dns_build_ports(struct fb_dns_build *b, const struct fb_dns_service_spec *spec,
			const struct fb_dns_ports *ports, uint32_t n_hosts)
{
	uint8_t name[2 * (FB_DNS_LABEL_MAX + 1)];

	for (uint32_t i = 0; i < ports->n; i++) {
		uint32_t node = 1 + n_hosts + i;
		struct fb_dns_set set = {b->scratch, 0};

		fb_dns_build_name(b, node, name, write_port_name(name, ports->v[i]));
		if (!spec->headless) {
			fb_dns_build_cluster(b, node, spec, ports->v[i]);
			continue;
		}
		for (uint32_t k = 0; k < b->n_items; k++) {
			if (is_port(b->sorted[k]->port, ports->v[i]))
				set.v[set.n++] = b->sorted[k];
		}
		if (set.n == b->n_items)
			same_as_service(b, node);
		else
			fb_dns_build_set(b, node, &set);
	}
}
