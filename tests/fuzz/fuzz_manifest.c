/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Any bytes as a manifest: objects and errors, never a crash; what is read can be written and reads
 * back equal; and what it means for the table obeys the rules of table/spec.h.
 */

#include "fuzz.h"

#include <netinet/in.h>

#include "desired/desired.h"
#include "manifest/manifest.h"

/* One port, a range that leads to ports, or all of them as they are. */
static void check_ports(const struct fb_frontend_spec *f)
{
	uint32_t first = rte_be_to_cpu_16(f->port_be);
	uint32_t target = (uint16_t)(first + f->shift);

	if (first == 0)
		fuzz_require(f->last == UINT16_MAX && f->shift == 0);
	else if (f->last != 0)
		fuzz_require(first <= f->last && target != 0 &&
			     target + (f->last - first) <= UINT16_MAX);
	else
		fuzz_require(f->shift == 0);
}

static void check_spec(const struct fb_service_spec *spec)
{
	fuzz_require(spec->n_frontends > 0);
	fuzz_require(spec->proto == IPPROTO_TCP || spec->proto == IPPROTO_UDP ||
		     spec->proto == IPPROTO_SCTP);
	for (uint32_t i = 0; i < spec->n_frontends; i++) {
		fuzz_require(fb_addr_family(&spec->frontends[i].addr) == spec->family);
		check_ports(&spec->frontends[i]);
	}
	for (uint32_t i = 0; i < spec->n_endpoints; i++) {
		const struct fb_endpoint_spec *e = &spec->endpoints[i];

		fuzz_require(fb_addr_family(&e->addr) == spec->family);
		fuzz_require(e->port_be != 0 && e->weight > 0);
		fuzz_require(e->state == FB_EP_ACTIVE || e->state == FB_EP_DRAINING);
		if (i == 0)
			continue;
		fuzz_require(memcmp(&e[-1].addr, &e->addr, sizeof(e->addr)) < 0 ||
			     (fb_addr_equal(&e[-1].addr, &e->addr) &&
			      rte_be_to_cpu_16(e[-1].port_be) < rte_be_to_cpu_16(e->port_be)));
	}
}

static void check_write(const struct fb_object *object)
{
	char *text = fb_manifest_write(object);
	struct fb_objects again = FB_OBJECTS_INIT;
	struct fb_errs errs = FB_ERRS_INIT;

	fuzz_require(text != NULL);
	fuzz_require(fb_manifest_parse("again", text, strlen(text), &again, &errs) == 0);
	fuzz_require(again.n == 1 && errs.n_errors == 0);
	fuzz_require(fb_object_equal(object, again.v[0]));
	fb_objects_fini(&again);
	fb_errs_fini(&errs);
	free(text);
}

static void check_errs(const struct fb_errs *errs)
{
	for (size_t i = 0; i < errs->n; i++)
		fuzz_require_one_line(errs->v[i].text);
}

/* The same text again must change nothing, and its origin must go without a trace. */
static void check_store(const struct fb_objects *objects, struct fb_errs *errs)
{
	struct fb_store *store = fb_store_create();
	struct fb_store_change change = {.origin = "fuzz", .objects = objects};
	struct fb_desired_settings settings = {.default_mode = FB_MODE_SNAT};
	struct fb_store_service *service = NULL;

	fuzz_require(store != NULL);
	fuzz_require(fb_store_apply(store, &change, errs, NULL) == 0);
	while ((service = fb_store_dirty_next(store, service)) != NULL) {
		struct fb_service_specs specs;
		struct fb_store_view view;

		fb_store_service_view(service, &view);
		fuzz_require(fb_desired_build(store, &settings, view.namespace_, view.name, &specs,
					      errs) == 0);
		for (uint32_t i = 0; i < specs.n; i++)
			check_spec(&specs.v[i]);
		fb_service_specs_free(&specs);
	}
	fb_store_clear_dirty(store);
	fuzz_require(fb_store_apply(store, &change, errs, NULL) == 0);
	fuzz_require(fb_store_n_dirty(store) == 0);
	fb_store_remove_origin(store, "fuzz");
	fuzz_require(fb_store_n_objects(store, FB_KIND_SERVICE) == 0);
	fuzz_require(fb_store_origin_next(store, NULL) == NULL);
	fb_store_free(store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fb_objects objects = FB_OBJECTS_INIT;
	struct fb_errs errs = FB_ERRS_INIT;

	fuzz_require(fb_manifest_parse("fuzz", (const char *)data, size, &objects, &errs) == 0);
	for (size_t i = 0; i < objects.n; i++)
		check_write(objects.v[i]);
	check_store(&objects, &errs);
	check_errs(&errs);
	fb_objects_fini(&objects);
	fb_errs_fini(&errs);
	return 0;
}
