/* SPDX-License-Identifier: BSD-3-Clause */

#include "keep/head.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"

#define MAGIC UINT64_C(0x66625f6b65657002) /* "fb_keep", 2 */

static uint64_t check_of(const struct head *head)
{
	const size_t begin = offsetof(struct head, layout);
	struct fb_hash_secret secret;

	fb_hash_secret_init(&secret, "forebay keep head");
	return fb_hash_bytes(&secret, (const uint8_t *)head + begin,
			     offsetof(struct head, clock_at_ms) - begin);
}

void head_seal(struct head *head)
{
	head->magic = MAGIC;
	head->check = check_of(head);
}

const char *head_wrong(const struct head *head, uint64_t layout)
{
	if (head->magic != MAGIC)
		return "the head is not one of this version's";
	if (head->check != check_of(head))
		return "the head is broken";
	if (head->layout != layout)
		return "another version with another layout wrote them";
	return NULL;
}

int head_read(int dir_fd, struct head *ret)
{
	int fd = openat(dir_fd, "head", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct head head;
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = pread(fd, &head, sizeof(head), 0);
	(void)close(fd);
	if (n != (ssize_t)sizeof(head))
		return -EBADMSG;
	*ret = head;
	return 0;
}

/* On either kind of file system: pages are there, or it is an error. Only tmpfs could be written to. */
static int map_fd(int fd, struct fb_region *ret)
{
	int err = fb_region_map_file(fd, sizeof(struct head), -1, ret);

	(void)close(fd);
	return err;
}

int head_map(int dir_fd, struct fb_region *ret)
{
	int fd = openat(dir_fd, "head", O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? -errno : map_fd(fd, ret);
}

int head_replace(int dir_fd, const struct head *head, struct fb_region *ret)
{
	int fd;
	int err;

	(void)unlinkat(dir_fd, "head.new", 0);
	fd = openat(dir_fd, "head.new", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	err = map_fd(fd, ret);
	if (err != 0)
		return err;
	memcpy(ret->base, head, sizeof(*head));
	if (renameat(dir_fd, "head.new", dir_fd, "head") == 0)
		return 0;
	err = -errno;
	fb_region_unmap(ret);
	return err;
}
