/* SPDX-License-Identifier: BSD-3-Clause */

/* The names of a Service's hosts. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>

#include "base/order.h"
#include "dns/build.h"
#include "dns/label.h"

/* From here on numbers are sorted (base/order.h) faster than by comparison. */
#define MANY 256

/* Items that are asked for before they are read: neighbours in order are anywhere in memory. */
#define AHEAD 8

static bool is_same_label(const struct fb_dns_item *a, const struct fb_dns_item *b)
{
	return a->label_len == b->label_len && memcmp(a->label, b->label, a->label_len) == 0;
}

static int compare_items(const void *left, const void *right)
{
	const struct fb_dns_item *a = *(const struct fb_dns_item *const *)left;
	const struct fb_dns_item *b = *(const struct fb_dns_item *const *)right;
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
	item->label_len = 0;
	if (host->hostname[0] != '\0')
		item->label_len = (uint8_t)fb_dns_label_write(item->label, "", host->hostname);
	if (item->label_len == 0)
		item->label_len = (uint8_t)fb_dns_label_write_dashed(item->label, &host->addr);
}

static int compare_places(const void *things, uint32_t a, uint32_t b)
{
	const struct fb_dns_item *items = things;
	const struct fb_dns_item *const pair[2] = {&items[a], &items[b]};

	return compare_items(&pair[0], &pair[1]);
}

/* How many bytes of their text all labels have in common. */
static uint32_t common_len(const struct fb_dns_item *items, const struct fb_order *v, uint32_t n)
{
	const uint8_t *first = items[v[0].place].label;
	uint32_t len = first[0];

	for (uint32_t i = 1; i < n; i++) {
		const uint8_t *label = items[v[i].place].label;
		uint32_t k = 0;

		if (label[0] >= len && memcmp(label + 1, first + 1, len) == 0)
			continue;
		while (k < len && k < label[0] && label[1 + k] == first[1 + k])
			k++;
		len = k;
	}
	return len;
}

#define KEY_TEXT (sizeof(uint64_t) - 1)

/* The length, and the text from there on, as far as it fits. */
static uint64_t key_of(const uint8_t *label, uint32_t skip)
{
	uint32_t len = (uint32_t)label[0] - skip;
	uint8_t bytes[8] = {label[0]};
	uint64_t key;

	memcpy(bytes + 1, label + 1 + skip, KEY_TEXT);
	memcpy(&key, bytes, sizeof(key));
	key = rte_be_to_cpu_64(key);
	return len < KEY_TEXT ? key & UINT64_MAX << 8 * (KEY_TEXT - len) : key;
}

/*
 * By length and where labels begin to differ; and so again those many that are still alike, as the IPv6
 * addresses are where there are others too. Each time their common part is longer, so it ends.
 */
static void sort_labels(const struct fb_dns_item *items, struct fb_order *v, struct fb_order *other,
			uint32_t n, uint32_t known)
{
	uint32_t skip = n >= MANY ? common_len(items, v, n) : known;
	const struct fb_order *sorted;

	if (skip > FB_DNS_LABEL_MAX - KEY_TEXT)
		skip = FB_DNS_LABEL_MAX - KEY_TEXT;
	if (skip <= known && known > 0) {
		fb_order_sort_alike(v, n, compare_places, items);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		v[i].key = key_of(items[v[i].place].label, skip);
	sorted = fb_order_sort(v, other, n);
	if (sorted != v)
		memcpy(v, sorted, n * sizeof(*v));
	for (uint32_t i = 0, end; i < n; i = end) {
		end = fb_order_alike_end(v, i, n);
		if (end - i > 1)
			sort_labels(items, v + i, other + i, end - i, skip + 1);
	}
}

/* @return whether there was memory */
static bool sort_many(struct fb_dns_build *b)
{
	const uint32_t n = b->n_items;
	struct fb_order *order = malloc(2 * n * sizeof(*order));

	if (order == NULL)
		return false;
	for (uint32_t i = 0; i < n; i++)
		order[i] = (struct fb_order){0, i};
	sort_labels(b->items, order, order + n, n, 0);
	for (uint32_t i = 0; i < n; i++) {
		b->sorted[i] = &b->items[order[i].place];
		b->n_hosts += i == 0 || !is_same_label(b->sorted[i - 1], b->sorted[i]);
	}
	free(order);
	return true;
}

static void sort_items(struct fb_dns_build *b)
{
	if (b->n_items >= MANY && sort_many(b))
		return;
	for (uint32_t i = 0; i < b->n_items; i++)
		b->sorted[i] = &b->items[i];
	if (b->n_items > 0)
		qsort(b->sorted, b->n_items, sizeof(*b->sorted), compare_items);
	for (uint32_t i = 0; i < b->n_items; i++)
		b->n_hosts += i == 0 ||
			      !is_same_label(b->sorted[i - 1], b->sorted[i]);
}

int fb_dns_build_items(struct fb_dns_build *b, const struct fb_dns_service_spec *spec)
{
	size_t n = 0;

	for (uint32_t i = 0; i < spec->n_hosts; i++)
		n += spec->hosts[i].n_ports != 0 ? spec->hosts[i].n_ports : 1;
	b->items = malloc((n + 1) * sizeof(*b->items));
	b->sorted = malloc((n + 1) * sizeof(*b->sorted));
	b->scratch = calloc(2 * n + 1, sizeof(const struct fb_dns_item *));
	if (b->items == NULL || b->sorted == NULL || b->scratch == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < spec->n_hosts; i++) {
		const struct fb_dns_host_spec *host = &spec->hosts[i];

		if (host->n_ports == 0)
			add_item(b, host, NULL);
		for (uint32_t p = 0; p < host->n_ports; p++)
			add_item(b, host, &host->ports[p]);
	}
	sort_items(b);
	return 0;
}

void fb_dns_build_hosts(struct fb_dns_build *b)
{
	uint32_t node = 0;

	for (uint32_t i = 0, end; i < b->n_items && !b->failed; i = end) {
		struct fb_dns_set set = {b->scratch, 0};

		node++;
		if (i + AHEAD < b->n_items) {
			__builtin_prefetch(b->sorted[i + AHEAD]);
			__builtin_prefetch(b->sorted[i + AHEAD]->label);
		}
		for (end = i;
		     end < b->n_items && is_same_label(b->sorted[i], b->sorted[end]);
		     end++) {
			b->sorted[end]->node = node;
			set.v[set.n++] = b->sorted[end];
		}
		fb_dns_build_name(b, node, b->sorted[i]->label, b->sorted[i]->label_len);
		fb_dns_build_set(b, node, &set);
	}
}
