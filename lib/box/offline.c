/* SPDX-License-Identifier: BSD-3-Clause */

#include "box/offline.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "box/box.h"
#include "manifest/manifest.h"

/* What a file says, in the name of an origin. */
static int read_as(struct fb_store *store, const char *origin, const char *path,
		   struct fb_errs *errs)
{
	struct fb_objects objects = {0};
	int err = fb_manifest_read(path, &objects, errs);

	if (err == 0)
		err = fb_store_apply(store,
				     &(struct fb_store_change){
					     .origin = origin,
					     .objects = &objects,
					     .how = FB_STORE_REPLACE,
				     },
				     errs, NULL);
	fb_objects_fini(&objects);
	return err;
}

static int read_file(struct fb_store *store, const char *path, struct fb_errs *errs)
{
	return read_as(store, path, path, errs);
}

static int is_manifest(const struct dirent *e)
{
	const char *dot = strrchr(e->d_name, '.');

	return e->d_name[0] != '.' && dot != NULL &&
	       (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0 || strcmp(dot, ".json") == 0);
}

static int read_path(struct fb_store *store, const char *path, struct fb_errs *errs)
{
	struct dirent **names;
	struct stat st;
	int err = 0;
	int n;

	if (stat(path, &st) != 0) {
		err = -errno;
		fb_errs_add(errs, (struct fb_place){.file = path}, FB_SEV_ERROR, "%s",
			    strerror(errno));
		return err;
	}
	if (!S_ISDIR(st.st_mode))
		return read_file(store, path, errs);
	n = scandir(path, &names, is_manifest, alphasort);
	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++) {
		char *file = NULL;

		if (err == 0 && asprintf(&file, "%s/%s", path, names[i]->d_name) < 0)
			err = -ENOMEM;
		else if (err == 0)
			err = read_file(store, file, errs);
		free(file);
		free(names[i]);
	}
	free(names);
	return err;
}

static int stage_services(struct fb_offline *o, struct fb_errs *errs)
{
	struct fb_store_service *service = NULL;
	int err = 0;

	fb_store_sort_dirty(o->store);
	while (err == 0 && (service = fb_store_dirty_next(o->store, service)) != NULL) {
		struct fb_service_specs specs;
		struct fb_store_view view;

		fb_store_service_view(service, &view);
		err = fb_desired_build(o->store, &o->settings, view.namespace_, view.name, &specs,
				       errs);
		if (err != 0)
			break;
		err = fb_table_set_service(o->table, view.namespace_, view.name, specs.v, specs.n,
					   specs.place, errs);
		if (err == -ENOSPC) /* said in errs; the others fit perhaps */
			err = 0;
		if (err == 0)
			err = fb_names_stage(o->names, o->store, view.namespace_, view.name, &specs,
					     errs);
		fb_service_specs_free(&specs);
	}
	if (err == 0)
		err = fb_names_settle(o->names, o->store,
				      fb_store_n_objects(o->store, FB_KIND_SERVICE) > 0,
				      (uint32_t)time(NULL));
	return err;
}

int fb_offline_open(struct fb_config *config, const char *const *paths, uint32_t n_paths,
		    struct fb_offline *ret, struct fb_errs *errs)
{
	struct fb_offline o = {.config = config};
	struct fb_table_router router;
	struct fb_hash_secret secret;
	int err = 0;

	o.store = fb_store_create();
	o.pool = fb_pool_create(config);
	o.neigh = fb_neigh_open(config, NULL, 0, false);
	if (o.store == NULL || o.pool == NULL || o.neigh == NULL) {
		err = -ENOMEM;
		goto fail;
	}
	router = fb_neigh_router(o.neigh);
	fb_hash_secret_init(&secret, config->secret);
	o.table = fb_table_create(&secret, &router, config->max_endpoints, config->max_services);
	if (o.table == NULL) {
		err = -ENOMEM;
		goto fail;
	}
	err = fb_names_open(config, o.table, &o.names);
	if (err == 0)
		err = fb_box_settings(config, &o.settings);
	for (uint32_t i = 0; i < n_paths && err == 0; i++)
		err = read_path(o.store, paths[i], errs);
	if (err == 0)
		err = fb_pool_allot(o.pool, o.store, errs);
	if (err == 0)
		err = fb_box_stage(config, o.table);
	if (err == 0)
		err = stage_services(&o, errs);
	if (err != 0)
		goto fail;
	o.snapshot = fb_table_commit(o.table);
	if (o.snapshot == NULL) {
		err = -errno;
		goto fail;
	}
	*ret = o;
	return 0;
fail:
	fb_offline_close(&o);
	return err;
}

int fb_offline_change(struct fb_offline *o, const char *path, const char *file, uint32_t now_s,
		      struct fb_snapshot **ret_old, struct fb_errs *errs)
{
	struct fb_snapshot *snapshot;
	int err = 0;

	*ret_old = NULL;
	fb_table_set_now(o->table, now_s);
	fb_table_pass_time(o->table);
	if (file != NULL) {
		fb_store_clear_dirty(o->store);
		err = read_as(o->store, path, file, errs);
		if (err == 0)
			err = fb_pool_allot(o->pool, o->store, errs);
		if (err == 0)
			err = stage_services(o, errs);
	}
	snapshot = err == 0 ? fb_table_commit(o->table) : NULL;
	if (err == 0 && snapshot == NULL && errno != EALREADY)
		err = -errno;
	if (err != 0)
		fb_table_abort(o->table);
	if (snapshot == NULL)
		return err;
	*ret_old = o->snapshot;
	o->snapshot = snapshot;
	return 0;
}

void fb_offline_close(struct fb_offline *o)
{
	if (o->snapshot != NULL)
		fb_snapshot_release(o->table, o->snapshot);
	fb_names_close(o->names);
	if (o->table != NULL)
		fb_table_free(o->table);
	if (o->neigh != NULL)
		fb_neigh_close(o->neigh);
	if (o->store != NULL)
		fb_store_free(o->store);
	fb_box_settings_free(&o->settings);
	fb_pool_free(o->pool);
	*o = (struct fb_offline){0};
}
