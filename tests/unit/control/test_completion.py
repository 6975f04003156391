#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The completion offers every verb that forebayctl has, every verb has help with an example, and
what cannot be understood ends with status 2. Usage: test_completion.py FOREBAYCTL COMPLETION"""

import re
import subprocess
import sys

ctl, completion = sys.argv[1:]
failed = 0
count = 0


def check(what, ok):
    global failed, count
    count += 1
    failed += not ok
    print(f"{'ok' if ok else 'not ok'} {count} - {what}")


def run(*args):
    return subprocess.run([ctl, *args], capture_output=True, text=True, timeout=10)


usage = run("--help").stdout
verbs = [m for m in re.findall(r"^  (\w+)", usage, re.M)]
text = open(completion, encoding="utf-8").read()
offered = re.search(r'verbs="([^"]*)"', text).group(1).split()
check("the help lists verbs", "get" in verbs and "explain" in verbs)
check("the completion offers them all and no others", sorted(verbs) == sorted(offered))
for verb in verbs:
    if verb != "help":
        check(f"help {verb} has an example", f"\n  forebayctl {verb}" in run("help", verb).stdout
              or f"| forebayctl {verb}" in run("help", verb).stdout)
whats = re.search(r"WHAT: (.*)", run("help", "get").stdout).group(1).split(", ")
for what in whats:
    check(f"the completion offers get {what}", re.search(rf'"[^"]*\b{what}\b[^"]*"', text) is not None)
for args in (["no-such-verb"], ["get"], ["get", "nothing"], ["get", "svc/a", "b"], ["get", "status", "x"], ["apply"], ["describe", "pod", "x"],
             ["get", "services", "-o", "xml"], ["get", "flows", "--limit", "0"],
             ["explain", "tcp"], ["env", "a", "b"], ["env", "--format", "json"], ["env", "--offline"], ["--no-such-option"], []):
    done = run(*args)
    check(f"forebayctl {' '.join(args)}: status 2, and why on stderr",
          done.returncode == 2 and done.stderr != "" and done.stdout == "")
done = run("--socket", "/nonexistent/socket", "get", "services")
check("no daemon: status 1, and why on stderr", done.returncode == 1 and "/nonexistent" in done.stderr)
with open("/dev/full", "w", encoding="utf-8") as full:
    done = subprocess.run([ctl, "help"], stdout=full, stderr=subprocess.PIPE, timeout=10)
check("output that cannot be written: status 1, and why on stderr",
      done.returncode == 1 and b"standard output" in done.stderr)
print(f"1..{count}")
sys.exit(failed != 0)
