/* SPDX-License-Identifier: BSD-3-Clause */

/* Any bytes are refused with errors, or are a config within the bounds of its schema. */

#include <errno.h>

#include "fuzz.h"

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_config *config = NULL;
	int rc = fb_config_parse("f", (const char *)data, size, &config, &errs);

	fuzz_require(rc == 0 || rc == -EINVAL);
	fuzz_require((rc != 0) == (errs.n_errors > 0));
	fuzz_require((rc == 0) == (config != NULL));
	for (size_t i = 0; i < errs.n; i++)
		fuzz_require_one_line(errs.v[i].text);
	if (config != NULL) {
		fuzz_require(config->n_workers >= 1 && config->n_workers <= FB_CONFIG_MAX_WORKERS);
		fuzz_require(config->worker_cores != NULL);
		fuzz_require((config->ring_size & (config->ring_size - 1)) == 0);
		fuzz_require(config->n_ports <= FB_CONFIG_MAX_PORTS);
		fuzz_require(config->snat_port_first <= config->snat_port_last);
		fuzz_require(config->control_socket != NULL && config->metrics_listen != NULL);
	}
	fb_config_free(config);
	fb_errs_fini(&errs);
	return 0;
}
