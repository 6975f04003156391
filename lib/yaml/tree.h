/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_YAML_TREE_H
#define FB_YAML_TREE_H

/*
 * Inside lib/yaml: the tree under construction. The two readers, YAML (events.c) and JSON (json.c),
 * call it as they find scalars and brackets; it makes nodes, keeps the bounds, and finds what is
 * wrong with a mapping as a whole (duplicate keys, merge keys).
 *
 * Calls return 0, -EINVAL (a placed error was added, the parse must end) or -ENOMEM.
 * What is wrong but does not hinder reading on (a duplicate key) adds an error, marks the document
 * as refused, and returns 0.
 */

#include "base/err.h"
#include "yaml/arena.h"
#include "yaml/node.h"

struct mark {
	uint32_t line; /* from 1 */
	uint32_t column;
};

struct document {
	struct fb_node *root;
	bool refused;
};

struct fb_yaml {
	const char *name;
	struct arena arena;
	struct document *documents;
	size_t n_documents;
	size_t documents_cap;
};

/* An open sequence or mapping. */
struct frame {
	struct fb_node *node;
	size_t first;     /* its children are pending[first ...] */
	uint32_t n_nodes; /* of the whole subtree so far, aliases expanded */
	uint32_t height;  /* levels below it so far, aliases expanded */
	uint32_t n_soft_errors; /* of the tree when it was opened */
	struct anchor *anchor;
	bool merges; /* has a plain << key */
};

struct tree {
	struct fb_yaml *yaml;
	struct fb_errs *errs;
	struct frame frames[FB_YAML_MAX_DEPTH];
	uint32_t depth;
	struct fb_node *root;
	struct fb_node **pending; /* finished children of all open frames */
	size_t n_pending;
	size_t pending_cap;
	struct fb_node ***order; /* scratch for long mappings */
	size_t order_cap;
	uint32_t n_nodes; /* of the stream, aliases expanded */
	uint32_t n_soft_errors;
	void *anchors; /* tsearch() tree of this document's struct anchor, by name */
	bool refused;  /* this document */
	bool is_json;  /* what is wrong would be as wrong in YAML, which says it less well */
};

struct scalar {
	struct mark mark;
	const char *text; /* copied */
	size_t len;
	enum fb_node_kind kind;
	int64_t integer;
	bool plain;
};

int tree_init(struct tree *tree, const char *name, struct fb_errs *errs);

/* Give up the construction: also the stream, unless the caller took tree->yaml and cleared it. */
void tree_fini(struct tree *tree);

/* anchor: NULL if it has none. */
int tree_scalar(struct tree *tree, const struct scalar *scalar, const char *anchor);
int tree_open(struct tree *tree, enum fb_node_kind kind, struct mark mark, const char *anchor);
int tree_close(struct tree *tree);
int tree_alias(struct tree *tree, const char *name, struct mark mark);
int tree_end_document(struct tree *tree);

/* Where a byte stands; columns are code points, as libyaml counts them. */
struct mark mark_of_offset(const char *text, size_t offset);

/* Add an error that ends the parse; returns -EINVAL. */
int tree_error(struct tree *tree, struct mark mark, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Add an error that refuses the document but does not end the parse; -EINVAL after too many. */
int tree_refuse(struct tree *tree, struct mark mark, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* mapping.c: check and finish the n children (key, value, key, value ...) of a closed mapping.
 * Merged pairs are appended to pending. */
int mapping_finish(struct tree *tree, struct frame *frame);
int tree_push(struct tree *tree, struct fb_node *node);

/* scalar.c: what a plain scalar is by the YAML 1.2 core schema, but for the integers that YAML 1.1
 * and 1.2 read differently (0777, 0x1f, 1_000): those are strings, so that nobody guesses. */
enum fb_node_kind scalar_kind(const char *text, size_t len, int64_t *ret_integer);

bool is_one_of(const char *text, size_t len, const char *const *words, size_t n_words);

#define IS_ONE_OF(text, len, ...)                                                                  \
	is_one_of(text, len, (const char *const[]){__VA_ARGS__},                                   \
		  sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

/* events.c, json.c: the readers. */
int yaml_read(struct tree *tree, const char *text, size_t len);
int json_read(struct tree *tree, const char *text, size_t len);

#endif
