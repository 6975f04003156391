#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Fragments carry no ports, so they are never guessed to an endpoint: dropped under their own reason.
# Over AF_XDP, because net_af_packet asks the kernel to put IPv4 fragments together first.

source "$(dirname "$0")/cases.sh"

lab_up 1
capture client eth0
lab_http
LAB_DRIVER=af_xdp LAB_WORKERS=1 lab_config
service web dnat 20 http:TCP:80:8080 udp:UDP:9:9 -- 1
lab_forebay

# A datagram of 3000 bytes is three fragments.
dropped_whole() {
	local before
	before=$(dropped fragment)
	lab_in client python3 - "$1" <<-'END'
		import socket, sys
		family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
		s = socket.socket(family, socket.SOCK_DGRAM)
		s.sendto(b"x" * 3000, (sys.argv[1], 9))
	END
	lab_wait 5 more_fragments_than $((before + 2))
	[ "$(dropped fragment)" -eq $((before + 3)) ]
}

more_fragments_than() {
	[ "$(dropped fragment)" -gt "$1" ]
}

check "IPv4 fragments for a Service" dropped_whole 192.0.2.20
check "IPv6 fragments for a Service" dropped_whole 2001:db8:f::20
check "whole packets beside them pass" requests http://192.0.2.20 5
done_testing
