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

#endif
