#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""`forebayctl get` lists objects as kubectl does: columns, selectors, order. Prints TAP.

usage: get_is_like_kubectl.py FOREBAYCTL

Without a daemon, over objects that are written here.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from points import Points


def service(name, spec, namespace="shop", labels=None, status=None):
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace, "labels": labels or {}},
        "spec": spec,
        "status": status or {},
    }


def pod(name, address, ready=True, **more):
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "labels": {"app": "web", "n": name[-1]}, **more},
        "spec": {
            "nodeName": "node-a",
            "containers": [{"name": "c", "ports": [{"name": "http", "containerPort": 8080}]}],
        },
        "status": {
            "phase": "Running",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
        },
    }


def endpoints(name, *addresses):
    return {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {"name": name, "namespace": "shop"},
        "subsets": [{"addresses": [{"ip": a} for a in addresses], "ports": [{"port": 9000}]}],
    }


OBJECTS = [
    service("web", {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1", "fd00::1"],
                    "selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}]},
            labels={"tier": "front"}),
    service("lb", {"type": "LoadBalancer", "clusterIP": "10.0.0.2", "externalIPs": ["192.0.2.9"],
                   "allocateLoadBalancerNodePorts": False,
                   "ports": [{"name": "a", "port": 443, "nodePort": 30443},
                             {"name": "b", "port": 53, "protocol": "UDP"}]},
            status={"loadBalancer": {"ingress": [{"ip": "192.0.2.8"}]}}),
    service("waits", {"type": "LoadBalancer", "clusterIP": "10.0.0.3", "ports": [{"port": 10}]}),
    service("pods", {"clusterIP": "None", "selector": {"app": "web"}, "ports": [{"port": 9}]}),
    service("name", {"type": "ExternalName", "externalName": "www.example.com"}),
    service("other", {"clusterIP": "10.0.0.4", "ports": [{"port": 1}]}, namespace="default"),
    endpoints("alone", "10.9.0.4", "10.9.0.1", "10.9.0.3", "10.9.0.2"),
    pod("web-10", "10.1.0.2"),
    pod("web-2", "10.1.0.10"),
    pod("web-3", "10.1.0.3", ready=False),
    pod("web-4", "10.1.0.4", deletionTimestamp="2024-01-01T00:00:00Z"),
    {"apiVersion": "v1", "kind": "Node",
     "metadata": {"name": "node-a", "labels": {"topology.kubernetes.io/zone": "z1"}}},
]  # fmt: skip


def table(text):
    return [line.split() for line in text.splitlines()]


def main():
    point = Points()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        objects = Path(folder) / "objects.json"
        config.write_text("ports: [{name: lan, device: net_null0, addresses: [10.1.0.1/16]}]\n")
        objects.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": OBJECTS}))

        def run(*args):
            return subprocess.run(
                [sys.argv[1], "get", *args, "--offline", "--config", config, "-f", objects],
                capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip

        def get(*args):
            return table(run(*args).stdout)

        def names(*args):
            return [row[0] for row in get(*args)[1:]]

        rows = get("services", "-n", "shop")
        point("services: kubectl's columns", rows[0],
              ["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE"])  # fmt: skip
        cells = {row[0]: row[1:] for row in rows}
        unknown = "<unknown>"
        point("both cluster addresses", cells["web"],
              ["ClusterIP", "10.0.0.1,fd00::1", "<none>", "80/TCP", unknown])  # fmt: skip
        point("load balancer and external addresses, and node ports", cells["lb"],
              ["LoadBalancer", "10.0.0.2", "192.0.2.8,192.0.2.9", "443:30443/TCP,53/UDP", unknown])  # fmt: skip
        point("a load balancer without an address waits for one", cells["waits"][2], "<pending>")
        point("a headless Service has none", cells["pods"][:3], ["ClusterIP", "None", "<none>"])
        point("an external name", cells["name"],
              ["ExternalName", "<none>", "www.example.com", "<none>", unknown])  # fmt: skip
        point("one namespace: default", names("svc"), ["other"])
        point("all of them, with a column", get("svc", "-A")[1][:2], ["default", "other"])
        wide = dict(zip(*get("svc", "-n", "shop", "web", "-o", "wide")))
        point("wide has the selector, and what the box knows",
              (wide["SELECTOR"], wide["ENDPOINTS"], wide["MODE"]), ("app=web", "2", "snat"))  # fmt: skip

        rows = get("endpoints", "-n", "shop")
        point("endpoints: kubectl's columns first", rows[0][:3], ["NAME", "ENDPOINTS", "AGE"])
        cells = {row[0]: row[1:] for row in rows}
        point("of Pods, the ready ones", cells["web"][0], "10.1.0.2:8080,10.1.0.10:8080")
        point("what drains is apart, with its flows", cells["web"][-2:], ["(0", "flows)"])
        point("of a headless Service too", cells["pods"][0], "10.1.0.2:9,10.1.0.10:9")
        point("none", cells["lb"][0], "<none>")
        point("more than three, and of no Service", " ".join(cells["alone"][:4]),
              "10.9.0.1:9000,10.9.0.2:9000,10.9.0.3:9000 + 1 more...")  # fmt: skip
        rows = json.loads(run("endpoints", "-n", "shop", "web", "-o", "json").stdout)["items"]
        point("-o json: each endpoint with its state",
              sorted((r["endpoint"], r["state"]) for r in rows),
              [("10.1.0.10:8080", "active"), ("10.1.0.2:8080", "active"),
               ("10.1.0.3:8080", "not-ready"), ("10.1.0.4:8080", "draining")])  # fmt: skip

        point("pods", get("pods", "-n", "shop")[1:2],
              [["web-10", "yes", "Running", unknown, "10.1.0.2", "node-a"]])  # fmt: skip
        point("pods by labels", names("pods", "-n", "shop", "--selector", "n in (2, 3),app=web"),
              ["web-2", "web-3"])  # fmt: skip
        point("pods by labels they lack", names("po", "-n", "shop", "-l", "!n"), [])
        point("services by labels", names("svc", "-A", "-l", "tier"), ["shop"])
        point("nodes", get("nodes")[1], ["node-a", "z1", unknown])
        done = run("pods", "-l", "app in")
        point("a selector that is none: status 1, and why",
              (done.returncode, "where" in done.stderr), (1, True))  # fmt: skip
        point("workers have no labels: status 2", run("workers", "-l", "a").returncode, 2)

        for path, want in (
            (".metadata.name", ["web-2", "web-3", "web-4", "web-10"]),
            ("metadata.name", ["web-2", "web-3", "web-4", "web-10"]),
            ("{.metadata.labels.n}", ["web-10", "web-2", "web-3", "web-4"]),
            (".status.podIP", ["web-10", "web-3", "web-4", "web-2"]),
            (".status.podIPs[0].ip", ["web-10", "web-3", "web-4", "web-2"]),
            (".metadata['name']", ["web-2", "web-3", "web-4", "web-10"]),
            (".metadata.deletionTimestamp", ["web-10", "web-2", "web-3", "web-4"]),
            (".ready", ["web-3", "web-10", "web-2", "web-4"]),
        ):
            point(f"pods by {path}", names("pods", "-n", "shop", "--sort-by", path), want)
        point("services by a number", names("svc", "-n", "shop", "--sort-by", ".spec.ports[0].port"),
              ["name", "pods", "waits", "web", "lb"])  # fmt: skip
        point("nodes by a label with dots",
              names("nodes", "--sort-by", r".metadata.labels.topology\.kubernetes\.io/zone"),
              ["node-a"])  # fmt: skip
        done = run("svc", "-A", "--sort-by", ".spec.colour")
        point("a field that nothing has: status 1", (done.returncode, done.stdout), (1, ""))
        for path in ("", ".", "..a", ".a[", ".a[x]", ".a[0", "{.a", ".a[0]b"):
            point(f"'{path}' is no path: status 2", run("svc", "--sort-by", path).returncode, 2)
    return point.end()


if __name__ == "__main__":
    sys.exit(main())
