/* SPDX-License-Identifier: BSD-3-Clause */

#include "table/slots.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "maglev/maglev.h"
#include "table/part.h"
#include "table/turns.h"

/* The table of one group; fb_slots.tables points to v. */
struct group_table {
	uint32_t n_users;
	uint16_t v[FB_MAGLEV_GROUP_SLOTS] __attribute__((aligned(64)));
};

/* While a table of two levels is made. */
struct groups {
	uint32_t counts[FB_MAGLEV_MAX_GROUPS];
	uint64_t weights[FB_MAGLEV_MAX_GROUPS];
	bool changed[FB_MAGLEV_MAX_GROUPS];
};

_Static_assert(FB_MAGLEV_MAX_GROUPS - 1 <= UINT8_MAX, "fb_slots.groups");
_Static_assert(FB_MAGLEV_MAX_MEMBERS <= FB_NO_MEMBER, "the last place is one less");

static uint64_t key_of(const struct fb_hash_secret *secret, const struct fb_endpoint_spec *ep)
{
	uint8_t identity[18];

	memcpy(identity, ep->addr.bytes, 16);
	memcpy(identity + 16, &ep->port_be, 2);
	return fb_hash_bytes(secret, identity, sizeof(identity));
}

static struct group_table *table_of(const uint16_t *v)
{
	return (struct group_table *)((uintptr_t)v - offsetof(struct group_table, v));
}

/* Members in the order of places, which is the same on every box. @param places NULL: 0, 1, 2 ... */
static int fill(const struct fb_slots_source *from, const uint16_t *places, uint32_t n,
		uint16_t *slots, uint32_t n_slots)
{
	struct fb_maglev_member *members = malloc(n * sizeof(*members));
	int rc;

	if (members == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		const struct fb_endpoint_spec *ep =
			&from->endpoints[places != NULL ? places[i] : i];

		members[i].key = key_of(from->secret, ep);
		members[i].weight = ep->weight;
	}
	rc = fb_maglev_build(members, n, slots, n_slots);
	free(members);
	return rc;
}

/* Turns of a round: 0 where each endpoint has one, in order. */
static uint32_t count_turns(const struct fb_slots_source *from)
{
	bool is_equal = true;

	for (uint32_t i = 1; i < from->n && from->takes_turns; i++)
		is_equal &= from->weights[i] == from->weights[0];
	return is_equal ? 0 : fb_turns_count(from->endpoints, from->n);
}

static bool has_old_groups(const struct fb_slots_source *from, uint32_t n_groups)
{
	return from->old != NULL && from->old->n_groups == n_groups;
}

static uint32_t group_of(const struct fb_slots_source *from, uint32_t place, uint32_t n_groups)
{
	return fb_maglev_group(key_of(from->secret, &from->endpoints[place]), n_groups);
}

/* As in the version before, but for those who come and are gone. */
static void change_groups(const struct fb_slots_source *from, uint32_t n_groups, uint8_t *in_group,
			  bool *changed)
{
	const struct fb_places *come = &from->change->come;
	const struct fb_places *gone = &from->change->gone;
	struct fb_run run = {0};

	while (fb_change_next_run(from->change, from->n, &run))
		memcpy(in_group + run.at, from->old->groups + run.was, run.n);
	for (uint32_t i = 0; i < come->n && fb_places_at(come, i) < from->n; i++) {
		const uint32_t place = fb_places_at(come, i);

		in_group[place] = (uint8_t)group_of(from, place, n_groups);
		changed[in_group[place]] = true;
	}
	for (uint32_t i = 0; i < gone->n && fb_places_at(gone, i) < from->n_old; i++)
		changed[from->old->groups[fb_places_at(gone, i)]] = true;
}

/* Who is in which group, and in which something changed. */
static void sort_into_groups(const struct fb_slots_source *from, uint32_t n_groups,
			     uint8_t *in_group, struct groups *groups)
{
	if (has_old_groups(from, n_groups)) {
		change_groups(from, n_groups, in_group, groups->changed);
	} else {
		for (uint32_t i = 0; i < from->n; i++)
			in_group[i] = (uint8_t)group_of(from, i, n_groups);
	}
	for (uint32_t i = 0; i < from->n; i++) {
		groups->counts[in_group[i]]++;
		groups->weights[in_group[i]] += from->weights[i];
	}
}

static uint32_t bits_for(uint32_t n_values)
{
	return n_values <= 16 ? 4 : n_values <= 256 ? 8 : 16;
}

/* One allocation: slots and turns, groups' tables, who is where. Slots name groups, or members where there are none. */
static struct fb_slots *alloc_slots(uint32_t n, uint32_t n_turns, uint32_t n_groups,
				    uint32_t stride, uint32_t n_members)
{
	const uint32_t bits = bits_for(n_groups > 0 ? n_groups : n_members);
	/* And a byte that is read with the last one. */
	size_t turns_at = (sizeof(struct fb_slots) + (size_t)n * bits / 8 + 3) & ~(size_t)1;
	size_t tables_at = (turns_at + n_turns * sizeof(uint16_t) + 63) & ~(size_t)63;
	size_t members_at = tables_at + n_groups * sizeof(uint16_t *);
	size_t groups_at = members_at + (size_t)n_groups * stride * sizeof(uint16_t);
	struct fb_slots *slots = fb_part_alloc(groups_at + (n_groups > 0 ? n_members : 0));

	if (slots == NULL)
		return NULL;
	slots->n = n;
	slots->bits = (uint8_t)bits;
	slots->n_turns = n_turns;
	slots->n_groups = n_groups;
	slots->stride = stride;
	slots->turns = n_turns > 0 ? (uint16_t *)((char *)slots + turns_at) : NULL;
	if (n_groups > 0) {
		slots->tables = (const uint16_t **)((char *)slots + tables_at);
		slots->members = (uint16_t *)((char *)slots + members_at);
		slots->groups = (uint8_t *)slots + groups_at;
	}
	return slots;
}

/* Into as many bits as slots have. */
static void pack(const uint16_t *values, struct fb_slots *slots)
{
	switch (slots->bits) {
	case 4:
		for (uint32_t s = 0; s < slots->n; s++)
			slots->v[s / 2] |= (uint8_t)(values[s] << s % 2 * 4);
		break;
	case 8:
		for (uint32_t s = 0; s < slots->n; s++)
			slots->v[s] = (uint8_t)values[s];
		break;
	default:
		memcpy(slots->v, values, slots->n * sizeof(*values));
	}
}

static int build_group(const struct fb_slots_source *from, const uint16_t *places, uint32_t n,
		       const uint16_t **ret)
{
	struct group_table *table = fb_part_alloc(sizeof(*table));
	int rc = table != NULL ? 0 : -ENOMEM;

	if (rc == 0)
		rc = fill(from, places, n, table->v, FB_MAGLEV_GROUP_SLOTS);
	if (rc != 0) {
		fb_part_free(table);
		return rc;
	}
	*ret = table->v;
	return 0;
}

static int fill_groups(const struct fb_slots_source *from, const struct groups *groups,
		       struct fb_slots *slots)
{
	bool has_old = has_old_groups(from, slots->n_groups);
	uint32_t counts[FB_MAGLEV_MAX_GROUPS] = {0};
	uint16_t *first = malloc(slots->n * sizeof(*first));
	int rc;

	if (first == NULL)
		return -ENOMEM;
	memset(slots->members, 0xff,
	       (size_t)slots->n_groups * slots->stride * sizeof(*slots->members));
	for (uint32_t i = 0; i < from->n; i++) {
		uint32_t g = slots->groups[i];

		slots->members[g * slots->stride + counts[g]++] = (uint16_t)i;
	}
	rc = fb_maglev_build_first(groups->weights, slots->n_groups, first);
	if (rc == 0)
		pack(first, slots);
	free(first);
	for (uint32_t g = 0; g < slots->n_groups && rc == 0; g++) {
		if (groups->counts[g] == 0)
			continue;
		if (!groups->changed[g] && has_old)
			slots->tables[g] = from->old->tables[g];
		else
			rc = build_group(from, &slots->members[g * slots->stride],
					 groups->counts[g], &slots->tables[g]);
		if (rc == 0)
			table_of(slots->tables[g])->n_users++;
	}
	return rc;
}

static int build_groups(const struct fb_slots_source *from, uint32_t n_groups, uint32_t n_turns,
			struct fb_slots **ret)
{
	uint8_t *in_group = malloc(from->n);
	struct groups groups = {.counts = {0}};
	struct fb_slots *slots;
	uint32_t most = 0;
	int rc = -ENOMEM;

	if (in_group == NULL)
		return -ENOMEM;
	sort_into_groups(from, n_groups, in_group, &groups);
	for (uint32_t g = 0; g < n_groups; g++)
		most = groups.counts[g] > most ? groups.counts[g] : most;
	slots = alloc_slots(FB_MAGLEV_FIRST_SLOTS, n_turns, n_groups, most, from->n);
	if (slots != NULL) {
		memcpy(slots->groups, in_group, from->n);
		rc = fill_groups(from, &groups, slots);
	}
	free(in_group);
	*ret = slots;
	return rc;
}

static int build_one(const struct fb_slots_source *from, uint32_t n_turns, struct fb_slots **ret)
{
	const uint32_t n = fb_maglev_size(from->n);
	uint16_t *values = malloc(n * sizeof(*values));
	int rc = -ENOMEM;

	*ret = values != NULL ? alloc_slots(n, n_turns, 0, 0, from->n) : NULL;
	if (*ret != NULL)
		rc = fill(from, NULL, from->n, values, n);
	if (rc == 0)
		pack(values, *ret);
	free(values);
	return rc;
}

static void free_slots(struct fb_slots *slots)
{
	for (uint32_t g = 0; slots != NULL && g < slots->n_groups; g++) {
		if (slots->tables[g] != NULL && --table_of(slots->tables[g])->n_users == 0)
			fb_part_free(table_of(slots->tables[g]));
	}
	fb_part_free(slots);
}

int fb_slots_build(const struct fb_slots_source *from, struct fb_slots **ret)
{
	uint32_t n_groups = fb_maglev_n_groups(from->n);
	uint32_t n_turns = count_turns(from);
	struct fb_slots *slots = NULL;
	int rc = n_groups > 0 ? build_groups(from, n_groups, n_turns, &slots)
			      : build_one(from, n_turns, &slots);

	if (rc == 0 && n_turns > 0)
		rc = fb_turns_fill(from->endpoints, from->n, slots->turns, n_turns);
	if (rc != 0) {
		free_slots(slots);
		return rc;
	}
	*ret = slots;
	return 0;
}

void fb_slots_release(struct fb_slots *slots)
{
	if (slots != NULL && --slots->n_users == 0)
		free_slots(slots);
}
