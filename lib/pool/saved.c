/* SPDX-License-Identifier: BSD-3-Clause */

/* What was allotted as JSON, and back. */

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "pool/parts.h"
#include "yaml/node.h"

#define VERSION 1

/* ---- out ---- */

static bool has_anything(const struct fb_pool_record *record)
{
	bool has = record->n_ports > 0 || record->health_port != 0;

	for (int f = 0; f < FB_FAMILY_COUNT; f++)
		has |= !fb_pool_is_none(&record->cluster[f]) ||
		       !fb_pool_is_none(&record->balancer[f]);
	return has;
}

static int set_addrs(json_t *to, const char *key, const struct fb_addr addrs[FB_FAMILY_COUNT])
{
	json_t *list = json_array();
	char text[FB_ADDR_STRLEN];
	int rc = 0;

	for (int f = 0; f < FB_FAMILY_COUNT; f++) {
		if (!fb_pool_is_none(&addrs[f]))
			rc |= json_array_append_new(list,
						    json_string(fb_addr_format(&addrs[f], text)));
	}
	return rc | json_object_set_new(to, key, list);
}

static json_t *record_json(const struct fb_pool_record *record)
{
	json_t *ports = json_array();
	json_t *o = json_object();
	int rc = 0;

	for (uint32_t i = 0; i < record->n_ports; i++)
		rc |= json_array_append_new(ports,
					    json_pack("{s:i,s:s,s:i}", "port",
						      (int)record->ports[i].port, "protocol",
						      fb_protocol_name(record->ports[i].proto),
						      "node_port",
						      (int)record->ports[i].node_port));
	rc |= json_object_set_new(o, "namespace", json_string(record->namespace_));
	rc |= json_object_set_new(o, "name", json_string(record->name));
	rc |= json_object_set_new(o, "sharing_key", json_string(record->sharing_key));
	rc |= set_addrs(o, "cluster_ips", record->cluster);
	rc |= set_addrs(o, "load_balancer_ips", record->balancer);
	rc |= json_object_set_new(o, "node_ports", ports);
	rc |= json_object_set_new(o, "health_check_node_port", json_integer(record->health_port));
	if (rc == 0)
		return o;
	json_decref(o);
	return NULL;
}

static int compare_records(const void *left, const void *right)
{
	const struct fb_pool_record *a = *(const struct fb_pool_record *const *)left;
	const struct fb_pool_record *b = *(const struct fb_pool_record *const *)right;
	int order = strcmp(a->namespace_, b->namespace_);

	return order != 0 ? order : strcmp(a->name, b->name);
}

char *fb_pool_save(struct fb_pool *pool)
{
	const struct fb_pool_record **v = calloc(pool->records.n + 1, sizeof(*v));
	struct fb_index_link *link = NULL;
	json_t *list = json_array();
	json_t *all = NULL;
	char *text = NULL;
	size_t n = 0;
	int rc = 0;

	while (v != NULL && (link = fb_index_walk(&pool->records, link)) != NULL) {
		if (has_anything((const struct fb_pool_record *)link))
			v[n++] = (const struct fb_pool_record *)link;
	}
	if (n > 1)
		qsort(v, n, sizeof(*v), compare_records);
	for (size_t i = 0; i < n; i++)
		rc |= json_array_append_new(list, record_json(v[i]));
	if (v != NULL && rc == 0)
		all = json_pack("{s:i,s:O}", "version", VERSION, "services", list);
	if (all != NULL)
		text = json_dumps(all, JSON_INDENT(1));
	json_decref(all);
	json_decref(list);
	free(v);
	if (text != NULL)
		pool->changed = false;
	return text;
}

/* ---- in ---- */

struct loading {
	struct fb_pool *pool;
	const struct fb_yaml *yaml;
	struct fb_errs *errs;
	bool wrong;
	bool no_memory;
};

static void refuse(struct loading *l, const struct fb_node *node, const char *allowed)
{
	fb_errs_add(l->errs, fb_node_place(l->yaml, node), FB_SEV_ERROR, "%s", allowed);
	l->wrong = true;
}

static const char *text_of(const struct fb_node *mapping, const char *key)
{
	const struct fb_node *node = fb_node_get(mapping, key);

	return node != NULL && node->kind == FB_NODE_STRING ? node->text : "";
}

/* Somebody else's by now, or twice in the text? */
static bool is_taken(const struct loading *l, const struct fb_pool_record *record,
		     const struct fb_addr *addr, uint16_t node_port)
{
	const struct fb_pool_use *use = NULL;

	while ((use = fb_pool_use_next(l->pool, addr, node_port, use)) != NULL) {
		bool shared = addr != NULL && record->sharing_key[0] != '\0' &&
			      strcmp(use->record->sharing_key, record->sharing_key) == 0;

		if (use->record != record && !shared)
			return true;
	}
	return false;
}

static void load_addrs(struct loading *l, struct fb_pool_record *record, const struct fb_node *list,
		       struct fb_addr to[FB_FAMILY_COUNT])
{
	for (uint32_t i = 0; list != NULL && list->kind == FB_NODE_SEQUENCE && i < list->n; i++) {
		const struct fb_node *node = list->children[i];
		struct fb_addr addr;
		enum fb_family family;

		if (node->kind != FB_NODE_STRING || fb_addr_parse(node->text, &addr) != 0 ||
		    fb_pool_is_none(&addr)) {
			refuse(l, node, "is not an address");
			continue;
		}
		family = fb_addr_family(&addr);
		if (!fb_pool_is_none(&to[family]) || is_taken(l, record, &addr, 0)) {
			refuse(l, node, "is a second of its family, or another's too");
			continue;
		}
		if (fb_pool_use_add(l->pool, record, &addr, 0, false) != 0)
			l->no_memory = true;
		else
			to[family] = addr;
	}
}

/* 0: absent, or refused. */
static uint16_t number_of(struct loading *l, const struct fb_node *mapping, const char *key)
{
	const struct fb_node *node = fb_node_get(mapping, key);

	if (node == NULL)
		return 0;
	if (node->kind == FB_NODE_INT && node->integer >= 0 && node->integer <= UINT16_MAX)
		return (uint16_t)node->integer;
	refuse(l, node, "is not a port (1 to 65535)");
	return 0;
}

/* 0: none of them. */
static uint8_t proto_of(const char *name)
{
	static const uint8_t all[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP};

	for (size_t i = 0; i < sizeof(all); i++) {
		if (strcmp(fb_protocol_name(all[i]), name) == 0)
			return all[i];
	}
	return 0;
}

static void load_port(struct loading *l, struct fb_pool_record *record, const struct fb_node *node)
{
	struct fb_pool_port port = {
		.port = number_of(l, node, "port"),
		.proto = proto_of(text_of(node, "protocol")),
		.node_port = number_of(l, node, "node_port"),
	};

	if (port.port == 0 || port.proto == 0 || port.node_port == 0) {
		refuse(l, node, "is not {port, protocol, node_port}");
		return;
	}
	if (is_taken(l, record, NULL, port.node_port)) {
		refuse(l, node, "has a node_port that is another's too");
		return;
	}
	if (fb_pool_use_add(l->pool, record, NULL, port.node_port, false) != 0)
		l->no_memory = true;
	else
		record->ports[record->n_ports++] = port;
}

static void load_ports(struct loading *l, struct fb_pool_record *record, const struct fb_node *list)
{
	if (list == NULL || list->n == 0)
		return;
	if (list->kind != FB_NODE_SEQUENCE || list->n > FB_POOL_MAX_PORTS) {
		refuse(l, list, "is not a list of ports, or too long");
		return;
	}
	record->ports = calloc(list->n, sizeof(*record->ports));
	if (record->ports == NULL) {
		l->no_memory = true;
		return;
	}
	for (uint32_t i = 0; i < list->n; i++)
		load_port(l, record, list->children[i]);
}

static void load_record(struct loading *l, const struct fb_node *node)
{
	const char *namespace_ = text_of(node, "namespace");
	const char *name = text_of(node, "name");
	struct fb_pool_record *record;
	uint16_t health;
	char *key;

	if (namespace_[0] == '\0' || name[0] == '\0' ||
	    fb_pool_record_find(l->pool, namespace_, name) != NULL) {
		refuse(l, node, "has no namespace and name, or those of another entry");
		return;
	}
	record = fb_pool_record_make(l->pool, namespace_, name);
	key = strdup(text_of(node, "sharing_key"));
	if (record == NULL || key == NULL) {
		free(key);
		l->no_memory = true;
		return;
	}
	free(record->sharing_key);
	record->sharing_key = key;
	load_addrs(l, record, fb_node_get(node, "cluster_ips"), record->cluster);
	load_addrs(l, record, fb_node_get(node, "load_balancer_ips"), record->balancer);
	load_ports(l, record, fb_node_get(node, "node_ports"));
	health = number_of(l, node, "health_check_node_port");
	if (health == 0)
		return;
	if (is_taken(l, record, NULL, health))
		refuse(l, node, "has a health_check_node_port that is another's too");
	else if (fb_pool_use_add(l->pool, record, NULL, health, false) != 0)
		l->no_memory = true;
	else
		record->health_port = health;
}

static void load_all(struct loading *l, const struct fb_node *root)
{
	const struct fb_node *version = fb_node_get(root, "version");
	const struct fb_node *list = fb_node_get(root, "services");

	if (version == NULL || version->kind != FB_NODE_INT || version->integer != VERSION ||
	    list == NULL || list->kind != FB_NODE_SEQUENCE) {
		fb_errs_add(l->errs, fb_node_place(l->yaml, root), FB_SEV_ERROR,
			    "is not {\"version\": %d, \"services\": [...]}", VERSION);
		l->wrong = true;
		return;
	}
	for (uint32_t i = 0; i < list->n && !l->no_memory; i++)
		load_record(l, list->children[i]);
}

int fb_pool_load(struct fb_pool *pool, const char *name, const char *text, size_t len,
		 struct fb_errs *errs)
{
	struct loading l = {.pool = pool, .errs = errs};
	struct fb_yaml *yaml = NULL;
	int rc = fb_yaml_parse(name, text, len, &yaml, errs);

	if (rc == 0 && fb_yaml_n_documents(yaml) == 1) {
		l.yaml = yaml;
		load_all(&l, fb_yaml_document(yaml, 0));
	} else if (rc == 0) {
		fb_errs_add(errs, (struct fb_place){.file = name}, FB_SEV_ERROR,
			    "holds no document, or several");
		rc = -EINVAL;
	}
	fb_yaml_free(yaml);
	pool->changed = false;
	if (l.no_memory)
		return -ENOMEM;
	return l.wrong ? -EINVAL : rc;
}
