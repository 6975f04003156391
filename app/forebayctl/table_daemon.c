/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What only a running daemon has: flows, workers, ports, drops, its status.
 */

#include "tables.h"

#include <stdio.h>

void ctl_print_flows(const struct ctl *ctl, const json_t *items)
{
	static const char *const heads[] = {"PROTO", "CLIENT", "SERVICE", "SNAT",   "ENDPOINT",
					    "STATE", "IDLE",   "WORKER",  "PACKETS", "FRONTEND"};
	bool wide = ctl->output == OUTPUT_WIDE;
	struct ctl_table *t = ctl_table_create(heads, wide ? COUNT(heads) : 8);
	const json_t *o;
	char buf[CTL_DURATION_LEN];
	size_t i;

	json_array_foreach(items, i, o) {
		ctl_table_printf(t, "%s", ctl_string(o, "protocol"));
		ctl_table_printf(t, "%s", ctl_string(o, "client"));
		if (ctl_string(o, "name")[0] != '\0')
			ctl_table_printf(t, "%s/%s", ctl_string(o, "namespace"),
					 ctl_string(o, "name"));
		else
			ctl_table_cell(t, NULL);
		ctl_table_printf(t, "%s", ctl_string(o, "snat"));
		ctl_table_printf(t, "%s", ctl_string(o, "endpoint"));
		ctl_table_printf(t, "%s", ctl_string(o, "state"));
		ctl_table_printf(t, "%s",
				 ctl_duration((long long)json_real_value(
						      json_object_get(o, "idle_seconds")),
					      buf));
		ctl_table_printf(t, "%lld", ctl_integer(o, "worker"));
		if (!wide)
			continue;
		ctl_table_printf(t, "%lld", ctl_integer(o, "packets"));
		ctl_table_printf(t, "%s", ctl_string(o, "frontend"));
	}
	ctl_table_print(t);
	ctl_table_free(t);
}

/* Tables whose columns are fields: head, field. */
struct column {
	const char *head;
	const char *key;
};

static void print_columns(const json_t *items, const struct column *columns, size_t n)
{
	const char *heads[20];
	struct ctl_table *t;
	const json_t *o;
	size_t i;

	for (i = 0; i < n; i++)
		heads[i] = columns[i].head;
	t = ctl_table_create(heads, n);
	json_array_foreach(items, i, o) {
		for (size_t k = 0; k < n; k++) {
			const json_t *value = json_object_get(o, columns[k].key);

			if (json_is_array(value))
				ctl_table_cell(t, ctl_join(value));
			else if (json_is_string(value))
				ctl_table_printf(t, "%s", json_string_value(value));
			else if (json_is_boolean(value))
				ctl_table_printf(t, "%s", json_is_true(value) ? "yes" : "no");
			else
				ctl_table_printf(t, "%lld", ctl_integer(o, columns[k].key));
		}
	}
	ctl_table_print(t);
	ctl_table_free(t);
}

void ctl_print_workers(const struct ctl *ctl, const json_t *items)
{
	static const struct column columns[] = {
		{"WORKER", "worker"},
		{"CORE", "core"},
		{"GENERATION", "generation"},
		{"RX", "rx_packets"},
		{"TX", "tx_packets"},
		{"DROPS", "drops"},
		{"PUNTS", "punts"},
		{"ANSWERS", "answers"},
		{"FLOWS-V4", "flows_ipv4"},
		{"FLOWS-V6", "flows_ipv6"},
		{"BOUNDS", "bounds"},
		{"CREATED", "flows_created"},
		{"EXPIRED", "flows_expired"},
		{"ADOPTED", "flows_adopted"},
		{"HALF-OPEN-V4", "half_open_ipv4"},
		{"HALF-OPEN-V6", "half_open_ipv6"},
		{"EVICTED", "flows_evicted"},
		{"HANDED-IN", "handover_in"},
		{"HANDED-OUT", "handover_out"},
		{"RSS-ASTRAY", "rss_astray"},
		{"RX-BYTES", "rx_bytes"},
		{"TX-BYTES", "tx_bytes"},
	};

	print_columns(items, columns, ctl->output == OUTPUT_WIDE ? COUNT(columns) : 11);
}

void ctl_print_ports(const struct ctl *ctl, const json_t *items)
{
	static const struct column columns[] = {
		{"NAME", "name"}, {"LINK", "link"},	    {"MAC", "mac"},
		{"MTU", "mtu"},	  {"ADDRESSES", "addresses"}, {"TWIN", "twin"},
		{"RX", "rx_packets"}, {"TX", "tx_packets"},	    {"TX-FULL", "tx_full"},
		{"DEVICE", "device"}, {"VLAN", "vlan"},	    {"QUEUES", "queues"},
		{"RSS", "rss"},	  {"ANNOUNCE", "announce"}, {"RX-BYTES", "rx_bytes"},
		{"TX-BYTES", "tx_bytes"}, {"TCP-MSS", "tcp_mss"},
	};

	print_columns(items, columns, ctl->output == OUTPUT_WIDE ? COUNT(columns) : 9);
}

void ctl_print_drops(const struct ctl *ctl, const json_t *items)
{
	static const struct column columns[] = {
		{"REASON", "reason"},
		{"PACKETS", "packets"},
		{"HELP", "help"},
	};

	print_columns(items, columns, ctl->output == OUTPUT_WIDE ? 3 : 2);
}

static void print_peer(const json_t *sync)
{
	if (!json_is_object(sync))
		return;
	(void)printf("%-12s %s: %s%s\n", "Peer", ctl_string(sync, "peer"),
		     json_is_true(json_object_get(sync, "up")) ? "there" : "silent",
		     json_is_true(json_object_get(sync, "ports_overlap"))
			     ? ", its nat.snat-ports are not apart from these"
			     : "");
	(void)printf("  told of %lld flows in %lld bytes, mirrored %lld, refused %lld\n",
		     ctl_integer(sync, "sent_flows"), ctl_integer(sync, "sent_bytes"),
		     ctl_integer(sync, "mirrored"), ctl_integer(sync, "refused"));
}

void ctl_print_status(const struct ctl *ctl, const json_t *items)
{
	static const struct column rows[] = {
		{"Version", "version"},	  {"Generation", "generation"}, {"Workers", "workers"},
		{"Ports", "ports"},	  {"Services", "services"},	{"Slices", "endpoint_slices"},
		{"Reloads", "reloads"},	  {"Refused", "reloads_refused"},
	};
	const json_t *o = json_array_get(items, 0);
	const json_t *file;
	const json_t *message;
	char buf[CTL_DURATION_LEN];
	size_t i;
	size_t j;

	for (i = 0; i < COUNT(rows); i++) {
		const json_t *value = json_object_get(o, rows[i].key);

		if (json_is_string(value))
			(void)printf("%-12s %s\n", rows[i].head, json_string_value(value));
		else
			(void)printf("%-12s %lld\n", rows[i].head, ctl_integer(o, rows[i].key));
	}
	(void)printf("%-12s %s\n", "Up", ctl_duration(ctl_integer(o, "uptime_seconds"), buf));
	if (json_is_true(json_object_get(o, "draining")))
		(void)printf("%-12s %lld open flows, %s left\n", "Draining",
			     ctl_integer(o, "open_flows"),
			     ctl_duration(ctl_integer(o, "drain_seconds_left"), buf));
	print_peer(json_object_get(o, "sync"));
	json_array_foreach(json_object_get(o, "missing"), i, file)
		(void)printf("%-12s %s\n", "Missing", json_string_value(file));
	json_array_foreach(json_object_get(o, "conflicts"), i, file)
		(void)printf("%-12s %s\n", "Conflict", json_string_value(file));
	json_array_foreach(json_object_get(o, "lacking"), i, file)
		(void)printf("%-12s %s\n", "Lacking", json_string_value(file));
	json_array_foreach(json_object_get(o, "bounds"), i, file)(void)
		printf("%-12s %s\n", "Bound", json_string_value(file));
	json_array_foreach(json_object_get(o, "files"), i, file) {
		(void)printf("%-12s %s: %lld errors%s%s\n", "File", ctl_string(file, "file"),
			     ctl_integer(file, "errors"),
			     json_is_true(json_object_get(file, "gone")) ? ", gone" : "",
			     json_is_true(json_object_get(file, "from_copy")) ?
				     ", as it was when it was last good" :
				     "");
		json_array_foreach(json_object_get(file, "messages"), j, message)
			(void)printf("  %s: %s\n", ctl_string(message, "severity"),
				     ctl_string(message, "text"));
	}
}
