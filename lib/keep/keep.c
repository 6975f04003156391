/* SPDX-License-Identifier: BSD-3-Clause */

#include "keep/keep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "keep/head.h"

#define LOCK_WAIT_MS 2000
#define LOCK_STEP_MS 10
#define HUGE_BYTES   (UINT64_C(2) << 20) /* smaller files are not worth a huge page */

struct fb_keep {
	int dir_fd;
	int huge_fd; /* -1: none */
	int lock_fd;
	enum fb_keep_found found;
	struct head old;       /* unless FB_KEEP_NOTHING */
	struct head now;       /* what fb_keep_settle() writes */
	struct fb_region head; /* a struct head, in force; not mapped before that */
	uint64_t clock_ms;
	uint64_t gap_ms;
	uint64_t settled_ms;
	char secret[33];
};

static uint64_t monotonic_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* In memory, and nobody else's to write. @return NULL: good */
static const char *dir_wrong(int fd, bool huge)
{
	struct statfs fs;
	struct stat st;

	if (fstat(fd, &st) != 0 || fstatfs(fd, &fs) != 0)
		return strerror(errno);
	if (st.st_uid != geteuid() || (st.st_mode & 022) != 0)
		return "others may write to it";
	if (fs.f_type == HUGETLBFS_MAGIC || (!huge && fs.f_type == TMPFS_MAGIC))
		return NULL;
	return huge ? "is not on a hugetlbfs" : "is neither on a tmpfs nor on a hugetlbfs";
}

static int open_dir(const char *path, bool huge, const char **ret_wrong)
{
	int fd;

	if (mkdir(path, 0700) != 0 && errno != EEXIST) {
		*ret_wrong = strerror(errno);
		return -1;
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		*ret_wrong = strerror(errno);
		return -1;
	}
	*ret_wrong = dir_wrong(fd, huge);
	if (*ret_wrong != NULL) {
		(void)close(fd);
		if (huge)
			(void)rmdir(
				path); /* /dev/hugepages is a plain directory where none is mounted */
		return -1;
	}
	return fd;
}

static int lock(int dir_fd)
{
	const struct timespec step = {.tv_nsec = LOCK_STEP_MS * 1000000};
	int fd = openat(dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -1;
	for (int waited_ms = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; waited_ms += LOCK_STEP_MS) {
		if (errno == EWOULDBLOCK && waited_ms < LOCK_WAIT_MS) {
			(void)nanosleep(&step, NULL);
			continue;
		}
		(void)close(fd);
		return -1;
	}
	return fd;
}

static bool ends_in(const char *name, const char *suffix)
{
	size_t n = strlen(name);
	size_t m = strlen(suffix);

	return n > m && strcmp(name + n - m, suffix) == 0;
}

/* Files of any epoch but this one; 0: of all. Names of ours have a dot, others are left alone. */
static void sweep_dir(int dir_fd, uint64_t epoch)
{
	char suffix[32];
	struct dirent *e;
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (dir == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	(void)snprintf(suffix, sizeof(suffix), ".%" PRIu64, epoch);
	while ((e = readdir(dir)) != NULL) {
		if (e->d_name[0] == '.' || strchr(e->d_name, '.') == NULL ||
		    (epoch != 0 && ends_in(e->d_name, suffix)))
			continue;
		(void)unlinkat(dir_fd, e->d_name, 0);
	}
	(void)closedir(dir);
}

static void sweep(struct fb_keep *keep, uint64_t epoch)
{
	sweep_dir(keep->dir_fd, epoch);
	if (keep->huge_fd >= 0)
		sweep_dir(keep->huge_fd, epoch);
}

static int draw_secret(struct head *head)
{
	if (getrandom(head->secret, sizeof(head->secret), 0) != (ssize_t)sizeof(head->secret))
		return -EIO;
	return 0;
}

static const char *what_is_wrong(const struct fb_keep *keep, int err)
{
	const char *wrong = err != 0 ? "the head is broken"
				     : head_wrong(&keep->old, keep->now.layout);

	if (wrong == NULL && keep->old.n_short >= FB_KEEP_MOST_SHORT)
		return "several runs in a row broke off soon after they took them over";
	return wrong;
}

/* What an earlier run left, if it can be understood. */
static void look(struct fb_keep *keep, const char *dir, struct fb_errs *errs)
{
	const struct fb_keep_shape *shape = &keep->now.shape;
	const int err = head_read(keep->dir_fd, &keep->old);
	const char *wrong = what_is_wrong(keep, err);
	uint64_t now_ms = monotonic_ms();

	keep->found = FB_KEEP_NOTHING;
	keep->now.epoch = 1;
	if (err == -ENOENT)
		return;
	if (wrong != NULL) {
		fb_errs_add(
			errs, (struct fb_place){0}, FB_SEV_NOTICE,
			"flows of an earlier run in %s are not taken over: %s; tables begin empty",
			dir, wrong);
		return;
	}
	keep->found = FB_KEEP_SAME;
	keep->now.epoch = keep->old.epoch;
	if (memcmp(&keep->old.shape, shape, sizeof(*shape)) != 0) {
		keep->found = FB_KEEP_RESHAPED;
		keep->now.epoch++;
	}
	keep->now.n_short = keep->old.n_short;
	memcpy(keep->now.secret, keep->old.secret, sizeof(keep->now.secret));
	keep->clock_ms = now_ms - keep->old.clock_at_ms;
	keep->gap_ms = now_ms - keep->old.noted_ms;
}

struct fb_keep *fb_keep_open(const char *dir, const char *huge_dir, uint64_t layout,
			     const struct fb_keep_shape *shape, struct fb_errs *errs)
{
	struct fb_keep *keep = calloc(1, sizeof(*keep));
	const char *wrong = NULL;

	if (keep == NULL)
		return NULL;
	keep->huge_fd = -1;
	keep->lock_fd = -1;
	keep->now.layout = layout;
	keep->now.shape = *shape;
	keep->dir_fd = open_dir(dir, false, &wrong);
	if (keep->dir_fd >= 0) {
		keep->lock_fd = lock(keep->dir_fd);
		if (keep->lock_fd < 0)
			wrong = errno == EWOULDBLOCK ? "another forebay uses it" : strerror(errno);
	}
	if (wrong == NULL && draw_secret(&keep->now) != 0)
		wrong = "no random bits to be had";
	if (wrong != NULL) {
		fb_errs_add(errs, (struct fb_place){0}, FB_SEV_NOTICE,
			    "flows will not outlive this run: flows.directory %s: %s", dir, wrong);
		fb_keep_close(keep);
		return NULL;
	}
	if (huge_dir != NULL)
		keep->huge_fd = open_dir(huge_dir, true, &wrong);
	look(keep, dir, errs);
	/* What a start that came to nothing left. */
	sweep(keep, keep->found == FB_KEEP_NOTHING ? 0 : keep->old.epoch);
	(void)snprintf(keep->secret, sizeof(keep->secret), "%016" PRIx64 "%016" PRIx64,
		       keep->now.secret[0], keep->now.secret[1]);
	return keep;
}

enum fb_keep_found fb_keep_found(const struct fb_keep *keep)
{
	return keep->found;
}

const struct fb_keep_shape *fb_keep_old_shape(const struct fb_keep *keep)
{
	return &keep->old.shape;
}

const char *fb_keep_secret(const struct fb_keep *keep)
{
	return keep->secret;
}

bool fb_keep_was_stopped(const struct fb_keep *keep)
{
	return keep->old.stopped != 0;
}

static int open_file(int dir_fd, const char *name, uint64_t epoch, int flags)
{
	char file[NAME_MAX + 1];

	if (dir_fd < 0)
		return -ENOENT;
	(void)snprintf(file, sizeof(file), "%s.%" PRIu64, name, epoch);
	dir_fd = openat(dir_fd, file, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
	return dir_fd < 0 ? -errno : dir_fd;
}

static void remove_file(int dir_fd, const char *name, uint64_t epoch)
{
	char file[NAME_MAX + 1];

	(void)snprintf(file, sizeof(file), "%s.%" PRIu64, name, epoch);
	(void)unlinkat(dir_fd, file, 0);
}

static int map_found(struct fb_keep *keep, const char *name, uint64_t bytes, int numa_node,
		     struct fb_region *ret)
{
	int fd = open_file(keep->huge_fd, name, keep->now.epoch, O_RDWR);
	struct stat st;
	int err;

	if (fd < 0)
		fd = open_file(keep->dir_fd, name, keep->now.epoch, O_RDWR);
	if (fd < 0)
		return fd;
	/* An empty one would be made here, and hold nothing. */
	err = fstat(fd, &st) == 0 && st.st_size > 0 ? fb_region_map_file(fd, bytes, numa_node, ret)
						    : -ENOENT;
	(void)close(fd);
	return err;
}

static int map_new(int dir_fd, const char *name, uint64_t epoch, uint64_t bytes, int numa_node,
		   struct fb_region *ret)
{
	int err;
	int fd;

	if (dir_fd < 0)
		return -ENOENT;
	remove_file(dir_fd, name, epoch);
	fd = open_file(dir_fd, name, epoch, O_RDWR | O_CREAT | O_EXCL);
	if (fd < 0)
		return fd;
	err = fb_region_map_file(fd, bytes, numa_node, ret);
	(void)close(fd);
	if (err != 0)
		remove_file(dir_fd, name, epoch);
	return err;
}

int fb_keep_map(struct fb_keep *keep, const char *name, uint64_t bytes, int numa_node,
		struct fb_region *ret, bool *ret_found)
{
	int err = -ENOENT;

	*ret_found = false;
	if (keep->found == FB_KEEP_SAME) {
		err = map_found(keep, name, bytes, numa_node, ret);
		*ret_found = err == 0;
	}
	if (err != 0 && bytes >= HUGE_BYTES)
		err = map_new(keep->huge_fd, name, keep->now.epoch, bytes, numa_node, ret);
	if (err != 0)
		err = map_new(keep->dir_fd, name, keep->now.epoch, bytes, numa_node, ret);
	return err;
}

int fb_keep_map_old(struct fb_keep *keep, const char *name, struct fb_region *ret)
{
	int fd = -ENOENT;
	struct stat st;
	void *p;

	if (keep->found == FB_KEEP_RESHAPED) {
		fd = open_file(keep->huge_fd, name, keep->old.epoch, O_RDONLY);
		if (fd < 0)
			fd = open_file(keep->dir_fd, name, keep->old.epoch, O_RDONLY);
	}
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) != 0 || st.st_size <= 0) {
		(void)close(fd);
		return -ENOENT;
	}
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	(void)close(fd);
	if (p == MAP_FAILED)
		return -errno;
	*ret = (struct fb_region){.base = p, .bytes = (size_t)st.st_size};
	return 0;
}

/* NULL before that. */
static struct head *in_force(const struct fb_keep *keep)
{
	return keep->head.base;
}

int fb_keep_settle(struct fb_keep *keep)
{
	int err;

	if (keep->found == FB_KEEP_SAME) {
		err = head_map(keep->dir_fd, &keep->head);
	} else {
		head_seal(&keep->now);
		err = head_replace(keep->dir_fd, &keep->now, &keep->head);
	}
	if (err != 0)
		return err;
	__atomic_store_n(&in_force(keep)->stopped, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&in_force(keep)->n_short, keep->now.n_short + 1, __ATOMIC_RELAXED);
	keep->settled_ms = monotonic_ms();
	sweep(keep, keep->now.epoch);
	return 0;
}

uint64_t fb_keep_clock(const struct fb_keep *keep, uint64_t *ret_ms)
{
	*ret_ms = keep->clock_ms;
	return keep->gap_ms;
}

void fb_keep_note_clock(struct fb_keep *keep, uint64_t ms)
{
	uint64_t now_ms = monotonic_ms();

	if (in_force(keep) == NULL)
		return;
	__atomic_store_n(&in_force(keep)->clock_at_ms, now_ms - ms, __ATOMIC_RELAXED);
	__atomic_store_n(&in_force(keep)->noted_ms, now_ms, __ATOMIC_RELAXED);
	if (now_ms - keep->settled_ms >= FB_KEEP_SHORT_MS)
		__atomic_store_n(&in_force(keep)->n_short, 0, __ATOMIC_RELAXED);
}

void fb_keep_close(struct fb_keep *keep)
{
	if (keep == NULL)
		return;
	if (in_force(keep) != NULL) {
		__atomic_store_n(&in_force(keep)->n_short, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&in_force(keep)->stopped, 1, __ATOMIC_RELAXED);
	}
	fb_region_unmap(&keep->head);
	if (keep->huge_fd >= 0)
		(void)close(keep->huge_fd);
	if (keep->dir_fd >= 0)
		(void)close(keep->dir_fd);
	if (keep->lock_fd >= 0)
		(void)close(keep->lock_fd);
	free(keep);
}
