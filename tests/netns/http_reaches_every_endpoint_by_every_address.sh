#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# LoadBalancer, ClusterIP and NodePort, both families, both ways of translating.

source "$(dirname "$0")/cases.sh"

lab_up 3
capture client eth0
lab_http
lab_config
service kept dnat 20 http:TCP:80:8080:30020 -- 1 2 3
service hidden snat 21 http:TCP:80:8080:30021 -- 1 2 3
lab_forebay

# 150 connections over 3 endpoints are 50 each, give or take 5.8; a share below 20 is no chance.
spread() {
	local n
	requests "$1" 150 | sort | uniq -c | tee "$LAB_DIR/spread"
	for n in 1 2 3; do
		awk -v name="backend-$n" '$2 == name && $1 >= 20 { found = 1 } END { exit !found }' \
			"$LAB_DIR/spread"
	done
	[ "$(wc -l <"$LAB_DIR/spread")" -eq 3 ]
	[ "$(awk '{ n += $1 } END { print n }' "$LAB_DIR/spread")" -eq 150 ]
}

# What the server takes for its client.
seen_as() {
	local seen
	seen=$(lab_in client curl -sS --fail --max-time 10 "$1/client")
	[ "$seen" = "$2" ] || {
		echo "$1 was asked by $seen, not by $2"
		return 1
	}
}

for service in kept:20 hidden:21; do
	name=${service%:*} n=${service#*:}
	for url in "192.0.2.$n" "[2001:db8:f::$n]" "10.96.0.$n" "[fd00:96::$n]" \
		"203.0.113.1:300$n" "[2001:db8:c::1]:300$n"; do
		check "$name: http://$url is spread over every endpoint" spread "http://$url"
	done
done
check "dnat keeps the client's IPv4 address" seen_as http://192.0.2.20 203.0.113.2
check "dnat keeps the client's IPv6 address" seen_as "http://[2001:db8:f::20]" 2001:db8:c::2
check "snat hides the client behind the box's IPv4 address" seen_as http://192.0.2.21 10.1.0.1
check "snat hides the client behind the box's IPv6 address" seen_as "http://[2001:db8:f::21]" fd00:1::1
check "no connection was reset" no_resets
done_testing
