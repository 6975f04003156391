/* SPDX-License-Identifier: BSD-3-Clause */

/* One value: what the node says into what the struct holds, and what is allowed in words. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/mss.h"
#include "config/schema.h"

static bool put_number(const struct setting *row, uint64_t value, void *field)
{
	if (value < row->least || value > row->most)
		return false;
	switch (row->size) {
	case 1:
		*(uint8_t *)field = (uint8_t)value;
		return true;
	case 2:
		*(uint16_t *)field = (uint16_t)value;
		return true;
	default:
		*(uint32_t *)field = (uint32_t)value;
		return true;
	}
}

static bool set_number(const struct setting *row, const struct fb_node *node, void *field)
{
	uint64_t value;

	if (node->kind != FB_NODE_INT || node->integer < 0)
		return false;
	value = (uint64_t)node->integer;
	if (row->type == SETTING_POWER_OF_2 && (value == 0 || (value & (value - 1)) != 0))
		return false;
	return put_number(row, value, field);
}

/* Digits at *text, which moves past them; false if there are none or too many. */
static bool take_digits(const char **text, uint64_t *ret)
{
	const char *begin = *text;
	uint64_t value = 0;

	for (; **text >= '0' && **text <= '9'; (*text)++) {
		if (*text - begin == 10)
			return false;
		value = value * 10 + (uint64_t)(**text - '0');
	}
	*ret = value;
	return *text != begin;
}

/* "2h5m", "30s", or plain seconds */
static bool set_duration(const struct setting *row, const struct fb_node *node, void *field)
{
	uint32_t seconds;

	if (node->kind == FB_NODE_INT)
		return set_number(row, node, field);
	if (node->kind != FB_NODE_STRING || fb_duration_parse(node->text, &seconds) != 0)
		return false;
	return put_number(row, seconds, field);
}

/* Index of the choice; -1 if it is none. */
static int find_choice(const struct setting *row, const struct fb_node *node)
{
	if (node->kind != FB_NODE_STRING)
		return -1;
	for (int i = 0; row->choices[i] != NULL; i++) {
		if (strcmp(row->choices[i], node->text) == 0)
			return i;
	}
	return -1;
}

static bool set_choice(const struct setting *row, const struct fb_node *node, void *field)
{
	int choice = find_choice(row, node);

	if (choice < 0)
		return false;
	if (row->type == SETTING_CHOICES)
		*(uint32_t *)field |= 1u << choice;
	else if (row->size == 1)
		*(uint8_t *)field = (uint8_t)choice;
	else
		*(uint32_t *)field = (uint32_t)choice;
	return true;
}

static bool set_text(const struct setting *row, const struct fb_node *node, void *field,
		     bool *ret_no_memory)
{
	char *text;
	size_t len;

	if (node->kind != FB_NODE_STRING)
		return false;
	len = strlen(node->text);
	if (len < row->least || len > row->most)
		return false;
	/* No setting needs them, and they would end up in logs and terminals. */
	for (size_t i = 0; i < len; i++) {
		if ((uint8_t)node->text[i] < 0x20 || node->text[i] == 0x7f)
			return false;
	}
	text = strdup(node->text);
	if (text == NULL) {
		*ret_no_memory = true;
		return true;
	}
	free(*(char **)field);
	*(char **)field = text;
	return true;
}

static bool set_port_range(const struct setting *row, const struct fb_node *node, void *field)
{
	uint16_t *ret_last = (uint16_t *)((char *)field + (row->offset_2 - row->offset));
	const char *text = node->text;
	uint64_t first;
	uint64_t last;

	if (node->kind != FB_NODE_STRING || !take_digits(&text, &first) || *text++ != '-' ||
	    !take_digits(&text, &last) || *text != '\0')
		return false;
	if (first < row->least || last > row->most || first > last)
		return false;
	*(uint16_t *)field = (uint16_t)first;
	*ret_last = (uint16_t)last;
	return true;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10;
	return -1;
}

static bool set_mac(const struct setting *row, const struct fb_node *node, void *field)
{
	const char *text = node->text;
	uint8_t any = 0;
	uint8_t mac[6];

	if (node->kind != FB_NODE_STRING)
		return false;
	if (*text == '\0' && row->standard != NULL) {
		memset(field, 0, 6);
		return true;
	}
	if (strlen(text) != 17)
		return false;
	for (int i = 0; i < 6; i++, text += 3) {
		int high = hex_digit(text[0]);
		int low = hex_digit(text[1]);

		if (high < 0 || low < 0 || (i < 5 && text[2] != ':'))
			return false;
		mac[i] = (uint8_t)(high << 4 | low);
		any |= mac[i];
	}
	/* The group bit: nobody's own address. */
	if (any == 0 || (mac[0] & 1) != 0)
		return false;
	memcpy(field, mac, 6);
	return true;
}

/* An address that one host can have. */
static bool is_host(const struct fb_addr *addr)
{
	const uint8_t *wire = fb_addr_wire(addr);
	static const uint8_t zero[16];

	if (fb_addr_family(addr) == FB_IPV4)
		return wire[0] != 0 && wire[0] != 127 && wire[0] < 224;
	if (memcmp(wire, zero, 15) == 0 && wire[15] <= 1)
		return false;
	return wire[0] != 0xff;
}

static bool set_addr(const struct setting *row, const struct fb_node *node, void *field)
{
	struct fb_addr addr;

	if (node->kind != FB_NODE_STRING)
		return false;
	if (*node->text == '\0' && row->standard != NULL && !row->list) {
		memset(field, 0, sizeof(addr));
		return true;
	}
	if (fb_addr_parse(node->text, &addr) != 0 || !is_host(&addr))
		return false;
	memcpy(field, &addr, sizeof(addr));
	return true;
}

static bool set_prefix(const struct fb_node *node, void *field)
{
	struct fb_prefix prefix;
	struct fb_addr host;

	if (node->kind != FB_NODE_STRING || fb_prefix_parse(node->text, &prefix, &host) != 0)
		return false;
	/* 192.0.2.1/24 as a destination is somebody's slip of the pen: which end is meant? */
	if (!fb_addr_equal(&prefix.addr, &host))
		return false;
	memcpy(field, &prefix, sizeof(prefix));
	return true;
}

/* "192.0.2.1-192.0.2.9", a prefix, or one address */
static bool set_range(const struct fb_node *node, void *field)
{
	struct fb_config_range range;
	char first[FB_ADDR_STRLEN];
	struct fb_prefix prefix;
	const char *dash;

	if (node->kind != FB_NODE_STRING)
		return false;
	dash = strchr(node->text, '-');
	if (dash != NULL) {
		if ((size_t)(dash - node->text) >= sizeof(first))
			return false;
		memcpy(first, node->text, (size_t)(dash - node->text));
		first[dash - node->text] = '\0';
		if (fb_addr_parse(first, &range.first) != 0 ||
		    fb_addr_parse(dash + 1, &range.last) != 0 ||
		    fb_addr_family(&range.first) != fb_addr_family(&range.last) ||
		    memcmp(&range.first, &range.last, sizeof(range.first)) > 0)
			return false;
	} else if (set_prefix(node, &prefix)) {
		fb_config_range_of(&prefix, &range);
	} else {
		return false;
	}
	if (!is_host(&range.first) || !is_host(&range.last))
		return false;
	memcpy(field, &range, sizeof(range));
	return true;
}

static bool set_if_addr(const struct fb_node *node, void *field)
{
	struct fb_config_addr value = {0};
	struct fb_prefix prefix;

	if (node->kind != FB_NODE_STRING || strchr(node->text, '/') == NULL ||
	    fb_prefix_parse(node->text, &prefix, &value.addr) != 0 || !is_host(&value.addr) ||
	    prefix.len_bits == 0)
		return false;
	value.len_bits = prefix.len_bits;
	memcpy(field, &value, sizeof(value));
	return true;
}

/* "127.0.0.1:9464", "[::1]:9464" */
static bool is_listen(const char *text)
{
	char host[FB_ADDR_STRLEN];
	const char *colon = strrchr(text, ':');
	struct fb_addr addr;
	uint64_t port;
	size_t len;

	if (colon == NULL)
		return false;
	len = (size_t)(colon - text);
	colon++;
	if (!take_digits(&colon, &port) || *colon != '\0' || port < 1 || port > 65535)
		return false;
	if (*text == '[') {
		if (len < 2 || text[len - 1] != ']')
			return false;
		text++;
		len -= 2;
	} else if (memchr(text, ':', len) != NULL) {
		return false;
	}
	if (len >= sizeof(host))
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	return fb_addr_parse(host, &addr) == 0;
}

static bool set_listen(const struct setting *row, const struct fb_node *node, void *field,
		       bool *ret_no_memory)
{
	struct setting as_text = {.most = 63};

	if (node->kind != FB_NODE_STRING || (*node->text != '\0' && !is_listen(node->text)))
		return false;
	(void)row;
	return set_text(&as_text, node, field, ret_no_memory);
}

static bool set_mss(const struct fb_node *node, void *field)
{
	if (node->kind == FB_NODE_INT && node->integer >= FB_MSS_LEAST &&
	    node->integer <= FB_MSS_MOST) {
		*(uint16_t *)field = (uint16_t)node->integer;
		return true;
	}
	return node->kind == FB_NODE_STRING && fb_mss_parse(node->text, field) == 0;
}

bool setting_set(const struct setting *row, const struct fb_node *node, void *field,
		 bool *ret_no_memory)
{
	switch (row->type) {
	case SETTING_BOOL:
		if (node->kind != FB_NODE_BOOL)
			return false;
		*(bool *)field = node->integer != 0;
		return true;
	case SETTING_NUMBER:
	case SETTING_POWER_OF_2:
		return set_number(row, node, field);
	case SETTING_DURATION:
		return set_duration(row, node, field);
	case SETTING_CHOICE:
	case SETTING_CHOICES:
		return set_choice(row, node, field);
	case SETTING_TEXT:
		return set_text(row, node, field, ret_no_memory);
	case SETTING_PORT_RANGE:
		return set_port_range(row, node, field);
	case SETTING_MAC:
		return set_mac(row, node, field);
	case SETTING_ADDR:
		return set_addr(row, node, field);
	case SETTING_PREFIX:
		return set_prefix(node, field);
	case SETTING_RANGE:
		return set_range(node, field);
	case SETTING_IF_ADDR:
		return set_if_addr(node, field);
	case SETTING_LISTEN:
		return set_listen(row, node, field, ret_no_memory);
	case SETTING_MSS:
		return set_mss(node, field);
	case SETTING_GROUP:
	case SETTING_RECORDS:
		break;
	}
	return false;
}

static void describe_choices(const struct setting *row, char *buf, size_t buf_size)
{
	size_t len = (size_t)snprintf(buf, buf_size, "one of ");

	for (size_t i = 0; row->choices[i] != NULL && len < buf_size; i++)
		len += (size_t)snprintf(buf + len, buf_size - len, "%s%s", i > 0 ? ", " : "",
					row->choices[i]);
}

void setting_describe(const struct setting *row, char *buf, size_t buf_size)
{
	static const char *const words[] = {
		[SETTING_GROUP] = "a mapping",
		[SETTING_RECORDS] = "a mapping",
		[SETTING_BOOL] = "true or false",
		[SETTING_MAC] = "a MAC address of one station such as 02:00:5e:00:53:01",
		[SETTING_ADDR] = "an address of one host such as 192.0.2.1 or 2001:db8::1",
		[SETTING_PREFIX] = "a prefix such as 192.0.2.0/24 or 2001:db8::/64, host bits zero",
		[SETTING_RANGE] = "a range such as 192.0.2.10-192.0.2.50, or a prefix such as "
				  "198.51.100.0/24, of hosts' addresses",
		[SETTING_IF_ADDR] =
			"an address with its prefix length such as 192.0.2.1/24 or 2001:db8::1/64",
		[SETTING_LISTEN] = "ADDRESS:PORT such as 127.0.0.1:9464 or [::1]:9464, or \"\"",
	};

	switch (row->type) {
	case SETTING_NUMBER:
		snprintf(buf, buf_size, "a whole number from %" PRIu64 " to %" PRIu64, row->least,
			 row->most);
		return;
	case SETTING_POWER_OF_2:
		snprintf(buf, buf_size, "a power of two from %" PRIu64 " to %" PRIu64, row->least,
			 row->most);
		return;
	case SETTING_DURATION:
		snprintf(buf, buf_size,
			 "a duration such as 30s, 5m, 2h5m or plain seconds, %" PRIu64 "s to %" PRIu64
			 "%s",
			 row->least, row->most % 86400 == 0 ? row->most / 86400 : row->most,
			 row->most % 86400 == 0 ? "d" : "s");
		return;
	case SETTING_CHOICE:
	case SETTING_CHOICES:
		describe_choices(row, buf, buf_size);
		return;
	case SETTING_TEXT:
		snprintf(buf, buf_size, "text of %" PRIu64 " to %" PRIu64 " characters", row->least,
			 row->most);
		return;
	case SETTING_MSS:
		snprintf(buf, buf_size, "off, auto, or a whole number from %d to %d", FB_MSS_LEAST,
			 FB_MSS_MOST);
		return;
	case SETTING_PORT_RANGE:
		snprintf(buf, buf_size,
			 "a range FIRST-LAST of ports within %" PRIu64 " to %" PRIu64, row->least,
			 row->most);
		return;
	default:
		snprintf(buf, buf_size, "%s", words[row->type]);
		return;
	}
}
