/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_ALLOC_FAIL_H
#define FB_ALLOC_FAIL_H

/*
 * Memory that runs out when a test says so. Link alloc_fail.c with alloc_fail_args (meson): every
 * malloc, calloc, realloc, reallocarray, aligned_alloc, strdup, strndup, vasprintf and asprintf of the
 * objects linked statically goes through here; what shared libraries allocate inside themselves does not,
 * unless a test hands them these functions. Without alloc_fail_at() nothing fails.
 *
 * The usual loop, which ends when the code under test needed fewer than n allocations:
 *
 *	for (unsigned int n = 1;; n++) {
 *		alloc_fail_at(n);
 *		rc = code_under_test(...);
 *		if (!alloc_fail_stop())
 *			break;
 *		... rc must say -ENOMEM, nothing may be leaked (alloc_fail_live() is as before)
 *	}
 */

#include <stdbool.h>
#include <stddef.h>

/* The n-th allocation from now on fails, from 1, and only that one. */
void alloc_fail_at(unsigned int n);

/* Nothing fails any more; returns whether something did. */
bool alloc_fail_stop(void);

/* Pieces allocated through here and not freed. free() of other pieces is not counted. */
size_t alloc_fail_live(void);

#endif
