/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mss.h"
#include "control/answer.h"
#include "control/bounds.h"
#include "control/drain.h"
#include "control/items.h"
#include "control/peer.h"

static json_t *integer(uint64_t value)
{
	return json_integer((json_int_t)value);
}

/* ---- get workers, ports, drops, status ---- */

static json_t *get_workers(struct fb_control *c, const json_t *request)
{
	json_t *list = json_array();

	for (uint16_t w = 0; w < fb_datapath_n_workers(c->p.datapath); w++) {
		struct fb_worker_counters v;
		uint64_t drops = 0;
		json_t *o = json_object();

		fb_datapath_worker_counters(c->p.datapath, w, &v);
		for (int r = 0; r < FB_REASON_COUNT; r++)
			drops += v.drops[r];
		fb_json_set_integer(o, "worker", w);
		fb_json_set_integer(o, "core", c->p.config->worker_cores != NULL
						       ? c->p.config->worker_cores[w]
						       : w);
		fb_json_set_integer(o, "generation", v.generation);
		fb_json_set_integer(o, "rx_packets", v.rx_packets);
		fb_json_set_integer(o, "rx_bytes", v.rx_bytes);
		fb_json_set_integer(o, "tx_packets", v.tx_packets);
		fb_json_set_integer(o, "tx_bytes", v.tx_bytes);
		fb_json_set_integer(o, "drops", drops);
		fb_json_set_integer(o, "punts", v.punts);
		fb_json_set_integer(o, "answers", v.answers);
		fb_json_set_integer(o, "flows_ipv4", v.flows_live[FB_IPV4]);
		fb_json_set_integer(o, "flows_ipv6", v.flows_live[FB_IPV6]);
		fb_json_set_integer(o, "flows_created", v.flows_created);
		fb_json_set_integer(o, "flows_adopted", v.flows_adopted);
		fb_json_set_integer(o, "flows_expired", v.flows_expired);
		fb_json_set_integer(o, "half_open_ipv4",
				    v.flows_half_open[FB_IPV4][FB_QUEUE_CONNECTIONS] +
					    v.flows_half_open[FB_IPV4][FB_QUEUE_UDP]);
		fb_json_set_integer(o, "half_open_ipv6",
				    v.flows_half_open[FB_IPV6][FB_QUEUE_CONNECTIONS] +
					    v.flows_half_open[FB_IPV6][FB_QUEUE_UDP]);
		fb_json_set_integer(o, "flows_evicted",
				    v.flows_evicted[FB_EVICTED_SHARE] +
					    v.flows_evicted[FB_EVICTED_TABLE] +
					    v.flows_evicted[FB_EVICTED_PORTS]);
		(void)json_object_set_new(o, "bounds", fb_bounds_json(&v));
		fb_json_set_integer(o, "stateless", v.stateless);
		fb_json_set_integer(o, "asked", v.asked);
		fb_json_set_integer(o, "mss_lowered", v.mss_lowered);
		fb_json_set_integer(o, "cookies_sent", v.cookies_sent);
		fb_json_set_integer(o, "cookies_accepted", v.cookies_accepted);
		fb_json_set_integer(o, "cookies_refused", v.cookies_refused);
		fb_json_set_integer(o, "proxy_acks", v.proxy_acks);
		fb_json_set_integer(o, "proxy_syns_repeated", v.proxy_syns_repeated);
		fb_json_set_integer(o, "affinity_full", v.affinity_full);
		fb_json_set_integer(o, "handover_in", v.handover_in);
		fb_json_set_integer(o, "handover_out", v.handover_out);
		fb_json_set_integer(o, "rss_astray", v.rss_astray);
		fb_json_set_integer(o, "twin_tx", v.twin_tx);
		fb_json_set_integer(o, "resets", v.resets);
		fb_json_set_integer(o, "pieces", v.pieces);
		fb_json_set_integer(o, "copies", v.copies);
		fb_json_set_integer(o, "datagrams", v.datagrams_live);
		fb_json_set_integer(o, "fragments_held", v.fragments_held);
		fb_json_set_integer(o, "polls", v.polls);
		fb_json_set_integer(o, "busy_polls", v.busy_polls);
		(void)json_array_append_new(list, o);
	}
	return list;
}

static json_t *get_ports(struct fb_control *c, const json_t *request)
{
	json_t *list = json_array();

	for (uint16_t p = 0; p < fb_datapath_n_ports(c->p.datapath); p++) {
		const struct fb_port *port = fb_datapath_port(c->p.datapath, p);
		const struct fb_config_port *config = &c->p.config->ports[p];
		struct fb_port_counters v;
		json_t *addresses = json_array();
		char mss[FB_MSS_STRLEN];
		json_t *o;
		char mac[18];

		(void)snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", port->mac[0],
			       port->mac[1], port->mac[2], port->mac[3], port->mac[4], port->mac[5]);
		for (uint32_t i = 0; i < config->n_addresses; i++) {
			char text[FB_ADDR_STRLEN];

			(void)json_array_append_new(
				addresses,
				json_sprintf("%s/%u",
					     fb_addr_format(&config->addresses[i].addr, text),
					     config->addresses[i].len_bits));
		}
		fb_datapath_port_counters(c->p.datapath, p, &v);
		o = json_pack("{s:s,s:s,s:s,s:s,s:i,s:i,s:i,s:b,s:b,s:o}", "name", config->name,
			      "device", config->device, "mac", mac, "link",
			      c->link_up[p] ? "up" : "down", "mtu", (int)port->mtu, "vlan",
			      (int)port->vlan, "queues", (int)port->n_queues, "rss",
			      (int)fb_datapath_port_steered(c->p.datapath, p), "announce", (int)port->announce, "addresses",
			      addresses);
		if (p < c->p.n_twins && c->p.twins[p] != NULL)
			(void)json_object_set_new(o, "twin",
						  json_string(fb_twin_name(c->p.twins[p])));
		(void)json_object_set_new(o, "tcp_mss", json_string(fb_mss_format(port->tcp_mss, mss)));
		fb_json_set_integer(o, "rx_packets", v.rx_packets);
		fb_json_set_integer(o, "rx_bytes", v.rx_bytes);
		fb_json_set_integer(o, "tx_packets", v.tx_packets);
		fb_json_set_integer(o, "tx_bytes", v.tx_bytes);
		fb_json_set_integer(o, "tx_full", v.tx_full);
		(void)json_array_append_new(list, o);
	}
	return list;
}

static json_t *get_drops(struct fb_control *c, const json_t *request)
{
	uint64_t sums[FB_REASON_COUNT] = {0};
	json_t *list = json_array();

	for (uint16_t w = 0; w < fb_datapath_n_workers(c->p.datapath); w++) {
		struct fb_worker_counters v;

		fb_datapath_worker_counters(c->p.datapath, w, &v);
		for (int r = 0; r < FB_REASON_COUNT; r++)
			sums[r] += v.drops[r];
	}
	for (int r = FB_REASON_NONE + 1; r < FB_REASON_COUNT; r++)
		(void)json_array_append_new(list, json_pack("{s:s,s:o,s:s}", "reason",
							    fb_reason_names[r], "packets",
							    integer(sums[r]), "help",
							    fb_reason_help[r]));
	return list;
}

static json_t *origins_json(const struct fb_control *c)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < c->n_origins; i++) {
		const struct fb_origin *origin = &c->origins[i];

		(void)json_array_append_new(
			list, json_pack("{s:o,s:i,s:b,s:b,s:o}", "file", fb_json_text(origin->path),
					"errors", (int)origin->n_errors, "gone", (int)origin->gone,
					"from_copy", (int)origin->from_copy,
					"messages", fb_messages_json(&origin->errs)));
	}
	return list;
}

static void append_trouble(void *arg, const char *namespace_, const char *name, const char *trouble)
{
	(void)json_array_append_new(arg, json_sprintf("%s/%s: %s", namespace_, name, trouble));
}

/* "worker 0: flows-ipv4 full" */
static json_t *all_bounds_json(const struct fb_control *c)
{
	json_t *all = json_array();

	for (uint16_t w = 0; w < fb_datapath_n_workers(c->p.datapath); w++) {
		struct fb_worker_counters v;
		const json_t *text;
		json_t *list;
		size_t i;

		fb_datapath_worker_counters(c->p.datapath, w, &v);
		list = fb_bounds_json(&v);
		json_array_foreach(list, i, text)(void)
			json_array_append_new(all, json_sprintf("worker %u: %s", w,
								json_string_value(text)));
		json_decref(list);
	}
	if (c->buffers.level != FB_LEVEL_NORMAL)
		(void)json_array_append_new(all, json_sprintf("packet buffers: %s",
							      fb_level_name(c->buffers.level)));
	return all;
}

static json_t *get_status(struct fb_control *c, const json_t *request)
{
	const struct fb_snapshot *snap = fb_control_snapshot(c);
	json_t *conflicts = json_array();
	json_t *lacking = json_array();
	json_t *missing = json_array();
	json_t *o = json_object();

	for (uint32_t i = 0; i < c->n_conflicts; i++)
		(void)json_array_append_new(
			conflicts, json_sprintf("%s/%s: %s", c->conflicts[i].namespace_,
						c->conflicts[i].name,
						c->conflicts[i].text != NULL ? c->conflicts[i].text
									     : "refused"));
	for (uint32_t i = 0; i < c->p.config->n_manifests; i++) {
		if (c->source_missing[i])
			(void)json_array_append_new(missing,
						    fb_json_text(c->p.config->manifests[i].path));
	}
	(void)json_object_set_new(o, "version", json_string(c->p.version));
	fb_json_set_integer(o, "uptime_seconds", (c->now_ms - c->start_ms) / 1000);
	fb_json_set_integer(o, "generation", snap != NULL ? snap->generation : 0);
	fb_json_set_integer(o, "snapshots_waiting", c->snapshots_waiting);
	fb_json_set_integer(o, "workers", fb_datapath_n_workers(c->p.datapath));
	fb_json_set_integer(o, "ports", fb_datapath_n_ports(c->p.datapath));
	fb_json_set_integer(o, "services", fb_store_n_objects(c->store, FB_KIND_SERVICE));
	fb_json_set_integer(o, "endpoint_slices",
			    fb_store_n_objects(c->store, FB_KIND_ENDPOINT_SLICE));
	fb_json_set_integer(o, "reloads", c->reloads);
	fb_json_set_integer(o, "reloads_refused", c->reloads_refused);
	fb_json_set_integer(o, "twin_drops", c->twin_drops);
	fb_pool_each_trouble(c->pool, append_trouble, lacking);
	(void)json_object_set_new(o, "draining", json_boolean(c->draining));
	if (c->draining) {
		fb_json_set_integer(o, "open_flows", fb_drain_open(c));
		fb_json_set_integer(o, "drain_seconds_left",
				    c->drain_until_ms > c->now_ms ?
					    (c->drain_until_ms - c->now_ms) / 1000 :
					    0);
	}
	(void)json_object_set_new(o, "conflicts", conflicts);
	(void)json_object_set_new(o, "lacking", lacking);
	(void)json_object_set_new(o, "missing", missing);
	(void)json_object_set_new(o, "bounds", all_bounds_json(c));
	(void)json_object_set_new(o, "files", origins_json(c));
	(void)json_object_set_new(o, "metrics", json_string(c->p.config->metrics_listen));
	(void)json_object_set_new(o, "sync", fb_peer_json(c->peer));
	return json_pack("[o]", o);
}

/* ---- get services, endpoints, pods, nodes: in pieces ---- */

/* How long a piece may take; frames to the twins, ARP and changes wait for it. */
#define PIECE_US 500

struct list_job {
	struct fb_job job;
	struct fb_reply *reply;
	struct fb_items *items;
};

static void service_counters(void *arg, uint32_t id, struct fb_service_counters *ret)
{
	struct fb_control *c = arg;

	fb_datapath_service_counters(c->p.datapath, id, ret);
}

static void endpoint_counters(void *arg, uint32_t id, struct fb_endpoint_counters *ret)
{
	struct fb_control *c = arg;

	fb_datapath_endpoint_counters(c->p.datapath, id, ret);
}

static const char *port_name(void *arg, uint32_t port)
{
	return fb_control_port_name(arg, port);
}

static int gateway(void *arg, uint16_t nh_idx, struct fb_addr *ret)
{
	struct fb_control *c = arg;

	return fb_neigh_describe(c->p.neigh, nh_idx, ret);
}

static struct fb_items_source source_of(struct fb_control *c)
{
	return (struct fb_items_source){
		.pool = c->pool,
		.node_name = c->p.config->node_name,
		.store = c->store,
		.table = c->p.table,
		.snap = fb_control_snapshot(c),
		.now_s = fb_datapath_now_s(c->p.datapath),
		.service_counters = service_counters,
		.endpoint_counters = endpoint_counters,
		.port_name = port_name,
		.gateway = gateway,
		.arg = c,
	};
}

static void free_list(struct list_job *job)
{
	fb_items_end(job->items);
	free(job);
}

/* @return whether there is more */
static bool add_piece(struct list_job *job, const struct fb_items_source *source)
{
	json_t *list = json_array();
	bool more = fb_items_next(job->items, source, list);
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
		fb_reply_add_item(job->reply, item);
	json_decref(list);
	return more;
}

static bool poll_list(struct fb_control *c, struct fb_job *base)
{
	struct list_job *job = (struct list_job *)base;
	struct fb_items_source source = source_of(c);
	uint64_t until_us = fb_control_clock_us() + PIECE_US;

	while (!fb_reply_is_dead(job->reply) && add_piece(job, &source)) {
		if (fb_control_clock_us() >= until_us)
			return false;
	}
	fb_reply_send_items(job->reply);
	free_list(job);
	return true;
}

static void cancel_list(struct fb_job *base)
{
	struct list_job *job = (struct list_job *)base;

	fb_reply_error(job->reply, "forebay is stopping");
	free_list(job);
}

static void get_list(struct fb_control *c, const json_t *request, struct fb_reply *reply)
{
	struct list_job *job = calloc(1, sizeof(*job));
	json_t *error = NULL;

	if (job != NULL)
		job->items = fb_items_begin(c->store, request, &error);
	if (job == NULL || job->items == NULL) {
		free(job);
		fb_reply_send(reply, error);
		return;
	}
	job->job.poll = poll_list;
	job->job.cancel = cancel_list;
	job->reply = reply;
	fb_control_add_job(c, &job->job);
}

void fb_command_get(struct fb_control *c, const json_t *request, struct fb_reply *reply)
{
	static const struct {
		const char *what;
		json_t *(*get)(struct fb_control *c, const json_t *request);
	} rows[] = {
		{"workers", get_workers},
		{"ports", get_ports},
		{"drops", get_drops},
		{"status", get_status},
	};
	const char *what = fb_request_string(request, "what");

	if (what != NULL && strcmp(what, "flows") == 0) {
		fb_command_flows(c, request, reply);
		return;
	}
	if (fb_items_can(what)) {
		get_list(c, request, reply);
		return;
	}
	for (size_t i = 0; what != NULL && i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(rows[i].what, what) == 0) {
			fb_reply_send(reply, json_pack("{s:b,s:o}", "ok", 1, "items",
						       rows[i].get(c, request)));
			return;
		}
	}
	fb_reply_error(reply, "cannot get '%s': services, endpoints, pods, nodes, flows, workers, ports, "
			      "drops or status", what != NULL ? what : "");
}

void fb_command_describe(struct fb_control *c, const json_t *request, struct fb_reply *reply)
{
	struct fb_items_source source;

	if (fb_request_string(request, "namespace") == NULL ||
	    fb_request_string(request, "name") == NULL) {
		fb_reply_error(reply, "describe needs \"namespace\" and \"name\"");
		return;
	}
	source = source_of(c);
	fb_reply_send(reply, fb_items_describe(&source, request));
}
