#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# sessionAffinity ClientIP: whichever worker takes a client's connection, and whichever address of the
# Service it asks, the endpoint is the same, over any way of selection, while other endpoints come and go;
# until the endpoint itself goes, or the timeout has passed since the last new connection.

source "$(dirname "$0")/cases.sh"

lab_up 3
capture client eth0
lab_http
lab_config

# kept WAY SECONDS BACKEND...: the Service with these endpoints, in force on every worker.
kept() {
	local way=$1 seconds=$2 before=
	shift 2
	[ -z "$LAB_FOREBAY_PID" ] || before=$(generation)
	manifest kept dnat 20 http:TCP:80:8080:30020 -- "$@" | sed \
		-e "s|forebay.io/mode: dnat|&, forebay.io/selection: $way|" \
		-e "s|^  type: LoadBalancer|&\n  sessionAffinity: ClientIP\n  sessionAffinityConfig: {clientIP: {timeoutSeconds: $seconds}}|" \
		>"$LAB_DIR/kept.new"
	mv "$LAB_DIR/kept.new" "$LAB_DIR/manifests/kept.yaml"
	[ -z "$before" ] || lab_wait 10 generation_after "$before"
}

kept maglev 10800 1 2 3
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

v4=(http://192.0.2.20 http://10.96.0.20 http://203.0.113.1:30020)
v6=("http://[2001:db8:f::20]" "http://[fd00:96::20]" "http://[2001:db8:c::1]:30020")
check "IPv4, by every address" one "${v4[@]}"
check "IPv6, by every address" one "${v6[@]}"
check "while every worker had flows" both_workers

decided() {
	lab_ctl explain -o json tcp 203.0.113.2:1 192.0.2.20:80 |
		python3 -c 'import json, sys; print(json.load(sys.stdin).get("decided", "by hash"))'
}

longer_than() {
	[ "$(stat -c %s "$1")" -gt "$2" ]
}

# through_changes WAY URL: answers while others come and go, then the client's own endpoint.
through_changes() {
	local way=$1 url=$2 who others=() n file
	kept "$way" 10800 1 2 3
	who=$(requests "$url" 1)
	for n in 1 2 3; do
		[ "$who" = "backend-$n" ] || others+=("$n")
	done
	file=$LAB_DIR/open-connection.log
	# One connection all along, with a request now and then.
	lab_bg client open-connection curl -sS --fail --rate 20/s "$url/?[1-10000]"
	n=${who#backend-}
	kept "$way" 10800 "$n" "${others[0]}"
	requests "$url" 10
	kept "$way" 10800 "$n"
	requests "$url" 10
	kept "$way" 10800 "$n" "${others[1]}" "${others[0]}"
	requests "$url" 10
	kept "$way" 10800 "${others[@]}"
	# Its own endpoint goes: another, and the same one all along.
	requests "$url" 10 | tee "$LAB_DIR/second"
	kept "$way" 10800 1 2 3
	requests "$url" 10 | tee -a "$LAB_DIR/second"
	# The old connection is still with the endpoint that nobody else is sent to.
	lab_wait 10 longer_than "$file" "$(stat -c %s "$file")"
	kill "$LAB_BG_PID"
	[ "$(sort -u "$file")" = "$who" ]
	[ "$(sort -u "$LAB_DIR/second" | wc -l)" -eq 1 ]
	! grep -q "$who" "$LAB_DIR/second"
}

# The same, and its answers before the endpoint went are looked at as well.
stays() {
	through_changes "$@" >"$LAB_DIR/all" || {
		cat "$LAB_DIR/all"
		return 1
	}
	[ "$(wc -l <"$LAB_DIR/all")" -eq 50 ]
	[ "$(head -30 "$LAB_DIR/all" | sort -u | wc -l)" -eq 1 ]
}

for way in maglev round-robin random least-connections source-ip; do
	check "$way: one endpoint through changes of others, another one when it goes" stays "$way" "${v4[0]}"
done
check "IPv6, round-robin: the same" stays round-robin "${v6[0]}"

says() {
	[ "$(decided)" = "$1" ]
}

ends() {
	kept round-robin 2 1 2 3
	requests "${v4[0]}" 3
	lab_wait 5 says "by affinity"
	lab_wait 10 says "at run time"
}
check "two seconds after the last connection the client is free again" ends
done_testing
