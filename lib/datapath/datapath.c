/* SPDX-License-Identifier: BSD-3-Clause */

/* Making, starting and stopping workers; the control thread's door into the packet path. */

#include "datapath/datapath.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <numa.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_launch.h>

#include "base/mss.h"
#include "datapath/adopt.h"
#include "datapath/stages.h"
#include "datapath/stateless.h"

#define TX_RETRIES 4 /* software devices take a burst in pieces; hardware queues hardly ever do */

static uint16_t device_transmit(void *arg, struct fb_worker *w, uint16_t port,
				struct rte_mbuf **mbufs, uint16_t n)
{
	uint16_t device = w->dp->ports[port].device;
	uint16_t sent = 0;

	(void)arg;
	for (int try = 0; sent < n && try <= TX_RETRIES; try++)
		sent += rte_eth_tx_burst(device, w->idx, mbufs + sent, n - sent);
	return sent;
}

static struct rte_ring *ring_create(const char *what, uint32_t idx, uint32_t size, int socket,
				    unsigned int flags)
{
	char name[RTE_RING_NAMESIZE];

	(void)snprintf(name, sizeof(name), "fb_%s_%u", what, idx);
	return rte_ring_create(name, size, socket, flags);
}

static void worker_free(struct fb_worker *w)
{
	struct fb_region region;

	if (w == NULL)
		return;
	for (int family = 0; family < FB_FAMILY_COUNT; family++)
		fb_flow_table_free(w->flows[family]);
	if (w->fragments != NULL)
		fb_worker_drop_fragments(w);
	fb_fragments_free(w->fragments);
	rte_ring_free(w->handover_ring);
	rte_ring_free(w->egress_ring);
	rte_ring_free(w->request_ring);
	fb_region_unmap(&w->sources_region);
	region = w->region;
	fb_region_unmap(&region); /* the worker itself lies in it */
}

static struct fb_flow_timeouts timeouts_of(const struct fb_config *config)
{
	struct fb_flow_timeouts t = {.ms = {
		[FB_FLOW_OPENING] = config->tcp_opening_s * 1000,
		[FB_FLOW_ESTABLISHED] = config->tcp_established_s * 1000,
		[FB_FLOW_CLOSING] = config->tcp_closing_s * 1000,
		/* Both sides have to speak once more, as they do when a connection opens. */
		[FB_FLOW_RESET] = config->tcp_opening_s * 1000,
		[FB_FLOW_PROXY_OPENING] = config->tcp_opening_s * 1000,
		[FB_FLOW_PROXIED] = config->tcp_established_s * 1000,
		[FB_FLOW_PROXY_CLOSING] = config->tcp_closing_s * 1000,
		[FB_FLOW_UDP_NEW] = config->udp_new_s * 1000,
		[FB_FLOW_UDP] = config->udp_s * 1000,
		[FB_FLOW_COOKIE_WAIT] = config->sctp_opening_s * 1000,
		[FB_FLOW_COOKIE_ECHOED] = config->sctp_opening_s * 1000,
		[FB_FLOW_ASSOCIATED] = config->sctp_established_s * 1000,
		[FB_FLOW_SHUTDOWN] = config->sctp_closing_s * 1000,
		[FB_FLOW_CLOSED] = config->sctp_closing_s * 1000,
	}};

	return t;
}

/*
 * Under pressure what has ended, and what nobody has answered, makes room after so long. Late segments of
 * a connection that ended may then be reset; nobody waits for them.
 */
#define PRESSED_MS 10000

static struct fb_flow_timeouts pressed(struct fb_flow_timeouts t)
{
	static const uint8_t states[] = {FB_FLOW_CLOSING, FB_FLOW_CLOSED, FB_FLOW_SHUTDOWN,
					 FB_FLOW_RESET, FB_FLOW_UDP_NEW, FB_FLOW_PROXY_CLOSING};

	for (size_t i = 0; i < sizeof(states); i++)
		t.ms[states[i]] = RTE_MIN(t.ms[states[i]], (uint32_t)PRESSED_MS);
	return t;
}

/* Time may have begun long ago, in an earlier run. */
static void set_clock(struct fb_worker *w)
{
	w->now_ms = fb_datapath_ms(w->dp, rte_rdtsc());
	w->now_s = fb_datapath_now_s(w->dp);
	w->second_ms = w->now_ms;
	w->expire_ms = w->now_ms;
	w->drain_ms = w->now_ms;
	w->reject_limit.last_ms = w->now_ms;
	w->copy_limit.last_ms = w->now_ms;
	w->icmp_limit.last_ms = w->now_ms;
	w->icmp_error_limit.last_ms = w->now_ms;
}

/* What waits is never more than an eighth of the buffers, all workers together. */
static int fragments_create(struct fb_worker *w, const struct fb_config *config, int node)
{
	struct fb_fragment_limits limits = {
		.n_datagrams = config->fragment_datagrams,
		.n_held = RTE_MIN(config->fragment_held, w->pool->size / 8 / w->dp->n_workers),
		.percent_per_source = config->fragment_percent,
		.timeout_ms = config->fragment_timeout_s * 1000,
	};

	if (limits.n_held == 0)
		limits.n_held = 1;
	w->fragments = fb_fragments_create(&limits, &w->dp->nat.secret, node, fb_fragment_drop, w);
	return w->fragments != NULL ? 0 : -errno;
}

static struct fb_worker *worker_create(struct fb_datapath *dp, uint16_t idx,
				       const struct fb_config *config, struct fb_rcu *rcu, int node,
				       struct fb_adoption *adoption)
{
	const uint32_t capacity[FB_FAMILY_COUNT] = {config->flows_ipv4, config->flows_ipv6};
	size_t endpoints_bytes = RTE_CACHE_LINE_ROUNDUP(
		dp->max_endpoints * sizeof(struct fb_endpoint_counters));
	size_t services_bytes = RTE_CACHE_LINE_ROUNDUP(
		dp->max_services * sizeof(struct fb_service_counters));
	struct fb_region region;
	struct fb_worker *w;
	size_t buckets_bytes = dp->max_services * sizeof(*w->service_buckets);
	size_t turns_bytes = dp->max_services * sizeof(*w->turns);
	size_t learnt_bytes = dp->max_services * sizeof(*w->proxy_learnt);
	size_t stateless_bytes = RTE_CACHE_LINE_ROUNDUP(sizeof(*w->stateless));

	/* The worker and its counters in one piece of its node's memory; each part begins a cache line. */
	if (fb_region_map(sizeof(*w) + stateless_bytes + endpoints_bytes + services_bytes +
				  buckets_bytes + turns_bytes + learnt_bytes,
			  node, &region) != 0)
		return NULL;
	w = region.base;
	w->region = region;
	w->stateless = (void *)(w + 1);
	w->endpoint_counters = (void *)((uint8_t *)w->stateless + stateless_bytes);
	w->service_counters = (void *)((uint8_t *)w->endpoint_counters + endpoints_bytes);
	w->service_buckets = (void *)((uint8_t *)w->service_counters + services_bytes);
	w->turns = (void *)((uint8_t *)w->service_buckets + buckets_bytes);
	w->proxy_learnt = (void *)((uint8_t *)w->turns + turns_bytes);
	w->dp = dp;
	w->idx = idx;
	w->random = fb_hash_2(&dp->nat.secret, idx, 0);
	w->burst_size = (uint16_t)config->burst;
	w->rcu = rcu;
	w->pool = dp->pool;
	w->timeouts = timeouts_of(config);
	w->timeouts_pressed = pressed(w->timeouts);
	w->pressure = config->pressure;
	for (int family = 0; family < FB_FAMILY_COUNT; family++)
		w->half_open_most[family] = RTE_MAX((uint32_t)((uint64_t)capacity[family] *
							       config->half_open_share / 100),
						    1u);
	w->reject_limit.rate = config->reject_rate;
	w->reject_limit.credit = (uint64_t)config->reject_rate * 1000;
	w->copy_limit = w->reject_limit;
	w->icmp_limit.rate = config->icmp_rate;
	w->icmp_limit.credit = (uint64_t)config->icmp_rate * 1000;
	w->icmp_error_limit.rate = config->icmp_error_rate;
	w->icmp_error_limit.credit = (uint64_t)config->icmp_error_rate * 1000;
	for (uint16_t p = 0; p < dp->n_ports; p++) {
		w->tx[p].mtu = dp->ports[p].mtu;
		w->tx[p].vlan = dp->ports[p].vlan;
		memcpy(w->tx[p].mac, dp->ports[p].mac, sizeof(w->tx[p].mac));
	}
	w->source_rate = fb_limit_part(dp, config->source_rate);
	if (config->source_rate != 0) {
		if (fb_region_map(FB_LIMIT_SOURCES * sizeof(*w->sources), node,
				  &w->sources_region) != 0)
			goto fail;
		w->sources = w->sources_region.base;
	}
	if (adoption->kept->keep != NULL)
		set_clock(w);
	for (int family = 0; family < FB_FAMILY_COUNT; family++) {
		w->flows[family] = fb_adoption_flows(adoption, idx, (enum fb_family)family,
						     capacity[family], node);
		if (w->flows[family] == NULL)
			goto fail;
	}
	if (fragments_create(w, config, node) != 0)
		goto fail;
	w->handover_ring = ring_create("handover", idx, config->ring_size, node, RING_F_SC_DEQ);
	w->egress_ring = ring_create("egress", idx, config->ring_size, node, RING_F_SC_DEQ);
	w->request_ring = ring_create("request", idx, 64, node, RING_F_SP_ENQ | RING_F_SC_DEQ);
	w->ring_size = config->ring_size - 1; /* what DPDK's rings hold */
	if (w->handover_ring == NULL || w->egress_ring == NULL || w->request_ring == NULL)
		goto fail;
	return w;
fail:
	worker_free(w);
	return NULL;
}

/* Ports sorted by where their replies come in, for devices that spread by a hash which we know. */
static int steer_create(struct fb_datapath *dp)
{
	for (uint16_t p = 0; p < dp->n_ports; p++) {
		const struct fb_nat_rss *rss = dp->ports[p].rss;

		/* The pointer is the caller's, for this call only. */
		dp->ports[p].rss = NULL;
		if (rss == NULL || dp->ports[p].n_queues != dp->n_workers || dp->n_workers == 1)
			continue;
		dp->steer[p] = fb_nat_steer_create(rss, &dp->nat);
		if (dp->steer[p] == NULL)
			return -errno;
	}
	return 0;
}

/* A queue that no worker polls would take packets in for nobody. */
static bool queues_have_workers(const struct fb_datapath *dp, const struct fb_port *ports,
				struct fb_errs *errs)
{
	for (uint16_t p = 0; p < dp->n_ports; p++) {
		if (ports[p].n_queues <= dp->n_workers)
			continue;
		fb_errs_add(errs, (struct fb_place){0}, FB_SEV_ERROR,
			    "ports[%u]: %u queues are more than the %u workers that poll them", p,
			    ports[p].n_queues, dp->n_workers);
		return false;
	}
	return true;
}

struct fb_datapath *fb_datapath_create(const struct fb_config *config,
				       const struct fb_hash_secret *secret,
				       const struct fb_port *ports, uint32_t n_ports,
				       struct rte_mempool *pool, struct fb_rcu *rcu,
				       struct fb_errs *errs)
{
	return fb_datapath_create_over(&(struct fb_datapath_kept){.keep = NULL}, config, secret, ports,
				       n_ports, pool, rcu, errs);
}

/* The same for all workers, and after a restart with the same secret. */
static void set_proxy_key(struct fb_datapath *dp, const struct fb_hash_secret *secret)
{
	static const char *const names[2] = {"SYN cookies 0", "SYN cookies 1"};
	static const uint64_t zero;

	for (int i = 0; i < 2; i++)
		dp->proxy_key.k[i] = fb_hash_bytes(secret, names[i], strlen(names[i]));
	dp->proxy_clock = (uint32_t)fb_siphash(&dp->proxy_key, &zero, 1);
}

struct fb_datapath *fb_datapath_create_over(const struct fb_datapath_kept *kept,
					    const struct fb_config *config,
					    const struct fb_hash_secret *secret,
					    const struct fb_port *ports, uint32_t n_ports,
					    struct rte_mempool *pool, struct fb_rcu *rcu,
					    struct fb_errs *errs)
{
	const struct fb_place nowhere = {0};
	struct fb_datapath *dp = calloc(1, sizeof(*dp));
	struct fb_adoption adoption;
	int err;

	if (dp == NULL) {
		fb_errs_add(errs, nowhere, FB_SEV_ERROR, "out of memory");
		return NULL;
	}
	dp->n_workers = (uint16_t)config->n_workers;
	dp->n_ports = (uint16_t)n_ports;
	if (!queues_have_workers(dp, ports, errs))
		goto fail;
	memcpy(dp->ports, ports, n_ports * sizeof(*ports));
	for (uint32_t p = 0; p < n_ports; p++)
		dp->ports_clamp |= ports[p].tcp_mss != FB_MSS_OFF;
	set_proxy_key(dp, secret);
	dp->worker_part = (UINT64_C(1) << 32) / dp->n_workers;
	memcpy(dp->source_bits, config->source_bits, sizeof(dp->source_bits));
	dp->idle_sleep = config->idle == FB_IDLE_SLEEP;
	dp->pool = pool;
	dp->transmit = device_transmit;
	dp->max_endpoints = config->max_endpoints;
	dp->max_services = config->max_services;
	dp->start_tsc = rte_rdtsc();
	dp->ms_per_tsc = (uint64_t)(((__uint128_t)1000 << 64) / rte_get_tsc_hz());
	dp->keep = kept->keep;
	fb_adoption_begin(&adoption, kept, dp, errs);
	if (fb_nat_ports_init(&dp->nat, config->snat_port_first, config->snat_port_last,
			      dp->n_workers, secret) != 0) {
		fb_errs_add(errs, nowhere, FB_SEV_ERROR,
			    "nat.snat-ports: %u-%u has fewer whole blocks of %u ports than there are "
			    "workers (%u); give a larger range",
			    config->snat_port_first, config->snat_port_last, FB_NAT_BLOCK,
			    dp->n_workers);
		goto fail;
	}
	if (config->sync_listen[0] != '\0')
		fb_nat_ports_mirror(&dp->nat);
	dp->affinity = fb_adoption_affinity(&adoption, config->affinity_clients, secret);
	if (dp->affinity == NULL) {
		fb_errs_add(errs, nowhere, FB_SEV_ERROR, "no memory for %u clients (flows.affinity)",
			    config->affinity_clients);
		goto fail;
	}
	err = steer_create(dp);
	if (err != 0) {
		fb_errs_add(errs, nowhere, FB_SEV_ERROR, "SNAT ports by RSS queue: %s",
			    strerror(-err));
		goto fail;
	}
	dp->punt_ring = ring_create("punt", 0, config->ring_size, -1, RING_F_SC_DEQ);
	if (dp->punt_ring == NULL) {
		fb_errs_add(errs, nowhere, FB_SEV_ERROR, "memory.size-mb: no room for the rings");
		goto fail;
	}
	for (uint16_t i = 0; i < dp->n_workers; i++) {
		int node = numa_available() >= 0 ? numa_node_of_cpu((int)config->worker_cores[i]) : -1;

		dp->workers[i] = worker_create(dp, i, config, rcu, node, &adoption);
		if (dp->workers[i] == NULL) {
			fb_errs_add(errs, nowhere, FB_SEV_ERROR,
				    "no memory for worker %u: %u IPv4 and %u IPv6 flows (flows.ipv4, "
				    "flows.ipv6 count for each worker)",
				    i, config->flows_ipv4, config->flows_ipv6);
			goto fail;
		}
	}
	fb_adoption_run(&adoption);
	return dp;
fail:
	fb_datapath_free(dp);
	return NULL;
}

void fb_datapath_free(struct fb_datapath *dp)
{
	if (dp == NULL)
		return;
	for (uint16_t i = 0; i < dp->n_workers; i++)
		worker_free(dp->workers[i]);
	for (uint16_t p = 0; p < dp->n_ports; p++)
		fb_nat_steer_free(dp->steer[p]);
	rte_ring_free(dp->punt_ring);
	fb_affinity_free(dp->affinity);
	free(dp->lcores);
	free(dp);
}

int fb_datapath_start(struct fb_datapath *dp, const unsigned int *lcores)
{
	dp->lcores = calloc(dp->n_workers, sizeof(*dp->lcores));
	if (dp->lcores == NULL)
		return -ENOMEM;
	memcpy(dp->lcores, lcores, dp->n_workers * sizeof(*lcores));
	dp->stop = false;
	for (uint16_t i = 0; i < dp->n_workers; i++) {
		int err = rte_eal_remote_launch(fb_worker_loop, dp->workers[i], lcores[i]);

		if (err != 0) {
			__atomic_store_n(&dp->stop, true, __ATOMIC_RELAXED);
			while (i-- > 0)
				(void)rte_eal_wait_lcore(lcores[i]);
			return err;
		}
	}
	dp->started = true;
	return 0;
}

/* Frames that were on their way between threads when the workers stopped. */
static void drain(struct rte_ring *ring)
{
	void *m;

	while (rte_ring_dequeue(ring, &m) == 0)
		rte_pktmbuf_free(m);
}

void fb_datapath_stop(struct fb_datapath *dp)
{
	if (!dp->started)
		return;
	__atomic_store_n(&dp->stop, true, __ATOMIC_RELAXED);
	for (uint16_t i = 0; i < dp->n_workers; i++)
		(void)rte_eal_wait_lcore(dp->lcores[i]);
	for (uint16_t i = 0; i < dp->n_workers; i++) {
		drain(dp->workers[i]->handover_ring);
		drain(dp->workers[i]->egress_ring);
	}
	drain(dp->punt_ring);
	dp->started = false;
}

void fb_datapath_drain(struct fb_datapath *dp, bool draining)
{
	__atomic_store_n(&dp->draining, draining, __ATOMIC_RELAXED);
}

bool fb_datapath_affinity(const struct fb_datapath *dp, const struct fb_service *svc,
			  const struct fb_addr *client, struct fb_affinity_entry *ret)
{
	return fb_affinity_lookup(dp->affinity, fb_affinity_key(dp->affinity, svc->id, client),
				  fb_datapath_now_s(dp), ret);
}

uint32_t fb_datapath_now_s(const struct fb_datapath *dp)
{
	return (uint32_t)((rte_rdtsc() - dp->start_tsc) / rte_get_tsc_hz());
}

int fb_datapath_request(struct fb_datapath *dp, uint16_t worker, struct fb_request *request)
{
	request->done = 0;
	return rte_ring_sp_enqueue(dp->workers[worker]->request_ring, request) == 0 ? 0 : -EAGAIN;
}

uint32_t fb_datapath_buffers(const struct fb_datapath *dp, uint32_t *ret_size)
{
	*ret_size = dp->pool->size;
	return rte_mempool_in_use_count(dp->pool);
}

uint32_t fb_datapath_punted(struct fb_datapath *dp, struct rte_mbuf **mbufs, uint32_t n)
{
	return rte_ring_sc_dequeue_burst(dp->punt_ring, (void **)mbufs, n, NULL);
}

int fb_datapath_transmit(struct fb_datapath *dp, uint16_t port, const void *frame, size_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(dp->pool);
	char *data;

	if (m == NULL)
		return -ENOBUFS;
	data = rte_pktmbuf_append(m, (uint16_t)len);
	if (data == NULL) {
		rte_pktmbuf_free(m);
		return -EMSGSIZE;
	}
	memcpy(data, frame, len);
	if (dp->ports[port].vlan != 0) {
		m->vlan_tci = dp->ports[port].vlan;
		if (rte_vlan_insert(&m) != 0) {
			rte_pktmbuf_free(m);
			return -ENOBUFS;
		}
	}
	m->port = port;
	m->hash.usr = FB_TX_TWIN;
	/* Worker 0 has a queue of every port. */
	if (rte_ring_mp_enqueue(dp->workers[0]->egress_ring, m) != 0) {
		rte_pktmbuf_free(m);
		return -EAGAIN;
	}
	return 0;
}
