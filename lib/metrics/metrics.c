/* SPDX-License-Identifier: BSD-3-Clause */

#include "metrics/metrics.h"

#include <stdio.h>
#include <stdlib.h>

#include <netinet/in.h>

#include <rte_common.h>

#define COUNT(labels) (sizeof(labels) / sizeof((labels)[0]))

/* A worker's values that are one number each: where they are, what they are called. */
struct worker_row {
	size_t offset;
	const char *name;
	const char *type;
	const char *help;
};

#define ROW(field, name, type, help) {offsetof(struct fb_worker_counters, field), name, type, help}

static const struct worker_row worker_rows[] = {
	ROW(rx_packets, "forebay_worker_rx_packets_total", "counter",
	    "Packets received; equals forwarded + dropped + punted + answered over all workers."),
	ROW(rx_bytes, "forebay_worker_rx_bytes_total", "counter", "Bytes received."),
	ROW(tx_packets, "forebay_worker_tx_packets_total", "counter", "Packets forwarded."),
	ROW(tx_bytes, "forebay_worker_tx_bytes_total", "counter", "Bytes forwarded."),
	ROW(punts, "forebay_worker_punts_total", "counter", "Packets given to the kernel twin."),
	ROW(answers, "forebay_worker_answers_total", "counter",
	    "Packets answered by the box itself: rejects, echo, ARP, NDP, ICMP errors."),
	ROW(flows_created, "forebay_worker_flows_created_total", "counter", "Flows created."),
	ROW(flows_adopted, "forebay_worker_flows_adopted_total", "counter",
	    "Flows taken over from an earlier run at the start."),
	ROW(flows_expired, "forebay_worker_flows_expired_total", "counter", "Flows aged out."),
	ROW(stateless, "forebay_worker_stateless_packets_total", "counter",
	    "Packets forwarded without a flow: under pressure of the flow table, or since they had none."),
	ROW(asked, "forebay_worker_asked_packets_total", "counter",
	    "Packets of endpoints that had no flow and were led to clients, who may have one with them."),
	ROW(mss_lowered, "forebay_worker_mss_lowered_total", "counter",
	    "SYNs forwarded with a smaller TCP MSS than they came with."),
	ROW(cookies_sent, "forebay_worker_cookies_sent_total", "counter",
	    "SYNs answered by a cookie for Services with a SYN proxy."),
	ROW(cookies_accepted, "forebay_worker_cookies_accepted_total", "counter",
	    "Connections begun by a cookie that came back."),
	ROW(cookies_refused, "forebay_worker_cookies_refused_total", "counter",
	    "Segments to a Service with a SYN proxy that belonged to no flow and brought no cookie back."),
	ROW(proxy_acks, "forebay_worker_proxy_acks_total", "counter",
	    "Frames made to acknowledge endpoints for clients of a SYN proxy, beside what was forwarded."),
	ROW(proxy_syns_repeated, "forebay_worker_proxy_syns_repeated_total", "counter",
	    "SYNs sent again to endpoints that had not answered the client of a SYN proxy, beside what was forwarded."),
	ROW(affinity_full, "forebay_worker_affinity_full_total", "counter",
	    "New flows of clients whose endpoint could not be kept for lack of room."),
	ROW(handover_in, "forebay_worker_handover_in_total", "counter",
	    "Packets taken over from other workers."),
	ROW(handover_out, "forebay_worker_handover_out_total", "counter",
	    "Packets handed over to the worker that owns their flow."),
	ROW(rss_astray, "forebay_worker_rss_astray_total", "counter",
	    "Replies handed over since the device put them on another queue than its RSS key and table "
	    "say."),
	ROW(twin_tx, "forebay_worker_twin_tx_packets_total", "counter",
	    "Frames sent for the kernel twins and for the control thread."),
	ROW(resets, "forebay_worker_resets_total", "counter",
	    "Frames made to end flows of endpoints whose time was over, beside answers."),
	ROW(pieces, "forebay_worker_pieces_total", "counter",
	    "Fragments made of forwarded packets that were too large, beside the first of each."),
	ROW(copies, "forebay_worker_copies_total", "counter",
	    "Frames made of such packets from other addresses that the client may have asked, beside the first."),
	ROW(datagrams_live, "forebay_worker_datagrams", "gauge",
	    "Datagrams in pieces of which not all have come."),
	ROW(fragments_held, "forebay_worker_fragments_held", "gauge",
	    "Fragments that wait for the first one of their datagram."),
	ROW(polls, "forebay_worker_polls_total", "counter", "Receive calls."),
	ROW(busy_polls, "forebay_worker_busy_polls_total", "counter",
	    "Receive calls that returned packets."),
	ROW(generation, "forebay_worker_generation", "gauge", "Generation that the worker runs."),
};

static uint64_t worker_value(const struct fb_worker_counters *w, size_t offset)
{
	return *(const uint64_t *)RTE_PTR_ADD(w, offset);
}

static void render_workers(const struct fb_metrics_view *view, struct fb_text *text)
{
	static const char *const families[FB_FAMILY_COUNT] = {"ipv4", "ipv6"};
	char worker[12];

	for (size_t r = 0; r < COUNT(worker_rows); r++) {
		fb_text_family(text, worker_rows[r].name, worker_rows[r].type, worker_rows[r].help);
		for (uint32_t w = 0; w < view->n_workers; w++) {
			struct fb_metrics_label labels[] = {{"worker", worker}};

			(void)snprintf(worker, sizeof(worker), "%u", w);
			fb_text_sample(text, labels, COUNT(labels),
				       worker_value(&view->workers[w], worker_rows[r].offset));
		}
	}
	fb_text_family(text, "forebay_worker_busy_seconds_total", "counter",
		       "Time spent in bursts that had packets.");
	for (uint32_t w = 0; w < view->n_workers && view->tsc_hz > 0; w++) {
		struct fb_metrics_label labels[] = {{"worker", worker}};

		(void)snprintf(worker, sizeof(worker), "%u", w);
		fb_text_sample_double(text, labels, COUNT(labels),
				      (double)view->workers[w].busy_tsc / view->tsc_hz);
	}
	fb_text_family(text, "forebay_flows", "gauge", "Flows in the worker's table.");
	for (uint32_t w = 0; w < view->n_workers; w++) {
		(void)snprintf(worker, sizeof(worker), "%u", w);
		for (int f = 0; f < FB_FAMILY_COUNT; f++) {
			struct fb_metrics_label labels[] = {{"worker", worker}, {"family", families[f]}};

			fb_text_sample(text, labels, COUNT(labels), view->workers[w].flows_live[f]);
		}
	}
	fb_text_family(text, "forebay_half_open_flows", "gauge",
		       "Flows that have not heard of the other side yet, by kind.");
	for (uint32_t w = 0; w < view->n_workers; w++) {
		static const char *const kinds[FB_QUEUE_COUNT] = {"connection", "udp"};

		(void)snprintf(worker, sizeof(worker), "%u", w);
		for (int i = 0; i < FB_FAMILY_COUNT * FB_QUEUE_COUNT; i++) {
			int f = i / FB_QUEUE_COUNT;
			int q = i % FB_QUEUE_COUNT;
			struct fb_metrics_label labels[] = {{"worker", worker},
							    {"family", families[f]},
							    {"kind", kinds[q]}};

			fb_text_sample(text, labels, COUNT(labels),
				       view->workers[w].flows_half_open[f][q]);
		}
	}
	fb_text_family(text, "forebay_flows_evicted_total", "counter",
		       "Flows that made room for a new one, by what was used up.");
	for (uint32_t w = 0; w < view->n_workers; w++) {
		static const char *const bounds[FB_EVICTED_COUNT] = {
			[FB_EVICTED_SHARE] = "half-open-share",
			[FB_EVICTED_TABLE] = "flow-table",
			[FB_EVICTED_PORTS] = "snat-ports",
		};

		(void)snprintf(worker, sizeof(worker), "%u", w);
		for (int e = 0; e < FB_EVICTED_COUNT; e++) {
			struct fb_metrics_label labels[] = {{"worker", worker},
							    {"bound", bounds[e]}};

			fb_text_sample(text, labels, COUNT(labels),
				       view->workers[w].flows_evicted[e]);
		}
	}
	fb_text_family(text, "forebay_bound_level", "gauge",
		       "How near the worker is to a bound: 0 normal, 1 under pressure, 2 full.");
	for (uint32_t w = 0; w < view->n_workers; w++) {
		(void)snprintf(worker, sizeof(worker), "%u", w);
		for (uint32_t b = 0; b < FB_BOUND_COUNT; b++) {
			struct fb_metrics_label labels[] = {{"worker", worker},
							    {"bound", fb_bound_name(b)}};

			fb_text_sample(text, labels, COUNT(labels), view->workers[w].levels[b]);
		}
	}
	fb_text_family(text, "forebay_drops_total", "counter",
		       "Packets dropped, by reason; `forebayctl get drops -o wide` explains each.");
	for (uint32_t w = 0; w < view->n_workers; w++) {
		(void)snprintf(worker, sizeof(worker), "%u", w);
		for (int r = FB_REASON_NONE + 1; r < FB_REASON_COUNT; r++) {
			struct fb_metrics_label labels[] = {{"worker", worker},
						    {"reason", fb_reason_names[r]}};

			fb_text_sample(text, labels, COUNT(labels), view->workers[w].drops[r]);
		}
	}
}

static uint64_t port_value(const struct fb_metrics_port *port, size_t offset)
{
	return *(const uint64_t *)RTE_PTR_ADD(port, offset);
}

static void render_ports(const struct fb_metrics_view *view, struct fb_text *text)
{
#define PORT_ROW(field, name, help) {offsetof(struct fb_metrics_port, field), name, "counter", help}
	static const struct worker_row rows[] = {
		PORT_ROW(counters.rx_packets, "forebay_port_rx_packets_total", "Packets received."),
		PORT_ROW(counters.rx_bytes, "forebay_port_rx_bytes_total", "Bytes received."),
		PORT_ROW(counters.tx_packets, "forebay_port_tx_packets_total",
			 "Packets sent, answers and the kernel's included."),
		PORT_ROW(counters.tx_bytes, "forebay_port_tx_bytes_total", "Bytes sent."),
		PORT_ROW(counters.tx_full, "forebay_port_tx_full_total",
			 "Packets that the device's transmit queue did not take."),
		PORT_ROW(rx_missed, "forebay_port_rx_missed_total",
			 "Packets that the device dropped because no worker fetched them in time."),
		PORT_ROW(rx_nombuf, "forebay_port_rx_nombuf_total",
			 "Packets that the device dropped for lack of a buffer."),
	};
#undef PORT_ROW

	for (size_t r = 0; r < COUNT(rows); r++) {
		fb_text_family(text, rows[r].name, rows[r].type, rows[r].help);
		for (uint32_t p = 0; p < view->n_ports; p++) {
			struct fb_metrics_label labels[] = {{"port", view->ports[p].name}};

			fb_text_sample(text, labels, COUNT(labels),
				       port_value(&view->ports[p], rows[r].offset));
		}
	}
	fb_text_family(text, "forebay_port_up", "gauge", "Whether the port's link is up.");
	for (uint32_t p = 0; p < view->n_ports; p++) {
		struct fb_metrics_label labels[] = {{"port", view->ports[p].name}};

		fb_text_sample(text, labels, COUNT(labels), view->ports[p].link_up);
	}
}

/* Labels of a service port, and of one of its endpoints; text is kept beside them. */
struct service_labels {
	struct fb_metrics_label v[6];
	char port[8];
	char endpoint[FB_ADDR_STRLEN + 10];
};

static void label_service(struct service_labels *l, const struct fb_service *svc)
{
	(void)snprintf(l->port, sizeof(l->port), "%u", svc->port);
	l->v[0] = (struct fb_metrics_label){"namespace", svc->namespace_};
	l->v[1] = (struct fb_metrics_label){"service", svc->name};
	l->v[2] = (struct fb_metrics_label){"port", l->port};
	l->v[3] = (struct fb_metrics_label){"protocol", fb_proto_name(svc->proto)};
	l->v[4] = (struct fb_metrics_label){"family", svc->family == FB_IPV4 ? "ipv4" : "ipv6"};
}

static void label_endpoint(struct service_labels *l, const struct fb_endpoint *ep)
{
	char addr[FB_ADDR_STRLEN];

	(void)snprintf(l->endpoint, sizeof(l->endpoint),
		       fb_addr_family(&ep->addr) == FB_IPV4 ? "%s:%u" : "[%s]:%u",
		       fb_addr_format(&ep->addr, addr), rte_be_to_cpu_16(ep->port_be));
	l->v[5] = (struct fb_metrics_label){"endpoint", l->endpoint};
}

enum service_row {
	SERVICE_ENDPOINTS,
	SERVICE_REJECTED,
	SERVICE_DROPPED,
	SERVICE_ROW_COUNT,
};

static const struct worker_row service_rows[SERVICE_ROW_COUNT] = {
	[SERVICE_ENDPOINTS] = {0, "forebay_service_endpoints", "gauge",
			       "Endpoints that get new flows."},
	[SERVICE_REJECTED] = {0, "forebay_service_rejected_total", "counter",
			      "Packets to the service that were rejected."},
	[SERVICE_DROPPED] = {0, "forebay_service_dropped_total", "counter",
			     "Packets to the service that were dropped before an endpoint was chosen."},
};

static uint64_t service_value(const struct fb_metrics_view *view, const struct fb_service *svc,
			      enum service_row row)
{
	struct fb_service_counters counters;
	uint64_t active = 0;

	if (row == SERVICE_ENDPOINTS) {
		for (uint32_t e = 0; e < svc->n_endpoints; e++)
			active += svc->endpoints[e].state == FB_EP_ACTIVE;
		return active;
	}
	view->service(view->arg, svc->id, &counters);
	return row == SERVICE_REJECTED ? counters.rejected : counters.dropped;
}

#define EP_ROW(field, name, type, help) {offsetof(struct fb_endpoint_counters, field), name, type, help}
static const struct worker_row endpoint_rows[] = {
	EP_ROW(packets, "forebay_endpoint_packets_total", "counter",
	       "Packets to and from the endpoint."),
	EP_ROW(bytes, "forebay_endpoint_bytes_total", "counter",
	       "Bytes to and from the endpoint, from the IP header on."),
	EP_ROW(flows, "forebay_endpoint_flows_created_total", "counter",
	       "Flows that were given to the endpoint."),
	EP_ROW(live, "forebay_endpoint_flows", "gauge", "Flows of the endpoint now."),
};
#undef EP_ROW

/* Families about Services come first, then those about endpoints. */
#define N_FAMILIES (SERVICE_ROW_COUNT + COUNT(endpoint_rows))

static const struct worker_row *family_row(uint32_t family)
{
	return family < SERVICE_ROW_COUNT ? &service_rows[family]
					  : &endpoint_rows[family - SERVICE_ROW_COUNT];
}

/* Endpoints of one service port, from progress on, as long as there are samples left. */
static void render_endpoints(const struct fb_metrics_view *view, const struct fb_service *svc,
			     struct fb_metrics_progress *progress, uint32_t *n_left,
			     struct fb_text *text)
{
	const struct worker_row *row = family_row(progress->family);
	struct fb_endpoint_counters counters;
	struct service_labels labels;

	label_service(&labels, svc);
	for (; progress->endpoint < svc->n_endpoints && *n_left > 0; progress->endpoint++) {
		const struct fb_endpoint *ep = &svc->endpoints[progress->endpoint];

		label_endpoint(&labels, ep);
		view->endpoint(view->arg, ep->id, &counters);
		fb_text_sample(text, labels.v, 6,
			       *(const uint64_t *)RTE_PTR_ADD(&counters, row->offset));
		--*n_left;
	}
}

/* @return whether the service port has more */
static bool render_service(const struct fb_metrics_view *view, const struct fb_service *svc,
			   struct fb_metrics_progress *progress, uint32_t *n_left,
			   struct fb_text *text)
{
	struct service_labels labels;

	/* Parts of a port share its counters, and have the same endpoints. */
	if (svc == NULL || svc->part != 0)
		return false;
	if (progress->family >= SERVICE_ROW_COUNT) {
		render_endpoints(view, svc, progress, n_left, text);
		return progress->endpoint < svc->n_endpoints;
	}
	label_service(&labels, svc);
	fb_text_sample(text, labels.v, 5,
		       service_value(view, svc, (enum service_row)progress->family));
	--*n_left;
	return false;
}

/* @return whether the family has more */
static bool render_family(const struct fb_metrics_view *view, struct fb_metrics_progress *progress,
			  uint32_t *n_left, struct fb_text *text)
{
	const struct worker_row *row = family_row(progress->family);

	if (!progress->opened)
		fb_text_family(text, row->name, row->type, row->help);
	progress->opened = true;
	text->family = row->name;
	while (progress->service < view->snap->n_services) {
		if (*n_left == 0 || render_service(view, view->snap->services[progress->service],
						   progress, n_left, text))
			return true;
		progress->endpoint = 0;
		progress->service++;
	}
	return false;
}

static void render_one(struct fb_text *text, const char *name, const char *type, const char *help,
		       uint64_t value)
{
	fb_text_family(text, name, type, help);
	fb_text_sample(text, NULL, 0, value);
}

static void render_sync(const struct fb_metrics_sync *s, struct fb_text *text)
{
	static const char *const names[FB_METRICS_SYNC_FLOW_COUNT] = {
		[FB_METRICS_SYNC_NEW] = "new",     [FB_METRICS_SYNC_KNOWN] = "known",
		[FB_METRICS_SYNC_LOST] = "lost",   [FB_METRICS_SYNC_UNFIT] = "unfit",
		[FB_METRICS_SYNC_TAKEN] = "taken", [FB_METRICS_SYNC_FULL] = "full",
		[FB_METRICS_SYNC_BUSY] = "busy",
	};

	if (s == NULL)
		return;
	render_one(text, "forebay_sync_up", "gauge", "1 while the peer box is heard.", s->up);
	render_one(text, "forebay_sync_rounds_total", "counter",
		   "Times that all flows worth it were told to the peer.", s->rounds);
	render_one(text, "forebay_sync_sent_messages_total", "counter", "Messages to the peer.",
		   s->sent_messages);
	render_one(text, "forebay_sync_sent_bytes_total", "counter",
		   "Bytes to the peer, with IP and UDP headers.", s->sent_bytes);
	render_one(text, "forebay_sync_sent_flows_total", "counter", "Flows told to the peer.",
		   s->sent_flows);
	render_one(text, "forebay_sync_unsent_total", "counter",
		   "Messages to the peer that the kernel did not take.", s->unsent);
	render_one(text, "forebay_sync_received_messages_total", "counter",
		   "Messages of the peer that were believed.", s->received_messages);
	render_one(text, "forebay_sync_received_bytes_total", "counter",
		   "Bytes from the peer's address, whatever they were.", s->received_bytes);
	render_one(text, "forebay_sync_received_flows_total", "counter",
		   "Flows that the peer told of.", s->received_flows);
	render_one(text, "forebay_sync_unsigned_total", "counter",
		   "Messages that were none, or not signed with the shared key.", s->unsigned_);
	render_one(text, "forebay_sync_replayed_total", "counter",
		   "Signed messages that were seen before, or were for an earlier run.",
		   s->replayed);
	fb_text_family(text, "forebay_sync_flows_total", "counter",
		       "What became of the peer's flows, once for each worker that has to know one.");
	for (int i = 0; i < FB_METRICS_SYNC_FLOW_COUNT; i++) {
		struct fb_metrics_label labels[] = {{"result", names[i]}};

		fb_text_sample(text, labels, COUNT(labels), s->flows[i]);
	}
}

static void render_control(const struct fb_metrics_view *view, struct fb_text *text)
{
	struct fb_metrics_label version[] = {{"version", view->version}};

	fb_text_family(text, "forebay_build_info", "gauge", "The program's version; always 1.");
	fb_text_sample(text, version, COUNT(version), 1);
	fb_text_family(text, "forebay_start_time_seconds", "gauge",
		       "When the program started, in seconds since the epoch.");
	fb_text_sample_double(text, NULL, 0, view->start_time_s);
	render_one(text, "forebay_generation", "gauge", "Generation of the published state.",
		   view->snap != NULL ? view->snap->generation : 0);
	render_one(text, "forebay_snapshots_waiting", "gauge",
		   "Retired states that some worker has not passed yet.", view->snapshots_waiting);
	render_one(text, "forebay_reloads_total", "counter", "Times that manifests were read.",
		   view->reloads);
	render_one(text, "forebay_reloads_refused_total", "counter",
		   "Times that manifests were read with an error.", view->reloads_refused);
	render_one(text, "forebay_twin_drops_total", "counter",
		   "Punted frames that the kernel twin did not take.", view->twin_drops);
	render_one(text, "forebay_dns_forwarded_total", "counter",
		   "DNS queries that resolvers were asked for.", view->dns_forwarded);
	render_one(text, "forebay_dns_failed_total", "counter",
		   "DNS queries that no resolver answered.", view->dns_failed);
	render_sync(view->sync, text);
	fb_text_family(text, "forebay_manifest_errors", "gauge",
		       "Errors in the last reading of a manifest file.");
	for (uint32_t i = 0; i < view->n_origins; i++) {
		struct fb_metrics_label labels[] = {{"file", view->origins[i].name}};

		fb_text_sample(text, labels, COUNT(labels), view->origins[i].errors);
	}
}

static void label_pool(const struct fb_metrics_pool *pool, struct fb_metrics_label labels[2])
{
	labels[0] = (struct fb_metrics_label){"pool", pool->name};
	labels[1] = (struct fb_metrics_label){"family",
					      pool->family == FB_IPV4 ? "ipv4" : "ipv6"};
}

static void render_pools(const struct fb_metrics_view *view, struct fb_text *text)
{
	struct fb_metrics_label labels[2];

	fb_text_family(text, "forebay_pool_addresses", "gauge",
		       "Addresses of a pool for load balancers.");
	for (uint32_t i = 0; i < view->n_pools; i++) {
		label_pool(&view->pools[i], labels);
		fb_text_sample_double(text, labels, COUNT(labels), view->pools[i].n_addresses);
	}
	fb_text_family(text, "forebay_pool_addresses_used", "gauge",
		       "Those of them that a Service or the box itself has.");
	for (uint32_t i = 0; i < view->n_pools; i++) {
		label_pool(&view->pools[i], labels);
		fb_text_sample(text, labels, COUNT(labels), view->pools[i].n_used);
	}
	render_one(text, "forebay_services_lacking", "gauge",
		   "Services without an address or a NodePort that they ask for.",
		   view->services_lacking);
	render_one(text, "forebay_files_from_copy", "gauge",
		   "Manifest files of which a copy from when they were last good is in force.",
		   view->files_from_copy);
	render_one(text, "forebay_draining", "gauge",
		   "1 while the box takes no new flows, since it is about to leave.",
		   view->draining);
}

bool fb_metrics_render(const struct fb_metrics_view *view, struct fb_metrics_progress *progress,
		       uint32_t n_samples, struct fb_text *text)
{
	if (!progress->begun) {
		render_control(view, text);
		render_pools(view, text);
		render_workers(view, text);
		render_ports(view, text);
	}
	progress->begun = true;
	if (view->snap == NULL)
		return false;
	while (progress->family < N_FAMILIES) {
		if (render_family(view, progress, &n_samples, text))
			return true;
		progress->service = 0;
		progress->endpoint = 0;
		progress->opened = false;
		progress->family++;
	}
	return false;
}
