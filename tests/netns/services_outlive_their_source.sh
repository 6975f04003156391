#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Starts without the manifests, or with broken ones: what they said when they were last good is served, and
# only until they are there again.

source "$(dirname "$0")/cases.sh"

lab_up 2
lab_http
lab_config
service one snat 20 http:TCP:80:8080 -- 1
service two dnat 21 http:TCP:80:8080 -- 2
service cut snat 22 http:TCP:80:8080 -- 2
lab_forebay

copies() {
	[ "$(find "$LAB_DIR/state/sources" -type f 2>/dev/null | wc -l)" -eq "$1" ]
}

serves() {
	[ "$(requests "http://192.0.2.$1" 3 | sort -u)" = "backend-$2" ]
}

serves_not() {
	! requests "http://192.0.2.$1" 1
}

status_says() {
	lab_ctl get status | grep -E "$1"
}

again() {
	lab_forebay_stop "$1"
	lab_forebay
}

# The directory is gone: a disk that is not mounted, a share that is not there.
without_the_directory() {
	serves 20 1
	serves 21 2
	serves_not 22
	status_says "^Missing .*/manifests"
	status_says "^File .*/one.yaml: .*as it was when it was last good"
	lab_in box curl -sS http://127.0.0.1:9464/metrics | grep -x 'forebay_files_from_copy 2'
	grep -q 'one.yaml: what it said when it was last good is in force' "$LAB_DIR/forebay.log"
}

directory_is_back() {
	lab_wait 10 serves 20 2
	lab_wait 10 serves_not 21
	serves_not 22
	status_says Missing && return 1
	status_says "last good" && return 1
	lab_wait 10 copies 1
}

# It has an error: what was good of it stays, as it does in a forebay that runs.
with_a_broken_file() {
	serves 20 2
	status_says "^File .*/one.yaml: [1-9].*as it was when it was last good"
	grep -qE 'one.yaml:[0-9]+:[0-9]+: ' "$LAB_DIR/forebay.log"
}

mended() {
	lab_wait 10 serves 20 1
	! status_says "last good"
}

without_a_file_that_was_removed() {
	serves_not 20
	copies 0
}

check "copies are made of what is good" lab_wait 10 copies 3
lab_forebay_stop KILL
mv "$LAB_DIR/manifests" "$LAB_DIR/elsewhere"
truncate -s -1 "$LAB_DIR"/state/sources/cut.yaml.*
lab_forebay
check "a start without the directory serves what it said last" without_the_directory
rm "$LAB_DIR/elsewhere/two.yaml" "$LAB_DIR/elsewhere/cut.yaml"
manifest one snat 20 http:TCP:80:8080 -- 2 >"$LAB_DIR/elsewhere/one.yaml"
mv "$LAB_DIR/elsewhere" "$LAB_DIR/manifests"
check "when it is there again it counts, also for what it lacks" directory_is_back
lab_forebay_stop TERM
cp "$LAB_DIR/manifests/one.yaml" "$LAB_DIR/good"
sed -i 's/port: 80,/port: 80000,/; s/^apiVersion: disc.*/apiVersion: [/' "$LAB_DIR/manifests/one.yaml"
lab_forebay
check "a start with a broken file serves what it said last" with_a_broken_file
manifest one snat 20 http:TCP:80:8080 -- 1 >"$LAB_DIR/new"
mv "$LAB_DIR/new" "$LAB_DIR/manifests/one.yaml"
check "mended, it counts" mended
lab_forebay_stop TERM
rm "$LAB_DIR/manifests/one.yaml"
lab_forebay
check "a file that was removed meanwhile is not brought back" without_a_file_that_was_removed
done_testing
