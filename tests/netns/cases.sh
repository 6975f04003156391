# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What every test of this folder begins with: the lab, cases counted as TAP, and what holds after every
# case (the counters' law, no checksum error in any kernel).
#
#     source "$(dirname "$0")/cases.sh"
#     lab_up; lab_http; lab_config; lab_forebay
#     service web dnat 20 http:TCP:80:8080 -- 1 2 3
#     check "a sentence about behaviour" function_or_command...
#     done_testing

set -euo pipefail
# shellcheck source=../../scripts/lab.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lab.sh"

CASES=0
CASES_FAILED=0
lab_trap

# check SENTENCE COMMAND...: one case. Its output is shown only if it fails, with what helps to see why.
check() {
	local name=$1 log=$LAB_DIR/case.log status
	shift
	CASES=$((CASES + 1))
	# Not as a condition: bash would then ignore a failing command inside.
	set +e
	(
		set -euo pipefail
		"$@"
		kernels_content
		[ -z "$LAB_FOREBAY_PID" ] || lab_forebay_gone || law_holds
	) >"$log" 2>&1
	status=$?
	set -e
	if [ "$status" -eq 0 ]; then
		echo "ok $CASES - $name"
		return
	fi
	CASES_FAILED=$((CASES_FAILED + 1))
	echo "not ok $CASES - $name"
	{
		echo "status $status"
		tail -40 "$log"
		report
	} 2>&1 | sed 's/^/# /'
}

# One of the counters that `forebayctl get workers` has, over all workers.
sum_of() {
	lab_ctl get workers -o json |
		python3 -c 'import json, sys; print(sum(w[sys.argv[1]] for w in json.load(sys.stdin)["items"]))' "$1"
}

skip() {
	CASES=$((CASES + 1))
	echo "ok $CASES - $1 # SKIP $2"
}

done_testing() {
	echo "1..$CASES"
	exit $((CASES_FAILED > 0))
}

# What the daemon and the wires say, for a case that failed.
report() {
	local what file
	if [ -n "$LAB_FOREBAY_PID" ] && ! lab_forebay_gone; then
		for what in workers ports drops endpoints; do
			echo "-- forebayctl get $what"
			# Of the drops only those that there were.
			timeout 5 "$FB_BUILD/app/forebayctl/forebayctl" --socket "$LAB_SOCKET" get "$what" |
				awk -v what="$what" 'what != "drops" || $2 != 0' || true
		done
	else
		echo "-- forebay is not running"
	fi
	echo "-- end of forebay's log"
	tail -30 "$LAB_DIR/forebay.log" 2>/dev/null || true
	for file in "$LAB_DIR"/capture-*; do
		[ -f "$file" ] || continue
		echo "-- last packets, ${file##*/}"
		tcpdump -nn -r "$file" 2>/dev/null | tail -20 || true
	done
}

# Keep the last packets of an interface for report: capture client eth0. Not where speed is tested.
capture() {
	lab_bg "$1" "tcpdump-$1" tcpdump -Z root -i "$2" -s 128 -U -C 1 -W 2 -w "$LAB_DIR/capture-$1"
}

# Every received packet ends in one counter. Packets may be on their way: hence the waiting.
law_holds() {
	lab_wait 5 law || {
		lab_ctl get workers -o json
		echo "rx is not tx + drops + punts + answers"
		return 1
	}
}

law() {
	lab_ctl get workers -o json | python3 -c '
import json, sys
workers = json.load(sys.stdin)["items"]
total = lambda key: sum(w[key] for w in workers)
assert workers
assert total("rx_packets") == total("tx_packets") + total("drops") + total("punts") + total("answers")
'
}

# No kernel of the lab has seen a packet that it could not believe.
kernels_content() {
	local role bad
	for role in client $(seq -f 'b%g' "$LAB_BACKENDS"); do
		bad=$(lab_in "$role" nstat -asz '*CsumErrors' IpInHdrErrors Ip6InHdrErrors |
			awk '$1 !~ /^#/ && $2 > 0')
		[ -z "$bad" ] || {
			echo "the kernel of $role counts: $bad"
			return 1
		}
	done
}

# dropped REASON: how many packets, all workers together.
dropped() {
	lab_ctl get drops -o json | python3 -c '
import json, sys
print(sum(d["packets"] for d in json.load(sys.stdin)["items"] if d["reason"] == sys.argv[1]))' "$1"
}

# No kernel of the lab has broken or refused a connection since it was made. After watch_ends, a reset that
# answers a late duplicate on a connection that both sides had ended already is none of a connection.
no_resets() {
	lab_wait 5 resets_are_explained || {
		cat "$LAB_DIR/resets"
		return 1
	}
}

# Waited for, because tcpdump may write a reset later than the kernel counts it.
resets_are_explained() {
	local role late
	for role in client $(seq -f 'b%g' "$LAB_BACKENDS"); do
		late=$(resets_after_the_end "$role") || return 1
		lab_in "$role" nstat -asz TcpEstabResets TcpOutRsts TcpExtTCPAbortOnTimeout |
			awk -v role="$role" -v late="$late" '
				$1 !~ /^#/ && $2 > ($1 == "TcpOutRsts" ? late : 0) { print role, $1, $2, "after the end:", late }' || return 1
	done >"$LAB_DIR/resets"
	[ ! -s "$LAB_DIR/resets" ]
}

# Note where connections begin, end and are reset, for no_resets. Where a FIN is acknowledged late, as on a
# busy machine, its sender repeats it (RFC 8985, 7), the other side acknowledges both, and the second
# acknowledgement finds the connection closed: a kernel answers with a reset that breaks nothing.
watch_ends() {
	local role
	for role in client $(seq -f 'b%g' "$LAB_BACKENDS"); do
		lab_bg "$role" "ends-$role" tcpdump -Z root -i any -nn -l --immediate-mode \
			'tcp[13] & 7 != 0 or (ip6 proto 6 and ip6[53] & 7 != 0)'
		lab_wait 10 grep -q '^listening on' "$LAB_DIR/ends-$role.log" || lab_die "no capture in $role"
	done
}

# How many resets a kernel has sent on connections on which each side had sent its FIN before:
# resets_after_the_end ROLE
resets_after_the_end() {
	[ -f "$LAB_DIR/ends-$1.log" ] || {
		echo 0
		return
	}
	awk '
		$8 != "Flags" { next }
		{ sub(/:$/, "", $7); there = $5 " " $7; back = $7 " " $5 }
		$9 ~ /S/ { delete fin[there]; delete fin[back] }
		$9 ~ /F/ { fin[there] = 1 }
		$9 ~ /R/ && $3 == "Out" && there in fin && back in fin { late++ }
		END { print late + 0 }' "$LAB_DIR/ends-$1.log"
}

# A Service of the lab as YAML: manifest NAME MODE NUMBER PORT... -- BACKEND...
# PORT is name:PROTOCOL:port:target[:nodePort]. Its addresses end in NUMBER: 192.0.2.N and 2001:db8:f::N
# (load balancer), 10.96.0.N and fd00:96::N (cluster). A BACKEND that is no number is taken as an IPv4 and
# an IPv6 address, joined by a comma.
manifest() {
	local name=$1 mode=$2 number=$3 ports=() port family backend fields node_port
	shift 3
	while [ "$1" != -- ]; do
		ports+=("$1")
		shift
	done
	shift
	cat <<-END
		apiVersion: v1
		kind: Service
		metadata:
		  name: $name
		  annotations: {forebay.io/mode: $mode}
		spec:
		  type: LoadBalancer
		  ipFamilyPolicy: RequireDualStack
		  ipFamilies: [IPv4, IPv6]
		  clusterIP: 10.96.0.$number
		  clusterIPs: [10.96.0.$number, "fd00:96::$number"]
		  ports:
	END
	for port in "${ports[@]}"; do
		IFS=: read -ra fields <<<"$port"
		node_port=${fields[4]:+, nodePort: ${fields[4]}}
		echo "  - {name: ${fields[0]}, protocol: ${fields[1]}, port: ${fields[2]}, targetPort: ${fields[3]}$node_port}"
	done
	echo "status: {loadBalancer: {ingress: [{ip: 192.0.2.$number}, {ip: \"2001:db8:f::$number\"}]}}"
	for family in 4 6; do
		cat <<-END
			---
			apiVersion: discovery.k8s.io/v1
			kind: EndpointSlice
			metadata:
			  name: $name-$family
			  labels: {kubernetes.io/service-name: $name}
			addressType: IPv$family
			ports:
		END
		for port in "${ports[@]}"; do
			IFS=: read -ra fields <<<"$port"
			echo "- {name: ${fields[0]}, protocol: ${fields[1]}, port: ${fields[3]}}"
		done
		echo "endpoints:"
		[ $# -gt 0 ] || echo "  []"
		for backend in "$@"; do
			case $backend,$family in
			*,*,4) backend=${backend%,*} ;;
			*,*,6) backend=${backend#*,} ;;
			*,4) backend=10.1.0.$((10 + backend)) ;;
			*,6) backend=fd00:1::$((10 + backend)) ;;
			esac
			echo "- {addresses: [\"$backend\"], conditions: {ready: true}}"
		done
	done
}

# Put it where forebay looks, whole, and wait until every worker has it: service NAME MODE ...
service() {
	local before=
	[ -z "$LAB_FOREBAY_PID" ] || before=$(generation)
	manifest "$@" >"$LAB_DIR/$1.new"
	mv "$LAB_DIR/$1.new" "$LAB_DIR/manifests/$1.yaml"
	[ -n "$before" ] || return 0
	lab_wait 10 generation_after "$before" || lab_die "no new generation after $1.yaml: $(lab_ctl get workers)"
}

# The oldest generation that a worker still runs.
generation() {
	lab_ctl get workers -o json |
		python3 -c 'import json, sys; print(min(w["generation"] for w in json.load(sys.stdin)["items"]))'
}

generation_after() {
	[ "$(generation)" -gt "$1" ]
}

# requests URL COUNT: that many HTTP requests, a connection each; prints what was answered.
requests() {
	lab_in client curl -sS --fail --max-time 60 --connect-timeout 5 -H 'Connection: close' "$1/?[1-$2]"
}
