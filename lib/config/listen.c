/* SPDX-License-Identifier: BSD-3-Clause */

/* "127.0.0.1:9464" or "[::1]:9464" as sockets take it. */

#include "config/listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"

int fb_config_sockaddr(const char *listen, struct sockaddr_storage *ret, socklen_t *ret_len)
{
	const char *colon = strrchr(listen, ':');
	size_t len = colon != NULL ? (size_t)(colon - listen) : 0;
	char text[FB_ADDR_STRLEN];
	struct fb_addr addr;
	unsigned long port;
	char *end;

	if (len >= 2 && listen[0] == '[' && listen[len - 1] == ']') {
		listen++;
		len -= 2;
	}
	if (len == 0 || len >= sizeof(text))
		return -EINVAL;
	memcpy(text, listen, len);
	text[len] = '\0';
	errno = 0;
	port = strtoul(colon + 1, &end, 10);
	if (fb_addr_parse(text, &addr) != 0 || errno != 0 || end == colon + 1 || *end != '\0' ||
	    port > UINT16_MAX)
		return -EINVAL;
	memset(ret, 0, sizeof(*ret));
	if (fb_addr_family(&addr) == FB_IPV4) {
		struct sockaddr_in *sin = (struct sockaddr_in *)ret;

		sin->sin_family = AF_INET;
		sin->sin_port = htons((uint16_t)port);
		memcpy(&sin->sin_addr, addr.bytes + 12, sizeof(sin->sin_addr));
		*ret_len = sizeof(*sin);
	} else {
		struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)ret;

		sin6->sin6_family = AF_INET6;
		sin6->sin6_port = htons((uint16_t)port);
		memcpy(&sin6->sin6_addr, addr.bytes, sizeof(sin6->sin6_addr));
		*ret_len = sizeof(*sin6);
	}
	return 0;
}
