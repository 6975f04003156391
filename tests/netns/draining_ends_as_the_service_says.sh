#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Connections of kernels that live while their endpoint goes away: kept without a deadline, reset at it on
# both sides (the busy ones and the silent ones), kept or reset when the endpoint is removed. UDP moves.
# Fallback: with nobody else ready, who terminates gets new connections again.

source "$(dirname "$0")/cases.sh"

lab_up 2
capture client eth0
lab_http
cat >"$LAB_DIR/udp.py" <<'END'
import socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(("::", 9000))
while True:
    data, client = s.recvfrom(100)
    s.sendto(sys.argv[1].encode(), client)
END
# A connection that says nothing by itself; its end is told by the kernel. One request, then: wait, or ask
# now and then. Its log says how it ended.
cat >"$LAB_DIR/connection.py" <<'END'
import socket, sys, time
host, busy, path = sys.argv[1], sys.argv[2] == "busy", sys.argv[3]
s = socket.create_connection((host, 80), timeout=60)
def ask():
    s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    return s.recv(4096).decode().split("\r\n\r\n")[1].strip()
try:
    print(ask(), file=open(path, "w"), flush=True)
    while busy:
        who = ask()
        print(who, file=open(path + ".last", "w"), flush=True)
        time.sleep(0.05)
    s.recv(1)
    print("closed")
except ConnectionResetError:
    print("reset")
END
for n in 1 2; do
	lab_bg "b$n" "udp-$n" python3 "$LAB_DIR/udp.py" "backend-$n"
done
lab_config

# web MODE ANNOTATIONS STATE...: the Service in force, each backend N as its STATE says: ready, terminating,
# or gone.
web() {
	local mode=$1 annotations=$2 before='' n=0 state family backend
	shift 2
	[ -z "$LAB_FOREBAY_PID" ] || before=$(generation)
	manifest web "$mode" 20 http:TCP:80:8080 udp:UDP:90:9000 -- |
		sed -e "s|forebay.io/mode: $mode|&$annotations|" -e "s|^  \[\]|ENDPOINTS|" >"$LAB_DIR/web.new"
	for family in 4 6; do
		n=0
		for state in "$@"; do
			n=$((n + 1))
			backend=10.1.0.$((10 + n))
			[ "$family" = 4 ] || backend=fd00:1::$((10 + n))
			case $state in
			ready) echo "- {addresses: [\"$backend\"]}" ;;
			terminating) echo "- {addresses: [\"$backend\"], conditions: {ready: false, serving: true, terminating: true}}" ;;
			gone) ;;
			esac
		done >"$LAB_DIR/endpoints"
		[ -s "$LAB_DIR/endpoints" ] || echo "  []" >"$LAB_DIR/endpoints"
		# The first mark is the IPv4 slice's.
		awk -v file="$LAB_DIR/endpoints" \
			'/^ENDPOINTS/ && !done { while ((getline line < file) > 0) print line; done = 1; next } { print }' \
			"$LAB_DIR/web.new" >"$LAB_DIR/web.next"
		mv "$LAB_DIR/web.next" "$LAB_DIR/web.new"
	done
	! cmp -s "$LAB_DIR/web.new" "$LAB_DIR/manifests/web.yaml" || return 0
	mv "$LAB_DIR/web.new" "$LAB_DIR/manifests/web.yaml"
	[ -z "$before" ] || lab_wait 10 generation_after "$before"
}

web dnat "" ready gone
lab_forebay

# Open connections to whoever is there: names in OPEN, their pids in PIDS.
open_connections() {
	local host kind
	PIDS=()
	OPEN=()
	for host in 192.0.2.20 2001:db8:f::20; do
		for kind in busy silent; do
			OPEN+=("$LAB_DIR/$kind-${host//:/_}")
			rm -f "${OPEN[-1]}"*
			lab_bg client "$kind-${host//:/_}" \
				python3 "$LAB_DIR/connection.py" "$host" "$kind" "${OPEN[-1]}"
			PIDS+=("$LAB_BG_PID")
		done
	done
	for kind in "${OPEN[@]}"; do
		lab_wait 10 test -s "$kind"
		grep -q backend-1 "$kind"
	done
}

close_connections() {
	kill "${PIDS[@]}" 2>/dev/null || true
	lab_wait 10 no_connections
}

no_connections() {
	[ -z "$(lab_in client ss -Htn state established '( dport = 80 )')" ]
}

# All of them still there, and those that ask are answered by the same backend.
still_there() {
	local file
	for file in "${OPEN[@]}"; do
		[ ! -s "$file.log" ]
		case $file in
		*/busy-*)
			rm "$file.last"
			lab_wait 5 test -s "$file.last"
			grep -q backend-1 "$file.last"
			;;
		esac
	done
}

ended_by_reset() {
	local file
	for file in "${OPEN[@]}"; do
		[ "$(cat "$file.log")" = reset ]
	done
}

# The backend's kernel has no connection left either.
backend_has_none() {
	[ -z "$(lab_in b1 ss -Htn state established '( sport = 8080 )')" ]
}

udp() {
	lab_in client python3 - "$1" "$2" <<-'END'
		import socket, sys
		family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
		s = socket.socket(family, socket.SOCK_DGRAM)
		s.bind(("", 4000 + int(sys.argv[2])))
		s.settimeout(5)
		s.sendto(b"who", (sys.argv[1], 90))
		print(s.recv(100).decode())
	END
}

# udp_says BACKEND: the client's one port is answered by it, over both families.
udp_says() {
	[ "$(udp 192.0.2.20 1)" = "$1" ]
	[ "$(udp 2001:db8:f::20 1)" = "$1" ]
}

listed() {
	lab_ctl get endpoints -o json | python3 -c '
import json, sys
rows = [e for e in json.load(sys.stdin)["items"] if e["endpoint"].endswith("11:8080") or "]:8080" in e["endpoint"]]
rows = [e for e in rows if "11" in e["endpoint"] and e["state"] == sys.argv[1] and e["flows"] >= 2]
assert len(rows) == 2, rows
assert all(e["since_s"] < 60 for e in rows), rows' "$1"
}

for mode in dnat snat; do
	kept() {
		web "$mode" "" ready gone
		open_connections
		udp_says backend-1
		web "$mode" "" terminating ready
		[ "$(requests http://192.0.2.20 20 | sort -u)" = backend-2 ]
		still_there
		udp_says backend-1
		listed draining
		web "$mode" "" gone ready
		still_there
		udp_says backend-2
		listed removed
		close_connections
	}
	check "$mode: without a deadline connections are kept, and UDP moves when the endpoint is gone" kept

	fallback() {
		web "$mode" "" ready gone
		open_connections
		web "$mode" "" terminating ready
		[ "$(requests http://192.0.2.20 20 | sort -u)" = backend-2 ]
		web "$mode" "" terminating gone
		[ "$(requests http://192.0.2.20 20 | sort -u)" = backend-1 ]
		still_there
		web "$mode" "" terminating ready
		[ "$(requests http://192.0.2.20 20 | sort -u)" = backend-2 ]
		still_there
		close_connections
	}
	check "$mode: who terminates serves on where nobody else is ready" fallback

	deadline() {
		web "$mode" ", forebay.io/drain-deadline: 4s" ready gone
		open_connections
		udp_says backend-1
		web "$mode" ", forebay.io/drain-deadline: 4s" terminating ready
		still_there
		udp_says backend-1
		lab_wait 20 ended_by_reset
		lab_wait 20 backend_has_none
		udp_says backend-2
		[ "$(requests http://192.0.2.20 20 | sort -u)" = backend-2 ]
		close_connections
	}
	check "$mode: at the deadline both sides are reset, the silent ones too, and UDP moves" deadline

	removed() {
		web "$mode" ", forebay.io/removed-tcp: $1" ready gone
		open_connections
		web "$mode" ", forebay.io/removed-tcp: $1" gone ready
		lab_wait 20 ended_by_reset
		lab_wait 20 backend_has_none
		close_connections
	}
	check "$mode: flows of a removed endpoint are reset at once" removed reset
	check "$mode: or after a time" removed 1s
done
done_testing
