#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What is for the box itself goes to the kernel: ping, TCP, tcpdump, and the kernel's own connections.

source "$(dirname "$0")/cases.sh"

lab_up 2
capture client eth0
lab_http
lab_config
service web dnat 20 http:TCP:80:8080 -- 1 2
lab_forebay
lab_bg box sshd socat TCP6-LISTEN:2222,ipv6only=0,fork,reuseaddr EXEC:cat
lab_bg client peer socat TCP6-LISTEN:2223,ipv6only=0,fork,reuseaddr EXEC:cat
lab_listening box 2222
lab_listening client 2223

twin_has() {
	lab_in box ip -o addr show dev "$1" | tee "$LAB_DIR/addr"
	lab_in box ip -o link show dev "$1" | tee "$LAB_DIR/link"
	grep -q "$2" "$LAB_DIR/link"
	grep -q "$3" "$LAB_DIR/addr"
	grep -q "$4" "$LAB_DIR/addr"
}

# 3 MB there and back through an echo.
echoes() {
	local sum
	head -c 3M /dev/urandom >"$LAB_DIR/say"
	sum=$(sha256sum <"$LAB_DIR/say")
	[ "$(lab_in "$1" socat -t 10 -T 10 STDIO "TCP:$2" <"$LAB_DIR/say" | sha256sum)" = "$sum" ]
}

tcpdump_sees() {
	local pid
	lab_bg box sniff tcpdump -c 1 -l -n -i fb-lan "$1"
	pid=$LAB_BG_PID
	lab_wait 5 grep -q listening "$LAB_DIR/sniff.log"
	lab_in client ping -c 3 -i 0.1 "$2"
	lab_wait 5 test ! -d "/proc/$pid"
	grep -q 'echo' "$LAB_DIR/sniff.log"
}

# An address of a Service that the client takes for its neighbour: somebody has to answer ARP or NDP.
on_link() {
	ip -n "$LAB_ID-client" route replace "$1" dev eth0
	requests "$2" 3
	lab_in client ip neigh show "${1%/*}" | tee "$LAB_DIR/neigh"
	grep -qi "$LAB_MAC_LAN" "$LAB_DIR/neigh"
}

check "fb-lan has the port's MAC and addresses" twin_has fb-lan "$LAB_MAC_LAN" 203.0.113.1/24 2001:db8:c::1/64
check "fb-svc has the port's MAC and addresses" twin_has fb-svc "$LAB_MAC_SVC" 10.1.0.1/24 fd00:1::1/64
for host in 203.0.113.1 2001:db8:c::1; do
	check "the client pings the box at $host" lab_in client ping -c 3 -i 0.05 -W 2 "$host"
done
for host in 10.1.0.1 fd00:1::1; do
	check "a backend pings the box at $host" lab_in b1 ping -c 3 -i 0.05 -W 2 "$host"
done
for host in 10.1.0.12 fd00:1::12; do
	check "the box pings a backend at $host" lab_in box ping -c 3 -i 0.05 -W 2 "$host"
done
check "TCP from the client to the box over IPv4" echoes client 203.0.113.1:2222
check "TCP from the client to the box over IPv6" echoes client "[2001:db8:c::1]:2222"
check "TCP from the box to the client over IPv4" echoes box 203.0.113.2:2223
check "TCP from the box to the client over IPv6" echoes box "[2001:db8:c::2]:2223"
check "tcpdump on the twin sees what is for the box" tcpdump_sees icmp 203.0.113.1
check "ARP for a Service's address is answered" on_link 192.0.2.20/32 http://192.0.2.20
check "NDP for a Service's address is answered" on_link 2001:db8:f::20/128 "http://[2001:db8:f::20]"
done_testing
