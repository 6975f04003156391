/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <poll.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/stat.h>

#include "alloc_fail.h"
#include "control/source.h"

/* What was reported, as text: "+a.yaml -b.yaml missing back", in order. */
struct seen {
	char text[512];
	bool busy; /* takes note of nothing */
};

struct fixture {
	char dir[32];  /* of mkdtemp() */
	char path[64]; /* the source: a directory below it */
	struct fb_sources *sources;
	struct seen seen;
	uint64_t now_ms;
};

static void add_word(struct seen *seen, const char *sign, const char *word)
{
	size_t len = strlen(seen->text);

	(void)snprintf(seen->text + len, sizeof(seen->text) - len, "%s%s%s", len > 0 ? " " : "",
		       sign, word);
}

static bool file(void *arg, uint32_t source, const char *path, bool present)
{
	const struct seen *seen = arg;

	add_word(arg, present ? "+" : "-", strrchr(path, '/') + 1);
	return !seen->busy;
}

static void missing(void *arg, uint32_t source, int error)
{
	add_word(arg, "", error != 0 ? "missing" : "back");
}

static void report(struct fixture *f)
{
	const struct fb_sources_handler handler = {file, missing, &f->seen};

	f->seen.text[0] = '\0';
	f->now_ms += 1000;
	(void)fb_sources_report(f->sources, f->now_ms, &handler);
}

/* Events are queued before the call that made them returns; the poll is only a bound. */
static void take_events(struct fixture *f)
{
	struct pollfd pfd = {.fd = fb_sources_fd(f->sources), .events = POLLIN};

	assert_int_equal(poll(&pfd, 1, 2000), 1);
	fb_sources_process(f->sources, f->now_ms);
}

static const char *in(struct fixture *f, const char *name)
{
	static char paths[4][256];
	static int next;
	char *path = paths[next++ % 4];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", f->path, name);
	return path;
}

static FILE *begin_file(const char *path)
{
	FILE *stream = fopen(path, "we");

	assert_non_null(stream);
	assert_true(fputs("text", stream) >= 0);
	assert_int_equal(fflush(stream), 0);
	return stream;
}

static void write_file(const char *path)
{
	assert_int_equal(fclose(begin_file(path)), 0);
}

static void open_sources(struct fixture *f)
{
	const struct fb_config_source v = {.path = f->path};

	f->sources = fb_sources_open(&v, 1);
	assert_non_null(f->sources);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	(void)strcpy(f->dir, "/tmp/fb-source-XXXXXX");
	if (mkdtemp(f->dir) == NULL)
		return -1;
	(void)snprintf(f->path, sizeof(f->path), "%s/manifests", f->dir);
	*state = f;
	return mkdir(f->path, 0755);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char command[64];

	fb_sources_close(f->sources);
	(void)snprintf(command, sizeof(command), "rm -rf %s", f->dir);
	free(f);
	return system(command);
}

static void the_first_report_names_manifests_only(void **state)
{
	struct fixture *f = *state;

	write_file(in(f, "b.yaml"));
	write_file(in(f, "a.json"));
	write_file(in(f, "c.yml"));
	write_file(in(f, ".hidden.yaml"));
	write_file(in(f, "README.md"));
	assert_int_equal(mkdir(in(f, "below.yaml"), 0755), 0);
	open_sources(f);
	report(f);
	assert_string_equal(f->seen.text, "+a.json +b.yaml +c.yml");
	report(f);
	assert_string_equal(f->seen.text, "");
}

static void a_file_is_reported_when_it_is_closed_and_not_before(void **state)
{
	struct fixture *f = *state;
	FILE *stream;

	open_sources(f);
	report(f);
	stream = begin_file(in(f, "a.yaml"));
	write_file(in(f, "b.yaml"));
	take_events(f);
	report(f);
	assert_string_equal(f->seen.text, "+b.yaml");
	assert_int_equal(fclose(stream), 0);
	take_events(f);
	report(f);
	assert_string_equal(f->seen.text, "+a.yaml");
}

static void renaming_and_removing_are_reported(void **state)
{
	struct fixture *f = *state;

	open_sources(f);
	report(f);
	write_file(in(f, "new"));
	assert_int_equal(rename(in(f, "new"), in(f, "a.yaml")), 0);
	take_events(f);
	report(f);
	assert_string_equal(f->seen.text, "+a.yaml");
	assert_int_equal(unlink(in(f, "a.yaml")), 0);
	take_events(f);
	report(f);
	assert_string_equal(f->seen.text, "-a.yaml");
}

static void a_new_link_is_complete_when_it_appears(void **state)
{
	struct fixture *f = *state;

	write_file(in(f, "target"));
	open_sources(f);
	report(f);
	assert_int_equal(symlink("target", in(f, "a.yaml")), 0);
	take_events(f);
	report(f);
	assert_string_equal(f->seen.text, "+a.yaml");
}

static void the_swap_of_a_mounted_config_map_is_seen(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkdir(in(f, "..1"), 0755), 0);
	assert_int_equal(mkdir(in(f, "..2"), 0755), 0);
	write_file(in(f, "..1/a.yaml"));
	write_file(in(f, "..2/a.yaml"));
	assert_int_equal(symlink("..1", in(f, "..data")), 0);
	assert_int_equal(symlink("..data/a.yaml", in(f, "a.yaml")), 0);
	open_sources(f);
	report(f);
	assert_string_equal(f->seen.text, "+a.yaml");
	assert_int_equal(symlink("..2", in(f, "..data_tmp")), 0);
	assert_int_equal(rename(in(f, "..data_tmp"), in(f, "..data")), 0);
	take_events(f);
	report(f);
	assert_string_equal(f->seen.text, "+a.yaml");
}

static void a_directory_that_is_replaced_is_compared(void **state)
{
	struct fixture *f = *state;
	char other[64];

	write_file(in(f, "gone.yaml"));
	write_file(in(f, "kept.yaml"));
	open_sources(f);
	report(f);
	(void)snprintf(other, sizeof(other), "%s/other", f->dir);
	assert_int_equal(rename(f->path, other), 0);
	take_events(f);
	report(f);
	assert_string_equal(f->seen.text, "missing");
	assert_int_equal(rename(other, f->path), 0);
	assert_int_equal(unlink(in(f, "gone.yaml")), 0);
	write_file(in(f, "new.yaml"));
	take_events(f);
	report(f);
	assert_string_equal(f->seen.text, "back -gone.yaml +new.yaml");
}

static void a_path_that_is_missing_at_the_start_is_waited_for(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(rmdir(f->path), 0);
	(void)snprintf(f->path, sizeof(f->path), "%s/x/y/manifests", f->dir);
	open_sources(f);
	report(f);
	assert_string_equal(f->seen.text, "missing");
	(void)snprintf(f->path, sizeof(f->path), "%s/x", f->dir);
	assert_int_equal(mkdir(f->path, 0755), 0);
	assert_int_equal(mkdir(in(f, "y"), 0755), 0);
	take_events(f);
	report(f);
	assert_string_equal(f->seen.text, "");
	assert_int_equal(mkdir(in(f, "y/manifests"), 0755), 0);
	write_file(in(f, "y/manifests/a.yaml"));
	take_events(f);
	report(f);
	assert_string_equal(f->seen.text, "back +a.yaml");
}

static void several_changes_are_reported_once_each(void **state)
{
	struct fixture *f = *state;

	for (const char *name = "bdfh"; *name != '\0'; name++)
		write_file(in(f, (const char[]){*name, '.', 'y', 'm', 'l', '\0'}));
	open_sources(f);
	report(f);
	for (const char *name = "gcac"; *name != '\0'; name++)
		write_file(in(f, (const char[]){*name, '.', 'y', 'm', 'l', '\0'}));
	assert_int_equal(unlink(in(f, "d.yml")), 0);
	assert_int_equal(unlink(in(f, "h.yml")), 0);
	write_file(in(f, "f.yml"));
	take_events(f);
	report(f);
	assert_string_equal(f->seen.text, "+a.yml +c.yml -d.yml +f.yml +g.yml -h.yml");
	assert_int_equal(unlink(in(f, "a.yml")), 0);
	assert_int_equal(unlink(in(f, "g.yml")), 0);
	take_events(f);
	report(f);
	assert_string_equal(f->seen.text, "-a.yml -g.yml");
	fb_sources_rescan(f->sources, f->now_ms);
	report(f);
	assert_string_equal(f->seen.text, "");
}

static void a_link_in_place_of_the_directory_is_seen_at_once(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkdir(in(f, "../other"), 0755), 0);
	write_file(in(f, "../other/a.yaml"));
	assert_int_equal(rmdir(f->path), 0);
	open_sources(f);
	report(f);
	assert_string_equal(f->seen.text, "missing");
	assert_int_equal(symlink("other", f->path), 0);
	take_events(f);
	f->now_ms -= 1000 - FB_SOURCE_SETTLE_MS;
	report(f);
	assert_string_equal(f->seen.text, "back +a.yaml");
}

static void what_no_event_tells_of_is_looked_at_every_second(void **state)
{
	struct fixture *f = *state;
	char far[64];

	/* The link's target is in no directory that is watched. */
	(void)snprintf(far, sizeof(far), "%s/far", f->dir);
	assert_int_equal(mkdir(far, 0755), 0);
	assert_int_equal(rmdir(f->path), 0);
	assert_int_equal(symlink("far/away", f->path), 0);
	open_sources(f);
	report(f);
	assert_string_equal(f->seen.text, "missing");
	assert_int_equal(fb_sources_due_ms(f->sources), f->now_ms + 1000);
	(void)snprintf(far, sizeof(far), "%s/far/away", f->dir);
	assert_int_equal(mkdir(far, 0755), 0);
	write_file(in(f, "a.yaml"));
	report(f);
	assert_string_equal(f->seen.text, "back +a.yaml");
	assert_int_equal(fb_sources_due_ms(f->sources), UINT64_MAX);
}

static void events_settle_before_they_are_reported(void **state)
{
	struct fixture *f = *state;
	const struct fb_sources_handler handler = {file, missing, &f->seen};
	uint64_t start;

	open_sources(f);
	report(f);
	start = f->now_ms;
	write_file(in(f, "a.yaml"));
	take_events(f);
	assert_int_equal(fb_sources_due_ms(f->sources), start + FB_SOURCE_SETTLE_MS);
	assert_false(fb_sources_report(f->sources, start + FB_SOURCE_SETTLE_MS - 1, &handler));
	/* Somebody who never stops writing is not waited for. */
	f->now_ms = start + FB_SOURCE_SETTLE_MAX_MS - 1;
	write_file(in(f, "b.yaml"));
	take_events(f);
	assert_int_equal(fb_sources_due_ms(f->sources), start + FB_SOURCE_SETTLE_MAX_MS);
	f->seen.text[0] = '\0';
	assert_true(fb_sources_report(f->sources, start + FB_SOURCE_SETTLE_MAX_MS, &handler));
	assert_string_equal(f->seen.text, "+a.yaml +b.yaml");
}

static void what_nobody_took_note_of_is_reported_again(void **state)
{
	struct fixture *f = *state;

	write_file(in(f, "a.yaml"));
	open_sources(f);
	f->seen.busy = true;
	report(f);
	assert_string_equal(f->seen.text, "+a.yaml");
	assert_int_equal(fb_sources_due_ms(f->sources), f->now_ms + 1000);
	write_file(in(f, "b.yaml"));
	take_events(f);
	report(f);
	assert_string_equal(f->seen.text, "+a.yaml +b.yaml");
	f->seen.busy = false;
	report(f);
	assert_string_equal(f->seen.text, "+a.yaml +b.yaml");
	report(f);
	assert_string_equal(f->seen.text, "");
	assert_int_equal(fb_sources_due_ms(f->sources), UINT64_MAX);
}

/* Endpoints that change ten times a second do not put off what is looked at once a second. */
static void changes_elsewhere_do_not_put_it_off(void **state)
{
	struct fixture *f = *state;
	const struct fb_sources_handler handler = {file, missing, &f->seen};
	bool again = false;

	write_file(in(f, "a.yaml"));
	open_sources(f);
	f->seen.busy = true;
	report(f);
	f->seen.busy = false;
	for (int i = 0; i < 11; i++) {
		write_file(in(f, "b.yaml"));
		take_events(f);
		f->now_ms += 100;
		f->seen.text[0] = '\0';
		assert_true(fb_sources_report(f->sources, f->now_ms, &handler));
		again |= strstr(f->seen.text, "+a.yaml") != NULL;
	}
	assert_true(again);
}

/* Whichever allocation fails: a file's coming and going is told within a second. */
static void without_memory_it_is_told_a_second_later(void **state)
{
	struct fixture *f = *state;
	bool failed = true;

	write_file(in(f, "a.yaml"));
	open_sources(f);
	report(f);
	for (unsigned int n = 1; failed; n++) {
		write_file(in(f, "b.yaml"));
		write_file(in(f, "c.yaml"));
		alloc_fail_at(n);
		take_events(f);
		report(f);
		failed = alloc_fail_stop();
		if (strstr(f->seen.text, "+b.yaml +c.yaml") == NULL) {
			report(f);
			assert_non_null(strstr(f->seen.text, "+b.yaml"));
		} else {
			report(f);
		}
		assert_int_equal(unlink(in(f, "b.yaml")), 0);
		assert_int_equal(unlink(in(f, "c.yaml")), 0);
		take_events(f);
		report(f);
		assert_string_equal(f->seen.text, "-b.yaml -c.yaml");
	}
}

/* ---- somebody who writes, renames and removes while the files are read ---- */

#define RACE_FILES 8
#define RACE_STEPS 4000

struct racer {
	const char *dir;
	bool done; /* atomic */
};

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void *race(void *arg)
{
	struct racer *r = arg;
	uint32_t seed = 7;
	char path[128];
	char other[128];

	for (int i = 0; i < RACE_STEPS; i++) {
		uint32_t file = next_random(&seed) % RACE_FILES;
		int fd;

		(void)snprintf(path, sizeof(path), "%s/%u.yaml", r->dir, file);
		(void)snprintf(other, sizeof(other), "%s/new", r->dir);
		switch (next_random(&seed) % 4) {
		case 0: /* in place, in two pieces */
			fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
			if (fd >= 0 && (write(fd, "half ", 5) != 5 || write(fd, "whole", 5) != 5))
				return NULL;
			break;
		case 1: /* whole */
			fd = open(other, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
			if (fd >= 0 && write(fd, &seed, sizeof(seed)) != sizeof(seed))
				return NULL;
			(void)rename(other, path);
			break;
		case 2:
			fd = -1;
			(void)unlink(path);
			break;
		default:
			fd = -1;
			(void)snprintf(other, sizeof(other), "%s/%u.yaml", r->dir,
				       next_random(&seed) % RACE_FILES);
			(void)rename(path, other);
			break;
		}
		if (fd >= 0)
			(void)close(fd);
	}
	__atomic_store_n(&r->done, true, __ATOMIC_RELEASE);
	return NULL;
}

/* What the reader knows of each file: its content, or that there is none. */
struct reader {
	char known[RACE_FILES][16];
	int len[RACE_FILES]; /* -1: no file */
};

static int read_content(const char *path, char ret[16])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int len = fd >= 0 ? (int)read(fd, ret, 16) : -1;

	if (fd >= 0)
		(void)close(fd);
	return len;
}

static bool take_content(void *arg, uint32_t source, const char *path, bool present)
{
	struct reader *r = arg;
	int file = atoi(strrchr(path, '/') + 1);

	r->len[file] = present ? read_content(path, r->known[file]) : -1;
	return true;
}

static void a_writer_who_never_waits_is_followed_to_the_end(void **state)
{
	struct fixture *f = *state;
	struct racer racer = {.dir = f->path};
	struct reader reader;
	const struct fb_sources_handler handler = {take_content, missing, &reader};
	struct pollfd pfd;
	pthread_t thread;

	for (int i = 0; i < RACE_FILES; i++)
		reader.len[i] = -1;
	open_sources(f);
	pfd = (struct pollfd){.fd = fb_sources_fd(f->sources), .events = POLLIN};
	assert_int_equal(pthread_create(&thread, NULL, race, &racer), 0);
	while (!__atomic_load_n(&racer.done, __ATOMIC_ACQUIRE)) {
		f->now_ms += 50;
		fb_sources_process(f->sources, f->now_ms);
		(void)fb_sources_report(f->sources, f->now_ms + 1, &handler);
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	while (poll(&pfd, 1, 0) > 0)
		fb_sources_process(f->sources, f->now_ms);
	f->now_ms += 1000;
	(void)fb_sources_report(f->sources, f->now_ms, &handler);
	for (int i = 0; i < RACE_FILES; i++) {
		char name[16];
		char content[16];
		int len;

		(void)snprintf(name, sizeof(name), "%d.yaml", i);
		len = read_content(in(f, name), content);
		if (len != reader.len[i] ||
		    (len > 0 && memcmp(content, reader.known[i], (size_t)len) != 0))
			fail_msg("%s: %d bytes are known, there are %d", name, reader.len[i], len);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(the_first_report_names_manifests_only),
		T(a_file_is_reported_when_it_is_closed_and_not_before),
		T(renaming_and_removing_are_reported),
		T(a_new_link_is_complete_when_it_appears),
		T(the_swap_of_a_mounted_config_map_is_seen),
		T(a_directory_that_is_replaced_is_compared),
		T(a_path_that_is_missing_at_the_start_is_waited_for),
		T(several_changes_are_reported_once_each),
		T(a_link_in_place_of_the_directory_is_seen_at_once),
		T(what_no_event_tells_of_is_looked_at_every_second),
		T(events_settle_before_they_are_reported),
		T(what_nobody_took_note_of_is_reported_again),
		T(changes_elsewhere_do_not_put_it_off),
		T(without_memory_it_is_told_a_second_later),
		T(a_writer_who_never_waits_is_followed_to_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
