/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "rcu/publish.h"

/* What is published: readers see it intact for as long as they may hold it. */
struct item {
	uint64_t number;
	uint64_t inverted;
};

static struct item *item_new(uint64_t number)
{
	struct item *item = malloc(sizeof(*item));

	assert_non_null(item);
	item->number = number;
	item->inverted = ~number;
	return item;
}

/* Poisoned before it goes, so that a late reader cannot miss it. */
static void item_free(void *arg, void *retired)
{
	struct item *item = retired;

	++*(uint32_t *)arg;
	item->number = 0;
	item->inverted = 0;
	free(item);
}

static void a_reader_gets_what_was_published_last(void **state)
{
	uint32_t freed = 0;
	struct fb_rcu *rcu = fb_rcu_create(1, item_free, &freed);
	struct item *a = item_new(1);
	struct item *b = item_new(2);

	(void)state;
	assert_non_null(rcu);
	assert_null(fb_rcu_read(rcu));
	assert_int_equal(fb_rcu_publish(rcu, a), 0);
	assert_ptr_equal(fb_rcu_read(rcu), a);
	assert_int_equal(fb_rcu_publish(rcu, b), 0);
	assert_ptr_equal(fb_rcu_read(rcu), b);
	assert_ptr_equal(fb_rcu_current(rcu), b);
	fb_rcu_free(rcu);
	assert_int_equal(freed, 2);
}

static void an_online_reader_holds_back_what_was_retired_since_its_report(void **state)
{
	uint32_t freed = 0;
	struct fb_rcu *rcu = fb_rcu_create(2, item_free, &freed);

	(void)state;
	fb_rcu_online(rcu, 0);
	fb_rcu_online(rcu, 1);
	fb_rcu_publish(rcu, item_new(1));
	fb_rcu_publish(rcu, item_new(2));
	assert_int_equal(fb_rcu_reclaim(rcu), 1);
	fb_rcu_quiescent(rcu, 0);
	assert_int_equal(fb_rcu_reclaim(rcu), 1);
	assert_int_equal(freed, 0);
	fb_rcu_quiescent(rcu, 1);
	fb_rcu_publish(rcu, item_new(3));
	assert_int_equal(fb_rcu_reclaim(rcu), 1); /* the first may go, the second not yet */
	assert_int_equal(freed, 1);
	fb_rcu_quiescent(rcu, 0);
	fb_rcu_quiescent(rcu, 1);
	assert_int_equal(fb_rcu_reclaim(rcu), 0);
	assert_int_equal(freed, 2);
	fb_rcu_offline(rcu, 0);
	fb_rcu_offline(rcu, 1);
	fb_rcu_free(rcu);
	assert_int_equal(freed, 3);
}

static void an_offline_reader_holds_nothing_back(void **state)
{
	uint32_t freed = 0;
	struct fb_rcu *rcu = fb_rcu_create(2, item_free, &freed);

	(void)state;
	fb_rcu_publish(rcu, item_new(1));
	fb_rcu_publish(rcu, item_new(2));
	assert_int_equal(fb_rcu_reclaim(rcu), 0); /* nobody is online */
	assert_int_equal(freed, 1);

	fb_rcu_online(rcu, 0);
	fb_rcu_publish(rcu, item_new(3));
	assert_int_equal(fb_rcu_reclaim(rcu), 1);
	fb_rcu_offline(rcu, 0);
	assert_int_equal(fb_rcu_reclaim(rcu), 0);
	assert_int_equal(freed, 2);
	fb_rcu_free(rcu);
}

static void many_retired_go_with_one_grace_period(void **state)
{
	enum { N = 1000 };
	uint32_t freed = 0;
	struct fb_rcu *rcu = fb_rcu_create(1, item_free, &freed);

	(void)state;
	fb_rcu_online(rcu, 0);
	for (int i = 0; i < N; i++)
		assert_int_equal(fb_rcu_publish(rcu, item_new(1)), 0);
	assert_int_equal(fb_rcu_reclaim(rcu), N - 1);
	fb_rcu_quiescent(rcu, 0);
	assert_int_equal(fb_rcu_reclaim(rcu), 0);
	assert_int_equal(freed, N - 1);
	fb_rcu_offline(rcu, 0);
	fb_rcu_free(rcu);
}

static void wrong_arguments_are_refused(void **state)
{
	(void)state;
	errno = 0;
	assert_null(fb_rcu_create(0, item_free, NULL));
	assert_int_equal(errno, EINVAL);
	errno = 0;
	assert_null(fb_rcu_create(1, NULL, NULL));
	assert_int_equal(errno, EINVAL);
	fb_rcu_free(NULL);
}

#define N_READERS 3

struct race {
	struct fb_rcu *rcu;
	bool stop;
	uint64_t torn[N_READERS];
	uint64_t backwards[N_READERS];
	uint64_t reads[N_READERS]; /* atomic: the writer waits for progress */
};

struct reader {
	struct race *race;
	uint16_t number;
};

static void *read_bursts(void *arg)
{
	const struct reader *me = arg;
	struct race *race = me->race;
	uint64_t last = 0;

	fb_rcu_online(race->rcu, me->number);
	for (uint64_t i = 1; !__atomic_load_n(&race->stop, __ATOMIC_RELAXED); i++) {
		const struct item *item = fb_rcu_read(race->rcu);

		/* One burst: the item is read several times. */
		for (int j = 0; j < 32; j++)
			race->torn[me->number] += item->inverted != ~item->number;
		race->backwards[me->number] += item->number < last;
		last = item->number;
		__atomic_fetch_add(&race->reads[me->number], 1, __ATOMIC_RELAXED);
		fb_rcu_quiescent(race->rcu, me->number);
		if (i % 64 == 0) { /* as an idle worker does */
			fb_rcu_offline(race->rcu, me->number);
			sched_yield();
			fb_rcu_online(race->rcu, me->number);
		}
	}
	fb_rcu_offline(race->rcu, me->number);
	return NULL;
}

static bool all_have_read(struct race *race, uint64_t n)
{
	for (int i = 0; i < N_READERS; i++)
		if (__atomic_load_n(&race->reads[i], __ATOMIC_RELAXED) < n)
			return false;
	return true;
}

static void readers_never_see_what_was_freed(void **state)
{
	uint32_t freed = 0;
	uint64_t published = 1;
	struct race race = {.rcu = fb_rcu_create(N_READERS, item_free, &freed)};
	struct reader readers[N_READERS];
	pthread_t threads[N_READERS];
	const time_t deadline = time(NULL) + 20;

	(void)state;
	fb_rcu_publish(race.rcu, item_new(published));
	for (uint16_t i = 0; i < N_READERS; i++) {
		readers[i] = (struct reader){.race = &race, .number = i};
		assert_int_equal(pthread_create(&threads[i], NULL, read_bursts, &readers[i]), 0);
	}
	while (published < 2000 || !all_have_read(&race, 1000)) {
		assert_true(time(NULL) < deadline);
		assert_int_equal(fb_rcu_publish(race.rcu, item_new(++published)), 0);
		if (fb_rcu_reclaim(race.rcu) > 100)
			sched_yield();
	}
	__atomic_store_n(&race.stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < N_READERS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(race.torn[i], 0);
		assert_int_equal(race.backwards[i], 0);
	}
	assert_int_equal(fb_rcu_reclaim(race.rcu), 0);
	assert_int_equal(freed, published - 1);
	fb_rcu_free(race.rcu);
	assert_int_equal(freed, published);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reader_gets_what_was_published_last),
		cmocka_unit_test(an_online_reader_holds_back_what_was_retired_since_its_report),
		cmocka_unit_test(an_offline_reader_holds_nothing_back),
		cmocka_unit_test(many_retired_go_with_one_grace_period),
		cmocka_unit_test(wrong_arguments_are_refused),
		cmocka_unit_test(readers_never_see_what_was_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
