/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "alloc_fail.h"
#include "model/store.h"

/* One object of a test: kind, name, the Service (slices), and something that can change. */
struct row {
	enum fb_object_kind kind;
	const char *name;
	const char *service;
	uint16_t health_port;
};

static struct fb_object *make(const struct row *row, const char *file, uint32_t line)
{
	struct fb_object *object =
		fb_object_create(row->kind, (struct fb_place){file, line, 1});

	if (object == NULL)
		return NULL;
	object->meta.namespace_ = "default";
	object->meta.name = row->name;
	if (row->kind == FB_KIND_ENDPOINT_SLICE) {
		object->slice.service = row->service;
	} else if (row->kind == FB_KIND_SERVICE) {
		object->service.load_balancer_class = "";
		object->service.cluster_ip = "";
		object->service.external_name = "";
		object->service.health_check_node_port = row->health_port;
	}
	return object;
}

#define SERVICE(name)		    {FB_KIND_SERVICE, name, "", 0}
#define CHANGED(name)		    {FB_KIND_SERVICE, name, "", 1}
#define SLICE(name, service)	    {FB_KIND_ENDPOINT_SLICE, name, service, 0}
#define ROWS(...)		    (const struct row[]){__VA_ARGS__}, \
	sizeof((const struct row[]){__VA_ARGS__}) / sizeof(struct row)

static int fill(struct fb_objects *objects, const struct row *rows, size_t n, const char *origin)
{
	for (size_t i = 0; i < n; i++) {
		struct fb_object *object = make(&rows[i], origin, (uint32_t)i + 1);

		if (object == NULL || fb_objects_add(objects, object) != 0)
			return -ENOMEM;
	}
	return 0;
}

static struct fb_store_outcome put(struct fb_store *store, const char *origin,
				   const struct row *rows, size_t n, struct fb_errs *errs)
{
	struct fb_objects objects = FB_OBJECTS_INIT;
	struct fb_store_outcome outcome;
	struct fb_store_change change = {.origin = origin, .objects = &objects};

	assert_int_equal(fill(&objects, rows, n, origin), 0);
	assert_int_equal(fb_store_apply(store, &change, errs, &outcome), 0);
	fb_objects_fini(&objects);
	return outcome;
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

static void assert_error(const struct fb_errs *errs, size_t i, const char *want)
{
	char buf[512];

	assert_true(i < errs->n);
	fb_err_format(&errs->v[i], buf, sizeof(buf));
	assert_string_equal(buf, want);
}

static void what_changes_is_dirty_and_what_does_not_is_not(void **state)
{
	struct fb_store *store = fb_store_create();
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_store_outcome o;

	(void)state;
	o = put(store, "f", ROWS(SERVICE("a"), SERVICE("b"), SLICE("x", "b")), &errs);
	assert_int_equal(o.n_added, 3);
	assert_string_equal(dirty(store), "a,b");
	o = put(store, "f", ROWS(SERVICE("a"), SERVICE("b"), SLICE("x", "b")), &errs);
	assert_int_equal(o.n_unchanged, 3);
	assert_string_equal(dirty(store), "");
	o = put(store, "f", ROWS(CHANGED("a"), SERVICE("b")), &errs);
	assert_int_equal(o.n_changed, 1);
	assert_int_equal(o.n_removed, 1);
	assert_string_equal(dirty(store), "a,b");
	assert_int_equal(fb_store_n_objects(store, FB_KIND_ENDPOINT_SLICE), 0);
	assert_int_equal(errs.n, 0);
	fb_store_free(store);
	assert_int_equal(alloc_fail_live(), 0);
}

static void a_slice_that_moves_dirties_both_services(void **state)
{
	struct fb_store *store = fb_store_create();
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_store_view view;

	(void)state;
	put(store, "f", ROWS(SLICE("x", "a"), SLICE("y", "a")), &errs);
	fb_store_clear_dirty(store);
	put(store, "f", ROWS(SLICE("x", "b"), SLICE("y", "a")), &errs);
	assert_string_equal(dirty(store), "a,b");
	assert_true(fb_store_view(store, "default", "a", &view));
	assert_int_equal(view.n_slices, 1);
	assert_string_equal(view.slices[0]->meta.name, "y");
	assert_true(fb_store_view(store, "default", "b", &view));
	assert_string_equal(view.slices[0]->meta.name, "x");
	put(store, "f", NULL, 0, &errs);
	assert_string_equal(dirty(store), "b,a");
	assert_false(fb_store_view(store, "default", "a", &view));
	fb_store_free(store);
	assert_int_equal(alloc_fail_live(), 0);
}

static void the_first_origin_keeps_an_object_and_the_second_inherits_it(void **state)
{
	struct fb_store *store = fb_store_create();
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_store_outcome o;
	const char *origin;

	(void)state;
	put(store, "one", ROWS(SERVICE("a")), &errs);
	fb_store_clear_dirty(store);
	o = put(store, "two", ROWS(CHANGED("a")), &errs);
	assert_int_equal(o.n_shadow, 1);
	assert_int_equal(o.n_added, 0);
	assert_error(&errs, 0,
		     "two:1:1: Service default/a is already defined at one:1:1, which stays in "
		     "force; this one takes over when that one goes");
	assert_string_equal(dirty(store), "");
	assert_int_equal(
		fb_store_find(store, FB_KIND_SERVICE, "default", "a", &origin)
			->service.health_check_node_port,
		0);
	assert_string_equal(origin, "one");
	fb_store_remove_origin(store, "one");
	assert_string_equal(dirty(store), "a");
	assert_int_equal(
		fb_store_find(store, FB_KIND_SERVICE, "default", "a", &origin)
			->service.health_check_node_port,
		1);
	assert_string_equal(origin, "two");
	assert_int_equal(fb_store_n_objects(store, FB_KIND_SERVICE), 1);
	fb_errs_fini(&errs);
	fb_store_free(store);
	assert_int_equal(alloc_fail_live(), 0);
}

static void the_same_object_twice_in_one_text_is_an_error(void **state)
{
	struct fb_store *store = fb_store_create();
	struct fb_errs errs = FB_ERRS_INIT;

	(void)state;
	put(store, "f", ROWS(SERVICE("a"), CHANGED("a")), &errs);
	assert_int_equal(errs.n, 1);
	assert_error(&errs, 0,
		     "f:2:1: Service default/a is already defined at f:1:1; the first one counts");
	assert_int_equal(fb_store_find(store, FB_KIND_SERVICE, "default", "a", NULL)
				 ->service.health_check_node_port,
			 0);
	fb_errs_fini(&errs);
	fb_store_free(store);
	assert_int_equal(alloc_fail_live(), 0);
}

static void a_refused_object_keeps_what_was_in_force(void **state)
{
	struct fb_store *store = fb_store_create();
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_objects objects = FB_OBJECTS_INIT;
	struct fb_store_change change = {.origin = "f", .objects = &objects};
	struct fb_store_outcome o;

	(void)state;
	put(store, "f", ROWS(SERVICE("a"), SERVICE("b")), &errs);
	fb_store_clear_dirty(store);
	assert_int_equal(fb_objects_refuse(&objects, FB_KIND_SERVICE, "default", "a"), 0);
	assert_int_equal(fb_objects_refuse(&objects, FB_KIND_SERVICE, "default", "new"), 0);
	assert_int_equal(fb_store_apply(store, &change, &errs, &o), 0);
	assert_int_equal(o.n_kept, 1);
	assert_int_equal(o.n_removed, 1);
	assert_string_equal(dirty(store), "b");
	assert_non_null(fb_store_find(store, FB_KIND_SERVICE, "default", "a", NULL));
	assert_null(fb_store_find(store, FB_KIND_SERVICE, "default", "b", NULL));
	fb_objects_fini(&objects);
	fb_store_free(store);
	assert_int_equal(alloc_fail_live(), 0);
}

static void an_incomplete_text_removes_nothing(void **state)
{
	struct fb_store *store = fb_store_create();
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_objects objects = {.incomplete = true};
	struct fb_store_change change = {.origin = "f", .objects = &objects};
	struct fb_store_outcome o;

	(void)state;
	put(store, "f", ROWS(SERVICE("a"), SERVICE("b")), &errs);
	assert_int_equal(fb_store_apply(store, &change, &errs, &o), 0);
	assert_int_equal(o.n_kept, 2);
	change.all_or_nothing = true;
	assert_int_equal(fb_store_apply(store, &change, &errs, &o), -EINVAL);
	assert_int_equal(fb_store_n_objects(store, FB_KIND_SERVICE), 2);
	fb_store_free(store);
	assert_int_equal(alloc_fail_live(), 0);
}

static void all_or_nothing_changes_nothing_when_one_object_is_taken(void **state)
{
	struct fb_store *store = fb_store_create();
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_objects objects = FB_OBJECTS_INIT;
	struct fb_store_change change = {
		.origin = "two", .objects = &objects, .all_or_nothing = true};
	const struct row rows[] = {SERVICE("new"), CHANGED("a"), SLICE("x", "new")};

	(void)state;
	put(store, "one", ROWS(SERVICE("a")), &errs);
	fb_store_clear_dirty(store);
	assert_int_equal(fill(&objects, rows, 3, "two"), 0);
	assert_int_equal(fb_store_apply(store, &change, &errs, NULL), -EINVAL);
	assert_int_equal(errs.n_errors, 1);
	assert_string_equal(dirty(store), "");
	assert_null(fb_store_find(store, FB_KIND_SERVICE, "default", "new", NULL));
	assert_string_equal(fb_store_origin_next(store, NULL), "one");
	assert_null(fb_store_origin_next(store, "one"));
	fb_objects_fini(&objects);
	fb_errs_fini(&errs);
	fb_store_free(store);
	assert_int_equal(alloc_fail_live(), 0);
}

static void a_clone_changes_alone(void **state)
{
	struct fb_store *store = fb_store_create();
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_store *copy;
	const char *origin;

	(void)state;
	put(store, "one", ROWS(SERVICE("a"), SLICE("x", "a")), &errs);
	put(store, "two", ROWS(CHANGED("a"), SERVICE("b")), &errs);
	copy = fb_store_clone(store);
	assert_non_null(copy);
	assert_string_equal(dirty(copy), "");
	fb_store_remove_origin(copy, "one");
	assert_string_equal(dirty(copy), "a");
	assert_non_null(fb_store_find(copy, FB_KIND_SERVICE, "default", "a", &origin));
	assert_string_equal(origin, "two");
	assert_non_null(fb_store_find(store, FB_KIND_SERVICE, "default", "a", &origin));
	assert_string_equal(origin, "one");
	assert_int_equal(fb_store_n_objects(store, FB_KIND_ENDPOINT_SLICE), 1);
	assert_int_equal(fb_store_n_objects(copy, FB_KIND_ENDPOINT_SLICE), 0);
	fb_store_free(copy);
	fb_store_free(store);
	fb_errs_fini(&errs);
	assert_int_equal(alloc_fail_live(), 0);
}

static void a_merge_adds_and_a_delete_takes_away(void **state)
{
	struct fb_store *store = fb_store_create();
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_objects objects = FB_OBJECTS_INIT;
	struct fb_store_change change = {
		.origin = "applied", .objects = &objects, .how = FB_STORE_MERGE};
	const struct row row = SERVICE("b");

	(void)state;
	put(store, "applied", ROWS(SERVICE("a")), &errs);
	fb_store_clear_dirty(store);
	assert_int_equal(fill(&objects, &row, 1, "stdin"), 0);
	assert_int_equal(fb_store_apply(store, &change, &errs, NULL), 0);
	assert_string_equal(dirty(store), "b");
	assert_int_equal(fb_store_delete(store, "file", FB_KIND_SERVICE, "default", "a"), -ENOENT);
	assert_int_equal(fb_store_delete(store, "applied", FB_KIND_SERVICE, "default", "a"), 0);
	assert_int_equal(fb_store_delete(store, "applied", FB_KIND_SERVICE, "default", "a"),
			 -ENOENT);
	assert_string_equal(dirty(store), "a");
	assert_int_equal(fb_store_n_objects(store, FB_KIND_SERVICE), 1);
	fb_objects_fini(&objects);
	fb_store_free(store);
	assert_int_equal(alloc_fail_live(), 0);
}

static void without_memory_a_change_leaves_the_store_as_it_was(void **state)
{
	const struct row rows[] = {CHANGED("a"), SERVICE("c"), SLICE("x", "c"), SLICE("y", "d"),
				   SLICE("z", "c"), SERVICE("taken")};
	struct fb_objects objects = FB_OBJECTS_INIT;
	struct fb_store_change change = {.origin = "f", .objects = &objects};
	bool failed = true;

	(void)state;
	assert_int_equal(fill(&objects, rows, 6, "f"), 0);
	for (unsigned int n = 1; failed; n++) {
		struct fb_errs errs = FB_ERRS_INIT;
		struct fb_store *store = fb_store_create();
		struct fb_store *copy;
		int rc;

		put(store, "f", ROWS(SERVICE("a"), SERVICE("b"), SLICE("x", "a")), &errs);
		put(store, "g", ROWS(SERVICE("taken")), &errs);
		fb_store_clear_dirty(store);
		alloc_fail_at(n);
		copy = fb_store_clone(store);
		rc = fb_store_apply(store, &change, &errs, NULL);
		failed = alloc_fail_stop();
		if (rc == 0) {
			assert_string_equal(dirty(store), "a,b,c,d");
		} else {
			assert_int_equal(rc, -ENOMEM);
			assert_string_equal(dirty(store), "");
			assert_int_equal(fb_store_n_objects(store, FB_KIND_SERVICE), 3);
			assert_int_equal(fb_store_n_objects(store, FB_KIND_ENDPOINT_SLICE), 1);
		}
		fb_store_free(copy);
		fb_store_free(store);
		fb_errs_fini(&errs);
	}
	fb_objects_fini(&objects);
	assert_int_equal(alloc_fail_live(), 0);
}

static void ten_thousand_services_are_each_found(void **state)
{
	static char names[10000][8];
	struct fb_store *store = fb_store_create();
	struct fb_objects objects = FB_OBJECTS_INIT;
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_store_change change = {.origin = "f", .objects = &objects};
	struct fb_store_service *s = NULL;
	size_t walked = 0;

	(void)state;
	for (unsigned int i = 0; i < 10000; i++) {
		struct row row = SERVICE(names[i]);

		(void)snprintf(names[i], sizeof(names[i]), "s%u", i);
		assert_int_equal(fill(&objects, &row, 1, "f"), 0);
	}
	assert_int_equal(fb_store_apply(store, &change, &errs, NULL), 0);
	assert_int_equal(fb_store_n_dirty(store), 10000);
	for (unsigned int i = 0; i < 10000; i++)
		assert_ptr_equal(
			fb_store_find(store, FB_KIND_SERVICE, "default", names[i], NULL),
			objects.v[i]);
	while ((s = fb_store_service_next(store, s)) != NULL)
		walked++;
	assert_int_equal(walked, 10000);
	fb_objects_fini(&objects);
	fb_store_free(store);
	assert_int_equal(alloc_fail_live(), 0);
}

static void dirty_services_can_be_taken_by_age(void **state)
{
	static const char *const created[] = {"2024-01-02T00:00:00Z", "", "2023-12-31T00:00:00Z",
					      "2024-01-02T00:00:00Z", ""};
	static const char *const names[] = {"d", "z", "e", "c", "b"};
	struct fb_store *store = fb_store_create();
	struct fb_objects objects = FB_OBJECTS_INIT;
	struct fb_store_change change = {.origin = "m", .objects = &objects};
	struct fb_errs errs = FB_ERRS_INIT;

	(void)state;
	fb_store_sort_dirty(store);
	assert_string_equal(dirty(store), "");
	for (size_t i = 0; i < 5; i++) {
		struct fb_object *object = make(&(struct row)SERVICE(names[i]), "m", 1);

		object->meta.creation = created[i];
		assert_int_equal(fb_objects_add(&objects, object), 0);
	}
	assert_int_equal(fb_store_apply(store, &change, &errs, NULL), 0);
	fb_store_sort_dirty(store);
	/* What becomes dirty afterwards is last again. */
	(void)put(store, "n", ROWS(SERVICE("a")), &errs);
	assert_string_equal(dirty(store), "e,c,d,b,z,a");
	fb_objects_fini(&objects);
	fb_errs_fini(&errs);
	fb_store_free(store);
}

static struct fb_store_view view_of(const struct fb_store *store, const char *name)
{
	struct fb_store_view view = {0};

	assert_true(fb_store_view(store, "default", name, &view));
	return view;
}

/* What was put beside a Service is seen until its origin says something else. */
static void a_completed_service_is_seen_until_it_changes(void **state)
{
	struct fb_store *store = fb_store_create();
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_service_port *ports;
	struct fb_object *completed;
	struct fb_store *clone;

	(void)state;
	(void)put(store, "f", ROWS(SERVICE("a"), SERVICE("b")), &errs);
	(void)dirty(store);
	completed = fb_object_completed(view_of(store, "a").written, &ports);
	assert_non_null(completed);
	completed->service.health_check_node_port = 7;
	fb_store_complete(store, "default", "a", completed);
	fb_store_complete(store, "default", "nobody", completed);
	assert_string_equal(dirty(store), "");
	assert_ptr_equal(view_of(store, "a").service, completed);
	assert_int_equal(view_of(store, "a").written->service.health_check_node_port, 0);
	assert_ptr_equal(view_of(store, "b").service, view_of(store, "b").written);
	/* The same text again: nothing is dirty, what is completed stays. */
	(void)put(store, "f", ROWS(SERVICE("b"), SERVICE("a")), &errs);
	assert_string_equal(dirty(store), "");
	assert_ptr_equal(view_of(store, "a").service, completed);
	assert_int_equal(view_of(store, "a").service->place.line, 2);
	/* So does a slice of it, and a clone has it, too. */
	(void)put(store, "g", ROWS(SLICE("s", "a")), &errs);
	assert_ptr_equal(view_of(store, "a").service, completed);
	clone = fb_store_clone(store);
	assert_ptr_equal(view_of(clone, "a").service, completed);
	(void)put(clone, "f", ROWS(CHANGED("a"), SERVICE("b")), &errs);
	assert_int_equal(view_of(clone, "a").service->service.health_check_node_port, 1);
	assert_ptr_equal(view_of(store, "a").service, completed);
	fb_store_free(clone);
	/* Another text, and it is as it is written; or it is gone. */
	(void)put(store, "f", ROWS(CHANGED("a"), SERVICE("b")), &errs);
	assert_ptr_equal(view_of(store, "a").service, view_of(store, "a").written);
	fb_store_complete(store, "default", "a", completed);
	fb_store_complete(store, "default", "a", NULL);
	assert_ptr_equal(view_of(store, "a").service, view_of(store, "a").written);
	fb_store_complete(store, "default", "a", completed);
	fb_object_release(completed);
	fb_store_remove_origin(store, "f");
	assert_null(view_of(store, "a").service);
	assert_int_equal(errs.n_errors, 0);
	fb_store_free(store);
}

static void nodes_are_walked_while_they_are_in_force(void **state)
{
	struct fb_store *store = fb_store_create();
	struct fb_errs errs = FB_ERRS_INIT;
	const struct fb_object *node;
	struct fb_store_nodes walk;
	char names[8] = "";

	(void)state;
	(void)put(store, "f", ROWS({FB_KIND_NODE, "x", "", 0}, {FB_KIND_NODE, "y", "", 0}, SERVICE("a")),
		  &errs);
	(void)put(store, "g", ROWS({FB_KIND_NODE, "z", "", 0}), &errs);
	(void)put(store, "f", ROWS({FB_KIND_NODE, "y", "", 0}), &errs);
	walk = (struct fb_store_nodes){0};
	while ((node = fb_store_node_next(store, &walk)) != NULL)
		strncat(names, node->meta.name, 1);
	assert_true(strcmp(names, "yz") == 0 || strcmp(names, "zy") == 0);
	fb_store_remove_origin(store, "g");
	fb_store_remove_origin(store, "f");
	walk = (struct fb_store_nodes){0};
	assert_null(fb_store_node_next(store, &walk));
	assert_null(fb_store_node_next(store, &walk));
	fb_store_free(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_changes_is_dirty_and_what_does_not_is_not),
		cmocka_unit_test(a_completed_service_is_seen_until_it_changes),
		cmocka_unit_test(nodes_are_walked_while_they_are_in_force),
		cmocka_unit_test(dirty_services_can_be_taken_by_age),
		cmocka_unit_test(a_slice_that_moves_dirties_both_services),
		cmocka_unit_test(the_first_origin_keeps_an_object_and_the_second_inherits_it),
		cmocka_unit_test(the_same_object_twice_in_one_text_is_an_error),
		cmocka_unit_test(a_refused_object_keeps_what_was_in_force),
		cmocka_unit_test(an_incomplete_text_removes_nothing),
		cmocka_unit_test(all_or_nothing_changes_nothing_when_one_object_is_taken),
		cmocka_unit_test(a_clone_changes_alone),
		cmocka_unit_test(a_merge_adds_and_a_delete_takes_away),
		cmocka_unit_test(without_memory_a_change_leaves_the_store_as_it_was),
		cmocka_unit_test(ten_thousand_services_are_each_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
