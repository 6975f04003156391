/* SPDX-License-Identifier: BSD-3-Clause */

#include "desired/env.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MASTER_NAMESPACE "default"
#define MASTER_NAME      "kubernetes"

/* A Service's own variables, and those of each port: HOST, PORT, PORT; PORT_NAME, and four. */
#define PER_SERVICE 3
#define PER_PORT    5

/* The longest value is sctp://[IPv6]:65535. */
#define VALUE_SIZE 96

struct build {
	const struct fb_object **services;
	size_t n_services;
	struct fb_env env;
	size_t *sorted; /* variables by name */
};

static bool has_cluster_ip(const struct fb_object *object)
{
	return object != NULL && object->service.type != FB_SERVICE_EXTERNAL_NAME &&
	       !object->service.headless && object->service.n_cluster_ips > 0 &&
	       object->service.n_ports > 0;
}

static bool is_master(const struct fb_store_view *view)
{
	return strcmp(view->namespace_, MASTER_NAMESPACE) == 0 &&
	       strcmp(view->name, MASTER_NAME) == 0;
}

static int compare_services(const void *a, const void *b)
{
	return strcmp((*(const struct fb_object *const *)a)->meta.name,
		      (*(const struct fb_object *const *)b)->meta.name);
}

/* Two rounds: how many, and which. */
static void find_services(const struct fb_store *store, const char *namespace_, bool links,
			  struct build *b)
{
	const struct fb_store_service *service = NULL;
	struct fb_store_view own = {0};
	bool has_own = links && fb_store_view(store, namespace_, MASTER_NAME, &own) &&
		       has_cluster_ip(own.service);

	b->n_services = 0;
	while ((service = fb_store_service_next(store, service)) != NULL) {
		struct fb_store_view view;
		bool wanted;

		fb_store_service_view(service, &view);
		wanted = links && strcmp(view.namespace_, namespace_) == 0;
		wanted |= is_master(&view) && !has_own;
		if (!wanted || !has_cluster_ip(view.service))
			continue;
		if (b->services != NULL)
			b->services[b->n_services] = view.service;
		b->n_services++;
	}
}

/* "foo-bar" in a variable's name: "FOO_BAR". */
static void append_name(char *to, const char *name)
{
	to += strlen(to);
	for (; *name != '\0'; name++)
		*to++ = *name == '-' ? '_' : (char)toupper((unsigned char)*name);
	*to = '\0';
}

static int add(struct build *b, const struct fb_object *service, const char *suffix,
	       const char *port_name, const char *value)
{
	struct fb_env_variable *v = &b->env.v[b->env.n];
	size_t size = strlen(service->meta.name) + strlen(suffix) + strlen(port_name) + 1;
	char *name = fb_arena_alloc(&b->env.arena, size, 1);
	char *copy = fb_arena_strdup(&b->env.arena, value);

	if (name == NULL || copy == NULL)
		return -ENOMEM;
	append_name(name, service->meta.name);
	append_name(name, suffix);
	append_name(name, port_name);
	v->name = name;
	v->value = copy;
	v->namespace_ = fb_arena_strdup(&b->env.arena, service->meta.namespace_);
	v->service = fb_arena_strdup(&b->env.arena, service->meta.name);
	if (v->namespace_ == NULL || v->service == NULL)
		return -ENOMEM;
	b->env.n++;
	return 0;
}

static const char *lower_protocol(const struct fb_service_port *port)
{
	const char *upper = fb_protocol_name(port->proto);

	return strcmp(upper, "TCP") == 0 ? "tcp" : strcmp(upper, "UDP") == 0 ? "udp" : "sctp";
}

static const char *url_of(const struct fb_object *service, const struct fb_service_port *port,
			  char buf[static VALUE_SIZE])
{
	char text[FB_ADDR_STRLEN];
	const char *address = fb_service_cluster_ip(&service->service, text);
	bool v6 = strchr(address, ':') != NULL;

	(void)snprintf(buf, VALUE_SIZE, "%s://%s%s%s:%u", lower_protocol(port), v6 ? "[" : "",
		       address, v6 ? "]" : "", port->port);
	return buf;
}

static int add_port(struct build *b, const struct fb_object *service,
		    const struct fb_service_port *port)
{
	char number[8];
	char suffix[40];
	char value[VALUE_SIZE];
	int rc;

	(void)snprintf(number, sizeof(number), "%u", port->port);
	(void)snprintf(suffix, sizeof(suffix), "_PORT_%u_%s", port->port,
		       fb_protocol_name(port->proto));
	rc = add(b, service, suffix, "", url_of(service, port, value));
	if (rc == 0)
		rc = add(b, service, suffix, "_PROTO", lower_protocol(port));
	if (rc == 0)
		rc = add(b, service, suffix, "_PORT", number);
	if (rc == 0)
		rc = add(b, service, suffix, "_ADDR",
			 fb_service_cluster_ip(&service->service, value));
	return rc;
}

static int add_service(struct build *b, const struct fb_object *service)
{
	const struct fb_model_service *s = &service->service;
	char number[8];
	char value[VALUE_SIZE];
	int rc;

	(void)snprintf(number, sizeof(number), "%u", s->ports[0].port);
	rc = add(b, service, "_SERVICE_HOST", "", fb_service_cluster_ip(s, value));
	if (rc == 0)
		rc = add(b, service, "_SERVICE_PORT", "", number);
	for (uint32_t i = 0; rc == 0 && i < s->n_ports; i++) {
		(void)snprintf(number, sizeof(number), "%u", s->ports[i].port);
		if (s->ports[i].name[0] != '\0')
			rc = add(b, service, "_SERVICE_PORT_", s->ports[i].name, number);
	}
	if (rc == 0)
		rc = add(b, service, "_PORT", "", url_of(service, &s->ports[0], value));
	for (uint32_t i = 0; rc == 0 && i < s->n_ports; i++)
		rc = add_port(b, service, &s->ports[i]);
	return rc;
}

static int compare_variables(const void *a, const void *b, void *arg)
{
	const struct fb_env *env = arg;
	size_t x = *(const size_t *)a;
	size_t y = *(const size_t *)b;
	int order = strcmp(env->v[x].name, env->v[y].name);

	return order != 0 ? order : x < y ? -1 : x > y;
}

static void notice_collision(const struct fb_env_variable *loses,
			     const struct fb_env_variable *wins, struct fb_errs *errs)
{
	fb_errs_add(errs, (struct fb_place){0}, FB_SEV_NOTICE,
		    "%s: Services %s/%s (%s) and %s/%s (%s) both make it; a pod has one of them at "
		    "random",
		    wins->name, loses->namespace_, loses->service, loses->value, wins->namespace_,
		    wins->service, wins->value);
}

/* A name that is made again later is left out where it comes first. */
static void unite(struct build *b, struct fb_errs *errs)
{
	struct fb_env *env = &b->env;
	size_t kept = 0;

	for (size_t i = 0; i < env->n; i++)
		b->sorted[i] = i;
	if (env->n > 0)
		qsort_r(b->sorted, env->n, sizeof(*b->sorted), compare_variables, env);
	for (size_t i = 1; i < env->n; i++) {
		struct fb_env_variable *loses = &env->v[b->sorted[i - 1]];
		const struct fb_env_variable *wins = &env->v[b->sorted[i]];

		if (strcmp(loses->name, wins->name) != 0)
			continue;
		if (strcmp(loses->value, wins->value) != 0)
			notice_collision(loses, wins, errs);
		loses->value = NULL;
	}
	for (size_t i = 0; i < env->n; i++) {
		if (env->v[i].value != NULL)
			env->v[kept++] = env->v[i];
	}
	env->n = kept;
}

static void notice_digits(const struct build *b, struct fb_errs *errs)
{
	for (size_t i = 0; i < b->n_services; i++) {
		const struct fb_meta *meta = &b->services[i]->meta;

		if (isdigit((unsigned char)meta->name[0]))
			fb_errs_add(
				errs, b->services[i]->place, FB_SEV_NOTICE,
				"Service %s/%s: its variables begin with a digit, which no shell "
				"can set",
				meta->namespace_, meta->name);
	}
}

static int build_all(struct build *b)
{
	size_t most = 0;
	int rc = 0;

	if (b->n_services > 0)
		qsort(b->services, b->n_services, sizeof(b->services[0]), compare_services);
	for (size_t i = 0; i < b->n_services; i++)
		most += PER_SERVICE + PER_PORT * (size_t)b->services[i]->service.n_ports;
	b->env.v = fb_arena_alloc(&b->env.arena, most, sizeof(*b->env.v));
	b->sorted = calloc(most + 1, sizeof(*b->sorted));
	if (b->env.v == NULL || b->sorted == NULL)
		return -ENOMEM;
	for (size_t i = 0; rc == 0 && i < b->n_services; i++)
		rc = add_service(b, b->services[i]);
	return rc;
}

int fb_env_build(const struct fb_store *store, const char *namespace_, bool links,
		 struct fb_env *ret, struct fb_errs *errs)
{
	struct build b = {0};
	int rc;

	find_services(store, namespace_, links, &b);
	b.services = calloc(b.n_services + 1, sizeof(b.services[0]));
	if (b.services == NULL)
		return -ENOMEM;
	find_services(store, namespace_, links, &b);
	rc = build_all(&b);
	if (rc == 0) {
		unite(&b, errs);
		notice_digits(&b, errs);
		*ret = b.env;
	} else {
		fb_env_free(&b.env);
	}
	free(b.sorted);
	free(b.services);
	return rc;
}

void fb_env_free(struct fb_env *env)
{
	fb_arena_fini(&env->arena);
	*env = (struct fb_env){0};
}
