/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FOREBAYCTL_TABLES_H
#define FOREBAYCTL_TABLES_H

/*
 * What `get` prints for people, a function per WHAT. Items are as the answer has them (protocol.md);
 * the columns are kubectl's where kubectl has the same, and -o wide has more.
 */

#include "ctl.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- table_objects.c ---- */

void ctl_print_services(const struct ctl *ctl, const json_t *items);
void ctl_print_pods(const struct ctl *ctl, const json_t *items);
void ctl_print_nodes(const struct ctl *ctl, const json_t *items);

/* ---- table_endpoints.c ---- */

/** Endpoints with -o wide; else Services as ctl_group_endpoints() makes them. */
void ctl_print_endpoints(const struct ctl *ctl, const json_t *items);

/**
 * Rows of endpoints, and Services that may have none, into a list of one item a Service.
 *
 * @return a new list
 */
json_t *ctl_group_endpoints(const json_t *services, const json_t *rows);

/* ---- table_daemon.c ---- */

void ctl_print_flows(const struct ctl *ctl, const json_t *items);
void ctl_print_workers(const struct ctl *ctl, const json_t *items);
void ctl_print_ports(const struct ctl *ctl, const json_t *items);
void ctl_print_drops(const struct ctl *ctl, const json_t *items);
void ctl_print_status(const struct ctl *ctl, const json_t *items);

#endif
