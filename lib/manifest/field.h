/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_MANIFEST_FIELD_H
#define FB_MANIFEST_FIELD_H

/*
 * One field of an object that is being read: its node, and the way to it for errors.
 *
 * Fields live on the stack of whoever reads; each points to the one it is part of, and the path
 * ("spec.ports[1].port") is only put together when there is something to say. A field that is
 * absent or null has no node and reads as the default. Reading never stops at an error: it is
 * reported, the object is marked as failed, a default is returned, and the next field is read.
 *
 * Private to lib/manifest.
 */

#include "model/objects.h"
#include "yaml/node.h"

/* Errors and notices of one text that are worth printing; more are counted in one line. */
#define READER_MAX_REPORTS 1000

/* Misspelt keys of one text that get a notice; whoever makes more has seen the pattern. */
#define READER_MAX_SLIPS 32

struct key;

struct reader {
	const char *name; /* of the text */
	const struct fb_yaml *yaml;
	struct fb_errs *errs;
	struct fb_objects *ret;
	struct fb_object *object; /* being read; its arena gets the strings */
	size_t n_reports;
	struct {
		const struct key *keys; /* among which it stood */
		const char *text;	/* in the text's nodes */
	} slips[READER_MAX_SLIPS];
	uint32_t n_slips;
	bool failed; /* the object has an error */
	bool no_memory;
};

struct field {
	struct reader *reader;
	const struct field *up;
	const char *key; /* NULL: an element of a list */
	uint32_t index;
	const struct fb_node *node; /* NULL: absent */
};

struct field field_get(const struct field *up, const char *key);
struct field field_at(const struct field *list, uint32_t i);

/** Report; an absent field is reported at the place of what should contain it. */
void field_error(const struct field *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void field_notice(const struct field *f, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/** Report about the whole text or a node outside any object. */
void reader_report(struct reader *r, const struct fb_node *node, enum fb_severity severity,
		   const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Text as an error quotes it: short, and cut between characters. */
#define FIELD_SHOWN_SIZE 80
const char *reader_show(const char *text, char buf[static FIELD_SHOWN_SIZE]);
/** The same for the field's value. */
const char *field_show(const struct field *f, char buf[static FIELD_SHOWN_SIZE]);

/** Memory of the object; NULL also marks the reader. */
void *field_alloc(const struct field *f, uint32_t n, size_t size);

/** scalar.c: what a node is to kubectl, and the value of an integer or boolean. */
enum fb_node_kind scalar_kind_of(const struct fb_node *node, enum fb_node_kind wanted,
				 int64_t *ret_integer);

/** Is it of that kind, to kubectl? false when absent; false and an error when it is something else. */
bool field_is(const struct field *f, enum fb_node_kind kind);

/** Is it this very string? */
bool field_says(const struct field *f, const char *text);
/** Of a status with conditions: is that of type Ready "True"? Without one it is not. */
bool field_is_ready(const struct field *status);

/** Elements of a list, 0 if absent or no list (an error). */
uint32_t field_list(const struct field *f);

/** A string in the object's memory; "" if absent or wrong. */
const char *field_string(const struct field *f);
bool field_bool(const struct field *f, bool otherwise);
/** An integer from least to most; what names it in the error: "a port". */
int64_t field_int(const struct field *f, int64_t least, int64_t most, const char *what,
		  int64_t otherwise);
/** Which of the names; "" counts as absent, and so do names that are "". */
unsigned int field_enum(const struct field *f, const char *const *names, unsigned int n,
			unsigned int otherwise);
/** A list of strings. @return how many */
uint32_t field_strings(const struct field *f, const char *const **ret);
/** TCP, UDP or SCTP; IPPROTO_TCP if absent. */
uint8_t field_protocol(const struct field *f);
/** false: absent or wrong. */
bool field_addr(const struct field *f, struct fb_addr *ret);
/** The same, for an address that traffic is sent to: not unspecified, loopback or link-local. */
bool field_unicast(const struct field *f, struct fb_addr *ret);
/** A mapping of strings, sorted. */
void field_labels(const struct field *f, struct fb_labels *ret);

/* Is it a name as Kubernetes defines it? field_name() reads the string and reports. */
enum field_name_kind {
	NAME_LABEL,     /* RFC 1123 label: a-z, 0-9, "-", at most 63 */
	NAME_SUBDOMAIN, /* such labels joined by ".", at most 253 in all, and none has a bound of its own */
	NAME_PORT,	/* IANA service name: at most 15, with a letter */
};
const char *field_name(const struct field *f, enum field_name_kind kind);
bool name_is_subdomain(const char *text);

#endif
