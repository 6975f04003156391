#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A restart, crashes, another number of workers, and another build, in the middle of connections: they go on.

source "$(dirname "$0")/cases.sh"

lab_up 3
lab_http
watch_ends
lab_config
service kept dnat 20 http:TCP:80:8080 steady:TCP:9000:9000 echo:UDP:9000:9000 -- 1 2 3
service hidden snat 21 http:TCP:80:8080 steady:TCP:9000:9000 echo:UDP:9000:9000 -- 1 2 3
lab_forebay
for n in 1 2 3; do
	lab_bg "b$n" "steady-$n" "$(dirname "$0")/steady.py" serve 9000
	lab_listening "b$n" 9000
done
head -c 20M /dev/urandom >"$LAB_DIR/www/big"
sum=$(sha256sum <"$LAB_DIR/www/big")

hosts=(192.0.2.20 192.0.2.21 2001:db8:f::20 2001:db8:f::21)
kinds=(tcp udp)
declare -A clients=()

# begin NAME COMMAND...: a client in the background, whose output is NAME.log.
begin() {
	local name=$1
	shift
	lab_bg client "$name" "$@"
	clients[$name]=$LAB_BG_PID
}

gone() {
	[ ! -d "/proc/$1" ]
}

# A steady client of each kind and host.
steady_begin() {
	local host kind
	for host in "${hosts[@]}"; do
		for kind in "${kinds[@]}"; do
			begin "$kind-$host" "$(dirname "$0")/steady.py" "$kind" "$host" 9000
		done
	done
	lab_wait 10 flows_are $((${#hosts[@]} * ${#kinds[@]}))
}

flows_are() {
	[ "$(lab_ctl get flows -o json | python3 -c '
import json, sys
print(sum(1 for f in json.load(sys.stdin)["items"] if f["state"] in ("established", "udp")))')" -ge "$1" ]
}

# The clients end. Numbers came in order, and no pause was longer than it had to be: TCP asks again after
# twice the time that it waited last, so after an outage that UDP says the length of, at most as long again.
steady_end() {
	local name longest=0 pause
	for name in "${!clients[@]}"; do
		kill -TERM "${clients[$name]}"
	done
	for name in "${!clients[@]}"; do
		lab_wait 20 gone "${clients[$name]}"
		echo "$name: $(cat "$LAB_DIR/$name.log")"
	done
	for name in "${!clients[@]}"; do
		[[ $name = udp-* ]] || continue
		pause=$(pause_of "$name")
		[ "$pause" -le "$longest" ] || longest=$pause
	done
	for name in "${!clients[@]}"; do
		[ "$(pause_of "$name")" -le $((2 * longest + 1000)) ]
	done
	[ "$longest" -gt 0 ]
}

pause_of() {
	python3 -c '
import json, sys
got = json.load(open(sys.argv[1]))
assert got["came"] > 0, got
print(got["pause_ms"])' "$LAB_DIR/$1.log"
}

said() {
	grep -E "$1" "$LAB_DIR/forebay.log"
}

# across SENTENCE TEXT COMMAND...: new clients; the daemon ends and starts by COMMAND and says TEXT.
across() {
	local sentence=$1 text=$2
	shift 2
	clients=()
	steady_begin
	"$@"
	check "$sentence" steady_end
	grep -E '^(tcp|udp)-' "$LAB_DIR/case.log" | sed 's/^/# /'
	check "$sentence: it says so" said "$text"
}

start_again() {
	lab_forebay_stop "$1"
	lab_forebay
}

# No host says where it is before forebay is there again; it has to know.
start_unanswered() {
	local n
	for n in 1 2 3; do
		lab_in "b$n" sysctl -q -w net.ipv4.conf.eth0.arp_ignore=8
	done
	start_again TERM
	lab_ctl explain udp 203.0.113.2:4000 192.0.2.20:9000 >"$LAB_DIR/explained"
	for n in 1 2 3; do
		lab_in "b$n" sysctl -q -w net.ipv4.conf.eth0.arp_ignore=0
	done
}

next_hop_was_ready() {
	cat "$LAB_DIR/explained"
	grep -q '^next hop .*(ready)$' "$LAB_DIR/explained"
}

# Another layout of what is kept: tables begin empty, the consistent hash is the same.
other_build() {
	lab_forebay_stop TERM
	LAB_PROGRAM=$FB_BUILD/tests/netns/forebay-next
	lab_forebay
}

# A connection by a hidden address that has begun, and says nothing until it is told to.
quiet_begin() {
	# shellcheck disable=SC2016 # for the shell in there
	begin quiet bash -c 'exec 3<>/dev/tcp/192.0.2.21/9000; head -c 8 <&3 >/dev/null; echo begun
		until [ -e "$1" ]; do sleep 0.05; done; echo more >&3; cat <&3 >/dev/null' _ "$LAB_DIR/speak"
	lab_wait 10 grep -q begun "$LAB_DIR/quiet.log"
}

# Only the record knew by which port: as soon as the client speaks it is told.
reset_when_it_speaks() {
	touch "$LAB_DIR/speak"
	lab_wait 10 gone "$1"
	cat "$LAB_DIR/quiet.log"
	grep -q 'reset by peer' "$LAB_DIR/quiet.log"
}

fewer_workers() {
	lab_forebay_stop TERM
	LAB_WORKERS=1
	lab_config
	lab_forebay
}

# One download of each kind, over all restarts.
download() {
	begin "get-$1" curl -sS --fail --max-time 120 --limit-rate 1500K -o "$LAB_DIR/got-$1" "http://$1/files/big"
}

arrived() {
	local host
	for host in 192.0.2.20 192.0.2.21 '[2001:db8:f::21]'; do
		lab_wait 60 gone "${downloads[get-$host]}"
		cat "$LAB_DIR/get-$host.log"
		[ "$(sha256sum <"$LAB_DIR/got-$host")" = "$sum" ]
	done
}

download 192.0.2.20
download 192.0.2.21
download '[2001:db8:f::21]'
declare -A downloads
for name in "${!clients[@]}"; do
	downloads[$name]=${clients[$name]}
done
across "connections go on over a stop and a start" "^forebay: notice: [1-9][0-9]* flows taken over from the run that stopped" start_unanswered
check "hosts that have not answered yet are reached at once" next_hop_was_ready
across "connections go on over a crash" "flows taken over from the run that broke off" start_again KILL
ulimit -c 0 # a core would have all of its memory
across "connections go on over a fault" "flows taken over from the run that broke off" start_again SEGV
across "connections go on over another number of workers" "flows taken over from the run that stopped" fewer_workers
check "downloads over all of it arrive whole" arrived
check "no connection was reset" no_resets
quiet_begin
quiet=${clients[quiet]}
hosts=(192.0.2.20 2001:db8:f::20)
kinds=(udp)
across "by the hash flows go on over another layout of what is kept" "another version with another layout wrote them" other_build
check "with the client's address hidden a connection is reset then" reset_when_it_speaks "$quiet"
done_testing
