/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "flow/adopt.h"
#include "flow/change.h"
#include "flow/layout.h"
#include "flow/queue.h"
#include "flow/lookup.h"
#include "flow/shift.h"
#include "tuples.h"

#define CAPACITY 8

static struct fb_hash_secret secret;

/* Memory that two processes share, as a file of lib/keep is. */
static struct fb_region shared(enum fb_family family, uint32_t capacity)
{
	struct fb_region r = {.bytes = fb_flow_records_bytes(family, capacity)};

	r.base = mmap(NULL, r.bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(r.base, MAP_FAILED);
	return r;
}

static struct fb_region copy_of(const struct fb_region *from)
{
	struct fb_region r = *from;

	r.base = mmap(NULL, r.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(r.base, MAP_FAILED);
	memcpy(r.base, from->base, r.bytes);
	return r;
}

static struct fb_flow_table *table_in(enum fb_family family, uint32_t capacity,
				      const struct fb_region *r)
{
	struct fb_flow_table *t = fb_flow_table_create_in(family, capacity, &secret, -1, r);

	assert_non_null(t);
	return t;
}

static int insert(struct fb_flow_table *t, uint32_t number)
{
	const enum fb_family family = (enum fb_family)t->family;
	const struct fb_tuple client = numbered_tuple(family, number, FB_DIR_CLIENT);
	const struct fb_tuple reply = numbered_tuple(family, number, FB_DIR_ENDPOINT);
	struct fb_flow *flow;
	int err = fb_flow_insert(t, &client, &reply, number, &flow);

	if (err != 0)
		return err;
	flow->ep_id = number;
	fb_flow_begin(flow, client.proto == IPPROTO_TCP ? FB_FLOW_OPENING : FB_FLOW_UDP_NEW);
	fb_flow_enqueue(t, flow);
	return 0;
}

static struct fb_flow *find(const struct fb_flow_table *t, uint32_t number, enum fb_flow_dir side)
{
	const struct fb_tuple tuple = numbered_tuple((enum fb_family)t->family, number, side);
	enum fb_flow_dir dir;
	struct fb_flow *flow = fb_flow_find(t, &tuple, fb_flow_hash_tuple(t, &tuple), &dir);

	if (flow != NULL)
		assert_int_equal(dir, side);
	return flow;
}

static bool has(const struct fb_flow_table *t, uint32_t number)
{
	const struct fb_flow *flow = find(t, number, FB_DIR_CLIENT);

	assert_ptr_equal(flow, find(t, number, FB_DIR_ENDPOINT));
	if (flow != NULL)
		assert_int_equal(flow->ep_id, number);
	return flow != NULL;
}

static void drop(struct fb_flow_table *t, uint32_t number)
{
	fb_flow_remove(t, find(t, number, FB_DIR_CLIENT));
}

/* The keys are of one number, and it is the one that the endpoint's identity says. */
static bool check_number(void *arg, enum fb_family family, struct fb_flow *flow,
			 const struct fb_tuple *client, const struct fb_tuple *reply)
{
	const struct fb_tuple c = numbered_tuple(family, flow->ep_id, FB_DIR_CLIENT);
	const struct fb_tuple r = numbered_tuple(family, flow->ep_id, FB_DIR_ENDPOINT);

	return memcmp(&c, client, sizeof(c)) == 0 && memcmp(&r, reply, sizeof(r)) == 0;
}

static bool check_nothing(void *arg, enum fb_family family, struct fb_flow *flow,
			  const struct fb_tuple *client, const struct fb_tuple *reply)
{
	return true;
}

static void count(void *arg, const struct fb_flow *flow)
{
	uint32_t *n = arg;

	assert_int_not_equal(flow->state, FB_FLOW_FREE);
	(*n)++;
}

/* Every place can be had and given back: free list, index and count agree. */
static void holds_as_many_as_ever(struct fb_flow_table *t)
{
	uint32_t n = 100000;

	while (insert(t, n) == 0)
		n++;
	assert_int_equal(fb_flow_count(t), t->capacity);
	while (n-- > 100000)
		drop(t, n);
}

static void flows_are_found_from_both_sides_after_it(void **state)
{
	for (enum fb_family f = FB_IPV4; f <= FB_IPV6; f++) {
		struct fb_region r = shared(f, 3000);
		struct fb_region left = r;
		struct fb_flow_table *t = table_in(f, 3000, &r);
		struct fb_flow_adopted done;
		uint32_t n = 0;

		for (uint32_t i = 0; i < 3000; i++)
			assert_int_equal(insert(t, i), 0);
		for (uint32_t i = 0; i < 3000; i += 3)
			drop(t, i);
		left = copy_of(&r);
		fb_flow_table_free(t);
		t = table_in(f, 3000, &left);
		done = fb_flow_adopt(t, check_number, count, &n);
		assert_int_equal(done.adopted, 2000);
		assert_int_equal(done.refused + done.no_place, 0);
		assert_int_equal(n, 2000);
		assert_int_equal(fb_flow_count(t), 2000);
		assert_int_equal(fb_flow_queued(t, FB_QUEUE_UDP) +
					 fb_flow_queued(t, FB_QUEUE_CONNECTIONS),
				 2000);
		for (uint32_t i = 0; i < 3000; i++)
			assert_int_equal(has(t, i), i % 3 != 0);
		assert_int_equal(find(t, 1, FB_DIR_CLIENT)->last_use_ms, 1);
		holds_as_many_as_ever(t);
		fb_flow_table_free(t);
	}
}

static void a_record_that_is_none_is_refused(void **state)
{
	for (int what = 0; what < 4; what++) {
		struct fb_region r = shared(FB_IPV4, CAPACITY);
		struct fb_region left;
		struct fb_flow_table *t = table_in(FB_IPV4, CAPACITY, &r);
		struct fb_flow_adopted done;
		struct fb_flow *flow;

		for (uint32_t i = 0; i < 4; i++)
			assert_int_equal(insert(t, i), 0);
		flow = find(t, 1, FB_DIR_CLIENT);
		if (what == 0)
			flow->state = FB_FLOW_STATE_COUNT;
		else if (what == 1)
			flow->state = FB_FLOW_UDP; /* its proto is TCP */
		else if (what == 2)
			flow->proto = 0;
		else /* one key twice: nobody could tell the sides apart */
			memcpy(fb_flow_key(flow, FB_IPV4, FB_DIR_ENDPOINT),
			       fb_flow_key(flow, FB_IPV4, FB_DIR_CLIENT), 12);
		left = copy_of(&r);
		fb_flow_table_free(t);
		t = table_in(FB_IPV4, CAPACITY, &left);
		done = fb_flow_adopt(t, check_nothing, NULL, NULL);
		assert_int_equal(done.adopted, 3);
		assert_int_equal(done.refused, 1);
		holds_as_many_as_ever(t);
		fb_flow_table_free(t);
	}
}

static void of_two_flows_with_one_key_one_is_taken(void **state)
{
	for (enum fb_flow_dir side = FB_DIR_CLIENT; side <= FB_DIR_ENDPOINT; side++) {
		struct fb_region r = shared(FB_IPV6, CAPACITY);
		struct fb_region left;
		struct fb_flow_table *t = table_in(FB_IPV6, CAPACITY, &r);
		struct fb_flow_adopted done;

		for (uint32_t i = 0; i < 4; i++)
			assert_int_equal(insert(t, 2 * i + 1), 0);
		memcpy(fb_flow_key(find(t, 5, FB_DIR_CLIENT), FB_IPV6, side),
		       fb_flow_key(find(t, 3, FB_DIR_CLIENT), FB_IPV6, side), 36);
		left = copy_of(&r);
		fb_flow_table_free(t);
		t = table_in(FB_IPV6, CAPACITY, &left);
		done = fb_flow_adopt(t, check_nothing, NULL, NULL);
		assert_int_equal(done.adopted, 3);
		assert_int_equal(done.no_place, 1);
		assert_true(has(t, 3));
		holds_as_many_as_ever(t);
		fb_flow_table_free(t);
	}
}

/* Whoever dies while it adopts leaves what can be adopted. */
static void a_second_adoption_gives_the_same(void **state)
{
	struct fb_region r = shared(FB_IPV4, CAPACITY);
	struct fb_flow_table *t = table_in(FB_IPV4, CAPACITY, &r);

	for (uint32_t i = 0; i < 5; i++)
		assert_int_equal(insert(t, i), 0);
	drop(t, 2);
	for (int again = 0; again < 3; again++) {
		struct fb_region left = copy_of(&t->kept);

		fb_flow_table_free(t);
		t = table_in(FB_IPV4, CAPACITY, &left);
		assert_int_equal(fb_flow_adopt(t, check_number, NULL, NULL).adopted, 4);
	}
	fb_flow_table_free(t);
}

/* Padding is nobody's. */
static void assert_same_shift(struct fb_tcp_shift a, const struct fb_tcp_shift *b)
{
	assert_int_equal(a.seq, b->seq);
	assert_int_equal(a.ts, b->ts);
	assert_int_equal(a.window, b->window);
}

static void numbers_of_a_shifted_flow_are_kept(void **state)
{
	const struct fb_tcp_shift shift = {.seq = UINT32_MAX, .ts = 64, .window = -7};
	struct fb_region r = shared(FB_IPV4, CAPACITY);
	struct fb_flow_table *t = table_in(FB_IPV4, CAPACITY, &r);
	struct fb_flow_table *other = fb_flow_table_create(FB_IPV4, 10, &secret, -1);
	struct fb_region left;
	struct fb_tuple client;
	struct fb_tuple reply;
	struct fb_flow *flow;

	assert_int_equal(insert(t, 1), 0);
	assert_int_equal(insert(t, 3), 0);
	flow = find(t, 1, FB_DIR_CLIENT);
	fb_flow_dequeue(t, flow);
	fb_flow_shift_set(flow, &shift);
	fb_flow_begin(flow, FB_FLOW_PROXIED);
	left = copy_of(&t->kept);
	fb_flow_table_free(t);
	t = table_in(FB_IPV4, CAPACITY, &left);
	assert_int_equal(fb_flow_adopt(t, check_number, NULL, NULL).adopted, 2);
	assert_int_equal(fb_flow_queued(t, FB_QUEUE_CONNECTIONS), 1);
	flow = find(t, 1, FB_DIR_CLIENT);
	assert_same_shift(fb_flow_shift(flow), &shift);
	client = fb_flow_client_key(t, flow);
	reply = fb_flow_reply_key(t, flow);
	assert_int_equal(fb_flow_carry(other, flow, &client, &reply), 0);
	assert_same_shift(fb_flow_shift(find(other, 1, FB_DIR_CLIENT)), &shift);
	fb_flow_remove(other, find(other, 1, FB_DIR_CLIENT));
	fb_flow_table_free(other);
	fb_flow_table_free(t);
}

static void carry(void *arg, enum fb_family family, struct fb_flow *flow,
		  const struct fb_tuple *client, const struct fb_tuple *reply)
{
	struct fb_flow_table *const *to = arg;

	(void)fb_flow_carry(to[flow->ep_id & 1], flow, client, reply);
}

static void records_are_carried_to_tables_of_another_size(void **state)
{
	for (enum fb_family f = FB_IPV4; f <= FB_IPV6; f++) {
		struct fb_region r = shared(f, 100);
		struct fb_flow_table *t = table_in(f, 100, &r);
		struct fb_flow_table *to[2] = {fb_flow_table_create(f, 60, &secret, -1),
					       fb_flow_table_create(f, 30, &secret, -1)};

		for (uint32_t i = 0; i < 100; i++)
			assert_int_equal(insert(t, i), 0);
		fb_flow_each_record(f, r.base, r.bytes, carry, to);
		assert_int_equal(fb_flow_count(to[0]), 50);
		assert_int_equal(fb_flow_count(to[1]), 30);
		for (uint32_t i = 0; i < 100; i += 2) {
			assert_true(has(to[0], i));
			assert_int_equal(find(to[0], i, FB_DIR_CLIENT)->last_use_ms, i);
		}
		/* Once is enough. */
		fb_flow_each_record(f, r.base, r.bytes, carry, to);
		assert_int_equal(fb_flow_count(to[0]), 50);
		fb_flow_table_free(t);
		fb_flow_table_free(to[0]);
		fb_flow_table_free(to[1]);
	}
}

/* What the process does that may die at any instruction: places are used again, keys change hands. */
static void live(struct fb_flow_table *t)
{
	for (uint32_t i = 10; i < 14; i++)
		(void)insert(t, i);
	drop(t, 11);
	drop(t, 2);
	(void)insert(t, 20);
	(void)insert(t, 21);
	drop(t, 20);
	drop(t, 1);
	(void)insert(t, 11);
}

/* As after a crash at this moment: 3 and 4 were never touched, and whatever is there is whole. */
static void survives(enum fb_family family, const struct fb_region *r)
{
	struct fb_region left = copy_of(r);
	struct fb_flow_table *t = table_in(family, CAPACITY, &left);
	const struct fb_flow_adopted done = fb_flow_adopt(t, check_number, NULL, NULL);
	uint32_t n = 0;

	assert_true(has(t, 3));
	assert_true(has(t, 4));
	for (uint32_t i = 0; i < 30; i++)
		n += has(t, i);
	assert_int_equal(n, done.adopted);
	/* A record says that it is in use after all that it says else: none was caught half written. */
	assert_int_equal(done.refused, 0);
	assert_int_equal(done.no_place, 0);
	holds_as_many_as_ever(t);
	fb_flow_table_free(t);
}

/*
 * A child lives and is stopped after each instruction; whenever the shared records have changed, they are
 * looked at as if it had died there. So every store is the last one once.
 */
static void a_crash_after_any_store_leaves_whole_flows(void **state)
{
	for (enum fb_family f = FB_IPV4; f <= FB_IPV6; f++) {
		struct fb_region r = shared(f, CAPACITY);
		struct fb_flow_table *t = table_in(f, CAPACITY, &r);
		uint8_t last[CAPACITY << 7];
		uint32_t n_moments = 0;
		int status;
		pid_t pid;

		for (uint32_t i = 1; i <= 4; i++)
			assert_int_equal(insert(t, i), 0);
		memset(last, 0xff, sizeof(last));
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
				_exit(77);
			(void)raise(SIGSTOP);
			live(t);
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
			print_message("no ptrace here\n");
			skip();
		}
		while (WIFSTOPPED(status)) {
			if (memcmp(last, r.base, r.bytes) != 0) {
				memcpy(last, r.base, r.bytes);
				survives(f, &r);
				n_moments++;
			}
			assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
			assert_int_equal(waitpid(pid, &status, 0), pid);
		}
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		assert_true(n_moments > 40);
		fb_flow_table_free(t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flows_are_found_from_both_sides_after_it),
		cmocka_unit_test(a_record_that_is_none_is_refused),
		cmocka_unit_test(of_two_flows_with_one_key_one_is_taken),
		cmocka_unit_test(a_second_adoption_gives_the_same),
		cmocka_unit_test(numbers_of_a_shifted_flow_are_kept),
		cmocka_unit_test(records_are_carried_to_tables_of_another_size),
		cmocka_unit_test(a_crash_after_any_store_leaves_whole_flows),
	};

	fb_hash_secret_init(&secret, "adopt");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
