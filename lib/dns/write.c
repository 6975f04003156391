/* SPDX-License-Identifier: BSD-3-Clause */

#include "dns/write.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dns/label.h"
#include "dns/out.h"
#include "dns/owner.h"
#include "dns/piece.h"

/* With the longest host, Service and namespace the name has 255 bytes then: 3 times 64, "svc" 4. */
#define DOMAIN_MAX (FB_DNS_NAME_MAX - 3 * (FB_DNS_LABEL_MAX + 1) - 4)

/* A Service that was staged; they apply in order. */
struct change {
	struct change *next;
	struct fb_dns_service *service; /* NULL: it goes */
	bool placed;                    /* the draft has it in a map */
	uint32_t key_len;
	uint8_t key[2 * (FB_DNS_LABEL_MAX + 1)];
};

/* A map that is made anew as a whole. */
struct list {
	bool staged;
	struct fb_dns_pod *v; /* of namespaces only that part counts */
	uint32_t n;
};

struct fb_dns {
	struct fb_dns_zone *zone;  /* in force; NULL before the first */
	struct fb_dns_zone staged; /* settings, addresses, synced; the maps are those in force */
	uint32_t serial;
	bool touched; /* something of these was staged */
	struct change *changes;
	struct change **last;
	struct list namespaces;
	struct list pods;
	struct fb_dns_piece *retired; /* newest first */
};

/* ---- create, free ---- */

/* What dns/quick.h compares and writes. */
static void prepare(struct fb_dns_zone *zone)
{
	uint32_t n = zone->tail_len < 8 ? zone->tail_len : 8;
	uint8_t end[8] = {0};
	uint8_t mask[8] = {0};

	memcpy(end + 8 - n, zone->tail + zone->tail_len - n, n);
	memset(mask + 8 - n, 0xff, n);
	memcpy(&zone->tail_end, end, sizeof(end));
	memcpy(&zone->tail_end_mask, mask, sizeof(mask));
	for (int family = 0; family < FB_FAMILY_COUNT; family++) {
		uint8_t bytes[12];

		fb_store16(bytes, FB_DNS_POINTER | FB_DNS_HEADER_LEN);
		fb_store16(bytes + 2, family == FB_IPV4 ? FB_DNS_A : FB_DNS_AAAA);
		fb_store16(bytes + 4, FB_DNS_CLASS_IN);
		fb_store32(bytes + 6, zone->ttl_s);
		fb_store16(bytes + 10, (uint16_t)fb_family_addr_len((enum fb_family)family));
		memcpy(&zone->patterns[family].begin, bytes, 8);
		memcpy(&zone->patterns[family].end, bytes + 8, 4);
	}
}

static int read_settings(struct fb_dns_zone *zone, const struct fb_dns_settings *settings)
{
	uint8_t name[FB_DNS_NAME_MAX];
	uint32_t len = fb_dns_name_from_text(settings->domain, name);

	if (len < 2 || len > DOMAIN_MAX || settings->n_reverse > FB_DNS_REVERSE_MAX)
		return -EINVAL;
	(void)fb_dns_name_read(name, len, &zone->domain);
	memcpy(zone->tail, "\3svc", 4);
	memcpy(zone->tail + 4, zone->domain.bytes, len);
	zone->tail_len = 4 + len;
	zone->ttl_s = settings->ttl_s;
	zone->pods = (uint8_t)settings->pods;
	zone->forwards = settings->forwards;
	prepare(zone);
	for (uint32_t i = 0; i < settings->n_reverse; i++)
		zone->reverse[zone->n_reverse++] = settings->reverse[i];
	return 0;
}

struct fb_dns *fb_dns_create(const struct fb_hash_secret *secret,
			     const struct fb_dns_settings *settings)
{
	struct fb_dns *dns = calloc(1, sizeof(*dns));

	if (dns == NULL)
		return NULL;
	dns->last = &dns->changes;
	dns->touched = true;
	dns->staged.secret = *secret;
	if (read_settings(&dns->staged, settings) != 0) {
		free(dns);
		errno = EINVAL;
		return NULL;
	}
	return dns;
}

static void drop_list(struct list *list)
{
	free(list->v);
	*list = (struct list){0};
}

static void drop_changes(struct fb_dns *dns)
{
	drop_list(&dns->namespaces);
	drop_list(&dns->pods);
	while (dns->changes != NULL) {
		struct change *change = dns->changes;

		dns->changes = change->next;
		fb_dns_service_free(change->service);
		free(change);
	}
	dns->last = &dns->changes;
}

static void free_retired(struct fb_dns_piece *piece)
{
	while (piece != NULL) {
		struct fb_dns_piece *next = piece->next;

		free(piece);
		piece = next;
	}
}

void fb_dns_free(struct fb_dns *dns)
{
	if (dns == NULL)
		return;
	drop_changes(dns);
	free_retired(dns->retired);
	if (dns->zone != NULL) {
		fb_dns_map_free(&dns->zone->services);
		fb_dns_map_free(&dns->zone->namespaces);
		fb_dns_map_free(&dns->zone->owners);
		fb_dns_map_free(&dns->zone->known_pods);
		fb_dns_piece_free(dns->zone);
	}
	free(dns);
}

/* ---- staging ---- */

int fb_dns_set_service(struct fb_dns *dns, const char *namespace_, const char *name,
		       struct fb_dns_service *svc)
{
	struct change *change = calloc(1, sizeof(*change));
	uint32_t len;

	if (change == NULL) {
		fb_dns_service_free(svc);
		return -ENOMEM;
	}
	change->service = svc;
	change->key_len = fb_dns_label_write(change->key, "", name);
	len = change->key_len != 0
		      ? fb_dns_label_write(change->key + change->key_len, "", namespace_)
		      : 0;
	if (len == 0) { /* then it has no piece, and never had one */
		free(change);
		return 0;
	}
	change->key_len += len;
	*dns->last = change;
	dns->last = &change->next;
	return 0;
}

static int stage_list(struct list *list, uint32_t n)
{
	struct fb_dns_pod *v = calloc((size_t)n + 1, sizeof(*v));

	if (v == NULL)
		return -ENOMEM;
	free(list->v);
	*list = (struct list){.staged = true, .v = v};
	return 0;
}

static void add_to_list(struct list *list, const char *namespace_, const struct fb_addr *addr)
{
	struct fb_dns_pod *pod = &list->v[list->n];

	pod->namespace_.label_len = fb_dns_label_write(pod->namespace_.label, "", namespace_);
	pod->addr = *addr;
	list->n += pod->namespace_.label_len != 0;
}

int fb_dns_set_namespaces(struct fb_dns *dns, const char *const *names, uint32_t n)
{
	static const struct fb_addr nobody;

	if (stage_list(&dns->namespaces, n) != 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		add_to_list(&dns->namespaces, names[i], &nobody);
	return 0;
}

int fb_dns_set_pods(struct fb_dns *dns, const struct fb_dns_pod_spec *pods, uint32_t n)
{
	if (stage_list(&dns->pods, n) != 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		add_to_list(&dns->pods, pods[i].namespace_, &pods[i].addr);
	return 0;
}

void fb_dns_set_addresses(struct fb_dns *dns, const struct fb_addr *addrs, uint32_t n)
{
	struct fb_dns_zone *to = &dns->staged;

	if (n > FB_DNS_ADDRESSES_MAX)
		n = FB_DNS_ADDRESSES_MAX;
	if (n == to->n_addresses && memcmp(to->addresses, addrs, n * sizeof(*addrs)) == 0)
		return;
	memcpy(to->addresses, addrs, n * sizeof(*addrs));
	to->n_addresses = (uint8_t)n;
	dns->touched = true;
}

void fb_dns_set_synced(struct fb_dns *dns, bool synced)
{
	dns->touched |= synced != dns->staged.synced;
	dns->staged.synced = synced;
}

void fb_dns_set_serial(struct fb_dns *dns, uint32_t serial)
{
	dns->serial = serial;
}

bool fb_dns_is_staged(const struct fb_dns *dns)
{
	return dns->touched || dns->changes != NULL || dns->namespaces.staged || dns->pods.staged;
}

/* ---- commit ---- */

static int apply_service(struct fb_dns_draft *draft, struct fb_dns_zone *zone,
			 struct change *change)
{
	uint64_t hash = fb_dns_hash(zone, change->key, change->key_len);
	const struct fb_dns_service *old = fb_dns_find_service(zone, change->key, change->key_len);
	const struct fb_dns_service *new = change->service;

	if (old == NULL && new == NULL)
		return 0;
	if (old != NULL && new != NULL &&
	    old->size_bytes == new->size_bytes &&memcmp(old, new, old->size_bytes) == 0)
		return 0;
	if (fb_dns_owners_exchange(draft, zone, old, new) != 0 ||
	    fb_dns_map_put(draft, &zone->services, hash, old, new) != 0)
		return -ENOMEM;
	fb_dns_draft_replace(draft, old);
	change->placed = new != NULL;
	return 0;
}

static int apply_namespaces(struct fb_dns_draft *draft, struct fb_dns_zone *zone,
			    const struct list *list)
{
	fb_dns_map_clear(draft, &zone->namespaces);
	for (uint32_t i = 0; i < list->n; i++) {
		const struct fb_dns_namespace *from = &list->v[i].namespace_;
		uint64_t hash = fb_dns_hash(zone, from->label, from->label_len);
		struct fb_dns_namespace *new;

		if (fb_dns_find_namespace(zone, from->label, from->label_len) != NULL)
			continue;
		new = fb_dns_draft_alloc(draft, sizeof(*new));
		if (new == NULL)
			return -ENOMEM;
		*new = *from;
		if (fb_dns_map_put(draft, &zone->namespaces, hash, NULL, new) != 0)
			return -ENOMEM;
	}
	return 0;
}

static int apply_pods(struct fb_dns_draft *draft, struct fb_dns_zone *zone, const struct list *list)
{
	fb_dns_map_clear(draft, &zone->known_pods);
	for (uint32_t i = 0; i < list->n; i++) {
		const struct fb_dns_pod *from = &list->v[i];
		const uint8_t *label = from->namespace_.label;
		uint32_t len = from->namespace_.label_len;
		struct fb_dns_pod *new;

		if (fb_dns_find_pod(zone, &from->addr, label, len) != NULL)
			continue;
		new = fb_dns_draft_alloc(draft, sizeof(*new));
		if (new == NULL)
			return -ENOMEM;
		*new = *from;
		if (fb_dns_map_put(draft, &zone->known_pods,
				   fb_dns_hash_pod(zone, &from->addr, label, len), NULL, new) != 0)
			return -ENOMEM;
	}
	return 0;
}

static int make_zone(struct fb_dns *dns, struct fb_dns_draft *draft, struct fb_dns_zone **ret)
{
	struct fb_dns_zone *zone = fb_dns_draft_alloc(draft, sizeof(*zone));

	if (zone == NULL)
		return -ENOMEM;
	*zone = dns->staged;
	zone->serial = dns->serial;
	/* It never goes back, where the clock does (RFC 1982, 3.2). */
	if (dns->zone != NULL && (int32_t)(dns->serial - dns->zone->serial) <= 0)
		zone->serial = dns->zone->serial + 1;
	for (struct change *change = dns->changes; change != NULL; change = change->next) {
		if (apply_service(draft, zone, change) != 0)
			return -ENOMEM;
	}
	if (dns->namespaces.staged && apply_namespaces(draft, zone, &dns->namespaces) != 0)
		return -ENOMEM;
	if (dns->pods.staged && apply_pods(draft, zone, &dns->pods) != 0)
		return -ENOMEM;
	fb_dns_draft_replace(draft, dns->zone);
	*ret = zone;
	return 0;
}

/* A Service's piece is the draft's only once nothing can fail any more: until then it stays staged. */
static void settle(struct fb_dns *dns, struct fb_dns_draft *draft, bool good)
{
	for (struct change *change = dns->changes; change != NULL; change = change->next) {
		if (change->placed && good) {
			fb_dns_draft_adopt(draft, change->service);
			change->service = NULL;
		} else if (change->placed) {
			fb_dns_piece_of(change->service)->replaced = false;
		}
		change->placed = false;
	}
}

int fb_dns_commit(struct fb_dns *dns, uint64_t generation, const struct fb_dns_zone **ret)
{
	struct fb_dns_draft draft = {NULL, NULL};
	struct fb_dns_zone *zone;

	if (!fb_dns_is_staged(dns)) {
		*ret = dns->zone;
		return 0;
	}
	if (make_zone(dns, &draft, &zone) != 0) {
		settle(dns, &draft, false);
		fb_dns_draft_drop(&draft);
		return -ENOMEM;
	}
	settle(dns, &draft, true);
	fb_dns_draft_apply(&draft, generation, &dns->retired);
	drop_changes(dns);
	dns->zone = zone;
	dns->staged = *zone;
	dns->touched = false;
	*ret = zone;
	return 0;
}

void fb_dns_abort(struct fb_dns *dns)
{
	drop_changes(dns);
	if (dns->zone == NULL)
		return; /* the settings and what was said of it are still to be published */
	dns->staged = *dns->zone;
	dns->touched = false;
}

void fb_dns_reclaim(struct fb_dns *dns, uint64_t oldest)
{
	struct fb_dns_piece **link = &dns->retired;
	struct fb_dns_piece *old;

	/* Newest first: from the first that is old enough on, all are. */
	while (*link != NULL && (*link)->retired > oldest)
		link = &(*link)->next;
	old = *link;
	*link = NULL;
	free_retired(old);
}

const struct fb_dns_zone *fb_dns_zone(const struct fb_dns *dns)
{
	return dns->zone;
}
