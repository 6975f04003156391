/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_RCU_PUBLISH_H
#define FB_RCU_PUBLISH_H

/*
 * Publish one pointer to workers, and reclaim what they no longer read (rte_rcu_qsbr).
 *
 *     control: fb_rcu_publish(new)   -> old is retired, freed by a later fb_rcu_reclaim()
 *     worker:  fb_rcu_read()         -> valid until this worker's next fb_rcu_quiescent()
 *
 * The hold is implicit (QSBR): a worker reads the pointer after its quiescent report, once per
 * burst, and drops it before the next. A worker that sleeps or stops goes offline first.
 * Retired pointers are freed in batches, one grace period for many.
 */

#include <stdbool.h>
#include <stdint.h>

typedef void fb_rcu_free_fn(void *arg, void *retired);

struct fb_rcu;

/** Thread: start-up. @return NULL with errno ENOMEM or EINVAL */
struct fb_rcu *fb_rcu_create(uint16_t n_readers, fb_rcu_free_fn *free_fn, void *free_arg);
/** All readers must be offline; frees everything retired, and the published pointer. */
void fb_rcu_free(struct fb_rcu *rcu);

/**
 * Thread: control. Makes ptr visible; the one before is retired. Never blocks.
 * @return 0; -ENOMEM: nothing changed
 */
int fb_rcu_publish(struct fb_rcu *rcu, void *ptr);
/** Thread: control. The pointer that workers get now. */
void *fb_rcu_current(const struct fb_rcu *rcu);
/**
 * Thread: control. Free what every online reader has passed. Never blocks.
 * @return how many still wait
 */
uint32_t fb_rcu_reclaim(struct fb_rcu *rcu);

/**
 * Control reads a pointer over several passes of its loop: from here to fb_rcu_let_go() nothing is freed.
 * Holds are counted; they should end soon, since all that is retired meanwhile waits.
 */
void fb_rcu_hold(struct fb_rcu *rcu);
void fb_rcu_let_go(struct fb_rcu *rcu);

/* Thread: the reader itself, numbered from 0. */
void fb_rcu_online(struct fb_rcu *rcu, uint16_t reader);
void fb_rcu_offline(struct fb_rcu *rcu, uint16_t reader);
/** Report that nothing read before is held any more. Once per burst; one store to an own line. */
void fb_rcu_quiescent(struct fb_rcu *rcu, uint16_t reader);
/** The published pointer (acquire); NULL before the first publish. */
void *fb_rcu_read(const struct fb_rcu *rcu);

#endif
