/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_DESIRED_ENV_H
#define FB_DESIRED_ENV_H

/*
 * The environment variables that a pod started now would be given for Services, as the kubelet
 * makes them.
 *
 * Which Services: those of the pod's namespace with a ClusterIP (no headless one, no ExternalName),
 * and default/kubernetes, unless the namespace has a "kubernetes" of its own. A pod with
 * enableServiceLinks: false gets default/kubernetes alone. The label service-proxy-name makes no
 * difference here. Addresses are spelled as the Service spells them, of its first family only; no
 * NodePort, no external address.
 *
 * The kubelet goes through Services in no order; here it is that of their names. Where two make the
 * same variable (the port variable of "a-service" is called as the one of "a") a pod has either at
 * random; here the later one counts, and a notice names both. So it does for names that begin with a
 * digit, which no shell can set.
 *
 * Pure. Thread: control.
 */

#include "model/store.h"

struct fb_env_variable {
	const char *name;
	const char *value;
	const char *namespace_; /* of the Service that it is for */
	const char *service;
};

struct fb_env {
	struct fb_env_variable
		*v; /* by Service, within it in the kubelet's order; names distinct */
	size_t n;
	struct fb_arena arena;
};

/**
 * @param links  enableServiceLinks of the pod
 * @param errs   notices
 * @param ret    untouched on failure; else for fb_env_free()
 * @return 0 or -ENOMEM
 */
int fb_env_build(const struct fb_store *store, const char *namespace_, bool links,
		 struct fb_env *ret, struct fb_errs *errs);
/** Free what it holds, not the struct itself. */
void fb_env_free(struct fb_env *env);

#endif
