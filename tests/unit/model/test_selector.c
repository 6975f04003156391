/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "alloc_fail.h"
#include "model/selector.h"

/* app=web, cpus=4, empty="", in=notin, tier=db: sorted, as the model has them. */
static const struct fb_label pairs[] = {
	{"app", "web"},         {"cpus", "4"},   {"empty", ""},
	{"example.com/x", "y"}, {"in", "notin"}, {"tier", "db"},
};
static const struct fb_labels labels = {pairs, sizeof(pairs) / sizeof(pairs[0])};

static const struct {
	const char *text;
	bool matches;
} rules[] = {
	{"", true},
	{"  ", true},
	{"app=web", true},
	{"app==web", true},
	{" app = web ", true},
	{"app=db", false},
	{"app!=db", true},
	{"app!=web", false},
	{"none!=web", true},
	{"app=web,tier=db", true},
	{"app=web,tier=web", false},
	{"app", true},
	{"none", false},
	{"!none", true},
	{"! app", false},
	{"app in (web)", true},
	{"app in (a,b , web)", true},
	{"app in(a)", false},
	{"app notin (a,b)", true},
	{"app notin (a,web)", false},
	{"none notin (a)", true},
	{"none in (a)", false},
	{"empty in ()", true},
	{"empty in (a,)", true},
	{"empty in (,a)", true},
	{"empty in (a,,b)", true},
	{"app in ()", false},
	{"empty=", true},
	{"empty=,app", true},
	{"app=", false},
	{"cpus>3", true},
	{"cpus>4", false},
	{"cpus < 5", true},
	{"cpus<4", false},
	{"app>3", false},
	{"none<3", false},
	{"example.com/x=y", true},
	{"in=notin", true},
	{"in in (in, notin)", true},
	{"in", true},
	{"notin", false},
	{"app in (web),!none,cpus>1,tier", true},
};

static const char *const wrong[] = {
	",",
	"app,",
	"app=web,",
	",app",
	"app web",
	"=web",
	"app=a b",
	"app in",
	"app in web",
	"app in (",
	"app in (a",
	"app in (a b)",
	"app in (=)",
	"app notin",
	"!",
	"!!app",
	"!app=web",
	"!app in (a)",
	"app=!web",
	"app>=3",
	"app>x",
	"app>",
	"app<1.5",
	"a/b/c=d",
	"/a",
	"a/",
	"-a=b",
	"a-=b",
	"a=-b",
	"a=b-",
	"Example.com/x",
	"a..b/x",
	"a.-b/x",
	"app=(web)",
	"app=web)",
	"app\v=web",
	"app=w\xc3\xa4r",
	"a123456789a123456789a123456789a123456789a123456789a123456789abcd",
	"a=a123456789a123456789a123456789a123456789a123456789a123456789abcd",
};

static void what_kubectl_understands_is_understood(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		char why[FB_SELECTOR_WHY_LEN] = "";
		struct fb_selector selector;

		if (fb_selector_parse(rules[i].text, &selector, why) != 0)
			fail_msg("\"%s\": %s", rules[i].text, why);
		if (fb_selector_matches(&selector, &labels) != rules[i].matches)
			fail_msg("\"%s\" %s", rules[i].text,
				 rules[i].matches ? "does not match" : "matches");
		fb_selector_free(&selector);
	}
}

static void what_it_refuses_is_refused_with_a_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char why[FB_SELECTOR_WHY_LEN] = "";
		struct fb_selector selector;

		if (fb_selector_parse(wrong[i], &selector, why) != -EINVAL)
			fail_msg("\"%s\" is taken", wrong[i]);
		assert_true(strlen(why) > 10);
	}
}

/* Requirements are a conjunction: a text that is put together matches where both halves do. */
static void requirements_hold_together(void **state)
{
	(void)state;
	for (size_t i = 2; i < sizeof(rules) / sizeof(rules[0]); i++) {
		for (size_t j = 2; j < sizeof(rules) / sizeof(rules[0]); j++) {
			char why[FB_SELECTOR_WHY_LEN];
			struct fb_selector selector;
			char both[256];

			(void)snprintf(both, sizeof(both), "%s,%s", rules[i].text, rules[j].text);
			assert_int_equal(fb_selector_parse(both, &selector, why), 0);
			assert_int_equal(fb_selector_matches(&selector, &labels),
					 rules[i].matches && rules[j].matches);
			fb_selector_free(&selector);
		}
	}
}

static void memory_that_runs_out_leaves_nothing_behind(void **state)
{
	(void)state;
	for (unsigned int n = 1;; n++) {
		char why[FB_SELECTOR_WHY_LEN];
		struct fb_selector selector;
		size_t live = alloc_fail_live();
		int rc;

		alloc_fail_at(n);
		rc = fb_selector_parse("app in (a,b),!c,d=e", &selector, why);
		if (!alloc_fail_stop()) {
			assert_int_equal(rc, 0);
			fb_selector_free(&selector);
			break;
		}
		assert_int_equal(rc, -ENOMEM);
		assert_int_equal(alloc_fail_live(), live);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_kubectl_understands_is_understood),
		cmocka_unit_test(what_it_refuses_is_refused_with_a_reason),
		cmocka_unit_test(requirements_hold_together),
		cmocka_unit_test(memory_that_runs_out_leaves_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
