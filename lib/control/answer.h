/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_CONTROL_ANSWER_H
#define FB_CONTROL_ANSWER_H

/*
 * Answers to requests (protocol.md) that need no daemon: what the objects say, and what they mean.
 * The daemon and `forebayctl --offline` both end here.
 *
 * Thread: control. Requests are borrowed; answers belong to the caller, NULL: no memory.
 */

#include <stdarg.h>
#include <stdint.h>

#include <jansson.h>

#include "base/err.h"
#include "model/store.h"

/** A field that is a string, or NULL. */
const char *fb_request_string(const json_t *request, const char *key);

/** {"ok": false, "error": sentence} */
json_t *fb_answer_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
json_t *fb_answer_verror(const char *fmt, va_list args) __attribute__((format(printf, 1, 0)));

/** Errors as the list `messages`. */
json_t *fb_messages_json(const struct fb_errs *errs);

/** Text that may not be UTF-8 (file names, error texts) as a JSON string. */
json_t *fb_json_text(const char *text);

/** A field of an object, as a number. */
void fb_json_set_integer(json_t *o, const char *key, uint64_t value);

/** `env`: the variables of a pod in a namespace. */
json_t *fb_answer_env(const struct fb_store *store, const json_t *request);

#endif
