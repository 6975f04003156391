/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What can only be checked when a mapping is complete: keys that are no text, duplicate keys, and
 * merge keys (<<), which kubectl's YAML knows: the pairs of another mapping, where the key is not
 * given here.
 *
 * Mappings of manifests have a handful of keys, so these are compared each with each; from
 * SHORT_PAIRS on they are sorted, or a mapping of a million keys would take hours.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "yaml/tree.h"

#define SHORT_PAIRS 12

static struct mark mark_of(const struct fb_node *node)
{
	return (struct mark){.line = node->line, .column = node->column};
}

static bool is_merge_key(const struct frame *frame, const struct fb_node *key)
{
	return frame->merges && strcmp(key->text, "<<") == 0;
}

/* Drop the pairs whose key is a list or a mapping. */
static int drop_unusable_keys(struct tree *tree, struct frame *frame)
{
	size_t kept = frame->first;

	for (size_t i = frame->first; i < tree->n_pending; i += 2) {
		struct fb_node *key = tree->pending[i];
		int rc;

		if (key->text != NULL) {
			tree->pending[kept] = key;
			tree->pending[kept + 1] = tree->pending[i + 1];
			kept += 2;
			continue;
		}
		rc = tree_refuse(tree, mark_of(key),
				 "a %s cannot be a key; a template {{ }} must be rendered first, or "
				 "stand in quotes",
				 fb_node_kind_names[key->kind]);
		if (rc != 0)
			return rc;
	}
	tree->n_pending = kept;
	return 0;
}

static int compare_pairs(const void *a, const void *b)
{
	struct fb_node *const *pair_a = *(struct fb_node **const *)a;
	struct fb_node *const *pair_b = *(struct fb_node **const *)b;
	int by_text = strcmp(pair_a[0]->text, pair_b[0]->text);

	if (by_text != 0)
		return by_text;
	/* As they stand: whoever came first wins. */
	return pair_a < pair_b ? -1 : pair_a > pair_b;
}

static int sort_pairs(struct tree *tree, struct fb_node **pairs, size_t n_pairs)
{
	if (tree->order_cap < n_pairs) {
		struct fb_node ***order = realloc(tree->order, n_pairs * sizeof(*order));

		if (order == NULL)
			return -ENOMEM;
		tree->order = order;
		tree->order_cap = n_pairs;
	}
	for (size_t i = 0; i < n_pairs; i++)
		tree->order[i] = pairs + 2 * i;
	qsort(tree->order, n_pairs, sizeof(struct fb_node **), compare_pairs);
	return 0;
}

/* The later of two pairs with one key: an error if both are written here, else silently left out
 * (a merged pair). A pair that is left out has its value cleared. */
static int settle(struct tree *tree, struct fb_node **first, struct fb_node **later,
		  struct fb_node **merged)
{
	struct fb_node *key = later[0];

	later[1] = NULL;
	if (later >= merged)
		return 0;
	return tree_refuse(tree, mark_of(key),
			   "key \"%.100s\" is given twice in this mapping, first at line %u column %u",
			   key->text, first[0]->line, first[0]->column);
}

static int settle_duplicates(struct tree *tree, size_t first, size_t first_merged)
{
	size_t n_pairs = (tree->n_pending - first) / 2;
	struct fb_node **pairs;
	struct fb_node **merged;
	int rc = 0;

	if (n_pairs == 0)
		return 0; /* before the first pair there is no array either */
	pairs = tree->pending + first;
	merged = tree->pending + first_merged;
	if (n_pairs <= SHORT_PAIRS) {
		for (size_t i = 1; i < n_pairs && rc == 0; i++) {
			struct fb_node **later = pairs + 2 * i;

			for (size_t j = 0; j < i; j++) {
				if (strcmp(pairs[2 * j]->text, later[0]->text) == 0) {
					rc = settle(tree, pairs + 2 * j, later, merged);
					break;
				}
			}
		}
		return rc;
	}
	rc = sort_pairs(tree, pairs, n_pairs);
	for (size_t i = 1, same = 0; i < n_pairs && rc == 0; i++) {
		if (strcmp(tree->order[i][0]->text, tree->order[same][0]->text) == 0)
			rc = settle(tree, tree->order[same], tree->order[i], merged);
		else
			same = i;
	}
	return rc;
}

static int merge_one(struct tree *tree, const struct fb_node *source)
{
	int rc = 0;

	if (source->kind != FB_NODE_MAPPING)
		return tree_refuse(tree, mark_of(source),
				   "<< wants a mapping or a list of mappings, and found: %s",
				   fb_node_kind_names[source->kind]);
	for (uint32_t i = 0; i < 2 * source->n && rc == 0; i++)
		rc = tree_push(tree, source->children[i]);
	return rc;
}

/* Append the pairs of what << names. They were counted when the alias was. */
static int append_merged(struct tree *tree, const struct fb_node *source)
{
	int rc = 0;

	if (source->kind != FB_NODE_SEQUENCE)
		return merge_one(tree, source);
	for (uint32_t i = 0; i < source->n && rc == 0; i++)
		rc = merge_one(tree, source->children[i]);
	return rc;
}

/* Take out pairs without value, and the merge key itself. */
static void close_gaps(struct tree *tree, const struct frame *frame, size_t first_merged)
{
	size_t kept = frame->first;

	for (size_t i = frame->first; i < tree->n_pending; i += 2) {
		if (tree->pending[i + 1] == NULL ||
		    (i < first_merged && is_merge_key(frame, tree->pending[i])))
			continue;
		tree->pending[kept] = tree->pending[i];
		tree->pending[kept + 1] = tree->pending[i + 1];
		kept += 2;
	}
	tree->n_pending = kept;
}

int mapping_finish(struct tree *tree, struct frame *frame)
{
	uint32_t n_soft_errors = tree->n_soft_errors;
	size_t first_merged;
	int rc;

	rc = drop_unusable_keys(tree, frame);
	if (rc != 0)
		return rc;
	first_merged = tree->n_pending;
	for (size_t i = frame->first; i < first_merged && frame->merges; i += 2) {
		if (!is_merge_key(frame, tree->pending[i]))
			continue;
		rc = append_merged(tree, tree->pending[i + 1]);
		if (rc != 0)
			return rc;
	}
	rc = settle_duplicates(tree, frame->first, first_merged);
	if (rc != 0)
		return rc;
	if (frame->merges || tree->n_soft_errors != n_soft_errors)
		close_gaps(tree, frame, first_merged);
	return 0;
}
