#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# forebayctl diff: what an apply would change, before it does.

source "$(dirname "$0")/cases.sh"

lab_up 3
lab_http
lab_config
service web dnat 20 http:TCP:80:8080 -- 1 2 3
lab_forebay

# says FILTER LINE...: the manifest of web, changed by the sed filter, differs in exactly these lines
# beside the sum of slots and flows, for IPv4.
says() {
	local filter=$1 status=0
	shift
	manifest web dnat 20 http:TCP:80:8080 -- 1 2 3 | sed "$filter" >"$LAB_DIR/changed.yaml"
	lab_ctl diff -f "$LAB_DIR/changed.yaml" >"$LAB_DIR/diff" || status=$?
	cat "$LAB_DIR/diff"
	sed -n '/IPv4: changed/,/live flows/p' "$LAB_DIR/diff" | grep -E '^  [-+~]' >"$LAB_DIR/lines" || true
	[ "$status" -eq $(($# > 0)) ] && diff <([ $# -eq 0 ] || printf '  %s\n' "$@") "$LAB_DIR/lines"
}

check "nothing, where nothing changes" says ""
check "an endpoint that begins to leave drains" says \
	'/"10.1.0.11"/s/ready: true/ready: false, serving: true, terminating: true/' \
	"~ endpoint 10.1.0.11:8080 becomes draining"
check "an endpoint that goes is removed" says '/"10.1.0.11"/d' "- endpoint 10.1.0.11:8080"
check "source ranges" says 's|^  type:|  loadBalancerSourceRanges: [203.0.113.0/24]\n&|' \
	"~ source ranges: 1"
check "affinity" says 's|^  type:|  sessionAffinity: ClientIP\n&|' \
	"~ a client's flows go to one endpoint, for 3h after the last"
check "another selection" says 's|forebay.io/mode: [a-z]*|&, forebay.io/selection: random|' \
	"~ selection random"
check "a weight" says 's|forebay.io/mode: [a-z]*|&, forebay.io/weights: 10.1.0.11=3|' \
	"~ weights of endpoints"
check "a deadline" says 's|forebay.io/mode: [a-z]*|&, forebay.io/drain-deadline: 5m|' \
	"~ when flows of endpoints that go away end"
done_testing
