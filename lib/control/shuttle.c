/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/shuttle.h"

#include <net/if.h>
#include <unistd.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "control/announce.h"
#include "control/state.h"

/* Frames taken per pass, so that a flood to the kernel leaves time for everything else. */
#define PUNT_BURST 64
#define PUNT_MAX   512
#define TWIN_MAX   128

/* Links are looked at once a second, those that are down more often: what waits for them is traffic. A guess. */
#define CARRIER_MS      1000
#define CARRIER_DOWN_MS 20

/* A jumbo frame with headroom for tags; twins carry no more than a port's MTU. */
#define FRAME_SIZE 65536

static void punt(struct fb_control *c, struct rte_mbuf *mbuf)
{
	struct fb_twin *twin = mbuf->port < c->p.n_twins ? c->p.twins[mbuf->port] : NULL;
	uint32_t len = rte_pktmbuf_pkt_len(mbuf);
	const void *frame;

	/* A single segment is read in place. */
	frame = len <= FRAME_SIZE ? rte_pktmbuf_read(mbuf, 0, len, c->frame) : NULL;
	if (twin == NULL || frame == NULL || fb_twin_write(twin, frame, len) != 0)
		c->twin_drops++;
	rte_pktmbuf_free(mbuf);
}

uint32_t fb_shuttle_punts(struct fb_control *c)
{
	struct rte_mbuf *mbufs[PUNT_BURST];
	uint32_t total = 0;
	uint32_t n;

	do {
		n = fb_datapath_punted(c->p.datapath, mbufs, PUNT_BURST);
		for (uint32_t i = 0; i < n; i++)
			punt(c, mbufs[i]);
		total += n;
	} while (n == PUNT_BURST && total < PUNT_MAX);
	return total;
}

static void twin_ready(void *arg, uint32_t events)
{
	struct fb_twin_watch *watch = arg;
	struct fb_control *c = watch->control;
	uint16_t port = watch->port;

	for (int i = 0; i < TWIN_MAX; i++) {
		ssize_t len = fb_twin_read(c->p.twins[port], c->frame, FRAME_SIZE);

		if (len <= 0)
			return;
		if (!c->running)
			continue;
		/* What the ring does not take is lost, as on any full link; TCP and ARP try again. */
		if (fb_datapath_transmit(c->p.datapath, port, c->frame, (size_t)len) != 0)
			c->twin_drops++;
	}
}

int fb_shuttle_watch_twins(struct fb_control *c)
{
	for (uint32_t i = 0; i < c->p.n_twins && i < FB_CONFIG_MAX_PORTS; i++) {
		int ret;

		if (c->p.twins[i] == NULL)
			continue;
		c->twin_watch[i] = (struct fb_twin_watch){
			.watch = {.fd = fb_twin_fd(c->p.twins[i]), .ready = twin_ready},
			.control = c,
			.port = (uint16_t)i,
		};
		c->twin_watch[i].watch.arg = &c->twin_watch[i];
		ret = fb_control_watch(c, &c->twin_watch[i].watch, EPOLLIN);
		if (ret != 0)
			return ret;
	}
	return 0;
}

/* A driver on top of a kernel's interface (net_af_packet) says that it is up whatever the interface says. */
static bool kernel_has_carrier(uint16_t device)
{
	struct ifreq ifr = {.ifr_flags = 0};
	struct rte_eth_dev_info info;
	bool up = true;
	int fd;

	if (rte_eth_dev_info_get(device, &info) != 0 || info.if_index == 0 ||
	    if_indextoname(info.if_index, ifr.ifr_name) == NULL)
		return true;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return true;
	if (ioctl(fd, SIOCGIFFLAGS, &ifr) == 0)
		up = (ifr.ifr_flags & IFF_RUNNING) != 0;
	(void)close(fd);
	return up;
}

void fb_shuttle_carriers(struct fb_control *c)
{
	bool came_up = false;

	if (c->now_ms < c->carrier_ms)
		return;
	c->link_missing = false;
	for (uint16_t i = 0; i < fb_datapath_n_ports(c->p.datapath); i++) {
		const struct fb_port *port = fb_datapath_port(c->p.datapath, i);
		struct rte_eth_link link;
		bool up;

		if (rte_eth_link_get_nowait(port->device, &link) != 0)
			continue;
		up = link.link_status == RTE_ETH_LINK_UP && kernel_has_carrier(port->device);
		c->link_missing |= !up;
		if (up == c->link_up[i])
			continue;
		c->link_up[i] = up;
		came_up |= up;
		fb_control_log(c, FB_LOG_NOTICE, "port %s: link %s", fb_control_port_name(c, i),
			       up ? "up" : "down");
		if (i < c->p.n_twins && c->p.twins[i] != NULL)
			(void)fb_twin_set_carrier(c->p.twins[i], up);
	}
	c->carrier_ms = c->now_ms + (c->link_missing ? CARRIER_DOWN_MS : CARRIER_MS);
	if (came_up)
		fb_announce_all(c);
}
