/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/command.h"

#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>

#include "control/explain.h"

/*
 * `explain`: for each query every worker is asked for a live flow first (only owners may look), then
 * the decision is taken over the snapshot in force. Queries of one request are in flight together.
 */

#define MAX_QUERIES 1000
/* Requests in flight at a time, over all queries; the workers' rings are longer. */
#define MAX_IN_FLIGHT 128

enum query_state { QUERY_WAITS, QUERY_ASKED, QUERY_DONE };

struct ask {
	struct fb_request request;
	struct fb_flow_row row;
	bool sent;
};

struct query {
	struct fb_explain_query q;
	const char *why; /* cannot be read; NULL: fine */
	enum query_state state;
};

struct explain_job {
	struct fb_job job;
	struct fb_reply *reply; /* NULL: has been told that a worker does not answer */
	uint64_t since_ms;      /* of the last query that was done */
	json_t *texts;
	struct query *queries;
	struct ask *asks; /* n_queries x n_workers */
	size_t n_queries;
	uint16_t n_workers;
	size_t first; /* queries before this are done */
	const char *port_names[FB_CONFIG_MAX_PORTS];
};

static uint16_t owner(void *arg, const struct fb_service *svc, uint16_t port,
		      const struct fb_tuple *client, const char **ret_rule)
{
	struct fb_control *c = arg;

	return fb_datapath_owner(c->p.datapath, svc, port, client, ret_rule);
}

static const struct fb_nat_steer *steer(void *arg, uint16_t port)
{
	struct fb_control *c = arg;

	return fb_datapath_steer(c->p.datapath, port);
}

static int gateway(void *arg, uint16_t nh_idx, struct fb_addr *ret)
{
	struct fb_control *c = arg;

	return fb_neigh_describe(c->p.neigh, nh_idx, ret);
}

static bool affinity(void *arg, const struct fb_service *svc, const struct fb_addr *client,
		     struct fb_affinity_entry *ret)
{
	struct fb_control *c = arg;

	return fb_datapath_affinity(c->p.datapath, svc, client, ret);
}

static void free_job(struct explain_job *job)
{
	json_decref(job->texts);
	free(job->queries);
	free(job->asks);
	free(job);
}

/* @return whether all workers have been asked */
static bool ask_workers(struct fb_control *c, struct explain_job *job, size_t i,
			uint32_t *in_flight)
{
	struct ask *asks = &job->asks[i * job->n_workers];
	bool all = true;

	for (uint16_t w = 0; w < job->n_workers; w++) {
		if (asks[w].sent)
			continue;
		asks[w].request = (struct fb_request){
			.kind = FB_REQUEST_FIND,
			.tuple = fb_explain_tuple(&job->queries[i].q),
			.rows = &asks[w].row,
			.rows_cap = 1,
		};
		asks[w].request.family = asks[w].request.tuple.family;
		asks[w].sent = *in_flight < MAX_IN_FLIGHT &&
			       fb_datapath_request(c->p.datapath, w, &asks[w].request) == 0;
		*in_flight += asks[w].sent;
		all &= asks[w].sent;
	}
	return all;
}

static bool all_answered(const struct explain_job *job, size_t i, uint32_t *in_flight)
{
	const struct ask *asks = &job->asks[i * job->n_workers];
	bool all = true;

	for (uint16_t w = 0; w < job->n_workers; w++) {
		bool done = asks[w].sent && fb_request_done(&asks[w].request);

		*in_flight += asks[w].sent && !done;
		all &= done;
	}
	return all;
}

static json_t *answer_query(const struct fb_explain_env *env, const struct explain_job *job,
			    size_t i)
{
	const struct query *query = &job->queries[i];
	const struct ask *asks = &job->asks[i * job->n_workers];
	const struct fb_flow_row *flow = NULL;
	struct fb_explanation explanation;

	if (query->why != NULL)
		return json_pack("{s:O,s:s}", "query", json_array_get(job->texts, i), "error",
				 query->why);
	for (uint16_t w = 0; w < job->n_workers; w++) {
		if (asks[w].sent && asks[w].request.n_rows > 0)
			flow = &asks[w].row;
	}
	fb_explain(env, &query->q, flow, &explanation);
	return fb_explain_json(env, &query->q, flow, &explanation);
}

static void answer(struct fb_control *c, struct explain_job *job)
{
	const struct fb_explain_env env = {
		.snap = fb_control_snapshot(c),
		.nat_ports = fb_datapath_nat_ports(c->p.datapath),
		.port_names = job->port_names,
		.n_ports = c->p.config->n_ports,
		.owner = owner,
		.steer = steer,
		.gateway = gateway,
		.affinity = affinity,
		.draining = c->draining,
		.arg = c,
	};
	json_t *items = json_array();

	for (size_t i = 0; i < job->n_queries; i++)
		(void)json_array_append_new(items, answer_query(&env, job, i));
	fb_reply_send(job->reply, json_pack("{s:b,s:o}", "ok", 1, "items", items));
}

/* @return whether no worker has anything of the job any more */
static bool is_let_go(const struct explain_job *job)
{
	for (size_t i = 0; i < job->n_queries * job->n_workers; i++) {
		if (job->asks[i].sent && !fb_request_done(&job->asks[i].request))
			return false;
	}
	return true;
}

static void give_up(struct explain_job *job)
{
	const struct ask *asks = &job->asks[job->first * job->n_workers];
	uint16_t w = 0;

	while (w + 1 < job->n_workers && asks[w].sent && fb_request_done(&asks[w].request))
		w++;
	fb_reply_error(job->reply, "worker %u does not answer", w);
	job->reply = NULL;
}

static bool poll_explain(struct fb_control *c, struct fb_job *base)
{
	struct explain_job *job = (struct explain_job *)base;
	uint32_t in_flight = 0;
	size_t first = job->first;

	if (job->reply == NULL) {
		if (!is_let_go(job))
			return false;
		free_job(job);
		return true;
	}
	for (size_t i = job->first; i < job->n_queries; i++) {
		struct query *query = &job->queries[i];

		if (query->state == QUERY_ASKED && all_answered(job, i, &in_flight))
			query->state = QUERY_DONE;
		if (query->state == QUERY_WAITS && in_flight < MAX_IN_FLIGHT &&
		    ask_workers(c, job, i, &in_flight))
			query->state = QUERY_ASKED;
		if (in_flight >= MAX_IN_FLIGHT)
			break;
	}
	while (job->first < job->n_queries && job->queries[job->first].state == QUERY_DONE)
		job->first++;
	if (job->first > first)
		job->since_ms = c->now_ms;
	if (job->first < job->n_queries) {
		if (c->now_ms - job->since_ms > FB_WORKER_PATIENCE_MS)
			give_up(job);
		return false;
	}
	answer(c, job);
	free_job(job);
	return true;
}

static void cancel_explain(struct fb_job *base)
{
	struct explain_job *job = (struct explain_job *)base;

	if (job->reply != NULL)
		fb_reply_error(job->reply, "forebay is stopping");
	free_job(job);
}

static void read_queries(struct explain_job *job)
{
	json_t *text;
	size_t i;

	json_array_foreach(job->texts, i, text)
	{
		struct query *query = &job->queries[i];

		if (!json_is_string(text))
			query->why = "not a string";
		else if (fb_explain_parse(json_string_value(text), &query->q, &query->why) == 0)
			query->why = NULL;
		/* ICMP has no flow of its own. */
		if (query->why != NULL || query->q.proto == IPPROTO_ICMP)
			query->state = QUERY_DONE;
	}
}

void fb_command_explain(struct fb_control *c, const json_t *request, struct fb_reply *reply)
{
	json_t *texts = json_object_get(request, "queries");
	struct explain_job *job;
	size_t n = json_array_size(texts);

	if (!json_is_array(texts) || n == 0 || n > MAX_QUERIES) {
		fb_reply_error(reply, "explain needs \"queries\": 1 to %d strings", MAX_QUERIES);
		return;
	}
	job = calloc(1, sizeof(*job));
	if (job != NULL) {
		job->n_workers = fb_datapath_n_workers(c->p.datapath);
		job->texts = json_incref(texts);
		job->n_queries = n;
		job->queries = calloc(n, sizeof(*job->queries));
		job->asks = calloc(n * job->n_workers, sizeof(*job->asks));
	}
	if (job == NULL || job->queries == NULL || job->asks == NULL) {
		if (job != NULL)
			free_job(job);
		fb_reply_send(reply, NULL);
		return;
	}
	job->job.poll = poll_explain;
	job->job.cancel = cancel_explain;
	job->reply = reply;
	job->since_ms = c->now_ms;
	for (uint32_t i = 0; i < FB_CONFIG_MAX_PORTS; i++)
		job->port_names[i] = fb_control_port_name(c, i);
	read_queries(job);
	fb_control_add_job(c, &job->job);
}
