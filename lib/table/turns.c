/* SPDX-License-Identifier: BSD-3-Clause */

#include "table/turns.h"

#include <errno.h>
#include <stdlib.h>

struct turn {
	uint64_t when; /* of the round, as a fraction of 2^48 */
	uint32_t place;
};

/* What turns weights into turns: divided by their common divisor, or scaled to the limit. */
struct scale {
	uint64_t mul;
	uint64_t div;
};

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
	while (b != 0) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

static struct scale scale_of(const struct fb_endpoint_spec *endpoints, uint32_t n)
{
	uint64_t divisor = 0;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++) {
		divisor = common_divisor(divisor, endpoints[i].weight);
		sum += endpoints[i].weight;
	}
	if (sum / divisor <= FB_TURNS_MAX)
		return (struct scale){1, divisor};
	return (struct scale){FB_TURNS_MAX, sum};
}

static uint32_t turns_of(const struct scale *s, uint32_t weight)
{
	uint64_t turns = weight * s->mul / s->div;

	return turns > 0 ? (uint32_t)turns : 1;
}

uint32_t fb_turns_count(const struct fb_endpoint_spec *endpoints, uint32_t n)
{
	struct scale s = scale_of(endpoints, n);
	uint32_t sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += turns_of(&s, endpoints[i].weight);
	return sum;
}

static int compare(const void *a, const void *b)
{
	const struct turn *x = a;
	const struct turn *y = b;

	if (x->when != y->when)
		return x->when < y->when ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

int fb_turns_fill(const struct fb_endpoint_spec *endpoints, uint32_t n, uint16_t *turns,
		  uint32_t n_turns)
{
	struct turn *v = malloc(n_turns * sizeof(*v));
	struct scale s = scale_of(endpoints, n);
	uint32_t at = 0;

	if (v == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t own = turns_of(&s, endpoints[i].weight);

		for (uint64_t k = 0; k < own && at < n_turns; k++)
			v[at++] = (struct turn){((2 * k + 1) << 47) / own, i};
	}
	qsort(v, at, sizeof(*v), compare);
	for (uint32_t i = 0; i < at; i++)
		turns[i] = (uint16_t)v[i].place;
	free(v);
	return 0;
}
