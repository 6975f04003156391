/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "manifest/manifest.h"

/* A cluster of 10,000 Services is some 50 MB of YAML; a file this size is a mistake. */
#define FILE_MAX_BYTES (256 * 1024 * 1024)

static int read_all(int fd, char **ret, size_t *ret_len)
{
	size_t cap = 65536;
	size_t len = 0;
	char *text = malloc(cap);
	int rc = 0;

	while (text != NULL) {
		ssize_t n = read(fd, text + len, cap - len);
		char *bigger;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			rc = n < 0 ? -errno : 0;
			break;
		}
		len += (size_t)n;
		if (len > FILE_MAX_BYTES) {
			rc = -EFBIG;
			break;
		}
		if (len < cap)
			continue;
		bigger = realloc(text, cap * 2);
		if (bigger == NULL)
			free(text);
		text = bigger;
		cap *= 2;
	}
	if (text == NULL)
		return -ENOMEM;
	if (rc != 0) {
		free(text);
		return rc;
	}
	*ret = text;
	*ret_len = len;
	return 0;
}

int fb_manifest_read(const char *path, struct fb_objects *ret, struct fb_errs *errs)
{
	/* Not blocking: a FIFO in a watched directory must not stop the caller. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	char *text = NULL;
	size_t len = 0;
	int rc;

	if (fd < 0)
		rc = -errno;
	else if (fstat(fd, &st) != 0)
		rc = -errno;
	else if (!S_ISREG(st.st_mode))
		rc = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	else
		rc = read_all(fd, &text, &len);
	if (fd >= 0)
		(void)close(fd);
	if (rc == -ENOMEM)
		return rc;
	if (rc != 0) {
		fb_errs_add(errs, (struct fb_place){.file = path}, FB_SEV_ERROR,
			    "cannot be read: %s", strerror(-rc));
		ret->incomplete = true;
		return 0;
	}
	rc = fb_manifest_parse(path, text, len, ret, errs);
	free(text);
	return rc;
}
