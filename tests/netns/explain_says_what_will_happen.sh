#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# explain is asked about connections before they are made: endpoint and SNAT port of the flow that each
# then gets are the ones that it named, on whichever worker.

source "$(dirname "$0")/cases.sh"

lab_up 3
lab_http
lab_config
service kept dnat 20 http:TCP:80:8080 -- 1 2 3
service hidden snat 21 http:TCP:80:8080 -- 1 2 3
lab_forebay

ready() {
	! lab_ctl get endpoints -o wide | grep -v '(ready)\|^NAME'
}
lab_wait 10 ready

# agrees FIRST-PORT ADDRESS...: ten connections to each address, from known ports.
agrees() {
	local first=$1 port=$1 addr url queries=$LAB_DIR/queries
	shift
	for addr in "$@"; do
		for _ in $(seq 10); do
			port=$((port + 1))
			case $addr in
			*:*) echo "tcp [2001:db8:c::2]:$port [$addr]:80" ;;
			*) echo "tcp 203.0.113.2:$port $addr:80" ;;
			esac
		done
	done >"$queries"
	lab_ctl explain -o json <"$queries" >"$LAB_DIR/explained"
	port=$first
	for addr in "$@"; do
		url=$addr
		[[ $addr != *:* ]] || url="[$addr]"
		for _ in $(seq 10); do
			port=$((port + 1))
			lab_in client curl -gsS --fail -m 10 --local-port "$port" "http://$url/"
		done
	done >"$LAB_DIR/answers"
	lab_ctl get flows -o json >"$LAB_DIR/flows"
	python3 - "$LAB_DIR" <<-'END'
		import json, sys
		d = sys.argv[1]
		flows = {f["client"]: f for f in json.load(open(d + "/flows"))["items"]}
		explained = [json.loads(line) for line in open(d + "/explained")]
		answers = open(d + "/answers").read().split()
		assert len(explained) == len(answers) > 0
		for e, answer in zip(explained, answers):
		    flow = flows[e["query"].split()[1]]
		    said = (e["verdict"], e["endpoint"], e["snat"] or "", e["worker"])
		    seen = ("forward", flow["endpoint"], flow.get("snat") or "", flow["worker"])
		    assert said == seen, (e["query"], said, seen)
		    assert flow["packets"] >= 8, flow  # a request's, both ways
		    last = e["endpoint"].rsplit(":", 1)[0].strip("[]").replace(":", ".").split(".")[-1]
		    assert answer == f"backend-{int(last) - 10}", (e, answer)
	END
}

check "the client's address is kept" agrees 20000 192.0.2.20 2001:db8:f::20
check "the client's address is hidden" agrees 21000 192.0.2.21 2001:db8:f::21
done_testing
