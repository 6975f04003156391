#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# services.targets: nodes. The backends are nodes here, whose kernels hand what comes to a NodePort on to
# pods by nftables, as kube-proxy has them do.

source "$(dirname "$0")/cases.sh"

lab_up 3
lab_http
LAB_MODE=snat
LAB_EXTRA="services: {targets: nodes}"
lab_config

# node_port NODE PORT POD...: that node's kernel deals a NodePort out to pods, by turns; with no pod it is
# dropped, as with policy Local. A pod is a backend, whose nginx is at its node's address.
node_port() {
	local node=b$1 port=$2 family rule n pod address
	shift 2
	lab_in "$node" nft -f - <<-END
		add table inet kube
		add chain inet kube nodeports { type nat hook prerouting priority dstnat; }
		add chain inet kube hide { type nat hook postrouting priority srcnat; }
		add chain inet kube refuse { type filter hook prerouting priority mangle; }
		add counter inet kube port$port
	END
	if [ $# -eq 0 ]; then
		lab_in "$node" nft add rule inet kube refuse tcp dport "$port" counter name "port$port" drop
		return
	fi
	for family in ip ip6; do
		rule=
		n=0
		for pod in "$@"; do
			address=10.1.0.$((10 + pod))
			[ $family = ip ] || address=fd00:1::$((10 + pod))
			rule="$rule${rule:+, }$n : $address"
			n=$((n + 1))
		done
		lab_in "$node" nft -f - <<-END
			add rule inet kube nodeports meta nfproto $([ $family = ip ] && echo ipv4 || echo ipv6) \
				tcp dport $port counter name port$port dnat $family to numgen inc mod $# map { $rule } : 8080
		END
	done
}

# Where the pods are elsewhere, the node hides the client, as kube-proxy does with policy Cluster.
hide() {
	local node=b$1
	lab_in "$node" sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	lab_in "$node" nft add rule inet kube hide meta l4proto tcp ct status dnat ct original proto-dst 30080 masquerade
}

# node NUMBER READY [LABEL]
node() {
	cat <<-END
		---
		apiVersion: v1
		kind: Node
		metadata: {name: n$1, labels: {${3-}}}
		status:
		  addresses: [{type: Hostname, address: n$1}, {type: InternalIP, address: 10.1.0.1$1}, {type: InternalIP, address: "fd00:1::1$1"}]
		  conditions: [{type: MemoryPressure, status: "False"}, {type: Ready, status: "$2"}]
	END
}

# web NAME NUMBER NODEPORT POLICY NODE...: a Service with an endpoint on each of these nodes; one that
# stands there twice has two.
web() {
	local name=$1 number=$2 node_port=$3 policy=$4 family n=0 node
	shift 4
	cat <<-END
		---
		apiVersion: v1
		kind: Service
		metadata: {name: $name}
		spec:
		  type: LoadBalancer
		  externalTrafficPolicy: $policy
		  clusterIPs: [10.96.0.$number, "fd00:96::$number"]
		  ports: [{port: 80, targetPort: 8080, nodePort: $node_port}]
		status: {loadBalancer: {ingress: [{ip: 192.0.2.$number}, {ip: "2001:db8:f::$number"}]}}
	END
	for family in 4 6; do
		cat <<-END
			---
			apiVersion: discovery.k8s.io/v1
			kind: EndpointSlice
			metadata: {name: $name-$family, labels: {kubernetes.io/service-name: $name}}
			addressType: IPv$family
			ports: [{port: 8080}]
			endpoints:
		END
		for node in "$@"; do
			n=$((n + 1))
			# Pods' own addresses, which nobody here has a route to.
			if [ $family = 4 ]; then
				echo "- {addresses: [10.244.$node.$n], nodeName: n$node}"
			else
				echo "- {addresses: [\"fd00:244:$node::$n\"], nodeName: n$node}"
			fi
		done
	done
}

for n in 1 2 3; do
	node_port $n 30080 2 3
	hide $n
done
node_port 1 30081
node_port 2 30081 2
node_port 3 30081 3

web all 20 30080 Cluster 2 3 >"$LAB_DIR/manifests/all.yaml"
web local 21 30081 Local 2 2 2 3 >"$LAB_DIR/manifests/local.yaml"
for n in 1 2 3; do
	node $n True >"$LAB_DIR/manifests/n$n.yaml"
done
lab_forebay

# change NODE READY [LABEL]: as the cluster says it now.
change() {
	local before
	before=$(generation)
	node "$@" >"$LAB_DIR/new"
	mv "$LAB_DIR/new" "$LAB_DIR/manifests/n$1.yaml"
	lab_wait 10 generation_after "$before"
}

# passed NODE PORT: how many connections that node's kernel has taken at a NodePort.
passed() {
	lab_in "b$1" nft -j list counter inet kube "port$2" |
		python3 -c 'import json, sys; print(json.load(sys.stdin)["nftables"][1]["counter"]["packets"])'
}

# through "NODE..." PORT URL: 60 requests are answered, and these nodes' NodePorts took them, all of them.
through() {
	local n before=() after=()
	for n in 1 2 3; do
		before+=("$(passed "$n" "$2")")
	done
	requests "$3" 60 >"$LAB_DIR/answers"
	[ "$(wc -l <"$LAB_DIR/answers")" = 60 ]
	for n in 1 2 3; do
		after+=($(($(passed "$n" "$2") - before[n - 1])))
	done
	echo "connections at the nodes: ${after[*]}"
	[ $((after[0] + after[1] + after[2])) = 60 ]
	for n in 1 2 3; do
		if [[ " $1 " = *" $n "* ]]; then
			[ "${after[n - 1]}" -gt 0 ]
		else
			[ "${after[n - 1]}" = 0 ]
		fi
	done
}

# Three endpoints on one node and one on the other: three quarters of 400, give or take five deviations
# of a coin that falls so (43).
weighted() {
	local n
	n=$(requests "$1" 400 | grep -c backend-2)
	echo "$n of 400 at the node with three of four endpoints"
	[ "$n" -gt 257 ] && [ "$n" -lt 343 ]
}

seen_as() {
	[ "$(lab_in client curl -sS --fail --max-time 10 "$1/client")" = "$2" ]
}

weight_shown() {
	grep -q 'weight 3' <(lab_ctl describe service local)
	lab_ctl get endpoints -o wide | grep -q '10\.1\.0\.12:30081'
}

for host in 192.0.2.20 "[2001:db8:f::20]"; do
	check "all nodes' NodePorts take turns, $host" through "1 2 3" 30080 "http://$host"
done
check "the ClusterIP goes there too" through "1 2 3" 30080 http://10.96.0.20
for host in 192.0.2.21 "[2001:db8:f::21]"; do
	check "with policy Local only nodes with endpoints, $host" through "2 3" 30081 "http://$host"
done
check "in proportion to how many they have" weighted http://192.0.2.21
check "in proportion to how many they have, IPv6" weighted "http://[2001:db8:f::21]"
check "the weights are shown" weight_shown
check "pods see the client, IPv4" seen_as http://192.0.2.21 203.0.113.2
check "pods see the client, IPv6" seen_as "http://[2001:db8:f::21]" 2001:db8:c::2
change 2 False
check "a node that is not ready is left out" through "1 3" 30080 http://192.0.2.20
check "with policy Local, too" through "3" 30081 http://192.0.2.21
change 2 True
check "and is back when it is" through "1 2 3" 30080 http://192.0.2.20
change 3 True "node.kubernetes.io/exclude-from-external-load-balancers: ''"
check "a node that is labelled out takes nothing new" through "1 2" 30080 "http://[2001:db8:f::20]"
done_testing
