/* SPDX-License-Identifier: BSD-3-Clause */

#include "alloc_fail.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ld --wrap: __wrap_x() is called for x(), and __real_x() is x(). */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *piece, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void __real_free(void *piece);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *piece, size_t size);
void *__wrap_reallocarray(void *piece, size_t n, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void __wrap_free(void *piece);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t len);
int __wrap_vasprintf(char **ret, const char *fmt, va_list args)
	__attribute__((format(printf, 2, 0)));
int __wrap_asprintf(char **ret, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Live pieces, open addressing: a shared library's piece may be freed here (and the other way
 * round), so counting calls is not enough. Ample for tests; a full table stops the test. */
#define LIVE_CAP (1u << 18)
#define GONE ((void *)1)

static void *live[LIVE_CAP];
static size_t n_live;
static size_t n_used; /* GONE ones included */
static unsigned int countdown;
static bool failed;

static bool fails_now(void)
{
	if (countdown == 0 || --countdown != 0)
		return false;
	failed = true;
	return true;
}

static size_t slot_of(const void *piece)
{
	return (size_t)(((uintptr_t)piece >> 4) * 0x9e3779b97f4a7c15ull >> 46) % LIVE_CAP;
}

static void *keep(void *piece)
{
	size_t i = slot_of(piece);

	if (piece == NULL)
		return NULL;
	while (live[i] != NULL && live[i] != GONE)
		i = (i + 1) % LIVE_CAP;
	if (live[i] == NULL && ++n_used == LIVE_CAP)
		abort();
	live[i] = piece;
	n_live++;
	return piece;
}

static void forget(const void *piece)
{
	for (size_t i = slot_of(piece); live[i] != NULL; i = (i + 1) % LIVE_CAP) {
		if (live[i] != piece)
			continue;
		live[i] = GONE;
		/* The table is as good as new when nothing is live: millions of pieces may pass. */
		if (--n_live == 0) {
			memset(live, 0, sizeof(live));
			n_used = 0;
		}
		return;
	}
}

void alloc_fail_at(unsigned int n)
{
	countdown = n;
	failed = false;
}

bool alloc_fail_stop(void)
{
	countdown = 0;
	return failed;
}

size_t alloc_fail_live(void)
{
	return n_live;
}

void *__wrap_malloc(size_t size)
{
	return fails_now() ? NULL : keep(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails_now() ? NULL : keep(__real_calloc(n, size));
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
	return fails_now() ? NULL : keep(__real_aligned_alloc(alignment, size));
}

void *__wrap_realloc(void *piece, size_t size)
{
	void *moved;

	if (fails_now())
		return NULL;
	if (piece != NULL)
		forget(piece);
	moved = __real_realloc(piece, size);
	return keep(moved);
}

void *__wrap_reallocarray(void *piece, size_t n, size_t size)
{
	if (size != 0 && n > SIZE_MAX / size)
		abort(); /* nobody asks for so much on purpose */
	return __wrap_realloc(piece, n * size);
}

void __wrap_free(void *piece)
{
	if (piece != NULL)
		forget(piece);
	__real_free(piece);
}

char *__wrap_strndup(const char *text, size_t len)
{
	size_t n = strnlen(text, len);
	char *copy = __wrap_malloc(n + 1);

	if (copy == NULL)
		return NULL;
	memcpy(copy, text, n);
	copy[n] = '\0';
	return copy;
}

char *__wrap_strdup(const char *text)
{
	return __wrap_strndup(text, strlen(text));
}

int __wrap_vasprintf(char **ret, const char *fmt, va_list args)
{
	va_list again;
	char *text;
	int len;

	va_copy(again, args);
	len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	text = len < 0 ? NULL : __wrap_malloc((size_t)len + 1);
	if (text == NULL)
		return -1;
	*ret = text;
	return vsnprintf(text, (size_t)len + 1, fmt, args);
}

int __wrap_asprintf(char **ret, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = __wrap_vasprintf(ret, fmt, args);
	va_end(args);
	return len;
}
