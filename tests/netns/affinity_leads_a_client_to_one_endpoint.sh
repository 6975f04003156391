#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# sessionAffinity ClientIP: whichever worker takes a client's connection, and whichever address of the
# Service it asks, the endpoint is the same.

source "$(dirname "$0")/cases.sh"

lab_up 3
capture client eth0
lab_http
lab_config
manifest kept dnat 20 http:TCP:80:8080:30020 -- 1 2 3 |
	sed 's|^  type: LoadBalancer|&\n  sessionAffinity: ClientIP|' >"$LAB_DIR/manifests/kept.yaml"
lab_forebay

# one URL...: all of them together were answered by one endpoint.
one() {
	local url
	for url in "$@"; do
		requests "$url" 40
	done | sort | uniq -c | tee "$LAB_DIR/answers"
	[ "$(wc -l <"$LAB_DIR/answers")" -eq 1 ]
	[ "$(awk '{ n += $1 } END { print n }' "$LAB_DIR/answers")" -eq $((40 * $#)) ]
}

# Both workers had a share: else one endpoint would be no wonder.
both_workers() {
	lab_ctl get workers -o json |
		python3 -c 'import json, sys; assert all(w["flows_created"] > 0 for w in json.load(sys.stdin)["items"])'
}

check "IPv4, by every address" one http://192.0.2.20 http://10.96.0.20 http://203.0.113.1:30020
check "IPv6, by every address" one "http://[2001:db8:f::20]" "http://[fd00:96::20]" "http://[2001:db8:c::1]:30020"
check "while every worker had flows" both_workers
done_testing
