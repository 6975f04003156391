#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Services without addresses and NodePorts get them, and keep them: over restarts, crashes, other names of
# files, a lost memory and a full disk.

source "$(dirname "$0")/cases.sh"

lab_up 2
lab_http
LAB_EXTRA="services:
  cluster-cidrs: [10.96.0.0/24, 'fd00:96::/120']
  pools:
  - {name: one, addresses: [192.0.2.77], namespaces: [small]}
  - {name: wide, addresses: [192.0.2.128/25, '2001:db8:f::100/120']}"
lab_config

# bare NAME NAMESPACE SPEC...: a Service that has nothing but its ports, and its endpoints.
bare() {
	local family address
	cat <<-END
		apiVersion: v1
		kind: Service
		metadata: {name: $1, namespace: $2}
		spec: {type: LoadBalancer, ports: [{port: 80, targetPort: 8080}], ${3-}}
	END
	for family in 4 6; do
		address=10.1.0.1
		[ $family = 4 ] || address=fd00:1::1
		cat <<-END
			---
			apiVersion: discovery.k8s.io/v1
			kind: EndpointSlice
			metadata: {name: $1-$family, namespace: $2, labels: {kubernetes.io/service-name: $1}}
			addressType: IPv$family
			ports: [{port: 8080}]
			endpoints: [{addresses: ["${address}1"]}, {addresses: ["${address}2"]}]
		END
	done
}

# put FILE ARGUMENT...: into the directory, and wait for it.
put() {
	local before file=$1
	shift
	before=$(generation)
	bare "$@" >"$LAB_DIR/new"
	mv "$LAB_DIR/new" "$LAB_DIR/manifests/$file.yaml"
	lab_wait 10 generation_after "$before"
}

take() {
	local before
	before=$(generation)
	rm "$LAB_DIR/manifests/$1.yaml"
	lab_wait 10 generation_after "$before"
}

# field NAMESPACE NAME KEY: of `get services`, lists joined by a space.
field() {
	lab_ctl get services "$2" -n "$1" -o json | python3 -c '
import json, sys
items = json.load(sys.stdin)
items = items["items"] if isinstance(items, dict) and "items" in items else items
item = items[0] if isinstance(items, list) else items
print(*(item[sys.argv[1]] if isinstance(item[sys.argv[1]], list) else [item[sys.argv[1]]]))' "$3"
}

for name in a b c; do
	bare $name default "ipFamilyPolicy: RequireDualStack" >"$LAB_DIR/manifests/$name.yaml"
done
lab_forebay

# All that was allotted, in one text.
everything() {
	lab_ctl get services -A -o json | python3 -c '
import json, sys
items = json.load(sys.stdin)
items = items["items"] if isinstance(items, dict) else items
for o in sorted(items, key=lambda o: o["name"]):
    print(o["name"], o["cluster_ips"], o["external_ips"], [p.get("node_port") for p in o["ports"]])'
}

answers() {
	local address
	for address in $(field default "$1" cluster_ips) $(field default "$1" external_ips); do
		case $address in *:*) address="[$address]" ;; esac
		[ "$(requests "http://$address" 30 | sort -u | tr '\n' ' ')" = "backend-1 backend-2 " ]
	done
}

node_port_answers() {
	local port
	port=$(lab_ctl get services a -n default | grep -oE '80:3[0-9]{4}/TCP' | grep -oE '3[0-9]{4}')
	[ "$port" -ge 30000 ] && [ "$port" -le 32767 ]
	[ "$(requests "http://203.0.113.1:$port" 30 | sort -u | tr '\n' ' ')" = "backend-1 backend-2 " ]
}

shown() {
	lab_ctl get services a -n default | tail -1 | grep -E '10\.96\.0\.[0-9]+.*192\.0\.2\.[0-9]+'
	lab_ctl get services a -n default -o yaml | grep -q 'ip: "192\.0\.2\.'
}

# As it was written to $LAB_DIR/before.
same() {
	everything >"$LAB_DIR/after"
	diff "$LAB_DIR/before" "$LAB_DIR/after"
}

# The state's truth is the file: it holds what no hash would give, once it was edited.
from_the_file() {
	[ "$(field default a external_ips | cut -d' ' -f1)" = 192.0.2.199 ]
	answers a
}

exhausted() {
	put small1 first small
	put small2 second small
	[ "$(field small first external_ips)" = 192.0.2.77 ]
	[ "$(field small second external_ips)" = 192.0.2.77 ] && return 1
	lab_ctl get services second -n small | grep -q '192\.0\.2\.\(1[3-9]\|2\)\|<pending>'
}

refused() {
	put outside outside default "loadBalancerIP: 198.51.100.9"
	lab_ctl get services outside -n default | grep -q '<pending>'
	lab_ctl describe service default/outside | grep -q '^Lacks: .*198\.51\.100\.9 is in no pool'
	lab_ctl get status | grep -q '^Lacking .*default/outside: 198\.51\.100\.9 is in no pool'
	grep -q 'outside\.yaml:1:1: Service default/outside: 198\.51\.100\.9 is in no pool' "$LAB_DIR/forebay.log"
	take outside
}

conflict() {
	local address
	address=$(field default a external_ips | cut -d' ' -f1)
	put taker taker default "loadBalancerIP: $address"
	lab_ctl describe service default/taker | grep -q "^Lacks: .*$address was allotted to default/a"
	answers a
	take taker
}

broken_file() {
	grep -q 'allotted\.json:2:1: ' "$LAB_DIR/forebay.log"
	grep -q 'it is now .*allotted\.json\.broken' "$LAB_DIR/forebay.log"
	[ -f "$LAB_DIR/state/allotted.json.broken" ]
	[ -s "$LAB_DIR/state/allotted.json" ]
	answers b
}

# Told once, and it goes on; with room it is written.
full_disk() {
	[ "$(grep -c 'allotted\.json: cannot be written: No space left' "$LAB_DIR/forebay.log")" = 1 ]
	answers b
	rm "$LAB_DIR/full/zeros"
	lab_wait 5 test -s "$LAB_DIR/full/allotted.json"
	lab_wait 5 grep -q 'allotted\.json: is written again' "$LAB_DIR/forebay.log"
}

offline_agrees() {
	"$FB_BUILD/app/forebayctl/forebayctl" explain --offline --config "$LAB_CONFIG" -f "$LAB_DIR/manifests" \
		tcp 203.0.113.2:40000 "$(field default b cluster_ips | cut -d' ' -f1):80" | grep -q default/b
}

check "Services without addresses are answered on what they were allotted, a" answers a
check "and b" answers b
check "and on the NodePort" node_port_answers
check "it is shown" shown
everything >"$LAB_DIR/before"
lab_forebay_stop TERM
lab_forebay
check "a restart changes nothing" same
lab_forebay_stop KILL
lab_forebay
check "nor does a crash" same
lab_forebay_stop TERM
mv "$LAB_DIR/manifests/a.yaml" "$LAB_DIR/manifests/z.yaml"
mv "$LAB_DIR/manifests/c.yaml" "$LAB_DIR/manifests/0.yaml"
lab_forebay
check "nor do other names of the files" same
lab_forebay_stop TERM
sed -i "s/\"$(awk -F"'" '$1 ~ /^a / { print $6; exit }' "$LAB_DIR/before")\"/\"192.0.2.199\"/" "$LAB_DIR/state/allotted.json"
lab_forebay
check "what counts after a restart is the file" from_the_file
check "an address outside of the pools is refused, with the reason" refused
check "an address that another was allotted is refused, and both are named" conflict
check "a small pool goes to the first, the other gets the next pool's" exhausted
lab_forebay_stop TERM
echo '{"version": 1, "services": [oops' >"$LAB_DIR/state/allotted.json"
lab_forebay
check "without a memory the daemon says so and goes on" broken_file
lab_forebay_stop TERM
mkdir "$LAB_DIR/full"
mount -t tmpfs -o size=4k tmpfs "$LAB_DIR/full"
# It goes with whoever holds it last, however this script ends.
trap 'umount -l "$LAB_DIR/full"; lab_down' EXIT
head -c 4096 /dev/zero >"$LAB_DIR/full/zeros"
sed -i "s|^state-dir: .*|state-dir: $LAB_DIR/full|" "$LAB_CONFIG"
lab_forebay
check "so it does with a full disk, and writes when there is room" full_disk
check "offline, without a memory, it comes out the same" offline_agrees
done_testing
