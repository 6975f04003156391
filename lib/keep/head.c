/* SPDX-License-Identifier: BSD-3-Clause */

#include "keep/head.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"

#define MAGIC UINT64_C(0x66625f6b65657001) /* "fb_keep", 1 */

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

static int map_fd(int fd, struct head **ret_mapped)
{
	void *p = mmap(NULL, sizeof(struct head), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	int err = p == MAP_FAILED ? -errno : 0;

	(void)close(fd);
	if (err == 0)
		*ret_mapped = p;
	return err;
}

int head_map(int dir_fd, struct head **ret_mapped)
{
	int fd = openat(dir_fd, "head", O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? -errno : map_fd(fd, ret_mapped);
}

int head_replace(int dir_fd, const struct head *head, struct head **ret_mapped)
{
	int fd;
	int err;

	(void)unlinkat(dir_fd, "head.new", 0);
	fd = openat(dir_fd, "head.new", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (pwrite(fd, head, sizeof(*head), 0) != (ssize_t)sizeof(*head)) {
		(void)close(fd);
		return -ENOSPC;
	}
	err = map_fd(fd, ret_mapped);
	if (err != 0)
		return err;
	if (renameat(dir_fd, "head.new", dir_fd, "head") == 0)
		return 0;
	err = -errno;
	head_unmap(*ret_mapped);
	*ret_mapped = NULL;
	return err;
}

void head_unmap(struct head *mapped)
{
	if (mapped != NULL)
		(void)munmap(mapped, sizeof(*mapped));
}
