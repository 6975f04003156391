/* SPDX-License-Identifier: BSD-3-Clause */

/* Memory that runs out at every single allocation of reading a config. */

#include "unit.h"

#include <errno.h>
#include <string.h>

#include "alloc_fail.h"
#include "config/config.h"

static void expect_no_leak(const char *text, int want)
{
	for (unsigned int n = 1;; n++) {
		struct fb_errs errs = FB_ERRS_INIT;
		struct fb_config *config = NULL;
		size_t live = alloc_fail_live();
		bool failed;
		int rc;

		alloc_fail_at(n);
		rc = fb_config_parse("c", text, strlen(text), &config, &errs);
		failed = alloc_fail_stop();
		assert_true((rc == 0) == (config != NULL));
		if (rc == -EINVAL)
			assert_true(errs.n_errors > 0);
		fb_config_free(config);
		fb_errs_fini(&errs);
		assert_int_equal(alloc_fail_live(), live);
		if (!failed) {
			assert_int_equal(rc, want);
			assert_true(n > 100);
			return;
		}
		assert_true(rc == -ENOMEM || rc == want);
	}
}

static void a_good_config_is_read_or_reported_as_out_of_memory(void **state)
{
	expect_no_leak("ports: [{name: a, device: d, addresses: [192.0.2.1/24]}]\n"
		       "workers: {cores: [1, 2]}\n"
		       "nat: {snat-addresses: [192.0.2.4], secret: s}\n"
		       "manifests: [{path: /a}]\n"
		       "lab: {routes: [{prefix: '::/0', port: a}]}\n",
		       0);
}

static void a_bad_config_is_refused_or_reported_as_out_of_memory(void **state)
{
	expect_no_leak("ports: [{name: a, device: d}, {name: a, mtu: x}, 3]\n"
		       "workers: {cores: [1, x], count: 5}\n"
		       "nat: {secret: [], secret: x}\n"
		       "lab: {routes: [{prefix: '::/0', port: b}]}\n",
		       -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_config_is_read_or_reported_as_out_of_memory),
		cmocka_unit_test(a_bad_config_is_refused_or_reported_as_out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
