/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Changes of single EndpointSlices of large Services, one after the other, beside the whole state read
 * anew: whatever is kept from the version before, the result must be the same.
 */

#include "unit.h"

#include <dirent.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hash.h"
#include "box/offline.h"

enum { SLICES = 18, SLICES_IPV4 = 14, EACH = 100, CHANGES = 40 };

/* More than 1,024 endpoints, so the Maglev table has two levels; names of both kinds. */
static const struct {
	const char *name;
	const char *address;
	uint8_t labels[16];
} services[] = {
	{"big", "clusterIP: 10.96.0.1", "\3big\2ns"},
	{"head", "clusterIP: None", "\4head\2ns"},
};

#define N_SERVICES (sizeof(services) / sizeof(services[0]))

static const char config_text[] =
	"ports:\n"
	"- {name: lan, device: net_null0, addresses: [203.0.113.1/24]}\n"
	"lab: {neighbours: [{address: 203.0.113.9, mac: '02:00:00:00:01:11', port: lan}],\n"
	"      routes: [{prefix: 10.0.0.0/8, via: 203.0.113.9, port: lan}]}\n"
	"nat: {secret: test}\n"
	"dns: {enabled: true, addresses: [203.0.113.1]}\n";

static char directory[] = "/tmp/forebay-test-XXXXXX";
static uint64_t random_state = 3;

static uint32_t any(uint32_t n)
{
	random_state = fb_hash_mix(random_state + 1, UINT64_C(0x9e3779b97f4a7c15));
	return (uint32_t)(random_state >> 32) % n;
}

static FILE *open_file(const char *name, char **ret_path)
{
	FILE *f;

	assert_true(asprintf(ret_path, "%s/%s.yaml", directory, name) > 0);
	f = fopen(*ret_path, "w");
	assert_non_null(f);
	return f;
}

static void write_services(void)
{
	char *path;
	FILE *f = open_file("0-services", &path);

	for (size_t i = 0; i < N_SERVICES; i++)
		(void)fprintf(f,
			      "---\n{apiVersion: v1, kind: Service, metadata: {name: %s, namespace: ns}, spec: "
			      "{%s, ports: [{name: http, port: 80}]}}\n",
			      services[i].name, services[i].address);
	(void)fclose(f);
	free(path);
}

/* An endpoint that is like others in most, and sometimes listed by another slice too. */
static void write_endpoint(FILE *f, uint32_t service, uint32_t slice)
{
	uint32_t k = any(4 * EACH) + (any(20) > 0 ? slice : any(SLICES)) * 4 * EACH;

	if (slice < SLICES_IPV4)
		(void)fprintf(f, "- {addresses: [10.%u.%u.%u]", 100 + service, k >> 8, k & 255);
	else
		(void)fprintf(f, "- {addresses: ['fd00:%u::%x']", service, k);
	if (any(4) == 0)
		(void)fprintf(f, ", hostname: web-%u", any(2000));
	if (any(8) == 0)
		(void)fprintf(f, ", conditions: {ready: false, serving: true, terminating: %s}",
			      any(2) ? "true" : "false");
	(void)fprintf(f, "}\n");
}

/* @return the file's path, to be freed */
static char *write_slice(uint32_t service, uint32_t slice)
{
	char name[32];
	char *path;
	FILE *f;

	(void)snprintf(name, sizeof(name), "%s-%u", services[service].name, slice);
	f = open_file(name, &path);
	(void)fprintf(f,
		      "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
		      "metadata: {name: %s, namespace: ns, labels: {kubernetes.io/service-name: %s}}\n"
		      "addressType: %s\nports: [{name: http, port: %u}]\nendpoints:\n",
		      name, services[service].name, slice < SLICES_IPV4 ? "IPv4" : "IPv6",
		      any(30) == 0 ? 8081 : 8080);
	for (uint32_t i = 0; i < EACH; i++)
		write_endpoint(f, service, slice);
	(void)fclose(f);
	return path;
}

static void open_state(struct fb_offline *ret)
{
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_config *config = NULL;
	const char *path = directory;

	assert_int_equal(fb_config_parse("test", config_text, sizeof(config_text) - 1, &config, &errs),
			 0);
	assert_int_equal(fb_offline_open(config, &path, 1, ret, &errs), 0);
	assert_int_equal(errs.n_errors, 0);
	fb_errs_fini(&errs);
}

static void close_state(struct fb_offline *o)
{
	struct fb_config *config = o->config;

	fb_offline_close(o);
	fb_config_free(config);
}

static void assert_same_endpoints(const struct fb_service *a, const struct fb_service *b)
{
	assert_int_equal(a->n_endpoints, b->n_endpoints);
	assert_int_equal(a->n_active, b->n_active);
	for (uint32_t i = 0; i < a->n_endpoints; i++) {
		assert_true(fb_addr_equal(&a->endpoints[i].addr, &b->endpoints[i].addr));
		assert_int_equal(a->endpoints[i].port_be, b->endpoints[i].port_be);
		assert_int_equal(a->endpoints[i].state, b->endpoints[i].state);
		assert_int_equal(a->endpoints[i].terminating, b->endpoints[i].terminating);
	}
}

static void assert_same_choice(const struct fb_service *a, const struct fb_service *b)
{
	const uint32_t n_groups = fb_maglev_n_groups(a->n_active);

	assert_int_equal(a->n_slots, b->n_slots);
	for (uint32_t i = 0; i < a->n_slots; i++)
		assert_int_equal(fb_table_slot(a, i), fb_table_slot(b, i));
	assert_int_equal(a->groups != NULL, n_groups > 0);
	if (n_groups == 0)
		return;
	assert_int_equal(a->stride, b->stride);
	assert_memory_equal(a->members, b->members, n_groups * a->stride * sizeof(*a->members));
	for (uint32_t g = 0; g < n_groups; g++)
		assert_memory_equal(a->groups[g], b->groups[g],
				    FB_MAGLEV_GROUP_SLOTS * sizeof(uint16_t));
}

/* Identities and what is known of them belong to each other. */
static void assert_known(const struct fb_snapshot *snap, const struct fb_service *svc)
{
	for (uint32_t i = 0; i < svc->n_endpoints; i++) {
		const struct fb_endpoint *ep = &svc->endpoints[i];
		const struct fb_endpoint_info *info = fb_table_info(snap, ep->id);

		assert_int_equal(info->state, ep->state);
		assert_int_equal((info->flags & FB_EP_TERMINATING) != 0, ep->terminating);
		assert_int_equal(info->service_id, svc->id);
		assert_true(info->nh_idx != 0);
	}
}

static void assert_same_owners(const struct fb_dns_zone *a, const struct fb_dns_zone *b,
			       const struct fb_addr *addr)
{
	const struct fb_dns_owners *x = fb_dns_find_owners(a, addr);
	const struct fb_dns_owners *y = fb_dns_find_owners(b, addr);

	assert_int_equal(x != NULL, y != NULL);
	if (x != NULL) {
		assert_int_equal(x->size_bytes, y->size_bytes);
		assert_memory_equal(x, y, x->size_bytes);
	}
}

static void assert_same_names(const struct fb_dns_zone *a, const struct fb_dns_zone *b, uint32_t i)
{
	const uint8_t *labels = services[i].labels;
	const uint32_t len = (uint32_t)strlen((const char *)labels);
	const struct fb_dns_service *x = fb_dns_find_service(a, labels, len);
	const struct fb_dns_service *y = fb_dns_find_service(b, labels, len);

	assert_non_null(x);
	assert_non_null(y);
	assert_int_equal(x->size_bytes, y->size_bytes);
	/* Slots come last; they follow a key that each state draws anew. */
	assert_int_equal(x->slots, y->slots);
	assert_memory_equal(x, y, x->slots);
	for (uint32_t n = 1; n < x->n_nodes; n++) {
		const struct fb_dns_node *node = fb_dns_service_node(x, n);
		const uint8_t *name = fb_dns_piece_at(x, node->name);
		const struct fb_dns_node *found = fb_dns_find_node(b, y, name, node->name_len);

		assert_ptr_equal(found, fb_dns_service_node(y, n));
	}
	for (uint32_t k = 0; k < SLICES * 4 * EACH; k++) {
		const uint8_t bytes[4] = {10, (uint8_t)(100 + i), (uint8_t)(k >> 8), (uint8_t)k};
		const uint8_t v6[16] = {0xfd, 0, 0, (uint8_t)i, [14] = bytes[2], [15] = bytes[3]};
		const struct fb_addr addrs[2] = {fb_addr_from_bytes(FB_IPV4, bytes),
						 fb_addr_from_bytes(FB_IPV6, v6)};

		assert_same_owners(a, b, &addrs[0]);
		assert_same_owners(a, b, &addrs[1]);
	}
}

static void assert_same_state(const struct fb_offline *a, const struct fb_offline *b)
{
	const struct fb_snapshot *x = a->snapshot;
	const struct fb_snapshot *y = b->snapshot;

	assert_int_equal(x->n_services, 1);
	assert_int_equal(y->n_services, 1);
	assert_same_endpoints(x->services[0], y->services[0]);
	assert_same_choice(x->services[0], y->services[0]);
	assert_known(x, x->services[0]);
	for (uint32_t i = 0; i < N_SERVICES; i++)
		assert_same_names(x->dns, y->dns, i);
}

static void remove_all(void)
{
	DIR *dir = opendir(directory);
	const struct dirent *e;

	assert_non_null(dir);
	while ((e = readdir(dir)) != NULL)
		(void)unlinkat(dirfd(dir), e->d_name, 0);
	(void)closedir(dir);
	(void)rmdir(directory);
}

static void a_state_of_changes_is_the_state_read_anew(void **state)
{
	struct fb_offline changed;

	(void)state;
	assert_non_null(mkdtemp(directory));
	write_services();
	for (uint32_t i = 0; i < N_SERVICES; i++) {
		for (uint32_t k = 0; k < SLICES; k++)
			free(write_slice(i, k));
	}
	open_state(&changed);
	for (uint32_t c = 0; c < CHANGES; c++) {
		char *path = write_slice(any(N_SERVICES), any(SLICES));
		struct fb_errs errs = FB_ERRS_INIT;
		struct fb_snapshot *old;
		struct fb_offline fresh;

		assert_int_equal(fb_offline_change(&changed, path, path, c, &old, &errs), 0);
		assert_int_equal(errs.n_errors, 0);
		fb_errs_fini(&errs);
		if (old != NULL)
			fb_snapshot_release(changed.table, old);
		free(path);
		if (c % 4 != 3)
			continue;
		open_state(&fresh);
		assert_same_state(&changed, &fresh);
		close_state(&fresh);
	}
	close_state(&changed);
	remove_all();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_state_of_changes_is_the_state_read_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
