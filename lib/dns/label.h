/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_DNS_LABEL_H
#define FB_DNS_LABEL_H

/* Labels in wire format, as names are compiled. Private to lib/dns. */

#include "dns/zone.h"

/** In lower case. @return its bytes, at most FB_DNS_LABEL_MAX + 1, or 0: none */
uint32_t fb_dns_label_write(uint8_t *out, const char *prefix, const char *text);

/** "10-1-2-3"; an IPv6 address that ends in :: gets a 0, since no label ends in a dash. */
uint32_t fb_dns_label_write_dashed(uint8_t *out, const struct fb_addr *addr);

#endif
