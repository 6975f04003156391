#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Datagrams of 8 and 20 kB both ways: the kernels cut them into pieces of 1280 to 1400 bytes, and put
# together what comes through the box. The link behind the box has 1300, so of IPv4 the box cuts too. Two workers, of which one receives: every piece goes by
# the ring to the datagram's worker, and from there to the flow's.
# Over AF_XDP, because net_af_packet asks the kernel to put IPv4 fragments together first.

source "$(dirname "$0")/cases.sh"

lab_up 1
capture client eth0
LAB_DRIVER=af_xdp LAB_WORKERS=2 lab_config
sed -i -e 's/queue_count=2/queue_count=1/' -e '/name: svc/a\    mtu: 1300' "$LAB_CONFIG"
for service in kept:dnat:20 hidden:snat:21; do
	IFS=: read -r name mode n <<<"$service"
	service "$name" "$mode" "$n" echo:UDP:7:7 -- 1
done
# By routes, since a veth refuses what is longer than its own MTU.
ip -n "$LAB_ID-client" route replace 192.0.2.0/24 via 203.0.113.1 mtu 1400
ip -n "$LAB_ID-client" -6 route del 2001:db8:f::/64
ip -n "$LAB_ID-client" -6 route add 2001:db8:f::/64 via 2001:db8:c::1 mtu 1280
for to in 203.0.113.0/24 10.1.0.1/32; do
	ip -n "$LAB_ID-b1" route add "$to" via 10.1.0.1 mtu 1300
done
for to in 2001:db8:c::/64 fd00:1::1/128; do
	ip -n "$LAB_ID-b1" -6 route add "$to" via fd00:1::1 mtu 1300
done
lab_forebay

lab_bg b1 echo python3 -c '
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
s.bind(("::", 7))
while True:
    data, peer = s.recvfrom(65536)
    s.sendto(data, peer)'

# Everything of so many bytes comes back as it was, from 20 ports, so that both workers have flows.
echoed() {
	lab_in client python3 - "$1" "$2" <<-'END'
		import os, socket, sys
		family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
		for n in range(20):
		    s = socket.socket(family, socket.SOCK_DGRAM)
		    s.settimeout(5)
		    if family == socket.AF_INET:
		        s.setsockopt(socket.IPPROTO_IP, 10, 0)  # IP_MTU_DISCOVER: may be fragmented
		    s.connect((sys.argv[1], 7))
		    data = os.urandom(int(sys.argv[2]))
		    s.send(data)
		    assert s.recv(65536) == data, "not what was sent"
	END
}

pinged() {
	lab_in client ping -n -c 3 -i 0.2 -W 5 -s 5000 "$1"
}

lab_wait 5 lab_in b1 ss -Hlun "sport = :7"
pieces() {
	lab_ctl get workers -o json |
		python3 -c 'import json, sys; print(sum(w["pieces"] for w in json.load(sys.stdin)["items"]))'
}

# 20 datagrams that the client sends whole, and each leaves the box in two pieces.
cut_by_the_box() {
	local before
	before=$(pieces)
	echoed "$1" 1350
	[ "$(pieces)" -eq $((before + 20)) ]
}

for n in 20 21; do
	check "192.0.2.$n: datagrams of 1350 bytes leave by the link of 1300 in two pieces" \
		cut_by_the_box "192.0.2.$n"
	for host in "192.0.2.$n" "2001:db8:f::$n"; do
		check "$host: datagrams of 8 kB come back whole" echoed "$host" 8000
		check "$host: datagrams of 20 kB come back whole" echoed "$host" 20000
	done
done
check "pings of 5000 bytes of the box are answered by its kernel over IPv4" pinged 203.0.113.1
check "pings of 5000 bytes of the box are answered by its kernel over IPv6" pinged 2001:db8:c::1

# The box's own address is one that replies come to as well (snat).
box_hears() {
	lab_bg box hears socat -u -T 10 "$1,ipv6only=0" "CREATE:$LAB_DIR/heard"
	lab_wait 5 lab_in box ss -Hlun "sport = :9999"
	head -c 6000 /dev/urandom >"$LAB_DIR/told"
	lab_in client socat -u -b 6000 "OPEN:$LAB_DIR/told" "UDP:$2:9999"
	lab_wait 5 cmp "$LAB_DIR/told" "$LAB_DIR/heard"
	kill "$LAB_BG_PID"
}

check "a datagram of 6000 bytes reaches a socket of the box" box_hears UDP6-RECV:9999 203.0.113.1
nothing_dropped() {
	local reason
	for reason in fragment-overlap fragment-timeout fragment-no-flow fragment-table-full; do
		[ "$(dropped "$reason")" -eq 0 ]
	done
	lab_ctl get workers -o json | python3 -c '
import json, sys
workers = json.load(sys.stdin)["items"]
assert all(w["datagrams"] == 0 and w["fragments_held"] == 0 for w in workers), workers
assert all(w["handover_in"] > 0 for w in workers), workers'
}

check "no piece was lost, and nothing is left of any datagram" nothing_dropped
done_testing
