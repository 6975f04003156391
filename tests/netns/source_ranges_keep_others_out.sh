#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# loadBalancerSourceRanges: who is outside of them is dropped at the load balancer's addresses alone.

source "$(dirname "$0")/cases.sh"

lab_up 1
capture client eth0
lab_http
lab_config

# filtered NAME NUMBER NODE_PORT RANGE...
filtered() {
	local name=$1 number=$2 node_port=$3
	shift 3
	manifest "$name" dnat "$number" "http:TCP:80:8080:$node_port" -- 1 |
		sed "s|^  type: LoadBalancer|&\n  loadBalancerSourceRanges: [$(printf '"%s", ' "$@")]|"
}

filtered inside 20 30020 198.51.100.0/24 203.0.113.0/30 2001:db8:c::/64 >"$LAB_DIR/manifests/inside.yaml"
filtered outside 21 30021 198.51.100.0/24 203.0.113.4/30 2001:db8:d::/64 >"$LAB_DIR/manifests/outside.yaml"
filtered other 22 30022 2001:db8:d::/64 >"$LAB_DIR/manifests/other.yaml"
lab_forebay

silent() {
	local before status=0
	before=$(dropped source-range)
	lab_in client curl -sS --connect-timeout 2 "$1/" || status=$?
	[ "$status" -eq 28 ] && [ "$(dropped source-range)" -gt "$before" ]
}

for host in 192.0.2.20 "[2001:db8:f::20]"; do
	check "a client inside of a range is served, $host" requests "http://$host" 10
done
for host in 192.0.2.21 "[2001:db8:f::21]"; do
	check "a client outside is dropped, $host" silent "http://$host"
done
for host in 10.96.0.21 "[fd00:96::21]" 203.0.113.1:30021 "[2001:db8:c::1]:30021"; do
	check "but not at other addresses, $host" requests "http://$host" 10
done
check "ranges of one family leave the other open" requests http://192.0.2.22 10
check "and close their own" silent "http://[2001:db8:f::22]"
done_testing
