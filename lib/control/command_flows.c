/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/command.h"

#include <stdlib.h>
#include <string.h>

#include "control/explain.h"
#include "control/flow_walk.h"

/*
 * `get flows`: every worker is asked in turn, family by family, until the limit is reached.
 * The first LIMIT flows in table order; counting all of them is what metrics are for.
 */

#define DEFAULT_LIMIT 1000
#define MAX_LIMIT     100000

struct flows_job {
	struct fb_job job;
	struct fb_flow_walk walk;
	struct fb_reply *reply; /* NULL: has been told that a worker does not answer */
	json_t *items;
	uint64_t limit;
	char *namespace_; /* NULL: all */
	char *name;
	bool truncated;
};

static json_t *addr_port(const struct fb_addr *addr, rte_be16_t port_be)
{
	char text[FB_ADDR_PORT_STRLEN];

	return json_string(fb_addr_port_format(addr, rte_be_to_cpu_16(port_be), text));
}

static json_t *row_json(const struct fb_flow_row *row, const struct fb_endpoint_name *name)
{
	struct fb_addr client = fb_tuple_src(&row->client);
	struct fb_addr frontend = fb_tuple_dst(&row->client);
	struct fb_addr endpoint = fb_tuple_src(&row->reply);
	struct fb_addr snat = fb_tuple_dst(&row->reply);
	json_t *o = json_pack("{s:s,s:o,s:o,s:o,s:s,s:f,s:I,s:i}", "protocol",
			      fb_proto_name(row->client.proto), "client",
			      addr_port(&client, fb_tuple_sport(&row->client)), "frontend",
			      addr_port(&frontend, fb_tuple_dport(&row->client)), "endpoint",
			      addr_port(&endpoint, fb_tuple_sport(&row->reply)), "state",
			      fb_flow_state_names[row->state], "idle_seconds",
			      row->idle_ms / 1000.0, "packets", (json_int_t)row->packets, "worker",
			      (int)row->worker);

	(void)json_object_set_new(o, "snat",
				  (row->flags & FB_FLOW_SNAT) != 0
					  ? addr_port(&snat, fb_tuple_dport(&row->reply))
					  : json_null());
	if (name != NULL) {
		(void)json_object_set_new(o, "namespace", json_string(name->namespace_));
		(void)json_object_set_new(o, "name", json_string(name->name));
	}
	return o;
}

static bool take_row(void *arg, struct fb_control *c, const struct fb_flow_row *row)
{
	struct flows_job *job = arg;
	struct fb_endpoint_name name;
	bool known = fb_table_endpoint_name(c->p.table, row->ep_id, &name) == 0;

	if (job->namespace_ != NULL && (!known || strcmp(name.namespace_, job->namespace_) != 0))
		return true;
	if (job->name != NULL && (!known || strcmp(name.name, job->name) != 0))
		return true;
	if (json_array_size(job->items) == job->limit) {
		job->truncated = true;
		return false;
	}
	(void)json_array_append_new(job->items, row_json(row, known ? &name : NULL));
	return true;
}

static void free_job(struct flows_job *job)
{
	fb_flow_walk_fini(&job->walk);
	json_decref(job->items);
	free(job->namespace_);
	free(job->name);
	free(job);
}

static bool poll_flows(struct fb_control *c, struct fb_job *base)
{
	struct flows_job *job = (struct flows_job *)base;

	if (job->reply != NULL && fb_reply_is_dead(job->reply))
		fb_flow_walk_stop(&job->walk);
	if (!fb_flow_walk_poll(&job->walk, c)) {
		if (job->reply != NULL && fb_flow_walk_is_stuck(&job->walk, c)) {
			fb_reply_error(job->reply, "worker %u does not answer", job->walk.worker);
			job->reply = NULL;
			fb_flow_walk_stop(&job->walk);
		}
		return false;
	}
	if (job->reply != NULL)
		fb_reply_send(job->reply, json_pack("{s:b,s:O,s:b}", "ok", 1, "items", job->items,
						    "truncated", (int)job->truncated));
	free_job(job);
	return true;
}

static void cancel_flows(struct fb_job *base)
{
	struct flows_job *job = (struct flows_job *)base;

	if (job->reply != NULL)
		fb_reply_error(job->reply, "forebay is stopping");
	free_job(job);
}

void fb_command_flows(struct fb_control *c, const json_t *request, struct fb_reply *reply)
{
	const json_t *limit = json_object_get(request, "limit");
	const char *namespace_ = fb_request_string(request, "namespace");
	const char *name = fb_request_string(request, "name");
	struct flows_job *job;

	if (limit != NULL && (!json_is_integer(limit) || json_integer_value(limit) < 1 ||
			      json_integer_value(limit) > MAX_LIMIT)) {
		fb_reply_error(reply, "limit is a number from 1 to %d", MAX_LIMIT);
		return;
	}
	job = calloc(1, sizeof(*job));
	if (job == NULL || fb_flow_walk_init(&job->walk, take_row, job) != 0) {
		free(job);
		fb_reply_send(reply, NULL);
		return;
	}
	job->job.poll = poll_flows;
	job->job.cancel = cancel_flows;
	job->reply = reply;
	job->items = json_array();
	job->limit = limit != NULL ? (uint64_t)json_integer_value(limit) : DEFAULT_LIMIT;
	job->namespace_ = namespace_ != NULL ? strdup(namespace_) : NULL;
	job->name = name != NULL ? strdup(name) : NULL;
	fb_control_add_job(c, &job->job);
}
