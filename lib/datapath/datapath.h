/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_DATAPATH_DATAPATH_H
#define FB_DATAPATH_DATAPATH_H

/*
 * The whole of the packet path as control sees it: workers, their rings and counters.
 *
 * Control gives it ports and a publisher of snapshots; workers run until told to stop. Nothing here
 * reads a manifest or a socket. forebay-replay and the tests drive the same workers by hand, one
 * burst at a time (datapath/worker.h).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "affinity/table.h"
#include "config/config.h"
#include "datapath/counters.h"
#include "datapath/request.h"
#include "keep/keep.h"
#include "nat/port.h"
#include "nat/rss.h"
#include "rcu/publish.h"

struct fb_datapath;
struct rte_mbuf;
struct rte_mempool;

/* A port as the packet path needs it. */
struct fb_port {
	uint16_t device;   /* DPDK port id */
	uint8_t mac[6];
	uint16_t mtu;      /* L3 bytes */
	uint16_t vlan;     /* 0: untagged */
	uint16_t tcp_mss;  /* to which MSS options are lowered that pass through: base/mss.h */
	uint16_t n_queues; /* receive and transmit; at most one per worker, queue w is worker w's */
	bool announce;
	const struct fb_nat_rss *rss; /* how the device spreads packets; NULL: not usable. Only read in create */
	struct fb_addr addr[FB_FAMILY_COUNT]; /* source of our ICMP errors; zero bytes if none */
};

/**
 * Thread: start-up (EAL is up). Tables and rings are allocated here and nowhere later.
 *
 * @param secret key of flow tables, SNAT ports and ownership; copied. Not the one of consistent hashing
 *               (that is the table's), so it can and should be drawn at random
 * @param ports  n_ports of them, copied; places are the port indices of snapshots and counters
 * @param pool   buffers for answers and frames from control
 */
struct fb_datapath *fb_datapath_create(const struct fb_config *config,
				       const struct fb_hash_secret *secret,
				       const struct fb_port *ports, uint32_t n_ports,
				       struct rte_mempool *pool, struct fb_rcu *rcu,
				       struct fb_errs *errs);
/* Memory that outlives the process, and what an earlier run's flows are believed by. */
struct fb_datapath_kept {
	struct fb_keep *keep;	/* NULL: nothing is kept; else it must outlive the datapath */
	const struct fb_keep_shape *shape; /* that keep was opened with */
	/* What an endpoint identity means; false: nothing. */
	bool (*endpoint)(void *arg, uint32_t ep_id, struct fb_addr *ret_addr, uint8_t *ret_proto);
	void *arg;
};

/** A number that is another one when tables of an earlier run cannot be read; for fb_keep_open(). */
uint64_t fb_datapath_layout(void);

/**
 * The same with tables in kept memory, and the flows that are there. Time goes on from where the earlier
 * run's clock was. What was taken over and what not is a notice in errs.
 *
 * @param secret  that of kept->keep, or flows are not found again
 */
struct fb_datapath *fb_datapath_create_over(const struct fb_datapath_kept *kept,
					    const struct fb_config *config,
					    const struct fb_hash_secret *secret,
					    const struct fb_port *ports, uint32_t n_ports,
					    struct rte_mempool *pool, struct fb_rcu *rcu,
					    struct fb_errs *errs);
void fb_datapath_free(struct fb_datapath *dp);

/** No new flows from now on (FB_REASON_BOX_DRAINING), or new ones again. Thread: control. */
void fb_datapath_drain(struct fb_datapath *dp, bool draining);
/** Flows that have not ended, all workers. Cost: max_endpoints loads for each. Thread: control. */
uint64_t fb_datapath_open_flows(const struct fb_datapath *dp);

/** Write the time down for whoever takes the flows over. Thread: control, once a second. */
void fb_datapath_note_clock(const struct fb_datapath *dp);

/** Thread: start-up and control. Launch workers on the given lcores; stop and join them. */
int fb_datapath_start(struct fb_datapath *dp, const unsigned int *lcores);
void fb_datapath_stop(struct fb_datapath *dp);

/* Thread: control, from here to the end. */

uint16_t fb_datapath_n_workers(const struct fb_datapath *dp);
uint16_t fb_datapath_n_ports(const struct fb_datapath *dp);
const struct fb_port *fb_datapath_port(const struct fb_datapath *dp, uint16_t port);
/** Whether RSS brings replies to their worker on this port; else they are handed over by rings. */
bool fb_datapath_port_steered(const struct fb_datapath *dp, uint16_t port);
/** What chooses the SNAT ports of such a port, for explain; NULL where it is not steered. */
const struct fb_nat_steer *fb_datapath_steer(const struct fb_datapath *dp, uint16_t port);
const struct fb_nat_ports *fb_datapath_nat_ports(const struct fb_datapath *dp);

/** A copy of a worker's counters (each value consistent, the set not). */
void fb_datapath_worker_counters(const struct fb_datapath *dp, uint16_t worker,
				 struct fb_worker_counters *ret);
/** Sums over workers. */
void fb_datapath_port_counters(const struct fb_datapath *dp, uint16_t port,
			       struct fb_port_counters *ret);
void fb_datapath_endpoint_counters(const struct fb_datapath *dp, uint32_t ep_id,
				   struct fb_endpoint_counters *ret);
void fb_datapath_service_counters(const struct fb_datapath *dp, uint32_t service_id,
				  struct fb_service_counters *ret);
/** One worker's share of them. */
void fb_datapath_worker_port_counters(const struct fb_datapath *dp, uint16_t worker, uint16_t port,
				      struct fb_port_counters *ret);
void fb_datapath_worker_endpoint_counters(const struct fb_datapath *dp, uint16_t worker,
					  uint32_t ep_id, struct fb_endpoint_counters *ret);

/** Packet buffers in use, of how many: all devices' and rings' together. */
uint32_t fb_datapath_buffers(const struct fb_datapath *dp, uint32_t *ret_size);

/** Ask a worker. @return 0, or -EAGAIN when its ring is full. The request must live until done. */
int fb_datapath_request(struct fb_datapath *dp, uint16_t worker, struct fb_request *request);

/**
 * Frames that workers punted: up to n of them; the caller writes them to the twin of their port
 * (mbuf->port is the port index) and frees them. @return how many
 */
uint32_t fb_datapath_punted(struct fb_datapath *dp, struct rte_mbuf **mbufs, uint32_t n);

/**
 * Send a frame (untagged) out of a port, through a worker's transmit queue.
 *
 * @return 0; -ENOBUFS: no buffer, or no room for the tag in it; -EMSGSIZE: longer than a buffer;
 *         -EAGAIN: the worker's ring is full
 */
int fb_datapath_transmit(struct fb_datapath *dp, uint16_t port, const void *frame, size_t len);

/** What is kept of a client of a service with session affinity. @return whether there is something */
bool fb_datapath_affinity(const struct fb_datapath *dp, const struct fb_service *svc,
			  const struct fb_addr *client, struct fb_affinity_entry *ret);

/** Seconds since the datapath was created: what workers count endpoints' ages by. */
uint32_t fb_datapath_now_s(const struct fb_datapath *dp);

/** Which worker would own this client's flow, and by what rule ("client hash", "RSS queue"). For explain. */
uint16_t fb_datapath_owner(const struct fb_datapath *dp, const struct fb_service *svc, uint16_t port,
			   const struct fb_tuple *client, const char **ret_rule);

#endif
