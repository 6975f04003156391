/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A line on the control socket, as far as it is only read: JSON, the documents of an apply, the
 * queries of an explain. What is done with them is fuzzed as manifests and tested by hand.
 */

#include "fuzz.h"

#include <stdlib.h>

#include "control/command.h"
#include "control/explain.h"

static void read_queries(const json_t *queries)
{
	const json_t *text;
	size_t i;

	json_array_foreach(queries, i, text) {
		struct fb_explain_query query;
		const char *why;

		if (json_is_string(text) &&
		    fb_explain_parse(json_string_value(text), &query, &why) == 0) {
			char buf[FB_ADDR_PORT_STRLEN];

			(void)fb_addr_port_format(&query.src, query.sport, buf);
			(void)fb_explain_tuple(&query);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fb_objects objects = FB_OBJECTS_INIT;
	struct fb_errs errs = FB_ERRS_INIT;
	const char *line = (const char *)data;
	json_t *request;

	(void)fb_server_may_be_long(line, size);
	request = json_loadb(line, size, JSON_REJECT_DUPLICATES, NULL);
	(void)fb_request_string(request, "verb");
	if (fb_request_documents(request, &objects, &errs) == 0)
		json_decref(fb_messages_json(&errs));
	read_queries(json_object_get(request, "queries"));
	json_decref(request);
	fb_objects_fini(&objects);
	fb_errs_fini(&errs);
	return 0;
}
