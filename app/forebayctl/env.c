/* SPDX-License-Identifier: BSD-3-Clause */

#include "ctl.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum format { FORMAT_ENV, FORMAT_DOCKER, FORMAT_EXPORT };

static bool parse_format(const char *text, enum format *ret)
{
	static const char *const names[] = {"env", "docker", "export"};

	*ret = FORMAT_ENV;
	for (size_t i = 0; text != NULL && i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], text) == 0) {
			*ret = (enum format)i;
			return true;
		}
	}
	if (text != NULL)
		ctl_error("--format %s: env, docker or export", text);
	return text == NULL;
}

static void print_variable(const json_t *o, enum format format)
{
	const char *name = ctl_string(o, "name");
	const char *value = ctl_string(o, "value");

	switch (format) {
	case FORMAT_ENV:
		(void)printf("%s=%s\n", name, value);
		break;
	case FORMAT_DOCKER:
		(void)printf("--env=%s=%s\n", name, value);
		break;
	case FORMAT_EXPORT:
		/* One that no shell can set would end the script that reads this. */
		(void)printf("%sexport %s='%s'\n", isdigit((unsigned char)name[0]) ? "# " : "",
			     name, value);
		break;
	}
}

int ctl_env(const struct ctl *ctl)
{
	const json_t *items;
	enum format format;
	json_t *answer;
	const json_t *o;
	size_t i;

	if (!parse_format(ctl->format, &format))
		return 2;
	if (ctl->n_args > 1) {
		ctl_error("env [NAMESPACE] [--format env|docker|export]");
		return 2;
	}
	if (!ctl_offline_usage(ctl, "env"))
		return 2;
	answer = ctl_ask(ctl, json_pack("{s:s,s:s,s:b}", "verb", "env", "namespace",
				    ctl->n_args == 1          ? ctl->args[0]
				    : ctl->namespace_ != NULL ? ctl->namespace_
							      : "default",
				    "links", (int)!ctl->no_links));
	if (answer == NULL)
		return 1;
	json_array_foreach(json_object_get(answer, "messages"), i, o)(void)
		fprintf(stderr, "%s: %s\n", ctl_string(o, "severity"), ctl_string(o, "text"));
	items = json_object_get(answer, "items");
	if (ctl->output == OUTPUT_JSON || ctl->output == OUTPUT_YAML)
		(void)ctl_print_value(ctl, items);
	else
		json_array_foreach(items, i, o) print_variable(o, format);
	json_decref(answer);
	return ctl_offline_was_whole() ? 0 : 1;
}
