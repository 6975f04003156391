/* SPDX-License-Identifier: BSD-3-Clause */

#include "neigh/neigh.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if.h>
#include <linux/rtnetlink.h>

#include "neigh/changed.h"
#include "neigh/hop.h"
#include "neigh/kept.h"
#include "neigh/lab.h"
#include "neigh/map.h"
#include "neigh/rtnl.h"

/* ARP and NDP requests caused in one tick at most; a guess that spares switches and peers. */
#define POKES_PER_TICK 1024

/* Dumps that changed under our hands are read again this often; the next tick mends the rest. */
#define DUMP_TRIES 3

/* An address that somebody wants to reach. */
struct destination {
	struct fb_neigh_map_node node; /* first: map nodes are cast to this */
	struct fb_addr addr;
	uint32_t n_holds;
	uint16_t place;
};

/* Any interface of the box: what it does can move routes to our links. */
struct interface {
	int ifindex;
	uint32_t flags;
	uint32_t mtu;
};

struct fb_neigh {
	struct fb_hops *hops;
	struct fb_lab *lab;
	struct fb_rtnl *rtnl; /* NULL: without a kernel */
	struct fb_hash_secret secret;
	struct fb_neigh_map destinations;
	struct fb_changed changed;
	struct fb_changed again; /* since the last tick: asked for once more then */
	bool unsure;	 /* not all that the kernel said is known: to be learnt anew at the next tick */
	uint32_t result; /* FB_NEIGH_* since last told */
	struct fb_neigh_kept *kept; /* NULL: nothing is */
	uint64_t now_ms; /* of the last tick */
	uint32_t pokes_left;
	uint32_t poke_cursor; /* place to begin with in the next tick */
	struct interface *interfaces;
	uint32_t n_interfaces;
	uint32_t interfaces_cap;
	int ifindex[FB_CONFIG_MAX_PORTS]; /* of a port's twin; 0: none */
	uint16_t mtu[FB_CONFIG_MAX_PORTS];
};

static int port_of(const struct fb_neigh *n, int ifindex)
{
	for (int port = 0; ifindex != 0 && port < FB_CONFIG_MAX_PORTS; port++) {
		if (n->ifindex[port] == ifindex)
			return port;
	}
	return -1;
}

static void poke(struct fb_neigh *n, uint16_t place)
{
	struct fb_addr addr;
	uint8_t port;

	if (n->rtnl == NULL || n->pokes_left == 0 ||
	    !fb_hops_poke(n->hops, place, n->now_ms, &port, &addr) || n->ifindex[port] == 0)
		return;
	n->pokes_left--;
	fb_rtnl_poke(n->rtnl, n->ifindex[port], &addr);
}

/* Point a destination to where it leads now. */
static void settle(struct fb_neigh *n, struct destination *d, int port,
		   const struct fb_addr *gateway, uint32_t route_mtu)
{
	uint16_t place = 0;
	uint16_t mtu;

	if (port >= 0) {
		mtu = n->mtu[port];
		if (route_mtu != 0 && route_mtu < mtu)
			mtu = (uint16_t)route_mtu;
		place = fb_hops_hold(n->hops, (uint8_t)port, gateway, mtu);
		if (place == 0 && fb_hops_forgot(n->hops)) {
			/* The old way until there is memory for the new one. */
			n->unsure = true;
			return;
		}
	}
	fb_hops_release(n->hops, d->place);
	if (place == d->place)
		return;
	d->place = place;
	n->result |= FB_NEIGH_ROUTES | FB_NEIGH_HOPS; /* the place may be a new one */
	poke(n, place);
}

static bool settle_by_config(struct fb_neigh *n, struct destination *d)
{
	struct fb_addr gateway;
	uint8_t port;

	if (!fb_lab_lookup(n->lab, &d->addr, &port, &gateway))
		return false;
	settle(n, d, port, &gateway, 0);
	return true;
}

static void settle_by_kernel(struct fb_neigh *n, struct destination **batch, uint32_t n_batch)
{
	const struct fb_addr *dsts[FB_RTNL_BATCH];
	struct fb_neigh_path paths[FB_RTNL_BATCH];

	if (n_batch == 0)
		return;
	for (uint32_t i = 0; i < n_batch; i++)
		dsts[i] = &batch[i]->addr;
	if (fb_rtnl_routes(n->rtnl, dsts, n_batch, paths) != 0) {
		n->changed.all = true; /* they stay where they were; the next tick asks again */
		return;
	}
	for (uint32_t i = 0; i < n_batch; i++)
		settle(n, batch[i], port_of(n, paths[i].ifindex),
		       paths[i].has_gateway ? &paths[i].gateway : &batch[i]->addr, paths[i].mtu);
}

/* Ask again for all destinations that a change may have moved. */
static void requery(struct fb_neigh *n)
{
	struct destination *batch[FB_RTNL_BATCH];
	struct fb_changed changed = n->changed;
	uint32_t n_batch = 0;

	if (!fb_changed_any(&changed))
		return;
	fb_changed_clear(&n->changed);
	for (struct fb_neigh_map_node *node = fb_neigh_map_next(&n->destinations, NULL);
	     node != NULL && !n->changed.all; node = fb_neigh_map_next(&n->destinations, node)) {
		struct destination *d = (struct destination *)node;

		if (!fb_changed_has(&changed, &d->addr) || settle_by_config(n, d))
			continue;
		batch[n_batch++] = d;
		if (n_batch == FB_RTNL_BATCH) {
			settle_by_kernel(n, batch, n_batch);
			n_batch = 0;
		}
	}
	settle_by_kernel(n, batch, n_batch);
	fb_rtnl_poke_flush(n->rtnl);
}

static void on_link(struct fb_neigh *n, const struct fb_neigh_event *e)
{
	uint32_t flags = e->link_flags & (IFF_UP | IFF_RUNNING | IFF_LOWER_UP);
	struct interface *found = NULL;

	for (uint32_t i = 0; i < n->n_interfaces && found == NULL; i++) {
		if (n->interfaces[i].ifindex == e->ifindex)
			found = &n->interfaces[i];
	}
	/* Most news of a link are about something else (statistics, names, queues). */
	if (found != NULL && !e->gone && found->flags == flags && found->mtu == e->link_mtu)
		return;
	n->changed.all = true;
	if (e->gone) {
		if (found != NULL)
			*found = n->interfaces[--n->n_interfaces];
		return;
	}
	if (found == NULL && n->n_interfaces == n->interfaces_cap) {
		uint32_t cap = n->interfaces_cap != 0 ? n->interfaces_cap * 2 : 16;
		struct interface *v = realloc(n->interfaces, cap * sizeof(*v));

		if (v == NULL)
			return; /* not remembered: its next event asks for everything again */
		n->interfaces = v;
		n->interfaces_cap = cap;
	}
	if (found == NULL)
		found = &n->interfaces[n->n_interfaces++];
	*found = (struct interface){.ifindex = e->ifindex, .flags = flags, .mtu = e->link_mtu};
}

static void on_event(void *arg, const struct fb_neigh_event *e)
{
	struct fb_neigh *n = arg;
	int port;

	switch (e->kind) {
	case FB_NEIGH_EVENT_NEIGHBOUR:
		port = port_of(n, e->ifindex);
		if (port >= 0 && fb_hops_learn(n->hops, (uint8_t)port, &e->addr,
					       e->resolved ? e->mac : NULL))
			n->result |= FB_NEIGH_HOPS;
		break;
	case FB_NEIGH_EVENT_ROUTE:
		fb_changed_add(&n->changed, &e->prefix);
		break;
	case FB_NEIGH_EVENT_POLICY:
		n->changed.all = true;
		break;
	case FB_NEIGH_EVENT_LINK:
		on_link(n, e);
		break;
	default:
		break;
	}
}

/* Know everything anew: at the start, and when news were lost. */
static int learn_all(struct fb_neigh *n)
{
	int rc = -EINTR;

	n->changed.all = true;
	n->n_interfaces = 0;
	n->unsure = true;
	for (int i = 0; rc == -EINTR && i < DUMP_TRIES; i++)
		rc = fb_rtnl_dump(n->rtnl, RTM_GETLINK, on_event, n);
	if (rc != 0 && rc != -EINTR)
		return rc;
	fb_hops_dump_begin(n->hops);
	rc = -EINTR;
	for (int i = 0; rc == -EINTR && i < DUMP_TRIES; i++)
		rc = fb_rtnl_dump(n->rtnl, RTM_GETNEIGH, on_event, n);
	if (rc != 0)
		return rc == -EINTR ? 0 : rc; /* what an incomplete dump lacks need not be gone */
	if (fb_hops_dump_end(n->hops))
		n->result |= FB_NEIGH_HOPS;
	n->unsure = false;
	return 0;
}

static int fix_neighbours(struct fb_neigh *n, const struct fb_config *config)
{
	for (uint32_t i = 0; i < config->n_neighbours; i++) {
		const struct fb_config_neighbour *nb = &config->neighbours[i];
		int port = fb_lab_port(config, nb->port);

		if (port >= 0 && fb_hops_fix(n->hops, (uint8_t)port, &nb->addr, nb->mac) != 0)
			return -ENOMEM;
	}
	return 0;
}

struct fb_neigh *fb_neigh_open(const struct fb_config *config, const struct fb_neigh_link *links,
			       uint32_t n_links, bool use_kernel)
{
	struct fb_neigh *n = calloc(1, sizeof(*n));
	int rc = -ENOMEM;

	if (n == NULL || fb_neigh_map_init(&n->destinations) != 0)
		goto fail;
	/* Neighbours choose their addresses: they must not be able to choose where they are put. */
	(void)fb_hash_secret_draw(&n->secret);
	n->pokes_left = POKES_PER_TICK;
	for (uint32_t i = 0; i < config->n_ports && i < FB_CONFIG_MAX_PORTS; i++)
		n->mtu[i] = config->ports[i].mtu;
	for (uint32_t i = 0; i < n_links; i++) {
		n->ifindex[links[i].port] = links[i].ifindex;
		n->mtu[links[i].port] = links[i].mtu;
	}
	n->hops = fb_hops_create(&n->secret);
	n->lab = fb_lab_create(config, !use_kernel);
	if (n->hops == NULL || n->lab == NULL || fix_neighbours(n, config) != 0)
		goto fail;
	if (use_kernel) {
		/* News first, dump second: what changes in between is told twice, never missed. */
		n->rtnl = fb_rtnl_open();
		rc = n->rtnl != NULL ? learn_all(n) : -errno;
		if (rc != 0)
			goto fail;
	}
	fb_changed_clear(&n->changed);
	n->result = 0;
	return n;
fail:
	fb_neigh_close(n);
	errno = -rc;
	return NULL;
}

void fb_neigh_close(struct fb_neigh *n)
{
	struct fb_neigh_map_node *node;

	if (n == NULL)
		return;
	while (n->destinations.heads != NULL &&
	       (node = fb_neigh_map_next(&n->destinations, NULL)) != NULL) {
		fb_neigh_map_remove(&n->destinations, node);
		free(node);
	}
	fb_neigh_map_fini(&n->destinations);
	fb_rtnl_close(n->rtnl);
	fb_lab_free(n->lab);
	fb_hops_free(n->hops);
	free(n->interfaces);
	free(n);
}

int fb_neigh_fd(const struct fb_neigh *n)
{
	return n->rtnl != NULL ? fb_rtnl_fd(n->rtnl) : -1;
}

void fb_neigh_keep(struct fb_neigh *n, struct fb_neigh_kept *kept)
{
	n->kept = kept;
}

static uint32_t tell(struct fb_neigh *n)
{
	uint32_t result = n->result;

	/* Always: what the kernel was told by kept.h is no news. */
	if (n->kept != NULL)
		fb_neigh_kept_note(n->kept, n->hops);
	n->result = 0;
	return result;
}

uint32_t fb_neigh_process(struct fb_neigh *n)
{
	if (n->rtnl == NULL)
		return 0;
	if (fb_rtnl_news(n->rtnl, on_event, n) != 0)
		(void)learn_all(n); /* what fails of it the next tick tries again */
	/*
	 * Linux may tell of an IPv6 route before its lookups find it (seen with 6.18, once in some twenty times): who
	 * asks at once is then told that there is none, and nothing else afterwards.
	 */
	fb_changed_merge(&n->again, &n->changed);
	requery(n);
	return tell(n);
}

uint32_t fb_neigh_tick(struct fb_neigh *n, uint64_t now_ms)
{
	uint32_t n_places;

	n->now_ms = now_ms;
	n->pokes_left = POKES_PER_TICK;
	fb_hops_expire(n->hops, now_ms);
	if (n->rtnl == NULL)
		return 0;
	if (fb_hops_forgot(n->hops) || n->unsure)
		(void)learn_all(n); /* else the next tick tries again */
	fb_changed_merge(&n->changed, &n->again);
	fb_changed_clear(&n->again);
	requery(n);
	(void)fb_hops_array(n->hops, &n_places);
	for (uint32_t i = 0; i < n_places && n->pokes_left > 0; i++) {
		n->poke_cursor = n->poke_cursor + 1 < n_places ? n->poke_cursor + 1 : 0;
		poke(n, (uint16_t)n->poke_cursor);
	}
	fb_rtnl_poke_flush(n->rtnl);
	return tell(n);
}

static struct destination *find(const struct fb_neigh *n, const struct fb_addr *addr, uint64_t hash)
{
	struct fb_neigh_map_node *node;

	for (node = fb_neigh_map_first(&n->destinations, hash); node != NULL;
	     node = fb_neigh_map_same(node)) {
		if (fb_addr_equal(&((struct destination *)node)->addr, addr))
			return (struct destination *)node;
	}
	return NULL;
}

static uint64_t hash_of(const struct fb_neigh *n, const struct fb_addr *addr)
{
	return fb_hash_bytes(&n->secret, addr->bytes, sizeof(addr->bytes));
}

static int hold(void *arg, const struct fb_addr *addr)
{
	struct fb_neigh *n = arg;
	uint64_t hash = hash_of(n, addr);
	struct destination *d = find(n, addr, hash);
	uint32_t result = n->result;

	if (d != NULL) {
		d->n_holds++;
		return 0;
	}
	d = calloc(1, sizeof(*d));
	if (d == NULL)
		return -ENOMEM;
	d->addr = *addr;
	d->n_holds = 1;
	fb_neigh_map_insert(&n->destinations, &d->node, hash);
	if (!settle_by_config(n, d) && n->rtnl != NULL)
		settle_by_kernel(n, &d, 1);
	if (n->rtnl != NULL)
		fb_rtnl_poke_flush(n->rtnl);
	n->result = result; /* a first place is no change: the table asks for it next */
	return 0;
}

static void release(void *arg, const struct fb_addr *addr)
{
	struct fb_neigh *n = arg;
	struct destination *d = find(n, addr, hash_of(n, addr));

	if (d == NULL || --d->n_holds > 0)
		return;
	fb_hops_release(n->hops, d->place);
	fb_neigh_map_remove(&n->destinations, &d->node);
	free(d);
}

static uint16_t next_hop(void *arg, const struct fb_addr *addr)
{
	const struct fb_neigh *n = arg;
	const struct destination *d = find(n, addr, hash_of(n, addr));

	return d != NULL ? d->place : 0;
}

static const struct fb_next_hop *next_hops(void *arg, uint32_t *ret_n)
{
	const struct fb_neigh *n = arg;

	return fb_hops_array(n->hops, ret_n);
}

struct fb_table_router fb_neigh_router(struct fb_neigh *n)
{
	return (struct fb_table_router){
		.hold = hold,
		.release = release,
		.next_hop = next_hop,
		.next_hops = next_hops,
		.arg = n,
	};
}

int fb_neigh_describe(const struct fb_neigh *n, uint16_t nh_idx, struct fb_addr *ret_gateway)
{
	return fb_hops_describe(n->hops, nh_idx, ret_gateway);
}
