/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_BOX_BOX_H
#define FB_BOX_BOX_H

/*
 * What the box itself brings into the table: its own addresses, SNAT pools, and where NodePorts are
 * answered. Everything comes from the config, nothing from Kubernetes.
 *
 * Thread: control; replay and offline explain on their only thread.
 */

#include "config/config.h"
#include "desired/desired.h"
#include "table/write.h"

/**
 * Stage address bits, SNAT pools and what is announced.
 *
 * A SNAT address of the config goes to the pools of all ports. Without any, each port's pool is its own
 * addresses: the reply finds its way back to the port that the packet left by.
 *
 * @return 0 or -ENOMEM (nothing is lost: stage again after fb_table_abort())
 */
int fb_box_stage(const struct fb_config *config, struct fb_table *table);

/**
 * Settings for fb_desired_build(). Without node addresses in the config, NodePorts are answered on the
 * ports' own addresses. What they own is for fb_box_settings_free().
 */
int fb_box_settings(const struct fb_config *config, struct fb_desired_settings *ret);
void fb_box_settings_free(struct fb_desired_settings *settings);

#endif
