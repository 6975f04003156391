#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# iperf3 over TCP and UDP, forth and back, both families, both ways of translating. It opens a control
# connection and streams beside it, which have to meet at one server: the Service has one endpoint.

source "$(dirname "$0")/cases.sh"

lab_up 1
lab_config
service kept dnat 20 tcp:TCP:5201:5201 udp:UDP:5201:5201 -- 1
service hidden snat 21 tcp:TCP:5201:5201 udp:UDP:5201:5201 -- 1
lab_forebay
lab_bg b1 iperf3 iperf3 -s
lab_listening b1 5201

# The stream moves all the time, and little UDP is lost. Two CPUs are shared by both kernels, iperf3
# twice, the workers and whatever else this machine does, so UDP has three tries.
udp() {
	iperf "$@" -u -b 50M -l 1400 || iperf "$@" -u -b 50M -l 1400 || iperf "$@" -u -b 50M -l 1400
}

iperf() {
	lab_in client iperf3 --json --connect-timeout 5000 -t 2 -i 0.5 "$@" >"$LAB_DIR/iperf.json"
	python3 - "$LAB_DIR/iperf.json" <<-'END'
		import json, sys
		run = json.load(open(sys.argv[1]))
		assert "error" not in run, run["error"]
		end, moved = run["end"], [i["sum"]["bytes"] for i in run["intervals"]]
		print("bytes per interval:", moved)
		assert all(moved), "it stalled"
		if run["start"]["test_start"]["protocol"] == "UDP":
		    lost = end["sum"]["lost_percent"]
		    print("lost:", lost, "%")
		    assert lost < 5
		else:
		    assert end["sum_received"]["bytes"] > 10e6
	END
}

for service in kept:20 hidden:21; do
	for host in "192.0.2.${service#*:}" "2001:db8:f::${service#*:}"; do
		name="${service%:*}: $host"
		check "$name: TCP to the server" iperf -c "$host"
		check "$name: TCP from the server" iperf -c "$host" -R
		check "$name: UDP to the server" udp -c "$host"
		check "$name: UDP from the server" udp -c "$host" -R
	done
done
done_testing
