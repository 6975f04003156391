/* SPDX-License-Identifier: BSD-3-Clause */

#include "world.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

const uint8_t bench_port_mac[6] = {0x02, 0, 0, 0, 0, 0x01};
const uint8_t bench_neighbour_mac[6] = {0x02, 0, 0, 0, 0, 0x09};

#define SERVICE_NET 0x0a600000u /* 10.96.0.0 */
#define POD_NET     0x0ac00000u /* 10.192.0.0 */

static void write_ports(FILE *f, const struct bench_setup *s)
{
	static const char port[] = "- name: %s\n"
				   "  device: \"%s\"\n"
				   "  mac: 02:00:00:00:00:01\n"
				   "  addresses: [192.0.2.%u/24, \"2001:db8:%u::1/64\"]\n";

	(void)fprintf(f, "ports:\n");
	(void)fprintf(f, port, "net", s->devices[0] != NULL ? s->devices[0] : "none", 1, 1);
	if (s->devices[1] != NULL)
		(void)fprintf(f, port, "out", s->devices[1], 129, 2);
}

static void write_workers(FILE *f, const struct bench_setup *s)
{
	const uint32_t n = s->n_workers != 0 ? s->n_workers : 2;

	(void)fprintf(f, "workers: {count: %u, cores: [", n);
	for (uint32_t i = 0; i < n; i++)
		(void)fprintf(f, "%s%u", i == 0 ? "" : ", ", s->core);
	(void)fprintf(f, "]}\n");
}

static void write_config(FILE *f, const struct bench_setup *s)
{
	const char *out = s->devices[1] != NULL ? "out" : "net";

	write_ports(f, s);
	if (s->devices[0] != NULL)
		(void)fprintf(f, "workers: {count: 1, cores: [%u]}\n", s->core);
	else
		write_workers(f, s);
	(void)fprintf(
		f, "flows: {ipv4: 1048576, ipv6: 1024%s}\n",
		s->short_timeouts
			? ", half-open-share: 50, timeouts: {tcp-opening: 1s, tcp-closing: 1s, udp-new: 1s}"
			: "");
	(void)fprintf(f,
		      "nat:\n"
		      "  mode: %s\n"
		      "  secret: forebay-bench\n"
		      "  snat-addresses: [192.0.2.2, \"2001:db8:1::2\"]\n",
		      fb_service_mode_names[s->mode]);
	/* As everywhere where it is on: packets to port 53 are told from others. */
	if (!s->without_dns)
		(void)fprintf(
			f, "dns: {enabled: true, addresses: [192.0.2.53, \"2001:db8:1::53\"]}\n");
	(void)fprintf(f, "lab:\n  neighbours:\n");
	(void)fprintf(f, "  - {address: 192.0.2.9, mac: \"02:00:00:00:00:09\", port: %s}\n", out);
	(void)fprintf(f, "  - {address: \"2001:db8:1::9\", mac: \"02:00:00:00:00:09\", port: %s}\n",
		      out);
	(void)fprintf(f, "  routes:\n");
	(void)fprintf(f, "  - {prefix: 10.0.0.0/8, via: 192.0.2.9, port: %s}\n", out);
	(void)fprintf(f, "  - {prefix: \"fd00::/16\", via: \"2001:db8:1::9\", port: %s}\n", out);
}

static int n_families(const struct bench_setup *s)
{
	return s->only_ipv4 ? FB_IPV4 + 1 : FB_FAMILY_COUNT;
}

static const char *protocol_of(const struct bench_setup *s)
{
	return s->proto == IPPROTO_UDP ? "UDP" : "TCP";
}

static void write_service(FILE *f, const struct bench_setup *s, uint32_t i)
{
	char v4[FB_ADDR_STRLEN];
	char v6[FB_ADDR_STRLEN];
	struct fb_addr a4 = bench_service_addr(FB_IPV4, i);
	struct fb_addr a6 = bench_service_addr(FB_IPV6, i);

	(void)fb_addr_format(&a4, v4);
	(void)fb_addr_format(&a6, v6);
	(void)fprintf(f,
		      "---\n"
		      "apiVersion: v1\n"
		      "kind: Service\n"
		      "metadata: {name: s%u, namespace: bench}\n"
		      "spec:\n"
		      "  ports: [{name: web, protocol: %s, port: %u, targetPort: 8080}]\n"
		      "  clusterIP: %s\n",
		      i, protocol_of(s), BENCH_SERVICE_PORT, v4);
	if (!s->only_ipv4)
		(void)fprintf(f,
			      "  clusterIPs: [%s, \"%s\"]\n"
			      "  ipFamilies: [IPv4, IPv6]\n"
			      "  ipFamilyPolicy: RequireDualStack\n",
			      v4, v6);
}

struct fb_addr bench_pod_addr(const struct bench_setup *s, enum fb_family family, uint32_t service,
			      uint32_t k)
{
	uint32_t host = rte_cpu_to_be_32(POD_NET + service * s->n_endpoints + k + 1);
	uint8_t v6[16] = {0xfd, 0, 0, 1};

	memcpy(v6 + 12, &host, sizeof(host));
	return fb_addr_from_bytes(family, family == FB_IPV4 ? (const uint8_t *)&host : v6);
}

/* As the cluster's controller does it: at most so many endpoints in each. */
static void write_slice(FILE *f, const struct bench_setup *s, uint32_t service,
			enum fb_family family, uint32_t slice)
{
	(void)fprintf(f,
		      "---\n"
		      "apiVersion: discovery.k8s.io/v1\n"
		      "kind: EndpointSlice\n"
		      "metadata:\n"
		      "  name: " BENCH_SLICE_NAME "\n"
		      "  namespace: bench\n"
		      "  labels: {kubernetes.io/service-name: s%u}\n"
		      "addressType: %s\n"
		      "ports: [{name: web, protocol: %s, port: 8080}]\n"
		      "endpoints:\n",
		      service, family == FB_IPV4 ? 4 : 6, slice, service,
		      family == FB_IPV4 ? "IPv4" : "IPv6", protocol_of(s));
	for (uint32_t k = slice * BENCH_SLICE_ENDPOINTS;
	     k < RTE_MIN(s->n_endpoints, (slice + 1) * BENCH_SLICE_ENDPOINTS); k++) {
		struct fb_addr pod = bench_pod_addr(s, family, service, k);
		char text[FB_ADDR_STRLEN];

		(void)fprintf(f, "- addresses: [\"%s\"]\n", fb_addr_format(&pod, text));
	}
}

struct fb_addr bench_service_addr(enum fb_family family, uint32_t service)
{
	uint32_t host = rte_cpu_to_be_32(SERVICE_NET + service + 1);
	uint8_t v6[16] = {0xfd, 0, 0, 0x96};

	memcpy(v6 + 12, &host, sizeof(host));
	return fb_addr_from_bytes(family, family == FB_IPV4 ? (const uint8_t *)&host : v6);
}

struct fb_addr bench_dns_addr(enum fb_family family)
{
	static const uint8_t v4[4] = {192, 0, 2, 53};
	static const uint8_t v6[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 1, [15] = 0x53};

	return fb_addr_from_bytes(family, family == FB_IPV4 ? v4 : v6);
}

static int read_config(struct bench_world *world, struct fb_errs *errs)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	int err;

	if (f == NULL)
		return -ENOMEM;
	write_config(f, &world->setup);
	(void)fclose(f);
	err = fb_config_parse("config", text, len, &world->config, errs);
	free(text);
	return err;
}

/* The manifests go through a file, as everybody's do. */
static int read_manifests(struct bench_world *world, struct fb_errs *errs)
{
	char path[] = "/tmp/forebay-bench-XXXXXX";
	const char *const paths[] = {path};
	int fd = mkstemp(path);
	FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
	int err;

	if (f == NULL) {
		fb_errs_add(errs, (struct fb_place){.file = path}, FB_SEV_ERROR, "%s",
			    strerror(errno));
		return -EIO;
	}
	for (uint32_t i = 0; i < world->setup.n_services; i++) {
		write_service(f, &world->setup, i);
		for (int family = 0; family < n_families(&world->setup); family++)
			for (uint32_t k = 0; k < bench_n_slices(&world->setup); k++)
				write_slice(f, &world->setup, i, (enum fb_family)family, k);
	}
	(void)fclose(f);
	err = fb_offline_open(world->config, paths, 1, &world->offline, errs);
	(void)unlink(path);
	return err;
}

int bench_world_open(const struct bench_setup *setup, struct rte_mempool *pool,
		     struct bench_world *world, struct fb_errs *errs)
{
	uint32_t n_ports;
	int err;

	*world = (struct bench_world){.setup = *setup, .pool = pool};
	err = read_config(world, errs);
	if (err == 0)
		err = read_manifests(world, errs);
	n_ports = setup->n_services * (uint32_t)n_families(setup);
	if (err == 0 && world->offline.snapshot->n_services != n_ports) {
		fb_errs_add(errs, (struct fb_place){0}, FB_SEV_ERROR,
			    "of %u service ports %u were read", n_ports,
			    world->offline.snapshot->n_services);
		err = -EINVAL;
	}
	if (err != 0)
		bench_world_close(world);
	return err;
}

void bench_world_close(struct bench_world *world)
{
	bench_world_stop(world);
	if (world->offline.table != NULL)
		fb_offline_close(&world->offline);
	fb_config_free(world->config);
	world->config = NULL;
}

/* Frames leave here; they are freed when the clock does not run. */
static uint16_t gather(void *arg, struct fb_worker *w, uint16_t port, struct rte_mbuf **mbufs,
		       uint16_t n)
{
	struct bench_world *world = ((struct bench_world *)arg)->lanes[w->idx];

	(void)port;
	memcpy(&world->sent[world->n_sent], mbufs, n * sizeof(struct rte_mbuf *));
	world->n_sent += n;
	return n;
}

void bench_world_lane(struct bench_world *world, uint16_t worker, struct bench_world *ret)
{
	*ret = *world;
	ret->worker = world->dp->workers[worker];
	ret->n_sent = 0;
	if (worker != 0)
		fb_rcu_online(world->rcu, worker);
	world->lanes[worker] = ret;
}

uint32_t bench_world_recycle(struct bench_world *world)
{
	uint32_t n = world->n_sent;

	rte_pktmbuf_free_bulk(world->sent, n);
	world->n_sent = 0;
	return n;
}

static void release(void *arg, void *retired)
{
	struct bench_world *world = arg;

	/* The last snapshot is the offline state's. */
	if (retired != world->offline.snapshot)
		fb_snapshot_release(world->offline.table, retired);
}

/*
 * The key of Microsoft's specification of RSS, which devices come with and whose results are
 * published.
 */
static const uint8_t rss_key[FB_NAT_RSS_KEY_LEN] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
	0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
	0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

/*
 * The worker that never runs needs no room: with ten million flows its tables would be a gigabyte of
 * hugepages. @return 0 or -ENOMEM
 */
static int shrink_idle(struct bench_world *world)
{
	for (uint16_t i = 1; i < world->dp->n_workers; i++) {
		for (int family = 0; family < FB_FAMILY_COUNT; family++) {
			struct fb_flow_table **t = &world->dp->workers[i]->flows[family];

			fb_flow_table_free(*t);
			*t = fb_flow_table_create((enum fb_family)family, 1024,
						  &world->dp->nat.secret, -1);
			if (*t == NULL)
				return -ENOMEM;
		}
	}
	return 0;
}

int bench_world_start(struct bench_world *world, enum fb_family family, uint32_t capacity,
		      struct fb_errs *errs)
{
	uint8_t queue_worker[FB_NAT_MAX_WORKERS];
	uint16_t reta[128];
	const struct fb_nat_rss rss = {
		.key = rss_key,
		.key_len = sizeof(rss_key),
		.reta = reta,
		.reta_size = RTE_DIM(reta),
		.queue_worker = queue_worker,
		.n_queues = world->config->n_workers,
		.hash_types = RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV6_TCP |
			      RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV6_UDP,
	};
	struct fb_hash_secret secret;
	struct fb_port port = {
		.mtu = world->config->ports[0].mtu,
		.n_queues = (uint16_t)world->config->n_workers,
		.rss = &rss,
	};

	for (uint32_t i = 0; i < RTE_DIM(reta); i++)
		reta[i] = (uint16_t)(i % world->config->n_workers);
	for (uint32_t i = 0; i < world->config->n_workers; i++)
		queue_worker[i] = (uint8_t)i;
	memcpy(port.mac, bench_port_mac, sizeof(port.mac));
	world->config->flows_ipv4 = family == FB_IPV4 ? capacity : 1024;
	world->config->flows_ipv6 = family == FB_IPV6 ? capacity : 1024;
	world->rcu = fb_rcu_create((uint16_t)world->config->n_workers, release, world);
	if (world->rcu == NULL || fb_rcu_publish(world->rcu, world->offline.snapshot) != 0) {
		fb_errs_add(errs, (struct fb_place){0}, FB_SEV_ERROR, "out of memory");
		return -ENOMEM;
	}
	fb_hash_secret_init(&secret, world->config->secret); /* each run has the same buckets */
	world->dp =
		fb_datapath_create(world->config, &secret, &port, 1, world->pool, world->rcu, errs);
	if (world->dp == NULL)
		return -ENOMEM;
	world->dp->transmit = gather;
	world->dp->transmit_arg = world;
	world->worker = world->dp->workers[0];
	world->lanes[0] = world;
	fb_rcu_online(world->rcu, 0);
	if (world->setup.n_workers == 0 && shrink_idle(world) != 0) {
		fb_errs_add(errs, (struct fb_place){0}, FB_SEV_ERROR, "out of memory");
		return -ENOMEM;
	}
	return 0;
}

void bench_world_stop(struct bench_world *world)
{
	for (uint16_t i = 0; world->dp != NULL && i < world->dp->n_workers; i++)
		if (world->lanes[i] != NULL)
			fb_rcu_offline(world->rcu, i);
	memset(world->lanes, 0, sizeof(world->lanes));
	fb_datapath_free(world->dp);
	if (world->rcu != NULL)
		fb_rcu_free(world->rcu);
	world->dp = NULL;
	world->rcu = NULL;
	world->worker = NULL;
}
