/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include "datapath/datapath.h"

/* Refused before anything needs EAL: no rings, no buffers, no publisher. */
static void more_queues_than_workers_are_refused(void **state)
{
	const struct fb_port ports[] = {{.n_queues = 2}, {.n_queues = 3}};
	struct fb_config config = {.n_workers = 2};
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_hash_secret secret;

	(void)state;
	fb_hash_secret_init(&secret, "test");
	assert_null(fb_datapath_create(&config, &secret, ports, 2, NULL, NULL, &errs));
	assert_int_equal(errs.n_errors, 1);
	assert_string_equal(errs.v[0].text,
			    "ports[1]: 3 queues are more than the 2 workers that poll them");
	fb_errs_fini(&errs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(more_queues_than_workers_are_refused),
	};

	return cmocka_run_group_tests_name("datapath/create", tests, NULL, NULL);
}
