/* SPDX-License-Identifier: BSD-3-Clause */

/* The YAML reader: libyaml's events into the tree, libyaml's complaints into sentences. */

#include <errno.h>
#include <string.h>

#include <yaml.h>

#include "yaml/tree.h"

#define TAG_PREFIX "tag:yaml.org,2002:"

static struct mark mark_of(yaml_mark_t mark)
{
	return (struct mark){.line = (uint32_t)mark.line + 1, .column = (uint32_t)mark.column + 1};
}

/* What libyaml says, and what somebody who writes manifests can do about it. The context, where
 * given, tells sentences apart that libyaml begins in the same way. */
static const struct sentence {
	const char *problem;
	const char *context;
	const char *text;
} sentences[] = {
	{"did not find expected key", "while parsing a block mapping",
	 "expected a key that is indented like those before it, or the end of the mapping"},
	{"did not find expected '-' indicator", NULL,
	 "expected \"- \" indented like the entries before it, or the end of the list"},
	{"did not find expected ',' or '}'", NULL, "expected ',' or '}'"},
	{"did not find expected ',' or ']'", NULL, "expected ',' or ']'"},
	{"did not find expected node content", NULL, "expected a value"},
	{"did not find expected <document start>", NULL,
	 "expected the end of the document, or --- before the next one"},
	{"could not find expected ':'", NULL, "expected ':' after the key"},
	{"mapping values are not allowed in this context", NULL,
	 "a ':' with a value cannot stand here; text with \": \" in it wants quotes, and a key a "
	 "line of its own"},
	{"mapping keys are not allowed in this context", NULL, "a '?' key cannot stand here"},
	{"block sequence entries are not allowed in this context", NULL,
	 "a \"- \" entry cannot stand here; it wants a line of its own"},
	{"found character that cannot start any token", NULL,
	 "this character cannot begin a value: text that begins with it wants quotes, and "
	 "indentation wants spaces, not tabs"},
	{"found a tab character that violates indentation", NULL,
	 "indentation wants spaces, not tabs"},
	{"found a tab character where an indentation space is expected", NULL,
	 "indentation wants spaces, not tabs"},
	{"found unexpected end of stream", "while scanning a quoted scalar",
	 "the text ends within quotes"},
	{"found unexpected document indicator", NULL, "the document ends within quotes"},
	{"found unknown escape character", NULL,
	 "unknown escape after '\\'; a backslash itself is \\\\, or stands in single quotes"},
	{"found invalid Unicode character escape code", NULL,
	 "this escape is not a character (surrogate pairs are for JSON)"},
	{"did not find expected hexdecimal number", NULL, "expected hexadecimal digits"},
	{"did not find expected alphabetic or numeric character", NULL,
	 "expected a name after '&' or '*'; text that begins with these wants quotes"},
	{"found undefined tag handle", NULL, "a tag with a prefix that no %TAG line explains"},
	{"found incompatible YAML document", NULL, "expected %YAML 1.1 or 1.2"},
	{"did not find expected comment or line break", NULL,
	 "expected the end of the line or a comment"},
	{"control characters are not allowed", NULL, "control characters are not allowed"},
};

static int syntax_error(struct tree *tree, const yaml_parser_t *parser, const char *text)
{
	const char *problem = parser->problem != NULL ? parser->problem : "not valid YAML";
	const char *context = parser->context != NULL ? parser->context : "";
	struct mark mark = parser->error == YAML_READER_ERROR ?
				   mark_of_offset(text, parser->problem_offset) :
				   mark_of(parser->problem_mark);
	uint32_t begin = (uint32_t)parser->context_mark.line + 1;

	if (parser->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++) {
		const struct sentence *s = &sentences[i];

		if (strcmp(s->problem, problem) != 0 ||
		    (s->context != NULL && strcmp(s->context, context) != 0))
			continue;
		if (*context != '\0' && begin < mark.line)
			return tree_error(tree, mark, "%s (%s that begins at line %u)", s->text,
					  context, begin);
		return tree_error(tree, mark, "%s", s->text);
	}
	return tree_error(tree, mark, "%s%s%s", problem, *context != '\0' ? " " : "", context);
}

/* The kind that a tag asks for; false if the text does not fit it. */
static bool tagged_kind(const char *tag, struct scalar *scalar)
{
	int64_t integer;
	enum fb_node_kind plain = scalar_kind(scalar->text, scalar->len, &integer);

	if (strcmp(tag, "str") == 0) {
		scalar->kind = FB_NODE_STRING;
		return true;
	}
	scalar->kind = plain;
	scalar->integer = integer;
	if (strcmp(tag, "null") == 0)
		return plain == FB_NODE_NULL;
	if (strcmp(tag, "bool") == 0)
		return plain == FB_NODE_BOOL;
	if (strcmp(tag, "int") == 0)
		return plain == FB_NODE_INT;
	if (strcmp(tag, "float") != 0 || (plain != FB_NODE_INT && plain != FB_NODE_FLOAT))
		return false;
	scalar->kind = FB_NODE_FLOAT;
	return true;
}

static int refuse_tag(struct tree *tree, struct mark mark, const char *tag)
{
	return tree_refuse(tree, mark,
			   "tag %.100s is not known here (!!str, !!int, !!float, !!bool, !!null, "
			   "!!map and !!seq are)",
			   tag);
}

static int on_scalar(struct tree *tree, const yaml_event_t *event)
{
	const char *tag = (const char *)event->data.scalar.tag;
	const size_t prefix_len = strlen(TAG_PREFIX);
	struct scalar scalar = {
		.mark = mark_of(event->start_mark),
		.text = (const char *)event->data.scalar.value,
		.len = event->data.scalar.length,
		.kind = FB_NODE_STRING,
		.plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE,
	};
	int rc = 0;

	if (tag == NULL) {
		if (scalar.plain)
			scalar.kind = scalar_kind(scalar.text, scalar.len, &scalar.integer);
	} else if (strncmp(tag, TAG_PREFIX, prefix_len) == 0 &&
		   IS_ONE_OF(tag + prefix_len, strlen(tag + prefix_len), "str", "null", "bool",
			     "int", "float")) {
		if (!tagged_kind(tag + prefix_len, &scalar))
			rc = tree_refuse(tree, scalar.mark, "\"%.100s\" does not fit its tag !!%s",
					 scalar.text, tag + prefix_len);
	} else if (strcmp(tag, "!") != 0) {
		rc = refuse_tag(tree, scalar.mark, tag);
	}
	if (rc != 0)
		return rc;
	return tree_scalar(tree, &scalar, (const char *)event->data.scalar.anchor);
}

static int on_open(struct tree *tree, enum fb_node_kind kind, yaml_mark_t at, const char *tag,
		   const char *want_tag, const char *anchor)
{
	if (tag != NULL && strcmp(tag, "!") != 0 && strcmp(tag, want_tag) != 0) {
		int rc = refuse_tag(tree, mark_of(at), tag);

		if (rc != 0)
			return rc;
	}
	return tree_open(tree, kind, mark_of(at), anchor);
}

static int on_event(struct tree *tree, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return on_scalar(tree, event);
	case YAML_SEQUENCE_START_EVENT:
		return on_open(tree, FB_NODE_SEQUENCE, event->start_mark,
			       (const char *)event->data.sequence_start.tag, TAG_PREFIX "seq",
			       (const char *)event->data.sequence_start.anchor);
	case YAML_MAPPING_START_EVENT:
		return on_open(tree, FB_NODE_MAPPING, event->start_mark,
			       (const char *)event->data.mapping_start.tag, TAG_PREFIX "map",
			       (const char *)event->data.mapping_start.anchor);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return tree_close(tree);
	case YAML_ALIAS_EVENT:
		return tree_alias(tree, (const char *)event->data.alias.anchor,
				  mark_of(event->start_mark));
	case YAML_DOCUMENT_END_EVENT:
		return tree_end_document(tree);
	default:
		return 0;
	}
}

int yaml_read(struct tree *tree, const char *text, size_t len)
{
	bool done = false;
	yaml_parser_t parser;
	int rc = 0;

	if (yaml_parser_initialize(&parser) == 0)
		return -ENOMEM;
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	while (rc == 0 && !done) {
		yaml_event_t event;

		if (yaml_parser_parse(&parser, &event) == 0) {
			rc = syntax_error(tree, &parser, text);
			break;
		}
		done = event.type == YAML_STREAM_END_EVENT;
		rc = on_event(tree, &event);
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	return rc;
}
