/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_BASE_ERR_H
#define FB_BASE_ERR_H

/*
 * Errors that a user caused: a list of places and sentences.
 *
 * Libraries print nothing; they append here, and whoever decides what to do prints once. All
 * errors of a document are collected, not the first. A sentence says what is wrong and what is
 * allowed; what stays in force is added by the caller that knows it.
 *
 * Thread: the list belongs to one thread at a time. Allocation failure inside fb_errs_add() is
 * remembered (lost is raised) rather than reported, so that callers need no second error path.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fb_place {
	const char *file; /* NULL: no place; borrowed during the call, copied into the list */
	uint32_t line;    /* from 1; 0: the whole file */
	uint32_t column;  /* from 1 */
};

enum fb_severity {
	FB_SEV_ERROR,  /* refused */
	FB_SEV_NOTICE, /* read, but the user will want to know */
};

struct fb_err {
	char *file; /* owned by the list; may be NULL; for people, as text is */
	uint32_t line;
	uint32_t column;
	enum fb_severity severity;
	char *text; /* owned by the list; one line, no trailing stop */
};

struct fb_errs {
	struct fb_err *v;
	size_t n;
	size_t cap;
	size_t n_errors; /* entries of severity error, lost ones included */
	bool lost;       /* an entry could not be kept for lack of memory */
};

#define FB_ERRS_INIT {0}

/** What a format quotes may be anything: control characters and broken UTF-8 become question marks. */
void fb_errs_add(struct fb_errs *errs, struct fb_place place, enum fb_severity severity,
		 const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/** Move all entries of src to the end of dst; src is empty afterwards. */
void fb_errs_move(struct fb_errs *dst, struct fb_errs *src);

/**
 * "file:line:column: text" into buf (always terminated). Parts that are unknown are left out.
 *
 * @return the length that the whole text has, as snprintf() does
 */
size_t fb_err_format(const struct fb_err *err, char *buf, size_t buf_size);

/** Free the entries; the list can be used again. */
void fb_errs_fini(struct fb_errs *errs);

#endif
