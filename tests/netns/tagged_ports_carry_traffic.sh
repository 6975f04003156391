#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Both ports in VLAN 100. The tags are put on and taken off by tc programs at the far ends of the veths,
# because a kernel may be built without VLANs.

source "$(dirname "$0")/cases.sh"

lab_up 3
capture client eth0
lab_http
LAB_VLAN=100 lab_config
service kept dnat 20 http:TCP:80:8080 -- 1 2 3
service hidden snat 21 http:TCP:80:8080 -- 1 2 3

clang -O2 -g -target bpf -I"/usr/include/$(gcc -print-multiarch)" -DVID=100 \
	-c "$(dirname "$0")/vlan.bpf.c" -o "$LAB_DIR/vlan.o"
for end in client:eth0 net:box; do
	lab_in "${end%:*}" tc qdisc add dev "${end#*:}" clsact
	lab_in "${end%:*}" tc filter add dev "${end#*:}" egress bpf da obj "$LAB_DIR/vlan.o" sec tc_push
	lab_in "${end%:*}" tc filter add dev "${end#*:}" ingress bpf da obj "$LAB_DIR/vlan.o" sec tc_pop
done
lab_forebay

head -c 10M /dev/urandom >"$LAB_DIR/www/file"

transfers() {
	lab_in client curl -sS --fail --max-time 30 "$1/files/file" | cmp - "$LAB_DIR/www/file"
}

# Untagged frames are not this port's.
untagged_is_dropped() {
	local before
	before=$(dropped vlan)
	lab_in client tc filter del dev eth0 egress
	lab_in client ping -c 3 -i 0.1 -W 1 203.0.113.1 && return 1
	[ $(($(dropped vlan) - before)) -ge 3 ]
}

for host in 192.0.2.20 "[2001:db8:f::20]" 192.0.2.21 "[2001:db8:f::21]"; do
	check "requests to $host" requests "http://$host" 30
	check "10 MB from $host" transfers "http://$host"
done
check "the box is pinged through the tag" lab_in client ping -c 3 -i 0.05 -W 2 203.0.113.1
check "an untagged frame is dropped and counted" untagged_is_dropped
done_testing
