/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_NEIGH_LAB_H
#define FB_NEIGH_LAB_H

/*
 * Routes that the config gives: its lab section and, where there is no kernel to know them, the ports'
 * own subnets. Few, so looked up one by one, longest first.
 *
 * Thread: control.
 */

#include <stdbool.h>

#include "config/config.h"

struct fb_lab;

/** @return NULL without memory; routes of ports that do not exist are left out */
struct fb_lab *fb_lab_create(const struct fb_config *config, bool with_subnets);
void fb_lab_free(struct fb_lab *lab);

/** The port's index by its name; -1: none. */
int fb_lab_port(const struct fb_config *config, const char *name);

/** @return false: no route here; ret_gateway is dst itself on-link */
bool fb_lab_lookup(const struct fb_lab *lab, const struct fb_addr *dst, uint8_t *ret_port,
		   struct fb_addr *ret_gateway);

#endif
