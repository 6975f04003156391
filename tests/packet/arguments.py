#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What is wrong with forebay-replay's arguments and files is said in one sentence, once. Usage:
arguments.py FOREBAY-REPLAY"""

import subprocess
import sys
import tempfile
from pathlib import Path

replay = sys.argv[1]
config = """
ports: [{name: lan, device: none0, addresses: [192.0.2.1/24]}]
"""
cases = (
    # arguments, exit status, first line of what is said
    ([], 2, "forebay-replay: --config FILE is missing"),
    (["-c", "CONFIG"], 2, "forebay-replay: --in PORT=PCAP is missing: there are no frames to run"),
    (["-c", "CONFIG", "--in", "lan"], 2, "forebay-replay: --in lan: expected PORT=PCAP, such as lan=in.pcap"),
    (["-c", "CONFIG", "--out", "=x"], 2, "forebay-replay: --out =x: expected PORT=PCAP, such as lan=out.pcap"),
    (["-c", "CONFIG", "-o", "xml"], 2, "forebay-replay: -o xml: table or json"),
    (["-c", "CONFIG", "stray"], 2, "forebay-replay: unexpected argument: stray"),
    (["-c", "/nonexist", "--in", "lan=x"], 1, "/nonexist: cannot be read: No such file or directory"),
    (["-c", "CONFIG", "--in", "lan=/nonexist"], 1, "/nonexist: No such file or directory"),
    (["-c", "CONFIG", "--in", "wan=/nonexist"], 1, "the config has no port wan"),
)
failed = 0
with tempfile.TemporaryDirectory() as where:
    path = Path(where) / "forebay.yaml"
    path.write_text(config, encoding="utf-8")
    print(f"1..{len(cases)}")
    for number, (words, status, expected) in enumerate(cases, 1):
        words = [str(path) if w == "CONFIG" else w for w in words]
        done = subprocess.run([replay, *words], capture_output=True, text=True, timeout=60)
        good = done.returncode == status and done.stderr.splitlines()[:1] == [expected]
        failed += not good
        print(f"{'ok' if good else 'not ok'} {number} - {expected}")
        if not good:
            print(f"# status {done.returncode}: {done.stderr!r}")
sys.exit(failed != 0)
