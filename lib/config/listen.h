/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_CONFIG_LISTEN_H
#define FB_CONFIG_LISTEN_H

#include <sys/socket.h>

/**
 * ADDRESS:PORT or [ADDRESS]:PORT, as settings have it, for bind() and connect().
 *
 * Thread: any.
 * @return 0 or -EINVAL
 */
int fb_config_sockaddr(const char *listen, struct sockaddr_storage *ret, socklen_t *ret_len);

#endif
