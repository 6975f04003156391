/* SPDX-License-Identifier: BSD-3-Clause */

#include "dns/label.h"

#include <ctype.h>
#include <string.h>

/* A label in wire format, in lower case. @return its bytes, or 0: none */
uint32_t fb_dns_label_write(uint8_t *out, const char *prefix, const char *text)
{
	uint32_t n = 0;

	if (strlen(prefix) + strlen(text) > FB_DNS_LABEL_MAX)
		return 0;
	for (; *prefix != '\0'; prefix++)
		out[1 + n++] = (uint8_t)*prefix;
	for (; *text != '\0'; text++)
		out[1 + n++] = (uint8_t)tolower((unsigned char)*text);
	out[0] = (uint8_t)n;
	return n != 0 ? n + 1 : 0;
}

static uint32_t write_decimal(uint8_t *out, uint8_t value)
{
	uint32_t n = 0;

	if (value >= 100)
		out[n++] = (uint8_t)('0' + value / 100);
	if (value >= 10)
		out[n++] = (uint8_t)('0' + value / 10 % 10);
	out[n++] = (uint8_t)('0' + value % 10);
	return n;
}

static uint32_t write_hex(uint8_t *out, uint16_t value)
{
	static const char digits[] = "0123456789abcdef";
	uint32_t n = 0;

	for (uint32_t shift = 12; shift > 0; shift -= 4) {
		if (value >> shift != 0)
			out[n++] = (uint8_t)digits[value >> shift & 0xf];
	}
	out[n++] = (uint8_t)digits[value & 0xf];
	return n;
}

/* Where the longest run of two groups or more that are 0 begins, the first of the longest ones. */
static uint32_t longest_zeros(const uint16_t groups[8], uint32_t *ret_n)
{
	uint32_t at = 8;

	*ret_n = 1;
	for (uint32_t i = 0, n; i < 8; i += n > 0 ? n : 1) {
		for (n = 0; i + n < 8 && groups[i + n] == 0; n++)
			;
		if (n > *ret_n) {
			*ret_n = n;
			at = i;
		}
	}
	return at;
}

/* As inet_ntop() writes it but for the dashes, where it writes no IPv4 address. */
static uint32_t write_groups(uint8_t *out, const struct fb_addr *addr)
{
	uint16_t groups[8];
	uint32_t n_zeros;
	uint32_t zeros;
	uint32_t n = 0;

	for (uint32_t i = 0; i < 8; i++)
		groups[i] = (uint16_t)(addr->bytes[2 * i] << 8 | addr->bytes[2 * i + 1]);
	zeros = longest_zeros(groups, &n_zeros);
	for (uint32_t i = 0; i < 8; i++) {
		if (i == zeros) {
			out[n++] = '-';
			if (i == 0)
				out[n++] = '-';
			i += n_zeros - 1;
			continue;
		}
		n += write_hex(out + n, groups[i]);
		if (i < 7)
			out[n++] = '-';
	}
	return n;
}

/*
 * "10-1-2-3"; an IPv6 address that ends in :: gets a 0, since no label ends in a dash. A Service may have
 * twenty thousand of these, so the usual ones are not printed by printf.
 */
uint32_t fb_dns_label_write_dashed(uint8_t *out, const struct fb_addr *addr)
{
	/* Of addresses that begin so, inet_ntop() writes the end as IPv4, sometimes. */
	static const uint8_t text_has_ipv4[10] = {0};
	char text[FB_ADDR_STRLEN + 1];
	uint32_t n = 1;
	size_t len;

	if (fb_addr_family(addr) == FB_IPV4) {
		for (uint32_t i = 0; i < 4; i++) {
			if (i > 0)
				out[n++] = '-';
			n += write_decimal(out + n, addr->bytes[12 + i]);
		}
		out[0] = (uint8_t)(n - 1);
		return n;
	}
	if (memcmp(addr->bytes, text_has_ipv4, sizeof(text_has_ipv4)) != 0) {
		n = write_groups(out + 1, addr);
		if (out[n] == '-')
			out[++n] = '0';
		out[0] = (uint8_t)n;
		return n + 1;
	}
	(void)fb_addr_format(addr, text);
	len = strlen(text);
	for (size_t i = 0; i < len; i++)
		text[i] = text[i] == '.' || text[i] == ':' ? '-' : text[i];
	if (text[len - 1] == '-')
		memcpy(text + len, "0", 2);
	return fb_dns_label_write(out, "", text);
}
