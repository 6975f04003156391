/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Suite: the whole state from one YAML file, read, compiled and committed, as at the daemon's start.
 * Services have one family, and lines as kubectl writes them; times are of the CPU.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "manifest/manifest.h"
#include "suites.h"
#include "times.h"

static void write_service(FILE *f, uint32_t i)
{
	struct fb_addr addr = bench_service_addr(FB_IPV4, i);
	char text[FB_ADDR_STRLEN];

	(void)fb_addr_format(&addr, text);
	(void)fprintf(f,
		      "---\n"
		      "apiVersion: v1\n"
		      "kind: Service\n"
		      "metadata:\n"
		      "  name: s%u\n"
		      "  namespace: bench\n"
		      "  labels:\n"
		      "    app: s%u\n"
		      "spec:\n"
		      "  clusterIP: %s\n"
		      "  clusterIPs:\n"
		      "  - %s\n"
		      "  ports:\n"
		      "  - name: web\n"
		      "    port: 80\n"
		      "    protocol: TCP\n"
		      "    targetPort: 8080\n"
		      "  selector:\n"
		      "    app: s%u\n",
		      i, i, text, text, i);
}

static void write_slice(FILE *f, const struct bench_setup *s, uint32_t i)
{
	(void)fprintf(f,
		      "---\n"
		      "apiVersion: discovery.k8s.io/v1\n"
		      "kind: EndpointSlice\n"
		      "metadata:\n"
		      "  name: s%u-x\n"
		      "  namespace: bench\n"
		      "  labels:\n"
		      "    kubernetes.io/service-name: s%u\n"
		      "addressType: IPv4\n"
		      "ports:\n"
		      "- name: web\n"
		      "  port: 8080\n"
		      "  protocol: TCP\n"
		      "endpoints:\n",
		      i, i);
	for (uint32_t k = 0; k < s->n_endpoints; k++) {
		struct fb_addr pod = bench_pod_addr(s, FB_IPV4, i, k);
		char text[FB_ADDR_STRLEN];

		(void)fprintf(f,
			      "- addresses:\n"
			      "  - %s\n"
			      "  conditions:\n"
			      "    ready: true\n"
			      "    serving: true\n"
			      "    terminating: false\n"
			      "  nodeName: node-%u\n",
			      fb_addr_format(&pod, text), k);
	}
}

/* @return its size, or 0 */
static long write_file(const struct bench_setup *s, char *path)
{
	int fd = mkstemp(path);
	FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
	long size;

	if (f == NULL)
		return 0;
	for (uint32_t i = 0; i < s->n_services; i++) {
		write_service(f, i);
		write_slice(f, s, i);
	}
	size = ftell(f);
	return fclose(f) == 0 ? size : 0;
}

static int read_only(const char *path, double *ret_ms, struct fb_errs *errs)
{
	struct fb_objects objects = FB_OBJECTS_INIT;
	double begin_ms = bench_cpu_ms();
	int err = fb_manifest_read(path, &objects, errs);

	*ret_ms = bench_cpu_ms() - begin_ms;
	fb_objects_fini(&objects);
	return err;
}

static int whole(struct bench_world *world, const char *path, double *ret_ms, struct fb_errs *errs)
{
	struct fb_offline offline;
	double begin_ms = bench_cpu_ms();
	int err = fb_offline_open(world->config, &path, 1, &offline, errs);

	*ret_ms = bench_cpu_ms() - begin_ms;
	if (err != 0)
		return err;
	if (offline.snapshot->n_services != world->setup.n_services) {
		fb_errs_add(errs, (struct fb_place){0}, FB_SEV_ERROR,
			    "of %u service ports %u were read", world->setup.n_services,
			    offline.snapshot->n_services);
		err = -EPROTO;
	}
	fb_offline_close(&offline);
	return err;
}

int bench_manifests(const struct bench_options *o, struct bench_world *world,
		    struct bench_report *report, struct fb_errs *errs)
{
	struct bench_times reading = {.suite = "manifests",
				      .name = "text into objects",
				      .unit = "ms"};
	struct bench_times all = {.suite = "manifests",
				  .name = "from the file to the snapshot",
				  .unit = "ms"};
	struct bench_times rate = {.suite = "manifests",
				   .name = "objects read in a second",
				   .unit = "count"};
	struct bench_times size = {.suite = "manifests", .name = "size of the file", .unit = "MB"};
	char path[] = "/tmp/forebay-bench-XXXXXX";
	long bytes;
	int err = 0;

	/* The text has nothing to do with the mode: the first one will do. */
	if (world->setup.mode != (o->modes[0] ? 0 : 1))
		return 0;
	bytes = write_file(&world->setup, path);
	if (bytes == 0) {
		fb_errs_add(errs, (struct fb_place){.file = path}, FB_SEV_ERROR, "%s",
			    strerror(errno));
		return -EIO;
	}
	bench_series_add(&size.series, (double)bytes / 1e6);
	for (uint32_t i = 0; i < o->runs && err == 0; i++) {
		double ms = 0;

		err = read_only(path, &ms, errs);
		bench_series_add(&reading.series, ms);
		bench_series_add(&rate.series, 2 * world->setup.n_services / ms * 1000);
		if (err == 0)
			err = whole(world, path, &ms, errs);
		bench_series_add(&all.series, ms);
	}
	(void)unlink(path);
	if (err != 0)
		return err;
	/* Of 10,000 Services with 10 endpoints. */
	if (world->setup.n_services == 10000 && world->setup.n_endpoints == 10)
		all.limit = 2000;
	bench_times_report(report, &size);
	bench_times_report(report, &reading);
	bench_times_report(report, &rate);
	bench_times_report(report, &all);
	return 0;
}
