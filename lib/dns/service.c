/* SPDX-License-Identifier: BSD-3-Clause */

/* One Service compiled into a piece. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dns/build.h"
#include "dns/label.h"

/* "\4name\9namespace". @return its bytes; 0: too long */
static uint32_t write_key(uint8_t *out, const char *namespace_, const char *name)
{
	uint32_t n = fb_dns_label_write(out, "", name);
	uint32_t m = n != 0 ? fb_dns_label_write(out + n, "", namespace_) : 0;

	return m != 0 ? n + m : 0;
}

static void write_slots(struct fb_dns_build *b, const struct fb_hash_secret *secret)
{
	uint32_t n = fb_dns_build_head(b)->n_nodes;
	uint32_t places = 2;
	uint32_t *slots;
	uint32_t at;

	while (places / 2 < n)
		places *= 2;
	at = fb_dns_build_room(b, places * (uint32_t)sizeof(*slots), 4);
	if (b->failed)
		return;
	fb_dns_build_head(b)->slots = at;
	fb_dns_build_head(b)->slot_mask = places - 1;
	slots = (uint32_t *)(void *)(b->bytes + at);
	for (uint32_t i = 1; i < n; i++) {
		const struct fb_dns_node *node = fb_dns_build_node(b, i);
		uint32_t k =
			(uint32_t)fb_hash_bytes(secret, b->bytes + node->name, node->name_len) &
			(places - 1);

		while (slots[k] != 0)
			k = (k + 1) & (places - 1);
		slots[k] = i;
	}
}

/* What all hosts have is known last, and the head has it too. */
static void repeat_addrs(struct fb_dns_build *b)
{
	struct fb_dns_service *head;

	if (b->failed)
		return;
	head = fb_dns_build_head(b);
	memcpy(head->addrs, fb_dns_build_node(b, 0)->addrs, sizeof(head->addrs));
	memcpy(head->n_addrs, fb_dns_build_node(b, 0)->n_addrs, sizeof(head->n_addrs));
}

static void write_all(struct fb_dns_build *b, const struct fb_hash_secret *secret,
		      const struct fb_dns_service_spec *spec, const struct fb_dns_ports *ports)
{
	struct fb_dns_set all = {b->scratch, b->n_items};
	const uint32_t n_hosts = b->n_hosts;
	uint32_t at;

	/* First what is asked for most, close to the beginning. */
	if (!spec->headless)
		fb_dns_build_own_addrs(b, spec);
	at = fb_dns_build_room(b, (1 + n_hosts + ports->n) * (uint32_t)sizeof(struct fb_dns_node),
			       4);
	if (b->failed)
		return;
	fb_dns_build_head(b)->nodes = at;
	fb_dns_build_head(b)->n_hosts = n_hosts;
	fb_dns_build_head(b)->n_nodes = 1 + n_hosts + ports->n;
	fb_dns_build_head(b)->unknown = spec->unknown;
	fb_dns_build_head(b)->has_cluster_ip = !spec->headless && spec->n_addrs > 0;
	if (!spec->headless)
		fb_dns_build_cluster(b, 0, spec, NULL);
	fb_dns_build_hosts(b);
	if (spec->headless) {
		for (uint32_t i = 0; i < b->n_items; i++)
			all.v[i] = b->sorted[i];
		fb_dns_build_set(b, 0, &all);
		repeat_addrs(b);
	}
	fb_dns_build_ports(b, spec, ports, n_hosts);
	write_slots(b, secret);
}

static void write_target(struct fb_dns_build *b, const char *external_name)
{
	uint8_t target[FB_DNS_NAME_MAX];
	uint32_t len = fb_dns_name_from_text(external_name, target);
	uint32_t at = fb_dns_build_append(b, target, len, 1);
	uint32_t nodes;

	if (b->failed)
		return;
	fb_dns_build_head(b)->target = at;
	fb_dns_build_head(b)->target_len = (uint8_t)len;
	nodes = fb_dns_build_room(b, sizeof(struct fb_dns_node), 4);
	if (b->failed)
		return;
	fb_dns_build_head(b)->nodes = nodes;
	fb_dns_build_head(b)->n_nodes = 1;
}

/*
 * What names, addresses, SRV records and slots take, which for many hosts is nearly all: then the piece is
 * written where it stays. What hosts share (addresses of a name with several) makes it less, and a headless
 * Service has all hosts' again.
 */
static uint32_t guess_size(const struct fb_dns_build *b, const struct fb_dns_service_spec *spec,
			   const struct fb_dns_ports *ports)
{
	const uint32_t n_nodes = 1 + b->n_items + ports->n;
	const uint32_t record = (uint32_t)sizeof(struct fb_dns_srv) + 4;
	uint32_t size = n_nodes * (uint32_t)(sizeof(struct fb_dns_node) + 4 * sizeof(uint32_t));

	for (uint32_t i = 0; i < b->n_items; i++) {
		uint32_t addr_len = (uint32_t)fb_family_addr_len(fb_addr_family(&b->items[i].addr));

		size += b->items[i].label_len + 4 + record + addr_len;
		if (spec->headless)
			size += record + addr_len;
	}
	return size + ports->n * (2 * (FB_DNS_LABEL_MAX + 1) + spec->n_ports * record) +
	       spec->n_addrs * 16;
}

static struct fb_dns_service *piece_of(struct fb_dns_build *b)
{
	struct fb_dns_service *piece = b->failed ? NULL : fb_dns_build_head(b);

	if (piece != NULL)
		piece->size_bytes = b->n;
	else
		fb_dns_piece_free(b->bytes);
	return piece;
}

/* What every piece begins with. */
static void write_head(struct fb_dns_build *b, const uint8_t *key, uint32_t key_len)
{
	uint32_t at;

	(void)fb_dns_build_room(b, sizeof(struct fb_dns_service), 4);
	at = fb_dns_build_append(b, key, key_len, 8);
	(void)fb_dns_build_room(b, 0, 8);
	if (b->failed)
		return;
	fb_dns_build_head(b)->key = at;
	fb_dns_build_head(b)->key_len = (uint16_t)key_len;
}

struct fb_dns_service *fb_dns_service_build(const struct fb_hash_secret *secret,
					    const struct fb_dns_service_spec *spec)
{
	uint8_t key[2 * (FB_DNS_LABEL_MAX + 1)];
	uint32_t key_len = write_key(key, spec->namespace_, spec->name);
	uint8_t target[FB_DNS_NAME_MAX];
	struct fb_dns_ports ports = {NULL, 0};
	struct fb_dns_build b = {.n = 0};
	struct fb_dns_service *ret;

	if (key_len == 0 || (spec->external_name[0] != '\0' &&
			     fb_dns_name_from_text(spec->external_name, target) == 0)) {
		errno = EINVAL;
		return NULL;
	}
	if (spec->external_name[0] != '\0') {
		write_head(&b, key, key_len);
		write_target(&b, spec->external_name);
		if (!b.failed)
			write_slots(&b, secret);
	} else if (fb_dns_build_items(&b, spec) != 0 ||
		   fb_dns_build_list_ports(&b, spec, &ports) != 0) {
		b.failed = true;
	} else {
		fb_dns_build_reserve(&b, (uint32_t)sizeof(*ret) + key_len +
						 guess_size(&b, spec, &ports));
		write_head(&b, key, key_len);
		write_all(&b, secret, spec, &ports);
	}
	ret = piece_of(&b);
	free(ports.v);
	free(b.items);
	free(b.sorted);
	free(b.scratch);
	if (ret == NULL)
		errno = ENOMEM;
	return ret;
}

void fb_dns_service_free(struct fb_dns_service *svc)
{
	fb_dns_piece_free(svc);
}
