/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/source.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/inotify.h>
#include <sys/stat.h>

/* IN_CREATE is looked at only for links, which are complete when they appear. */
#define WATCH_MASK                                                                               \
	(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_DELETE_SELF | \
	 IN_MOVE_SELF | IN_ONLYDIR)

#define NO_WATCH (-1)

/* What no event will tell of (a link's missing target, a lack of watches or memory) is looked at this often. */
#define POLL_MS 1000

struct file {
	char *name; /* in its directory */
	bool gone;  /* leaves the list at the end of this report */
	bool again; /* nobody could take note of it: as if it were new, next time */
	/* What it was when it was last reported. */
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime;
	struct timespec ctime;
};

struct source {
	char *path;
	char *base;    /* last component, in path */
	int wd_self;   /* the directory itself */
	int wd_parent; /* the nearest directory above it that exists */
	bool parent_is_direct;
	bool rescan;
	bool missing;       /* reported as missing */
	bool polled;        /* scanned every POLL_MS */
	bool untold;        /* something could not be told: scanned after POLL_MS */
	struct file *files; /* sorted by name; a file source has one, called base */
	uint32_t n_files;
	char **names; /* entries that events named since the last report */
	uint32_t n_names;
	uint32_t names_cap;
};

struct fb_sources {
	int fd;
	uint32_t n;
	uint64_t first_ms; /* of the events not yet reported; UINT64_MAX: none */
	uint64_t last_ms;
	uint64_t poll_ms; /* when polled sources are next scanned; UINT64_MAX: there are none */
	struct source v[];
};

bool fb_sources_is_manifest(const char *name)
{
	static const char *const endings[] = {".yaml", ".yml", ".json"};
	size_t len = strlen(name);

	if (name[0] == '.')
		return false;
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		size_t n = strlen(endings[i]);

		if (len > n && strcmp(name + len - n, endings[i]) == 0)
			return true;
	}
	return false;
}

static void touch(struct fb_sources *s, uint64_t now_ms)
{
	if (s->first_ms == UINT64_MAX)
		s->first_ms = now_ms;
	s->last_ms = now_ms;
}

static void unwatch(struct fb_sources *s, int wd)
{
	/* Watches belong to inodes: two sources in one directory share theirs. */
	for (uint32_t i = 0; i < s->n; i++) {
		if (s->v[i].wd_self == wd || s->v[i].wd_parent == wd)
			return;
	}
	(void)inotify_rm_watch(s->fd, wd);
}

/* Watch the nearest directory above path that exists. */
static int watch_above(struct fb_sources *s, const char *path, bool *ret_direct)
{
	char above[PATH_MAX];
	size_t len = strlen(path);

	*ret_direct = true;
	if (len >= sizeof(above))
		return NO_WATCH;
	memcpy(above, path, len + 1);
	for (;;) {
		char *slash = strrchr(above, '/');
		int wd;

		if (slash == NULL)
			(void)strcpy(above, ".");
		else if (slash == above)
			above[1] = '\0';
		else
			*slash = '\0';
		wd = inotify_add_watch(s->fd, above, WATCH_MASK | IN_MASK_ADD);
		if (wd >= 0 || slash == NULL || slash == above)
			return wd;
		*ret_direct = false;
	}
}

static void arm(struct fb_sources *s, struct source *src)
{
	int old_self = src->wd_self;
	int old_parent = src->wd_parent;

	/*
	 * Above first: whatever appears below after this raises an event, and what appeared before
	 * is found by the scan that follows.
	 */
	src->wd_parent = watch_above(s, src->path, &src->parent_is_direct);
	src->wd_self = inotify_add_watch(s->fd, src->path, WATCH_MASK | IN_MASK_ADD);
	if (src->wd_self < 0)
		src->wd_self = NO_WATCH;
	if (old_self != NO_WATCH)
		unwatch(s, old_self);
	if (old_parent != NO_WATCH)
		unwatch(s, old_parent);
	if (!src->parent_is_direct && access(src->path, F_OK) == 0)
		src->wd_parent = watch_above(s, src->path, &src->parent_is_direct);
}

struct fb_sources *fb_sources_open(const struct fb_config_source *v, uint32_t n)
{
	struct fb_sources *s = calloc(1, sizeof(*s) + n * sizeof(s->v[0]));

	if (s == NULL)
		return NULL;
	s->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	s->first_ms = UINT64_MAX;
	s->poll_ms = UINT64_MAX;
	if (s->fd < 0)
		goto fail;
	for (uint32_t i = 0; i < n; i++) {
		struct source *src = &s->v[i];
		size_t len;

		src->wd_self = NO_WATCH;
		src->wd_parent = NO_WATCH;
		src->path = strdup(v[i].path);
		if (src->path == NULL)
			goto fail;
		s->n++;
		for (len = strlen(src->path); len > 1 && src->path[len - 1] == '/'; len--)
			src->path[len - 1] = '\0';
		src->base = strrchr(src->path, '/');
		src->base = src->base != NULL ? src->base + 1 : src->path;
		src->rescan = true;
		arm(s, src);
	}
	s->first_ms = 0;
	return s;
fail:
	fb_sources_close(s);
	return NULL;
}

static void clear_names(struct source *src)
{
	for (uint32_t i = 0; i < src->n_names; i++)
		free(src->names[i]);
	src->n_names = 0;
}

static void free_files(struct file *files, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		free(files[i].name);
	free(files);
}

void fb_sources_close(struct fb_sources *s)
{
	if (s == NULL)
		return;
	for (uint32_t i = 0; i < s->n; i++) {
		clear_names(&s->v[i]);
		free(s->v[i].names);
		free_files(s->v[i].files, s->v[i].n_files);
		free(s->v[i].path);
	}
	if (s->fd >= 0)
		(void)close(s->fd);
	free(s);
}

int fb_sources_fd(const struct fb_sources *s)
{
	return s->fd;
}

void fb_sources_rescan(struct fb_sources *s, uint64_t now_ms)
{
	for (uint32_t i = 0; i < s->n; i++)
		s->v[i].rescan = true;
	touch(s, now_ms);
}

uint64_t fb_sources_due_ms(const struct fb_sources *s)
{
	uint64_t settled = s->last_ms + FB_SOURCE_SETTLE_MS;
	uint64_t latest;

	if (s->first_ms == UINT64_MAX)
		return s->poll_ms;
	latest = s->first_ms + FB_SOURCE_SETTLE_MAX_MS;
	if (latest < settled)
		settled = latest;
	return settled < s->poll_ms ? settled : s->poll_ms;
}

/* Remember an entry; if there is no memory for its name, everything is looked at instead. */
static void add_name(struct source *src, const char *name)
{
	if (src->rescan)
		return;
	for (uint32_t i = 0; i < src->n_names && i < 64; i++) {
		if (strcmp(src->names[src->n_names - 1 - i], name) == 0)
			return;
	}
	if (src->n_names == src->names_cap) {
		uint32_t cap = src->names_cap != 0 ? src->names_cap * 2 : 16;
		char **names = reallocarray(src->names, cap, sizeof(*names));

		if (names == NULL) {
			src->rescan = true;
			return;
		}
		src->names = names;
		src->names_cap = cap;
	}
	src->names[src->n_names] = strdup(name);
	if (src->names[src->n_names] == NULL)
		src->rescan = true;
	else
		src->n_names++;
}

/* Path of an entry; the source's own for a file source. */
static const char *entry_path(const struct source *src, const char *name, char buf[PATH_MAX])
{
	int len;

	if (name == src->base)
		return src->path;
	len = snprintf(buf, PATH_MAX, "%s/%s", src->path, name);
	return len < 0 || len >= PATH_MAX ? NULL : buf;
}

/* A new symbolic or hard link is complete; a new file is still being written. */
static bool is_link(const char *path)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return false;
	return S_ISLNK(st.st_mode) || (S_ISREG(st.st_mode) && st.st_nlink > 1);
}

/* Something happened in the directory that is the source. */
static bool self_event(struct source *src, const struct inotify_event *event)
{
	char buf[PATH_MAX];
	const char *path;

	if ((event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT)) != 0) {
		src->rescan = true;
		return true;
	}
	if (event->len == 0)
		return false;
	if (strcmp(event->name, "..data") == 0) {
		src->rescan = true;
		return true;
	}
	if (!fb_sources_is_manifest(event->name))
		return false;
	path = entry_path(src, event->name, buf);
	if (path == NULL || ((event->mask & IN_CREATE) != 0 && !is_link(path)))
		return false;
	add_name(src, event->name);
	return true;
}

/* Something happened in a directory above the source. */
static bool parent_event(struct source *src, const struct inotify_event *event)
{
	if (src->parent_is_direct && event->len > 0 && strcmp(event->name, src->base) != 0 &&
	    strcmp(event->name, "..data") != 0)
		return false;
	if (src->parent_is_direct && (event->mask & IN_CREATE) != 0 &&
	    (event->mask & IN_ISDIR) == 0 && !is_link(src->path))
		return false;
	src->rescan = true;
	return true;
}

void fb_sources_process(struct fb_sources *s, uint64_t now_ms)
{
	char buf[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t len;

	while ((len = read(s->fd, buf, sizeof(buf))) > 0) {
		for (char *p = buf; p < buf + len;) {
			const struct inotify_event *event = (const struct inotify_event *)p;

			p += sizeof(*event) + event->len;
			if ((event->mask & IN_Q_OVERFLOW) != 0) {
				fb_sources_rescan(s, now_ms);
				continue;
			}
			for (uint32_t i = 0; i < s->n; i++) {
				struct source *src = &s->v[i];

				if (event->wd == src->wd_self && self_event(src, event))
					touch(s, now_ms);
				if (event->wd == src->wd_parent && parent_event(src, event))
					touch(s, now_ms);
			}
		}
	}
}

static int compare_files(const void *a, const void *b)
{
	return strcmp(((const struct file *)a)->name, ((const struct file *)b)->name);
}

static bool file_fill(struct file *file, const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
		return false;
	file->dev = st.st_dev;
	file->ino = st.st_ino;
	file->size = st.st_size;
	file->mtime = st.st_mtim;
	file->ctime = st.st_ctim;
	return true;
}

static bool file_same(const struct file *a, const struct file *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->mtime.tv_sec == b->mtime.tv_sec && a->mtime.tv_nsec == b->mtime.tv_nsec &&
	       a->ctime.tv_sec == b->ctime.tv_sec && a->ctime.tv_nsec == b->ctime.tv_nsec;
}

/* @param like  what is remembered of it; its name is copied. @return 0 or -ENOMEM */
static int append_file(struct file **files, uint32_t *n, const struct file *like)
{
	struct file file = *like;
	struct file *grown;

	file.name = strdup(like->name);
	/* Grown by doubling: at powers of two. */
	grown = (*n & (*n - 1)) == 0
			? reallocarray(*files, *n == 0 ? 1 : (size_t)*n * 2, sizeof(**files))
			: *files;
	if (grown != NULL)
		*files = grown;
	if (file.name == NULL || grown == NULL) {
		free(file.name);
		return -ENOMEM;
	}
	grown[(*n)++] = file;
	return 0;
}

static int append_entry(struct file **files, uint32_t *n, const struct source *src, char *name)
{
	char buf[PATH_MAX];
	const char *path = entry_path(src, name, buf);
	struct file file = {.name = name};

	if (path == NULL || !file_fill(&file, path))
		return 0;
	return append_file(files, n, &file);
}

/* What is there now. @return 0 or -errno: then the source is missing, or cannot be looked at */
static int list(const struct source *src, struct file **ret_files, uint32_t *ret_n)
{
	struct file *files = NULL;
	struct dirent *entry;
	struct stat st;
	uint32_t n = 0;
	int ret = 0;
	DIR *dir;

	if (stat(src->path, &st) != 0)
		return -errno;
	if (!S_ISDIR(st.st_mode)) {
		ret = append_entry(&files, &n, src, src->base);
	} else {
		dir = opendir(src->path);
		if (dir == NULL)
			return -errno;
		for (;;) {
			errno = 0;
			entry = readdir(dir);
			if (entry == NULL || ret != 0)
				break;
			if (fb_sources_is_manifest(entry->d_name))
				ret = append_entry(&files, &n, src, entry->d_name);
		}
		if (ret == 0 && errno != 0)
			ret = -errno;
		(void)closedir(dir);
	}
	if (ret != 0) {
		free_files(files, n);
		return ret;
	}
	if (n > 1)
		qsort(files, n, sizeof(*files), compare_files);
	*ret_files = files;
	*ret_n = n;
	return 0;
}

/* @return whether somebody took note; also of what has a path too long to be told */
static bool report_file(const struct source *src, uint32_t idx, const char *name, bool present,
			const struct fb_sources_handler *handler)
{
	char buf[PATH_MAX];
	const char *path;

	path = entry_path(src,
			  strcmp(name, src->base) == 0 && src->wd_self == NO_WATCH ? src->base
										   : name,
			  buf);
	return path == NULL || handler->file(handler->arg, idx, path, present);
}

/* Whether a change of what was just listed raises an event. */
static bool is_watched(const struct source *src)
{
	struct stat st;

	if (src->wd_self != NO_WATCH)
		return true;
	return src->wd_parent != NO_WATCH && lstat(src->path, &st) == 0 && S_ISREG(st.st_mode);
}

static void report_all(struct fb_sources *s, uint32_t idx, const struct fb_sources_handler *handler)
{
	struct source *src = &s->v[idx];
	struct file *files = NULL;
	uint32_t n = 0;
	uint32_t i = 0;
	uint32_t j = 0;
	int ret;

	arm(s, src);
	ret = list(src, &files, &n);
	src->polled = ret != 0 || !is_watched(src);
	if (ret != 0) {
		if (!src->missing)
			handler->missing(handler->arg, idx, -ret);
		src->missing = true;
		return;
	}
	if (src->missing)
		handler->missing(handler->arg, idx, 0);
	src->missing = false;
	src->untold = false;
	while (i < src->n_files || j < n) {
		int order = i == src->n_files ? 1
			    : j == n          ? -1
					      : strcmp(src->files[i].name, files[j].name);

		if (order < 0)
			(void)report_file(src, idx, src->files[i].name, false, handler);
		else if (order > 0 || src->files[i].again || !file_same(&src->files[i], &files[j]))
			files[j].again = !report_file(src, idx, files[j].name, true, handler);
		src->untold |= order >= 0 && files[j].again;
		i += order <= 0;
		j += order >= 0;
	}
	free_files(src->files, src->n_files);
	src->files = files;
	src->n_files = n;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Entries that are gone leave the list; those that came are at its end. */
static void tidy_files(struct source *src)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < src->n_files; i++) {
		if (src->files[i].gone)
			free(src->files[i].name);
		else
			src->files[n++] = src->files[i];
	}
	src->n_files = n;
	if (n > 1)
		qsort(src->files, n, sizeof(*src->files), compare_files);
}

/* Only entries that events named: what else is in the directory may be half written. */
static void report_named(struct source *src, uint32_t idx, const struct fb_sources_handler *handler)
{
	uint32_t n_sorted = src->n_files;
	bool untidy = false;

	if (src->n_names > 1)
		qsort(src->names, src->n_names, sizeof(*src->names), compare_names);
	for (uint32_t i = 0; i < src->n_names; i++) {
		struct file key = {.name = src->names[i]};
		struct file *known = NULL;
		char buf[PATH_MAX];
		const char *path = entry_path(src, key.name, buf);

		if (path == NULL || (i > 0 && strcmp(key.name, src->names[i - 1]) == 0))
			continue;
		if (n_sorted > 0)
			known = bsearch(&key, src->files, n_sorted, sizeof(*known), compare_files);
		if (file_fill(&key, path)) {
			key.again = !handler->file(handler->arg, idx, path, true);
			src->untold |= key.again;
			if (known != NULL) {
				key.name = known->name;
				*known = key;
			} else if (append_file(&src->files, &src->n_files, &key) == 0) {
				untidy = true;
			} else {
				src->untold = true; /* not remembered, so new to the next scan */
			}
		} else if (known != NULL) {
			(void)handler->file(handler->arg, idx, path, false);
			known->gone = true;
			untidy = true;
		}
	}
	if (untidy)
		tidy_files(src);
}

bool fb_sources_report(struct fb_sources *s, uint64_t now_ms,
		       const struct fb_sources_handler *handler)
{
	bool all = now_ms >= s->poll_ms;
	/* What changes all the time elsewhere must not put it off. */
	uint64_t poll_ms = all || s->poll_ms == UINT64_MAX ? now_ms + POLL_MS : s->poll_ms;

	if (now_ms < fb_sources_due_ms(s))
		return false;
	s->first_ms = UINT64_MAX;
	s->poll_ms = UINT64_MAX;
	for (uint32_t i = 0; i < s->n; i++) {
		struct source *src = &s->v[i];

		if (src->rescan || (all && (src->polled || src->untold))) {
			src->rescan = false;
			report_all(s, i, handler);
		} else {
			report_named(src, i, handler);
		}
		clear_names(src);
		if (src->polled || src->untold)
			s->poll_ms = poll_ms;
	}
	return true;
}
