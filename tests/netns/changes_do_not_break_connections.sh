#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# While wrk keeps 100 connections and curl opens new ones: endpoints come and go ten times a second for
# CHURN_SECONDS (30), the manifests are replaced by broken ones and back, forebayctl is used all along.
# Backends 1 and 2 stay; 3 comes and goes, and as its server lives on, not even its connections break.

source "$(dirname "$0")/cases.sh"

seconds=${CHURN_SECONDS:-30}
lab_up 3
lab_http
lab_config
service web dnat 20 http:TCP:80:8080 -- 1 2 3
service other snat 21 http:TCP:80:8080 -- 1 2 3
lab_forebay

both=$(manifest web dnat 20 http:TCP:80:8080 -- 1 2 3)
two=$(manifest web dnat 20 http:TCP:80:8080 -- 1 2)
other_both=$(manifest other snat 21 http:TCP:80:8080 -- 1 2 3)
other_two=$(manifest other snat 21 http:TCP:80:8080 -- 1 2)

replace() {
	echo "$2" >"$LAB_DIR/$1.new"
	mv "$LAB_DIR/$1.new" "$LAB_DIR/manifests/$1.yaml"
}

churn() {
	local n
	for n in $(seq $((seconds * 5))); do
		replace web "$two"
		replace other "$other_both"
		sleep 0.1
		replace web "$both"
		replace other "$other_two"
		sleep 0.1
	done
}

# A directory of broken manifests in the place of the good one, and back: one Service with an error, one
# file that is no text. Both by renaming: a directory that is there without a file means that the file is
# gone, and its Service with it.
breaks() {
	mkdir "$LAB_DIR/broken"
	manifest web dnat 20 http:TCP:70000:8080 -- 1 2 3 >"$LAB_DIR/broken/web.yaml"
	printf '\x00{{{{' >"$LAB_DIR/broken/other.yaml"
	while :; do
		swap broken good
		sleep 0.3
		swap good broken
		sleep 0.7
	done
}

swap() {
	mv "$LAB_DIR/manifests" "$LAB_DIR/$2"
	mv "$LAB_DIR/$1" "$LAB_DIR/manifests"
}

commands() {
	while :; do
		lab_ctl get services >/dev/null
		lab_ctl get endpoints -o json >/dev/null
		lab_ctl get flows >/dev/null
		lab_ctl describe service default/web >/dev/null
		lab_ctl explain tcp 203.0.113.2:1234 192.0.2.20:80 >/dev/null
		sleep 0.05
	done
}

# New connections, each answered by somebody, until told to stop.
connects() {
	while :; do
		requests "$1" 50 >>"$LAB_DIR/connects" || echo "failed: $1" >>"$LAB_DIR/connects"
		sleep 0.1
	done
}

# with CHANGE: wrk and curl run while CHANGE does, for that many seconds.
with() {
	local change=$1 jobs=() url status=0
	rm -f "$LAB_DIR"/wrk-* "$LAB_DIR/connects"
	for url in http://192.0.2.20 "http://[2001:db8:f::20]" http://192.0.2.21 "http://[2001:db8:f::21]"; do
		lab_in client wrk -t 1 -c 25 -d "$((seconds + 1))" --timeout 5 "$url/" \
			>"$LAB_DIR/wrk-${url//\//}" 2>&1 &
		jobs+=($!)
	done
	connects http://192.0.2.20 & local c4=$!
	connects "http://[2001:db8:f::21]" & local c6=$!
	"$change" & local changing=$!
	wait "${jobs[@]}" || status=$?
	kill "$changing" "$c4" "$c6" 2>/dev/null || true
	wait "$changing" "$c4" "$c6" 2>/dev/null || true
	sort "$LAB_DIR/connects" | uniq -c
	cat "$LAB_DIR"/wrk-*
	[ "$status" -eq 0 ]
	[ "$(grep -l 'Requests/sec' "$LAB_DIR"/wrk-* | wc -l)" -eq 4 ]
	[ "$(grep -c '^backend-' "$LAB_DIR/connects")" -gt 100 ]
	if grep -E 'Socket errors|Non-2xx' "$LAB_DIR"/wrk-* || grep failed "$LAB_DIR/connects"; then
		return 1
	fi
}

changes() {
	local before after
	before=$(generation)
	with churn
	after=$(generation)
	echo "generation $before before, $after after"
	# Every change was seen, or merged with the one beside it.
	[ $((after - before)) -ge $((seconds * 5)) ]
}

check "endpoints come and go ten times a second" changes
seconds=$(((seconds + 2) / 3))
check "broken manifests come and go" with breaks
[ ! -d "$LAB_DIR/good" ] || swap good broken
check "forebayctl asks all along" with commands
done_testing
