#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The directory is watched: files that are renamed into it, written in place, or removed. What is wrong
# changes nothing and is named with its place.

source "$(dirname "$0")/cases.sh"

lab_up 2
capture client eth0
lab_http
lab_config
service web dnat 20 http:TCP:80:8080 -- 1
lab_forebay

# Time from the file's change until every worker runs the new generation. The promise is 100 ms; a
# command of ours takes some of it and the machine may stall, so the best of five is held to it.
in_force() {
	local best=1000000 before start took n
	for n in 1 2 1 2 1; do
		before=$(generation)
		manifest web dnat 20 http:TCP:80:8080 -- "$n" >"$LAB_DIR/web.new"
		start=${EPOCHREALTIME/./}
		"$1" "$LAB_DIR/web.new" "$LAB_DIR/manifests/web.yaml"
		until generation_after "$before"; do
			[ $((${EPOCHREALTIME/./} - start)) -lt 5000000 ]
		done
		took=$((${EPOCHREALTIME/./} - start))
		echo "$took us"
		[ "$took" -ge "$best" ] || best=$took
		[ "$(requests http://192.0.2.20 5 | sort -u)" = "backend-$n" ]
	done
	[ "$best" -lt 150000 ]
}

removed() {
	local before
	before=$(generation)
	rm "$LAB_DIR/manifests/web.yaml"
	lab_wait 5 generation_after "$before"
	if requests http://192.0.2.20 1; then
		return 1
	fi
}

comes_back() {
	service web dnat 20 http:TCP:80:8080 -- 2
	requests http://192.0.2.20 5
}

refused() {
	local before
	before=$(generation)
	manifest web dnat 20 http:TCP:70000:8080 -- 1 >"$LAB_DIR/manifests/web.yaml"
	lab_wait 5 grep -E 'web\.yaml:[0-9]+:[0-9]+: .*70000' "$LAB_DIR/forebay.log"
	[ "$(requests http://192.0.2.20 5 | sort -u)" = backend-2 ]
}

check "a file that is renamed into place is in force" in_force mv
check "a file that is written in place is in force" in_force cp
check "a file that is removed takes its Service with it" removed
check "and brings it back" comes_back
check "a file with an error changes nothing and is named with its place" refused
done_testing
