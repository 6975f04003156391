/* SPDX-License-Identifier: BSD-3-Clause */

/* What was allotted, read from any bytes: refused with errors, and what was kept is saved as a text that
 * reads back as itself. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

#include "pool/pool.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fb_config config;
	static char metrics[] = "";
	static char node_name[] = "";
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_pool *again;
	struct fb_pool *pool;
	char *saved_again;
	char *saved;
	int rc;

	config.metrics_listen = metrics;
	config.node_name = node_name;
	pool = fb_pool_create(&config);
	again = fb_pool_create(&config);
	if (pool == NULL || again == NULL)
		abort();
	rc = fb_pool_load(pool, "f", (const char *)data, size, &errs);
	fuzz_require(rc == 0 || rc == -EINVAL);
	fuzz_require((rc != 0) == (errs.n_errors > 0));
	fb_errs_fini(&errs);
	saved = fb_pool_save(pool);
	fuzz_require(saved != NULL);
	fuzz_require(fb_pool_load(again, "s", saved, strlen(saved), &errs) == 0);
	fuzz_require(errs.n_errors == 0);
	saved_again = fb_pool_save(again);
	fuzz_require(saved_again != NULL && strcmp(saved, saved_again) == 0);
	free(saved);
	free(saved_again);
	fb_pool_free(pool);
	fb_pool_free(again);
	return 0;
}
