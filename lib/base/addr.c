/* SPDX-License-Identifier: BSD-3-Clause */

#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

struct fb_addr fb_addr_from_bytes(enum fb_family family, const uint8_t *bytes)
{
	struct fb_addr a = {.bytes = {[10] = 0xff, [11] = 0xff}};

	if (family == FB_IPV4)
		memcpy(a.bytes + 12, bytes, 4);
	else
		memcpy(a.bytes, bytes, 16);
	return a;
}

/* Dotted quad with leading zeros read as decimal; inet_pton() refuses those. */
static int parse_ipv4(const char *text, uint8_t bytes[4])
{
	for (int part = 0; part < 4; part++) {
		unsigned int value = 0;
		int digits = 0;

		for (; *text >= '0' && *text <= '9'; text++, digits++) {
			value = value * 10 + (unsigned int)(*text - '0');
			if (value > 255)
				return -EINVAL;
		}
		if (digits == 0 || *text != (part < 3 ? '.' : '\0'))
			return -EINVAL;
		bytes[part] = (uint8_t)value;
		text++;
	}
	return 0;
}

int fb_addr_parse(const char *text, struct fb_addr *ret)
{
	uint8_t bytes[16];

	if (strchr(text, ':') != NULL) {
		if (inet_pton(AF_INET6, text, bytes) != 1)
			return -EINVAL;
		memcpy(ret->bytes, bytes, 16);
		return 0;
	}
	if (parse_ipv4(text, bytes) != 0)
		return -EINVAL;
	*ret = fb_addr_from_bytes(FB_IPV4, bytes);
	return 0;
}

const char *fb_addr_format(const struct fb_addr *a, char *buf)
{
	int af = fb_addr_family(a) == FB_IPV4 ? AF_INET : AF_INET6;

	/* Cannot fail: the family is one of two and the buffer is long enough by contract. */
	(void)inet_ntop(af, fb_addr_wire(a), buf, FB_ADDR_STRLEN);
	return buf;
}

/* First bit of the family's part of fb_addr.bytes. */
static unsigned int family_first_bit(enum fb_family family)
{
	return family == FB_IPV4 ? 96 : 0;
}

static void clear_bits_from(struct fb_addr *a, unsigned int bit)
{
	for (unsigned int i = 0; i < 16; i++) {
		if (bit >= (i + 1) * 8)
			continue;
		if (bit <= i * 8)
			a->bytes[i] = 0;
		else
			a->bytes[i] &= (uint8_t)(0xff << (8 - (bit - i * 8)));
	}
}

int fb_prefix_parse(const char *text, struct fb_prefix *ret, struct fb_addr *ret_host)
{
	char addr_text[FB_ADDR_STRLEN];
	const char *slash = strchr(text, '/');
	size_t addr_len = slash != NULL ? (size_t)(slash - text) : strlen(text);
	struct fb_addr addr;
	unsigned int len_bits;
	unsigned int max_bits;

	if (addr_len >= sizeof(addr_text))
		return -EINVAL;
	memcpy(addr_text, text, addr_len);
	addr_text[addr_len] = '\0';
	if (fb_addr_parse(addr_text, &addr) != 0)
		return -EINVAL;
	max_bits = (unsigned int)fb_family_addr_len(fb_addr_family(&addr)) * 8;
	len_bits = max_bits;
	if (slash != NULL) {
		size_t digits = strspn(slash + 1, "0123456789");

		if (digits == 0 || digits > 3 || slash[1 + digits] != '\0')
			return -EINVAL;
		len_bits = 0;
		for (size_t i = 1; i <= digits; i++)
			len_bits = len_bits * 10 + (unsigned int)(slash[i] - '0');
		if (len_bits > max_bits)
			return -EINVAL;
	}
	if (ret_host != NULL)
		*ret_host = addr;
	clear_bits_from(&addr, family_first_bit(fb_addr_family(&addr)) + len_bits);
	ret->addr = addr;
	ret->len_bits = (uint8_t)len_bits;
	return 0;
}

const char *fb_prefix_format(const struct fb_prefix *p, char *buf)
{
	char addr_text[FB_ADDR_STRLEN];

	(void)snprintf(buf, FB_PREFIX_STRLEN, "%s/%u", fb_addr_format(&p->addr, addr_text),
		       p->len_bits);
	return buf;
}

bool fb_prefix_contains(const struct fb_prefix *p, const struct fb_addr *a)
{
	enum fb_family family = fb_addr_family(&p->addr);
	struct fb_addr network = *a;

	if (fb_addr_family(a) != family)
		return false;
	clear_bits_from(&network, family_first_bit(family) + p->len_bits);
	return fb_addr_equal(&network, &p->addr);
}
