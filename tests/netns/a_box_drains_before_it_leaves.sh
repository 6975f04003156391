#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# forebayctl drain: no new flows, the open ones to their end or the deadline, then forebay leaves.

source "$(dirname "$0")/cases.sh"

steady=$(dirname "$0")/steady.py
lab_up 1
lab_http
lab_config
service web snat 20 http:TCP:80:8080 steady:TCP:9000:9000 -- 1
lab_forebay
lab_bg b1 steady "$steady" serve 9000
lab_listening b1 9000

begin() {
	lab_bg client tcp "$steady" tcp 192.0.2.20 9000
	client=$LAB_BG_PID
	lab_wait 10 open_is 1
}

open_is() {
	[ "$(lab_ctl get flows -o json | python3 -c '
import json, sys
print(sum(1 for f in json.load(sys.stdin)["items"] if f["state"] == "established"))')" = "$1" ]
}

gone() {
	[ ! -d "/proc/$1" ]
}

new_ones_are_refused() {
	lab_wait 10 draining
	lab_in client curl -sS --connect-timeout 1 http://192.0.2.20 && return 1
	[ "$(dropped box-draining)" -gt 0 ]
	lab_ctl explain tcp 203.0.113.2:40000 192.0.2.20:80 | grep -q box-draining
	lab_in box curl -sS http://127.0.0.1:9464/metrics | grep -x 'forebay_draining 1'
	gone "$client" && return 1
	! lab_forebay_gone
}

draining() {
	lab_ctl get status | grep -E '^Draining +1 open flows'
}

new_ones_are_taken_again() {
	lab_ctl drain --cancel
	[ "$(requests http://192.0.2.20 1)" = backend-1 ]
	lab_ctl get status | grep Draining && return 1
	lab_wait 10 gone "$waiter"
	grep -q 'draining was cancelled' "$LAB_DIR/drain.log"
}

leaves_when_all_have_ended() {
	kill -TERM "$client"
	lab_wait 10 gone "$client"
	grep -q '"missing": 0' "$LAB_DIR/tcp.log"
	lab_wait 10 lab_forebay_gone
	lab_wait 10 gone "$waiter"
	grep -qx '0 flows are open' "$LAB_DIR/drain.log"
	grep -q 'drained: no flow is open, leaving' "$LAB_DIR/forebay.log"
}

leaves_at_the_deadline() {
	lab_ctl drain --deadline 1s | grep -x '1 flows are open'
	lab_wait 10 lab_forebay_gone
	grep -q 'drained: time is over, leaving with 1 open flows' "$LAB_DIR/forebay.log"
}

# In the background: it waits for the end.
drain() {
	lab_ctl drain "$@" >"$LAB_DIR/drain.log" 2>&1 &
	waiter=$!
}

begin
drain
check "no new flows, and open ones go on" new_ones_are_refused
check "it can be called off" new_ones_are_taken_again
drain --deadline 10m
lab_wait 10 draining
check "when the last one has ended it leaves" leaves_when_all_have_ended
lab_forebay
begin
check "at the deadline it leaves whatever is open" leaves_at_the_deadline
done_testing
