#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# SCTP associations of a whole stack (usrsctp, over raw sockets) through both ways of translating, both
# families. Pods and the client have an address of each family, as in most clusters, and say so in their
# INIT and INIT ACK; neither may learn of the other's, which would lead around the box.

source "$(dirname "$0")/cases.sh"

lab_up 3
capture client eth0
lab_config
service kept dnat 20 sig:SCTP:3868:3869 -- 1 2 3
service hidden snat 21 sig:SCTP:3868:3869 -- 1 2 3
service empty dnat 22 sig:SCTP:3868:3869 --
lab_forebay
# shellcheck disable=SC2046 # words of a command
cc -O2 "$(dirname "$0")/sctp.c" -o "$LAB_DIR/sctp" $(pkg-config --cflags --libs usrsctp) -lpthread
for n in 1 2 3; do
	lab_bg "b$n" "sctp-$n" "$LAB_DIR/sctp" serve 3869
	lab_wait 10 grep -q listening "$LAB_DIR/sctp-$n.log"
done

# Every message comes back as it was, and the end is a proper one. call HOST SEEN-AS MESSAGES
call() {
	lab_in client "$LAB_DIR/sctp" call "$1" 3868 "$3" 1 | tee "$LAB_DIR/call"
	grep -q "^seen as $2 [0-9]*, 1 address" "$LAB_DIR/call"
	grep -q "^server has 1 address" "$LAB_DIR/call"
	grep -q "^$3 messages" "$LAB_DIR/call"
	grep -q '^closed' "$LAB_DIR/call"
}

# Associations at the same time, each from a port of its own, to more than one endpoint.
many() {
	lab_in client "$LAB_DIR/sctp" call "$1" 3868 20 12 | tee "$LAB_DIR/call"
	[ "$(grep -c '^seen as' "$LAB_DIR/call")" -eq 12 ]
	[ "$(grep -c '^20 messages' "$LAB_DIR/call")" -eq 12 ]
	grep -q '^closed' "$LAB_DIR/call"
}

states() {
	lab_ctl get flows -o json | python3 -c '
import json, sys
print(*(f["state"] for f in json.load(sys.stdin)["items"] if f["protocol"] == "sctp"))'
}

# An association lives while endpoints come and go, its own among them; and its states are seen.
lives() {
	local pid
	mkfifo "$LAB_DIR/again"
	exec 9<>"$LAB_DIR/again"
	lab_in client "$LAB_DIR/sctp" call "$1" 3868 50 3 "$LAB_DIR/again" >"$LAB_DIR/call" 2>&1 &
	pid=$!
	lab_wait 20 rounds 3
	states | tee "$LAB_DIR/states"
	[ "$(grep -ow associated "$LAB_DIR/states" | wc -l)" -eq 3 ]
	service kept dnat 20 sig:SCTP:3868:3869 -- 2
	service hidden snat 21 sig:SCTP:3868:3869 -- 2
	echo >&9
	lab_wait 20 rounds 6
	service kept dnat 20 sig:SCTP:3868:3869 -- 1 2 3
	service hidden snat 21 sig:SCTP:3868:3869 -- 1 2 3
	echo >&9
	lab_wait 20 rounds 9
	echo end >&9
	exec 9>&-
	rm "$LAB_DIR/again"
	wait "$pid"
	grep -q '^closed' "$LAB_DIR/call"
	! states | grep -w associated
}

rounds() {
	[ "$(grep -c '^50 messages' "$LAB_DIR/call")" -eq "$1" ]
}

refused() {
	local status=0
	lab_in client timeout 5 "$LAB_DIR/sctp" call "$1" "$2" 1 1 || status=$?
	[ "$status" -eq 3 ]
}

for pair in "192.0.2.20 203.0.113.2" "2001:db8:f::20 2001:db8:c::2" "192.0.2.21 10.1.0.1" \
	"2001:db8:f::21 fd00:1::1"; do
	read -r to seen <<<"$pair"
	check "200 messages to $to come back, from $seen" call "$to" "$seen" 200
	check "12 associations at once to $to" many "$to"
	check "associations with $to outlive their endpoints' leaving" lives "$to"
	check "a port of $to without a Service aborts at once" refused "$to" 3870
done
check "a Service without endpoints aborts at once" refused 192.0.2.22 3868
done_testing
