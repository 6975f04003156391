/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/answer.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "desired/env.h"

const char *fb_request_string(const json_t *request, const char *key)
{
	return json_string_value(json_object_get(request, key));
}

json_t *fb_answer_verror(const char *fmt, va_list args)
{
	json_t *text = json_vsprintf(fmt, args);

	/* What a client sent may not be UTF-8, and is quoted in the sentence. */
	if (text == NULL)
		text = json_string("the request is not UTF-8 text");
	return json_pack("{s:b,s:o}", "ok", 0, "error", text);
}

json_t *fb_answer_error(const char *fmt, ...)
{
	json_t *answer;
	va_list args;

	va_start(args, fmt);
	answer = fb_answer_verror(fmt, args);
	va_end(args);
	return answer;
}

json_t *fb_json_text(const char *text)
{
	json_t *value = json_string(text);
	char *copy;

	if (value != NULL)
		return value;
	copy = strdup(text);
	for (char *p = copy; p != NULL && *p != '\0'; p++) {
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	}
	value = copy != NULL ? json_string(copy) : NULL;
	free(copy);
	return value;
}

void fb_json_set_integer(json_t *o, const char *key, uint64_t value)
{
	(void)json_object_set_new(o, key, json_integer((json_int_t)value));
}

json_t *fb_messages_json(const struct fb_errs *errs)
{
	json_t *list = json_array();

	for (size_t i = 0; i < errs->n; i++) {
		char text[1024];

		(void)fb_err_format(&errs->v[i], text, sizeof(text));
		(void)json_array_append_new(list, json_pack("{s:s,s:o}", "severity",
							    errs->v[i].severity == FB_SEV_ERROR
								    ? "error"
								    : "notice",
							    "text", fb_json_text(text)));
	}
	return list;
}

static json_t *variable_json(const struct fb_env_variable *variable)
{
	return json_pack("{s:s,s:s,s:s,s:s}", "name", variable->name, "value", variable->value,
			 "namespace", variable->namespace_, "service", variable->service);
}

json_t *fb_answer_env(const struct fb_store *store, const json_t *request)
{
	const char *namespace_ = fb_request_string(request, "namespace");
	bool links = !json_is_false(json_object_get(request, "links"));
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_env env;
	json_t *items;
	json_t *answer;

	if (namespace_ == NULL)
		return fb_answer_error("env needs a \"namespace\"");
	if (fb_env_build(store, namespace_, links, &env, &errs) != 0) {
		fb_errs_fini(&errs);
		return NULL;
	}
	items = json_array();
	for (size_t i = 0; i < env.n; i++)
		(void)json_array_append_new(items, variable_json(&env.v[i]));
	answer = json_pack("{s:b,s:o,s:o}", "ok", 1, "items", items, "messages",
			   fb_messages_json(&errs));
	fb_env_free(&env);
	fb_errs_fini(&errs);
	return answer;
}
