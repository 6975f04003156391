/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_BOX_NAMES_H
#define FB_BOX_NAMES_H

/*
 * DNS as the config wants it: the zone beside the table, filled from the same objects.
 *
 * Each Service that is staged in the table is staged here too; then fb_names_settle() stages what is not
 * of one Service: namespaces, pods, and the addresses that are answered on. All of it takes effect with the
 * table's next commit. Only the names of very many endpoints may follow with the commit after that.
 *
 * Thread: control; replay and offline explain on their only thread.
 */

#include "config/config.h"
#include "desired/desired.h"
#include "desired/names.h"
#include "table/write.h"

struct fb_names;

/**
 * @param table  gets the writer of the zone, and outlives what is returned
 * @param ret    NULL where the config does not enable DNS; the functions below then do nothing
 * @return 0 or -errno
 */
int fb_names_open(const struct fb_config *config, struct fb_table *table, struct fb_names **ret);
void fb_names_close(struct fb_names *names); /* takes NULL */

/**
 * Stage one Service.
 *
 * @param specs  what was staged of it in the table: of the DNS Service, the addresses to answer on; of one
 *               that may wait NULL will do
 * @return 0 or -ENOMEM
 */
int fb_names_stage(struct fb_names *names, const struct fb_store *store, const char *namespace_,
		   const char *name, const struct fb_service_specs *specs, struct fb_errs *errs);

/**
 * Whether a change of this Service alone may be in force before its names are: it has so many endpoints that
 * the names of all of them take as long as all else does, a few milliseconds. The DNS Service may not.
 */
bool fb_names_may_wait(const struct fb_names *names, const struct fb_store *store,
		       const char *namespace_, const char *name);

/**
 * Stage what is not of one Service.
 *
 * @param synced  all sources have been read: what is not there does not exist
 * @param now_s   seconds since 1970: the zone's serial, if something changes
 * @return 0 or -ENOMEM
 */
int fb_names_settle(struct fb_names *names, const struct fb_store *store, bool synced,
		    uint32_t now_s);

/** The table dropped what was staged: all has to be staged again. */
void fb_names_abort(struct fb_names *names);

/** Addresses that the Service has in DNS's place, for the kernel's side; NULL and 0 where DNS is off. */
const struct fb_addr *fb_names_addresses(const struct fb_names *names, uint32_t *ret_n);

#endif
