#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A Service with a SYN proxy between two real kernels: both have window scales, SACK and timestamps, and use
# them, on links that lose packets; the numbers of both stay right over a restart. A client that only listens hears
# its server also where the SYN to that was lost. Beside a flood of SYNs from forged sources everybody gets in, and no
# half-open flow is made.

source "$(dirname "$0")/cases.sh"

lab_up 1
lab_http
lab_config
service hidden snat 20 http:TCP:80:8080 echo:TCP:7000:7000 -- 1
service kept dnat 21 http:TCP:80:8080 echo:TCP:7000:7000 -- 1
sed -i 's|forebay.io/mode: [a-z]*|&, forebay.io/syn-proxy: always|' "$LAB_DIR"/manifests/*.yaml
cc -O2 -Wall "$(dirname "$0")/flood.c" -o "$LAB_DIR/flood"
# Windows of the endpoint are in another scale than what clients are told.
lab_in b1 sysctl -q -w net.ipv4.tcp_rmem="4096 131072 33554432"
echo_py=$(dirname "$0")/echo_through_loss.py
lab_bg b1 echo python3 "$echo_py" serve 7000
lab_listening b1 7000
clang -O2 -g -target bpf -I"/usr/include/$(gcc -print-multiarch)" -DLOSE=200 \
	-c "$(dirname "$0")/loss.bpf.c" -o "$LAB_DIR/loss.o"
for role in client b1; do
	lab_in "$role" tc qdisc add dev eth0 clsact
	lab_in "$role" tc filter add dev eth0 ingress bpf da obj "$LAB_DIR/loss.o" sec tc_lose
done
lab_forebay

# What a side's kernel counts of its connections, by name: the last three are blocks, echoes and timestamps that
# nobody here can have meant.
kernel_says() {
	lab_in "$1" nstat -asz TcpInSegs TcpRetransSegs TcpExtTCPTimeouts TcpExtTCPLossProbes \
		TcpExtTCPSpuriousRTOs TcpExtTCPDSACKRecv TcpExtTCPSACKReneging TcpExtTCPSackRecovery \
		TcpExtTCPSACKDiscard TcpExtPAWSEstab TcpExtTSEcrRejected
}

# counted FILE NAME: in what kernel_says.
counted() {
	awk -v name="$2" '$1 == name { n = $2 } END { print int(n) }' "$1"
}

# How a side's kernel has the connection: said ROLE FILTER
said() {
	lab_in "$1" ss -Htino state established "$2"
}

is_held() {
	grep -qx "$1" "$LAB_DIR/ask.log"
}

# whole ADDRESS MODE
whole() {
	local before side
	before=$(sum_of cookies_accepted)
	for side in client b1; do
		kernel_says "$side" >"$LAB_DIR/before-$side"
	done
	rm -f "$LAB_DIR/again"
	lab_bg client ask timeout 120 python3 "$echo_py" ask "$1" 7000 4000000 "$LAB_DIR/again"
	lab_wait 100 is_held held
	said client "dport = :7000" | tee "$LAB_DIR/said"
	said b1 "sport = :7000" | tee -a "$LAB_DIR/said"
	[ "$(grep -c 'ts sack.* wscale:' "$LAB_DIR/said")" -eq 2 ]
	grep -q 'wscale:7,' "$LAB_DIR/said" # what the client was told
	[ "$(sum_of cookies_accepted)" -eq "$((before + 1))" ]
	lab_ctl get flows | grep -q proxied
}

# grown SIDE NAME: since the connection began.
grown() {
	echo $(($(counted "$LAB_DIR/after-$1" "$2") - $(counted "$LAB_DIR/before-$1" "$2")))
}

# The numbers are kept with the flow, and both kernels took what they were sent. A segment that was held up for so long
# that another was sent in its place is counted, too, when it comes after that: so one in STRAY may be. Without the
# translation of SACK blocks it is more than one and a half for each.
STRAY=200
again() {
	local side name status=0
	touch "$LAB_DIR/again"
	lab_wait 100 is_held "held again" || status=1
	echo "the client said: $(cat "$LAB_DIR/ask.log")"
	for side in client b1; do
		kernel_says "$side" >"$LAB_DIR/after-$side"
		echo "$side, since the connection began:"
		awk '$1 !~ /^#/ { print $1 }' "$LAB_DIR/after-$side" | while read -r name; do
			echo "  $name $(grown "$side" "$name")"
		done
	done
	for side in client b1; do
		[ "$(grown "$side" TcpExtTCPSackRecovery)" -gt 0 ] || status=1
		for name in TcpExtTCPSACKDiscard TcpExtPAWSEstab TcpExtTSEcrRejected; do
			[ "$(grown "$side" "$name")" -le $(($(grown "$side" TcpInSegs) / STRAY)) ] || status=1
		done
	done
	return "$status"
}

is_opening() {
	lab_ctl get flows | grep -q proxy-opening
}

# listens ADDRESS
listens() {
	local before begin
	before=$(sum_of proxy_syns_repeated)
	lab_in b1 tc qdisc add dev eth0 clsact
	lab_in b1 tc filter add dev eth0 ingress bpf da obj "$LAB_DIR/loss.o" sec tc_lose_syns
	rm -f "$LAB_DIR/ask.log"
	lab_bg client ask timeout 10 python3 "$echo_py" ask "$1" 7000 0
	lab_wait 5 is_opening
	begin=${EPOCHREALTIME/./}
	sleep 0.3
	lab_in b1 tc qdisc del dev eth0 clsact
	lab_wait 3 is_held held
	echo "heard $(((${EPOCHREALTIME/./} - begin) / 1000)) ms after it was seen opening"
	[ "$(sum_of proxy_syns_repeated)" -gt "$before" ]
}

FLOOD=
end_flood() {
	[ -z "$FLOOD" ] || kill "$FLOOD"
	FLOOD=
}

cookies_since() {
	[ "$(sum_of cookies_sent)" -gt "$1" ]
}

# beside ADDRESS FAMILY
beside() {
	local sent n
	sent=$(sum_of cookies_sent)
	lab_bg client flood "$LAB_DIR/flood" eth0 "$LAB_MAC_LAN" "$1" 80
	FLOOD=$LAB_BG_PID
	trap end_flood EXIT # also when something fails
	lab_wait 30 cookies_since "$((sent + 2000))"
	n=$(requests "http://$2" 60 | grep -cx backend-1)
	[ "$(sum_of "half_open_ipv$3")" -le 20 ]
	end_flood
	echo "$n answers beside $(($(sum_of cookies_sent) - sent)) cookies"
	[ "$n" -eq 60 ]
	[ "$(sum_of flows_evicted)" -eq 0 ]
}

for to in "IPv4, snat: 192.0.2.20" "IPv6, dnat: 2001:db8:f::21"; do
	check "4 MB both ways over ${to%: *}, through loss" whole "${to##* }"
	lab_forebay_stop KILL
	lab_forebay
	check "and again on the same connection after a crash" again
done
for role in client b1; do
	lab_in "$role" tc qdisc del dev eth0 clsact
done
check "a SYN to the endpoint that is lost is sent again over IPv4, dnat, and a client that only listens hears" listens 192.0.2.21
check "the same over IPv6, snat" listens 2001:db8:f::20
check "beside a flood over IPv4, dnat, clients connect and nothing is half open" beside 192.0.2.21 192.0.2.21 4
check "and over IPv6, snat" beside 2001:db8:f::20 "[2001:db8:f::20]" 6
done_testing
