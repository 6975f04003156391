/* SPDX-License-Identifier: BSD-3-Clause */

#include "base/spelling.h"

#include <stddef.h>
#include <string.h>

static unsigned int least3(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int least = a < b ? a : b;

	return least < c ? least : c;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

unsigned int fb_spelling_edits(const char *a, const char *b, unsigned int most)
{
	unsigned int row[FB_SPELLING_MAX + 1];
	size_t len = strlen(a);
	size_t n = strlen(b);

	if (len > FB_SPELLING_MAX || n > FB_SPELLING_MAX || len > n + most || n > len + most)
		return most + 1;
	for (unsigned int j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned int i = 0; i < len; i++) {
		unsigned int diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 0; j < n; j++) {
			unsigned int cost = diagonal + (lower(a[i]) != lower(b[j]));

			diagonal = row[j + 1];
			row[j + 1] = least3(cost, row[j] + 1, row[j + 1] + 1);
		}
	}
	return row[n] <= most ? row[n] : most + 1;
}
