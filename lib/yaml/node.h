/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_YAML_NODE_H
#define FB_YAML_NODE_H

/*
 * YAML and JSON text into trees of nodes that know their place (libyaml underneath).
 *
 * One stream holds any number of documents: YAML separated by ---, or JSON values, also concatenated
 * without a separator as kubectl accepts them. Both the config and manifests are read through this, so
 * every error can say line and column.
 *
 * Bounds, since input is untrusted: depth, nodes and anchor expansions are limited (an alias counts
 * every node it stands for), so a "billion laughs" is a placed error, not a full memory. NUL bytes and
 * wrong UTF-8 are placed errors too. Duplicate keys of a mapping, keys that are no text, and unknown
 * tags are errors that refuse the document they stand in; the others are read on.
 *
 * Merge keys (<<) are resolved: the merged pairs are children like any other. A node that an alias
 * stands for is the anchor's node itself, so it has the anchor's place, and no node may be changed.
 *
 * Thread: any; a document belongs to one thread at a time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define FB_YAML_MAX_DEPTH 64
/* One stream. Measured: 10,000 Services with 10 endpoints each are 29 MB, 3.1 M nodes, 0.8 s. */
#define FB_YAML_MAX_NODES 8000000

enum fb_node_kind {
	FB_NODE_NULL, /* plain "", ~, null */
	FB_NODE_BOOL, /* plain true, false (YAML 1.2 core; yes/no/on/off are strings) */
	FB_NODE_INT,  /* plain decimal integer that fits 64 bits; text is kept too */
	FB_NODE_FLOAT,
	FB_NODE_STRING, /* everything quoted, and other plain scalars */
	FB_NODE_SEQUENCE,
	FB_NODE_MAPPING,
};

extern const char *const fb_node_kind_names[]; /* "null", "boolean", "integer", ... as users say it */

struct fb_node {
	enum fb_node_kind kind;
	uint32_t line;
	uint32_t column;
	bool plain;       /* a scalar without quotes and tag */
	bool refused;     /* a mapping with an error of fb_yaml_document_is_refused() in it */
	const char *text; /* scalars: as written, unescaped, NUL-terminated, no NUL inside */
	int64_t integer;  /* FB_NODE_INT; FB_NODE_BOOL: 0 or 1 */
	uint32_t n;       /* sequence: children; mapping: pairs */
	struct fb_node **children; /* sequence: n; mapping: key, value, key, value ... 2n */
};

struct fb_yaml; /* the parsed stream; owns nodes and text */

/**
 * Parse a whole stream.
 *
 * @param name  what errors call it; borrowed while the stream lives
 * @param errs  a syntax error ends the parse; the documents before it are in *ret all the same
 * @return 0; -EINVAL with errs filled (*ret is set and must be freed); -ENOMEM (*ret untouched;
 *         errs may have grown)
 */
int fb_yaml_parse(const char *name, const char *text, size_t len, struct fb_yaml **ret,
		  struct fb_errs *errs);
void fb_yaml_free(struct fb_yaml *yaml);

/** Documents; empty ones (only comments) are left out. */
size_t fb_yaml_n_documents(const struct fb_yaml *yaml);
struct fb_node *fb_yaml_document(const struct fb_yaml *yaml, size_t i);

/**
 * An error stands inside this document although its syntax is right (a duplicate key ...): it must
 * not take effect, but can be looked at for more errors. Of duplicate keys it has the first.
 */
bool fb_yaml_document_is_refused(const struct fb_yaml *yaml, size_t i);

/** Value of a key of a mapping, or NULL (also for NULL or non-mappings, so that calls chain). */
struct fb_node *fb_node_get(const struct fb_node *mapping, const char *key);

/** Where a node stands, for fb_errs_add(). */
struct fb_place fb_node_place(const struct fb_yaml *yaml, const struct fb_node *node);

#endif
