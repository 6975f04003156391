#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Load balancers in front ask the healthCheckNodePort of a Service with policy Local whether the box serves
# it.

source "$(dirname "$0")/cases.sh"

lab_up 1
lab_http
lab_config

# web READY [PORT]: with an endpoint of each family, and another that terminates.
web() {
	local family
	cat <<-END
		apiVersion: v1
		kind: Service
		metadata: {name: web}
		spec:
		  type: LoadBalancer
		  externalTrafficPolicy: Local
		  clusterIPs: [10.96.0.20, "fd00:96::20"]
		  ${2:+healthCheckNodePort: $2}
		  ports: [{port: 80, targetPort: 8080}]
		status: {loadBalancer: {ingress: [{ip: 192.0.2.20}, {ip: "2001:db8:f::20"}]}}
	END
	for family in 4 6; do
		address=10.1.0.1
		[ $family = 4 ] || address=fd00:1::1
		cat <<-END
			---
			apiVersion: discovery.k8s.io/v1
			kind: EndpointSlice
			metadata: {name: web-$family, labels: {kubernetes.io/service-name: web}}
			addressType: IPv$family
			ports: [{port: 8080}]
			endpoints:
			- {addresses: ["${address}1"], conditions: {ready: $1, serving: true, terminating: $([ "$1" = true ] && echo false || echo true)}}
			- {addresses: ["${address}2"], conditions: {ready: false, serving: true, terminating: true}}
		END
	done
}

put() {
	local before
	before=$(generation)
	web "$@" >"$LAB_DIR/new"
	mv "$LAB_DIR/new" "$LAB_DIR/manifests/web.yaml"
	lab_wait 10 generation_after "$before"
}

web true 31999 >"$LAB_DIR/manifests/web.yaml"
lab_forebay

# asked URL CODE ENDPOINTS: as a load balancer asks.
asked() {
	lab_in client curl -sS --max-time 10 -D "$LAB_DIR/head" -o "$LAB_DIR/body" "$1/any/path"
	cat "$LAB_DIR/head" "$LAB_DIR/body"
	grep -q "^HTTP/1.1 $2 " "$LAB_DIR/head"
	grep -qi "^X-Load-Balancing-Endpoint-Weight: $3" "$LAB_DIR/head"
	python3 -c '
import json, sys
assert json.load(open(sys.argv[1])) == {
    "service": {"namespace": "default", "name": "web"},
    "localEndpoints": int(sys.argv[2]),
    "serviceProxyHealthy": True,
}' "$LAB_DIR/body" "$3"
}

# Traffic still flows, to who terminates and serves: the check is for what comes next.
served() {
	[ "$(requests http://192.0.2.20 5 | sort -u)" = backend-1 ]
}

refused() {
	local status=0
	lab_in client curl -sS --connect-timeout 2 "http://203.0.113.1:$1/" || status=$?
	[ "$status" -eq 7 ]
}

# The Service is LoadBalancer and Local, so that one is allotted.
allotted() {
	local port
	port=$(lab_ctl describe service web -o json | python3 -c '
import json, sys
print(json.load(sys.stdin)["health_check"]["node_port"])')
	echo "port $port"
	[ "$port" -ge 30000 ] && [ "$port" -le 32767 ]
	asked "http://203.0.113.1:$port" 200 1
}

many() {
	local n
	n=$(lab_in client curl -sS --max-time 30 "http://203.0.113.1:31999/[1-200]" | grep -c localEndpoints)
	[ "$n" = 200 ]
}

check "200 with the number of ready endpoints" asked http://203.0.113.1:31999 200 1
check "over IPv6, too" asked "http://[2001:db8:c::1]:31999" 200 1
check "on each of the box's addresses" asked http://10.1.0.1:31999 200 1
check "again and again" many
put false 31999
check "503 when all of them terminate" asked http://203.0.113.1:31999 503 0
check "while they are still served" served
put true
check "on an allotted port where none is given" allotted
check "and no longer on the old one" refused 31999
done_testing
