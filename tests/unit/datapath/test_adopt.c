/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <dirent.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "datapath/adopt.h"
#include "datapath/select.h"
#include "flow/lookup.h"
#include "flow/shift.h"
#include "net/rewrite.h"

#define CAPACITY 1024
#define N_EP     4

/* A datapath without devices, rings and EAL: what adoption looks at. */
struct run {
	struct fb_datapath dp;
	struct fb_keep_shape shape;
	struct fb_datapath_kept kept;
	struct fb_adoption adoption;
	struct fb_worker *workers[3];
	struct fb_endpoint_counters endpoints[3][N_EP];
	struct fb_errs errs;
};

static char keep_dir[64];
static bool forgets_2; /* endpoint 2 is unknown */

static int set_up(void **state)
{
	(void)snprintf(keep_dir, sizeof(keep_dir), "/dev/shm/fb-test-adopt.XXXXXX");
	forgets_2 = false;
	return mkdtemp(keep_dir) == NULL;
}

static int tear_down(void **state)
{
	char path[512];
	DIR *d = opendir(keep_dir);
	struct dirent *e;

	while ((e = readdir(d)) != NULL) {
		(void)snprintf(path, sizeof(path), "%s/%s", keep_dir, e->d_name);
		(void)unlink(path);
	}
	(void)closedir(d);
	return rmdir(keep_dir);
}

static struct fb_addr ep_addr(uint32_t id)
{
	return fb_addr_from_bytes(FB_IPV4, (const uint8_t[]){10, 1, 0, (uint8_t)(11 + id)});
}

static bool endpoint(void *arg, uint32_t ep_id, struct fb_addr *ret_addr, uint8_t *ret_proto)
{
	*ret_addr = ep_addr(ep_id);
	*ret_proto = IPPROTO_TCP;
	return ep_id < N_EP && !(forgets_2 && ep_id == 2);
}

static void begin(struct run *r, uint16_t n_workers, const char *first_port)
{
	struct fb_hash_secret secret;

	memset(r, 0, sizeof(*r));
	r->shape.n_workers = n_workers;
	r->shape.n_ports = 2;
	(void)strcpy(r->shape.ports[0], first_port);
	(void)strcpy(r->shape.ports[1], "svc");
	r->kept = (struct fb_datapath_kept){
		.keep = fb_keep_open(keep_dir, NULL, fb_datapath_layout(), &r->shape, &r->errs),
		.shape = &r->shape,
		.endpoint = endpoint,
	};
	assert_non_null(r->kept.keep);
	fb_hash_secret_init(&secret, fb_keep_secret(r->kept.keep));
	r->dp.n_workers = n_workers;
	r->dp.n_ports = 2;
	r->dp.max_endpoints = N_EP;
	assert_int_equal(fb_nat_ports_init(&r->dp.nat, 32768, 65535, n_workers, &secret), 0);
	fb_adoption_begin(&r->adoption, &r->kept, &r->dp, &r->errs);
	for (uint16_t i = 0; i < n_workers; i++) {
		struct fb_worker *w = aligned_alloc(64, sizeof(*w));

		memset(w, 0, sizeof(*w));
		w->idx = i;
		w->endpoint_counters = r->endpoints[i];
		for (int family = 0; family < FB_FAMILY_COUNT; family++) {
			w->flows[family] = fb_adoption_flows(&r->adoption, i,
							     (enum fb_family)family, CAPACITY, -1);
			assert_non_null(w->flows[family]);
		}
		r->dp.workers[i] = w;
	}
	fb_adoption_run(&r->adoption);
}

static void end(struct run *r)
{
	for (uint16_t i = 0; i < r->dp.n_workers; i++) {
		for (int family = 0; family < FB_FAMILY_COUNT; family++)
			fb_flow_table_free(r->dp.workers[i]->flows[family]);
		free(r->dp.workers[i]);
	}
	fb_keep_close(r->kept.keep);
	fb_errs_fini(&r->errs);
}

static struct fb_tuple client_tuple(uint32_t number)
{
	struct fb_addr src =
		fb_addr_from_bytes(FB_IPV4,
				   (const uint8_t[]){203, 0, 113, (uint8_t)(1 + number % 200)});
	struct fb_addr dst = fb_addr_from_bytes(FB_IPV4, (const uint8_t[]){192, 0, 2, 10});

	return fb_tuple_make(IPPROTO_TCP, &src, rte_cpu_to_be_16((uint16_t)(1024 + number)), &dst,
			     rte_cpu_to_be_16(80));
}

/* A flow at the worker that owns it, as service.c makes it. */
static struct fb_flow *make(struct run *r, uint32_t number, uint32_t ep_id, bool snat)
{
	struct fb_tuple client = client_tuple(number);
	struct fb_addr src = fb_tuple_src(&client);
	struct fb_addr box = fb_addr_from_bytes(FB_IPV4, (const uint8_t[]){10, 1, 0, 1});
	struct fb_addr ep = ep_addr(ep_id);
	uint16_t owner = fb_nat_client_owner(&r->dp.nat, &src, fb_tuple_sport(&client));
	struct fb_worker *w = r->dp.workers[owner];
	struct fb_tuple reply = fb_tuple_make(IPPROTO_TCP, &ep, rte_cpu_to_be_16(8080), &src,
					      fb_tuple_sport(&client));
	struct fb_flow *flow;

	if (snat)
		assert_int_equal(fb_nat_choose(&r->dp.nat, owner, w->flows[FB_IPV4], &client, &ep,
					       rte_cpu_to_be_16(8080), &box, 1, NULL, &reply),
				 0);
	assert_int_equal(fb_flow_insert(w->flows[FB_IPV4], &client, &reply, number, &flow), 0);
	flow->ep_id = ep_id;
	flow->flags = snat ? FB_FLOW_SNAT : 0;
	flow->nh_idx = 7;
	flow->client_port = 1;
	fb_flow_count_open(w, flow);
	w->endpoint_counters[ep_id].live++;
	fb_flow_begin(flow, FB_FLOW_ESTABLISHED);
	return flow;
}

/* Where the flow is, and it is at whoever its client's packets come to. NULL: nowhere. */
static struct fb_flow *find(const struct run *r, uint32_t number)
{
	const struct fb_tuple client = client_tuple(number);
	const struct fb_addr src = fb_tuple_src(&client);
	const uint16_t owner = fb_nat_client_owner(&r->dp.nat, &src, fb_tuple_sport(&client));
	struct fb_flow *found = NULL;

	for (uint16_t i = 0; i < r->dp.n_workers; i++) {
		const struct fb_flow_table *t = r->dp.workers[i]->flows[FB_IPV4];
		enum fb_flow_dir dir;
		struct fb_flow *flow =
			fb_flow_find(t, &client, fb_flow_hash_tuple(t, &client), &dir);

		if (flow != NULL)
			assert_int_equal(i, owner);
		found = flow != NULL ? flow : found;
	}
	return found;
}

static uint64_t live(const struct run *r, uint32_t ep_id)
{
	uint64_t n = 0;

	for (uint16_t i = 0; i < r->dp.n_workers; i++) {
		assert_int_equal(r->endpoints[i][ep_id].live, r->endpoints[i][ep_id].open);
		n += r->endpoints[i][ep_id].live;
	}
	return n;
}

static void flows_go_on_where_they_were(void **state)
{
	struct run r;

	begin(&r, 2, "lan");
	for (uint32_t i = 0; i < 400; i++) {
		struct fb_flow *flow = make(&r, i, i % N_EP, i & 1);

		flow->l4_delta = 1; /* whatever it says, it is computed anew */
	}
	end(&r);
	begin(&r, 2, "lan");
	assert_int_equal(r.adoption.adopted, 400);
	for (uint32_t i = 0; i < 400; i++) {
		const struct fb_flow *flow = find(&r, i);
		struct fb_tuple client = client_tuple(i);
		struct fb_tuple out;
		struct fb_rewrite rw;

		assert_non_null(flow);
		out = fb_flow_tuple(flow, FB_IPV4, FB_DIR_ENDPOINT);
		out = fb_tuple_reverse(&out);
		fb_rewrite_prepare(&client, &out, &rw);
		assert_int_equal(flow->l4_delta, rw.l4_delta);
		assert_int_equal(flow->ip_delta, rw.ip_delta);
		assert_int_equal(flow->last_use_ms, i);
		assert_int_equal(flow->ep_epoch, UINT32_MAX);
	}
	for (uint32_t ep = 0; ep < N_EP; ep++)
		assert_int_equal(live(&r, ep), 100);
	end(&r);
}

static void what_cannot_be_vouched_for_is_left_out(void **state)
{
	struct run r;

	begin(&r, 2, "lan");
	for (uint32_t i = 0; i < 20; i++)
		(void)make(&r, i, 0, false);
	(void)make(&r, 100, 2, true);
	make(&r, 101, 0, true)->ep_id = 1;    /* another endpoint's address */
	make(&r, 102, 0, true)->ep_id = N_EP; /* no number at all */
	make(&r, 103, 0, true)->flags = 0;    /* hides its client, and does not say so */
	make(&r, 104, 0, false)->client_port = 200;
	make(&r, 105, 0, false)->flags = FB_FLOW_SNAT; /* a port that is no worker's */
	end(&r);
	forgets_2 = true;
	begin(&r, 2, "lan");
	assert_int_equal(r.adoption.adopted, 20);
	assert_int_equal(r.adoption.no_endpoint, 2);
	assert_int_equal(r.adoption.broken, 2);
	assert_int_equal(r.adoption.no_owner, 2);
	assert_int_equal(live(&r, 0), 20);
	for (uint32_t i = 100; i < 106; i++)
		assert_null(find(&r, i));
	end(&r);
}

/*
 * With other workers a flow goes to who owns it now. A hidden client's needs the same owner for its port as
 * for its client: all have it when one worker is left, some when there are more.
 */
static void other_workers_get_the_flows_that_they_own(void **state)
{
	static const uint16_t counts[] = {2, 1, 3, 2};
	uint32_t n_snat = 0;
	struct run r;

	begin(&r, counts[0], "lan");
	for (uint32_t i = 0; i < 400; i++)
		(void)make(&r, i, i % N_EP, i & 1);
	end(&r);
	for (size_t k = 1; k < sizeof(counts) / sizeof(counts[0]); k++) {
		n_snat = 0;
		begin(&r, counts[k], "lan");
		for (uint32_t i = 0; i < 400; i++) {
			const struct fb_flow *flow = find(&r, i);

			if ((i & 1) == 0)
				assert_non_null(flow);
			else
				n_snat += flow != NULL;
		}
		assert_int_equal(r.adoption.adopted, 200 + n_snat);
		if (k == 1)
			assert_int_equal(n_snat, 200);
		assert_int_equal(live(&r, 0) + live(&r, 1) + live(&r, 2) + live(&r, 3),
				 200 + n_snat);
		end(&r);
	}
	assert_true(n_snat > 0 && n_snat < 200);
}

static void ports_go_by_their_names(void **state)
{
	struct run r;

	begin(&r, 1, "lan");
	(void)make(&r, 1, 0, false);
	make(&r, 2, 0, false)->client_port = 0;
	end(&r);
	begin(&r, 1, "other");
	assert_int_equal(r.adoption.no_owner, 1);
	assert_int_equal(find(&r, 1)->client_port, 1);
	assert_null(find(&r, 2));
	end(&r);
}

/* Of one whose endpoint has not answered, what it began with is all there is to ask again. */
static void one_that_opens_by_a_cookie_keeps_what_it_said(void **state)
{
	const struct fb_flow_opening began = {
		.isn = 0x12345678,
		.told = 0x9abcdef0,
		.said = {.tsval = 64, .wscale = 7, .sack = true, .timestamps = true},
	};
	struct fb_flow_opening o;
	struct fb_flow *flow;
	struct run r;

	begin(&r, 1, "lan");
	flow = make(&r, 1, 0, true);
	fb_flow_opening_begin(flow, &began);
	fb_flow_begin(flow, FB_FLOW_PROXY_OPENING);
	end(&r);
	begin(&r, 1, "lan");
	flow = find(&r, 1);
	assert_non_null(flow);
	o = fb_flow_opening(flow);
	assert_memory_equal(&o, &began, sizeof(o));
	assert_true(flow->ep_epoch > FB_TABLE_EPOCH_MAX);
	assert_int_equal(flow->nh_idx, 0);
	end(&r);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(flows_go_on_where_they_were),
		TEST(what_cannot_be_vouched_for_is_left_out),
		TEST(other_workers_get_the_flows_that_they_own),
		TEST(ports_go_by_their_names),
		TEST(one_that_opens_by_a_cookie_keeps_what_it_said),
	};

	return cmocka_run_group_tests_name("datapath/adopt", tests, NULL, NULL);
}
