/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Annotation forebay.io/port-ranges: more ports than spec.ports can list.
 *
 *     30000-30099, rtp=40000-49999:50000, all
 *
 * Each is [NAME=]FIRST-LAST[:TARGET] or [NAME=]all, for the port of that name; without a name, for the
 * first port of each protocol that the Service has.
 */

#include <stdio.h>
#include <string.h>

#include "manifest/kinds.h"

/* Bound on the quadratic check for overlaps, and more than anybody has written. */
#define RANGES_MAX 100

struct range_text {
	const char *name; /* NULL: none */
	size_t name_len;
	const char *text;
	size_t len;
};

static void say_no_range(const struct field *f, const struct range_text *r)
{
	char text[FIELD_SHOWN_SIZE];
	char shown[FIELD_SHOWN_SIZE];
	size_t len = r->len < sizeof(text) ? r->len : sizeof(text) - 1;

	memcpy(text, r->text, len);
	text[len] = '\0';
	field_error(f,
		    "\"%s\" is no range of ports like 30000-30099, 30000-30099:40000 or all, after "
		    "NAME= where it is for the port of that name",
		    reader_show(text, shown));
}

/* Digits of a port. @return what follows them; NULL: no port (1 to 65535) */
static const char *parse_port(const char *text, const char *end, uint16_t *ret)
{
	uint32_t port = 0;
	const char *p = text;

	for (; p < end && *p >= '0' && *p <= '9' && port <= UINT16_MAX; p++)
		port = port * 10 + (uint32_t)(*p - '0');
	if (p == text || port == 0 || port > UINT16_MAX)
		return NULL;
	*ret = (uint16_t)port;
	return p;
}

static bool parse_ports(const struct range_text *r, struct fb_port_range *ret)
{
	const char *end = r->text + r->len;
	const char *p;

	if (r->len == 3 && memcmp(r->text, "all", 3) == 0) {
		*ret = (struct fb_port_range){.all = true, .first = 1, .last = UINT16_MAX, .target = 1};
		return true;
	}
	p = parse_port(r->text, end, &ret->first);
	if (p == NULL || p == end || *p != '-')
		return false;
	p = parse_port(p + 1, end, &ret->last);
	if (p == NULL || ret->last < ret->first)
		return false;
	ret->target = ret->first;
	if (p < end && *p == ':')
		p = parse_port(p + 1, end, &ret->target);
	return p == end;
}

static bool is_named(const struct fb_service_port *port, const struct range_text *r)
{
	return strlen(port->name) == r->name_len && memcmp(port->name, r->name, r->name_len) == 0;
}

/* Is the range for the i-th port? */
static bool is_for(const struct fb_model_service *service, uint32_t i, const struct range_text *r)
{
	bool first = true;

	if (r->name != NULL)
		return is_named(&service->ports[i], r);
	for (uint32_t k = 0; k < i; k++)
		first &= service->ports[k].proto != service->ports[i].proto;
	return first;
}

static const char *text_of(const struct fb_port_range *r, char *buf, size_t size)
{
	(void)snprintf(buf, size, r->all ? "all" : "%u-%u", r->first, r->last);
	return buf;
}

/* One port before ranges before all: only what is of the same sort can be in each other's way. */
static bool check_overlap(const struct field *f, const struct fb_model_service *service,
			  uint8_t proto, const struct fb_port_range *range)
{
	char text[2][16];

	for (uint32_t i = 0; i < service->n_ports; i++) {
		const struct fb_service_port *port = &service->ports[i];

		for (uint32_t k = 0; k < port->n_ranges && port->proto == proto; k++) {
			const struct fb_port_range *other = &port->ranges[k];

			if (other->all != range->all || other->first > range->last ||
			    range->first > other->last)
				continue;
			field_error(f, "%s/%s overlaps %s",
				    text_of(range, text[0], sizeof(text[0])),
				    fb_protocol_name(proto), text_of(other, text[1], sizeof(text[1])));
			return false;
		}
	}
	return true;
}

static bool append(const struct field *f, struct fb_service_port *port,
		   const struct fb_port_range *range)
{
	struct fb_port_range *v = field_alloc(f, port->n_ranges + 1, sizeof(*v));

	if (v == NULL)
		return false;
	if (port->n_ranges > 0)
		memcpy(v, port->ranges, port->n_ranges * sizeof(*v));
	v[port->n_ranges] = *range;
	port->ranges = v;
	port->n_ranges++;
	return true;
}

static bool read_range(const struct field *f, struct fb_model_service *service,
		       const struct range_text *r)
{
	struct fb_port_range range = {0};
	bool found = false;

	if (!parse_ports(r, &range)) {
		say_no_range(f, r);
		return false;
	}
	if (range.target + (uint32_t)(range.last - range.first) > UINT16_MAX) {
		field_error(f, "%u-%u:%u leads beyond port 65535", range.first, range.last,
			    range.target);
		return false;
	}
	for (uint32_t i = 0; i < service->n_ports; i++) {
		/* The ports are this object's own, and still being read. */
		struct fb_service_port *port =
			(struct fb_service_port *)(uintptr_t)&service->ports[i];

		if (!is_for(service, i, r))
			continue;
		found = true;
		if (!check_overlap(f, service, port->proto, &range) || !append(f, port, &range))
			return false;
	}
	if (!found)
		field_error(f, "\"%.*s\" is the name of no port of this Service",
			    (int)(r->name_len < 63 ? r->name_len : 63), r->name);
	return found;
}

/* The next of the list, without spaces around; false at its end. */
static bool next_range(const char **at, struct range_text *ret)
{
	const char *from = *at + strspn(*at, " ");
	const char *next = from + strcspn(from, ",");
	const char *end = next;
	const char *equals;

	if (*from == '\0')
		return false;
	while (end > from && end[-1] == ' ')
		end--;
	equals = memchr(from, '=', (size_t)(end - from));
	ret->name = equals != NULL ? from : NULL;
	ret->name_len = equals != NULL ? (size_t)(equals - from) : 0;
	ret->text = equals != NULL ? equals + 1 : from;
	ret->len = (size_t)(end - ret->text);
	*at = *next == ',' ? next + 1 : next;
	return true;
}

void kind_read_port_ranges(const struct field *f, struct fb_model_service *service)
{
	struct range_text range;
	const char *at;
	uint32_t n = 0;

	if (!field_is(f, FB_NODE_STRING) || service->n_ports == 0)
		return;
	at = f->node->text;
	while (next_range(&at, &range)) {
		if (++n > RANGES_MAX) {
			field_error(f, "more than %d ranges are too many", RANGES_MAX);
			return;
		}
		if (!read_range(f, service, &range))
			return;
	}
}
