#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# 100 MB down (curl, nginx) and up (socat), both families, both ways of translating: the same bytes,
# no connection reset.

source "$(dirname "$0")/cases.sh"

lab_up 3
lab_http
lab_config
service kept dnat 20 http:TCP:80:8080 upload:TCP:9000:9000 -- 1 2 3
service hidden snat 21 http:TCP:80:8080 upload:TCP:9000:9000 -- 1 2 3
lab_forebay

head -c 100M /dev/urandom >"$LAB_DIR/www/big"
sum=$(sha256sum <"$LAB_DIR/www/big")

# The server's answer to an upload is the sum of what it got.
for n in 1 2 3; do
	lab_bg "b$n" "upload-$n" \
		socat TCP6-LISTEN:9000,ipv6only=0,fork,reuseaddr,backlog=16 EXEC:sha256sum
	lab_listening "b$n" 9000
done

downloads() {
	[ "$(lab_in client curl -sS --fail --max-time 60 "http://$1/files/big" | sha256sum)" = "$sum" ]
}

uploads() {
	[ "$(lab_in client socat -t 30 -T 60 STDIO "TCP:$1:9000" <"$LAB_DIR/www/big")" = "$sum" ]
}

for service in kept:20 hidden:21; do
	for host in "192.0.2.${service#*:}" "[2001:db8:f::${service#*:}]"; do
		check "${service%:*}: 100 MB down from $host" downloads "$host"
		check "${service%:*}: 100 MB up to $host" uploads "$host"
	done
done
check "no connection was reset" no_resets
done_testing
