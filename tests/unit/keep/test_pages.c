/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What is kept on a hugetlbfs, of which this test mounts one of its own. Needs root, and four free pages of
 * 2 MB (scripts/test reserves them).
 */

#include "unit.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keep/keep.h"

#define FREE "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"

enum { PAGE = 2 << 20, BYTES = 2 * PAGE, NEEDED = 4, LAYOUT = 7 };

struct fixture {
	char mount[64];
	char huge[96]; /* on it */
	char small[64];
	struct fb_keep_shape shape;
	struct fb_errs errs;
};

static unsigned long free_pages(void)
{
	FILE *f = fopen(FREE, "r");
	unsigned long n = 0;

	if (f == NULL)
		return 0;
	if (fscanf(f, "%lu", &n) != 1)
		n = 0;
	(void)fclose(f);
	return n;
}

static void mount_pages(struct fixture *f, const char *options)
{
	assert_int_equal(mount("none", f->mount, "hugetlbfs", 0, options), 0);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	(void)snprintf(f->mount, sizeof(f->mount), "/tmp/fb-test-pages.XXXXXX");
	(void)snprintf(f->small, sizeof(f->small), "/dev/shm/fb-test-pages.XXXXXX");
	assert_non_null(mkdtemp(f->mount));
	assert_non_null(mkdtemp(f->small));
	mount_pages(f, "pagesize=2M");
	(void)snprintf(f->huge, sizeof(f->huge), "%s/forebay", f->mount);
	f->shape.n_workers = 2;
	*state = f;
	return 0;
}

static void remove_small(const struct fixture *f)
{
	static const char *const names[] = {"head", "lock", "flows.1", "flows.2"};
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", f->small, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(f->small);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(umount(f->mount), 0);
	(void)rmdir(f->mount);
	remove_small(f);
	fb_errs_fini(&f->errs);
	free(f);
	return 0;
}

/* A run that finds what the one before said, and says something else. @return what was there */
static void run(struct fixture *f, const char *dir, const char *huge_dir, const char *wanted,
		const char *text)
{
	struct fb_keep *keep = fb_keep_open(dir, huge_dir, LAYOUT, &f->shape, &f->errs);
	struct fb_region r;
	bool found;

	assert_non_null(keep);
	assert_int_equal(fb_keep_found(keep), wanted != NULL ? FB_KEEP_SAME : FB_KEEP_NOTHING);
	assert_int_equal(fb_keep_map(keep, "flows", BYTES, -1, &r, &found), 0);
	assert_int_equal(found, wanted != NULL);
	assert_string_equal((char *)r.base + PAGE, wanted != NULL ? wanted : "");
	(void)strcpy((char *)r.base + PAGE, text);
	assert_int_equal(fb_keep_settle(keep), 0);
	fb_region_unmap(&r);
	fb_keep_close(keep);
}

static void tables_lie_in_huge_pages_and_outlive_the_process(void **state)
{
	struct fixture *f = *state;
	const unsigned long before = free_pages();

	run(f, f->small, f->huge, NULL, "first");
	assert_int_equal(free_pages(), before - 2);
	run(f, f->small, f->huge, "first", "second");
	assert_int_equal(free_pages(), before - 2);
	run(f, f->small, f->huge, "second", "third");
	assert_int_equal(f->errs.n, 0);
}

static void another_shape_gives_the_pages_back(void **state)
{
	struct fixture *f = *state;
	const unsigned long before = free_pages();
	struct fb_region now;
	struct fb_region old;
	struct fb_keep *keep;
	bool found;

	run(f, f->small, f->huge, NULL, "first");
	f->shape.n_workers = 3;
	keep = fb_keep_open(f->small, f->huge, LAYOUT, &f->shape, &f->errs);
	assert_non_null(keep);
	assert_int_equal(fb_keep_found(keep), FB_KEEP_RESHAPED);
	assert_int_equal(fb_keep_map_old(keep, "flows", &old), 0);
	assert_string_equal((char *)old.base + PAGE, "first");
	assert_int_equal(fb_keep_map(keep, "flows", BYTES, -1, &now, &found), 0);
	assert_false(found);
	assert_string_equal((char *)now.base + PAGE, "");
	assert_int_equal(free_pages(), before - 4);
	fb_region_unmap(&old);
	assert_int_equal(fb_keep_settle(keep), 0);
	assert_int_equal(free_pages(), before - 2);
	fb_region_unmap(&now);
	fb_keep_close(keep);
}

/* One is there, and two are needed. */
static void without_enough_pages_the_other_directory_has_them(void **state)
{
	struct fixture *f = *state;
	const unsigned long before = free_pages();

	assert_int_equal(umount(f->mount), 0);
	mount_pages(f, "pagesize=2M,size=2M");
	run(f, f->small, f->huge, NULL, "first");
	assert_int_equal(free_pages(), before);
	run(f, f->small, f->huge, "first", "second");
}

static void all_of_it_may_lie_on_a_hugetlbfs(void **state)
{
	struct fixture *f = *state;

	run(f, f->huge, NULL, NULL, "first");
	run(f, f->huge, NULL, "first", "second");
	assert_int_equal(f->errs.n, 0);
}

#define WITH_MOUNT(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_MOUNT(tables_lie_in_huge_pages_and_outlive_the_process),
		WITH_MOUNT(another_shape_gives_the_pages_back),
		WITH_MOUNT(without_enough_pages_the_other_directory_has_them),
		WITH_MOUNT(all_of_it_may_lie_on_a_hugetlbfs),
	};

	if (free_pages() < NEEDED) {
		(void)printf("1..0 # SKIP fewer than %d free huge pages of 2 MB\n", NEEDED);
		return 0;
	}
	/* Mounts of ours are nobody else's. */
	if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
		(void)printf("1..0 # SKIP a mount of its own needs root\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
