/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/last_good.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "control/file.h"

#define MARK       "# forebay last good "
#define PIECE_US   500 /* of a pass of the loop */
#define NAME_CHARS 180 /* of the file's own name, for people */
#define HEAD_BYTES (sizeof(MARK) + 17 + PATH_MAX + 1)

static bool dir_of(const struct fb_control *c, char dir[PATH_MAX])
{
	int len = snprintf(dir, PATH_MAX, "%s/sources", c->p.config->state_dir);

	return len > 0 && len < PATH_MAX;
}

static uint64_t check_of(const char *path, const char *text, size_t len)
{
	struct fb_hash_secret secret;

	fb_hash_secret_init(&secret, path);
	return fb_hash_bytes(&secret, text, len);
}

/* Files of one name in several directories have copies of their own. */
static void copy_name(const char *path, char name[NAME_MAX + 1])
{
	const char *base = strrchr(path, '/');
	struct fb_hash_secret secret;

	fb_hash_secret_init(&secret, "last good");
	(void)snprintf(name, NAME_MAX + 1, "%.*s.%016" PRIx64, NAME_CHARS,
		       base != NULL ? base + 1 : path, fb_hash_bytes(&secret, path, strlen(path)));
}

void fb_last_good_note(struct fb_origin *origin, char *text, size_t len)
{
	free(origin->good_text);
	origin->good_text = text;
	origin->good_len = len;
}

/* The first line of a copy, "" if there is none. */
static void read_head(int dir_fd, const char *name, char head[HEAD_BYTES])
{
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t n = fd >= 0 ? pread(fd, head, HEAD_BYTES - 1, 0) : -1;

	if (fd >= 0)
		(void)close(fd);
	head[n > 0 ? n : 0] = '\0';
	head[strcspn(head, "\n")] = '\0';
}

static int write_copy(int dir_fd, const char *name, const char *head, const char *text, size_t len)
{
	char temp[NAME_MAX + 16];
	FILE *f;
	int fd;
	int err = 0;

	(void)snprintf(temp, sizeof(temp), ".%s.new", name);
	fd = openat(dir_fd, temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	f = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (f == NULL) {
		err = -errno;
		if (fd >= 0)
			(void)close(fd);
		return err;
	}
	if (fprintf(f, "%s\n", head) < 0 || (len > 0 && fwrite(text, 1, len, f) != len))
		err = -errno;
	if (fclose(f) != 0 && err == 0)
		err = -errno;
	if (err == 0 && renameat(dir_fd, temp, dir_fd, name) != 0)
		err = -errno;
	if (err != 0)
		(void)unlinkat(dir_fd, temp, 0);
	return err;
}

static int keep(const char *dir, const char *path, const char *text, size_t len)
{
	char head[HEAD_BYTES];
	char now[HEAD_BYTES];
	char name[NAME_MAX + 1];
	int dir_fd;
	int err;

	/* Its first line could not hold it. */
	if (strchr(path, '\n') != NULL || strlen(path) >= PATH_MAX)
		return -EINVAL;
	err = fb_file_make_dir(dir);
	dir_fd = err == 0 ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (dir_fd < 0)
		return err != 0 ? err : -errno;
	copy_name(path, name);
	(void)snprintf(head, sizeof(head), MARK "%016" PRIx64 " %s", check_of(path, text, len),
		       path);
	read_head(dir_fd, name, now);
	if (strcmp(head, now) != 0)
		err = write_copy(dir_fd, name, head, text, len);
	(void)close(dir_fd);
	return err;
}

static void keep_origin(struct fb_control *c, struct fb_origin *origin)
{
	char dir[PATH_MAX];
	int err = dir_of(c, dir) ? keep(dir, origin->path, origin->good_text, origin->good_len)
				 : -ENAMETOOLONG;

	free(origin->good_text);
	origin->good_text = NULL;
	if (err != 0 && !c->last_good_failed)
		fb_control_log(
			c, FB_LOG_WARNING,
			"%s: its last good state cannot be kept in %s: %s; a start without the "
			"source will lack it",
			origin->path, dir, strerror(-err));
	c->last_good_failed = err != 0;
}

void fb_last_good_work(struct fb_control *c)
{
	uint64_t until_us = 0;

	for (uint32_t i = 0; i < c->n_origins; i++) {
		if (c->origins[i].good_text == NULL)
			continue;
		if (until_us == 0)
			until_us = fb_control_clock_us() + PIECE_US;
		else if (fb_control_clock_us() >= until_us)
			return;
		keep_origin(c, &c->origins[i]);
	}
}

void fb_last_good_flush(struct fb_control *c)
{
	for (uint32_t i = 0; i < c->n_origins; i++) {
		if (c->origins[i].good_text != NULL)
			keep_origin(c, &c->origins[i]);
	}
}

char *fb_last_good_read(const struct fb_control *c, const char *path, size_t *ret_len)
{
	struct fb_errs errs = FB_ERRS_INIT;
	char name[NAME_MAX + 1];
	char dir[PATH_MAX];
	char file[PATH_MAX + NAME_MAX + 2];
	char head[HEAD_BYTES];
	char *text = NULL;
	size_t len = 0;
	size_t head_len;

	if (!dir_of(c, dir))
		return NULL;
	copy_name(path, name);
	(void)snprintf(file, sizeof(file), "%s/%s", dir, name);
	if (fb_file_read(file, &text, &len, &errs) != 0) {
		fb_errs_fini(&errs);
		return NULL;
	}
	head_len = strcspn(text, "\n") + 1;
	if (head_len <= len) {
		(void)snprintf(head, sizeof(head), MARK "%016" PRIx64 " %s\n",
			       check_of(path, text + head_len, len - head_len), path);
		if (strncmp(text, head, head_len) == 0 && strlen(head) == head_len) {
			memmove(text, text + head_len, len - head_len + 1);
			*ret_len = len - head_len;
			return text;
		}
	}
	free(text);
	return NULL;
}

void fb_last_good_forget(const struct fb_control *c, const char *path)
{
	char name[NAME_MAX + 1];
	char dir[PATH_MAX];
	int dir_fd;

	if (!dir_of(c, dir))
		return;
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return;
	copy_name(path, name);
	(void)unlinkat(dir_fd, name, 0);
	(void)close(dir_fd);
}

void fb_last_good_each(struct fb_control *c, void (*each)(struct fb_control *c, const char *path))
{
	const size_t path_at = sizeof(MARK) - 1 + 17;
	char dir[PATH_MAX];
	struct dirent *e;
	DIR *d;

	if (!dir_of(c, dir))
		return;
	d = opendir(dir);
	while (d != NULL && (e = readdir(d)) != NULL) {
		char head[HEAD_BYTES];

		if (e->d_name[0] == '.')
			continue;
		read_head(dirfd(d), e->d_name, head);
		if (strncmp(head, MARK, sizeof(MARK) - 1) == 0 && strlen(head) > path_at)
			each(c, head + path_at);
	}
	if (d != NULL)
		(void)closedir(d);
}
