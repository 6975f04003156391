/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_FUZZ_FUZZ_H
#define FB_FUZZ_FUZZ_H

/* What a fuzz target needs: tests/fuzz/README.md says how to add one. */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An assertion that stays in release builds. */
#define fuzz_require(expr)                                                                         \
	do {                                                                                       \
		if (!(expr)) {                                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #expr);                 \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* What is told to people stays on its line and does nothing to their terminals. */
static inline void fuzz_require_one_line(const char *text)
{
	for (; *text != '\0'; text++)
		fuzz_require((unsigned char)*text >= 0x20 && *text != 0x7f);
}

#endif
