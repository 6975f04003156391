/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_CONFIG_SCHEMA_H
#define FB_CONFIG_SCHEMA_H

/*
 * Inside lib/config: what a setting is. schema.c has one row per setting; everything else in this
 * folder walks the rows and knows no setting by name, except check.c (what two settings say
 * together).
 */

#include <stddef.h>

#include "config/config.h"
#include "yaml/node.h"

enum setting_type {
	SETTING_GROUP,      /* a mapping with rows of its own, in the same struct */
	SETTING_RECORDS,    /* a list of mappings: rows describe one, size bytes each */
	SETTING_BOOL,       /* bool */
	SETTING_NUMBER,     /* size 2 or 4, unsigned */
	SETTING_POWER_OF_2, /* uint32_t */
	SETTING_DURATION,   /* uint32_t, seconds */
	SETTING_CHOICE,     /* index into choices; size 1 or 4 */
	SETTING_CHOICES,    /* a list of choices: uint32_t with the bits (1 << index) */
	SETTING_TEXT,       /* char *; least and most are its length */
	SETTING_PORT_RANGE, /* uint16_t at offset, uint16_t at offset_2 */
	SETTING_MAC,        /* uint8_t[6]; "" is all zero */
	SETTING_ADDR,       /* struct fb_addr; "" is all zero */
	SETTING_PREFIX,     /* struct fb_prefix */
	SETTING_RANGE,      /* struct fb_config_range */
	SETTING_IF_ADDR,    /* struct fb_config_addr */
	SETTING_LISTEN,     /* char *: address and port; "" */
	SETTING_MSS,        /* uint16_t: base/mss.h */
};

/* What the file's rows fill in: the public struct, and what only the reader needs. */
struct settings {
	struct fb_config config;
	uint32_t n_cores; /* 0: workers.cores was not given */
};

struct setting {
	const char *name;
	enum setting_type type;
	bool list;         /* a list of such values: pointer at offset, uint32_t count at offset_2 */
	uint16_t size;     /* of one value */
	size_t offset;     /* in struct settings, or in the record */
	size_t offset_2;
	uint64_t least;
	uint64_t most;     /* lists: of each value */
	uint32_t most_n;   /* lists and records: how many values */
	const char *standard; /* the default, as it would be written; NULL: must be given */
	const char *example;  /* records: the sample's value, where it is not the default */
	const char *unit;
	const char *help;
	const char *const *choices; /* ends in NULL */
	const struct setting *rows; /* groups and records; ends in a row without name */
};

extern const struct setting fb_config_rows[];

/* value.c: write one value to field (whose old value is freed); false if the node does not fit.
 * Memory: *ret_no_memory is raised. */
bool setting_set(const struct setting *row, const struct fb_node *node, void *field,
		 bool *ret_no_memory);

/* value.c: "a whole number from 1 to 64": what is allowed, for errors and the sample. */
void setting_describe(const struct setting *row, char *buf, size_t buf_size);

/* What a reading goes on with. */
struct reader {
	const struct fb_yaml *yaml;
	struct fb_errs *errs;
	bool no_memory;
	char path[128]; /* "ports[1].name" of the row that is being read */
};

/* read.c */
void read_standards(struct reader *reader, const struct setting *rows, void *base);
void read_rows(struct reader *reader, const struct setting *rows, const struct fb_node *node,
	       void *base);
void free_rows(const struct setting *rows, void *base);

/* check.c: what rows cannot say alone; fills in what depends on several. */
void check_settings(struct reader *reader, const struct fb_node *root, struct settings *settings);

/* selectors.c: the label selectors of pools, from their texts. */
void read_selectors(struct reader *reader, const struct fb_node *pools, struct fb_config *config);
void free_selectors(struct fb_config *config);

#endif
