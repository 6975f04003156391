/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_METRICS_METRICS_H
#define FB_METRICS_METRICS_H

/*
 * What Prometheus is told: names, help and labels of all metrics, from one view of the box.
 *
 * The view is filled by control right before rendering; nothing here reads a clock, a socket or a
 * worker, so a test renders a view made by hand. Names follow Prometheus' conventions: base units,
 * counters end in _total.
 */

#include <stdint.h>

#include "datapath/counters.h"
#include "metrics/text.h"
#include "table/read.h"

struct fb_metrics_port {
	const char *name;
	bool link_up;
	struct fb_port_counters counters;
	uint64_t rx_missed; /* by the device, for lack of a buffer or of time */
	uint64_t rx_nombuf;
};

struct fb_metrics_origin {
	const char *name; /* the path of a file */
	uint32_t errors;  /* of its last reading */
};

struct fb_metrics_pool {
	const char *name;
	enum fb_family family;
	double n_addresses;
	uint32_t n_used;
};

/* What became of the peer's flows; once for each worker that has to know one. */
enum fb_metrics_sync_flow {
	FB_METRICS_SYNC_NEW,
	FB_METRICS_SYNC_KNOWN, /* it was here already */
	FB_METRICS_SYNC_LOST,  /* its Service or endpoint is not known here */
	FB_METRICS_SYNC_UNFIT, /* an address, a SNAT port or a port that cannot be */
	FB_METRICS_SYNC_TAKEN, /* a flow of this box has one of its tuples */
	FB_METRICS_SYNC_FULL,
	FB_METRICS_SYNC_BUSY, /* workers have not taken the ones before yet */
	FB_METRICS_SYNC_FLOW_COUNT,
};

/* The other box, as control/peer.h has it. */
struct fb_metrics_sync {
	bool up;
	uint64_t rounds;
	uint64_t round_ms; /* how long the last one took */
	uint64_t sent_messages;
	uint64_t sent_bytes; /* with IP and UDP headers */
	uint64_t sent_flows;
	uint64_t unsent; /* messages that the kernel did not take */
	uint64_t received_messages;
	uint64_t received_bytes; /* without headers; also what was not believed */
	uint64_t received_flows;
	uint64_t unsigned_; /* messages with a wrong signature, or that are none */
	uint64_t replayed;  /* signed, but seen before or for an earlier run */
	uint64_t flows[FB_METRICS_SYNC_FLOW_COUNT];
};

static inline uint64_t fb_metrics_sync_refused(const struct fb_metrics_sync *s)
{
	uint64_t n = 0;

	for (int i = FB_METRICS_SYNC_LOST; i < FB_METRICS_SYNC_FLOW_COUNT; i++)
		n += s->flows[i];
	return n;
}

struct fb_metrics_view {
	const char *version;
	double start_time_s; /* since the epoch */
	const struct fb_snapshot *snap; /* NULL before the first generation */
	const struct fb_worker_counters *workers;
	uint32_t n_workers;
	double tsc_hz;
	const struct fb_metrics_port *ports;
	uint32_t n_ports;
	const struct fb_metrics_origin *origins;
	uint32_t n_origins;
	const struct fb_metrics_pool *pools;
	uint32_t n_pools;
	bool draining;		   /* no new flows */
	uint32_t files_from_copy;  /* manifest files of which a last good copy is in force */
	uint32_t services_lacking; /* an address or a NodePort that they ask for */
	uint64_t reloads;         /* times that sources were read */
	uint64_t reloads_refused; /* of which with an error */
	uint64_t twin_drops;      /* punted frames that the kernel did not take */
	uint64_t dns_forwarded;   /* questions to resolvers */
	uint64_t dns_failed;      /* of which nobody answered */
	uint64_t snapshots_waiting; /* retired, not yet passed by every worker */
	const struct fb_metrics_sync *sync; /* NULL: there is no peer */
	/* Sums over workers, by identity. */
	void (*endpoint)(void *arg, uint32_t ep_id, struct fb_endpoint_counters *ret);
	void (*service)(void *arg, uint32_t service_id, struct fb_service_counters *ret);
	void *arg;
};

/* How far a view has been rendered; zero begins. */
struct fb_metrics_progress {
	uint32_t family;
	uint32_t service; /* place in the snapshot, of the families about Services and endpoints */
	uint32_t endpoint;
	bool begun;
	bool opened; /* the family has its HELP and TYPE */
};

/**
 * Metrics of a view, from where the last call ended: some n_samples of them, or all that is not about
 * Services at once. The view's snapshot must stay, what its functions count may move on.
 *
 * Thread: any.
 * @return whether there is more
 */
bool fb_metrics_render(const struct fb_metrics_view *view, struct fb_metrics_progress *progress,
		       uint32_t n_samples, struct fb_text *text);

#endif
