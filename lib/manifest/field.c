/* SPDX-License-Identifier: BSD-3-Clause */

#include "manifest/field.h"

#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "metadata.annotations.some-key": longer paths are cut at the front, where they say least. */
#define PATH_SIZE 256

struct field field_get(const struct field *up, const char *key)
{
	struct field f = {.reader = up->reader, .up = up, .key = key};

	f.node = fb_node_get(up->node, key);
	if (f.node != NULL && f.node->kind == FB_NODE_NULL)
		f.node = NULL;
	return f;
}

struct field field_at(const struct field *list, uint32_t i)
{
	struct field f = {.reader = list->reader, .up = list, .index = i};

	f.node = list->node->children[i];
	if (f.node->kind == FB_NODE_NULL)
		f.node = NULL;
	return f;
}

const char *reader_show(const char *text, char buf[static FIELD_SHOWN_SIZE])
{
	size_t n = 0;

	for (; text[n] != '\0' && n < FIELD_SHOWN_SIZE - 4; n++)
		buf[n] = text[n];
	if (text[n] != '\0') {
		while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
			n--;
		memcpy(buf + n, "...", 3);
		n += 3;
	}
	buf[n] = '\0';
	return buf;
}

const char *field_show(const struct field *f, char buf[static FIELD_SHOWN_SIZE])
{
	bool has_text = f->node != NULL && f->node->text != NULL;

	return reader_show(has_text ? f->node->text : "", buf);
}

/* Written from the end of the buffer to its front. */
static const char *path_of(const struct field *f, char buf[static PATH_SIZE])
{
	char *at = buf + PATH_SIZE - 1;

	*at = '\0';
	for (; f->up != NULL; f = f->up) {
		char part[FIELD_SHOWN_SIZE + 16];
		char shown[FIELD_SHOWN_SIZE];
		size_t len;

		if (f->key != NULL)
			len = (size_t)snprintf(part, sizeof(part), "%s%s",
					       f->up->up != NULL ? "." : "",
					       reader_show(f->key, shown));
		else
			len = (size_t)snprintf(part, sizeof(part), "[%u]", f->index);
		if (len > (size_t)(at - buf))
			break;
		at -= len;
		memcpy(at, part, len);
	}
	return at;
}

static void report(struct reader *r, const struct fb_node *node, enum fb_severity severity,
		   const char *path, const char *text)
{
	struct fb_place place = {.file = r->name};

	if (node != NULL)
		place = fb_node_place(r->yaml, node);
	r->n_reports++;
	if (r->n_reports > READER_MAX_REPORTS)
		return;
	if (r->n_reports == READER_MAX_REPORTS) {
		fb_errs_add(r->errs, place, FB_SEV_ERROR,
			    "more than %d errors and notices; the others are left out",
			    READER_MAX_REPORTS);
		return;
	}
	fb_errs_add(r->errs, place, severity, "%s%s%s", path, path[0] != '\0' ? ": " : "", text);
}

__attribute__((format(printf, 3, 0))) static void
report_field(const struct field *f, enum fb_severity severity, const char *fmt, va_list args)
{
	const struct field *at = f;
	char path[PATH_SIZE];
	char text[320];

	while (at->node == NULL && at->up != NULL)
		at = at->up;
	(void)vsnprintf(text, sizeof(text), fmt, args);
	report(f->reader, at->node, severity, path_of(f, path), text);
}

void field_error(const struct field *f, const char *fmt, ...)
{
	va_list args;

	f->reader->failed = true;
	va_start(args, fmt);
	report_field(f, FB_SEV_ERROR, fmt, args);
	va_end(args);
}

void field_notice(const struct field *f, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	report_field(f, FB_SEV_NOTICE, fmt, args);
	va_end(args);
}

void reader_report(struct reader *r, const struct fb_node *node, enum fb_severity severity,
		   const char *fmt, ...)
{
	char text[320];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	report(r, node, severity, "", text);
}

void *field_alloc(const struct field *f, uint32_t n, size_t size)
{
	void *p = fb_arena_alloc(&f->reader->object->arena, n, size);

	if (p == NULL)
		f->reader->no_memory = true;
	return p;
}

static const char *article(enum fb_node_kind kind)
{
	return strchr("aeiou", fb_node_kind_names[kind][0]) != NULL ? "an" : "a";
}

bool field_is(const struct field *f, enum fb_node_kind kind)
{
	char shown[FIELD_SHOWN_SIZE];
	enum fb_node_kind found;
	int64_t value;

	if (f->node == NULL)
		return false;
	found = scalar_kind_of(f->node, kind, &value);
	if (found == kind)
		return true;
	if (found >= FB_NODE_SEQUENCE)
		field_error(f, "must be %s %s, not a %s", article(kind), fb_node_kind_names[kind],
			    fb_node_kind_names[found]);
	else
		field_error(f, "\"%s\" is %s %s; %s %s is wanted%s", field_show(f, shown),
			    article(found), fb_node_kind_names[found], article(kind),
			    fb_node_kind_names[kind],
			    f->node->kind == FB_NODE_STRING && kind == FB_NODE_STRING
				    ? ", so it wants quotes"
				    : "");
	return false;
}

uint32_t field_list(const struct field *f)
{
	return field_is(f, FB_NODE_SEQUENCE) ? f->node->n : 0;
}

const char *field_string(const struct field *f)
{
	const char *copy;

	if (!field_is(f, FB_NODE_STRING))
		return "";
	copy = fb_arena_strdup(&f->reader->object->arena, f->node->text);
	if (copy == NULL) {
		f->reader->no_memory = true;
		return "";
	}
	return copy;
}

bool field_bool(const struct field *f, bool otherwise)
{
	int64_t value;

	if (!field_is(f, FB_NODE_BOOL))
		return otherwise;
	(void)scalar_kind_of(f->node, FB_NODE_BOOL, &value);
	return value != 0;
}

int64_t field_int(const struct field *f, int64_t least, int64_t most, const char *what,
		  int64_t otherwise)
{
	int64_t value;

	if (!field_is(f, FB_NODE_INT))
		return otherwise;
	(void)scalar_kind_of(f->node, FB_NODE_INT, &value);
	if (value >= least && value <= most)
		return value;
	field_error(f, "%lld is not %s (%lld to %lld)", (long long)value, what,
		    (long long)least, (long long)most);
	return otherwise;
}

unsigned int field_enum(const struct field *f, const char *const *names, unsigned int n,
			unsigned int otherwise)
{
	char shown[FIELD_SHOWN_SIZE];
	char allowed[200] = "";
	size_t len = 0;

	if (!field_is(f, FB_NODE_STRING) || f->node->text[0] == '\0')
		return otherwise;
	for (unsigned int i = 0; i < n; i++) {
		if (strcmp(names[i], f->node->text) == 0)
			return i;
		if (names[i][0] == '\0' || len >= sizeof(allowed))
			continue;
		len += (size_t)snprintf(allowed + len, sizeof(allowed) - len, "%s%s",
					len > 0 ? ", " : "", names[i]);
	}
	field_error(f, "\"%s\" is none of %s", field_show(f, shown), allowed);
	return otherwise;
}

uint32_t field_strings(const struct field *f, const char *const **ret)
{
	uint32_t n = field_list(f);
	const char **v = field_alloc(f, n, sizeof(*v));

	if (v == NULL)
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		struct field item = field_at(f, i);

		v[i] = field_string(&item);
	}
	*ret = v;
	return n;
}

uint8_t field_protocol(const struct field *f)
{
	static const char *const names[] = {"TCP", "UDP", "SCTP"};
	static const uint8_t numbers[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP};

	return numbers[field_enum(f, names, 3, 0)];
}

bool field_addr(const struct field *f, struct fb_addr *ret)
{
	char shown[FIELD_SHOWN_SIZE];

	if (!field_is(f, FB_NODE_STRING))
		return false;
	if (fb_addr_parse(f->node->text, ret) == 0)
		return true;
	field_error(f, "\"%s\" is not an IP address", field_show(f, shown));
	return false;
}

/* What the API server refuses as an endpoint or external address; NULL: nothing. */
static const char *not_unicast(const struct fb_addr *a)
{
	static const uint8_t zero[16];
	const uint8_t *b = fb_addr_wire(a);

	if (fb_addr_family(a) == FB_IPV4) {
		if (memcmp(b, zero, 4) == 0)
			return "the unspecified address";
		if (b[0] == 127)
			return "a loopback address";
		if (b[0] == 169 && b[1] == 254)
			return "a link-local address";
		return b[0] == 224 && b[1] == 0 && b[2] == 0 ? "a link-local multicast address" :
							       NULL;
	}
	if (memcmp(b, zero, 15) == 0 && b[15] <= 1)
		return b[15] == 1 ? "a loopback address" : "the unspecified address";
	if (b[0] == 0xfe && (b[1] & 0xc0) == 0x80)
		return "a link-local address";
	return b[0] == 0xff && (b[1] & 0x0f) == 2 ? "a link-local multicast address" : NULL;
}

bool field_unicast(const struct field *f, struct fb_addr *ret)
{
	char shown[FIELD_SHOWN_SIZE];
	const char *what;

	if (!field_addr(f, ret))
		return false;
	what = not_unicast(ret);
	if (what == NULL)
		return true;
	field_error(f, "%s is %s, which a Service cannot use", field_show(f, shown), what);
	return false;
}

static int compare_labels(const void *a, const void *b)
{
	return strcmp(((const struct fb_label *)a)->key, ((const struct fb_label *)b)->key);
}

void field_labels(const struct field *f, struct fb_labels *ret)
{
	struct fb_label *v;
	uint32_t n;

	if (!field_is(f, FB_NODE_MAPPING))
		return;
	n = f->node->n;
	v = field_alloc(f, n, sizeof(*v));
	if (v == NULL)
		return;
	for (uint32_t i = 0; i < n; i++) {
		const char *key = f->node->children[2 * i]->text;
		struct field item = {
			.reader = f->reader,
			.up = f,
			.key = key != NULL ? key : "",
			.node = f->node->children[2 * i + 1],
		};

		if (item.node->kind == FB_NODE_NULL)
			item.node = NULL;
		v[i].key = fb_arena_strdup(&f->reader->object->arena, key);
		v[i].value = field_string(&item);
		if (v[i].key == NULL) {
			f->reader->no_memory = true;
			return;
		}
	}
	qsort(v, n, sizeof(*v), compare_labels);
	ret->v = v;
	ret->n = n;
}

bool field_says(const struct field *f, const char *text)
{
	return f->node != NULL && f->node->kind == FB_NODE_STRING &&
	       strcmp(f->node->text, text) == 0;
}

bool field_is_ready(const struct field *status)
{
	struct field list = field_get(status, "conditions");
	uint32_t n = field_list(&list);

	for (uint32_t i = 0; i < n; i++) {
		struct field item = field_at(&list, i);
		struct field type = field_get(&item, "type");
		struct field f = field_get(&item, "status");

		if (field_says(&type, "Ready"))
			return field_is(&f, FB_NODE_STRING) && field_says(&f, "True");
	}
	return false;
}
