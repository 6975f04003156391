#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# scripts/soak for SOAK_SECONDS (20): what it finds in half an hour it is asked for by hand.

cd "$(dirname "$0")/../.." || exit 1

child=
trap '[ -z "$child" ] || kill -TERM "$child" 2>/dev/null; wait; exit 143' TERM INT HUP
scripts/soak "${SOAK_SECONDS:-20}s" > >(sed 's/^/# /') 2>&1 &
child=$!
if wait "$child"; then
	echo "ok 1 - everything at once, with restarts and links that go down, ends with a good verdict"
else
	echo "not ok 1 - everything at once, with restarts and links that go down, ends with a good verdict"
fi
echo "1..1"
