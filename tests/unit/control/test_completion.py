#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The completion offers every verb that forebayctl has, every verb has help with an example, and
what cannot be understood ends with status 2. Usage: test_completion.py FOREBAYCTL COMPLETION"""

import re
import subprocess
import sys
import tempfile

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
    check(f"help {verb} has an example", f"\n  forebayctl {verb}" in run("help", verb).stdout
          or f"| forebayctl {verb}" in run("help", verb).stdout)


def completed(*words):
    """What the completion offers for the last word."""
    script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); compopt() { :; }; '
              '_forebayctl; printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "-c", script, "bash", completion, "forebayctl", *words],
                          capture_output=True, text=True, timeout=10)
    return done.stdout.split()


# An option that a verb's help names is offered for it, by its long name, and no other verb's.
long_names = {"-n": "--namespace", "-A": "--all-namespaces", "-o": "--output", "-w": "--watch",
              "-f": "--filename", "-l": "--selector"}
for verb in verbs:
    said = run("help", verb).stdout.split("\n\n")[0]  # without the examples
    named = {long_names.get(o, o) for o in re.findall(r"(?<![\w-])(-[a-zA-Z]|--[a-z-]+)(?![\w])", said)}
    offered = set(completed(verb, "-")) - {"--help", "--socket", "--output"}
    check(f"the completion offers {verb} the options that its help names",
          offered == named - {"--help", "--socket", "--output"})
check("the completion offers verbs first", completed("d") == ["describe", "delete", "diff", "drain"])
whats = re.search(r"WHAT: (.*)", run("help", "get").stdout).group(1).split(", ")
for what in whats:
    check(f"the completion offers get {what}", re.search(rf'"[^"]*\b{what}\b[^"]*"', text) is not None)
for args in (["no-such-verb"], ["get"], ["get", "nothing"], ["get", "svc/a", "b"], ["get", "status", "x"], ["apply"], ["describe", "pod", "x"],
             ["get", "services", "-o", "xml"], ["get", "flows", "--limit", "0"],
             ["get", "workers", "-n", "x"], ["get", "status", "-n", "x"], ["get", "drops", "--limit", "5"],
             ["describe", "service"], ["help", "no-such-verb"],
             ["explain", "tcp"], ["env", "a", "b"], ["env", "--format", "json"], ["env", "--offline"], ["--no-such-option"], []):
    done = run(*args)
    check(f"forebayctl {' '.join(args)}: status 2, and why on stderr",
          done.returncode == 2 and done.stderr != "" and done.stdout == "")
done = run("explain", "--config", "x.yaml", "-f", "y.yaml", "tcp", "192.0.2.1:1", "192.0.2.2:2")
check("explain with a config but without --offline: status 2, and --offline is named",
      done.returncode == 2 and "--offline" in done.stderr)
done = run("describe", "pod", "x")
check("describe pod: says that only services can be", "only a service" in done.stderr)
done = run("apply", "-f", "")
check("apply -f '': says that the name is empty", done.returncode == 1 and "empty" in done.stderr)
with tempfile.TemporaryDirectory() as empty:
    done = run("apply", "-f", empty)
    check("apply of a directory without manifests: it is named",
          done.returncode == 1 and empty in done.stderr and ".yaml" in done.stderr)
hello = """
apiVersion: v1
kind: Service
metadata: {name: hello}
spec: {type: ClusterIP, clusterIP: 10.96.0.1, clusterIPs: [10.96.0.1], ports: [{port: %d}]}
"""
with tempfile.TemporaryDirectory() as where:
    for name, text in (("forebay.yaml", ""), ("good.yaml", hello % 80),
                       ("bad.yaml", (hello % 70000).replace("hello", "bad"))):
        with open(f"{where}/{name}", "w", encoding="utf-8") as f:
            f.write(text)
    for names, status in ((["good"], 0), (["good", "bad"], 1)):
        done = run("explain", "--offline", "--config", f"{where}/forebay.yaml",
                   *(f"-f{where}/{name}.yaml" for name in names), "tcp", "192.0.2.1:1", "10.96.0.1:80")
        check(f"explain --offline of {' and '.join(names)}: an answer, and status {status}",
              done.returncode == status and "default/hello" in done.stdout
              and ("70000" in done.stderr) == (status == 1))
done = run("--version")
check("--version: needs no daemon", done.returncode == 0 and done.stdout.startswith("forebayctl "))
done = run("--socket", "/nonexistent/socket", "get", "services")
check("no daemon: status 1, and why on stderr", done.returncode == 1 and "/nonexistent" in done.stderr)
with open("/dev/full", "w", encoding="utf-8") as full:
    done = subprocess.run([ctl, "help"], stdout=full, stderr=subprocess.PIPE, timeout=10)
check("output that cannot be written: status 1, and why on stderr",
      done.returncode == 1 and b"standard output" in done.stderr)
print(f"1..{count}")
sys.exit(failed != 0)
