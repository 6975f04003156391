/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Names that Kubernetes allows: RFC 1123 labels, IANA service names (RFC 6335), and what it calls subdomains,
 * whose parts it bounds by the whole only: a Pod may have 253 characters without a dot.
 */

#include <string.h>

#include "manifest/field.h"

#define LABEL_MAX     63
#define SUBDOMAIN_MAX 253
#define PORT_NAME_MAX 15

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Letters and digits, "-" inside. */
static bool is_part(const char *text, size_t len)
{
	if (len == 0 || !is_alnum(text[0]) || !is_alnum(text[len - 1]))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!is_alnum(text[i]) && text[i] != '-')
			return false;
	}
	return true;
}

static bool is_label(const char *text, size_t len)
{
	return len <= LABEL_MAX && is_part(text, len);
}

bool name_is_subdomain(const char *text)
{
	if (strlen(text) > SUBDOMAIN_MAX)
		return false;
	for (;;) {
		size_t len = strcspn(text, ".");

		if (!is_part(text, len))
			return false;
		if (text[len] == '\0')
			return true;
		text += len + 1;
	}
}

static bool has_letter(const char *text)
{
	return strpbrk(text, "abcdefghijklmnopqrstuvwxyz") != NULL;
}

static bool is_port_name(const char *text)
{
	size_t len = strlen(text);

	return len <= PORT_NAME_MAX && is_label(text, len) && has_letter(text) &&
	       strstr(text, "--") == NULL;
}

const char *field_name(const struct field *f, enum field_name_kind kind)
{
	const char *name = field_string(f);
	char shown[FIELD_SHOWN_SIZE];
	int64_t number;

	if (f->node == NULL || scalar_kind_of(f->node, FB_NODE_STRING, &number) != FB_NODE_STRING)
		return name;
	if (kind == NAME_LABEL && !is_label(name, strlen(name)))
		field_error(f,
			    "\"%s\" is not a name (1 to 63 of a-z, 0-9 and \"-\", with a letter or "
			    "digit at both ends)",
			    field_show(f, shown));
	else if (kind == NAME_SUBDOMAIN && !name_is_subdomain(name))
		field_error(f,
			    "\"%s\" is not a name (at most 253 of a-z, 0-9, \"-\" and \".\", "
			    "with a letter or digit at both ends of each part)",
			    field_show(f, shown));
	else if (kind == NAME_PORT && name[0] != '\0' && strspn(name, "0123456789") == strlen(name))
		field_error(f, "\"%s\" in quotes is a name, and a name has a letter; "
			       "a number is written without quotes",
			    field_show(f, shown));
	else if (kind == NAME_PORT && !is_port_name(name))
		field_error(f,
			    "\"%s\" is not a port name (1 to 15 of a-z, 0-9 and single \"-\" "
			    "inside, with a letter)",
			    field_show(f, shown));
	return name;
}
