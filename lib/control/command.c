/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/command.h"

#include <errno.h>
#include <string.h>

#include "manifest/manifest.h"

static void version(struct fb_control *c, const json_t *request, struct fb_reply *reply)
{
	fb_reply_send(reply, json_pack("{s:b,s:s}", "ok", 1, "version", c->p.version));
}

static void env(struct fb_control *c, const json_t *request, struct fb_reply *reply)
{
	fb_reply_send(reply, fb_answer_env(c->store, request));
}

static const struct verb {
	const char *name;
	fb_command_fn *run;
} verbs[] = {
	{"get", fb_command_get},	 {"describe", fb_command_describe},
	{"explain", fb_command_explain}, {"apply", fb_command_apply},
	{"delete", fb_command_delete},	 {"diff", fb_command_diff},
	{"env", env},			 {"version", version},
	{"drain", fb_command_drain},
};

void fb_command_run(struct fb_control *c, const char *line, size_t len, struct fb_reply *reply)
{
	json_error_t error;
	json_t *request = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
	const char *name = fb_request_string(request, "verb");
	const struct verb *verb = NULL;

	for (size_t i = 0; name != NULL && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verbs[i].name, name) == 0)
			verb = &verbs[i];
	}
	if (request == NULL)
		fb_reply_error(reply, "the request is not JSON: %s", error.text);
	else if (name == NULL)
		fb_reply_error(reply, "the request is not an object with a string \"verb\"");
	else if (verb == NULL)
		fb_reply_error(reply, "unknown verb '%s'", name);
	else
		verb->run(c, request, reply);
	json_decref(request);
}

int fb_request_documents(const json_t *request, struct fb_objects *objects, struct fb_errs *errs)
{
	const json_t *documents = json_object_get(request, "documents");
	const json_t *document;
	size_t i;

	if (!json_is_array(documents))
		return -EINVAL;
	json_array_foreach(documents, i, document) {
		const json_t *text = json_object_get(document, "text");
		const char *name = fb_request_string(document, "name");
		int ret;

		if (!json_is_string(text) || name == NULL)
			return -EINVAL;
		ret = fb_manifest_parse(name, json_string_value(text), json_string_length(text),
					objects, errs);
		if (ret != 0)
			return ret;
	}
	return 0;
}
