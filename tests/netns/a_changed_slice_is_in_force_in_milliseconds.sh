#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Packets of new flows go on all the time while the only endpoint of their Service changes, beside 2,000
# other Services. tests/bench/publish measures it; here it is held to its promise of no loss, and loosely to
# its time, since the machine may be busy.

source "$(dirname "$0")/cases.sh"

lab_up 2
lab_config
bench=$(dirname "$0")/../bench
python3 "$bench/publish.py" --write "$LAB_DIR/manifests/cluster.json" --services 2000
lab_forebay

published() {
	python3 "$bench/publish.py" --lab "$LAB_ID" --socket "$LAB_SOCKET" --manifests "$LAB_DIR/manifests" \
		--services 2000 --changes 15 --json >"$LAB_DIR/published"
}

# CASE FIELD MOST
at_most() {
	python3 - "$LAB_DIR/published" "$@" <<-'END'
		import json, sys
		case = next(o for o in json.load(open(sys.argv[1])) if o["case"] == sys.argv[2])
		print(case)
		sys.exit(not (case["changes"] >= 10 and case[sys.argv[3]] <= float(sys.argv[4])))
	END
}

check "a slice changes fifteen times, by file and by apply, under packets" published
check "by apply: no packet is lost" at_most apply lost 0
check "by apply: half of the changes are in force within 20 ms" at_most apply median_ms 20
check "by file: no packet is lost" at_most file lost 0
check "by file: half of the changes are in force within 20 ms" at_most file median_ms 20
done_testing
