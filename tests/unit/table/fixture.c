/* SPDX-License-Identifier: BSD-3-Clause */

#include "fixture.h"

static int hold(void *arg, const struct fb_addr *a)
{
	struct fixture *f = arg;

	(void)a;
	f->held++;
	return 0;
}

static void release(void *arg, const struct fb_addr *a)
{
	struct fixture *f = arg;

	(void)a;
	f->held--;
}

static uint16_t next_hop(void *arg, const struct fb_addr *a)
{
	const struct fixture *f = arg;

	(void)a;
	return f->next_hop;
}

static const struct fb_next_hop *next_hops(void *arg, uint32_t *ret_n)
{
	const struct fixture *f = arg;

	*ret_n = 4;
	return f->hops;
}

void fixture_open(struct fixture *f, uint32_t max_endpoints, uint32_t max_services)
{
	struct fb_table_router router = {
		.hold = hold,
		.release = release,
		.next_hop = next_hop,
		.next_hops = next_hops,
		.arg = f,
	};

	*f = (struct fixture){.next_hop = 1};
	fb_hash_secret_init(&f->secret, "forebay");
	f->t = fb_table_create(&f->secret, &router, max_endpoints, max_services);
	assert_non_null(f->t);
}

void fixture_close(struct fixture *f)
{
	fb_table_free(f->t);
	assert_int_equal(f->held, 0);
}

struct fb_addr addr(const char *text)
{
	struct fb_addr a;

	assert_int_equal(fb_addr_parse(text, &a), 0);
	return a;
}

struct fb_addr addr4(uint32_t host_order)
{
	uint32_t be = htonl(host_order);

	return fb_addr_from_bytes(FB_IPV4, (const uint8_t *)&be);
}

struct fb_frontend_spec frontend(const char *text, uint16_t port, enum fb_frontend_kind kind)
{
	return (struct fb_frontend_spec){
		.addr = addr(text), .port_be = htons(port), .kind = (uint8_t)kind};
}

struct fb_endpoint_spec endpoint(uint32_t i, enum fb_endpoint_state state)
{
	return (struct fb_endpoint_spec){.addr = addr4(0x0a000001 + i),
					 .port_be = htons(8080),
					 .state = (uint8_t)state,
					 .weight = 1};
}

struct fb_tuple tuple_to(const struct fb_addr *dst, rte_be16_t dport_be, uint8_t proto)
{
	struct fb_tuple t = {.proto = proto, .family = (uint8_t)fb_addr_family(dst)};

	if (t.family == FB_IPV4) {
		t.v4 = (struct fb_tuple4){.src = htonl(0xc6336401), .sport = htons(40000)};
		memcpy(&t.v4.dst, fb_addr_wire(dst), 4);
		t.v4.dport = dport_be;
	} else {
		t.v6 = (struct fb_tuple6){.src = {0x20, 1}, .sport = htons(40000)};
		memcpy(t.v6.dst, dst->bytes, 16);
		t.v6.dport = dport_be;
	}
	return t;
}

struct fb_service_spec spec_of(const char *name, const struct fb_frontend_spec *frontends,
			       uint32_t n_frontends, const struct fb_endpoint_spec *endpoints,
			       uint32_t n_endpoints)
{
	return (struct fb_service_spec){
		.namespace_ = "default",
		.name = name,
		.port_name = "http",
		.port = 80,
		.proto = IPPROTO_TCP,
		.family = FB_IPV4,
		.frontends = frontends,
		.n_frontends = n_frontends,
		.endpoints = endpoints,
		.n_endpoints = n_endpoints,
		.removed_tcp_s = FB_NEVER_S,
	};
}

void stage(struct fixture *f, const char *name, const struct fb_frontend_spec *frontends,
	   uint32_t n_frontends, const struct fb_endpoint_spec *endpoints, uint32_t n_endpoints)
{
	struct fb_service_spec spec =
		spec_of(name, frontends, n_frontends, endpoints, n_endpoints);
	struct fb_errs errs = FB_ERRS_INIT;

	assert_int_equal(fb_table_set_service(f->t, "default", name, &spec, 1,
					      (struct fb_place){0}, &errs),
			 0);
	assert_int_equal(errs.n, 0);
}

struct fb_snapshot *commit(struct fixture *f)
{
	struct fb_snapshot *snap = fb_table_commit(f->t);

	assert_non_null(snap);
	return snap;
}

const struct fb_service *lookup(const struct fb_snapshot *snap, const char *dst, uint16_t port)
{
	struct fb_addr a = addr(dst);
	struct fb_tuple t = tuple_to(&a, htons(port), IPPROTO_TCP);

	return fb_table_lookup(snap, &t);
}

uint64_t no_flows(void *arg, uint32_t ep_id)
{
	(void)arg;
	(void)ep_id;
	return 0;
}
