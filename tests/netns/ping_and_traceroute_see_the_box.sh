#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# ICMP: echo to service addresses and to the box, time exceeded on the way, and the errors of servers.

source "$(dirname "$0")/cases.sh"

lab_up 3
capture client eth0
lab_http
lab_config
service kept dnat 20 http:TCP:80:8080 closed:UDP:9:9 -- 1 2 3
service hidden snat 21 http:TCP:80:8080 closed:UDP:9:9 -- 1 2 3
lab_forebay

pings() {
	lab_in client ping -c 5 -i 0.05 -W 2 "$@"
}

# Hop 1 is the box, hop 2 the server behind it, known by the address that was asked for.
two_hops() {
	lab_in client traceroute -n -q 1 -w 2 -m 4 "$@" | tee "$LAB_DIR/trace"
	grep -Eq "^ *1  ($LAN4|$LAN6) " "$LAB_DIR/trace"
	grep -Eq '^ *2  (192\.0\.2\.|2001:db8:f::)' "$LAB_DIR/trace"
}
LAN4=203.0.113.1 LAN6=2001:db8:c::1

# Nobody listens on the server's port: its ICMP error has to find the client's socket.
refused_by_server() {
	lab_in client python3 - "$1" <<-'END'
		import socket, sys
		family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
		s = socket.socket(family, socket.SOCK_DGRAM)
		s.settimeout(5)
		s.connect((sys.argv[1], 9))
		s.send(b"?")
		try:
		    s.recv(10)
		    sys.exit("an answer from nobody")
		except ConnectionRefusedError:
		    pass
	END
}

for n in 20 21; do
	for host in "192.0.2.$n" "2001:db8:f::$n"; do
		check "ping $host" pings "$host"
		check "ping $host with 1400 bytes" pings -s 1400 "$host"
		check "traceroute over TCP to $host" two_hops -T -p 80 "$host"
		check "a closed UDP port behind $host is refused by the server" refused_by_server "$host"
	done
done
check "ping the box over IPv4" pings 203.0.113.1
check "ping the box over IPv6" pings 2001:db8:c::1
done_testing
