#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# 1, 2 and 4 workers over the same traffic: every request is answered, every worker takes part, and one
# flow is never two: what a worker has not seen itself is handed over to its owner.

source "$(dirname "$0")/cases.sh"

# A lab for each number: servers remember connections of a forebay that is gone, and one that starts
# anew may choose the same SNAT ports.
start() {
	local n
	lab_up 3
	lab_http
	for n in 1 2 3; do
		lab_bg "b$n" "dns-$n" dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv \
			--no-hosts --user=root --pid-file= --log-facility=- --bind-interfaces \
			--txt-record="who.test,backend-$n"
		lab_listening "b$n" 53
	done
	for _ in {1..200}; do
		echo "who.test TXT"
	done >"$LAB_DIR/questions"
	service kept dnat 20 http:TCP:80:8080 dns:UDP:53:53 -- 1 2 3
	service hidden snat 21 http:TCP:80:8080 dns:UDP:53:53 -- 1 2 3
	LAB_WORKERS=$1 lab_config
	lab_forebay
}

http() {
	local host
	for host in 192.0.2.20 "[2001:db8:f::20]" 192.0.2.21 "[2001:db8:f::21]"; do
		[ "$(requests "http://$host" 200 | grep -c '^backend-[123]$')" -eq 200 ]
	done
}

dns() {
	local host
	for host in 192.0.2.20 2001:db8:f::20 192.0.2.21 2001:db8:f::21; do
		[ "$(lab_in client dig +short +tries=1 +time=3 "@$host" -f "$LAB_DIR/questions" |
			grep -c backend)" -eq 200 ]
	done
}

# 200 connections to each of four addresses are 800 flows and no more: none has two owners. A few fewer,
# where the client takes a port that it has just closed for the next connection.
flows_are_shared() {
	lab_ctl get workers -o json | tee "$LAB_DIR/workers" | python3 -c '
import json, sys
workers = json.load(sys.stdin)["items"]
created = [w["flows_created"] for w in workers]
print("flows created:", created)
assert len(workers) == int(sys.argv[1])
assert min(created) > 0
assert 760 <= sum(created) <= 800
' "$1"
}

for workers in 1 2 4; do
	start "$workers"
	check "$workers workers: every request is answered" http
	check "$workers workers: each flow belongs to one of them" flows_are_shared "$workers"
	check "$workers workers: no connection was reset" no_resets
	check "$workers workers: every question is answered" dns
	lab_down
done
done_testing
