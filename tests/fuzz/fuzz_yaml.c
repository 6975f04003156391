/* SPDX-License-Identifier: BSD-3-Clause */

/* Any bytes end in documents and placed errors; what is in the tree keeps its contract. */

#include <errno.h>

#include "fuzz.h"

#include "yaml/node.h"

static void check_node(const struct fb_node *node, unsigned int depth)
{
	bool scalar = node->kind < FB_NODE_SEQUENCE;

	fuzz_require(node->line > 0 && node->column > 0);
	fuzz_require(scalar == (node->text != NULL));
	if (scalar)
		return;
	fuzz_require(depth < FB_YAML_MAX_DEPTH);
	fuzz_require(node->n == 0 || node->children != NULL);
	/* Aliases are shared, so a walk can be long: lists and mappings of some size are enough. */
	for (uint32_t i = 0; i < node->n && i < 8; i++) {
		if (node->kind == FB_NODE_SEQUENCE) {
			check_node(node->children[i], depth + 1);
			continue;
		}
		fuzz_require(node->children[2 * i]->text != NULL);
		/* No key stands twice: the first that is found is this one. */
		fuzz_require(fb_node_get(node, node->children[2 * i]->text) ==
			     node->children[2 * i + 1]);
		if (depth < 4)
			check_node(node->children[2 * i + 1], depth + 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_yaml *yaml = NULL;
	int rc = fb_yaml_parse("f", (const char *)data, size, &yaml, &errs);

	fuzz_require(rc == 0 || rc == -EINVAL);
	fuzz_require((rc != 0) == (errs.n_errors > 0));
	for (size_t i = 0; i < errs.n; i++) {
		fuzz_require(errs.v[i].line > 0 && errs.v[i].column > 0);
		fuzz_require_one_line(errs.v[i].text);
	}
	for (size_t i = 0; i < fb_yaml_n_documents(yaml); i++)
		check_node(fb_yaml_document(yaml, i), 0);
	fb_yaml_free(yaml);
	fb_errs_fini(&errs);
	return 0;
}
