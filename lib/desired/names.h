/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_DESIRED_NAMES_H
#define FB_DESIRED_NAMES_H

/*
 * The names that a Service gives, as CoreDNS' kubernetes plugin reads the objects.
 *
 * With ClusterIPs: these, its ports, and its ready endpoints by name. Headless: its ready endpoints; none
 * of them, and the name does not exist. All addresses of an endpoint count, whatever the Service's
 * families. An endpoint is called by its hostname, else (where that is set) as its pod, else by its
 * address. Ready is what conditions.ready says, where it says nothing too; terminating makes no
 * difference, since the endpoint controller takes it into account.
 *
 * Slices, else Endpoints, else the Pods that the selector matches: then as the endpoint controller would
 * make them, of the Service's families, with spec.hostname where spec.subdomain is the Service.
 *
 * The label service-proxy-name, policies and hints say nothing of names.
 *
 * Pure. Thread: control.
 */

#include "dns/write.h"
#include "model/store.h"

struct fb_names_settings {
	bool pod_names;          /* an endpoint without a hostname is called as its pod */
	bool ignore_empty;       /* ClusterIPs without ready endpoints do not exist */
	char *const *namespaces; /* only these; none: all */
	uint32_t n_namespaces;
};

/** Do names in this namespace exist at all? */
bool fb_names_has_namespace(const struct fb_names_settings *settings, const char *namespace_);

/**
 * Compile the names of one Service.
 *
 * @param errs  a notice where DNS cannot say them
 * @param ret   NULL where there are none; else for fb_dns_set_service(). Untouched on failure
 * @return 0 or -ENOMEM
 */
int fb_names_build(const struct fb_store *store, const struct fb_names_settings *settings,
		   const struct fb_hash_secret *secret, const char *namespace_, const char *name,
		   struct fb_dns_service **ret, struct fb_errs *errs);

#endif
