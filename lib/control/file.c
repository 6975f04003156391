/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

/* The size may change while reading: what counts is where the file ends. */
static int read_all(int fd, size_t expected, char **ret_text, size_t *ret_len)
{
	size_t cap = expected + 1;
	size_t len = 0;
	char *text = malloc(cap + 1);

	for (;;) {
		ssize_t n;

		if (text == NULL)
			return -ENOMEM;
		n = read(fd, text + len, cap - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || len + (size_t)n > FB_FILE_MAX_BYTES) {
			int ret = n < 0 ? -errno : -EFBIG;

			free(text);
			return ret;
		}
		if (n == 0)
			break;
		len += (size_t)n;
		if (len == cap) {
			char *grown;

			cap *= 2;
			grown = realloc(text, cap + 1);
			if (grown == NULL)
				free(text);
			text = grown;
		}
	}
	text[len] = '\0';
	*ret_text = text;
	*ret_len = len;
	return 0;
}

int fb_file_read(const char *path, char **ret_text, size_t *ret_len, struct fb_errs *errs)
{
	/* Non-blocking, so that a FIFO does not hold the loop up. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	int ret = 0;

	if (fd < 0 || fstat(fd, &st) != 0)
		ret = -errno;
	else if (!S_ISREG(st.st_mode))
		ret = -EINVAL;
	else if ((uint64_t)st.st_size > FB_FILE_MAX_BYTES)
		ret = -EFBIG;
	else
		ret = read_all(fd, (size_t)st.st_size, ret_text, ret_len);
	if (fd >= 0)
		(void)close(fd);
	if (ret == -EFBIG)
		fb_errs_add(errs, (struct fb_place){.file = path}, FB_SEV_ERROR,
			    "larger than %u MB", FB_FILE_MAX_BYTES >> 20);
	else if (ret == -EINVAL)
		fb_errs_add(errs, (struct fb_place){.file = path}, FB_SEV_ERROR,
			    "not a regular file");
	else if (ret != 0 && ret != -ENOENT)
		fb_errs_add(errs, (struct fb_place){.file = path}, FB_SEV_ERROR, "%s",
			    strerror(-ret));
	return ret;
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return fsync(fd) == 0 ? 0 : -errno;
}

static int replace_in(int dir_fd, const char *name, const char *text, size_t len)
{
	char temp[NAME_MAX + 1];
	int ret;
	int fd;

	ret = snprintf(temp, sizeof(temp), ".%s.new", name);
	if (ret < 0 || (size_t)ret >= sizeof(temp))
		return -ENAMETOOLONG;
	fd = openat(dir_fd, temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	ret = write_all(fd, text, len);
	(void)close(fd);
	if (ret == 0 && renameat(dir_fd, temp, dir_fd, name) != 0)
		ret = -errno;
	if (ret != 0)
		(void)unlinkat(dir_fd, temp, 0);
	else if (fsync(dir_fd) != 0)
		ret = -errno;
	return ret;
}

int fb_file_replace(const char *dir, const char *name, const char *text, size_t len)
{
	int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int ret;

	if (dir_fd < 0)
		return -errno;
	ret = replace_in(dir_fd, name, text, len);
	(void)close(dir_fd);
	return ret;
}

int fb_file_remove(const char *dir, const char *name)
{
	int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int ret = 0;

	if (dir_fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (unlinkat(dir_fd, name, 0) != 0)
		ret = errno == ENOENT ? 0 : -errno;
	else if (fsync(dir_fd) != 0)
		ret = -errno;
	(void)close(dir_fd);
	return ret;
}

int fb_file_make_dir(const char *path)
{
	char part[PATH_MAX];
	size_t len = strlen(path);

	if (len == 0 || len >= sizeof(part))
		return -ENAMETOOLONG;
	for (size_t i = 1; i <= len; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, 0755) != 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}
