/* SPDX-License-Identifier: BSD-3-Clause */

/* Documents and lists into single objects, and each object to the reader of its kind. */

#include <errno.h>
#include <string.h>

#include "manifest/kinds.h"
#include "manifest/manifest.h"

struct kind_row {
	const char *api_version;
	const char *kind;
	enum fb_object_kind object_kind;
	void (*read)(const struct field *root);
};

static const struct kind_row kinds[] = {
	{"v1", "Service", FB_KIND_SERVICE, kind_read_service},
	{"v1", "Endpoints", FB_KIND_ENDPOINTS, kind_read_endpoints},
	{"discovery.k8s.io/v1", "EndpointSlice", FB_KIND_ENDPOINT_SLICE, kind_read_slice},
	{"v1", "Pod", FB_KIND_POD, kind_read_pod},
	{"v1", "Node", FB_KIND_NODE, kind_read_node},
	{"v1", "Namespace", FB_KIND_NAMESPACE, kind_read_namespace},
	{"discovery.k8s.io/v1beta1", "EndpointSlice", FB_KIND_ENDPOINT_SLICE, kind_read_slice},
};

/* Kinds that are not read, as far as they get a notice of their own; a file has a handful. */
#define OTHERS_MAX 32

struct other_kind {
	const char *api_version; /* in the text's nodes */
	const char *kind;
	const struct fb_node *first;
	uint32_t n;
};

struct parse {
	struct reader reader;
	struct other_kind others[OTHERS_MAX];
	uint32_t n_others;
	uint32_t n_more; /* objects of kinds past OTHERS_MAX */
};

static void count_other(struct parse *p, const char *api_version, const char *kind,
			const struct fb_node *node)
{
	for (uint32_t i = 0; i < p->n_others; i++) {
		if (strcmp(p->others[i].kind, kind) == 0 &&
		    strcmp(p->others[i].api_version, api_version) == 0) {
			p->others[i].n++;
			return;
		}
	}
	if (p->n_others == OTHERS_MAX) {
		p->n_more++;
		return;
	}
	p->others[p->n_others++] = (struct other_kind){api_version, kind, node, 1};
}

static void report_others(struct parse *p)
{
	for (uint32_t i = 0; i < p->n_others; i++) {
		const struct other_kind *o = &p->others[i];
		char kind[FIELD_SHOWN_SIZE];
		char api_version[FIELD_SHOWN_SIZE];

		reader_report(&p->reader, o->first, FB_SEV_NOTICE,
			      "kind %s (%s): %u ignored; forebay reads Service, EndpointSlice, "
			      "Endpoints, Pod, Node and Namespace",
			      reader_show(o->kind, kind), reader_show(o->api_version, api_version),
			      o->n);
	}
	if (p->n_more > 0)
		reader_report(&p->reader, NULL, FB_SEV_NOTICE, "%u of further kinds ignored",
			      p->n_more);
}

static int refuse(struct parse *p, enum fb_object_kind kind, const struct fb_node *node)
{
	const char *namespace_;
	const char *name;

	if (!kind_peek_name(node, &namespace_, &name)) {
		p->reader.ret->incomplete = true;
		return 0;
	}
	if (kind == FB_KIND_NODE || kind == FB_KIND_NAMESPACE)
		namespace_ = "";
	return fb_objects_refuse(p->reader.ret, kind, namespace_, name);
}

static int read_object(struct parse *p, const struct kind_row *row, const struct fb_node *node)
{
	struct reader *r = &p->reader;
	struct field root = {.reader = r, .node = node};
	struct fb_object *object;

	object = fb_object_create(row->object_kind, fb_node_place(r->yaml, node));
	if (object == NULL)
		return -ENOMEM;
	r->object = object;
	r->failed = node->refused; /* and is looked at for more errors */
	row->read(&root);
	kind_check_keys(&root, row->object_kind);
	r->object = NULL;
	if (!r->no_memory && !r->failed)
		return fb_objects_add(r->ret, object);
	fb_object_release(object);
	return r->no_memory ? -ENOMEM : refuse(p, row->object_kind, node);
}

/* A document that is no object: nobody knows which one it was meant to be. */
static void not_an_object(struct parse *p, const struct fb_node *node, const char *what)
{
	p->reader.ret->incomplete = true;
	reader_report(&p->reader, node, FB_SEV_ERROR, "%s", what);
}

/* What an object is if it does not say so itself: an item of a typed list. */
struct implied {
	const char *api_version;
	const char *kind;
};

static int read_node(struct parse *p, const struct fb_node *node, const struct implied *implied);

static int read_items(struct parse *p, const struct fb_node *list, const struct implied *implied)
{
	const struct fb_node *items = fb_node_get(list, "items");

	if (items == NULL || items->kind == FB_NODE_NULL)
		return 0;
	if (items->kind != FB_NODE_SEQUENCE) {
		not_an_object(p, items, "items: must be a list of objects");
		return 0;
	}
	for (uint32_t i = 0; i < items->n; i++) {
		int rc = read_node(p, items->children[i], implied);

		if (rc != 0)
			return rc;
	}
	return 0;
}

static bool ends_in_list(const char *kind)
{
	size_t len = strlen(kind);

	return len >= 4 && strcmp(kind + len - 4, "List") == 0;
}

/* "ServiceList" is a list of Services whose items need not say what they are. */
static int read_list(struct parse *p, const struct fb_node *node, const char *api_version,
		     const char *kind)
{
	size_t len = strlen(kind) - strlen("List");
	struct implied implied = {.api_version = api_version};

	if (len == 0)
		return read_items(p, node, NULL);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strncmp(kinds[i].kind, kind, len) == 0 && kinds[i].kind[len] == '\0' &&
		    strcmp(kinds[i].api_version, api_version) == 0)
			implied.kind = kinds[i].kind;
	}
	if (implied.kind != NULL)
		return read_items(p, node, &implied);
	count_other(p, api_version, kind, node);
	return 0;
}

static const char *text_of(const struct fb_node *mapping, const char *key)
{
	const struct fb_node *node = fb_node_get(mapping, key);

	if (node == NULL || node->kind != FB_NODE_STRING || node->text[0] == '\0')
		return NULL;
	return node->text;
}

static int read_node(struct parse *p, const struct fb_node *node, const struct implied *implied)
{
	const char *api_version;
	const char *kind;

	if (node == NULL || node->kind != FB_NODE_MAPPING) {
		not_an_object(p, node, "is no object (a mapping with apiVersion and kind)");
		return 0;
	}
	kind = text_of(node, "kind");
	api_version = text_of(node, "apiVersion");
	if (kind == NULL && text_of(node, "type") != NULL && fb_node_get(node, "object") != NULL) {
		not_an_object(p, node, "is a line of a watch, which says what changed; a manifest "
				       "says what is (kubectl get -o yaml)");
		return 0;
	}
	if (kind == NULL && implied != NULL)
		kind = implied->kind;
	if (api_version == NULL && implied != NULL)
		api_version = implied->api_version;
	if (kind == NULL || api_version == NULL) {
		not_an_object(p, node, kind == NULL ? "kind: is missing (for example Service)"
						    : "apiVersion: is missing (for example v1)");
		return 0;
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].kind, kind) == 0 &&
		    strcmp(kinds[i].api_version, api_version) == 0)
			return read_object(p, &kinds[i], node);
	}
	if (ends_in_list(kind))
		return read_list(p, node, api_version, kind);
	count_other(p, api_version, kind, node);
	return 0;
}

int fb_manifest_parse(const char *name, const char *text, size_t len, struct fb_objects *ret,
		      struct fb_errs *errs)
{
	struct parse p = {.reader = {.name = name, .errs = errs, .ret = ret}};
	struct fb_yaml *yaml;
	int rc = fb_yaml_parse(name, text, len, &yaml, errs);

	if (rc == -ENOMEM)
		return rc;
	if (rc != 0)
		ret->incomplete = true;
	rc = 0;
	p.reader.yaml = yaml;
	for (size_t i = 0; rc == 0 && i < fb_yaml_n_documents(yaml); i++) {
		const struct fb_node *node = fb_yaml_document(yaml, i);

		if (node->kind != FB_NODE_NULL)
			rc = read_node(&p, node, NULL);
	}
	if (rc == 0)
		report_others(&p);
	fb_yaml_free(yaml);
	return rc;
}
