/* SPDX-License-Identifier: BSD-3-Clause */

/* NodePorts, that of health checks too: those that are written are claimed, those that are missing are allotted. */

#include <errno.h>
#include <stdlib.h>

#include "pool/work.h"

int fb_pool_claim_ports(struct fb_pool_work *w)
{
	struct fb_model_service *service = &w->full->service;

	for (uint32_t i = 0; i < service->n_ports; i++) {
		int rc = w->ports[i].node_port == 0
				 ? 1
				 : fb_pool_claim(w, "nodePort", NULL, w->ports[i].node_port);

		if (rc < 0)
			return rc;
		if (rc == 0)
			w->ports[i].node_port = 0;
	}
	if (service->health_check_node_port != 0) {
		int rc = fb_pool_claim(w, "healthCheckNodePort", NULL,
				       service->health_check_node_port);

		if (rc < 0)
			return rc;
		if (rc == 0)
			service->health_check_node_port = 0;
	}
	return 0;
}

static uint16_t kept_port(const struct fb_pool_work *w, uint16_t port, uint8_t proto)
{
	const struct fb_pool_record *record = w->record;

	for (uint32_t i = 0; i < record->n_ports; i++) {
		if (record->ports[i].port == port && record->ports[i].proto == proto &&
		    fb_pool_is_node_port(w->pool, record->ports[i].node_port))
			return record->ports[i].node_port;
	}
	return 0;
}

/* As the API server does: 53/UDP and 53/TCP of one Service have one number. */
static uint16_t twin_port(const struct fb_pool_work *w, uint32_t i)
{
	const struct fb_service_port *ports = w->ports;

	for (uint32_t j = 0; j < w->full->service.n_ports; j++) {
		bool taken = ports[j].node_port == 0 || ports[j].port != ports[i].port;
		const struct fb_pool_use *use = NULL;

		while (!taken &&
		       (use = fb_pool_use_next(w->pool, NULL, ports[j].node_port, use)) != NULL)
			taken = use->record != w->record;
		for (uint32_t k = 0; k < w->full->service.n_ports && !taken; k++)
			taken = k != i && ports[k].node_port == ports[j].node_port &&
				ports[k].proto == ports[i].proto;
		if (!taken)
			return ports[j].node_port;
	}
	return 0;
}

static bool is_in(const struct fb_pool_port *ports, uint32_t n, uint16_t node_port)
{
	bool is = false;

	for (uint32_t i = 0; i < n; i++)
		is |= ports[i].node_port == node_port;
	return is;
}

/* Takes the new list over. */
void fb_pool_replace_ports(struct fb_pool_work *w, struct fb_pool_port *ports, uint32_t n)
{
	struct fb_pool_record *record = w->record;

	for (uint32_t i = 0; i < record->n_ports; i++) {
		if (!is_in(ports, n, record->ports[i].node_port))
			fb_pool_use_drop(w->pool, record, NULL, record->ports[i].node_port);
	}
	free(record->ports);
	record->ports = ports;
	record->n_ports = n;
}

static int allot_port(struct fb_pool_work *w, uint32_t i, struct fb_pool_port *to)
{
	struct fb_service_port *port = &w->ports[i];
	uint16_t node_port = kept_port(w, port->port, port->proto);

	if (node_port == 0)
		node_port = twin_port(w, i);
	if (node_port == 0)
		node_port = fb_pool_pick_port(w->pool, w->record, port->port, port->proto);
	*to = (struct fb_pool_port){port->port, port->proto, node_port};
	if (node_port == 0) {
		fb_pool_complain(w, "no port of services.node-port-range is left for %u/%s",
				 port->port, fb_protocol_name(port->proto));
		w->waits = true;
		return 0;
	}
	port->node_port = node_port;
	port->own_node_port = true;
	w->changed = true;
	return fb_pool_use_add(w->pool, w->record, NULL, node_port, false);
}

int fb_pool_settle_ports(struct fb_pool_work *w)
{
	const struct fb_model_service *written = &w->object->service;
	bool wants = fb_pool_wants_ports(w->object);
	struct fb_pool_port *ports = calloc(written->n_ports + 1u, sizeof(*ports));
	uint32_t n = 0;
	int rc = 0;

	if (ports == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < written->n_ports && wants && rc == 0; i++) {
		if (written->ports[i].node_port != 0)
			continue;
		rc = allot_port(w, i, &ports[n]);
		n += ports[n].node_port != 0;
	}
	fb_pool_replace_ports(w, ports, n);
	return rc;
}

int fb_pool_settle_health(struct fb_pool_work *w)
{
	struct fb_pool_record *record = w->record;
	bool wants = fb_pool_wants_health(w->object);

	if (record->health_port != 0 &&
	    (!wants || !fb_pool_is_node_port(w->pool, record->health_port))) {
		fb_pool_use_drop(w->pool, record, NULL, record->health_port);
		record->health_port = 0;
	}
	if (!wants)
		return 0;
	if (record->health_port == 0)
		record->health_port = fb_pool_pick_port(w->pool, record, 0, 0);
	if (record->health_port == 0) {
		fb_pool_complain(w, "no port of services.node-port-range is left for its "
				    "healthCheckNodePort");
		w->waits = true;
		return 0;
	}
	w->full->service.health_check_node_port = record->health_port;
	w->changed = true;
	return fb_pool_use_add(w->pool, record, NULL, record->health_port, false);
}
