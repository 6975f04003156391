#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A port that no Service has, and a Service that no endpoint has: TCP is reset, UDP is unreachable.

source "$(dirname "$0")/cases.sh"

lab_up 1
capture client eth0
lab_http
LAB_EXTRA="limits: {reject-rate: 50}"
lab_config
service web dnat 20 http:TCP:80:8080 -- 1
service empty dnat 21 http:TCP:80:8080 udp:UDP:80:8080 --
lab_forebay

# refused tcp|udp HOST PORT
refused() {
	lab_in client python3 - "$@" <<-'END'
		import socket, sys, time
		kind = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}[sys.argv[1]]
		s = socket.socket(socket.AF_INET6 if ":" in sys.argv[2] else socket.AF_INET, kind)
		s.settimeout(5)
		try:
		    s.connect((sys.argv[2], int(sys.argv[3])))
		    s.send(b"?")
		    s.recv(10)
		    sys.exit("not refused")
		except ConnectionRefusedError:
		    pass
	END
}

# Far more than 50 a second and worker are asked for, by one program, so that a busy machine does not
# stretch them over many seconds; the rest is dropped and counted under its reason.
limited() {
	local before after
	before=$(dropped reject-rate-limited)
	lab_in client python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for n in range(4000):
    s.sendto(b"?", ("192.0.2.20", 2000 + n % 1000))'
	after=$(dropped reject-rate-limited)
	echo "$before before, $after after, of 4000"
	[ $((after - before)) -ge 200 ]
}

for host in 192.0.2 2001:db8:f:; do
	[ "$host" = 192.0.2 ] && dot=. || dot=:
	check "TCP to a port without a Service, $host" refused tcp "$host${dot}20" 81
	check "UDP to a port without a Service, $host" refused udp "$host${dot}20" 81
	check "TCP to a Service without endpoints, $host" refused tcp "$host${dot}21" 80
	check "UDP to a Service without endpoints, $host" refused udp "$host${dot}21" 80
done
check "a flood of refusals is limited and counted" limited
check "the Service beside it still answers" requests http://192.0.2.20 10
done_testing
