#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# An endpoint gets another MAC address and says so (gratuitous ARP, unsolicited advertisement), or says
# nothing and is found by the kernel's own probing.

source "$(dirname "$0")/cases.sh"

lab_up 1
capture client eth0
lab_http
lab_config
service web dnat 20 http:TCP:80:8080 -- 1
lab_forebay
# The kernel believes in a neighbour for some 30 s without asking; that would be a long test.
for family in ipv4 ipv6; do
	lab_in box sysctl -q -w "net.$family.neigh.fb-svc.base_reachable_time_ms=1000" \
		"net.$family.neigh.fb-svc.delay_first_probe_time=1"
done

answers() {
	lab_in client curl -sS --fail --max-time 1 --connect-timeout 1 -o "$LAB_DIR/answer" "$1"
}

moves() {
	local mac=$1 ip4 ip6
	answers http://192.0.2.20
	answers "http://[2001:db8:f::20]"
	ip -n "$LAB_ID-b1" link set eth0 address "$mac"
	# What a machine that takes an address over sends of itself.
	lab_in b1 python3 "$(dirname "$0")/announce.py" eth0 10.1.0.11 fd00:1::11
	lab_wait 2 answers http://192.0.2.20
	lab_wait 2 answers "http://[2001:db8:f::20]"
	ip4=$(lab_in box ip neigh show 10.1.0.11)
	ip6=$(lab_in box ip neigh show fd00:1::11)
	echo "$ip4, $ip6"
	[[ $ip4 == *$mac* && $ip6 == *$mac* ]]
}

moves_silently() {
	ip -n "$LAB_ID-b1" link set eth0 address "$1"
	# forebay has a neighbour in use checked every 20 s; the kernel then asks for some 5 s.
	lab_wait 40 answers http://192.0.2.20
	lab_wait 10 answers "http://[2001:db8:f::20]"
}

check "an endpoint that announces its new MAC address is reached at once" moves 02:aa:00:00:00:01
check "and once more" moves 02:aa:00:00:00:02
check "one that says nothing is found by the kernel's probes" moves_silently 02:aa:00:00:00:03
done_testing
