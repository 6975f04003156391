#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# services.node-name: policies Local choose the node's own endpoints, and drop where it has none.

source "$(dirname "$0")/cases.sh"

lab_up 2
capture client eth0
lab_http
LAB_MODE=snat
LAB_EXTRA="services: {node-name: n1}"
lab_config

# local_service NAME NUMBER NODE NODE: the nodes of the two backends.
local_service() {
	local family address n
	cat <<-END
		apiVersion: v1
		kind: Service
		metadata: {name: $1}
		spec:
		  type: LoadBalancer
		  externalTrafficPolicy: Local
		  clusterIP: 10.96.0.$2
		  clusterIPs: [10.96.0.$2, "fd00:96::$2"]
		  ports: [{port: 80, targetPort: 8080}]
		status: {loadBalancer: {ingress: [{ip: 192.0.2.$2}, {ip: "2001:db8:f::$2"}]}}
	END
	for family in 4 6; do
		address=10.1.0.1
		[ $family = 4 ] || address=fd00:1::1
		cat <<-END
			---
			apiVersion: discovery.k8s.io/v1
			kind: EndpointSlice
			metadata: {name: $1-$family, labels: {kubernetes.io/service-name: $1}}
			addressType: IPv$family
			ports: [{port: 8080}]
			endpoints:
			- {addresses: ["${address}1"], nodeName: $3}
			- {addresses: ["${address}2"], nodeName: $4}
		END
	done
}

local_service here 20 n1 n2 >"$LAB_DIR/manifests/here.yaml"
local_service there 21 n2 n2 >"$LAB_DIR/manifests/there.yaml"
lab_forebay

# only URL BACKEND...: these answered 30 requests, and nobody else.
only() {
	[ "$(requests "$1" 30 | sort -u | tr '\n' ' ')" = "$2 " ]
}

seen_as() {
	[ "$(lab_in client curl -sS --fail --max-time 10 "$1/client")" = "$2" ]
}

# Silently: the client waits until its own time is up. curl's 28 is a timeout, 7 a refusal.
silent() {
	local before status=0
	before=$(dropped no-local-endpoint)
	lab_in client curl -sS --connect-timeout 2 "$1/" || status=$?
	[ "$status" -eq 28 ] && [ "$(dropped no-local-endpoint)" -gt "$before" ]
}

for host in 192.0.2.20 "[2001:db8:f::20]"; do
	check "the outside reaches the node's own endpoint, $host" only "http://$host" backend-1
done
check "which sees the client, IPv4" seen_as http://192.0.2.20 203.0.113.2
check "which sees the client, IPv6" seen_as "http://[2001:db8:f::20]" 2001:db8:c::2
for host in 10.96.0.20 "[fd00:96::20]"; do
	check "the ClusterIP reaches them all, $host" only "http://$host" "backend-1 backend-2"
done
for host in 192.0.2.21 "[2001:db8:f::21]"; do
	check "with endpoints on other nodes only it is dropped, $host" silent "http://$host"
done
check "while the ClusterIP answers" only http://10.96.0.21 "backend-1 backend-2"
done_testing
