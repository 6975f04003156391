/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_CONTROL_FILE_H
#define FB_CONTROL_FILE_H

/* Whole files in and out, with bounds and errors that name the place. Thread: control. */

#include <stddef.h>

#include "base/err.h"

/* 10,000 Services with 10 endpoints each take some 20 MB as YAML. */
#define FB_FILE_MAX_BYTES (256u << 20)

/**
 * Read a regular file; text is NUL-terminated and the caller's to free().
 *
 * @return 0; -ENOENT without an entry in errs; another -errno with one
 */
int fb_file_read(const char *path, char **ret_text, size_t *ret_len, struct fb_errs *errs);

/** Replace dir/name by text, so that either the old or the new content survives a crash. @return -errno */
int fb_file_replace(const char *dir, const char *name, const char *text, size_t len);

/** Remove dir/name, lastingly. @return 0 or -errno; a missing file is fine */
int fb_file_remove(const char *dir, const char *name);

/** mkdir -p, mode 0755. @return 0 or -errno */
int fb_file_make_dir(const char *path);

#endif
