/* SPDX-License-Identifier: BSD-3-Clause */

#include "yaml/tree.h"

#include <errno.h>
#include <search.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Nobody reads more than these, and each costs memory. */
#define MAX_SOFT_ERRORS 100

struct anchor {
	const char *name;
	struct fb_node *node; /* NULL while it is open */
	uint32_t n_nodes;
	uint32_t height;
};

int tree_init(struct tree *tree, const char *name, struct fb_errs *errs)
{
	*tree = (struct tree){.errs = errs};
	tree->yaml = calloc(1, sizeof(*tree->yaml));
	if (tree->yaml == NULL)
		return -ENOMEM;
	tree->yaml->name = name;
	return 0;
}

/* Anchors live in the arena. */
static void keep_anchor(void *anchor)
{
	(void)anchor;
}

static void drop_anchors(struct tree *tree)
{
	tdestroy(tree->anchors, keep_anchor);
	tree->anchors = NULL;
}

void tree_fini(struct tree *tree)
{
	drop_anchors(tree);
	free(tree->pending);
	free(tree->order);
	fb_yaml_free(tree->yaml);
	*tree = (struct tree){0};
}

struct mark mark_of_offset(const char *text, size_t offset)
{
	struct mark mark = {.line = 1, .column = 1};

	for (size_t i = 0; i < offset; i++) {
		if (text[i] == '\n') {
			mark.line++;
			mark.column = 1;
		} else if (((uint8_t)text[i] & 0xc0) != 0x80) {
			mark.column++;
		}
	}
	return mark;
}

__attribute__((format(printf, 3, 0))) static void add_error(struct tree *tree, struct mark mark,
							    const char *fmt, va_list args)
{
	struct fb_place place = {
		.file = tree->yaml->name,
		.line = mark.line,
		.column = mark.column,
	};
	char *text = NULL;

	/* Without memory for the sentence the place alone has to do. */
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	fb_errs_add(tree->errs, place, FB_SEV_ERROR, "%s", text != NULL ? text : "not valid");
	free(text);
}

int tree_error(struct tree *tree, struct mark mark, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add_error(tree, mark, fmt, args);
	va_end(args);
	return -EINVAL;
}

int tree_refuse(struct tree *tree, struct mark mark, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add_error(tree, mark, fmt, args);
	va_end(args);
	tree->refused = true;
	if (++tree->n_soft_errors < MAX_SOFT_ERRORS)
		return 0;
	return tree_error(tree, mark, "too many errors; not read any further");
}

int tree_push(struct tree *tree, struct fb_node *node)
{
	if (tree->n_pending == tree->pending_cap) {
		size_t cap = tree->pending_cap == 0 ? 256 : tree->pending_cap * 2;
		struct fb_node **pending = realloc(tree->pending, cap * sizeof(*pending));

		if (pending == NULL)
			return -ENOMEM;
		tree->pending = pending;
		tree->pending_cap = cap;
	}
	tree->pending[tree->n_pending++] = node;
	return 0;
}

/* Count before anything is made, so that the bound holds for memory too. */
static int count_nodes(struct tree *tree, struct mark mark, uint32_t n_nodes)
{
	if (n_nodes <= FB_YAML_MAX_NODES - tree->n_nodes) {
		tree->n_nodes += n_nodes;
		return 0;
	}
	return tree_error(tree, mark,
			  "too many values: %u are allowed in one stream, and an alias counts as all "
			  "that it stands for",
			  FB_YAML_MAX_NODES);
}

/* A finished node becomes a child of the innermost open one, or the document. */
static int attach(struct tree *tree, struct fb_node *node, uint32_t n_nodes, uint32_t height)
{
	struct frame *parent;

	if (tree->depth == 0) {
		tree->root = node;
		return 0;
	}
	parent = &tree->frames[tree->depth - 1];
	parent->n_nodes += n_nodes;
	if (parent->height < height)
		parent->height = height;
	return tree_push(tree, node);
}

static int compare_anchors(const void *a, const void *b)
{
	const struct anchor *anchor_a = a;
	const struct anchor *anchor_b = b;

	return strcmp(anchor_a->name, anchor_b->name);
}

/* YAML allows a name to be given again; from there on it means the newer value. */
static int add_anchor(struct tree *tree, const char *name, struct anchor **ret)
{
	struct anchor *anchor = arena_alloc(&tree->yaml->arena, sizeof(*anchor));
	struct anchor **slot;

	if (anchor == NULL)
		return -ENOMEM;
	*anchor = (struct anchor){.name = arena_text(&tree->yaml->arena, name, strlen(name))};
	if (anchor->name == NULL)
		return -ENOMEM;
	slot = tsearch(anchor, &tree->anchors, compare_anchors);
	if (slot == NULL)
		return -ENOMEM;
	*slot = anchor;
	*ret = anchor;
	return 0;
}

static struct fb_node *new_node(struct tree *tree, enum fb_node_kind kind, struct mark mark)
{
	struct fb_node *node = arena_alloc(&tree->yaml->arena, sizeof(*node));

	if (node != NULL)
		*node = (struct fb_node){.kind = kind, .line = mark.line, .column = mark.column};
	return node;
}

static bool is_key_position(const struct tree *tree, const struct frame *frame)
{
	return frame->node->kind == FB_NODE_MAPPING && (tree->n_pending - frame->first) % 2 == 0;
}

int tree_scalar(struct tree *tree, const struct scalar *scalar, const char *anchor_name)
{
	struct anchor *anchor = NULL;
	struct fb_node *node;
	int rc;

	if (memchr(scalar->text, '\0', scalar->len) != NULL)
		return tree_error(tree, scalar->mark, "text must not contain the NUL character");
	rc = count_nodes(tree, scalar->mark, 1);
	if (rc != 0)
		return rc;
	node = new_node(tree, scalar->kind, scalar->mark);
	if (node == NULL)
		return -ENOMEM;
	node->integer = scalar->integer;
	node->plain = scalar->plain;
	node->text = arena_text(&tree->yaml->arena, scalar->text, scalar->len);
	if (node->text == NULL)
		return -ENOMEM;
	if (anchor_name != NULL) {
		rc = add_anchor(tree, anchor_name, &anchor);
		if (rc != 0)
			return rc;
		*anchor = (struct anchor){.name = anchor->name, .node = node, .n_nodes = 1};
	}
	if (tree->depth > 0 && scalar->plain && scalar->len == 2 &&
	    memcmp(scalar->text, "<<", 2) == 0 &&
	    is_key_position(tree, &tree->frames[tree->depth - 1]))
		tree->frames[tree->depth - 1].merges = true;
	return attach(tree, node, 1, 0);
}

int tree_open(struct tree *tree, enum fb_node_kind kind, struct mark mark, const char *anchor_name)
{
	struct frame frame = {
		.first = tree->n_pending,
		.n_nodes = 1,
		.n_soft_errors = tree->n_soft_errors,
	};
	int rc;

	if (tree->depth == FB_YAML_MAX_DEPTH)
		return tree_error(tree, mark, "nested too deep: %u levels are allowed",
				  FB_YAML_MAX_DEPTH);
	rc = count_nodes(tree, mark, 1);
	if (rc != 0)
		return rc;
	frame.node = new_node(tree, kind, mark);
	if (frame.node == NULL)
		return -ENOMEM;
	if (anchor_name != NULL) {
		rc = add_anchor(tree, anchor_name, &frame.anchor);
		if (rc != 0)
			return rc;
	}
	tree->frames[tree->depth++] = frame;
	return 0;
}

int tree_close(struct tree *tree)
{
	struct frame *frame = &tree->frames[tree->depth - 1];
	struct fb_node *node = frame->node;
	size_t n;
	int rc;

	if (node->kind == FB_NODE_MAPPING) {
		rc = mapping_finish(tree, frame);
		if (rc != 0)
			return rc;
		node->refused = tree->n_soft_errors != frame->n_soft_errors;
	}
	n = tree->n_pending - frame->first;
	if (n > 0) {
		node->children = arena_alloc(&tree->yaml->arena, n * sizeof(*node->children));
		if (node->children == NULL)
			return -ENOMEM;
		memcpy(node->children, tree->pending + frame->first, n * sizeof(*node->children));
	}
	node->n = (uint32_t)(node->kind == FB_NODE_MAPPING ? n / 2 : n);
	tree->n_pending = frame->first;
	if (frame->anchor != NULL) {
		frame->anchor->node = node;
		frame->anchor->n_nodes = frame->n_nodes;
		frame->anchor->height = frame->height + 1;
	}
	tree->depth--;
	return attach(tree, node, frame->n_nodes, frame->height + 1);
}

int tree_alias(struct tree *tree, const char *name, struct mark mark)
{
	struct anchor key = {.name = name};
	struct anchor **slot = tfind(&key, &tree->anchors, compare_anchors);
	struct anchor *anchor;
	int rc;

	if (slot == NULL)
		return tree_error(tree, mark,
				  "alias *%s: no anchor &%s before it in this document", name, name);
	anchor = *slot;
	if (anchor->node == NULL)
		return tree_error(tree, mark, "alias *%s stands inside the value that &%s names",
				  name, name);
	if (tree->depth + anchor->height > FB_YAML_MAX_DEPTH)
		return tree_error(tree, mark,
				  "alias *%s: nested too deep: %u levels are allowed", name,
				  FB_YAML_MAX_DEPTH);
	rc = count_nodes(tree, mark, anchor->n_nodes);
	if (rc != 0)
		return rc;
	return attach(tree, anchor->node, anchor->n_nodes, anchor->height);
}

int tree_end_document(struct tree *tree)
{
	struct fb_yaml *yaml = tree->yaml;

	if (tree->root != NULL && tree->root->kind != FB_NODE_NULL) {
		if (yaml->n_documents == yaml->documents_cap) {
			size_t cap = yaml->documents_cap == 0 ? 16 : yaml->documents_cap * 2;
			struct document *v = realloc(yaml->documents, cap * sizeof(*v));

			if (v == NULL)
				return -ENOMEM;
			yaml->documents = v;
			yaml->documents_cap = cap;
		}
		yaml->documents[yaml->n_documents++] =
			(struct document){.root = tree->root, .refused = tree->refused};
	}
	tree->root = NULL;
	tree->refused = false;
	drop_anchors(tree);
	return 0;
}
