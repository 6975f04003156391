/* SPDX-License-Identifier: BSD-3-Clause */

#include "rcu/publish.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_rcu_qsbr.h>

struct retired {
	void *ptr;
	uint64_t token; /* free when every online reader has reported after it */
};

struct fb_rcu {
	/* Read by every reader, written by control at each publish. */
	void *current;
	struct rte_rcu_qsbr *qsbr; /* holds one line per reader, written by that reader */

	/* Control's own; tokens ascend. */
	struct retired *retired __rte_cache_aligned;
	uint32_t n_holds; /* while there are any, nothing is freed */
	uint32_t n_retired;
	uint32_t retired_cap;
	fb_rcu_free_fn *free_fn;
	void *free_arg;
};

static struct rte_rcu_qsbr *qsbr_create(uint16_t n_readers)
{
	const size_t bytes = rte_rcu_qsbr_get_memsize(n_readers);
	struct rte_rcu_qsbr *qsbr = aligned_alloc(RTE_CACHE_LINE_SIZE,
						  RTE_ALIGN_CEIL(bytes, RTE_CACHE_LINE_SIZE));

	if (qsbr == NULL)
		return NULL;
	/* Neither can fail: the numbers are what the memory was sized for. */
	(void)rte_rcu_qsbr_init(qsbr, n_readers);
	for (uint16_t i = 0; i < n_readers; i++)
		(void)rte_rcu_qsbr_thread_register(qsbr, i);
	return qsbr;
}

struct fb_rcu *fb_rcu_create(uint16_t n_readers, fb_rcu_free_fn *free_fn, void *free_arg)
{
	struct fb_rcu *rcu;

	if (n_readers == 0 || free_fn == NULL) {
		errno = EINVAL;
		return NULL;
	}
	rcu = aligned_alloc(RTE_CACHE_LINE_SIZE, sizeof(*rcu));
	if (rcu == NULL)
		return NULL;
	*rcu = (struct fb_rcu){
		.qsbr = qsbr_create(n_readers),
		.free_fn = free_fn,
		.free_arg = free_arg,
	};
	if (rcu->qsbr == NULL) {
		free(rcu);
		errno = ENOMEM;
		return NULL;
	}
	return rcu;
}

void fb_rcu_free(struct fb_rcu *rcu)
{
	if (rcu == NULL)
		return;
	for (uint32_t i = 0; i < rcu->n_retired; i++)
		rcu->free_fn(rcu->free_arg, rcu->retired[i].ptr);
	if (rcu->current != NULL)
		rcu->free_fn(rcu->free_arg, rcu->current);
	free(rcu->retired);
	free(rcu->qsbr);
	free(rcu);
}

/* Room for one more, so that nothing can fail once the new pointer is visible. */
static int reserve(struct fb_rcu *rcu)
{
	const uint32_t cap = rcu->retired_cap == 0 ? 16 : rcu->retired_cap * 2;
	struct retired *grown;

	if (rcu->n_retired < rcu->retired_cap)
		return 0;
	grown = realloc(rcu->retired, cap * sizeof(*grown));
	if (grown == NULL)
		return -ENOMEM;
	rcu->retired = grown;
	rcu->retired_cap = cap;
	return 0;
}

int fb_rcu_publish(struct fb_rcu *rcu, void *ptr)
{
	void *old;
	int err = reserve(rcu);

	if (err != 0)
		return err;
	old = __atomic_exchange_n(&rcu->current, ptr, __ATOMIC_ACQ_REL);
	if (old != NULL)
		rcu->retired[rcu->n_retired++] = (struct retired){
			.ptr = old,
			.token = rte_rcu_qsbr_start(rcu->qsbr),
		};
	return 0;
}

void *fb_rcu_current(const struct fb_rcu *rcu)
{
	return __atomic_load_n(&rcu->current, __ATOMIC_RELAXED);
}

uint32_t fb_rcu_reclaim(struct fb_rcu *rcu)
{
	uint32_t n_passed = rcu->n_retired;

	if (rcu->n_holds > 0)
		return rcu->n_retired;
	/* The newest that was passed: all before it were, too. Mostly that is the newest of all. */
	while (n_passed > 0 &&
	       rte_rcu_qsbr_check(rcu->qsbr, rcu->retired[n_passed - 1].token, false) == 0)
		n_passed--;
	for (uint32_t i = 0; i < n_passed; i++)
		rcu->free_fn(rcu->free_arg, rcu->retired[i].ptr);
	rcu->n_retired -= n_passed;
	if (n_passed > 0)
		memmove(rcu->retired, rcu->retired + n_passed,
			rcu->n_retired * sizeof(*rcu->retired));
	return rcu->n_retired;
}

void fb_rcu_hold(struct fb_rcu *rcu)
{
	rcu->n_holds++;
}

void fb_rcu_let_go(struct fb_rcu *rcu)
{
	rcu->n_holds--;
}

void fb_rcu_online(struct fb_rcu *rcu, uint16_t reader)
{
	rte_rcu_qsbr_thread_online(rcu->qsbr, reader);
}

void fb_rcu_offline(struct fb_rcu *rcu, uint16_t reader)
{
	rte_rcu_qsbr_thread_offline(rcu->qsbr, reader);
}

void fb_rcu_quiescent(struct fb_rcu *rcu, uint16_t reader)
{
	rte_rcu_qsbr_quiescent(rcu->qsbr, reader);
}

void *fb_rcu_read(const struct fb_rcu *rcu)
{
	return __atomic_load_n(&rcu->current, __ATOMIC_ACQUIRE);
}
