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

/*
 * "10-1-2-3"; an IPv6 address that ends in :: gets a 0, since no label ends in a dash. A Service may have
 * twenty thousand of these, so the usual ones are not printed by printf.
 */
uint32_t fb_dns_label_write_dashed(uint8_t *out, const struct fb_addr *addr)
{
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
	(void)fb_addr_format(addr, text);
	len = strlen(text);
	for (size_t i = 0; i < len; i++)
		text[i] = text[i] == '.' || text[i] == ':' ? '-' : text[i];
	if (text[len - 1] == '-')
		memcpy(text + len, "0", 2);
	return fb_dns_label_write(out, "", text);
}
