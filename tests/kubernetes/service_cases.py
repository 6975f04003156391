#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What Kubernetes' own tests say about Services, asked of forebay: prints TAP.

usage: service_cases.py FOREBAYCTL CASES.json

CASES.json has objects and flows with the verdict that kube-proxy gives on one node, re-expressed from
its tests. Each case becomes a config (services.node-name, the node's addresses) and a manifest for
`forebayctl explain --offline`, which goes the packet path's way: manifest, store, desired state, table,
decision. Each flow is a test; as_flows.py makes flows of the cases that are about something else.

Where a box in front of the nodes differs from a node, the flow is in DIFFERS with a sentence, and what
the box does instead is tested. A pattern that no flow needs any more is a failure too.
"""

import fnmatch
import ipaddress
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from as_flows import all_cases
from offline import as_list, box, canonical, explain

SHORT_CIRCUIT = (
    "Local is about where the client is: a node gives its own pods and itself all endpoints behind an "
    "external address; a box sees no difference between clients and treats all as the outside"
)
LOOPBACK = "loopback addresses never arrive on a wire: a packet that has one is forged"
VIP_SOURCE = (
    "a node's own packets to a load balancer address may come back with that address as their source "
    "and are let through its source ranges; a box sends none, so such a source is a forged one"
)
GATE = "the gate PreferSameTrafficDistribution is on by default since 1.35 and cannot be turned off here"
REFUSED = "the API server refuses a nodePort in a Service of type ClusterIP, and so does forebay"

# (pattern of "case: flow", why the box differs, what it does instead). "as outside": the same as for a
# client outside. Other words are a verdict of explain and its reason, or "error".
DIFFERS = [
    ("*/etp-local: pod to external IP hits both endpoints, *", SHORT_CIRCUIT, "as outside"),
    ("*/etp-local: pod to LB IP hits only both endpoints, *", SHORT_CIRCUIT, "as outside"),
    ("*/etp-local: pod to NodePort hits both endpoints, *", SHORT_CIRCUIT, "as outside"),
    ("*/masquerade-matrix/?: pod to NodePort with eTP:Local", SHORT_CIRCUIT, "as outside"),
    ("*/masquerade-matrix/?: pod to LB with eTP:Local", SHORT_CIRCUIT, "as outside"),
    ("*/masquerade-matrix/?: node to LB with eTP:Local", SHORT_CIRCUIT, "as outside"),
    ("iptables/mixed-services: LOCAL, KUBE-MARK-MASQ", SHORT_CIRCUIT, "as outside"),
    ("iptables/nodeports/1: localhost to nodePort gets masqueraded", LOOPBACK, "drop bad-address"),
    ("iptables/masquerade-matrix/?: localhost to NodePort", LOOPBACK, "drop bad-address"),
    ("iptables/masquerade-matrix/?: localhost to NodePort with ?TP:Local", LOOPBACK, "drop bad-address"),
    ("*/loadbalancer-sourceranges: same node to LB?, SNATted*", VIP_SOURCE, "drop bad-address"),
    ("categorize/PreferSameNode falls back to same-zone when feature gate*", GATE, "forward"),
    ("frontends/cluster ip service: *", REFUSED, "punt"),
]

def box_config(case):
    """The box as that node: its addresses, and those of them that answer NodePorts."""
    config = case["config"]
    addresses = [ipaddress.ip_address(a) for a in config["nodeIPs"]]
    answering = addresses
    if config["nodePortAddresses"] is not None:
        ranges = [ipaddress.ip_network(r) for r in config["nodePortAddresses"]]
        answering = [a for a in addresses if any(a in r for r in ranges)]
    elif config["mode"] == "nftables":
        answering = [ipaddress.ip_address(config["primaryNodeIP"])]
    # An empty list would mean all of the box's addresses; this one is nobody's.
    answering = answering or [ipaddress.ip_address("192.0.2.254")]
    return box(
        addresses,
        node_name=config["nodeName"],
        # Only nftables knows the service CIDR; see "conventions" in the cases' meta.
        cluster_cidrs=["172.30.0.0/16"] if config["mode"] == "nftables" else [],
        zone=config.get("zone", ""),
        node_addresses=[str(a) for a in answering],
    )


def endpoint(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def query(flow, source):
    return (
        f"{flow['protocol'].lower()} {endpoint(source, 40000)} "
        f"{endpoint(flow['destIP'], flow['destPort'])}"
    )


def client_of(flow):
    """Who asks. A node's own packets never arrive on its wire (one with such a source is forged, and is
    dropped), so it is another of its network."""
    if flow["source"] != "node":
        return flow["sourceIP"]
    address = ipaddress.ip_address(flow["sourceIP"])
    return str(address + 77)


def outside(flow):
    """A client of that family that no case knows."""
    return "2600:5200::99" if ":" in flow["destIP"] else "203.0.113.3"


def ask(forebayctl, folder, case):
    """Answers by query, for each flow's own source and for one outside."""
    queries = []
    for flow in case["flows"]:
        queries += [query(flow, client_of(flow)), query(flow, outside(flow))]
    return explain(forebayctl, folder, box_config(case), as_list(case["objects"]), queries)[0]


def wrong(answer, flow):
    """What is not as expected, as a sentence; None: all of it is."""
    expect = flow["expect"]
    verdict = answer.get("verdict", answer.get("error"))
    said = f"{verdict} ({answer.get('reason')}), not {expect['verdict']}"
    if expect["verdict"] == "FORWARD":
        have = sorted(canonical(e) for e in answer.get("candidates", []))
        want = sorted(canonical(e) for e in expect["endpoints"])
        if verdict != "forward":
            return said
        if have != want:
            return f"endpoints are {have}, not {want}"
        # A node hides pods of its own less often: a box does not know them, see nat.mode.
        known = flow["source"] == "external" and flow["entry"] != "ClusterIP"
        if known and (answer["snat"] is not None) != expect["masquerade"]:
            return f"the client is hidden behind {answer['snat']}, masquerade {expect['masquerade']}"
        return None
    if expect["verdict"] == "NO_ENDPOINTS":
        return None if answer.get("reason") == "no-endpoints" else said
    if expect["verdict"] == "REJECT":
        return None if verdict == "reject" else said
    if expect["verdict"] == "DROP":
        silent = answer.get("reason") in ("no-local-endpoint", "source-range", "unused-address")
        return None if verdict == "drop" and silent else said
    if expect["verdict"] == "ACCEPT":
        return None if verdict == "punt" else said
    # NOT_A_SERVICE: what becomes of it is the box's own affair (a port that a service address does
    # not have is refused), but no Service is it.
    return None if answer.get("service", "") is None else said


def health_case(forebayctl, folder, case):
    """What is wrong with the answer to a health check, as a sentence; None: it is as expected."""
    endpoints = [
        {
            "addresses": [c["ip"]],
            "nodeName": "test-node",
            "conditions": {k: c[k] for k in ("ready", "serving", "terminating") if k in c},
        }
        for c in case["localEndpointConditions"]
    ]
    meta = {"namespace": "ns1", "name": "svc1"}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta,
        "spec": {
            "type": "LoadBalancer",
            "clusterIP": "172.30.1.1",
            "externalTrafficPolicy": "Local",
            "healthCheckNodePort": 30500,
            "ports": [{"port": 80}],
        },
    }
    # One of another node's does not count.
    endpoints.append({"addresses": ["10.0.9.9"], "nodeName": "other-node"})
    slice_ = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {**meta, "name": "s", "labels": {"kubernetes.io/service-name": "svc1"}},
        "addressType": "IPv4",
        "ports": [{"port": 8080}],
        "endpoints": endpoints,
    }
    (folder / "config.yaml").write_text("services: {node-name: test-node}\n")
    (folder / "objects.json").write_bytes(as_list([service, slice_]))
    run = subprocess.run(
        [forebayctl, "describe", "service", "ns1/svc1", "--offline", "-o", "json"]
        + ["--config", folder / "config.yaml", "-f", folder / "objects.json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if run.returncode != 0:
        return run.stderr
    check = json.loads(run.stdout)["health_check"]
    have = (check["answers"]["IPv4"]["endpoints"], check["answers"]["IPv4"]["http"])
    want = (case["expectLocalReady"], case["http"])
    return None if have == want else f"{have}, not {want}"


def instead(answer, from_outside, what):
    """The same for what a box does instead."""
    if what == "as outside":
        keys = ("verdict", "reason", "candidates")
        have, want = ([a.get(k) for k in keys] for a in (answer, from_outside))
        return None if have == want else f"{have}, but {want} for a client outside"
    said = " ".join(filter(None, (answer.get("verdict", "error"), answer.get("reason"))))
    return None if said == what else f"{said}, not {what}"


def main():
    forebayctl, cases = sys.argv[1], all_cases(json.loads(Path(sys.argv[2]).read_text()))
    used = set()
    n = 0
    failed = 0

    def point(name, problem, remark=""):
        nonlocal n, failed
        n += 1
        failed += problem is not None
        # "#" would begin a directive.
        print(f"{'not ok' if problem else 'ok'} {n} - {name.replace('#', '')}{remark}")
        if problem:
            print(f"# {problem}")

    with tempfile.TemporaryDirectory() as folder:
        for case in json.loads(Path(sys.argv[2]).read_text())["health_check_cases"]:
            point(f"health/{case['name']}", health_case(forebayctl, Path(folder), case))
        for case in cases:
            answers = ask(forebayctl, Path(folder), case)
            for flow in case["flows"]:
                name = f"{case['id']}: {flow['name']}"
                answer = answers[query(flow, client_of(flow))]
                problem = wrong(answer, flow)
                found = next((d for d in DIFFERS if fnmatch.fnmatchcase(name, d[0])), None)
                if found is None or problem is None:
                    point(name, problem)
                    continue
                used.add(found[0])
                other = answers[query(flow, outside(flow))]
                point(f"{name}; here it differs: {found[1]}", instead(answer, other, found[2]))
    for pattern, _, _ in DIFFERS:
        if pattern not in used:
            point(f"a difference that there is none of any more: {pattern}", "remove it")
    print(f"1..{n}")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
