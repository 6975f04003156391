/* SPDX-License-Identifier: BSD-3-Clause */

#include "yaml/node.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "yaml/tree.h"

/* Length of the UTF-8 sequence at text, 0 if it is none (RFC 3629: shortest form, no surrogates). */
static size_t utf8_len(const uint8_t *text, size_t len)
{
	uint8_t least = 0x80;
	uint8_t most = 0xbf;
	size_t n;

	if (text[0] < 0x80)
		return 1;
	if (text[0] < 0xc2 || text[0] > 0xf4)
		return 0;
	n = text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
	if (text[0] == 0xe0)
		least = 0xa0;
	else if (text[0] == 0xed)
		most = 0x9f;
	else if (text[0] == 0xf0)
		least = 0x90;
	else if (text[0] == 0xf4)
		most = 0x8f;
	if (len < n || text[1] < least || text[1] > most)
		return 0;
	for (size_t i = 2; i < n; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	}
	return n;
}

/* Eight bytes of ASCII without a NUL: nearly all there are. */
static bool is_plain_word(const char *text)
{
	const uint64_t low = 0x0101010101010101;
	const uint64_t high = 0x8080808080808080;
	uint64_t word;

	memcpy(&word, text, sizeof(word));
	return ((word | (word - low)) & high) == 0;
}

/* NUL and wrong UTF-8 are found first, for both readers. */
static int check_encoding(struct tree *tree, const char *text, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t n;

		if (len - i >= sizeof(uint64_t) && is_plain_word(text + i)) {
			i += sizeof(uint64_t);
			continue;
		}
		n = utf8_len((const uint8_t *)text + i, len - i);
		if (n == 0)
			return tree_error(tree, mark_of_offset(text, i),
					  "byte 0x%02x is not UTF-8 text", (uint8_t)text[i]);
		if (text[i] == '\0')
			return tree_error(tree, mark_of_offset(text, i),
					  "NUL byte: this is not a text file");
		i += n;
	}
	return 0;
}

static bool looks_like_json(const char *text, size_t len)
{
	size_t i = 0;

	while (i < len && strchr(" \t\r\n", text[i]) != NULL)
		i++;
	return i < len && (text[i] == '{' || text[i] == '[');
}

/* Keep what was read, also after an error: documents before it are whole. */
static int finish(struct tree *tree, int rc, struct fb_yaml **ret)
{
	if (rc == 0 && tree->errs->n_errors > 0)
		rc = -EINVAL;
	if (rc != -ENOMEM) {
		*ret = tree->yaml;
		tree->yaml = NULL;
	}
	tree_fini(tree);
	return rc;
}

static bool is_before(const struct fb_errs *a, const struct fb_errs *b)
{
	if (a->n == 0 || b->n == 0)
		return false;
	if (a->v[a->n - 1].line != b->v[b->n - 1].line)
		return a->v[a->n - 1].line < b->v[b->n - 1].line;
	return a->v[a->n - 1].column < b->v[b->n - 1].column;
}

static int read_yaml(const char *name, const char *text, size_t len, struct fb_yaml **ret,
		     struct fb_errs *errs)
{
	struct tree tree;
	int rc = tree_init(&tree, name, errs);

	if (rc != 0)
		return rc;
	rc = yaml_read(&tree, text, len);
	return finish(&tree, rc, ret);
}

/*
 * '{' begins JSON as well as a YAML flow mapping (KYAML). What is not JSON is read as YAML, as
 * kubectl does; what is neither gets the complaint of the reader that came further.
 */
static int read_json_or_yaml(const char *name, const char *text, size_t len, struct fb_yaml **ret,
			     struct fb_errs *errs)
{
	struct fb_errs yaml_errs = FB_ERRS_INIT;
	struct fb_yaml *yaml = NULL;
	struct fb_yaml *json = NULL;
	struct tree tree;
	bool is_json;
	bool whole;
	int rc = tree_init(&tree, name, errs);

	if (rc != 0)
		return rc;
	rc = json_read(&tree, text, len);
	whole = rc == 0;
	is_json = tree.is_json;
	rc = finish(&tree, rc, &json);
	if (rc == -ENOMEM || whole) {
		*ret = rc == -ENOMEM ? *ret : json;
		return rc;
	}
	rc = read_yaml(name, text, len, &yaml, &yaml_errs);
	if (rc == -ENOMEM || (rc != 0 && (is_json || !is_before(errs, &yaml_errs)))) {
		fb_yaml_free(yaml);
		fb_errs_fini(&yaml_errs);
		if (rc == -ENOMEM)
			fb_yaml_free(json);
		else
			*ret = json;
		return rc;
	}
	fb_yaml_free(json);
	fb_errs_fini(errs);
	fb_errs_move(errs, &yaml_errs);
	*ret = yaml;
	return rc;
}

int fb_yaml_parse(const char *name, const char *text, size_t len, struct fb_yaml **ret,
		  struct fb_errs *errs)
{
	/* The caller's list may have entries already; what is said here must stay apart. */
	struct fb_errs own = FB_ERRS_INIT;
	struct tree tree;
	int rc;

	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	rc = tree_init(&tree, name, &own);
	if (rc != 0)
		return rc;
	rc = check_encoding(&tree, text, len);
	if (rc != 0) {
		rc = finish(&tree, rc, ret);
	} else {
		tree_fini(&tree);
		rc = looks_like_json(text, len) ? read_json_or_yaml(name, text, len, ret, &own) :
						  read_yaml(name, text, len, ret, &own);
	}
	fb_errs_move(errs, &own);
	return rc;
}

void fb_yaml_free(struct fb_yaml *yaml)
{
	if (yaml == NULL)
		return;
	arena_fini(&yaml->arena);
	free(yaml->documents);
	free(yaml);
}

size_t fb_yaml_n_documents(const struct fb_yaml *yaml)
{
	return yaml->n_documents;
}

struct fb_node *fb_yaml_document(const struct fb_yaml *yaml, size_t i)
{
	return yaml->documents[i].root;
}

bool fb_yaml_document_is_refused(const struct fb_yaml *yaml, size_t i)
{
	return yaml->documents[i].refused;
}

struct fb_node *fb_node_get(const struct fb_node *mapping, const char *key)
{
	if (mapping == NULL || mapping->kind != FB_NODE_MAPPING)
		return NULL;
	for (uint32_t i = 0; i < mapping->n; i++) {
		if (strcmp(mapping->children[2 * i]->text, key) == 0)
			return mapping->children[2 * i + 1];
	}
	return NULL;
}

struct fb_place fb_node_place(const struct fb_yaml *yaml, const struct fb_node *node)
{
	return (struct fb_place){.file = yaml->name, .line = node->line, .column = node->column};
}
