/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mss.h"
#include "table/part.h"
#include "table/state.h"

/* What a commit makes before it changes anything. */
struct draft {
	void *parts[FB_PART_COUNT]; /* equal to the table's where nothing changed */
	uint32_t n_endpoints;
	uint32_t n_over;
	uint32_t n_next_hops;
	bool epoch_moves; /* of some chunk */
	const struct fb_dns_zone *dns;
	struct fb_held_snapshot *snapshot;
};

static int draft_services(const struct fb_table *t, struct draft *d)
{
	const struct fb_service **services;

	services = fb_part_alloc((t->n_places + 1) * sizeof(*services));
	if (services == NULL)
		return -ENOMEM;
	/* Only pointers are read here: a line of each of 20,000 services would be most of a commit. */
	for (uint32_t i = 0; i < t->n_places; i++)
		services[i] = &t->places[i]->pub;
	d->parts[FB_PART_SERVICES] = services;
	return 0;
}

/* Padding is not looked at, nor since_s, which begins anew with state or flags only. */
static bool is_same_info(const struct fb_endpoint_info *a, const struct fb_endpoint_info *b)
{
	return a->nh_idx == b->nh_idx && a->state == b->state && a->flags == b->flags &&
	       a->service_id == b->service_id;
}

static uint32_t n_chunks(uint32_t n_endpoints)
{
	return (n_endpoints + FB_INFO_CHUNK - 1) / FB_INFO_CHUNK;
}

/* A chunk as it is now. *same: nothing in it is another than in the last one, which may be NULL. *moves:
 * flows may have to hear of it. */
static struct fb_info_chunk *make_chunk(const struct fb_table *t, uint32_t c,
					const struct fb_info_chunk *last, bool *same, bool *moves)
{
	struct fb_info_chunk *chunk = fb_part_alloc(sizeof(*chunk));
	uint32_t first = c * FB_INFO_CHUNK;
	uint32_t end = first + FB_INFO_CHUNK;

	if (end > t->ids.endpoint_pool.high)
		end = t->ids.endpoint_pool.high;
	if (chunk != NULL)
		chunk->due_s = FB_NEVER_S;
	*same = last != NULL;
	*moves = false;
	for (uint32_t i = first; chunk != NULL && i < end; i++) {
		const struct fb_endpoint_info *was = last != NULL ? &last->v[i - first] : NULL;
		struct fb_endpoint_info *info = &chunk->v[i - first];

		*info = fb_ids_info(&t->ids, i, was, t->now_s);
		chunk->n_over += (info->flags & FB_EP_OVER) != 0;
		if ((info->flags & FB_EP_OVER) == 0 &&
		    (info->state == FB_EP_REMOVED || (info->flags & FB_EP_TERMINATING))) {
			chunk->is_going = true;
			chunk->due_s = RTE_MIN(chunk->due_s, fb_ids_due_s(&t->ids, info));
		}
		if (was == NULL || is_same_info(info, was))
			continue;
		*same = false;
		/* An identity that appears or was reaped has no flows that would need to hear of it. */
		*moves |= was->state != FB_EP_ABSENT && info->state != FB_EP_ABSENT;
	}
	return chunk;
}

/*
 * Flows whose endpoints are in these chunks look again. The array has a place for each identity there may
 * ever be, so a flow needs no other look at whether its place is there. @return 0 or -ENOMEM
 */
static int move_epochs(const struct fb_table *t, struct draft *d, uint32_t first, uint32_t end)
{
	const uint32_t n = n_chunks(t->ids.endpoint_pool.max);
	uint32_t *epochs = d->parts[FB_PART_EPOCHS];

	if (epochs == t->parts[FB_PART_EPOCHS]) {
		epochs = fb_part_alloc((n + 1) * sizeof(*epochs));
		if (epochs == NULL)
			return -ENOMEM;
		if (t->parts[FB_PART_EPOCHS] != NULL)
			memcpy(epochs, t->parts[FB_PART_EPOCHS], n * sizeof(*epochs));
		d->parts[FB_PART_EPOCHS] = epochs;
	}
	for (uint32_t c = first; c < end; c++)
		epochs[c] = (t->ep_epoch + 1) & FB_TABLE_EPOCH_MAX;
	d->epoch_moves |= first < end;
	return 0;
}

/*
 * Chunks are shared with the last snapshot where no identity in them has changed, and the time of none
 * is up.
 */
static int draft_endpoints(const struct fb_table *t, struct draft *d)
{
	const struct fb_endpoint_info **last = t->parts[FB_PART_INFOS];
	uint32_t n_last = n_chunks(t->n_endpoints);
	uint32_t n = t->ids.endpoint_pool.high;
	const struct fb_endpoint_info **infos;
	bool is_same;

	while (n > 0 && t->ids.infos[n - 1].state == FB_EP_ABSENT)
		n--;
	d->n_endpoints = n;
	infos = fb_part_alloc((n_chunks(n) + 1) * sizeof(*infos));
	if (infos == NULL)
		return -ENOMEM;
	d->parts[FB_PART_INFOS] = infos;
	d->n_over = 0;
	is_same = last != NULL && n == t->n_endpoints;
	for (uint32_t c = 0; c < n_chunks(n); c++) {
		struct fb_info_chunk *chunk = c < n_last ? fb_info_chunk_of(last[c]) : NULL;
		bool moves = false;

		if (chunk == NULL || t->ids.changed[c] || chunk->due_s <= t->now_s ||
		    (chunk->is_going && t->ids.times_changed)) {
			bool same;
			struct fb_info_chunk *made = make_chunk(t, c, chunk, &same, &moves);

			if (made == NULL)
				return -ENOMEM;
			if (same) {
				chunk->due_s = made->due_s;
				fb_part_free(made);
			} else {
				chunk = made;
			}
			is_same &= same;
		}
		infos[c] = chunk->v;
		if (moves && move_epochs(t, d, c, c + 1) != 0)
			return -ENOMEM;
		d->n_over += chunk->n_over;
	}
	if (is_same) {
		fb_part_free(infos);
		d->parts[FB_PART_INFOS] = last;
	}
	return 0;
}

/* The chunks of one array that the other, if there is one, does not have. */
static void each_other_chunk(const struct fb_endpoint_info **infos, uint32_t n,
			     const struct fb_endpoint_info **others, uint32_t n_others,
			     void (*fn)(struct fb_table *t, struct fb_info_chunk *chunk),
			     struct fb_table *t)
{
	for (uint32_t c = 0; infos != NULL && infos != others && c < n; c++) {
		if (infos[c] != NULL && (others == NULL || c >= n_others || others[c] != infos[c]))
			fn(t, fb_info_chunk_of(infos[c]));
	}
}

static void free_chunk(struct fb_table *t, struct fb_info_chunk *chunk)
{
	fb_part_free(chunk);
}

static int draft_serving(const struct fb_table *t, struct draft *d)
{
	struct fb_serving_index *index = fb_serving_draft(&t->ids, t->parts[FB_PART_SERVING]);

	if (index == NULL)
		return -ENOMEM;
	d->parts[FB_PART_SERVING] = index;
	return 0;
}

static int draft_places(const struct fb_table *t, struct draft *d)
{
	d->parts[FB_PART_PLACES] = fb_service_places_create(t->place_ids, t->n_places,
							    t->ids.service_pool.high);
	return d->parts[FB_PART_PLACES] != NULL ? 0 : -ENOMEM;
}

static int draft_next_hops(const struct fb_table *t, struct draft *d)
{
	const struct fb_table_router *router = &t->ids.router;
	uint32_t n = 0;
	const struct fb_next_hop *from = router->next_hops(router->arg, &n);
	const struct fb_next_hop *last = t->parts[FB_PART_NEXT_HOPS];
	struct fb_next_hop *hops;

	if (last != NULL && n == t->n_next_hops && n > 0 &&
	    memcmp(last, from, n * sizeof(*from)) == 0)
		return 0;
	/* Place 0, "no route", is there even if the router has nothing yet. */
	hops = fb_part_alloc((n + 1) * sizeof(*hops));
	if (hops == NULL)
		return -ENOMEM;
	if (n > 0)
		memcpy(hops, from, n * sizeof(*hops));
	d->parts[FB_PART_NEXT_HOPS] = hops;
	d->n_next_hops = n > 0 ? n : 1;
	return 0;
}

static uint8_t address_bits(const struct fb_table *t, const struct fb_frontend_entry *e)
{
	uint8_t bits = FB_ADDR_SERVICE;

	bits |= (e->kinds & t->announce) != 0 ? FB_ADDR_ANNOUNCE : 0;
	bits |= e->last != 0 ? FB_ADDR_RANGES : 0;
	return bits;
}

static int draft_addresses(const struct fb_table *t, struct draft *d)
{
	const struct fb_hash_secret *s = &t->ids.secret;
	struct fb_address_index *index =
		fb_address_index_create(t->index->n + t->ranges->n + t->extras.n);

	if (index == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i <= t->index->mask; i++) {
		const struct fb_frontend_entry *e = &t->index->entries[i];

		if (e->proto != 0)
			fb_address_index_add(index, s, &e->addr, address_bits(t, e));
	}
	for (uint32_t i = 0; i < t->ranges->n; i++) {
		const struct fb_frontend_entry *e = &t->ranges->entries[i];

		fb_address_index_add(index, s, &e->addr, address_bits(t, e));
	}
	for (uint32_t i = 0; i < t->extras.n; i++)
		fb_address_index_add(index, s, &t->extras.v[i].addr, t->extras.v[i].bits);
	d->parts[FB_PART_ADDRESSES] = index;
	return 0;
}

static int draft_frontends(const struct fb_table *t, struct draft *d)
{
	const struct fb_frontend_ranges *last = t->parts[FB_PART_RANGES];

	d->parts[FB_PART_FRONTENDS] = fb_frontend_index_copy(t->index);
	if (d->parts[FB_PART_FRONTENDS] == NULL)
		return -ENOMEM;
	if (last != NULL && last->n == t->ranges->n &&
	    memcmp(last->entries, t->ranges->entries, last->n * sizeof(last->entries[0])) == 0)
		return 0;
	d->parts[FB_PART_RANGES] = fb_frontend_ranges_copy(t->ranges);
	return d->parts[FB_PART_RANGES] != NULL ? 0 : -ENOMEM;
}

static void free_draft(struct fb_table *t, struct draft *d)
{
	each_other_chunk(d->parts[FB_PART_INFOS], n_chunks(d->n_endpoints),
			 t->parts[FB_PART_INFOS], n_chunks(t->n_endpoints), free_chunk, t);
	fb_serving_free_chunks(d->parts[FB_PART_SERVING], t->parts[FB_PART_SERVING]);
	for (int i = 0; i < FB_PART_COUNT; i++) {
		if (d->parts[i] != t->parts[i])
			fb_part_free(d->parts[i]);
	}
	free(d->snapshot);
}

static int make_draft(struct fb_table *t, struct draft *d)
{
	bool first = t->generation == 0;
	int rc = 0;

	*d = (struct draft){.n_next_hops = t->n_next_hops};
	memcpy(d->parts, t->parts, sizeof(d->parts));
	d->snapshot = aligned_alloc(64, sizeof(*d->snapshot));
	if (d->snapshot == NULL)
		return -ENOMEM;
	if (t->reroute)
		fb_ids_reroute(&t->ids);
	if (first || t->services_changed)
		rc = draft_services(t, d);
	if (rc == 0)
		rc = draft_endpoints(t, d);
	if (rc == 0)
		rc = draft_serving(t, d);
	if (rc == 0 && (first || t->places_changed))
		rc = draft_places(t, d);
	if (rc == 0 && (first || t->reroute || t->rehop || t->endpoint_added))
		rc = draft_next_hops(t, d);
	if (rc == 0 && (first || t->frontends_changed))
		rc = draft_frontends(t, d);
	/* The first one has the array at least. */
	if (rc == 0 && (first || t->frontend_freed))
		rc = move_epochs(t, d, 0,
				 t->frontend_freed ? n_chunks(t->ids.endpoint_pool.max) : 0);
	if (rc == 0 && (first || t->addresses_changed))
		rc = draft_addresses(t, d);
	if (rc == 0 && t->addresses_changed && t->committed_extras.cap < t->extras.cap) {
		struct fb_extra_address *v =
			realloc(t->committed_extras.v, t->extras.cap * sizeof(*v));

		if (v != NULL) {
			t->committed_extras.v = v;
			t->committed_extras.cap = t->extras.cap;
		}
		rc = v != NULL ? 0 : -ENOMEM;
	}
	/* Last, since it holds at once: nothing fails after it. */
	if (rc == 0 && t->dns != NULL)
		rc = fb_dns_commit(t->dns, t->generation + 1, &d->dns);
	if (rc != 0)
		free_draft(t, d);
	return rc;
}

static void retire(struct fb_part **list, void *data, uint64_t generation)
{
	struct fb_part *part;

	if (data == NULL)
		return;
	part = fb_part_of(data);
	part->retired = generation;
	part->next = *list;
	*list = part;
}

/* What a snapshot had in the version before need not be told to it again. */
static struct fb_places news_of(const struct fb_service_part *svc)
{
	return svc->base != NULL ? svc->change.come : fb_service_all(svc);
}

/* And what it has in the version that follows is not left. */
static struct fb_places left_of(const struct fb_service_part *svc, const struct fb_group *g)
{
	for (uint32_t i = 0; i < g->n_now; i++) {
		if (g->now[i]->base == svc)
			return g->now[i]->change.gone;
	}
	return fb_service_all(svc);
}

/* A published service is in the staged set exactly if it still stands at its place. */
static bool is_placed(const struct fb_table *t, const struct fb_service_part *svc)
{
	return svc->place < t->n_places && t->places[svc->place] == svc;
}

static void apply_groups(struct fb_table *t)
{
	struct fb_group *next;

	/* First all that is new, then what is gone: an endpoint may have changed hands. */
	for (struct fb_group *g = t->staged_groups; g != NULL; g = g->next_staged) {
		for (uint32_t i = 0; i < g->n_now; i++) {
			if (!g->now[i]->published)
				fb_ids_publish(&t->ids, &g->now[i]->pub, news_of(g->now[i]));
			g->now[i]->published = true;
		}
	}
	for (struct fb_group *g = t->staged_groups; g != NULL; g = next) {
		next = g->next_staged;
		for (uint32_t i = 0; i < g->n_committed; i++) {
			struct fb_service_part *svc = g->committed[i];

			if (is_placed(t, svc))
				continue;
			fb_ids_retire(&t->ids, &svc->pub, left_of(svc, g), t->generation);
			retire(&t->retired_services, svc, t->generation);
		}
		for (uint32_t i = 0; i < g->n_now; i++)
			fb_service_forget_base(g->now[i]);
		free(g->committed);
		g->committed = g->now;
		g->n_committed = g->n_now;
		g->staged = false;
		if (g->n_now == 0) {
			free(g->now);
			fb_group_remove(t, g);
		}
	}
	t->staged_groups = NULL;
}

static void clear_staged(struct fb_table *t)
{
	t->services_changed = false;
	t->frontends_changed = false;
	t->places_changed = false;
	t->addresses_changed = false;
	t->snat_changed = false;
	t->endpoint_added = false;
	t->frontend_freed = false;
}

static void retire_chunk(struct fb_table *t, struct fb_info_chunk *chunk)
{
	retire(&t->retired_parts, chunk, t->generation);
}

static void retire_serving_chunk(void *arg, void *chunk)
{
	struct fb_table *t = arg;

	retire(&t->retired_parts, chunk, t->generation);
}

static void apply_draft(struct fb_table *t, const struct draft *d)
{
	t->generation++;
	t->ep_epoch = (t->ep_epoch + d->epoch_moves) & FB_TABLE_EPOCH_MAX;
	each_other_chunk(t->parts[FB_PART_INFOS], n_chunks(t->n_endpoints),
			 d->parts[FB_PART_INFOS], n_chunks(d->n_endpoints), retire_chunk, t);
	fb_serving_each_other_chunk(t->parts[FB_PART_SERVING], d->parts[FB_PART_SERVING],
				    retire_serving_chunk, t);
	for (int i = 0; i < FB_PART_COUNT; i++) {
		if (d->parts[i] != t->parts[i])
			retire(&t->retired_parts, t->parts[i], t->generation);
		t->parts[i] = d->parts[i];
	}
	for (int port = 0; port < FB_MAX_PORTS && t->snat_changed; port++) {
		for (int family = 0; family < FB_FAMILY_COUNT; family++) {
			struct fb_snat_pool *old = &t->committed_snat[port][family];

			if (old->addrs != t->snat[port][family].addrs)
				retire(&t->retired_parts, (void *)(uintptr_t)old->addrs,
				       t->generation);
			*old = t->snat[port][family];
		}
	}
	if (t->addresses_changed && t->extras.n > 0)
		memcpy(t->committed_extras.v, t->extras.v, t->extras.n * sizeof(*t->extras.v));
	t->committed_extras.n = t->extras.n;
	t->committed_announce = t->announce;
	t->n_services = t->n_places;
	t->n_endpoints = d->n_endpoints;
	t->n_over = d->n_over;
	t->n_next_hops = d->n_next_hops;
	/* Of services published now the next commit knows. */
	t->ids.times_changed = false;
	apply_groups(t);
	fb_ids_recycle(&t->ids);
	clear_staged(t);
	t->reroute = false;
	t->rehop = false;
	t->time_is_up = false;
}

struct fb_snapshot *fb_table_commit(struct fb_table *t)
{
	struct fb_held_snapshot *snap;
	struct draft d;

	if (t->generation > 0 && !t->services_changed && !t->addresses_changed &&
	    !t->snat_changed && !t->reroute && !t->rehop && !t->time_is_up &&
	    (t->dns == NULL || !fb_dns_is_staged(t->dns))) {
		errno = EALREADY;
		return NULL;
	}
	if (fb_stage_take_over(t) != 0 || make_draft(t, &d) != 0) {
		errno = ENOMEM;
		return NULL;
	}
	apply_draft(t, &d);
	snap = d.snapshot;
	*snap = (struct fb_held_snapshot){
		.pub = {
			.generation = t->generation,
			.ep_epoch = t->ep_epoch,
			.n_services = t->n_services,
			.services = t->parts[FB_PART_SERVICES],
			.infos = t->parts[FB_PART_INFOS],
			.ep_epochs = t->parts[FB_PART_EPOCHS],
			.n_endpoints = t->n_endpoints,
			.n_over = t->n_over,
			.n_clamping = t->n_clamping,
			.n_next_hops = t->n_next_hops,
			.next_hops = t->parts[FB_PART_NEXT_HOPS],
			.secret = t->ids.secret,
			.frontends = t->parts[FB_PART_FRONTENDS],
			.ranges = t->parts[FB_PART_RANGES],
			.addresses = t->parts[FB_PART_ADDRESSES],
			.serving = t->parts[FB_PART_SERVING],
			.places = t->parts[FB_PART_PLACES],
			.dns = d.dns,
		},
		.next = t->snapshots,
	};
	snap->pub.box_ends = snap->pub.addresses->box_ends;
	memcpy(snap->pub.snat, t->committed_snat, sizeof(snap->pub.snat));
	memcpy(snap->pub.cluster, t->cluster, sizeof(snap->pub.cluster));
	snap->pub.n_cluster = t->n_cluster;
	t->snapshots = snap;
	return &snap->pub;
}

static void abort_groups(struct fb_table *t)
{
	struct fb_group *next;

	for (struct fb_group *g = t->staged_groups; g != NULL; g = next) {
		next = g->next_staged;
		for (uint32_t i = 0; i < g->n_now; i++) {
			if (!g->now[i]->published)
				fb_service_free(g->now[i]);
		}
		free(g->now);
		g->now = g->committed;
		g->n_now = g->n_committed;
		g->staged = false;
		if (g->n_now == 0)
			fb_group_remove(t, g);
	}
	t->staged_groups = NULL;
}

void fb_table_abort(struct fb_table *t)
{
	const struct fb_service *const *services = t->parts[FB_PART_SERVICES];
	const struct fb_frontend_index *frontends = t->parts[FB_PART_FRONTENDS];
	const struct fb_frontend_ranges *ranges = t->parts[FB_PART_RANGES];

	abort_groups(t);
	if (t->dns != NULL)
		fb_dns_abort(t->dns);
	t->n_refused = 0;
	t->n_clamping = 0;
	t->n_places = t->n_services;
	for (uint32_t i = 0; i < t->n_services; i++) {
		t->places[i] = fb_service_part_of(services[i]);
		t->places[i]->place = i;
		t->place_ids[i] = services[i]->id;
		t->n_refused += t->places[i]->n_refused;
		t->n_clamping += services[i]->tcp_mss != FB_MSS_OFF;
	}
	/* The staged index never shrinks, so the one in force fits. */
	if (t->index != NULL && frontends != NULL)
		memcpy(t->index, frontends,
		       sizeof(*frontends) +
			       ((size_t)frontends->mask + 1) * sizeof(frontends->entries[0]));
	else if (t->index != NULL)
		memset(t->index->entries, 0,
		       ((size_t)t->index->mask + 1) * sizeof(t->index->entries[0]));
	if (frontends == NULL && t->index != NULL)
		t->index->n = 0;
	if (t->ranges != NULL)
		t->ranges->n = 0;
	if (t->ranges != NULL && ranges != NULL) {
		memcpy(t->ranges->entries, ranges->entries, ranges->n * sizeof(ranges->entries[0]));
		t->ranges->n = ranges->n;
	}
	fb_ids_restore(&t->ids, services, t->n_services);
	for (int port = 0; port < FB_MAX_PORTS; port++) {
		for (int family = 0; family < FB_FAMILY_COUNT; family++) {
			struct fb_snat_pool *pool = &t->snat[port][family];

			if (pool->addrs != t->committed_snat[port][family].addrs)
				fb_part_free((void *)(uintptr_t)pool->addrs);
			*pool = t->committed_snat[port][family];
		}
	}
	if (t->committed_extras.n > 0)
		memcpy(t->extras.v, t->committed_extras.v,
		       t->committed_extras.n * sizeof(*t->extras.v));
	t->extras.n = t->committed_extras.n;
	t->announce = t->committed_announce;
	clear_staged(t);
}

/* Generation of the oldest snapshot that somebody holds; the present one if nobody does. */
static uint64_t oldest_held(const struct fb_table *t)
{
	uint64_t oldest = t->generation;

	for (const struct fb_held_snapshot *s = t->snapshots; s != NULL; s = s->next)
		oldest = s->pub.generation < oldest ? s->pub.generation : oldest;
	return oldest;
}

void fb_snapshot_release(struct fb_table *t, struct fb_snapshot *snap)
{
	struct fb_held_snapshot **link = &t->snapshots;
	struct fb_part **part;
	uint64_t oldest;

	while (&(*link)->pub != snap)
		link = &(*link)->next;
	*link = (*link)->next;
	free(snap);
	oldest = oldest_held(t);
	if (t->dns != NULL)
		fb_dns_reclaim(t->dns, oldest);
	/* Newest first in both lists: from the first that is old enough on, all are. */
	part = &t->retired_services;
	while (*part != NULL && (*part)->retired > oldest)
		part = &(*part)->next;
	while (*part != NULL) {
		struct fb_part *gone = *part;

		*part = gone->next;
		fb_service_free(fb_part_data(gone));
	}
	part = &t->retired_parts;
	while (*part != NULL && (*part)->retired > oldest)
		part = &(*part)->next;
	while (*part != NULL) {
		struct fb_part *gone = *part;

		*part = gone->next;
		fb_part_free(fb_part_data(gone));
	}
}

void fb_table_reap(struct fb_table *t, uint64_t (*live_flows)(void *arg, uint32_t ep_id), void *arg)
{
	fb_ids_reap(&t->ids, oldest_held(t), live_flows, arg);
}
