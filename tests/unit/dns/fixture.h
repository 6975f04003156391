/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_TEST_DNS_FIXTURE_H
#define FB_TEST_DNS_FIXTURE_H

/* A zone of some Services, questions as text, and answers as text, decoded by other code than ours. */

#include "unit.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include "dns/answer.h"
#include "dns/write.h"

#define ANSWER_TEXT 65536

struct fixture {
	struct fb_hash_secret secret;
	struct fb_dns *dns;
	uint64_t generation;
	const struct fb_dns_zone *zone;
};

struct answer {
	uint32_t len;
	uint16_t flags;
	int rcode; /* with OPT's part */
	bool opt;
	uint16_t opt_size;
	/* Records of each section, one a line: "name ttl TYPE data\n". */
	char sections[3][ANSWER_TEXT];
	uint32_t n[3];
};

/** @param settings NULL: cluster.local, TTL 5 */
void fixture_open(struct fixture *f, const struct fb_dns_settings *settings);
void fixture_close(struct fixture *f);

struct fb_addr addr(const char *text);

/** Set a Service from a spec, or remove it (NULL). */
void set(struct fixture *f, const char *namespace_, const char *name,
	 const struct fb_dns_service_spec *spec);
void commit(struct fixture *f);

/** A query as it stands on the wire; edns: payload size of OPT, 0 for none. @return its bytes */
uint32_t query(uint8_t *msg, const char *name, uint16_t type, uint16_t edns);

/** Ask over UDP (most: the client's) or with room for most bytes. @return what fb_dns_answer() says */
enum fb_dns_verdict ask(const struct fixture *f, const char *name, uint16_t type, uint16_t edns,
			uint32_t most, struct answer *ret);

/** Decode a message; every length is checked. */
void decode(const uint8_t *msg, uint32_t len, struct answer *ret);

/** The whole of a name's answer, in one line for short tests: "NOERROR: a 5 A 1.2.3.4". */
const char *said(const struct fixture *f, const char *name, uint16_t type);

#endif
