/* SPDX-License-Identifier: BSD-3-Clause */

#include "flow/region.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <numa.h>
#include <numaif.h>
#include <stdbool.h>
#include <stdint.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef MAP_HUGE_2MB
#define MAP_HUGE_2MB (21 << 26) /* linux/mman.h: log2 of the size, from bit 26 on */
#endif
#ifndef MAP_HUGE_1GB
#define MAP_HUGE_1GB (30 << 26)
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* Linux 6.1 */
#endif

#define HUGE_BYTES     ((size_t)2 << 20)
#define GIGANTIC_BYTES ((size_t)1 << 30)

static size_t round_up(size_t bytes, size_t to)
{
	return (bytes + to - 1) / to * to;
}

/* Placement is a wish: a table on the far node still works, so errors are not looked at. */
static void prefer_node(const struct fb_region *r, int node)
{
	unsigned long mask[16] = {0};
	const unsigned int bits = sizeof(long) * CHAR_BIT;

	if (node < 0 || (unsigned int)node >= 16 * bits || numa_available() < 0)
		return;
	mask[(unsigned int)node / bits] = 1UL << ((unsigned int)node % bits);
	(void)mbind(r->base, r->bytes, MPOL_PREFERRED, mask, 16 * bits, 0);
}

/*
 * Explicit huge pages are promised at mmap, but out of all nodes' pools: with a policy they can
 * still be missing when touched, and the kernel would answer with SIGBUS. Asking for them by
 * madvise says it with an error.
 */
static int populate(const struct fb_region *r)
{
	const size_t step = (size_t)sysconf(_SC_PAGESIZE);
	volatile uint8_t *p = r->base;

	if (madvise(r->base, r->bytes, MADV_POPULATE_WRITE) == 0)
		return 0;
	if (errno != EINVAL)
		return -ENOMEM;
	for (size_t i = 0; i < r->bytes; i += step)
		p[i] = 0;
	return 0;
}

static int map_explicit(size_t bytes, int node, struct fb_region *ret)
{
	struct fb_region r = {.bytes = round_up(bytes, HUGE_BYTES)};

	r.base = mmap(NULL, r.bytes, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_2MB, -1, 0);
	if (r.base == MAP_FAILED)
		return -ENOMEM;
	prefer_node(&r, node);
	if (populate(&r) != 0) {
		munmap(r.base, r.bytes);
		return -ENOMEM;
	}
	*ret = r;
	return 0;
}

/* Address space from a multiple of `align` on, and for now ordinary memory. */
static int map_aligned(size_t bytes, size_t align, struct fb_region *ret)
{
	const size_t span = bytes + align;
	uint8_t *p = mmap(NULL, span, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t head;

	if (p == MAP_FAILED)
		return -ENOMEM;
	head = round_up((uintptr_t)p, align) - (uintptr_t)p;
	if (head != 0)
		munmap(p, head);
	if (span - head > bytes)
		munmap(p + head + bytes, span - head - bytes);
	*ret = (struct fb_region){.base = p + head, .bytes = bytes};
	return 0;
}

static bool put_huge(uint8_t *at, size_t bytes, int size_flag)
{
	return bytes == 0 || mmap(at, bytes, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_FIXED | size_flag,
				  -1, 0) != MAP_FAILED;
}

/* As many 1 GB pages as fit, and 2 MB pages behind them, so that nothing is wasted. */
static int map_gigantic(size_t bytes, int node, struct fb_region *ret)
{
	const size_t gigantic = bytes / GIGANTIC_BYTES * GIGANTIC_BYTES;
	struct fb_region r;

	if (map_aligned(round_up(bytes, HUGE_BYTES), GIGANTIC_BYTES, &r) != 0)
		return -ENOMEM;
	if (put_huge(r.base, gigantic, MAP_HUGE_1GB) &&
	    put_huge((uint8_t *)r.base + gigantic, r.bytes - gigantic, MAP_HUGE_2MB)) {
		prefer_node(&r, node);
		if (populate(&r) == 0) {
			*ret = r;
			return 0;
		}
	}
	munmap(r.base, r.bytes);
	return -ENOMEM;
}

static int map_ordinary(size_t bytes, int node, struct fb_region *ret)
{
	struct fb_region r = {.bytes = round_up(bytes, (size_t)sysconf(_SC_PAGESIZE))};

	if (bytes >= HUGE_BYTES) {
		/* At their natural place, or the kernel could not put transparent ones there. */
		if (map_aligned(round_up(bytes, HUGE_BYTES), HUGE_BYTES, &r) != 0)
			return -ENOMEM;
		(void)madvise(r.base, r.bytes, MADV_HUGEPAGE); /* refused: ordinary pages do */
	} else {
		r.base = mmap(NULL, r.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			      -1, 0);
		if (r.base == MAP_FAILED)
			return -ENOMEM;
	}
	prefer_node(&r, node);
	if (populate(&r) != 0) {
		munmap(r.base, r.bytes);
		return -ENOMEM;
	}
	*ret = r;
	return 0;
}

int fb_region_map(size_t bytes, int numa_node, struct fb_region *ret)
{
	if (bytes == 0)
		return -EINVAL;
	if (bytes > SIZE_MAX - 2 * GIGANTIC_BYTES)
		return -ENOMEM;
	if (bytes >= GIGANTIC_BYTES && map_gigantic(bytes, numa_node, ret) == 0)
		return 0;
	if (bytes >= HUGE_BYTES && map_explicit(bytes, numa_node, ret) == 0)
		return 0;
	return map_ordinary(bytes, numa_node, ret);
}

/*
 * tmpfs makes a huge page of what is there already: one ordinary page of it is enough. Touching a page that
 * was never allotted could end in SIGBUS, so it is allotted first.
 */
static int make_huge(int fd, const struct fb_region *r)
{
	volatile const uint8_t *p = r->base;

	for (size_t at = 0; at + HUGE_BYTES <= r->bytes; at += HUGE_BYTES) {
		if (fallocate(fd, 0, (off_t)at, 1) != 0)
			return -errno;
		(void)p[at];
	}
	(void)madvise(r->base, r->bytes, MADV_HUGEPAGE); /* refused: ordinary pages do */
	(void)madvise(r->base, r->bytes, MADV_COLLAPSE);
	return 0;
}

/* Where the kernel cannot say it by an error, pages are allotted before they are touched. */
static int populate_file(int fd, const struct fb_region *r)
{
	if (madvise(r->base, r->bytes, MADV_POPULATE_WRITE) == 0)
		return 0;
	if (errno != EINVAL)
		return -ENOSPC;
	if (fallocate(fd, 0, 0, (off_t)r->bytes) != 0)
		return -errno;
	return populate(r);
}

/* Bytes of the pages that a file should have, by its size. */
static size_t page_size(int fd, uint64_t bytes)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) == 0 && fs.f_type == HUGETLBFS_MAGIC)
		return (size_t)fs.f_bsize;
	return bytes >= HUGE_BYTES ? HUGE_BYTES : (size_t)sysconf(_SC_PAGESIZE);
}

static int map_pages(int fd, size_t page, int numa_node, struct fb_region *r)
{
	int err;

	if (mmap(r->base, r->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) ==
	    MAP_FAILED)
		return errno == ENOMEM ? -ENOSPC : -errno; /* huge pages are promised here */
	prefer_node(r, numa_node);
	err = page == HUGE_BYTES ? make_huge(fd, r) : 0;
	return err != 0 ? err : populate_file(fd, r);
}

int fb_region_map_file(int fd, uint64_t bytes, int numa_node, struct fb_region *ret)
{
	struct fb_region r;
	struct stat st;
	const size_t page = page_size(fd, bytes);
	int err;

	if (bytes == 0)
		return -EINVAL;
	if (bytes > SIZE_MAX / 2)
		return -ENOSPC;
	if (fstat(fd, &st) != 0)
		return -errno;
	r.bytes = round_up(bytes, page);
	if (st.st_size != 0 && (uint64_t)st.st_size != r.bytes)
		return -ESTALE;
	if (st.st_size == 0 && ftruncate(fd, (off_t)r.bytes) != 0)
		return -errno;
	if (map_aligned(r.bytes, page, &r) != 0)
		return -ENOMEM;
	err = map_pages(fd, page, numa_node, &r);
	if (err != 0) {
		munmap(r.base, r.bytes);
		return err;
	}
	*ret = r;
	return 0;
}

void fb_region_unmap(struct fb_region *region)
{
	if (region->base != NULL)
		munmap(region->base, region->bytes);
	*region = (struct fb_region){0};
}
