#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# One Service with a UDP and a TCP port, dnsmasq behind it, dig in front.

source "$(dirname "$0")/cases.sh"

lab_up 3
capture client eth0
lab_config
service kept dnat 20 dns:UDP:53:53 dns-tcp:TCP:53:53 -- 1 2 3
service hidden snat 21 dns:UDP:53:53 dns-tcp:TCP:53:53 -- 1 2 3
lab_forebay
long=$(printf '%0200d' 7)
for n in 1 2 3; do
	# Ten strings of 200 bytes do not fit into what a client without EDNS takes over UDP.
	lab_bg "b$n" "dns-$n" dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts \
		--user=root --pid-file= --log-facility=- --bind-interfaces \
		--txt-record="who.test,backend-$n" \
		--txt-record="long.test$(for _ in {1..10}; do printf ',%s' "$long"; done)"
	lab_listening "b$n" 53
done

# From 60 ports; the name servers' names come back, each of them at least once.
asked() {
	for _ in {1..60}; do
		echo "who.test TXT"
	done >"$LAB_DIR/questions"
	lab_in client dig +short +tries=1 +time=3 "$@" -f "$LAB_DIR/questions" | sort | uniq -c |
		tee "$LAB_DIR/answers"
	[ "$(awk '$2 ~ /backend-[123]/ { n += $1 } END { print n }' "$LAB_DIR/answers")" -eq 60 ]
	[ "$(wc -l <"$LAB_DIR/answers")" -eq 3 ]
}

# A truncated answer over UDP makes dig ask again over TCP.
falls_back() {
	lab_in client dig +noedns +tries=1 +time=3 "@$1" long.test TXT | tee "$LAB_DIR/long"
	grep -q 'Truncated, retrying in TCP mode' "$LAB_DIR/long"
	grep -q 'ANSWER: 1' "$LAB_DIR/long"
}

for service in kept:20 hidden:21; do
	for host in "192.0.2.${service#*:}" "2001:db8:f::${service#*:}"; do
		check "${service%:*}: 60 questions over UDP to $host" asked "@$host"
		check "${service%:*}: 60 questions over TCP to $host" asked +tcp "@$host"
		check "${service%:*}: too long an answer for UDP from $host" falls_back "$host"
	done
done

# gives_up HOST NEW-HOST N MANIFEST: a resolver that always asks from one port is led away from an address
# that its Service has given up, as kube-proxy forgets UDP connections to it.
gives_up() {
	local from=203.0.113.2
	[[ $1 != *:* ]] || from=2001:db8:c::2
	from=$from#4242
	lab_in client dig +short +tries=1 +time=3 -b "$from" "@$1" who.test TXT | grep backend
	service "$4" dnat "$3" dns:UDP:53:53 dns-tcp:TCP:53:53 -- 1 2 3
	lab_wait 5 refused "$from" "$1"
	lab_in client dig +short +tries=1 +time=3 -b "$from" "@$2" who.test TXT | grep backend
}

refused() {
	! lab_in client dig +short +tries=1 +time=1 -b "$1" "@$2" who.test TXT >/dev/null
}

check "an IPv4 address that its Service gives up is left at once" gives_up 192.0.2.20 192.0.2.22 22 kept
check "an IPv6 address that its Service gives up is left at once" \
	gives_up 2001:db8:f::22 2001:db8:f::23 23 kept
done_testing
