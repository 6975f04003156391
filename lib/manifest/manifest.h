/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_MANIFEST_MANIFEST_H
#define FB_MANIFEST_MANIFEST_H

/*
 * Text into model objects, and back.
 *
 * Read: YAML with any number of documents, JSON, `kind: List`, and typed lists (ServiceList, whose
 * items have no kind). An object is checked as the API server would wherever a wrong value could
 * decide something, and its defaults are applied: lib/model describes the result. What the API
 * server allows and forebay cannot do is a notice, not an error.
 *
 * An object with an error is refused and the others stay. All errors of an object are reported,
 * each with file, line, column and field ("spec.ports[1].port: 70000 is not a port (1 to 65535)").
 * Kinds that forebay does not read get one notice per kind and text, and so does a key that is no field
 * but nearly one that forebay reads ("protocl").
 *
 * Input is hostile: bounds are those of yaml/node.h, and any bytes end in objects and errors.
 *
 * Thread: any; nothing is shared between calls.
 */

#include "base/err.h"
#include "model/objects.h"

/**
 * Read one text.
 *
 * @param name  what errors and the objects' places call it
 * @param ret   objects without errors are added, refused ones are named; incomplete is raised where
 *              the text could not be read to its end
 * @return 0, also when errs got errors; -ENOMEM (objects that were added stay in *ret)
 */
int fb_manifest_parse(const char *name, const char *text, size_t len, struct fb_objects *ret,
		      struct fb_errs *errs);

/** The same for a file; if it cannot be read that is an error in errs, and *ret is incomplete. */
int fb_manifest_read(const char *path, struct fb_objects *ret, struct fb_errs *errs);

/**
 * An object as JSON text that fb_manifest_parse() reads back as an equal object.
 *
 * Defaults are written out; fields that forebay does not keep are lost.
 *
 * @return a string for free(); NULL: no memory
 */
char *fb_manifest_write(const struct fb_object *object);

#endif
