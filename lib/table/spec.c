/* SPDX-License-Identifier: BSD-3-Clause */

#include "table/spec.h"

const char *const fb_frontend_kind_names[FB_FRONTEND_KIND_COUNT] = {
	[FB_FRONTEND_CLUSTER_IP] = "ClusterIP",
	[FB_FRONTEND_NODE_PORT] = "NodePort",
	[FB_FRONTEND_LOAD_BALANCER] = "LoadBalancer",
	[FB_FRONTEND_EXTERNAL_IP] = "ExternalIP",
};

const char *const fb_selection_names[FB_SELECT_COUNT] = {
	[FB_SELECT_MAGLEV] = "maglev",
	[FB_SELECT_SOURCE_IP] = "source-ip",
	[FB_SELECT_RANDOM] = "random",
	[FB_SELECT_ROUND_ROBIN] = "round-robin",
	[FB_SELECT_LEAST_CONNECTIONS] = "least-connections",
};

const char *const fb_service_mode_names[2] = {
	[FB_MODE_SNAT] = "snat",
	[FB_MODE_DNAT] = "dnat",
};
