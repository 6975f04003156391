/* SPDX-License-Identifier: BSD-3-Clause */

#include "neigh/lab.h"

#include <stdlib.h>
#include <string.h>

struct route {
	struct fb_prefix prefix;
	struct fb_addr via; /* all zero: on-link */
	uint8_t port;
};

struct fb_lab {
	uint32_t n;
	struct route routes[]; /* longest prefix first; of equals, as written, subnets last */
};

int fb_lab_port(const struct fb_config *config, const char *name)
{
	for (uint32_t i = 0; i < config->n_ports; i++) {
		if (strcmp(config->ports[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

static void add(struct fb_lab *lab, const struct route *route)
{
	uint32_t at = lab->n++;

	for (; at > 0 && lab->routes[at - 1].prefix.len_bits < route->prefix.len_bits; at--)
		lab->routes[at] = lab->routes[at - 1];
	lab->routes[at] = *route;
}

static struct fb_prefix subnet_of(const struct fb_config_addr *a)
{
	unsigned int first = fb_addr_family(&a->addr) == FB_IPV4 ? 96 : 0;
	struct fb_prefix p = {.addr = a->addr, .len_bits = a->len_bits};

	for (unsigned int bit = first + a->len_bits; bit < 128; bit++)
		p.addr.bytes[bit / 8] &= (uint8_t)~(0x80 >> bit % 8);
	return p;
}

struct fb_lab *fb_lab_create(const struct fb_config *config, bool with_subnets)
{
	uint32_t n = config->n_routes;
	struct fb_lab *lab;

	for (uint32_t i = 0; i < config->n_ports; i++)
		n += config->ports[i].n_addresses;
	lab = calloc(1, sizeof(*lab) + n * sizeof(lab->routes[0]));
	if (lab == NULL)
		return NULL;
	for (uint32_t i = 0; i < config->n_routes; i++) {
		const struct fb_config_route *r = &config->routes[i];
		int port = fb_lab_port(config, r->port);

		if (port >= 0)
			add(lab, &(struct route){r->prefix, r->via, (uint8_t)port});
	}
	for (uint32_t i = 0; with_subnets && i < config->n_ports; i++) {
		const struct fb_config_port *port = &config->ports[i];

		for (uint32_t a = 0; a < port->n_addresses; a++)
			add(lab, &(struct route){.prefix = subnet_of(&port->addresses[a]),
						 .port = (uint8_t)i});
	}
	return lab;
}

void fb_lab_free(struct fb_lab *lab)
{
	free(lab);
}

bool fb_lab_lookup(const struct fb_lab *lab, const struct fb_addr *dst, uint8_t *ret_port,
		   struct fb_addr *ret_gateway)
{
	static const struct fb_addr on_link;

	for (uint32_t i = 0; i < lab->n; i++) {
		const struct route *r = &lab->routes[i];

		if (!fb_prefix_contains(&r->prefix, dst))
			continue;
		*ret_port = r->port;
		*ret_gateway = fb_addr_equal(&r->via, &on_link) ? *dst : r->via;
		return true;
	}
	return false;
}
