/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/explain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <netinet/in.h>

#include "dns/zone.h"

const char *fb_addr_port_format(const struct fb_addr *addr, uint16_t port, char *buf)
{
	char text[FB_ADDR_STRLEN];

	(void)snprintf(buf, FB_ADDR_PORT_STRLEN,
		       fb_addr_family(addr) == FB_IPV4 ? "%s:%u" : "[%s]:%u",
		       fb_addr_format(addr, text), port);
	return buf;
}

static int parse_addr_port(const char *text, struct fb_addr *addr, uint16_t *port)
{
	char host[FB_ADDR_STRLEN];
	const char *colon = strrchr(text, ':');
	size_t len = colon != NULL ? (size_t)(colon - text) : 0;
	unsigned long value;
	char *end;
	bool bracketed = len >= 2 && text[0] == '[' && text[len - 1] == ']';

	if (colon == NULL || colon[1] < '0' || colon[1] > '9')
		return -EINVAL;
	value = strtoul(colon + 1, &end, 10);
	if (*end != '\0' || value > UINT16_MAX || end - colon > 6)
		return -EINVAL;
	if (bracketed) {
		text++;
		len -= 2;
	}
	if (len >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, len);
	host[len] = '\0';
	/* Without brackets the last part of an IPv6 address would be read as the port. */
	if (bracketed != (strchr(host, ':') != NULL) || fb_addr_parse(host, addr) != 0)
		return -EINVAL;
	*port = (uint16_t)value;
	return 0;
}

static int parse_addr(const char *text, struct fb_addr *addr)
{
	char host[FB_ADDR_STRLEN + 2];
	size_t len = strlen(text);

	if (len >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, len + 1);
	if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = '\0';
		return fb_addr_parse(host + 1, addr);
	}
	return fb_addr_parse(host, addr);
}

json_t *fb_frontend_json(const struct fb_frontend_spec *f)
{
	char addr[FB_ADDR_STRLEN];
	char ports[FB_FRONTEND_PORTS_STRLEN];

	return json_sprintf(fb_addr_family(&f->addr) == FB_IPV4 ? "%s:%s" : "[%s]:%s",
			    fb_addr_format(&f->addr, addr), fb_frontend_ports(f, ports));
}

int fb_explain_parse(const char *line, struct fb_explain_query *ret, const char **ret_why)
{
	struct fb_explain_query q = {0};
	char words[3][96];
	char rest[2];
	int n;

	n = sscanf(line, "%95s %95s %95s %1s", words[0], words[1], words[2], rest);
	*ret_why = "expected: tcp|udp|sctp SRC:PORT DST:PORT, or icmp SRC DST";
	if (n != 3)
		return -EINVAL;
	if (strcasecmp(words[0], "icmp") == 0) {
		q.proto = IPPROTO_ICMP;
		*ret_why = "expected: icmp SRC DST, two addresses of one family";
		if (parse_addr(words[1], &q.src) != 0 || parse_addr(words[2], &q.dst) != 0)
			return -EINVAL;
	} else {
		q.proto = strcasecmp(words[0], "tcp") == 0    ? IPPROTO_TCP
			  : strcasecmp(words[0], "udp") == 0  ? IPPROTO_UDP
			  : strcasecmp(words[0], "sctp") == 0 ? IPPROTO_SCTP
							      : 0;
		if (q.proto == 0)
			return -EINVAL;
		*ret_why = "expected ADDRESS:PORT twice, IPv6 as [ADDRESS]:PORT";
		if (parse_addr_port(words[1], &q.src, &q.sport) != 0 ||
		    parse_addr_port(words[2], &q.dst, &q.dport) != 0)
			return -EINVAL;
	}
	if (fb_addr_family(&q.src) != fb_addr_family(&q.dst)) {
		*ret_why = "source and destination are of different families";
		return -EINVAL;
	}
	*ret = q;
	return 0;
}

struct fb_tuple fb_explain_tuple(const struct fb_explain_query *q)
{
	return fb_tuple_make(q->proto, &q->src, rte_cpu_to_be_16(q->sport), &q->dst,
			     rte_cpu_to_be_16(q->dport));
}

static const struct fb_endpoint *endpoint_by_id(const struct fb_snapshot *snap, uint32_t id,
						const struct fb_service **ret_service)
{
	for (uint32_t s = 0; s < snap->n_services; s++) {
		const struct fb_service *svc = snap->services[s];

		for (uint32_t e = 0; svc != NULL && e < svc->n_endpoints; e++) {
			if (svc->endpoints[e].id == id) {
				*ret_service = svc;
				return &svc->endpoints[e];
			}
		}
	}
	return NULL;
}

/* How closely a frontend names a port: itself before a range before all; 0: not at all. */
static int names_port(const struct fb_frontend_spec *fe, uint16_t dport)
{
	uint16_t port = rte_be_to_cpu_16(fe->port_be);

	if (fe->last == 0)
		return port == dport ? 3 : 0;
	return dport >= port && dport <= fe->last ? (port != 0 ? 2 : 1) : 0;
}

static void set_frontend(struct fb_explanation *ret, const struct fb_addr *dst, uint16_t dport)
{
	int best = 0;

	for (uint32_t i = 0; i < ret->service->n_frontends; i++) {
		const struct fb_frontend_spec *fe = &ret->service->frontends[i];
		int how = fb_addr_equal(&fe->addr, dst) ? names_port(fe, dport) : 0;

		if (how > best) {
			ret->frontend = fe;
			best = how;
		}
	}
}

/* Where packets to the endpoint leave, or why they don't. @return whether the port is known */
static bool check_next_hop(const struct fb_explain_env *env, struct fb_explanation *ret)
{
	const struct fb_snapshot *snap = env->snap;
	const struct fb_endpoint *ep = ret->endpoint;
	uint8_t state = FB_HOP_NONE;

	ret->nh_idx = ep->id < snap->n_endpoints ? fb_table_info(snap, ep->id)->nh_idx : 0;
	if (ret->nh_idx < snap->n_next_hops)
		state = snap->next_hops[ret->nh_idx].state;
	if (state == FB_HOP_READY)
		return true;
	if (env->hops_unknown)
		return state == FB_HOP_UNRESOLVED;
	ret->verdict = FB_VERDICT_DROP;
	ret->reason = state == FB_HOP_UNRESOLVED ? FB_REASON_NEXT_HOP : FB_REASON_NO_ROUTE;
	return false;
}

static void choose_reply(const struct fb_explain_env *env, const struct fb_tuple *tuple,
			 struct fb_explanation *ret)
{
	const struct fb_snapshot *snap = env->snap;
	const struct fb_endpoint *ep = ret->endpoint;
	uint8_t port = snap->next_hops[ret->nh_idx].port;
	const struct fb_snat_pool *pool = &snap->snat[port][tuple->family];
	struct fb_addr client = fb_tuple_src(tuple);
	int err;

	/* An endpoint that is its own client would answer itself directly. */
	ret->hides_client =
		ret->service->mode == FB_MODE_SNAT || fb_addr_equal(&client, &ep->addr);
	if (!ret->hides_client) {
		ret->reply = fb_tuple_make(tuple->proto, &ep->addr, ret->endpoint_port_be, &client,
					   fb_tuple_sport(tuple));
		ret->has_reply = true;
		return;
	}
	err = fb_nat_choose(env->nat_ports, ret->worker, NULL, tuple, &ep->addr,
			    ret->endpoint_port_be, pool->addrs, pool->n,
			    env->steer != NULL ? env->steer(env->arg, port) : NULL, &ret->reply);
	if (err == 0) {
		ret->has_reply = true;
		return;
	}
	ret->verdict = FB_VERDICT_DROP;
	ret->reason = err == -ENOENT ? FB_REASON_NO_SNAT_ADDRESS : FB_REASON_SNAT_PORTS;
}

/* What session affinity has for the client, if it may still be used. */
static const struct fb_endpoint *kept_endpoint(const struct fb_explain_env *env,
					       const struct fb_service *svc,
					       const struct fb_addr *client)
{
	struct fb_affinity_entry kept;

	if (svc->affinity_s == 0 || env->affinity == NULL ||
	    !env->affinity(env->arg, svc, client, &kept))
		return NULL;
	return fb_table_endpoint(svc, kept.ep_id);
}

static void explain_new(const struct fb_explain_env *env, const struct fb_tuple *tuple,
			struct fb_explanation *ret)
{
	uint64_t hash = fb_table_select_hash(env->snap, ret->service, tuple);
	struct fb_addr client = fb_tuple_src(tuple);

	ret->verdict = FB_VERDICT_FORWARD;
	ret->worker = env->owner(env->arg, ret->service, 0, tuple, &ret->worker_rule);
	if (env->draining) {
		ret->verdict = FB_VERDICT_DROP;
		ret->reason = FB_REASON_BOX_DRAINING;
		return;
	}
	ret->endpoint = kept_endpoint(env, ret->service, &client);
	ret->by_affinity = ret->endpoint != NULL;
	if (ret->endpoint == NULL)
		ret->endpoint = fb_table_select(ret->service, hash, &ret->slot);
	if (ret->endpoint == NULL) {
		ret->verdict = ret->service->elsewhere ? FB_VERDICT_DROP : FB_VERDICT_REJECT;
		ret->reason = ret->service->elsewhere ? FB_REASON_NO_LOCAL_ENDPOINT
						      : FB_REASON_NO_ENDPOINTS;
		return;
	}
	if (!fb_table_admits(ret->service, &client)) {
		ret->endpoint = NULL;
		ret->verdict = FB_VERDICT_DROP;
		ret->reason = FB_REASON_SOURCE_RANGE;
		return;
	}
	if (!ret->by_affinity && !fb_selection_by_hash(ret->service->selection)) {
		ret->endpoint = NULL;
		ret->at_run_time = true;
		return;
	}
	ret->has_slot = !ret->by_affinity;
	ret->endpoint_port_be = fb_table_port_be(env->snap, ret->service, tuple, ret->endpoint);
	if (check_next_hop(env, ret))
		choose_reply(env, tuple, ret);
}

/* An IPv4 tuple leaves part of the union unset. */
static bool tuple_equal(const struct fb_tuple *a, const struct fb_tuple *b)
{
	if (a->family != b->family || a->proto != b->proto)
		return false;
	return a->family == FB_IPV4 ? memcmp(&a->v4, &b->v4, sizeof(a->v4)) == 0
				    : memcmp(&a->v6, &b->v6, sizeof(a->v6)) == 0;
}

static void explain_flow(const struct fb_explain_env *env, const struct fb_tuple *tuple,
			 const struct fb_flow_row *flow, struct fb_explanation *ret)
{
	const struct fb_service *svc = NULL;

	ret->verdict = FB_VERDICT_FORWARD;
	ret->endpoint = endpoint_by_id(env->snap, flow->ep_id, &svc);
	ret->service = svc;
	if (svc != NULL) {
		struct fb_addr asked = fb_tuple_dst(&flow->client);

		set_frontend(ret, &asked, rte_be_to_cpu_16(fb_tuple_dport(&flow->client)));
	}
	ret->in_flow = true;
	ret->worker = flow->worker;
	ret->worker_rule = "owns the flow";
	ret->reply = flow->reply;
	ret->has_reply = true;
	ret->endpoint_port_be = fb_tuple_sport(&flow->reply);
	ret->hides_client = (flow->flags & FB_FLOW_SNAT) != 0;
	ret->to_client = tuple_equal(tuple, &flow->reply);
	/* The way back goes to the client's last hop, which the flow itself keeps. */
	if (!ret->to_client && ret->endpoint != NULL)
		(void)check_next_hop(env, ret);
}

/* No flow and no service: what the address alone decides. */
static void explain_address(const struct fb_explain_env *env, const struct fb_explain_query *q,
			    struct fb_explanation *ret)
{
	uint8_t bits = fb_table_address(env->snap, &q->dst);

	if ((bits & FB_ADDR_UNUSED) != 0) {
		ret->verdict = FB_VERDICT_DROP;
		ret->reason = FB_REASON_UNUSED_ADDRESS;
	} else if ((bits & FB_ADDR_BOX) != 0 ||
		   (bits & (FB_ADDR_SERVICE | FB_ADDR_SNAT)) == 0) {
		ret->verdict = FB_VERDICT_PUNT;
	} else if (q->proto == IPPROTO_ICMP) {
		ret->verdict = FB_VERDICT_ANSWER;
	} else if ((bits & FB_ADDR_SERVICE) != 0) {
		ret->verdict = FB_VERDICT_REJECT;
		ret->reason = FB_REASON_NO_SERVICE;
	} else {
		ret->verdict = FB_VERDICT_DROP;
		ret->reason = FB_REASON_NO_FLOW;
	}
}

/* UDP is answered by whichever worker has it, or forwarded by the kernel's side; TCP is all of that. */
static bool explain_dns(const struct fb_explain_env *env, const struct fb_explain_query *q,
			struct fb_explanation *ret)
{
	const struct fb_dns_zone *zone = env->snap->dns;

	if (zone == NULL || q->dport != FB_DNS_PORT || q->proto == IPPROTO_SCTP ||
	    !fb_dns_zone_serves(zone, &q->dst))
		return false;
	ret->dns = true;
	ret->verdict = q->proto == IPPROTO_UDP ? FB_VERDICT_ANSWER : FB_VERDICT_PUNT;
	return true;
}

/* The Service's time for the flow is over: any packet of it but a SYN is answered by a reset. */
static bool is_drained(const struct fb_snapshot *snap, const struct fb_flow_row *flow)
{
	if (flow->client.proto != IPPROTO_TCP)
		return false;
	return flow->state == FB_FLOW_RESET ||
	       (flow->ep_id < snap->n_endpoints &&
		(fb_table_info(snap, flow->ep_id)->flags & FB_EP_OVER));
}

void fb_explain(const struct fb_explain_env *env, const struct fb_explain_query *query,
		const struct fb_flow_row *flow, struct fb_explanation *ret)
{
	struct fb_tuple tuple;

	*ret = (struct fb_explanation){0};
	if (query->proto == IPPROTO_ICMP) {
		explain_address(env, query, ret);
		return;
	}
	tuple = fb_explain_tuple(query);
	if (!fb_tuple_is_sane(&tuple)) {
		ret->verdict = FB_VERDICT_DROP;
		ret->reason = FB_REASON_BAD_ADDRESS;
		return;
	}
	if (flow != NULL && is_drained(env->snap, flow)) {
		explain_flow(env, &tuple, flow, ret);
		ret->verdict = FB_VERDICT_REJECT;
		ret->reason = FB_REASON_DRAINED;
		return;
	}
	if (flow != NULL && fb_table_keeps_flow(env->snap, &flow->client, flow->ep_id)) {
		explain_flow(env, &tuple, flow, ret);
		return;
	}
	if (fb_table_source_is_forged(env->snap, &tuple)) {
		ret->verdict = FB_VERDICT_DROP;
		ret->reason = FB_REASON_BAD_ADDRESS;
		return;
	}
	if (explain_dns(env, query, ret))
		return;
	ret->service = fb_table_lookup(env->snap, &tuple);
	if (ret->service != NULL)
		set_frontend(ret, &query->dst, query->dport);
	if (ret->service != NULL)
		explain_new(env, &tuple, ret);
	else
		explain_address(env, query, ret);
}

/* ---- as an object ---- */

static json_t *addr_port_json(const struct fb_addr *addr, rte_be16_t port_be)
{
	char text[FB_ADDR_PORT_STRLEN];

	return json_string(fb_addr_port_format(addr, rte_be_to_cpu_16(port_be), text));
}

static json_t *tuple_json(const struct fb_tuple *tuple)
{
	struct fb_addr src = fb_tuple_src(tuple);
	struct fb_addr dst = fb_tuple_dst(tuple);

	return json_pack("{s:o,s:o}", "src", addr_port_json(&src, fb_tuple_sport(tuple)), "dst",
			 addr_port_json(&dst, fb_tuple_dport(tuple)));
}

/* What could have been chosen, as the packet would reach it: of a flow, only what was. */
static json_t *candidates_json(const struct fb_explain_env *env, const struct fb_explain_query *q,
			       const struct fb_explanation *e)
{
	const struct fb_service *svc = e->service;
	const struct fb_tuple tuple = fb_explain_tuple(q);
	const struct fb_endpoint *last = NULL;
	rte_be16_t last_port_be = 0;
	json_t *list = json_array();

	if (e->in_flow) {
		if (e->endpoint != NULL)
			(void)json_array_append_new(
				list, addr_port_json(&e->endpoint->addr, e->endpoint_port_be));
		return list;
	}
	for (uint32_t i = 0; svc != NULL && i < svc->n_endpoints; i++) {
		const struct fb_endpoint *ep = &svc->endpoints[i];
		rte_be16_t port_be = fb_table_port_be(env->snap, svc, &tuple, ep);

		/* Of one address each port is an endpoint, but to a range of ports they are the same. */
		if (ep->state != FB_EP_ACTIVE || (last != NULL && port_be == last_port_be &&
						  fb_addr_equal(&ep->addr, &last->addr)))
			continue;
		(void)json_array_append_new(list, addr_port_json(&ep->addr, port_be));
		last = ep;
		last_port_be = port_be;
	}
	return list;
}

static json_t *next_hop_json(const struct fb_explain_env *env, uint16_t nh_idx)
{
	static const char *const states[] = {
		[FB_HOP_NONE] = "no route",
		[FB_HOP_UNRESOLVED] = "unresolved",
		[FB_HOP_READY] = "ready",
	};
	struct fb_next_hop none = {.state = FB_HOP_NONE};
	const struct fb_next_hop *nh =
		nh_idx < env->snap->n_next_hops ? &env->snap->next_hops[nh_idx] : &none;
	struct fb_addr gateway;
	char text[FB_ADDR_STRLEN];
	char mac[18];
	const char *state = states[nh->state];
	json_t *o;

	if (env->hops_unknown && nh->state != FB_HOP_READY)
		state = "unknown";
	o = json_pack("{s:s}", "state", state);

	if (nh->state == FB_HOP_NONE)
		return o;
	if (nh->port < env->n_ports)
		(void)json_object_set_new(o, "port", json_string(env->port_names[nh->port]));
	if (env->gateway != NULL && env->gateway(env->arg, nh_idx, &gateway) == 0)
		(void)json_object_set_new(o, "address",
					  json_string(fb_addr_format(&gateway, text)));
	if (nh->state == FB_HOP_READY) {
		(void)snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", nh->mac[0],
			       nh->mac[1], nh->mac[2], nh->mac[3], nh->mac[4], nh->mac[5]);
		(void)json_object_set_new(o, "mac", json_string(mac));
		(void)json_object_set_new(o, "mtu", json_integer(nh->mtu));
	}
	return o;
}

static void add_service(json_t *o, const struct fb_explanation *e)
{
	char ports[FB_FRONTEND_PORTS_STRLEN];
	const struct fb_service *svc = e->service;

	(void)json_object_set_new(o, "service",
				  json_sprintf("%s/%s", svc->namespace_, svc->name));
	(void)json_object_set_new(o, "service_port",
				  svc->port_name[0] != '\0' ? json_string(svc->port_name)
							    : json_integer(svc->port));
	(void)json_object_set_new(o, "mode", json_string(fb_service_mode_names[svc->mode]));
	if (e->frontend != NULL)
		(void)json_object_set_new(o, "frontend",
					  json_string(fb_frontend_kind_names[e->frontend->kind]));
	if (e->frontend != NULL && e->frontend->last != 0)
		(void)json_object_set_new(o, "frontend_ports",
					  json_string(fb_frontend_ports(e->frontend, ports)));
	(void)json_object_set_new(o, "selection", json_string(fb_selection_names[svc->selection]));
	if (svc->proxied)
		(void)json_object_set_new(o, "syn_proxy", json_string(fb_syn_proxy_names[svc->syn_proxy]));
	if (e->at_run_time)
		(void)json_object_set_new(o, "decided", json_string("at run time"));
	if (e->by_affinity)
		(void)json_object_set_new(o, "decided", json_string("by affinity"));
	if (e->has_slot)
		(void)json_object_set_new(o, "slots", json_integer(fb_table_n_slots(svc)));
}

static json_t *snat_json(const struct fb_explanation *e)
{
	struct fb_addr addr;

	if (!e->has_reply || !e->hides_client)
		return json_null();
	addr = fb_tuple_dst(&e->reply);
	return addr_port_json(&addr, fb_tuple_dport(&e->reply));
}

static json_t *flow_json(const struct fb_flow_row *flow)
{
	return json_pack("{s:o,s:o,s:s,s:f,s:I}", "client", tuple_json(&flow->client), "reply",
			 tuple_json(&flow->reply), "state", fb_flow_state_names[flow->state],
			 "idle_s", flow->idle_ms / 1000.0, "packets", (json_int_t)flow->packets);
}

json_t *fb_explain_json(const struct fb_explain_env *env, const struct fb_explain_query *q,
			const struct fb_flow_row *flow, const struct fb_explanation *e)
{
	json_t *o = json_object();
	bool icmp = q->proto == IPPROTO_ICMP;
	char src[FB_ADDR_PORT_STRLEN];
	char dst[FB_ADDR_PORT_STRLEN];

	if (o == NULL)
		return NULL;
	(void)json_object_set_new(
		o, "query",
		json_sprintf("%s %s %s", fb_proto_name(q->proto),
			     icmp ? fb_addr_format(&q->src, src)
				  : fb_addr_port_format(&q->src, q->sport, src),
			     icmp ? fb_addr_format(&q->dst, dst)
				  : fb_addr_port_format(&q->dst, q->dport, dst)));
	(void)json_object_set_new(o, "verdict", json_string(fb_verdict_names[e->verdict]));
	(void)json_object_set_new(o, "reason",
				  e->reason == FB_REASON_NONE
					  ? json_null()
					  : json_string(fb_reason_names[e->reason]));
	if (e->reason != FB_REASON_NONE)
		(void)json_object_set_new(o, "help", json_string(fb_reason_help[e->reason]));
	(void)json_object_set_new(o, "service", json_null());
	if (e->dns)
		(void)json_object_set_new(o, "dns", json_true());
	if (e->service != NULL)
		add_service(o, e);
	(void)json_object_set_new(o, "endpoint",
				  e->endpoint != NULL
					  ? addr_port_json(&e->endpoint->addr, e->endpoint_port_be)
					  : json_null());
	(void)json_object_set_new(o, "candidates", candidates_json(env, q, e));
	(void)json_object_set_new(o, "snat", snat_json(e));
	if (e->has_slot)
		(void)json_object_set_new(o, "slot", json_integer(e->slot));
	if (e->worker_rule != NULL)
		(void)json_object_update_new(o, json_pack("{s:i,s:s}", "worker", (int)e->worker,
							  "worker_rule", e->worker_rule));
	if (e->endpoint != NULL && !e->to_client)
		(void)json_object_set_new(o, "next_hop", next_hop_json(env, e->nh_idx));
	if (e->in_flow) {
		(void)json_object_set_new(o, "packet_from",
					  json_string(e->to_client ? "endpoint" : "client"));
		(void)json_object_set_new(o, "flow", flow_json(flow));
	}
	(void)json_object_set_new(o, "generation", json_integer((json_int_t)env->snap->generation));
	return o;
}
