/* SPDX-License-Identifier: BSD-3-Clause */

/* The names of a Service's hosts. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dns/build.h"
#include "dns/label.h"

static int compare_items(const void *left, const void *right)
{
	const struct fb_dns_item *a = left;
	const struct fb_dns_item *b = right;
	uint32_t len = a->label_len < b->label_len ? a->label_len : b->label_len;
	int order = memcmp(a->label, b->label, len);

	if (order != 0)
		return order;
	order = memcmp(&a->addr, &b->addr, sizeof(a->addr));
	if (order != 0)
		return order;
	if (a->port == NULL || b->port == NULL)
		return (a->port != NULL) - (b->port != NULL);
	if (a->port->port != b->port->port)
		return a->port->port < b->port->port ? -1 : 1;
	if (a->port->proto != b->port->proto)
		return a->port->proto < b->port->proto ? -1 : 1;
	return strcmp(a->port->name, b->port->name);
}

static void add_item(struct fb_dns_build *b, const struct fb_dns_host_spec *host,
		     const struct fb_dns_port_spec *port)
{
	struct fb_dns_item *item = &b->items[b->n_items++];

	item->addr = host->addr;
	item->port = port;
	item->label_len = (uint8_t)fb_dns_label_write(item->label, "", host->hostname);
	if (item->label_len == 0)
		item->label_len = (uint8_t)fb_dns_label_write_dashed(item->label, &host->addr);
}

int fb_dns_build_items(struct fb_dns_build *b, const struct fb_dns_service_spec *spec)
{
	size_t n = 0;

	for (uint32_t i = 0; i < spec->n_hosts; i++)
		n += spec->hosts[i].n_ports != 0 ? spec->hosts[i].n_ports : 1;
	b->items = calloc(n + 1, sizeof(*b->items));
	b->scratch = calloc(2 * n + 1, sizeof(const struct fb_dns_item *));
	if (b->items == NULL || b->scratch == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < spec->n_hosts; i++) {
		const struct fb_dns_host_spec *host = &spec->hosts[i];

		if (host->n_ports == 0)
			add_item(b, host, NULL);
		for (uint32_t p = 0; p < host->n_ports; p++)
			add_item(b, host, &host->ports[p]);
	}
	if (b->n_items > 0)
		qsort(b->items, b->n_items, sizeof(*b->items), compare_items);
	return 0;
}

bool fb_dns_item_same_label(const struct fb_dns_item *a, const struct fb_dns_item *b)
{
	return a->label_len == b->label_len && memcmp(a->label, b->label, a->label_len) == 0;
}

void fb_dns_build_hosts(struct fb_dns_build *b)
{
	uint32_t node = 0;

	for (uint32_t i = 0, end; i < b->n_items && !b->failed; i = end) {
		struct fb_dns_set set = {b->scratch, 0};

		node++;
		for (end = i;
		     end < b->n_items && fb_dns_item_same_label(&b->items[i], &b->items[end]);
		     end++) {
			b->items[end].node = node;
			set.v[set.n++] = &b->items[end];
		}
		fb_dns_build_name(b, node, b->items[i].label, b->items[i].label_len);
		fb_dns_build_set(b, node, &set);
	}
}
