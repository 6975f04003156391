/* SPDX-License-Identifier: BSD-3-Clause */

#include "config/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/schema.h"

/* A config with every list at its bound is under 1 MB; this stops a device or a log file. */
#define MAX_FILE_BYTES (16u * 1024 * 1024)

void fb_config_range_of(const struct fb_prefix *prefix, struct fb_config_range *ret)
{
	unsigned int skip = fb_addr_family(&prefix->addr) == FB_IPV4 ? 96 : 0;

	ret->first = prefix->addr;
	ret->last = prefix->addr;
	for (unsigned int bit = skip + prefix->len_bits; bit < 128; bit++)
		ret->last.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
}

static int parse_root(struct reader *reader, const struct fb_node *root, struct fb_config **ret)
{
	struct settings *settings = calloc(1, sizeof(*settings));

	if (settings == NULL)
		return -ENOMEM;
	read_standards(reader, fb_config_rows, settings);
	if (root != NULL && !reader->no_memory)
		read_rows(reader, fb_config_rows, root, settings);
	if (!reader->no_memory)
		check_settings(reader, root, settings);
	if (reader->no_memory || reader->errs->n_errors > 0) {
		fb_config_free(&settings->config);
		return reader->no_memory ? -ENOMEM : -EINVAL;
	}
	*ret = &settings->config;
	return 0;
}

int fb_config_parse(const char *name, const char *text, size_t len, struct fb_config **ret,
		    struct fb_errs *errs)
{
	struct fb_errs own = FB_ERRS_INIT;
	struct reader reader = {.errs = &own};
	struct fb_yaml *yaml = NULL;
	int rc = fb_yaml_parse(name, text, len, &yaml, &own);
	bool whole = rc == 0;
	size_t n = yaml != NULL ? fb_yaml_n_documents(yaml) : 0;

	/* After a syntax error the file's rest is unknown; a refused document is whole. */
	if (rc == -EINVAL)
		whole = n > 0 && fb_yaml_document_is_refused(yaml, 0);
	if (whole) {
		reader.yaml = yaml;
		if (n > 1)
			fb_errs_add(&own, fb_node_place(yaml, fb_yaml_document(yaml, 1)),
				    FB_SEV_ERROR, "a config has one document, but a second begins here");
		rc = parse_root(&reader, n > 0 ? fb_yaml_document(yaml, 0) : NULL, ret);
	}
	fb_yaml_free(yaml);
	fb_errs_move(errs, &own);
	return rc;
}

static int read_file(const char *path, char **ret, size_t *ret_len)
{
	size_t cap = 64 * 1024;
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t len = 0;
	int rc = 0;

	if (file == NULL)
		return -errno;
	for (;;) {
		char *larger = realloc(text, cap);

		if (larger == NULL) {
			rc = -ENOMEM;
			break;
		}
		text = larger;
		len += fread(text + len, 1, cap - len, file);
		if (ferror(file))
			rc = errno != 0 ? -errno : -EIO;
		else if (len == cap && cap >= MAX_FILE_BYTES)
			rc = -EFBIG;
		if (rc != 0 || len < cap)
			break;
		cap *= 2;
	}
	fclose(file);
	if (rc != 0) {
		free(text);
		return rc;
	}
	*ret = text;
	*ret_len = len;
	return 0;
}

int fb_config_read(const char *path, struct fb_config **ret, struct fb_errs *errs)
{
	char *text = NULL;
	size_t len = 0;
	int rc = read_file(path, &text, &len);

	if (rc != 0) {
		fb_errs_add(errs, (struct fb_place){.file = path}, FB_SEV_ERROR,
			    "cannot be read: %s", strerror(-rc));
		return rc;
	}
	rc = fb_config_parse(path, text, len, ret, errs);
	free(text);
	return rc;
}

void fb_config_free(struct fb_config *config)
{
	/* What was given out stands first in struct settings. */
	struct settings *settings = (struct settings *)config;

	if (settings == NULL)
		return;
	free_selectors(config);
	free_rows(fb_config_rows, settings);
	free(settings);
}
