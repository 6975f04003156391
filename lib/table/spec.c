/* SPDX-License-Identifier: BSD-3-Clause */

#include "table/spec.h"

#include <stdio.h>

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

const char *const fb_syn_proxy_names[FB_SYN_PROXY_COUNT] = {
	[FB_SYN_PROXY_OFF] = "off",
	[FB_SYN_PROXY_AUTO] = "auto",
	[FB_SYN_PROXY_ALWAYS] = "always",
};

const char *const fb_service_mode_names[2] = {
	[FB_MODE_SNAT] = "snat",
	[FB_MODE_DNAT] = "dnat",
};

const char *fb_frontend_ports(const struct fb_frontend_spec *f, char *buf)
{
	const unsigned int port = rte_be_to_cpu_16(f->port_be);

	if (f->last == 0)
		(void)snprintf(buf, FB_FRONTEND_PORTS_STRLEN, "%u", port);
	else if (port == 0)
		(void)snprintf(buf, FB_FRONTEND_PORTS_STRLEN, "*");
	else if (f->shift == 0)
		(void)snprintf(buf, FB_FRONTEND_PORTS_STRLEN, "%u-%u", port, f->last);
	else
		(void)snprintf(buf, FB_FRONTEND_PORTS_STRLEN, "%u-%u:%u", port, f->last,
			       (uint16_t)(port + f->shift));
	return buf;
}
