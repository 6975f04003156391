/* SPDX-License-Identifier: BSD-3-Clause */

#include "datapath/adopt.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <rte_cycles.h>

#include "datapath/select.h"
#include "flow/adopt.h"
#include "flow/shift.h"
#include "net/rewrite.h"

#define NO_PORT 0xff

static const char *const family_names[FB_FAMILY_COUNT] = {[FB_IPV4] = "ipv4", [FB_IPV6] = "ipv6"};

uint64_t fb_datapath_layout(void)
{
	struct fb_hash_secret secret;

	fb_hash_secret_init(&secret, "datapath layout");
	return fb_hash_2(&secret, fb_flow_layout(), FB_AFFINITY_LAYOUT_VERSION);
}

/* Ports go by their names: an index is only a place in the config. */
static void map_ports(struct fb_adoption *a)
{
	const struct fb_keep_shape *old = fb_keep_old_shape(a->kept->keep);
	const struct fb_keep_shape *now = a->kept->shape;

	memset(a->port_map, NO_PORT, sizeof(a->port_map));
	for (uint32_t i = 0; i < old->n_ports && i < FB_MAX_PORTS; i++) {
		for (uint32_t k = 0; k < now->n_ports; k++) {
			if (strncmp(old->ports[i], now->ports[k], sizeof(old->ports[i])) == 0)
				a->port_map[i] = (uint8_t)k;
		}
	}
}

/* The clock of the earlier run goes on, so that what it wrote down needs no conversion. */
static void set_clock(struct fb_datapath *dp, struct fb_keep *keep)
{
	uint64_t ms;

	(void)fb_keep_clock(keep, &ms);
	dp->start_tsc -= (uint64_t)((__uint128_t)ms * rte_get_tsc_hz() / 1000);
}

void fb_adoption_begin(struct fb_adoption *a, const struct fb_datapath_kept *kept,
		       struct fb_datapath *dp, struct fb_errs *errs)
{
	*a = (struct fb_adoption){.kept = kept, .dp = dp, .errs = errs};
	if (kept->keep == NULL || fb_keep_found(kept->keep) == FB_KEEP_NOTHING)
		return;
	map_ports(a);
	set_clock(dp, kept->keep);
}

static void tables_name(char buf[32], uint16_t worker, enum fb_family family)
{
	(void)snprintf(buf, 32, "flows-%u-%s", worker, family_names[family]);
}

static void say_not_kept(struct fb_adoption *a, const char *what, int err)
{
	fb_errs_add(a->errs, (struct fb_place){0}, FB_SEV_NOTICE,
		    "flows.directory: %s: %s; it will not outlive this run", what, strerror(-err));
}

struct fb_flow_table *fb_adoption_flows(struct fb_adoption *a, uint16_t worker,
					enum fb_family family, uint32_t capacity, int numa_node)
{
	const struct fb_hash_secret *secret = &a->dp->nat.secret;
	struct fb_flow_table *t;
	struct fb_region region;
	char name[32];
	int err;

	if (a->kept->keep == NULL)
		return fb_flow_table_create(family, capacity, secret, numa_node);
	tables_name(name, worker, family);
	err = fb_keep_map(a->kept->keep, name, fb_flow_records_bytes(family, capacity), numa_node,
			  &region, &a->found[worker][family]);
	if (err != 0) {
		say_not_kept(a, name, err);
		return fb_flow_table_create(family, capacity, secret, numa_node);
	}
	t = fb_flow_table_create_in(family, capacity, secret, numa_node, &region);
	if (t == NULL)
		fb_region_unmap(&region);
	return t;
}

struct fb_affinity *fb_adoption_affinity(struct fb_adoption *a, uint32_t capacity,
					 const struct fb_hash_secret *secret)
{
	struct fb_keep *keep = a->kept->keep;
	struct fb_affinity *t;
	struct fb_region region;
	struct fb_region old;
	bool found;
	int err;

	if (keep == NULL)
		return fb_affinity_create(capacity, secret, -1);
	err = fb_keep_map(keep, "affinity", fb_affinity_bytes(capacity), -1, &region, &found);
	if (err != 0) {
		say_not_kept(a, "affinity", err);
		return fb_affinity_create(capacity, secret, -1);
	}
	/* Where an entry stands follows from the capacity: with another one all would have to be found again. */
	if (fb_keep_found(keep) == FB_KEEP_RESHAPED &&
	    fb_keep_old_shape(keep)->affinity == capacity &&
	    fb_keep_map_old(keep, "affinity", &old) == 0) {
		memcpy(region.base, old.base, RTE_MIN(old.bytes, region.bytes));
		fb_region_unmap(&old);
	}
	t = fb_affinity_create_in(capacity, secret, &region);
	if (t == NULL)
		fb_region_unmap(&region);
	return t;
}

/* Which worker will see the flow's packets, from both sides; FB_NAT_NO_OWNER: not the same one. */
static uint16_t owner_of(const struct fb_datapath *dp, const struct fb_flow *flow,
			 const struct fb_tuple *client, const struct fb_tuple *reply)
{
	const struct fb_nat_steer *steer = dp->steer[flow->client_port];
	const struct fb_addr src = fb_tuple_src(client);
	const uint16_t by_client = fb_nat_client_owner(&dp->nat, &src, fb_tuple_sport(client));
	uint16_t by_port;

	if ((flow->flags & FB_FLOW_SNAT) == 0)
		return by_client;
	by_port = fb_nat_port_owner(&dp->nat, fb_tuple_dport(reply));
	if (by_port == by_client || by_port == FB_NAT_NO_OWNER)
		return by_port;
	/* Of services with a hidden client on a steered port, see owner.c. */
	return steer != NULL && fb_nat_rss_knows(flow->proto) &&
			       fb_nat_rss_worker(steer, client) == by_port
		       ? by_port
		       : FB_NAT_NO_OWNER;
}

/* Whether the two keys can be those of one flow to that endpoint. */
static bool keys_agree(const struct fb_flow *flow, const struct fb_tuple *client,
		       const struct fb_tuple *reply, const struct fb_addr *ep)
{
	const struct fb_addr from = fb_tuple_src(reply);
	const struct fb_addr to = fb_tuple_dst(reply);
	const struct fb_addr src = fb_tuple_src(client);
	const bool same_client = fb_addr_equal(&to, &src) &&
				 fb_tuple_dport(reply) == fb_tuple_sport(client);

	return fb_addr_equal(&from, ep) && ((flow->flags & FB_FLOW_SNAT) != 0 || same_client);
}

/* @return whether the flow goes on; *ret_owner is set then */
static bool is_believed(struct fb_adoption *a, struct fb_flow *flow, const struct fb_tuple *client,
			const struct fb_tuple *reply, uint16_t *ret_owner)
{
	const struct fb_tuple out = fb_tuple_reverse(reply);
	struct fb_rewrite rw;
	struct fb_addr ep;
	uint8_t proto;

	if (flow->ep_id >= a->dp->max_endpoints ||
	    !a->kept->endpoint(a->kept->arg, flow->ep_id, &ep, &proto)) {
		a->no_endpoint++;
		return false;
	}
	if (proto != flow->proto || !keys_agree(flow, client, reply, &ep)) {
		a->broken++;
		return false;
	}
	if (flow->client_port >= FB_MAX_PORTS || a->port_map[flow->client_port] == NO_PORT) {
		a->no_owner++;
		return false;
	}
	/* In place only where the map is the identity: who dies here finds no port mapped twice. */
	flow->client_port = a->port_map[flow->client_port];
	*ret_owner = owner_of(a->dp, flow, client, reply);
	if (*ret_owner >= a->dp->n_workers || (a->worker != NULL && *ret_owner != a->worker->idx)) {
		a->no_owner++;
		return false;
	}
	/* No snapshot is of these epochs: the first packet looks its endpoint up. */
	flow->nh_idx = 0;
	if (flow->state == FB_FLOW_PROXY_OPENING) {
		flow->ep_epoch |= FB_FLOW_OPENING_MARK;
		return true;
	}
	fb_rewrite_prepare(client, &out, &rw);
	flow->ip_delta = rw.ip_delta;
	flow->l4_delta = rw.l4_delta;
	flow->ep_epoch = UINT32_MAX;
	return true;
}

static void count_adopted(struct fb_worker *w, const struct fb_flow *flow)
{
	w->endpoint_counters[flow->ep_id].live++;
	if (flow->flags & FB_FLOW_COUNTED)
		w->endpoint_counters[flow->ep_id].open++;
	w->counters.flows_adopted++;
}

static bool check_in_place(void *arg, enum fb_family family, struct fb_flow *flow,
			   const struct fb_tuple *client, const struct fb_tuple *reply)
{
	uint16_t owner;

	return is_believed(arg, flow, client, reply, &owner);
}

static void adopted_in_place(void *arg, const struct fb_flow *flow)
{
	const struct fb_adoption *a = arg;

	count_adopted(a->worker, flow);
}

static void adopt_in_place(struct fb_adoption *a)
{
	for (uint16_t i = 0; i < a->dp->n_workers; i++) {
		for (int family = 0; family < FB_FAMILY_COUNT; family++) {
			const uint64_t judged = a->no_endpoint + a->no_owner + a->broken;
			struct fb_flow_adopted done;

			if (!a->found[i][family])
				continue;
			a->worker = a->dp->workers[i];
			done = fb_flow_adopt(a->worker->flows[family], check_in_place,
					     adopted_in_place, a);
			a->adopted += done.adopted;
			a->no_room += done.no_place;
			/* What was no flow by itself did not come as far as the check. */
			a->broken +=
				done.refused - (a->no_endpoint + a->no_owner + a->broken - judged);
		}
	}
}

static void carry_over(void *arg, enum fb_family family, struct fb_flow *flow,
		       const struct fb_tuple *client, const struct fb_tuple *reply)
{
	struct fb_adoption *a = arg;
	struct fb_worker *w;
	uint16_t owner;

	if (!is_believed(a, flow, client, reply, &owner))
		return;
	w = a->dp->workers[owner];
	if (fb_flow_carry(w->flows[family], flow, client, reply) != 0) {
		a->no_room++;
		return;
	}
	count_adopted(w, flow);
	a->adopted++;
}

static void adopt_reshaped(struct fb_adoption *a)
{
	const struct fb_keep_shape *old = fb_keep_old_shape(a->kept->keep);

	a->worker = NULL;
	for (uint32_t i = 0; i < old->n_workers && i < FB_NAT_MAX_WORKERS; i++) {
		for (int family = 0; family < FB_FAMILY_COUNT; family++) {
			struct fb_region region;
			char name[32];

			tables_name(name, (uint16_t)i, (enum fb_family)family);
			if (fb_keep_map_old(a->kept->keep, name, &region) != 0)
				continue;
			fb_flow_each_record((enum fb_family)family, region.base, region.bytes,
					    carry_over, a);
			fb_region_unmap(&region);
		}
	}
}

static double seconds_between(const struct timespec *from, const struct timespec *to)
{
	return (double)(to->tv_sec - from->tv_sec) + (double)(to->tv_nsec - from->tv_nsec) / 1e9;
}

static void say(struct fb_adoption *a, double took_s)
{
	const struct fb_keep *keep = a->kept->keep;
	uint64_t now_ms;
	uint64_t gap_ms = fb_keep_clock(keep, &now_ms);

	fb_errs_add(a->errs, (struct fb_place){0}, FB_SEV_NOTICE,
		    "%" PRIu64
		    " flows taken over from the run that %s, last heard of %.1f s ago (in %.3f s); "
		    "not taken over: %" PRIu64 " without a known endpoint, %" PRIu64
		    " that no worker or port of now would see whole, %" PRIu64 " broken, %" PRIu64
		    " without a place",
		    a->adopted, fb_keep_was_stopped(keep) ? "stopped" : "broke off",
		    (double)gap_ms / 1000, took_s, a->no_endpoint, a->no_owner, a->broken,
		    a->no_room);
}

void fb_adoption_run(struct fb_adoption *a)
{
	struct fb_keep *keep = a->kept->keep;
	struct timespec begin;
	struct timespec end;
	int err;

	if (keep == NULL)
		return;
	(void)clock_gettime(CLOCK_MONOTONIC, &begin);
	if (fb_keep_found(keep) == FB_KEEP_SAME)
		adopt_in_place(a);
	else if (fb_keep_found(keep) == FB_KEEP_RESHAPED)
		adopt_reshaped(a);
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	if (fb_keep_found(keep) != FB_KEEP_NOTHING)
		say(a, seconds_between(&begin, &end));
	err = fb_keep_settle(keep);
	if (err != 0)
		say_not_kept(a, "head", err);
	fb_datapath_note_clock(a->dp);
}

void fb_datapath_note_clock(const struct fb_datapath *dp)
{
	if (dp->keep != NULL)
		fb_keep_note_clock(dp->keep,
				   (uint64_t)(((__uint128_t)(rte_rdtsc() - dp->start_tsc) * 1000) /
					      rte_get_tsc_hz()));
}
