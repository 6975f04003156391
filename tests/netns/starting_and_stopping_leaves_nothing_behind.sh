#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause

source "$(dirname "$0")/cases.sh"

forebay=$FB_BUILD/app/forebay/forebay
lab_up 1
lab_http
lab_config
# What the lab sets for other drivers is left to forebay here, which puts it back.
lab_in box ip link set lan0 promisc off
service web dnat 20 http:TCP:80:8080 -- 1

stops_on() {
	local status=0 runtime
	runtime=$(find /var/run/dpdk -mindepth 1 -maxdepth 1 2>/dev/null | sort)
	lab_forebay
	requests http://192.0.2.20 5
	[ -S "$LAB_SOCKET" ]
	lab_in box ip link show fb-lan
	lab_forebay_stop "$1"
	[ ! -e "$LAB_SOCKET" ]
	lab_wait 5 no_twin
	[ "$(find /var/run/dpdk -mindepth 1 -maxdepth 1 2>/dev/null | sort)" = "$runtime" ]
	! is_promiscuous
}

# The far end of the lab's veth, which is the port's device.
is_promiscuous() {
	[ $((0x$(lab_in box cat /sys/class/net/lan0/flags | sed s/0x//) & 0x100)) -ne 0 ]
}

no_twin() {
	! lab_in box ip link show fb-lan
}

# A crash leaves a socket; the next start takes its place.
survives_kill() {
	lab_forebay
	[ ! -e "/var/run/dpdk/forebay-$LAB_FOREBAY_PID" ]
	lab_forebay_stop KILL
	lab_forebay
	requests http://192.0.2.20 5
	lab_forebay_stop TERM
}

# What it needed to start (all of root's here) is gone in every thread: NET_BIND_SERVICE (10), NET_ADMIN (12),
# NET_RAW (13) and IPC_LOCK (14), DAC_READ_SEARCH (2) are left, and BPF (39) for af_xdp alone.
keeps_few_privileges() {
	local allowed=$((1 << 10 | 1 << 12 | 1 << 13 | 1 << 14 | 1 << 2)) field thread caps
	[ "${LAB_DRIVER-}" != af_xdp ] || allowed=$((allowed | 1 << 39))
	lab_forebay
	for thread in /proc/"$LAB_FOREBAY_PID"/task/*; do
		for field in CapInh CapPrm CapEff CapAmb; do
			caps=$((0x$(awk -v f="$field:" '$1 == f { print $2 }' "$thread/status")))
			echo "$(cat "$thread/comm") $field $(printf %x "$caps")"
			[ $((caps & ~allowed)) -eq 0 ]
		done
		[ "$caps" = 0 ]
		grep -q '^NoNewPrivs:	1$' "$thread/status"
	done
	[ $((0x$(awk '$1 == "CapEff:" { print $2 }' "/proc/$LAB_FOREBAY_PID/status"))) -eq "$allowed" ]
	requests http://192.0.2.20 5
	lab_forebay_stop TERM
}

# refuses EXPECTED... : --check and a start end with status 1 and say each of these.
refuses() {
	local status=0 text
	"$forebay" --check --config "$LAB_DIR/bad.yaml" >"$LAB_DIR/out" 2>&1 || status=$?
	cat "$LAB_DIR/out"
	[ "$status" -eq 1 ]
	for text in "$@"; do
		grep -qE "$text" "$LAB_DIR/out"
	done
	status=0
	timeout 20 "$forebay" --config "$LAB_DIR/bad.yaml" --foreground >"$LAB_DIR/out" 2>&1 || status=$?
	[ "$status" -eq 1 ]
	for text in "$@"; do
		grep -qE "$text" "$LAB_DIR/out"
	done
}

bad_config() {
	sed -e 's/^  cores: .*/  cores: many/' -e 's/^nat:/natt:/' "$LAB_CONFIG" >"$LAB_DIR/bad.yaml"
	refuses "bad\.yaml:$(grep -n 'cores: many' "$LAB_DIR/bad.yaml" | cut -d: -f1):[0-9]+: " \
		"bad\.yaml:$(grep -n natt "$LAB_DIR/bad.yaml" | cut -d: -f1):[0-9]+: "
}

# One line that names what is missing, whether the log goes to stderr or to syslog.
no_device() {
	local status=0
	sed 's/iface=lan0/iface=none0/' "$LAB_CONFIG" >"$LAB_DIR/bad.yaml"
	lab_in box timeout 20 "$forebay" --config "$LAB_DIR/bad.yaml" "$@" \
		>"$LAB_DIR/out" 2>&1 || status=$?
	cat "$LAB_DIR/out"
	[ "$status" -eq 1 ]
	grep -q 'none0\|lan' "$LAB_DIR/out"
}

# Another one beside it: one line says what is in the way, and the first one goes on.
second_refused() {
	local status=0
	lab_forebay
	sed "$1" "$LAB_CONFIG" >"$LAB_DIR/second.yaml"
	timeout 20 ip netns exec "$(lab_ns box)" "$forebay" --config "$LAB_DIR/second.yaml" --foreground \
		>"$LAB_DIR/out" 2>&1 || status=$?
	cat "$LAB_DIR/out"
	[ "$status" -eq 1 ]
	grep -q "error: .*$2" "$LAB_DIR/out"
	is_promiscuous
	requests http://192.0.2.20 5
	lab_forebay_stop TERM
}

# A config that the daemon cannot run with is none that --check is content with.
no_ports() {
	: >"$LAB_DIR/bad.yaml"
	refuses "bad\.yaml: ports: none is configured"
	"$forebay" --print-config >"$LAB_DIR/bad.yaml"
	refuses "bad\.yaml: ports: none is configured"
}

# told STATUS TEXT ARGUMENT...: one sentence says what is wrong with the arguments.
told() {
	local expected=$1 text=$2 status=0
	shift 2
	"$forebay" "$@" >"$LAB_DIR/out" 2>&1 || status=$?
	cat "$LAB_DIR/out"
	[ "$status" -eq "$expected" ]
	grep -qxF "forebay: $text" "$LAB_DIR/out"
}

usage_errors() {
	told 2 "--config FILE is missing"
	told 2 "--config FILE is missing" --check
	told 2 "unexpected argument: start" start
}

check "it stops on SIGTERM" stops_on TERM
check "it stops on SIGINT" stops_on INT
check "after a crash it starts again" survives_kill
check "once it has started it keeps few privileges, in all threads" keeps_few_privileges
# Refused before it has opened, probed or set anything of the devices that the first one runs on.
same_ports_refused() {
	second_refused "s/forebay.sock/second.sock/; s/:9464/:9465/" "fb-lan exists already"
	! grep -q queues "$LAB_DIR/out"
}

check "a second one with the same ports is refused, and touches none of them" same_ports_refused
check "a second one on the same metrics port is refused" second_refused \
	"s/name: lan/name: lan2/; s/name: svc/name: svc2/; s/forebay.sock/second.sock/" 127.0.0.1:9464
check "a second one on the same socket is refused" second_refused \
	"s/name: lan/name: lan2/; s/name: svc/name: svc2/; s/:9464/:9465/" "another forebay listens here"
check "a config with two errors: both are named with their places" bad_config
check "a config without ports: --check says so, and so does the daemon" no_ports
check "wrong arguments: it says which" usage_errors
check "a device that is not there: it says so" no_device --foreground
check "a device that is not there, with the log in syslog: it says so all the same" no_device
check "--check is content with a good config" "$forebay" --check --config "$LAB_CONFIG"
done_testing
