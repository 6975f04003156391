/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_CONTROL_LOOP_H
#define FB_CONTROL_LOOP_H

/* What control.c hangs on its descriptors; arg is the control object. */

#include <stdint.h>

void fb_loop_signal(void *arg, uint32_t events);
void fb_loop_neigh(void *arg, uint32_t events);
void fb_loop_sources(void *arg, uint32_t events);
void fb_loop_http(void *arg, uint32_t events);
void fb_loop_health(void *arg, uint32_t events);

#endif
