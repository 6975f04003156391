/* SPDX-License-Identifier: BSD-3-Clause */

#include "replay.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include "datapath/worker.h"

#define FRAME_ROOM 10240 /* jumbo frames in one segment */
#define N_MBUFS    4096 /* of which fragments that wait get an eighth */
#define STEP_MS    16 /* what one fb_worker_expire() makes up for at the most */

/* A replay rarely has more flows than this, and tables are touched as a whole when made. */
#define MAX_FLOWS 65536

static uint16_t capture_transmit(void *arg, struct fb_worker *w, uint16_t port,
				 struct rte_mbuf **mbufs, uint16_t n)
{
	struct fb_replay *r = arg;

	(void)w;
	for (uint16_t i = 0; i < n; i++) {
		if (r->out[port] != NULL)
			fb_capture_out_write(r->out[port], r->now_ns,
					     rte_pktmbuf_mtod(mbufs[i], uint8_t *),
					     mbufs[i]->data_len);
		r->egress = port;
		rte_pktmbuf_free(mbufs[i]);
	}
	return n;
}

static void describe_ports(const struct fb_config *config, struct fb_port *ports)
{
	for (uint32_t i = 0; i < config->n_ports; i++) {
		const struct fb_config_port *c = &config->ports[i];
		/* Locally administered, 02:00:00:00:00:<port>, where the config leaves it to the device. */
		uint8_t mac[6] = {0x02, 0, 0, 0, 0, (uint8_t)i};
		static const uint8_t none[6];

		ports[i] = (struct fb_port){
			.mtu = c->mtu,
			.vlan = c->vlan,
			.tcp_mss = c->tcp_mss,
			.announce = c->announce,
			.n_queues = (uint16_t)config->n_workers,
		};
		memcpy(ports[i].mac, memcmp(c->mac, none, 6) != 0 ? c->mac : mac, 6);
		for (uint32_t a = c->n_addresses; a > 0; a--) {
			const struct fb_addr *addr = &c->addresses[a - 1].addr;

			ports[i].addr[fb_addr_family(addr)] = *addr;
		}
	}
}

static void keep(void *arg, void *retired)
{
	/* Snapshots are the offline state's. */
	(void)arg;
	(void)retired;
}

int fb_replay_open(struct fb_replay *r, struct fb_errs *errs)
{
	struct fb_port ports[FB_CONFIG_MAX_PORTS];
	struct fb_config *config = r->offline.config;
	struct fb_hash_secret secret;

	if (config->flows_ipv4 > MAX_FLOWS)
		config->flows_ipv4 = MAX_FLOWS;
	if (config->flows_ipv6 > MAX_FLOWS)
		config->flows_ipv6 = MAX_FLOWS;
	if (config->affinity_clients > MAX_FLOWS)
		config->affinity_clients = MAX_FLOWS;
	describe_ports(config, ports);
	r->pool = rte_pktmbuf_pool_create("fb_mbufs", N_MBUFS, 0, 0,
					  FRAME_ROOM + RTE_PKTMBUF_HEADROOM, -1);
	r->rcu = fb_rcu_create((uint16_t)config->n_workers, keep, NULL);
	if (r->pool == NULL || r->rcu == NULL ||
	    fb_rcu_publish(r->rcu, r->offline.snapshot) != 0) {
		fb_errs_add(errs, (struct fb_place){0}, FB_SEV_ERROR, "out of memory");
		return -ENOMEM;
	}
	fb_hash_secret_init(&secret, config->secret); /* the same input gives the same ports */
	r->datapath = fb_datapath_create(config, &secret, ports, config->n_ports, r->pool, r->rcu,
					 errs);
	if (r->datapath == NULL)
		return -ENOMEM;
	r->datapath->transmit = capture_transmit;
	r->datapath->transmit_arg = r;
	for (uint16_t i = 0; i < r->datapath->n_workers; i++)
		fb_rcu_online(r->rcu, i);
	return 0;
}

/* Bring every worker's clock to the frame's time, ageing on the way. */
static void pass_time(struct fb_replay *r, uint32_t now_ms)
{
	for (uint16_t i = 0; i < r->datapath->n_workers; i++) {
		struct fb_worker *w = r->datapath->workers[i];

		while (w->now_ms != now_ms) {
			uint32_t step = now_ms - w->now_ms;

			w->now_ms += step < STEP_MS ? step : STEP_MS;
			fb_worker_expire(w);
			fb_worker_expire_fragments(w);
			fb_worker_drain(w);
		}
	}
}

/* A new snapshot, if there is one: between frames no worker reads any. */
static int publish(struct fb_replay *r, const char *file, struct fb_errs *errs)
{
	struct fb_snapshot *old;
	int err = fb_offline_change(&r->offline, r->path, file, r->now_ms / 1000, &old, errs);

	if (err != 0 || old == NULL)
		return err;
	err = fb_rcu_publish(r->rcu, r->offline.snapshot);
	for (uint16_t i = 0; i < r->datapath->n_workers && err == 0; i++)
		fb_rcu_quiescent(r->rcu, i);
	if (err == 0) {
		(void)fb_rcu_reclaim(r->rcu);
		fb_snapshot_release(r->offline.table, old);
	}
	return err;
}

/* Bring the box to the frame's time: what control does each second, and changes when they are due. */
static int advance(struct fb_replay *r, uint32_t now_ms, struct fb_errs *errs)
{
	uint64_t frame_ns = r->now_ns;
	int err = 0;

	while (err == 0) {
		uint32_t second_ms = (r->now_ms / 1000 + 1) * 1000;
		uint32_t next_ms = second_ms < now_ms ? second_ms : now_ms;

		while (err == 0 && r->changed < r->n_changes &&
		       r->changes[r->changed].at_s * 1000 <= r->now_ms)
			err = publish(r, r->changes[r->changed++].file, errs);
		if (err != 0 || r->now_ms == now_ms)
			break;
		pass_time(r, next_ms);
		r->now_ms = next_ms;
		/* What workers send by themselves. */
		r->now_ns = r->begin_ns + (uint64_t)next_ms * 1000000;
		for (uint16_t i = 0; i < r->datapath->n_workers; i++)
			(void)fb_worker_run_egress(r->datapath->workers[i]);
		if (next_ms == second_ms)
			err = publish(r, NULL, errs);
	}
	r->now_ns = frame_ns;
	return err;
}

/* What a first fragment has set free goes on its way, after it. */
static void finish_others(struct fb_replay *r)
{
	uint16_t n;

	do {
		n = 0;
		for (uint16_t i = 0; i < r->datapath->n_workers; i++)
			n += fb_worker_run_handover(r->datapath->workers[i]);
	} while (n != 0);
}

/* Follow a hand-over to the owner. @return the worker that ended the frame */
static struct fb_worker *finish(struct fb_replay *r, struct fb_worker *w)
{
	while (w->burst.verdicts[0] == FB_VERDICT_COUNT)
		for (uint16_t i = 0; i < r->datapath->n_workers; i++)
			if (fb_worker_run_handover(r->datapath->workers[i]) != 0)
				w = r->datapath->workers[i];
	return w;
}

static void free_punted(struct fb_replay *r)
{
	struct rte_mbuf *m;

	while (fb_datapath_punted(r->datapath, &m, 1) == 1)
		rte_pktmbuf_free(m);
}

static void print_json(const struct fb_replay *r, uint32_t i, const struct fb_worker *w)
{
	const struct fb_burst *b = &w->burst;
	const struct fb_frame *frame = &r->in.frames[i];
	json_t *o = json_pack("{s:s, s:s, s:s, s:i}", "port",
			      r->offline.config->ports[frame->port].name, "verdict",
			      fb_verdict_names[b->verdicts[0]], "reason",
			      fb_reason_names[b->reasons[0]], "worker", w->idx);
	struct fb_endpoint_name name;
	char *text;

	if (r->egress >= 0)
		json_object_set_new(o, "egress",
				    json_string(r->offline.config->ports[r->egress].name));
	if (b->flows[0] != NULL &&
	    fb_table_endpoint_name(r->offline.table, b->flows[0]->ep_id, &name) == 0) {
		char addr[FB_ADDR_STRLEN];
		bool v6 = fb_addr_family(&name.addr) == FB_IPV6;
		struct fb_tuple reply =
			fb_flow_reply_key(w->flows[b->pkts[0].family], b->flows[0]);

		json_object_set_new(o, "service",
				    json_sprintf("%s/%s:%s", name.namespace_, name.name,
						 name.port_name));
		/* Where it goes: within a range of ports not to the endpoint's own. */
		json_object_set_new(o, "endpoint",
				    json_sprintf(v6 ? "[%s]:%u" : "%s:%u",
						 fb_addr_format(&name.addr, addr),
						 rte_be_to_cpu_16(fb_tuple_sport(&reply))));
	}
	/* A time of today in nanoseconds has more digits than a double keeps. */
	text = json_dumps(o, JSON_COMPACT);
	if (text != NULL)
		(void)printf("{\"frame\":%u,\"time\":%" PRIu64 ".%09" PRIu64 ",%s\n", i + 1,
			     frame->time_ns / 1000000000, frame->time_ns % 1000000000, text + 1);
	free(text);
	json_decref(o);
}

static void print_line(const struct fb_replay *r, uint32_t i, const struct fb_worker *w)
{
	const struct fb_burst *b = &w->burst;
	const char *in = r->offline.config->ports[r->in.frames[i].port].name;
	const char *out = r->egress >= 0 ? r->offline.config->ports[r->egress].name : "-";

	if (r->json)
		print_json(r, i, w);
	else
		(void)printf("%-6u %-12s %-8s %-24s %-12s %u\n", i + 1, in,
			     fb_verdict_names[b->verdicts[0]], fb_reason_names[b->reasons[0]], out,
			     w->idx);
}

int fb_replay_run(struct fb_replay *r, struct fb_errs *errs)
{
	r->begin_ns = r->in.n != 0 ? r->in.frames[0].time_ns : 0;
	if (!r->json)
		(void)printf("%-6s %-12s %-8s %-24s %-12s %s\n", "FRAME", "PORT", "VERDICT", "REASON",
			     "EGRESS", "WORKER");
	for (uint32_t i = 0; i < r->in.n; i++) {
		const struct fb_frame *frame = &r->in.frames[i];
		struct fb_worker *w =
			r->datapath->workers[r->spread ? i % r->datapath->n_workers : 0];
		struct rte_mbuf *m = rte_pktmbuf_alloc(r->pool);
		char *data = m != NULL ? rte_pktmbuf_append(m, (uint16_t)frame->len) : NULL;
		int err;

		if (data == NULL) {
			(void)fprintf(stderr, "frame %u: %u bytes are more than a buffer holds (%u)\n",
				      i + 1, frame->len, FRAME_ROOM);
			rte_pktmbuf_free(m);
			continue;
		}
		memcpy(data, frame->data, frame->len);
		r->now_ns = frame->time_ns;
		err = advance(r, (uint32_t)((frame->time_ns - r->begin_ns) / 1000000), errs);
		if (err != 0) {
			rte_pktmbuf_free(m);
			return err;
		}
		r->egress = -1;
		for (uint16_t k = 0; k < r->datapath->n_workers; k++)
			r->datapath->workers[k]->burst.flows[0] = NULL;
		fb_worker_run(w, frame->port, &m, 1);
		print_line(r, i, finish(r, w));
		finish_others(r);
		free_punted(r);
	}
	return 0;
}

/* The law: every frame received has ended in exactly one counter. */
static int check_law(const struct fb_replay *r)
{
	uint64_t rx = 0;
	uint64_t tx = 0;
	uint64_t punts = 0;
	uint64_t answers = 0;
	uint64_t drops = 0;

	for (uint16_t i = 0; i < r->datapath->n_workers; i++) {
		struct fb_worker_counters c;

		fb_datapath_worker_counters(r->datapath, i, &c);
		rx += c.rx_packets;
		tx += c.tx_packets;
		punts += c.punts;
		answers += c.answers;
		for (int k = 0; k < FB_REASON_COUNT; k++)
			drops += c.drops[k];
	}
	(void)fprintf(stderr,
		      "rx %" PRIu64 " = tx %" PRIu64 " + drops %" PRIu64 " + punts %" PRIu64
		      " + answers %" PRIu64 "%s\n",
		      rx, tx, drops, punts, answers,
		      rx == tx + drops + punts + answers ? "" : "  DOES NOT ADD UP");
	return rx == tx + drops + punts + answers ? 0 : 3;
}

int fb_replay_close(struct fb_replay *r)
{
	int status;

	for (uint16_t i = 0; i < r->datapath->n_workers; i++)
		fb_worker_drop_fragments(r->datapath->workers[i]);
	status = check_law(r);
	for (uint16_t i = 0; i < r->datapath->n_workers; i++)
		fb_rcu_offline(r->rcu, i);
	fb_datapath_free(r->datapath);
	fb_rcu_free(r->rcu);
	rte_mempool_free(r->pool);
	for (uint32_t i = 0; i < FB_CONFIG_MAX_PORTS; i++)
		if (r->out[i] != NULL && fb_capture_out_close(r->out[i]) != 0)
			status = 1;
	return status;
}
