/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_CONTROL_COMMAND_H
#define FB_CONTROL_COMMAND_H

/*
 * What requests on the control socket mean (protocol.md). One file per family of verbs.
 *
 * Thread: control.
 */

#include <jansson.h>

#include "control/answer.h"
#include "control/server.h"
#include "control/state.h"

/** One line of a client: reads it, finds the verb, and sees to it that reply is sent in the end. */
void fb_command_run(struct fb_control *c, const char *line, size_t len, struct fb_reply *reply);

/* A verb. Each sends the reply, at once or from a job. request is borrowed. */
typedef void fb_command_fn(struct fb_control *c, const json_t *request, struct fb_reply *reply);

fb_command_fn fb_command_get, fb_command_describe;     /* command_get.c */
fb_command_fn fb_command_flows;			       /* command_flows.c */
fb_command_fn fb_command_explain;		       /* command_explain.c */
fb_command_fn fb_command_apply, fb_command_delete;     /* command_apply.c */
fb_command_fn fb_command_diff;			       /* command_diff.c */
fb_command_fn fb_command_drain;			       /* drain.c */

/** Read the documents of a request into objects; errors and notices go to errs. @return 0 or -errno */
int fb_request_documents(const json_t *request, struct fb_objects *objects, struct fb_errs *errs);

#endif
