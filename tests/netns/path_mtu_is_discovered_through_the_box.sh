#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A router with a link of 1400 bytes behind the box, and one with 1300 bytes in front of it. Both ends
# are told to send segments of 1460 bytes, so that routers have to object and their ICMP errors have to
# pass the box, translated: to the client for uploads, to the endpoint for downloads.
#
#     far client 198.51.100.2 --1300-- cr --- box --- (bridge) --- r --1400-- b9 10.2.0.11

source "$(dirname "$0")/cases.sh"

lab_up 1
lab_config

# A router on the bridge and the endpoint b9 behind it.
lab_namespace r
lab_namespace b9
lab_link net r r eth0
ip -n "$LAB_ID-net" link set r master br0
lab_link r far b9 eth0
lab_plain r eth0
lab_plain r far
lab_plain b9 eth0
lab_in r sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
ip -n "$LAB_ID-r" addr add 10.1.0.100/24 dev eth0
ip -n "$LAB_ID-r" addr add fd00:1::100/64 dev eth0 nodad
ip -n "$LAB_ID-r" addr add 10.2.0.1/24 dev far
ip -n "$LAB_ID-r" addr add fd00:2::1/64 dev far nodad
ip -n "$LAB_ID-r" link set far mtu 1400
ip -n "$LAB_ID-r" route add default via 10.1.0.1
ip -n "$LAB_ID-r" -6 route add default via fd00:1::1
ip -n "$LAB_ID-b9" link set eth0 mtu 1400
ip -n "$LAB_ID-b9" addr add 10.2.0.11/24 dev eth0
ip -n "$LAB_ID-b9" addr add fd00:2::11/64 dev eth0 nodad
ip -n "$LAB_ID-b9" route add default via 10.2.0.1 advmss 1460
ip -n "$LAB_ID-b9" -6 route add default via fd00:2::1 advmss 1440

# A router on the client's side and a client behind it.
lab_namespace cr
lab_namespace far
lab_link client cr cr eth0
lab_link cr far far eth0
for end in client:cr cr:eth0 cr:far far:eth0; do
	lab_plain "${end%:*}" "${end#*:}"
done
# The client's kernel hands on between the box and cr.
lab_in client sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
lab_in cr sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
ip -n "$LAB_ID-client" addr add 198.51.100.129/25 dev cr
ip -n "$LAB_ID-client" addr add 2001:db8:e::1/64 dev cr nodad
ip -n "$LAB_ID-cr" addr add 198.51.100.130/25 dev eth0
ip -n "$LAB_ID-cr" addr add 2001:db8:e::2/64 dev eth0 nodad
ip -n "$LAB_ID-cr" addr add 198.51.100.1/25 dev far
ip -n "$LAB_ID-cr" addr add 2001:db8:d::1/64 dev far nodad
ip -n "$LAB_ID-cr" link set far mtu 1300
ip -n "$LAB_ID-cr" route add default via 198.51.100.129
ip -n "$LAB_ID-cr" -6 route add default via 2001:db8:e::1
ip -n "$LAB_ID-client" route add 198.51.100.0/25 via 198.51.100.130
ip -n "$LAB_ID-client" -6 route add 2001:db8:d::/64 via 2001:db8:e::2
ip -n "$LAB_ID-far" link set eth0 mtu 1300
ip -n "$LAB_ID-far" addr add 198.51.100.2/25 dev eth0
ip -n "$LAB_ID-far" addr add 2001:db8:d::2/64 dev eth0 nodad
ip -n "$LAB_ID-far" route add default via 198.51.100.1 advmss 1460
ip -n "$LAB_ID-far" -6 route add default via 2001:db8:d::1 advmss 1440

# 64 UDP ports, because tracepath counts its probes in the port.
ports=()
for n in {0..63}; do
	ports+=("p$n:UDP:$((44444 + n)):$((44444 + n))")
done
for service in kept:dnat:20 hidden:snat:21; do
	IFS=: read -r name mode n <<<"$service"
	service "$name" "$mode" "$n" sum:TCP:9000:9000 file:TCP:9001:9001 "${ports[@]}" -- \
		10.2.0.11,fd00:2::11
	service "near-$name" "$mode" "$((n + 10))" file:TCP:9001:9001 -- 1
done
lab_forebay
# Routes that the kernel learns while forebay runs.
ip -n "$LAB_ID-box" route add 10.2.0.0/24 via 10.1.0.100
ip -n "$LAB_ID-box" -6 route add fd00:2::/64 via fd00:1::100
ip -n "$LAB_ID-box" route add 198.51.100.0/24 via 203.0.113.2
ip -n "$LAB_ID-box" -6 route add 2001:db8:d::/64 via 2001:db8:c::2

head -c 2M /dev/urandom >"$LAB_DIR/www/file"
sum=$(sha256sum <"$LAB_DIR/www/file")
for b in b9 b1; do
	lab_bg "$b" "sum-$b" socat TCP6-LISTEN:9000,ipv6only=0,fork,reuseaddr EXEC:sha256sum
	lab_bg "$b" "file-$b" \
		socat -U TCP6-LISTEN:9001,ipv6only=0,fork,reuseaddr "OPEN:$LAB_DIR/www/file,rdonly"
	lab_listening "$b" 9000
	lab_listening "$b" 9001
done

uploads() {
	[ "$(lab_in client socat -t 20 -T 20 STDIO "TCP:$1:9000" <"$LAB_DIR/www/file")" = "$sum" ]
}

downloads() {
	[ "$(lab_in "$1" socat -u -T 20 "TCP:$2:9001" STDOUT | sha256sum)" = "$sum" ]
}

# What that kernel has learnt about the way to an address.
learnt() {
	lab_in "$1" ip route get "$2" | tee "$LAB_DIR/route"
	grep -q "mtu $3" "$LAB_DIR/route"
}

traced() {
	lab_in client tracepath -n -b -p 44444 "$1" | tee "$LAB_DIR/trace"
	grep -q 'pmtu 1400' "$LAB_DIR/trace"
	grep -q 'reached' "$LAB_DIR/trace"
}

for n in 20 21; do
	for host in "192.0.2.$n" "2001:db8:f::$n"; do
		[[ $host == *:* ]] && literal=[$host] || literal=$host
		check "$host: an upload through a router of 1400 bytes behind the box" uploads "$literal"
		check "$host: the client has learnt 1400" learnt client "$host" 1400
		check "$host: tracepath finds 1400" traced "$host"
	done
done
for n in 30 31; do
	for host in "192.0.2.$n" "[2001:db8:f::$n]"; do
		check "$host: a download through a router of 1300 bytes in front of the box" \
			downloads far "$host"
	done
done
# With snat the endpoint's way is to the box, with dnat to the client: both were told.
check "the endpoint has learnt 1300 towards the client over IPv4" learnt b1 198.51.100.2 1300
check "the endpoint has learnt 1300 towards the client over IPv6" learnt b1 2001:db8:d::2 1300
check "the endpoint has learnt 1300 towards the box over IPv4" learnt b1 10.1.0.1 1300
check "the endpoint has learnt 1300 towards the box over IPv6" learnt b1 fd00:1::1 1300
done_testing
