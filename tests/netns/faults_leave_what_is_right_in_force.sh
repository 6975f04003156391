#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Faults from outside: clients that misbehave, a full disk, news of the kernel that are lost, a link and a
# worker that stand still, a device that refuses. What was right goes on, and soon all is as the inputs say.

source "$(dirname "$0")/cases.sh"

here=$(cd "$(dirname "$0")" && pwd)
lab_up 2
lab_http
lab_config
mkdir "$LAB_DIR/full"
mount -t tmpfs -o size=32k tmpfs "$LAB_DIR/full"
trap 'trap "" INT TERM HUP; umount -l "$LAB_DIR/full" 2>/dev/null; lab_down' EXIT
sed -i "s|^state-dir: .*|state-dir: $LAB_DIR/full|" "$LAB_CONFIG"
service web dnat 20 http:TCP:80:8080 -- 1 2
# Behind a router: either backend takes the address, the route says which.
service far snat 21 http:TCP:80:8080 -- 10.9.9.9,fd00:9::9
for n in 1 2; do
	ip -n "$(lab_ns "b$n")" addr add 10.9.9.9/32 dev lo
done
lab_forebay
lab_in box ip route add 10.9.9.9 via 10.1.0.11 dev fb-svc

resident_kb() {
	awk '$1 == "VmRSS:" { print $2 }' "/proc/$LAB_FOREBAY_PID/status"
}

descriptors() {
	find "/proc/$LAB_FOREBAY_PID/fd" -mindepth 1 | wc -l
}

as_many_descriptors() {
	[ "$(descriptors)" -le "$1" ]
}

answered_by() {
	[ "$(lab_in client curl -sS --fail --connect-timeout 1 --max-time 3 "$1")" = "backend-$2" ]
}

crowd() {
	local before kb told n
	lab_ctl get services >/dev/null
	before=$(descriptors)
	kb=$(resident_kb)
	coproc CROWD { exec python3 "$here/crowd.py" "$LAB_SOCKET" 1000; }
	read -r -t 30 -u "${CROWD[0]}" n
	[ "$n" = here ]
	for n in 1 2 3 4 5; do
		timeout 5 "$FB_BUILD/app/forebayctl/forebayctl" --socket "$LAB_SOCKET" get services | grep -q web
		requests http://192.0.2.20 5 >/dev/null
	done
	echo "descriptors: $before before, $(descriptors) now; resident: $kb KiB before, $(resident_kb) now"
	[ "$(descriptors)" -le $((before + 64)) ]
	[ "$(resident_kb)" -le $((kb + 65536)) ]
	echo >&"${CROWD[1]}"
	read -r -t 30 -u "${CROWD[0]}" told
	echo "$told were told that there are too many"
	# But those that were in the middle of an answer, and the last ones.
	[ "$told" -ge 600 ]
	lab_wait 5 as_many_descriptors "$before"
}

full_disk() {
	local status=0
	dd if=/dev/zero of="$LAB_DIR/full/zeros" bs=4096 status=none 2>/dev/null || true
	manifest kept snat 22 http:TCP:80:8080 -- 1 >"$LAB_DIR/kept.yaml"
	lab_ctl apply -f "$LAB_DIR/kept.yaml" >"$LAB_DIR/out" 2>&1 || status=$?
	cat "$LAB_DIR/out"
	[ "$status" -ne 0 ]
	grep -q 'Service default/kept is in force, but does not outlive a restart until it can be written: .*No space left' \
		"$LAB_DIR/out"
	answered_by http://192.0.2.22 1
	rm "$LAB_DIR/full/zeros"
	lab_wait 5 test -s "$LAB_DIR/full/applied/Service_default_kept.json"
	lab_wait 5 grep -q 'applied: is written again' "$LAB_DIR/forebay.log"
}

kept() {
	answered_by http://192.0.2.22 1
}

# News of the box's kernel that a socket of forebay did not take.
lost_news() {
	# shellcheck disable=SC2016 # awk's fields
	lab_in box awk 'NR > 1 { n += $9 } END { print n + 0 }' /proc/net/netlink
}

# While forebay stands still the kernel has more to say than its socket holds; among it, one route that counts.
overrun() {
	lab_wait 5 answered_by http://192.0.2.21 1
	kill -STOP "$LAB_FOREBAY_PID"
	{
		seq 0 39999 | awk '{ print "route add 172." 16 + int($1 / 4096) "." int($1 / 16) % 256 "." $1 % 16 * 16 "/28 via 10.1.0.11 dev fb-svc" }'
		echo "route replace 10.9.9.9 via 10.1.0.12 dev fb-svc"
	} >"$LAB_DIR/routes"
	lab_in box ip -b "$LAB_DIR/routes"
	kill -CONT "$LAB_FOREBAY_PID"
	echo "lost: $(lost_news)"
	[ "$(lost_news)" -gt 0 ]
	lab_wait 5 answered_by http://192.0.2.21 2
	lab_in box ip route replace 10.9.9.9 via 10.1.0.11 dev fb-svc
	lab_wait 5 answered_by http://192.0.2.21 1
}

# A transfer goes on behind the gap, and new connections come up at once.
link_flaps() {
	local transfer
	head -c 3000000 /dev/zero >"$LAB_DIR/www/file"
	lab_in client curl -sS --fail --max-time 30 --limit-rate 1M -o "$LAB_DIR/out" http://192.0.2.20/files/file &
	transfer=$!
	sleep 0.5
	ip -n "$(lab_ns box)" link set "$1" down
	lab_wait 5 port_is down
	if answered_by http://192.0.2.20 1 || answered_by http://192.0.2.20 2; then
		return 1
	fi
	ip -n "$(lab_ns box)" link set "$1" up
	lab_wait 2 lab_in client curl -sS --fail --connect-timeout 0.3 --max-time 1 http://192.0.2.20
	# Here the kernels ask for each other again, a second apart.
	lab_wait 3 lab_in client curl -sS --fail --connect-timeout 0.3 --max-time 1 "http://[2001:db8:f::20]"
	lab_wait 5 port_is up
	wait "$transfer"
	cmp "$LAB_DIR/www/file" "$LAB_DIR/out"
}

port_is() {
	grep "link $1" <(tail -3 "$LAB_DIR/forebay.log") || return 1
}

waiting_snapshots() {
	lab_in box curl -sS --fail --max-time 5 http://127.0.0.1:9464/metrics |
		awk '$1 == "forebay_snapshots_waiting" { print $2 }'
}

has_port() {
	lab_ctl get services web -o json | grep -qE "\"port\": *$((1000 + ${1#x}))\b"
}

# Its packets wait or are counted; the other one forwards, control publishes and answers.
held_worker() {
	local thread held release before kb n
	thread=$(grep -l worker /proc/"$LAB_FOREBAY_PID"/task/*/comm | head -1)
	thread=${thread%/comm}
	kb=$(resident_kb)
	before=$(generation)
	coproc HOLD { exec python3 "$here/hold_thread.py" "${thread##*/}"; }
	read -r -t 10 -u "${HOLD[0]}" n
	[ "$n" = held ]
	for n in $(seq 6); do
		manifest web dnat 20 "http:TCP:80:8080" "x$n:TCP:$((1000 + n)):8080" -- 1 2 >"$LAB_DIR/new"
		mv "$LAB_DIR/new" "$LAB_DIR/manifests/web.yaml"
		lab_wait 3 has_port "x$n"
	done
	if lab_ctl get flows >"$LAB_DIR/out" 2>&1; then return 1; fi
	grep -q 'worker [0-9] does not answer' "$LAB_DIR/out"
	# Connections that both ways come in at the other one, and belong to it.
	lab_in client curl -s -Z --parallel-immediate --parallel-max 60 -H 'Connection: close' --connect-timeout 1 --max-time 2 \
		'http://192.0.2.20/?[1-60]' 2>/dev/null >"$LAB_DIR/out" || true
	echo "$(grep -c '^backend-' "$LAB_DIR/out") of 60 answered"
	grep -q '^backend-' "$LAB_DIR/out"
	# It holds back what it may be reading; in its sleep, nothing.
	[ "$(waiting_snapshots)" -le 6 ]
	[ "$(generation)" = "$before" ]
	held=$HOLD_PID
	release=${HOLD[1]}
	exec {release}>&-
	wait "$held"
	lab_wait 5 caught_up "$before"
	[ "$(requests http://192.0.2.20 20 | grep -c '^backend-')" -eq 20 ]
	echo "resident: $kb KiB before, $(resident_kb) now"
	[ "$(resident_kb)" -le $((kb + 65536)) ]
}

caught_up() {
	[ "$(waiting_snapshots)" = 0 ] && [ "$(generation)" -ge $(($1 + 6)) ]
}

# net_ring cannot be told an MTU, nor does it say how packets are spread.
refusing_device() {
	cat "$LAB_DIR/forebay.log"
	grep -q 'port a: the device cannot be told its mtu; what it does not carry it drops' "$LAB_DIR/forebay.log"
	grep -q 'port a: .*; workers hand packets over by rings, since the device does not hash TCP and UDP ports' \
		"$LAB_DIR/forebay.log"
	lab_ctl get ports | grep -q '^a '
}

# What is said of each device: a table that the ports chosen agree with, or why workers hand packets over.
rss_is_said() {
	cat "$LAB_DIR/forebay.log"
	grep -q 'port a: 2 queues; RSS steers snat replies to their worker (131072 ports and 13[0-9]* choices checked against its key and table)' \
		"$LAB_DIR/forebay.log"
	grep -q 'port b: 2 queues; workers hand packets over by rings, since the device has no table of queues' \
		"$LAB_DIR/forebay.log"
	grep -q 'port c: 2 queues; workers hand packets over by rings, since the device does not hash TCP and UDP ports' \
		"$LAB_DIR/forebay.log"
	[ "$(lab_ctl get ports -o json | grep -o '"rss": *[a-z]*' | tr -d ' \n')" = '"rss":false"rss":true"rss":false' ]
	lab_in box curl -sS --fail --max-time 5 http://127.0.0.1:9464/metrics |
		grep -q '^forebay_worker_rss_astray_total{worker="1"} 0$'
}

# The other end of a virtio-user device; it is there as soon as its socket is.
vhost() {
	lab_bg box vhost "$FB_BUILD/app/forebay-bench/forebay-bench" --generate "net_vhost0,iface=$1,queues=2" --flows 1
	lab_wait 5 test -S "$1"
}

# Who asks for the box's MAC address may ask the worker that is held up.
ip -n "$(lab_ns client)" neigh replace 203.0.113.1 lladdr "$LAB_MAC_LAN" nud permanent dev eth0
for n in 1 2; do
	ip -n "$(lab_ns "b$n")" neigh replace 10.1.0.1 lladdr "$LAB_MAC_SVC" nud permanent dev eth0
done
check "a thousand clients that misbehave: others are served, and memory has a bound" crowd
check "a full disk: what was applied is in force, and kept when there is room" full_disk
lab_forebay_stop KILL
lab_forebay
lab_in box ip route add 10.9.9.9 via 10.1.0.11 dev fb-svc # the twin is a new one
check "it outlives a crash then" kept
check "news of the kernel that are lost: forwarding follows all the same" overrun
check "the clients' link goes down and up" link_flaps lan0
check "the endpoints' link goes down and up" link_flaps svc0
check "a worker that is held up: the others go on, and it catches up" held_worker
lab_forebay_stop TERM
sed -i -e 's/device: net_af_packet\([01]\).*/device: net_ring\1\n    mtu: 9000/' \
	-e 's/name: lan/name: a/; s/name: svc/name: b/' "$LAB_CONFIG"
lab_forebay
check "a device that refuses is told of, and gone on without" refusing_device
lab_forebay_stop TERM
vhost "$LAB_DIR/vhost.sock"
sed -i -e 's/device: net_ring0/device: net_null0,no-rx=1/' -e 's/device: net_ring1/device: net_tap0,iface=dtap0/' \
	-e '/mtu: 9000/d' -e "s|^ports:|&\n  - name: c\n    device: net_virtio_user0,path=$LAB_DIR/vhost.sock,queues=2|" "$LAB_CONFIG"
lab_forebay
check "each device's way of spreading packets is checked, and said" rss_is_said
done_testing
