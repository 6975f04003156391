#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Passive FTP: the data connection goes to a port of a range, and has to meet the server that the control
# connection is with. iperf3 over TCP and UDP through ranges, kept and shifted, and a whole address that a
# second Service has one port of.

source "$(dirname "$0")/cases.sh"

# ranged RANGES MANIFEST-ARGUMENTS...: with session affinity, so that a client's ports meet.
ranged() {
	local ranges=$1
	shift
	manifest "$@" | sed "s|{forebay.io/mode: \(.*\)}|{forebay.io/mode: \1, forebay.io/port-ranges: \"$ranges\"}|
		s|^spec:\$|spec:\n  sessionAffinity: ClientIP|" >"$LAB_DIR/manifests/$1.yaml"
}

lab_up 3
capture client eth0
lab_config
ranged 30000-30099 ftp-kept dnat 20 ftp:TCP:21:21 -- 1 2 3
ranged 30000-30099 ftp-hidden snat 21 ftp:TCP:21:21 -- 1 2 3
ranged '7000-7009, 7100-7109:7000' media-kept dnat 22 t:TCP:5201:5201 u:UDP:5201:5201 -- 1
ranged '7000-7009, 7100-7109:7000' media-hidden snat 23 t:TCP:5201:5201 u:UDP:5201:5201 -- 1
ranged all whole dnat 24 t:TCP:5201:5201 u:UDP:5201:5201 -- 1
service guest dnat 24 web:TCP:7003:8080 -- 2
lab_http
lab_forebay
for n in 1 2 3; do
	mkdir "$LAB_DIR/ftp-$n"
	head -c 3000000 < <(yes "backend-$n") >"$LAB_DIR/ftp-$n/file"
	lab_bg "b$n" "ftp-$n" /usr/bin/python3 -m pyftpdlib -i :: -p 21 -r 30000-30099 -d "$LAB_DIR/ftp-$n"
	lab_listening "b$n" 21
done
lab_bg b1 iperf3 iperf3 -s -p 7003
lab_listening b1 7003
for n in {1..8}; do
	ip -n "$LAB_ID-client" addr add "203.0.113.10$n/24" dev eth0
	ip -n "$LAB_ID-client" addr add "2001:db8:c::10$n/64" dev eth0 nodad
done

# Eight clients, each of whom gets one server's file, whole; and not all the same server's.
ftp() {
	local n from
	for n in {1..8}; do
		from=203.0.113.10$n
		[[ $1 != *:* ]] || from=2001:db8:c::10$n
		lab_in client curl -sS --max-time 20 --interface "$from" "ftp://$1/file" >"$LAB_DIR/file"
		server=$(head -n 1 "$LAB_DIR/file")
		cmp "$LAB_DIR/file" "$LAB_DIR/ftp-${server#backend-}/file"
		echo "$server"
	done | tee "$LAB_DIR/servers"
	[ "$(wc -l <"$LAB_DIR/servers")" -eq 8 ]
	[ "$(sort -u "$LAB_DIR/servers" | wc -l)" -gt 1 ]
}

iperf() {
	lab_in client iperf3 --json --connect-timeout 5000 -t 1 -i 0.5 "$@" >"$LAB_DIR/iperf.json"
	python3 - "$LAB_DIR/iperf.json" <<-'END'
		import json, sys
		run = json.load(open(sys.argv[1]))
		assert "error" not in run, run["error"]
		moved = [i["sum"]["bytes"] for i in run["intervals"]]
		print("bytes per interval:", moved)
		assert all(moved), "it stalled"
	END
}

for host in 192.0.2.20 '[2001:db8:f::20]' 192.0.2.21 '[2001:db8:f::21]'; do
	check "passive FTP from $host" ftp "$host"
done
for host in 192.0.2.22 2001:db8:f::22 192.0.2.23 2001:db8:f::23; do
	for port in 7003 7103; do
		check "TCP to $host port $port" iperf -c "$host" -p "$port"
		check "UDP to $host port $port" iperf -c "$host" -p "$port" -u -b 20M -l 1000
	done
done

# The port is iperf3's own, and another Service's as far as TCP goes.
whole() {
	lab_in client curl -sS --fail --max-time 5 "http://$1:7003/" | grep -x backend-2
	lab_ctl explain udp "$2:4000" "$1:7003" | tee "$LAB_DIR/explained"
	grep -q '^service *default/whole port u ports \*' "$LAB_DIR/explained"
	lab_ctl explain tcp "$2:4000" "$1:7004" | grep -q '^service *default/whole port t ports \*'
}

# What people are shown, and what a change would change.
shown() {
	lab_ctl describe service default/media-kept | tee "$LAB_DIR/described"
	grep -q '^  LoadBalancer  *192.0.2.22:7100-7109:7000$' "$LAB_DIR/described"
	lab_ctl get services | grep '^media-kept .*7000-7009/TCP,7100-7109:7000/TCP,'
	sed 's/7100-7109:7000/7100-7199/' "$LAB_DIR/manifests/media-kept.yaml" >"$LAB_DIR/changed.yaml"
	lab_ctl diff -f "$LAB_DIR/changed.yaml" >"$LAB_DIR/diff" && return 1
	cat "$LAB_DIR/diff"
	grep -q -- '- frontend 192.0.2.22:7100-7109:7000' "$LAB_DIR/diff"
	grep -q -- '+ frontend 192.0.2.22:7100-7199' "$LAB_DIR/diff"
}

# At once, and not after a while (28).
refused() {
	local status=0
	lab_in client curl -sS --max-time 5 "http://$1/" || status=$?
	[ "$status" -eq 7 ]
}

check "one port of a whole address is another Service's" whole 192.0.2.24 203.0.113.2
check "over IPv6 too" whole '[2001:db8:f::24]' '[2001:db8:c::2]'
check "describe, get and diff name the ranges" shown
check "a port beside a range is refused" refused 192.0.2.22:7010
done_testing
