/* SPDX-License-Identifier: BSD-3-Clause */

/* Slots that lie in fewer bits say what Maglev gave. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "maglev/maglev.h"
#include "table/slots.h"

#define MOST FB_MAGLEV_ONE_LEVEL

static const struct fb_hash_secret secret = {{1, 2, 3, 4}};

static struct fb_endpoint_spec endpoints[MOST];
static uint32_t weights[MOST];
static struct fb_maglev_member members[MOST];

static void name_them(void)
{
	for (uint32_t i = 0; i < MOST; i++) {
		struct fb_endpoint_spec *ep = &endpoints[i];
		uint8_t identity[18];

		*ep = (struct fb_endpoint_spec){.weight = 1 + i % 3, .port_be = 80};
		weights[i] = ep->weight;
		ep->addr.bytes[14] = (uint8_t)(i >> 8);
		ep->addr.bytes[15] = (uint8_t)i;
		memcpy(identity, ep->addr.bytes, 16);
		memcpy(identity + 16, &ep->port_be, 2);
		members[i] = (struct fb_maglev_member){
			.key = fb_hash_bytes(&secret, identity, sizeof(identity)),
			.weight = ep->weight,
		};
	}
}

static void slots_say_what_maglev_gave(void **state)
{
	static const struct {
		uint32_t n;
		uint32_t bits;
	} rows[] = {{1, 4}, {2, 4}, {16, 4}, {17, 8}, {41, 8}, {256, 8}, {257, 16}, {MOST, 16}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (int takes_turns = 0; takes_turns <= 1; takes_turns++) {
			const uint32_t n = rows[i].n;
			const uint32_t n_slots = fb_maglev_size(n);
			uint16_t *want = malloc(n_slots * sizeof(*want));
			struct fb_slots *slots;
			struct fb_service svc;

			assert_non_null(want);
			assert_int_equal(fb_maglev_build(members, n, want, n_slots), 0);
			assert_int_equal(
				fb_slots_build(&(struct fb_slots_source){.secret = &secret,
									 .endpoints = endpoints,
									 .weights = weights,
									 .n = n,
									 .takes_turns = takes_turns},
					       &slots),
				0);
			assert_int_equal(slots->bits, rows[i].bits);
			assert_int_equal(slots->n, n_slots);
			svc = (struct fb_service){.slots = slots->v,
						  .slot_bits = slots->bits & 0x1f,
						  .n_slots = slots->n};
			for (uint32_t s = 0; s < n_slots; s++)
				assert_int_equal(fb_table_slot(&svc, s), want[s]);
			/* What lies behind them is as it was. */
			for (uint32_t k = 0; k < slots->n_turns; k++)
				assert_true(slots->turns[k] < n);
			slots->n_users = 1;
			fb_slots_release(slots);
			free(want);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slots_say_what_maglev_gave),
	};

	name_them();
	return cmocka_run_group_tests_name("table/slots", tests, NULL, NULL);
}
