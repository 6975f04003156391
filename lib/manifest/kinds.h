/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_MANIFEST_KINDS_H
#define FB_MANIFEST_KINDS_H

/*
 * The kinds that are read, one file each. A reader fills the object of the field's reader, applies
 * the API server's defaults, and reports whatever is wrong. A writer makes the JSON of spec and
 * status (or what the kind has instead) and adds it to the object's; it returns 0 or -ENOMEM.
 *
 * Private to lib/manifest.
 */

#include <jansson.h>

#include "manifest/field.h"

void kind_read_meta(const struct field *root, enum field_name_kind name_kind);
/* annotations.c: what forebay itself reads beside the API's fields. */
/** Annotation FB_ANNOTATION_PORT_RANGES; the Service's ports have been read. */
void kind_read_port_ranges(const struct field *f, struct fb_model_service *service);
void kind_read_service_annotations(const struct field *root, struct fb_model_service *service);
void kind_read_pod_annotations(const struct field *root, struct fb_pod *pod);
void kind_read_service(const struct field *root);
void kind_read_slice(const struct field *root);
void kind_read_endpoints(const struct field *root);
void kind_read_pod(const struct field *root);
void kind_read_node(const struct field *root);
void kind_read_namespace(const struct field *root);

/** A notice for each key that is no field, but nearly one that is read. */
void kind_check_keys(const struct field *root, enum fb_object_kind kind);

/** Namespace and name of an object that was refused; false: they cannot be told. */
bool kind_peek_name(const struct fb_node *root, const char **ret_namespace, const char **ret_name);

int kind_write_service(const struct fb_object *object, json_t *ret);
int kind_write_slice(const struct fb_object *object, json_t *ret);
int kind_write_endpoints(const struct fb_object *object, json_t *ret);
int kind_write_pod(const struct fb_object *object, json_t *ret);
int kind_write_node(const struct fb_object *object, json_t *ret);

#endif
