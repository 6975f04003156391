/* SPDX-License-Identifier: BSD-3-Clause */

#include <string.h>

#include "manifest/kinds.h"

#define LABEL_VALUE_MAX 63

static bool is_label_value(const char *text)
{
	size_t len = strlen(text);

	return len <= LABEL_VALUE_MAX &&
	       strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") ==
		       len;
}

static void check_labels(const struct field *labels, const struct fb_labels *read)
{
	for (uint32_t i = 0; i < read->n; i++) {
		struct field f;

		if (is_label_value(read->v[i].value))
			continue;
		f = field_get(labels, read->v[i].key);
		field_error(&f, "is not a label value (at most 63 letters, digits, \"-\", "
				"\"_\", \".\")");
	}
}

void kind_read_meta(const struct field *root, enum field_name_kind name_kind)
{
	struct fb_meta *meta = &root->reader->object->meta;
	struct field metadata = field_get(root, "metadata");
	struct field f = field_get(&metadata, "name");

	if (metadata.node == NULL || field_is(&metadata, FB_NODE_MAPPING)) {
		meta->name = field_name(&f, name_kind);
		if (f.node == NULL)
			field_error(&f, "is missing");
	}
	f = field_get(&metadata, "namespace");
	meta->namespace_ = f.node != NULL ? field_string(&f) : "";
	if (meta->namespace_[0] != '\0')
		meta->namespace_ = field_name(&f, NAME_LABEL);
	else
		meta->namespace_ = "default";
	f = field_get(&metadata, "creationTimestamp");
	meta->creation = field_string(&f);
	f = field_get(&metadata, "labels");
	field_labels(&f, &meta->labels);
	check_labels(&f, &meta->labels);
	f = field_get(&metadata, "annotations");
	field_labels(&f, &meta->annotations);
}

static const char *string_of(const struct fb_node *node, const char *otherwise)
{
	if (node == NULL || node->kind == FB_NODE_NULL)
		return otherwise;
	return node->kind == FB_NODE_STRING ? node->text : NULL;
}

bool kind_peek_name(const struct fb_node *root, const char **ret_namespace, const char **ret_name)
{
	const struct fb_node *metadata = fb_node_get(root, "metadata");
	const char *name = string_of(fb_node_get(metadata, "name"), NULL);
	const char *namespace_ = string_of(fb_node_get(metadata, "namespace"), "default");

	if (name == NULL || namespace_ == NULL)
		return false;
	*ret_name = name;
	*ret_namespace = namespace_[0] != '\0' ? namespace_ : "default";
	return true;
}
