/* SPDX-License-Identifier: BSD-3-Clause */

#include "ports.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_ethdev.h>

/* Asked for; a device with other limits gets its own. */
#define DESCRIPTORS 1024

/* By DPDK's port: the kernel's interface behind it took every frame before it was opened. */
static bool was_promiscuous[RTE_MAX_ETHPORTS];

static void fail(struct fb_errs *errs, const struct fb_config_port *port, const char *what, int err)
{
	fb_errs_add(errs, (struct fb_place){0}, FB_SEV_ERROR, "port %s (%s): %s: %s", port->name,
		    port->device, what, strerror(-err));
}

/* "net_af_packet0,iface=eth1" is known to DPDK as "net_af_packet0". */
static int find_device(const struct fb_config_port *port, uint16_t *ret)
{
	char name[RTE_DEV_NAME_MAX_LEN];

	(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(port->device, ","), port->device);
	return rte_eth_dev_get_port_by_name(name, ret) == 0 ? 0 : -ENODEV;
}

static uint16_t queues_of(const struct fb_config *config, const struct rte_eth_dev_info *info)
{
	uint32_t n = config->n_workers;

	if (n > info->max_rx_queues)
		n = info->max_rx_queues;
	if (n > info->max_tx_queues)
		n = info->max_tx_queues;
	return (uint16_t)n;
}

uint32_t fb_ports_n_queues(const struct fb_config *config, struct fb_errs *errs)
{
	uint32_t total = 0;

	for (uint32_t i = 0; i < config->n_ports; i++) {
		struct rte_eth_dev_info info;
		uint16_t device;

		if (find_device(&config->ports[i], &device) != 0 ||
		    rte_eth_dev_info_get(device, &info) != 0) {
			fail(errs, &config->ports[i],
			     config->ports[i].device[strcspn(config->ports[i].device, ":,")] == ':'
				     ? "not bound to a driver that DPDK can use (dpdk-devbind.py --status)"
				     : "the virtual device could not be made (a DPDK notice says why)",
			     -ENODEV);
			continue;
		}
		total += queues_of(config, &info);
	}
	return total;
}

static int set_up_queues(const struct fb_config_port *port, const struct fb_port *p,
			 struct rte_mempool *pool, struct fb_errs *errs)
{
	uint16_t n_rx = DESCRIPTORS;
	uint16_t n_tx = DESCRIPTORS;
	int err = rte_eth_dev_adjust_nb_rx_tx_desc(p->device, &n_rx, &n_tx);
	int node = rte_eth_dev_socket_id(p->device);
	unsigned int socket = node < 0 ? 0 : (unsigned int)node;

	if (err != 0) {
		fail(errs, port, "descriptor counts", err);
		return err;
	}
	for (uint16_t q = 0; q < p->n_queues; q++) {
		err = rte_eth_rx_queue_setup(p->device, q, n_rx, socket, NULL, pool);
		if (err == 0)
			err = rte_eth_tx_queue_setup(p->device, q, n_tx, socket, NULL);
		if (err != 0) {
			fail(errs, port, "queue set-up", err);
			return err;
		}
	}
	return 0;
}

/*
 * The MAC address of the config, if it gives one. A device that cannot take it has to be promiscuous,
 * which ports are anyway: forebay filters by the destination MAC itself, and answers for addresses of
 * its own over multicast (NDP).
 */
static void set_mac(const struct fb_config_port *port, struct fb_port *p)
{
	static const uint8_t none[6];
	struct rte_ether_addr mac;

	if (memcmp(port->mac, none, sizeof(none)) != 0)
		memcpy(p->mac, port->mac, sizeof(p->mac));
	else if (rte_eth_macaddr_get(p->device, &mac) == 0)
		memcpy(p->mac, mac.addr_bytes, sizeof(p->mac));
}

static void set_addresses(const struct fb_config_port *port, struct fb_port *p)
{
	for (uint32_t i = port->n_addresses; i > 0; i--) {
		const struct fb_addr *addr = &port->addresses[i - 1].addr;

		p->addr[fb_addr_family(addr)] = *addr;
	}
}

/* Whether the kernel's interface behind the device, if there is one, takes every frame already. */
static bool kernel_is_promiscuous(const struct rte_eth_dev_info *info)
{
	struct ifreq ifr = {.ifr_flags = 0};
	bool promiscuous;
	int fd;

	if (info->if_index == 0 || if_indextoname(info->if_index, ifr.ifr_name) == NULL)
		return false;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	promiscuous = ioctl(fd, SIOCGIFFLAGS, &ifr) == 0 && (ifr.ifr_flags & IFF_PROMISC) != 0;
	(void)close(fd);
	return promiscuous;
}

/* What a device does not do, and what follows: it goes on without. */
static void go_without(struct fb_errs *errs, const struct fb_config_port *port, int err,
		       const char *what)
{
	fb_errs_add(errs, (struct fb_place){0}, FB_SEV_NOTICE, "port %s: %s (%s)", port->name, what,
		    rte_strerror(-err));
}

/* With RSS over all queues, if the device says that it can; one that then refuses spreads as it likes. */
static int configure(const struct fb_config_port *port, const struct fb_port *p,
		     const struct rte_eth_dev_info *info, struct fb_errs *errs)
{
	struct rte_eth_conf conf = {0};
	int err;

	if (p->n_queues > 1 && info->flow_type_rss_offloads != 0) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf =
			info->flow_type_rss_offloads &
			(RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP);
		err = rte_eth_dev_configure(p->device, p->n_queues, p->n_queues, &conf);
		if (err == 0)
			return 0;
		go_without(errs, port, err, "the device refuses RSS; its queues fill as it likes");
		memset(&conf, 0, sizeof(conf));
	}
	err = rte_eth_dev_configure(p->device, p->n_queues, p->n_queues, &conf);
	if (err != 0)
		fail(errs, port, "configure", err);
	return err;
}

/* A device that carries 1500 bytes without being told is content; larger it has to know about. */
static int set_mtu(const struct fb_config_port *port, const struct fb_port *p, struct fb_errs *errs)
{
	int err = rte_eth_dev_set_mtu(p->device, port->mtu);

	if (err == 0 || port->mtu <= 1500)
		return 0;
	if (err != -ENOTSUP) {
		fail(errs, port, "set mtu", err);
		return err;
	}
	go_without(errs, port, err,
		   "the device cannot be told its mtu; what it does not carry it drops");
	return 0;
}

/* What arrives is filtered in the parse stage: a device that takes everything is as good as one that knows. */
static void take_everything(const struct fb_config_port *port, const struct fb_port *p,
			    struct fb_errs *errs)
{
	int err = rte_eth_promiscuous_enable(p->device);

	(void)rte_eth_allmulticast_enable(p->device);
	if (err != 0 && !was_promiscuous[p->device])
		go_without(
			errs, port, err,
			"the device does not become promiscuous; frames to other MAC addresses than "
			"its own may be lost");
}

static int open_port(const struct fb_config *config, const struct fb_config_port *port,
		     struct rte_mempool *pool, struct fb_port *p, struct fb_errs *errs)
{
	struct rte_eth_dev_info info;
	int err = find_device(port, &p->device);

	if (err == 0)
		err = rte_eth_dev_info_get(p->device, &info);
	if (err != 0) {
		fail(errs, port, "device", err);
		return err;
	}
	p->n_queues = queues_of(config, &info);
	p->mtu = port->mtu;
	p->vlan = port->vlan;
	p->tcp_mss = port->tcp_mss;
	p->announce = port->announce;
	err = configure(port, p, &info, errs);
	if (err != 0)
		return err;
	set_mac(port, p);
	set_addresses(port, p);
	err = set_up_queues(port, p, pool, errs);
	if (err != 0)
		return err;
	err = set_mtu(port, p, errs);
	if (err != 0)
		return err;
	was_promiscuous[p->device] = kernel_is_promiscuous(&info); /* starting may change it */
	err = rte_eth_dev_start(p->device);
	if (err != 0) {
		fail(errs, port, "start", err);
		return err;
	}
	take_everything(port, p, errs);
	return 0;
}

int fb_ports_open(const struct fb_config *config, struct rte_mempool *pool, struct fb_port *ret,
		  struct fb_errs *errs)
{
	for (uint32_t i = 0; i < config->n_ports; i++) {
		int err;

		memset(&ret[i], 0, sizeof(ret[i]));
		err = open_port(config, &config->ports[i], pool, &ret[i], errs);
		if (err != 0) {
			fb_ports_close(ret, i);
			return err;
		}
	}
	return 0;
}

void fb_ports_close(const struct fb_port *ports, uint32_t n_ports)
{
	for (uint32_t i = 0; i < n_ports; i++) {
		/* Drivers leave the kernel's interface as it was last set. */
		if (!was_promiscuous[ports[i].device])
			(void)rte_eth_promiscuous_disable(ports[i].device);
		(void)rte_eth_dev_stop(ports[i].device);
		(void)rte_eth_dev_close(ports[i].device);
	}
}
