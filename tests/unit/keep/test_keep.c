/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keep/head.h"
#include "keep/keep.h"

#define LAYOUT 7
#define BYTES  100000

struct fixture {
	char dir[64];
	struct fb_keep_shape shape;
	struct fb_errs errs;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	(void)snprintf(f->dir, sizeof(f->dir), "/dev/shm/fb-test-keep.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->shape.n_workers = 2;
	(void)strcpy(f->shape.ports[0], "lan");
	*state = f;
	return 0;
}

static uint32_t n_files(const struct fixture *f)
{
	DIR *dir = opendir(f->dir);
	uint32_t n = 0;
	struct dirent *e;

	while ((e = readdir(dir)) != NULL)
		n += e->d_name[0] != '.';
	(void)closedir(dir);
	return n;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char path[512];
	DIR *dir = opendir(f->dir);
	struct dirent *e;

	while (dir != NULL && (e = readdir(dir)) != NULL) {
		(void)snprintf(path, sizeof(path), "%s/%s", f->dir, e->d_name);
		(void)unlink(path);
	}
	(void)closedir(dir);
	(void)rmdir(f->dir);
	fb_errs_fini(&f->errs);
	free(f);
	return 0;
}

static struct fb_keep *open_keep(struct fixture *f)
{
	struct fb_keep *keep = fb_keep_open(f->dir, NULL, LAYOUT, &f->shape, &f->errs);

	assert_non_null(keep);
	return keep;
}

/* A run that keeps `text` in a file; settled, and gone without a word if asked. */
static void run(struct fixture *f, const char *text)
{
	struct fb_keep *keep = open_keep(f);
	struct fb_region r;
	bool found;

	assert_int_equal(fb_keep_map(keep, "a", BYTES, -1, &r, &found), 0);
	assert_false(found);
	for (size_t i = 0; i < r.bytes; i++)
		assert_int_equal(((const char *)r.base)[i], 0);
	(void)strcpy(r.base, text);
	assert_int_equal(fb_keep_settle(keep), 0);
	fb_region_unmap(&r);
	fb_keep_close(keep);
}

static void what_was_written_is_there_for_the_next_run(void **state)
{
	struct fixture *f = *state;
	struct fb_keep *keep;
	struct fb_region r;
	bool found;

	run(f, "once");
	keep = open_keep(f);
	assert_int_equal(fb_keep_found(keep), FB_KEEP_SAME);
	assert_true(fb_keep_was_stopped(keep));
	assert_int_equal(fb_keep_map(keep, "a", BYTES, -1, &r, &found), 0);
	assert_true(found);
	assert_string_equal(r.base, "once");
	fb_region_unmap(&r);
	/* Of another size: another file, and empty. */
	assert_int_equal(fb_keep_map(keep, "a", 2 * BYTES, -1, &r, &found), 0);
	assert_false(found);
	assert_string_equal(r.base, "");
	fb_region_unmap(&r);
	assert_int_equal(fb_keep_map_old(keep, "a", &r), -ENOENT);
	fb_keep_close(keep);
	assert_int_equal(f->errs.n, 0);
}

static void the_secret_stays_and_is_another_one_elsewhere(void **state)
{
	struct fixture *f = *state;
	struct fb_keep *keep;
	char secret[33];

	keep = open_keep(f);
	(void)strcpy(secret, fb_keep_secret(keep));
	assert_int_equal(fb_keep_settle(keep), 0);
	fb_keep_close(keep);
	keep = open_keep(f);
	assert_string_equal(fb_keep_secret(keep), secret);
	fb_keep_close(keep);
	assert_int_equal(tear_down(state), 0);
	assert_int_equal(set_up(state), 0);
	keep = open_keep(*state);
	assert_string_not_equal(fb_keep_secret(keep), secret);
	fb_keep_close(keep);
}

static void another_layout_throws_all_away_with_a_notice(void **state)
{
	struct fixture *f = *state;
	struct fb_keep *keep;

	run(f, "once");
	keep = fb_keep_open(f->dir, NULL, LAYOUT + 1, &f->shape, &f->errs);
	assert_non_null(keep);
	assert_int_equal(fb_keep_found(keep), FB_KEEP_NOTHING);
	assert_int_equal(f->errs.n, 1);
	assert_int_equal(f->errs.v[0].severity, FB_SEV_NOTICE);
	assert_non_null(
		strstr(f->errs.v[0].text, "another version with another layout wrote them"));
	assert_int_equal(fb_keep_settle(keep), 0);
	fb_keep_close(keep);
	assert_int_equal(n_files(f), 2); /* lock, head */
}

/* Any byte of it, and any length. */
static void a_broken_head_is_not_believed(void **state)
{
	struct fixture *f = *state;
	struct fb_keep *keep;
	char path[128];

	run(f, "once");
	(void)snprintf(path, sizeof(path), "%s/head", f->dir);
	/* But for the clock and the marks at its end, which are no reason to refuse anything. */
	for (off_t at = 0; at < (off_t)offsetof(struct head, clock_at_ms); at += 5) {
		int fd = open(path, O_RDWR);
		char byte;

		assert_int_equal(pread(fd, &byte, 1, at), 1);
		byte ^= 1;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		keep = open_keep(f);
		assert_int_equal(fb_keep_found(keep), FB_KEEP_NOTHING);
		fb_keep_close(keep);
		byte ^= 1;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		(void)close(fd);
	}
	assert_int_equal(truncate(path, sizeof(struct head) - 1), 0);
	keep = open_keep(f);
	assert_int_equal(fb_keep_found(keep), FB_KEEP_NOTHING);
	fb_keep_close(keep);
}

static void another_shape_is_read_and_replaced(void **state)
{
	struct fixture *f = *state;
	struct fb_keep *keep;
	struct fb_region r;
	bool found;

	run(f, "once");
	f->shape.n_workers = 3;
	/* One that comes to nothing changes nothing. */
	for (int settle = 0; settle < 2; settle++) {
		keep = open_keep(f);
		assert_int_equal(fb_keep_found(keep), FB_KEEP_RESHAPED);
		assert_int_equal(fb_keep_old_shape(keep)->n_workers, 2);
		assert_int_equal(fb_keep_map_old(keep, "a", &r), 0);
		assert_string_equal(r.base, "once");
		fb_region_unmap(&r);
		assert_int_equal(fb_keep_map(keep, "a", BYTES, -1, &r, &found), 0);
		assert_false(found);
		assert_string_equal(r.base, "");
		(void)strcpy(r.base, "twice");
		fb_region_unmap(&r);
		if (settle)
			assert_int_equal(fb_keep_settle(keep), 0);
		fb_keep_close(keep);
	}
	assert_int_equal(n_files(f), 3); /* lock, head, a */
	keep = open_keep(f);
	assert_int_equal(fb_keep_found(keep), FB_KEEP_SAME);
	assert_int_equal(fb_keep_map(keep, "a", BYTES, -1, &r, &found), 0);
	assert_true(found);
	assert_string_equal(r.base, "twice");
	fb_region_unmap(&r);
	fb_keep_close(keep);
}

static void the_clock_goes_on(void **state)
{
	struct fixture *f = *state;
	const uint64_t then_ms = UINT64_C(5000000000); /* past 32 bits */
	struct fb_keep *keep = open_keep(f);
	uint64_t now_ms;

	(void)fb_keep_clock(keep, &now_ms);
	assert_int_equal(now_ms, 0);
	assert_int_equal(fb_keep_settle(keep), 0);
	fb_keep_note_clock(keep, then_ms);
	fb_keep_close(keep);
	keep = open_keep(f);
	(void)fb_keep_clock(keep, &now_ms);
	assert_true(now_ms >= then_ms && now_ms < then_ms + 10000);
	fb_keep_close(keep);
}

static void a_run_that_broke_off_is_told_from_one_that_stopped(void **state)
{
	struct fixture *f = *state;
	struct fb_keep *keep;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		keep = open_keep(f);
		_exit(fb_keep_settle(keep) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	keep = open_keep(f);
	assert_false(fb_keep_was_stopped(keep));
	fb_keep_close(keep);
}

/* Breaks off at once: whatever it is, it comes with the files. */
static void break_off(struct fixture *f)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(fb_keep_settle(open_keep(f)) == 0 ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void files_that_runs_break_off_with_are_given_up(void **state)
{
	struct fixture *f = *state;
	struct fb_keep *keep;

	for (int i = 0; i < FB_KEEP_MOST_SHORT - 1; i++)
		break_off(f);
	/* One that stops as it should is a sign that all is well. */
	keep = open_keep(f);
	assert_int_equal(fb_keep_found(keep), FB_KEEP_SAME);
	assert_int_equal(fb_keep_settle(keep), 0);
	fb_keep_close(keep);
	for (int i = 0; i < FB_KEEP_MOST_SHORT; i++)
		break_off(f);
	assert_int_equal(f->errs.n, 0);
	keep = open_keep(f);
	assert_int_equal(fb_keep_found(keep), FB_KEEP_NOTHING);
	assert_non_null(strstr(f->errs.v[0].text, "several runs in a row broke off"));
	assert_int_equal(fb_keep_settle(keep), 0);
	fb_keep_close(keep);
	keep = open_keep(f);
	assert_int_equal(fb_keep_found(keep), FB_KEEP_SAME);
	fb_keep_close(keep);
}

static void two_do_not_share_a_directory(void **state)
{
	struct fixture *f = *state;
	struct fb_keep *keep = open_keep(f);

	assert_null(fb_keep_open(f->dir, NULL, LAYOUT, &f->shape, &f->errs));
	assert_non_null(strstr(f->errs.v[0].text, "another forebay uses it"));
	fb_keep_close(keep);
	fb_keep_close(open_keep(f));
}

static void a_directory_that_is_not_ours_or_not_in_memory_is_refused(void **state)
{
	struct fixture *f = *state;
	char path[128];

	assert_int_equal(chmod(f->dir, 0777), 0);
	assert_null(fb_keep_open(f->dir, NULL, LAYOUT, &f->shape, &f->errs));
	assert_non_null(strstr(f->errs.v[0].text, "others may write to it"));
	assert_int_equal(chmod(f->dir, 0700), 0);
	assert_null(fb_keep_open("/proc/self", NULL, LAYOUT, &f->shape, &f->errs));
	assert_null(fb_keep_open("/dev/shm/not/there", NULL, LAYOUT, &f->shape, &f->errs));
	(void)snprintf(path, sizeof(path), "%s/link", f->dir);
	assert_int_equal(symlink(f->dir, path), 0);
	assert_null(fb_keep_open(path, NULL, LAYOUT, &f->shape, &f->errs));
	assert_int_equal(f->errs.n, 4);
	assert_int_equal(f->errs.n_errors, 0);
}

/* Refused where it lies, and told by an error: not by a signal at the first write. */
static void what_does_not_fit_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct fb_keep *keep = open_keep(f);
	struct fb_region r;
	bool found;

	assert_true(fb_keep_map(keep, "a", UINT64_C(1) << 46, -1, &r, &found) < 0);
	assert_int_equal(n_files(f), 1); /* lock */
	fb_keep_close(keep);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(what_was_written_is_there_for_the_next_run),
		TEST(the_secret_stays_and_is_another_one_elsewhere),
		TEST(another_layout_throws_all_away_with_a_notice),
		TEST(a_broken_head_is_not_believed),
		TEST(another_shape_is_read_and_replaced),
		TEST(the_clock_goes_on),
		TEST(a_run_that_broke_off_is_told_from_one_that_stopped),
		TEST(files_that_runs_break_off_with_are_given_up),
		TEST(two_do_not_share_a_directory),
		TEST(a_directory_that_is_not_ours_or_not_in_memory_is_refused),
		TEST(what_does_not_fit_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
