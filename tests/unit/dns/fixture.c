/* SPDX-License-Identifier: BSD-3-Clause */

#include "fixture.h"

#include <arpa/inet.h>
#include <stdio.h>

void fixture_open(struct fixture *f, const struct fb_dns_settings *settings)
{
	static const struct fb_dns_settings standard = {.domain = "cluster.local", .ttl_s = 5};

	memset(f, 0, sizeof(*f));
	fb_hash_secret_init(&f->secret, "test");
	f->dns = fb_dns_create(&f->secret, settings != NULL ? settings : &standard);
	assert_non_null(f->dns);
	fb_dns_set_synced(f->dns, true);
}

void fixture_close(struct fixture *f)
{
	fb_dns_reclaim(f->dns, f->generation);
	fb_dns_free(f->dns);
}

struct fb_addr addr(const char *text)
{
	struct fb_addr a;

	assert_int_equal(fb_addr_parse(text, &a), 0);
	return a;
}

void set(struct fixture *f, const char *namespace_, const char *name,
	 const struct fb_dns_service_spec *spec)
{
	struct fb_dns_service_spec named;
	struct fb_dns_service *svc = NULL;

	if (spec != NULL) {
		named = *spec;
		named.namespace_ = namespace_;
		named.name = name;
		if (named.external_name == NULL)
			named.external_name = "";
		svc = fb_dns_service_build(&f->secret, &named);
		assert_non_null(svc);
	}
	assert_int_equal(fb_dns_set_service(f->dns, namespace_, name, svc), 0);
}

void commit(struct fixture *f)
{
	assert_int_equal(fb_dns_commit(f->dns, ++f->generation, &f->zone), 0);
}

static void store16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static unsigned int load16(const uint8_t *p)
{
	return (unsigned int)p[0] << 8 | p[1];
}

uint32_t query(uint8_t *msg, const char *name, uint16_t type, uint16_t edns)
{
	uint32_t at = 12;

	memset(msg, 0, 12);
	store16(msg, 0x1234);
	store16(msg + 2, 0x0100);
	store16(msg + 4, 1);
	store16(msg + 10, edns != 0);
	at += fb_dns_name_from_text(name, msg + at);
	assert_true(at > 12);
	store16(msg + at, type);
	store16(msg + at + 2, 1);
	at += 4;
	if (edns != 0) {
		memset(msg + at, 0, 11);
		store16(msg + at + 1, 41);
		store16(msg + at + 3, edns);
		at += 11;
	}
	return at;
}

/* A name as text; pointers only backwards. @return bytes that it takes where it stands */
static uint32_t name_text(const uint8_t *msg, uint32_t len, uint32_t at, char *out)
{
	uint32_t begin = at;
	uint32_t took = 0;
	size_t n = 0;

	for (;;) {
		assert_true(at < len);
		if (msg[at] >= 0xc0) {
			uint32_t to = load16(msg + at) & 0x3fff;

			assert_true(at + 1 < len && to < at);
			took = took != 0 ? took : at + 2 - begin;
			at = to;
			continue;
		}
		assert_true(msg[at] < 64 && at + 1u + msg[at] <= len);
		if (msg[at] == 0)
			break;
		memcpy(out + n, msg + at + 1, msg[at]);
		n += msg[at];
		out[n++] = '.';
		at += 1u + msg[at];
		assert_true(n < 260);
	}
	out[n] = '\0';
	return took != 0 ? took : at + 1 - begin;
}

static void data_text(const uint8_t *msg, uint32_t len, uint32_t at, uint32_t size,
		      unsigned int type, char *out)
{
	char a[300];
	char b[300];
	uint32_t took;

	switch (type) {
	case FB_DNS_A:
		assert_int_equal(size, 4);
		(void)inet_ntop(AF_INET, msg + at, out, 64);
		break;
	case FB_DNS_AAAA:
		assert_int_equal(size, 16);
		(void)inet_ntop(AF_INET6, msg + at, out, 64);
		break;
	case FB_DNS_SRV:
		assert_int_equal(name_text(msg, len, at + 6, a), size - 6);
		(void)sprintf(out, "%u %u %u %s", load16(msg + at), load16(msg + at + 2),
			      load16(msg + at + 4), a);
		break;
	case FB_DNS_SOA:
		took = name_text(msg, len, at, a);
		took += name_text(msg, len, at + took, b);
		assert_int_equal(took + 20, size);
		(void)sprintf(out, "%s %s %u", a, b, load16(msg + at + size - 2));
		break;
	case FB_DNS_TXT:
		assert_int_equal(msg[at] + 1u, size);
		(void)sprintf(out, "%.*s", (int)msg[at], (const char *)msg + at + 1);
		break;
	default:
		assert_int_equal(name_text(msg, len, at, out), size);
		break;
	}
}

static const char *type_name(unsigned int type)
{
	switch (type) {
	case FB_DNS_A:
		return "A";
	case FB_DNS_AAAA:
		return "AAAA";
	case FB_DNS_SRV:
		return "SRV";
	case FB_DNS_SOA:
		return "SOA";
	case FB_DNS_TXT:
		return "TXT";
	case FB_DNS_PTR:
		return "PTR";
	case FB_DNS_NS:
		return "NS";
	case FB_DNS_CNAME:
		return "CNAME";
	}
	fail_msg("record of type %u", type);
	return "";
}

static uint32_t decode_record(const uint8_t *msg, uint32_t len, uint32_t at, int section,
			      struct answer *ret)
{
	char name[300];
	char data[700];
	unsigned int type;
	uint32_t size;

	at += name_text(msg, len, at, name);
	assert_true(at + 10 <= len);
	type = load16(msg + at);
	size = load16(msg + at + 8);
	assert_true(at + 10 + size <= len);
	if (type == FB_DNS_OPT) {
		assert_int_equal(section, 2);
		assert_false(ret->opt);
		ret->opt = true;
		ret->opt_size = (uint16_t)load16(msg + at + 2);
		ret->rcode |= msg[at + 4] << 4;
		return at + 10 + size;
	}
	assert_int_equal(load16(msg + at + 2), 1);
	data_text(msg, len, at + 10, size, type, data);
	(void)sprintf(ret->sections[section] + strlen(ret->sections[section]), "%s %u %s %s\n",
		      name, load16(msg + at + 4) << 16 | load16(msg + at + 6), type_name(type),
		      data);
	ret->n[section]++;
	return at + 10 + size;
}

void decode(const uint8_t *msg, uint32_t len, struct answer *ret)
{
	char name[300];
	uint32_t at = 12;

	memset(ret, 0, sizeof(*ret));
	assert_true(len >= 12);
	ret->len = len;
	ret->flags = (uint16_t)load16(msg + 2);
	ret->rcode = ret->flags & 15;
	assert_true(ret->flags & FB_DNS_FLAG_QR);
	for (unsigned int i = 0; i < load16(msg + 4); i++)
		at += name_text(msg, len, at, name) + 4;
	for (int s = 0; s < 3; s++) {
		for (unsigned int i = 0; i < load16(msg + 6 + 2 * s); i++)
			at = decode_record(msg, len, at, s, ret);
	}
	assert_int_equal(at, len);
}

enum fb_dns_verdict ask(const struct fixture *f, const char *name, uint16_t type, uint16_t edns,
			uint32_t most, struct answer *ret)
{
	static uint8_t msg[65536];
	uint32_t len = query(msg, name, type, edns);
	struct fb_dns_query q;
	enum fb_dns_verdict verdict;

	assert_int_equal(fb_dns_query_parse(msg, len, &q), FB_DNS_QUERY_GOOD);
	most = most != 0 ? most : fb_dns_udp_most(&q);
	verdict = fb_dns_answer(f->zone, &q, msg, most, &len, NULL);
	if (verdict == FB_DNS_ANSWER) {
		assert_true(len <= most);
		decode(msg, len, ret);
	}
	return verdict;
}

const char *said(const struct fixture *f, const char *name, uint16_t type)
{
	static const char *const rcodes[] = {"NOERROR",  "FORMERR", "SERVFAIL",
					     "NXDOMAIN", "NOTIMP",  "REFUSED"};
	static struct answer a;
	static char text[ANSWER_TEXT];
	char *end = text;

	if (ask(f, name, type, 1232, 0, &a) == FB_DNS_FORWARD)
		return "FORWARD";
	end += sprintf(end, "%s", rcodes[a.rcode]);
	for (int s = 0; s < 3; s++) {
		for (const char *p = a.sections[s]; *p != '\0'; p++) {
			if (p == a.sections[s] || p[-1] == '\n')
				end += sprintf(end, "%s", s == 0 ? " | " : s == 1 ? " ! " : " + ");
			if (*p != '\n')
				*end++ = *p;
		}
	}
	*end = '\0';
	return text;
}
