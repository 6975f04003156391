#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Beside a flood of SYNs from forged sources, as many as the worker takes here: who connects succeeds,
# who is connected loses nothing, and the flood takes no more than its share. Counted by the clients.

source "$(dirname "$0")/cases.sh"

lab_up 3
lab_http
LAB_WORKERS=1 lab_config
# More room than other labs have: a share of it is many round trips long, however slow this machine is just now.
sed -i -e "s/^  ipv4: 65536/  ipv4: 262144/" -e "s/^  ipv6: 65536/  ipv6: 262144\n  timeouts: {tcp-opening: 3s}/" "$LAB_CONFIG"
service hidden snat 20 http:TCP:80:8080 -- 1 2 3
service kept dnat 21 http:TCP:80:8080 -- 1 2 3
cc -O2 -Wall "$(dirname "$0")/flood.c" -o "$LAB_DIR/flood"
head -c 2M /dev/urandom >"$LAB_DIR/www/file"
# Connections, 13 one after the other in each of eight threads: how many succeeded, how many failed.
cat >"$LAB_DIR/clients.py" <<'END'
import http.client, sys, threading
counts = []
def run():
    good = 0
    for _ in range(13):
        c = http.client.HTTPConnection(sys.argv[1], 80, timeout=60)
        try:
            c.request("GET", "/")
            good += c.getresponse().read().startswith(b"backend-")
        except OSError as e:
            print(e, file=sys.stderr)
        c.close()
    counts.append(good)
threads = [threading.Thread(target=run) for _ in range(8)]
for t in threads: t.start()
for t in threads: t.join()
print(sum(counts), 8 * 13 - sum(counts))
END
lab_forebay

FLOOD=
worker() {
	lab_ctl get workers -o json | python3 -c 'import json, sys; print(json.load(sys.stdin)["items"][0][sys.argv[1]])' "$1"
}

host_of() {
	case $1 in
	*:*) echo "[$1]" ;;
	*) echo "$1" ;;
	esac
}

evicted_since() {
	[ "$(worker flows_evicted)" -gt "$1" ]
}

end_flood() {
	[ -z "$FLOOD" ] || kill "$FLOOD"
	FLOOD=
}

# beside ADDRESS
beside() {
	local good bad evicted download
	evicted=$(worker flows_evicted)
	lab_in client curl -sS --limit-rate 1M -m 120 "http://$(host_of "$1")/files/file" -o "$LAB_DIR/got" &
	download=$!
	# It is established before the flood begins, and the flood has filled its share before clients come.
	lab_wait 5 test -s "$LAB_DIR/got"
	lab_bg client flood "$LAB_DIR/flood" eth0 "$LAB_MAC_LAN" "$1" 80
	FLOOD=$LAB_BG_PID
	trap end_flood EXIT # also when something fails
	lab_wait 60 evicted_since "$((evicted + 1000))"
	lab_in client python3 "$LAB_DIR/clients.py" "$1" >"$LAB_DIR/counts"
	end_flood
	wait "$download"
	read -r good bad <"$LAB_DIR/counts"
	echo "$good requests, $bad failed; $(($(worker flows_evicted) - evicted)) flows evicted"
	cmp "$LAB_DIR/www/file" "$LAB_DIR/got"
	[ "$(dropped flow-table-full)" -eq 0 ]
	[ "$((bad * 100))" -le "$((good + bad))" ]
}

bound_said() {
	lab_wait 5 grep -q "worker 0: $1: full" "$LAB_DIR/forebay.log"
	lab_wait 10 grep -q "worker 0: $1: normal again" "$LAB_DIR/forebay.log"
	# By change, not by packet; a machine that stalls for seconds may see some changes.
	[ "$(grep -c "worker 0: $1: " "$LAB_DIR/forebay.log")" -le 20 ]
	lab_in box curl -s http://127.0.0.1:9464/metrics >"$LAB_DIR/metrics"
	grep -q "^forebay_bound_level{worker=\"0\",bound=\"$1\"} 0" "$LAB_DIR/metrics"
	grep -Eq '^forebay_flows_evicted_total\{worker="0",bound="half-open-share"\} [1-9]' "$LAB_DIR/metrics"
}

# So many connections were broken or refused by now, by any kernel.
resets() {
	local role
	for role in client b1 b2 b3; do
		lab_in "$role" nstat -asz TcpEstabResets TcpOutRsts TcpExtTCPAbortOnTimeout
	done | awk '$1 !~ /^#/ { n += $2 } END { print n }'
}

# With room for 64 flows, and more connections than that which stay open, half of them on either side of the
# bound: each goes on, and so does who comes later, by the hash alone.
more_than_fit() {
	local before stateless
	before=$(resets)
	stateless=$(worker stateless)
	lab_in client python3 - "$1" <<-'END'
		import http.client, sys
		held = []
		def ask(c):
		    c.request("GET", "/")
		    return c.getresponse().read()
		for _ in range(200):
		    c = http.client.HTTPConnection(sys.argv[1], 80, timeout=60)
		    who = ask(c)
		    assert who.startswith(b"backend-"), who
		    held.append((c, who))
		for c, who in held + held:
		    assert ask(c) == who
	END
	lab_in client curl -sS -m 120 "http://$(host_of "$1")/files/file" -o "$LAB_DIR/got"
	cmp "$LAB_DIR/www/file" "$LAB_DIR/got"
	[ "$(worker stateless)" -gt "$((stateless + 1000))" ]
	[ "$(dropped flow-table-full)" -eq 0 ]
	[ "$(resets)" -eq "$before" ]
	lab_ctl get status | grep "^Bound .*worker 0: flows-ipv$2"
}

check "a flood over IPv4, snat: clients connect, a download arrives whole" beside 192.0.2.20
check "a flood over IPv6, dnat: the same" beside 2001:db8:f::21
check "the log says that the share was full, and that it is not any more (IPv4)" bound_said half-open-ipv4
check "the same for IPv6" bound_said half-open-ipv6
lab_forebay_stop TERM
sed -i -e 's/^  ipv4: .*/  ipv4: 64/' -e 's/^  ipv6: .*/  ipv6: 64/' "$LAB_CONFIG"
lab_forebay
check "connections over IPv4, dnat, that are more than fit into the table" more_than_fit 192.0.2.21 4
check "the same over IPv6" more_than_fit 2001:db8:f::21 6
done_testing
