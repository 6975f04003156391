/* SPDX-License-Identifier: BSD-3-Clause */

/* Pods and Nodes in the store: who selects whom, and what a change of them touches. */

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "alloc_fail.h"
#include "model/store.h"

/* Labels of a Pod, selector of a Service: up to two pairs, by key. */
struct row {
	enum fb_object_kind kind;
	const char *namespace_;
	const char *name;
	struct fb_label labels[2];
	uint32_t n_labels;
	bool ready;
};

#define SERVICE(name, ...) {FB_KIND_SERVICE, "default", name, {__VA_ARGS__}, N(__VA_ARGS__), false}
#define POD(name, ...)	   {FB_KIND_POD, "default", name, {__VA_ARGS__}, N(__VA_ARGS__), false}
#define READY(name, ...)   {FB_KIND_POD, "default", name, {__VA_ARGS__}, N(__VA_ARGS__), true}
#define NODE(name, ...)	   {FB_KIND_NODE, "", name, {__VA_ARGS__}, N(__VA_ARGS__), false}
#define N(...)		   (sizeof((const struct fb_label[]){__VA_ARGS__}) / sizeof(struct fb_label))
#define APP		   {"app", "web"}
#define TIER		   {"tier", "front"}
#define ROWS(...)                                                                                  \
	(const struct row[]){__VA_ARGS__},                                                         \
		sizeof((const struct row[]){__VA_ARGS__}) / sizeof(struct row)

static void fill(struct fb_objects *objects, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct row *row = &rows[i];
		struct fb_object *o =
			fb_object_create(row->kind, (struct fb_place){"f", (uint32_t)i + 1, 1});
		struct fb_label *labels;

		assert_non_null(o);
		labels = fb_arena_alloc(&o->arena, row->n_labels, sizeof(*labels));
		assert_non_null(labels);
		memcpy(labels, row->labels, row->n_labels * sizeof(*labels));
		o->meta.namespace_ = row->namespace_;
		o->meta.name = row->name;
		if (row->kind == FB_KIND_SERVICE) {
			o->service.load_balancer_class = "";
			o->service.cluster_ip = "";
			o->service.external_name = "";
			o->service.selector = (struct fb_labels){labels, row->n_labels};
		} else {
			o->meta.labels = (struct fb_labels){labels, row->n_labels};
		}
		if (row->kind == FB_KIND_POD) {
			o->pod.node_name = "";
			o->pod.hostname = "";
			o->pod.subdomain = "";
			o->pod.ready = row->ready;
		}
		assert_int_equal(fb_objects_add(objects, o), 0);
	}
}

static int put(struct fb_store *store, const char *origin, const struct row *rows, size_t n)
{
	struct fb_objects objects = FB_OBJECTS_INIT;
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_store_change change = {.origin = origin, .objects = &objects};
	int rc;

	fill(&objects, rows, n);
	rc = fb_store_apply(store, &change, &errs, NULL);
	fb_objects_fini(&objects);
	fb_errs_fini(&errs);
	return rc;
}

/* "a,b": the dirty Services in the order they became so; clears the list. */
static const char *dirty(struct fb_store *store)
{
	static char text[256];
	struct fb_store_service *s = NULL;
	size_t len = 0;

	text[0] = '\0';
	while ((s = fb_store_dirty_next(store, s)) != NULL) {
		struct fb_store_view view;

		fb_store_service_view(s, &view);
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", len ? "," : "",
					view.name);
	}
	fb_store_clear_dirty(store);
	return text;
}

/* Bit i: the Pod called "i" is selected. */
static unsigned int selected(const struct fb_store *store, const char *service)
{
	const struct fb_object *object =
		fb_store_find(store, FB_KIND_SERVICE, "default", service, NULL);
	struct fb_store_pods walk = {0};
	const struct fb_object *pod;
	unsigned int bits = 0;

	while ((pod = fb_store_pod_next(store, object, &walk)) != NULL) {
		unsigned int bit = 1U << (pod->meta.name[0] - '0');

		assert_int_equal(bits & bit, 0);
		bits |= bit;
	}
	return bits;
}

static void a_selector_wants_all_its_labels_in_its_own_namespace(void **state)
{
	struct fb_store *store = fb_store_create();

	(void)state;
	put(store, "f",
	    ROWS(SERVICE("both", APP, TIER), SERVICE("app", APP), SERVICE("none", {"app", "db"}),
		 POD("0", APP, TIER), POD("1", APP), POD("2", TIER), POD("3", {"app", "other"}),
		 {FB_KIND_POD, "elsewhere", "4", {APP, TIER}, 2, false}));
	assert_int_equal(selected(store, "both"), 1);
	assert_int_equal(selected(store, "app"), 3);
	assert_int_equal(selected(store, "none"), 0);
	fb_store_free(store);
	assert_int_equal(alloc_fail_live(), 0);
}

static void a_service_without_a_selector_selects_nothing(void **state)
{
	struct fb_store *store = fb_store_create();
	const struct row rows[] = {{FB_KIND_SERVICE, "default", "bare", {{0}}, 0, false},
				   {FB_KIND_POD, "default", "0", {{0}}, 0, false},
				   POD("1", APP)};

	(void)state;
	put(store, "f", rows, 3);
	assert_int_equal(selected(store, "bare"), 0);
	fb_store_free(store);
}

static void a_pod_that_changes_touches_who_selects_it_now_or_did(void **state)
{
	struct fb_store *store = fb_store_create();

	(void)state;
	put(store, "s", ROWS(SERVICE("app", APP), SERVICE("db", {"app", "db"}),
			     SERVICE("both", APP, TIER)));
	fb_store_clear_dirty(store);
	put(store, "p", ROWS(POD("0", APP)));
	assert_string_equal(dirty(store), "app");
	put(store, "p", ROWS(POD("0", APP)));
	assert_string_equal(dirty(store), "");
	put(store, "p", ROWS(READY("0", APP)));
	assert_string_equal(dirty(store), "app");
	put(store, "p", ROWS(READY("0", {"app", "db"})));
	assert_string_equal(dirty(store), "app,db");
	assert_int_equal(selected(store, "app"), 0);
	assert_int_equal(selected(store, "db"), 1);
	fb_store_remove_origin(store, "p");
	assert_string_equal(dirty(store), "db");
	assert_int_equal(fb_store_n_objects(store, FB_KIND_POD), 0);
	fb_store_free(store);
	assert_int_equal(alloc_fail_live(), 0);
}

static void a_selector_that_changes_selects_others(void **state)
{
	struct fb_store *store = fb_store_create();

	(void)state;
	put(store, "p", ROWS(POD("0", APP), POD("1", {"app", "db"})));
	put(store, "s", ROWS(SERVICE("a", APP)));
	assert_int_equal(selected(store, "a"), 1);
	put(store, "s", ROWS(SERVICE("a", {"app", "db"})));
	assert_int_equal(selected(store, "a"), 2);
	fb_store_clear_dirty(store);
	put(store, "p", ROWS(POD("0", APP)));
	assert_string_equal(dirty(store), "a");
	fb_store_free(store);
}

static void a_pod_in_the_shadow_is_not_selected_until_it_takes_over(void **state)
{
	struct fb_store *store = fb_store_create();

	(void)state;
	put(store, "s", ROWS(SERVICE("a", APP)));
	put(store, "first", ROWS(POD("0", {"app", "db"})));
	put(store, "second", ROWS(POD("0", APP)));
	assert_int_equal(selected(store, "a"), 0);
	fb_store_clear_dirty(store);
	fb_store_remove_origin(store, "first");
	assert_string_equal(dirty(store), "a");
	assert_int_equal(selected(store, "a"), 1);
	fb_store_free(store);
	assert_int_equal(alloc_fail_live(), 0);
}

static void a_node_that_changes_touches_every_service(void **state)
{
	struct fb_store *store = fb_store_create();

	(void)state;
	put(store, "s", ROWS(SERVICE("a", APP)));
	fb_store_clear_dirty(store);
	put(store, "n", ROWS(NODE("n1", {"zone", "a"})));
	assert_string_equal(dirty(store), "a");
	put(store, "n", ROWS(NODE("n1", {"zone", "a"})));
	assert_string_equal(dirty(store), "");
	put(store, "n", ROWS(NODE("n1", {"zone", "b"})));
	assert_string_equal(dirty(store), "a");
	assert_non_null(fb_store_find(store, FB_KIND_NODE, "", "n1", NULL));
	assert_int_equal(fb_store_delete(store, "n", FB_KIND_NODE, "", "n1"), 0);
	assert_string_equal(dirty(store), "a");
	fb_store_free(store);
}

static void a_clone_selects_alike_and_changes_alone(void **state)
{
	struct fb_store *store = fb_store_create();
	struct fb_store *copy;

	(void)state;
	put(store, "f", ROWS(SERVICE("a", APP), POD("0", APP, TIER), POD("1", APP)));
	copy = fb_store_clone(store);
	assert_non_null(copy);
	assert_int_equal(fb_store_n_dirty(copy), 0);
	assert_int_equal(selected(copy, "a"), 3);
	put(copy, "f", ROWS(SERVICE("a", APP)));
	assert_int_equal(selected(copy, "a"), 0);
	assert_int_equal(selected(store, "a"), 3);
	fb_store_free(store);
	fb_store_free(copy);
	assert_int_equal(alloc_fail_live(), 0);
}

static void without_memory_pods_stay_as_they_were(void **state)
{
	struct fb_objects objects = FB_OBJECTS_INIT;
	struct fb_store_change change = {.origin = "f", .objects = &objects};
	bool failed = true;

	(void)state;
	fill(&objects, ROWS(SERVICE("a", TIER), POD("0", APP), READY("1", APP, TIER),
			    POD("2", TIER)));
	for (unsigned int n = 1; failed; n++) {
		struct fb_errs errs = FB_ERRS_INIT;
		struct fb_store *store = fb_store_create();
		struct fb_store *copy;
		int rc;

		put(store, "f", ROWS(SERVICE("a", APP), POD("0", APP), POD("1", APP)));
		fb_store_clear_dirty(store);
		alloc_fail_at(n);
		copy = fb_store_clone(store);
		rc = fb_store_apply(store, &change, &errs, NULL);
		failed = alloc_fail_stop();
		assert_int_equal(selected(store, "a"), rc == 0 ? 6 : 3);
		assert_string_equal(dirty(store), rc == 0 ? "a" : "");
		fb_store_free(copy);
		fb_store_free(store);
		fb_errs_fini(&errs);
	}
	fb_objects_fini(&objects);
	assert_int_equal(alloc_fail_live(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_selector_wants_all_its_labels_in_its_own_namespace),
		cmocka_unit_test(a_service_without_a_selector_selects_nothing),
		cmocka_unit_test(a_pod_that_changes_touches_who_selects_it_now_or_did),
		cmocka_unit_test(a_selector_that_changes_selects_others),
		cmocka_unit_test(a_pod_in_the_shadow_is_not_selected_until_it_takes_over),
		cmocka_unit_test(a_node_that_changes_touches_every_service),
		cmocka_unit_test(a_clone_selects_alike_and_changes_alone),
		cmocka_unit_test(without_memory_pods_stay_as_they_were),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
