/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_DNS_OWNER_H
#define FB_DNS_OWNER_H

/* Who has an address: the names that PTR answers with. Private to lib/dns. */

#include "dns/piece.h"

/**
 * In a zone of the draft: addresses lead to the names of the Service `to` and no longer to those of
 * `from`; either may be NULL.
 *
 * @return 0 or -ENOMEM
 */
int fb_dns_owners_exchange(struct fb_dns_draft *draft, struct fb_dns_zone *zone,
			   const struct fb_dns_service *from, const struct fb_dns_service *to);

#endif
