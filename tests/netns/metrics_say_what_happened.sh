#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause

source "$(dirname "$0")/cases.sh"

lab_up 2
lab_http
lab_config
service web dnat 20 http:TCP:80:8080 -- 1 2
lab_forebay

scrape() {
	lab_in box curl -sS --fail --max-time 5 http://127.0.0.1:9464/metrics
}

judged() {
	scrape | promtool check metrics
}

# sum NAME: over all labels.
sum() {
	scrape | awk -v name="$1" '{ m = $1; sub(/\{.*/, "", m) } m == name { n += $NF } END { printf "%d\n", n }'
}

counts_requests() {
	local before
	before=$(sum forebay_endpoint_flows_created_total)
	requests http://192.0.2.20 40
	[ "$(sum forebay_endpoint_flows_created_total)" -eq $((before + 40)) ]
}

law_in_metrics() {
	[ "$(sum forebay_worker_rx_packets_total)" -gt 0 ]
	lab_wait 5 metrics_law
}

metrics_law() {
	[ "$(sum forebay_worker_rx_packets_total)" -eq $(($(sum forebay_worker_tx_packets_total) + \
		$(sum forebay_drops_total) + $(sum forebay_worker_punts_total) + \
		$(sum forebay_worker_answers_total))) ]
}

check "promtool has nothing to say" judged
check "40 connections are 40 flows of endpoints" counts_requests
check "received is transmitted, dropped, punted or answered" law_in_metrics
done_testing
