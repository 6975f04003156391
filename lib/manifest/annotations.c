/* SPDX-License-Identifier: BSD-3-Clause */

/* Annotations of forebay's own, on Services and Pods: text, as all annotations are. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/mss.h"
#include "manifest/kinds.h"

#define DAY_S 86400

/* A null is the empty text to the API server, and neither says anything. */
static bool is_said(const struct field *f)
{
	return field_is(f, FB_NODE_STRING) && f->node->text[0] != '\0';
}

/* A decimal number up to FB_WEIGHT_MAX and nothing else. */
static bool parse_weight(const char *text, size_t len, uint32_t *ret)
{
	uint32_t value = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (uint32_t)(text[i] - '0');
		if (value > FB_WEIGHT_MAX)
			return false;
	}
	*ret = value;
	return len > 0;
}

/* An address or the name of a node. */
static bool parse_whom(const struct field *f, const char *text, size_t len,
		       struct fb_endpoint_weight *ret)
{
	char *name = field_alloc(f, (uint32_t)len + 1, 1);

	if (name == NULL || len == 0)
		return false;
	memcpy(name, text, len);
	name[len] = '\0';
	if (fb_addr_parse(name, &ret->addr) == 0) {
		ret->node_name = "";
		return true;
	}
	ret->node_name = name;
	ret->addr = (struct fb_addr){0};
	/* Digits and dots alone are an address with a mistake in it. */
	return name[strspn(name, "0123456789.")] != '\0' && name_is_subdomain(name);
}

static void say_no_pair(const struct field *f, const char *text, size_t len)
{
	char pair[FIELD_SHOWN_SIZE];
	char shown[FIELD_SHOWN_SIZE];

	len = len < sizeof(pair) ? len : sizeof(pair) - 1;
	memcpy(pair, text, len);
	pair[len] = '\0';
	field_error(f,
		    "\"%s\" is no weight like 10.1.0.11=3 or NODE=3 (0 to %d, separated by commas)",
		    reader_show(pair, shown), FB_WEIGHT_MAX);
}

static bool parse_pair(const struct field *f, const char *pair, size_t len,
		       struct fb_endpoint_weight *ret)
{
	const char *equals = memchr(pair, '=', len);
	size_t whom_len = equals != NULL ? (size_t)(equals - pair) : 0;

	return equals != NULL && parse_whom(f, pair, whom_len, ret) &&
	       parse_weight(equals + 1, len - whom_len - 1, &ret->weight);
}

/* By node name, then by address: what desired looks up in. */
static int compare_weights(const void *a, const void *b)
{
	const struct fb_endpoint_weight *x = a;
	const struct fb_endpoint_weight *y = b;
	int order = strcmp(x->node_name, y->node_name);

	return order != 0 ? order : memcmp(x->addr.bytes, y->addr.bytes, sizeof(x->addr.bytes));
}

static bool are_distinct(const struct field *f, const struct fb_endpoint_weight *v, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++) {
		char addr[FB_ADDR_STRLEN];

		if (compare_weights(&v[i - 1], &v[i]) != 0)
			continue;
		field_error(f, "%s has two weights",
			    v[i].node_name[0] != '\0' ? v[i].node_name
						      : fb_addr_format(&v[i].addr, addr));
		return false;
	}
	return true;
}

/* "10.1.0.11=3, fd00::11=1, node-a=2" */
static void read_weights(const struct field *f, struct fb_model_service *service)
{
	struct fb_endpoint_weight *v;
	uint32_t n_max = 1;
	uint32_t n = 0;

	if (!is_said(f))
		return;
	for (const char *p = f->node->text; *p != '\0'; p++)
		n_max += *p == ',';
	v = field_alloc(f, n_max, sizeof(*v));
	for (const char *p = f->node->text; v != NULL && n < n_max; n++) {
		const char *from = p + strspn(p, " ");
		const char *next = from + strcspn(from, ",");
		const char *end = next;

		while (end > from && end[-1] == ' ')
			end--;
		if (!parse_pair(f, from, (size_t)(end - from), &v[n])) {
			say_no_pair(f, from, (size_t)(end - from));
			return;
		}
		p = *next == ',' ? next + 1 : next;
	}
	if (v == NULL)
		return;
	qsort(v, n, sizeof(*v), compare_weights);
	if (!are_distinct(f, v, n))
		return;
	service->weights = v;
	service->n_weights = n;
}

static uint32_t read_duration(const struct field *f, uint32_t most_s, const char *allowed)
{
	char shown[FIELD_SHOWN_SIZE];
	uint32_t s = FB_UNSAID;

	if (!is_said(f))
		return FB_UNSAID;
	if (fb_duration_parse(f->node->text, &s) == 0 && s <= most_s)
		return s;
	field_error(f, "\"%s\" is not a duration like 30s or 1h30m (%s)", field_show(f, shown),
		    allowed);
	return FB_UNSAID;
}

static uint32_t read_removed(const struct field *f)
{
	if (f->node != NULL && f->node->kind == FB_NODE_STRING) {
		if (strcmp(f->node->text, "keep") == 0)
			return FB_FOREVER;
		if (strcmp(f->node->text, "reset") == 0)
			return 0;
	}
	return read_duration(f, 30 * DAY_S, "or keep, or reset; at most 30d");
}

static uint32_t read_rate(const struct field *f)
{
	char shown[FIELD_SHOWN_SIZE];
	unsigned long rate;
	char *end;

	if (!is_said(f))
		return FB_UNSAID;
	errno = 0;
	rate = strtoul(f->node->text, &end, 10);
	if (f->node->text[0] >= '0' && f->node->text[0] <= '9' && *end == '\0' && errno == 0 &&
	    rate <= FB_RATE_MAX)
		return (uint32_t)rate;
	field_error(f, "\"%s\" is not a number of flows a second (0, which is no limit, to %d)",
		    field_show(f, shown), FB_RATE_MAX);
	return FB_UNSAID;
}

static uint16_t read_mss(const struct field *f)
{
	char shown[FIELD_SHOWN_SIZE];
	uint16_t mss = FB_MSS_OFF;

	if (is_said(f) && fb_mss_parse(f->node->text, &mss) != 0)
		field_error(f, "\"%s\" is not a segment size (off, auto, or %d to %d bytes)",
			    field_show(f, shown), FB_MSS_LEAST, FB_MSS_MOST);
	return mss;
}

static uint32_t read_scale(const struct field *f)
{
	char shown[FIELD_SHOWN_SIZE];
	uint32_t scale;

	if (!is_said(f))
		return FB_UNSAID;
	if (parse_weight(f->node->text, strlen(f->node->text), &scale) && scale <= 14)
		return scale;
	field_error(f, "\"%s\" is not a window scale (0 to 14)", field_show(f, shown));
	return FB_UNSAID;
}

void kind_read_service_annotations(const struct field *root, struct fb_model_service *service)
{
	struct field metadata = field_get(root, "metadata");
	struct field annotations = field_get(&metadata, "annotations");
	struct field f = field_get(&annotations, FB_ANNOTATION_MODE);

	service->mode = field_enum(&f, fb_mode_wish_names, FB_MODE_WISH_COUNT, FB_MODE_WISH_NONE);
	f = field_get(&annotations, FB_ANNOTATION_TARGETS);
	service->targets = field_enum(&f, fb_targets_wish_names, FB_TARGETS_WISH_COUNT,
				      FB_TARGETS_WISH_NONE);
	f = field_get(&annotations, FB_ANNOTATION_SELECTION);
	service->selection = field_enum(&f, fb_selection_wish_names, FB_SELECTION_WISH_COUNT,
					FB_SELECTION_WISH_NONE);
	f = field_get(&annotations, FB_ANNOTATION_SLOW_START);
	service->slow_start_s = read_duration(&f, DAY_S, "0s to 1d");
	f = field_get(&annotations, FB_ANNOTATION_DRAIN_DEADLINE);
	service->drain_deadline_s = read_duration(&f, 30 * DAY_S, "0s, which is none, to 30d");
	f = field_get(&annotations, FB_ANNOTATION_REMOVED_TCP);
	service->removed_tcp_s = read_removed(&f);
	f = field_get(&annotations, FB_ANNOTATION_NEW_FLOW_RATE);
	service->new_flow_rate = read_rate(&f);
	f = field_get(&annotations, FB_ANNOTATION_TCP_MSS);
	service->tcp_mss = read_mss(&f);
	f = field_get(&annotations, FB_ANNOTATION_SYN_PROXY);
	service->syn_proxy =
		field_enum(&f, fb_proxy_wish_names, FB_PROXY_WISH_COUNT, FB_PROXY_WISH_NONE);
	f = field_get(&annotations, FB_ANNOTATION_SYN_PROXY_SCALE);
	service->syn_proxy_wscale = read_scale(&f);
	f = field_get(&annotations, FB_ANNOTATION_WEIGHTS);
	read_weights(&f, service);
	f = field_get(&annotations, FB_ANNOTATION_PORT_RANGES);
	kind_read_port_ranges(&f, service);
}

void kind_read_pod_annotations(const struct field *root, struct fb_pod *pod)
{
	struct field metadata = field_get(root, "metadata");
	struct field annotations = field_get(&metadata, "annotations");
	struct field f = field_get(&annotations, FB_ANNOTATION_WEIGHT);
	char shown[FIELD_SHOWN_SIZE];

	pod->weight = FB_WEIGHT_DEFAULT;
	if (!is_said(&f))
		return;
	pod->has_weight = parse_weight(f.node->text, strlen(f.node->text), &pod->weight);
	if (!pod->has_weight)
		field_error(&f, "\"%s\" is not a weight (0 to %d)", field_show(&f, shown),
			    FB_WEIGHT_MAX);
}
