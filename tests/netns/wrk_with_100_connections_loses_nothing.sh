#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause

source "$(dirname "$0")/cases.sh"

lab_up 3
lab_http
lab_config
service kept dnat 20 http:TCP:80:8080 -- 1 2 3
service hidden snat 21 http:TCP:80:8080 -- 1 2 3
lab_forebay

# wrk names errors only where there were some.
wrk_runs() {
	lab_in client wrk -t 1 -c 100 -d 3 --timeout 5 "$@" | tee "$LAB_DIR/wrk"
	grep -q '^Requests/sec: *[1-9]' "$LAB_DIR/wrk"
	if grep -E 'Socket errors|Non-2xx' "$LAB_DIR/wrk"; then
		return 1
	fi
}

for service in kept:20 hidden:21; do
	for host in "192.0.2.${service#*:}" "[2001:db8:f::${service#*:}]"; do
		check "${service%:*}: 100 kept connections to $host" wrk_runs "http://$host/"
		check "${service%:*}: a connection for each request to $host" \
			wrk_runs -H 'Connection: close' "http://$host/"
	done
done
done_testing
