/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_DNS_WRITE_H
#define FB_DNS_WRITE_H

/*
 * Building zones. Control thread only; the packet path must not include this.
 *
 * Changes are staged and take effect together in fb_dns_commit(), which makes a zone that shares all
 * unchanged pieces with the one before. A commit that fails has changed nothing; what is staged then
 * stays staged until fb_dns_abort().
 *
 * The table (table/write.h) owns one of these and commits it with its own generations: a piece serves the
 * generations from the one that brought it to the one that replaced it, and is freed when no snapshot
 * before that one is left.
 */

#include "dns/zone.h"

/* ---- one Service ---- */

struct fb_dns_port_spec {
	const char *name; /* "": not asked for by name */
	uint16_t port;    /* 0: not said, no SRV */
	uint8_t proto;    /* IPPROTO_TCP, _UDP or _SCTP */
};

struct fb_dns_host_spec {
	struct fb_addr addr;
	const char *hostname; /* "": the address with dashes */
	const struct fb_dns_port_spec *ports;
	uint32_t n_ports; /* 0: the address alone */
};

struct fb_dns_service_spec {
	const char *namespace_;
	const char *name;
	bool unknown;                /* no Service, or none to be found: only PTR leads to its names */
	const char *external_name;   /* "": none; then nothing below counts */
	bool headless;               /* addresses are those of hosts, ports theirs */
	const struct fb_addr *addrs; /* clusterIPs */
	uint32_t n_addrs;
	const struct fb_dns_port_spec *ports;
	uint32_t n_ports;
	const struct fb_dns_host_spec
		*hosts; /* ready endpoints; one address may stand here twice */
	uint32_t n_hosts;
};

/**
 * Compile a Service's names into one piece.
 *
 * @return for fb_dns_set_service() or fb_dns_service_free(); NULL with errno ENOMEM, or EINVAL: a name
 *         that DNS cannot say (too long)
 */
struct fb_dns_service *fb_dns_service_build(const struct fb_hash_secret *secret,
					    const struct fb_dns_service_spec *spec);
void fb_dns_service_free(struct fb_dns_service *svc); /* not once it was staged; takes NULL */

/* ---- the zone ---- */

struct fb_dns_settings {
	const char *domain; /* "cluster.local" */
	uint32_t ttl_s;
	enum fb_dns_pods pods;
	bool forwards;
	const struct fb_prefix *reverse; /* whole octets or nibbles */
	uint32_t n_reverse;
};

struct fb_dns;

/** @return NULL: no memory, or settings that are none (errno EINVAL) */
struct fb_dns *fb_dns_create(const struct fb_hash_secret *secret,
			     const struct fb_dns_settings *settings);
void fb_dns_free(struct fb_dns *dns); /* no snapshot refers to it any more; takes NULL */

/**
 * Stage a Service. svc is taken over, also on failure; NULL: it has no names.
 *
 * @return 0 or -ENOMEM
 */
int fb_dns_set_service(struct fb_dns *dns, const char *namespace_, const char *name,
		       struct fb_dns_service *svc);

/** Stage which namespaces exist: all of them, each once or more often. @return 0 or -ENOMEM */
int fb_dns_set_namespaces(struct fb_dns *dns, const char *const *names, uint32_t n);

/* A pod's address; both of a pod that has two. */
struct fb_dns_pod_spec {
	const char *namespace_;
	struct fb_addr addr;
};

/** Stage which pods there are, for FB_DNS_PODS_VERIFIED: all of them. @return 0 or -ENOMEM */
int fb_dns_set_pods(struct fb_dns *dns, const struct fb_dns_pod_spec *pods, uint32_t n);

/** Stage the addresses that are answered on; those past FB_DNS_ADDRESSES_MAX are left out. */
void fb_dns_set_addresses(struct fb_dns *dns, const struct fb_addr *addrs, uint32_t n);

/** Stage that all there is has been read: what is not known does not exist. */
void fb_dns_set_synced(struct fb_dns *dns, bool synced);

/**
 * The serial of SOA in zones from now on: seconds since 1970, as CoreDNS has it; one more than the last where
 * that is not more. Stages nothing.
 */
void fb_dns_set_serial(struct fb_dns *dns, uint32_t serial);

bool fb_dns_is_staged(const struct fb_dns *dns); /* would a commit change anything? */

/**
 * Make the zone of a generation. What is replaced is retired with it.
 *
 * @return 0 or -ENOMEM; *ret is the former zone where nothing was staged
 */
int fb_dns_commit(struct fb_dns *dns, uint64_t generation, const struct fb_dns_zone **ret);

/** Drop what was staged. */
void fb_dns_abort(struct fb_dns *dns);

/** Free what was retired with generations up to the oldest that somebody holds. */
void fb_dns_reclaim(struct fb_dns *dns, uint64_t oldest);

/** The zone of the last commit; NULL before the first. */
const struct fb_dns_zone *fb_dns_zone(const struct fb_dns *dns);

#endif
