/* SPDX-License-Identifier: BSD-3-Clause */

#include "table/diff.h"

#include <errno.h>
#include <stdlib.h>

#include "maglev/groups.h"

#define NOWHERE UINT32_MAX

/* A slot of the first level has so many parts: the slots of its group, or all the same. */
#define PARTS FB_MAGLEV_GROUP_SLOTS

/* One of the two versions. */
struct side {
	const struct fb_service *svc;
	uint32_t n_groups;      /* 0: one level */
	uint32_t *counterparts; /* of active places: in the other version, or NOWHERE */
	uint8_t *group_of;      /* by place */
	uint16_t *parts_of;     /* by place: slots of its group that it has */
};

/* Two groups that have a member in common: how many parts lead to the same endpoint. */
#define UNKNOWN UINT16_MAX

struct comparison {
	struct side old;
	struct side new;
	uint16_t *same; /* by old group and new: parts that stay, or UNKNOWN */
	uint16_t *left; /* by old group: parts whose endpoint takes no more flows, or UNKNOWN */
};

static int compare(const struct fb_endpoint *a, const struct fb_endpoint *b)
{
	int order = memcmp(a->addr.bytes, b->addr.bytes, sizeof(a->addr.bytes));

	return order != 0 ? order : memcmp(&a->port_be, &b->port_be, sizeof(a->port_be));
}

static uint32_t count_active(const struct fb_service *svc)
{
	uint32_t n = 0;

	while (n < svc->n_endpoints && svc->endpoints[n].state == FB_EP_ACTIVE)
		n++;
	return n;
}

/* Where the active endpoints of each version are in the other; both are in order. */
static void match(struct side *old, struct side *new)
{
	uint32_t n_old = count_active(old->svc);
	uint32_t n_new = count_active(new->svc);
	uint32_t k = 0;

	for (uint32_t i = 0; i < n_new; i++)
		new->counterparts[i] = NOWHERE;
	for (uint32_t i = 0; i < n_old; i++) {
		const struct fb_endpoint *ep = &old->svc->endpoints[i];

		while (k < n_new && compare(&new->svc->endpoints[k], ep) < 0)
			k++;
		old->counterparts[i] = NOWHERE;
		if (k == n_new || compare(&new->svc->endpoints[k], ep) != 0)
			continue;
		old->counterparts[i] = k;
		new->counterparts[k] = i;
	}
}

static inline uint32_t member(const struct side *s, uint32_t group, uint32_t part)
{
	return s->svc->members[group * s->svc->stride + s->svc->groups[group][part]];
}

static int open_side(struct side *s, const struct fb_service *svc)
{
	uint32_t n = count_active(svc);

	*s = (struct side){
		.svc = svc,
		.n_groups = svc->groups != NULL ? fb_maglev_n_groups(n) : 0,
		.counterparts = malloc(n * sizeof(*s->counterparts)),
		.group_of = calloc(n, sizeof(*s->group_of)),
		.parts_of = calloc(n, sizeof(*s->parts_of)),
	};
	if (s->counterparts == NULL || s->group_of == NULL || s->parts_of == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->n_groups * svc->stride; i++) {
		if (svc->members[i] != FB_NO_MEMBER)
			s->group_of[svc->members[i]] = (uint8_t)(i / svc->stride);
	}
	return 0;
}

static void close_side(struct side *s)
{
	free(s->counterparts);
	free(s->group_of);
	free(s->parts_of);
}

static void count_parts(struct side *s)
{
	for (uint32_t g = 0; g < s->n_groups; g++) {
		for (uint32_t p = 0; p < PARTS && s->svc->groups[g] != NULL; p++)
			s->parts_of[member(s, g, p)]++;
	}
}

static int open_comparison(struct comparison *c)
{
	size_t n_pairs = (size_t)(c->old.n_groups + 1) * (c->new.n_groups + 1);

	c->same = calloc(n_pairs, sizeof(*c->same));
	c->left = malloc((c->old.n_groups + 1) * sizeof(*c->left));
	if (c->same == NULL || c->left == NULL)
		return -ENOMEM;
	for (uint32_t g = 0; g < c->old.n_groups; g++)
		c->left[g] = UNKNOWN;
	/* Groups without a common member have nothing in common, which is what most pairs are. */
	for (uint32_t i = 0; i < count_active(c->old.svc); i++) {
		uint32_t k = c->old.counterparts[i];

		if (k != NOWHERE)
			c->same[c->old.group_of[i] * (c->new.n_groups + 1) + c->new.group_of[k]] =
				UNKNOWN;
	}
	if (c->old.n_groups == 0 || c->new.n_groups == 0) {
		count_parts(&c->old);
		count_parts(&c->new);
	}
	return 0;
}

/* A table that two versions share has the same members in the same order. */
static uint32_t same_of_groups(struct comparison *c, uint32_t old, uint32_t new)
{
	uint16_t *same = &c->same[old * (c->new.n_groups + 1) + new];

	if (*same != UNKNOWN)
		return *same;
	*same = 0;
	if (c->old.svc->groups[old] == c->new.svc->groups[new])
		*same = PARTS;
	for (uint32_t p = 0; p < PARTS && *same < PARTS; p++)
		*same += c->old.counterparts[member(&c->old, old, p)] == member(&c->new, new, p);
	return *same;
}

static uint32_t left_of_group(struct comparison *c, uint32_t group)
{
	uint16_t *left = &c->left[group];

	if (*left != UNKNOWN)
		return *left;
	*left = 0;
	for (uint32_t p = 0; p < PARTS; p++)
		*left += c->old.counterparts[member(&c->old, group, p)] == NOWHERE;
	return *left;
}

/* What two slots of the first levels have in common, in parts. */
static uint32_t same_of(struct comparison *c, uint32_t old, uint32_t new)
{
	if (c->old.n_groups > 0 && c->new.n_groups > 0)
		return same_of_groups(c, old, new);
	if (c->old.n_groups > 0) {
		uint32_t k = c->new.counterparts[new];

		return k != NOWHERE && c->old.group_of[k] == old ? c->old.parts_of[k] : 0;
	}
	old = c->old.counterparts[old];
	if (c->new.n_groups > 0)
		return old != NOWHERE && c->new.group_of[old] == new ? c->new.parts_of[old] : 0;
	return old == new ? PARTS : 0;
}

static uint32_t left_of(struct comparison *c, uint32_t old)
{
	if (c->old.n_groups > 0)
		return left_of_group(c, old);
	return c->old.counterparts[old] == NOWHERE ? PARTS : 0;
}

/* First hash beyond a slot: the inverse of fb_hash_reduce(). */
static uint64_t slot_end(uint32_t slot, uint32_t n_slots)
{
	return (((uint64_t)(slot + 1) << 32) + n_slots - 1) / n_slots;
}

static void compare_slots(struct comparison *c, struct fb_table_diff *ret)
{
	const struct fb_service *old = c->old.svc;
	const struct fb_service *new = c->new.svc;
	const double all = 4294967296.0 * PARTS; /* hashes there are, by both their halves */
	uint64_t same = 0;
	uint64_t left = 0;
	uint64_t at = 0;

	for (uint32_t i = 0, k = 0; i < old->n_slots;) {
		uint64_t end_i = slot_end(i, old->n_slots);
		uint64_t end_k = slot_end(k, new->n_slots);
		uint64_t end = end_i < end_k ? end_i : end_k;

		left += (end - at) * left_of(c, fb_table_slot(old, i));
		same += (end - at) * same_of(c, fb_table_slot(old, i), fb_table_slot(new, k));
		at = end;
		i += end == end_i;
		k += end == end_k;
	}
	ret->moved_left = (double)left / all;
	ret->moved_stays = ((double)((UINT64_C(1) << 32) * PARTS - left - same)) / all;
}

int fb_table_diff_service(const struct fb_service *old, const struct fb_service *new,
			  struct fb_table_diff *ret)
{
	struct comparison c = {.same = NULL};
	int rc;

	if (old == NULL || old->n_slots == 0) {
		*ret = (struct fb_table_diff){0};
		return 0;
	}
	if (new == NULL || new->n_slots == 0) {
		*ret = (struct fb_table_diff){.moved_left = 1.0};
		return 0;
	}
	rc = open_side(&c.old, old);
	if (rc == 0)
		rc = open_side(&c.new, new);
	if (rc == 0) {
		match(&c.old, &c.new);
		rc = open_comparison(&c);
	}
	if (rc == 0)
		compare_slots(&c, ret);
	close_side(&c.old);
	close_side(&c.new);
	free(c.same);
	free(c.left);
	return rc;
}
