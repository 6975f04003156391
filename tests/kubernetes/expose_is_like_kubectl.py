#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""`forebayctl expose` prints the Service that `kubectl expose` would make. Prints TAP.

usage: expose_is_like_kubectl.py FOREBAYCTL

The expected Services are written here. Where kubectl is installed, it is asked too: a few lines of HTTP
are all of an API server that `kubectl expose --dry-run=client` needs.
"""

import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from points import Points

try:
    import yaml
except ImportError:
    print("1..0 # SKIP python3-yaml is not installed")
    sys.exit(0)


def pod(name, labels, *ports):
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": labels},
        "spec": {"containers": [{"name": "c", "image": "i", "ports": list(ports)}]},
    }


WEB = {"app": "web", "example.com/tier": "1"}
OBJECTS = {
    "pods": [
        pod("one", WEB, {"containerPort": 8080, "name": "http", "protocol": "TCP"}),
        pod("two", WEB, {"containerPort": 80}, {"containerPort": 53, "protocol": "UDP"}),
        pod("both", {"app": "dns"}, {"containerPort": 53}, {"containerPort": 53, "protocol": "UDP"}),
        pod("none", WEB),
        pod("bare", {}, {"containerPort": 1}),
    ],
    "services": [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "old", "namespace": "default", "labels": {"a": "b"}},
            "spec": {
                "clusterIP": "10.0.0.1",
                "selector": {"app": "old"},
                "ports": [{"name": "q", "port": 443, "protocol": "UDP", "targetPort": 8443}],
            },
        },
    ],
}

SIMPLE = {"port": 8080, "protocol": "TCP", "targetPort": 8080}


def wanted(name, ports, labels=None, selector=None, **spec):
    metadata = {"name": name}
    if labels is None or labels:
        metadata["labels"] = labels or WEB
    spec |= {"selector": selector or WEB}
    if ports:
        spec["ports"] = ports
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": spec,
        "status": {"loadBalancer": {}},
    }


# Arguments, and the Service; None: refused.
CASES = [
    ("pod one", wanted("one", [SIMPLE])),
    ("pod one --port 80 --target-port http --name web",
     wanted("web", [{"port": 80, "protocol": "TCP", "targetPort": "http"}])),
    ("pod one --type NodePort --session-affinity ClientIP --external-ip 192.0.2.1",
     wanted("one", [SIMPLE], type="NodePort", sessionAffinity="ClientIP", externalIPs=["192.0.2.1"])),
    ("pod one --type LoadBalancer --load-balancer-ip 192.0.2.2",
     wanted("one", [SIMPLE], type="LoadBalancer", loadBalancerIP="192.0.2.2")),
    ("pod one --load-balancer-ip 192.0.2.2", wanted("one", [SIMPLE])),
    ("pod one --cluster-ip None", wanted("one", [SIMPLE], clusterIP="None")),
    ("pod one --labels x=y,z=1 --selector app=other",
     wanted("one", [SIMPLE], labels={"x": "y", "z": "1"}, selector={"app": "other"})),
    ("pod two", wanted("two", [{"name": "port-1", "port": 80, "protocol": "TCP", "targetPort": 80},
                               {"name": "port-2", "port": 53, "protocol": "UDP", "targetPort": 53}])),
    ("pod two --port 53", wanted("two", [{"port": 53, "protocol": "UDP", "targetPort": 53}])),
    ("pod two --port 54", wanted("two", [{"port": 54, "protocol": "TCP", "targetPort": 54}])),
    ("pod two --protocol SCTP --target-port 9",
     wanted("two", [{"name": "port-1", "port": 80, "protocol": "SCTP", "targetPort": 9},
                    {"name": "port-2", "port": 53, "protocol": "SCTP", "targetPort": 9}])),
    ("pod both", wanted("both", [{"name": "port-1-tcp", "port": 53, "protocol": "TCP", "targetPort": 53},
                                 {"name": "port-1-udp", "port": 53, "protocol": "UDP", "targetPort": 53}],
                        labels={"app": "dns"}, selector={"app": "dns"})),
    ("pod none --port 7", wanted("none", [{"port": 7, "protocol": "TCP", "targetPort": 7}])),
    ("pod none --cluster-ip None", wanted("none", [], clusterIP="None")),
    ("pod none", None),
    ("pod bare", None),
    ("pod one --session-affinity Other", None),
    ("service old --name new", wanted("new", [{"port": 443, "protocol": "UDP", "targetPort": 443}],
                                      labels={"a": "b"}, selector={"app": "old"})),
    ("pod two --port 80,53",
     wanted("two", [{"name": "port-1", "port": 80, "protocol": "TCP", "targetPort": 80},
                    {"name": "port-2", "port": 53, "protocol": "UDP", "targetPort": 53}])),
    ("pod both --port 53,54",
     wanted("both", [{"name": "port-1-tcp", "port": 53, "protocol": "TCP", "targetPort": 53},
                     {"name": "port-1-udp", "port": 53, "protocol": "UDP", "targetPort": 53},
                     {"name": "port-2", "port": 54, "protocol": "TCP", "targetPort": 54}],
            labels={"app": "dns"}, selector={"app": "dns"})),
    ("pod one --port 80,,81", None),
    ("pod one --target-port=", wanted("one", [SIMPLE])),
    ("pod/one", wanted("one", [SIMPLE])),
    ("service/old --name new", wanted("new", [{"port": 443, "protocol": "UDP", "targetPort": 443}],
                                      labels={"a": "b"}, selector={"app": "old"})),
    ("pod/", None),
    ("pod/one two", None),
]  # fmt: skip

# What only forebayctl can (kubectl exposes sets of Pods by the object that made them), or refuses
# before the API server does.
OWN = [
    ("pods --selector app=web --name web --port 80",
     wanted("web", [{"port": 80, "protocol": "TCP", "targetPort": 80}],
            labels={"app": "web"}, selector={"app": "web"})),
    ("pods --selector app=dns --name dns",
     wanted("dns", CASES[11][1]["spec"]["ports"], labels={"app": "dns"}, selector={"app": "dns"})),
    ("pods --selector app=nobody --name web --port 80", None),
    ("pods --selector app!=web --name web --port 80", None),
    ("pods --name web --port 80", None),
    ("pod one --port 0", None),
    ("pod one --type Other", None),
]  # fmt: skip


class Server(http.server.BaseHTTPRequestHandler):
    """As much of an API server as kubectl asks for."""

    def do_GET(self):  # pylint: disable=invalid-name
        parts = self.path.split("?")[0].strip("/").split("/")
        kinds = {"pods": "Pod", "services": "Service"}
        answer = None
        if parts == ["api"]:
            answer = {"kind": "APIVersions", "versions": ["v1"]}
        elif parts == ["apis"]:
            answer = {"kind": "APIGroupList", "apiVersion": "v1", "groups": []}
        elif parts == ["api", "v1"]:
            answer = {
                "kind": "APIResourceList",
                "groupVersion": "v1",
                "resources": [
                    {"name": name, "singularName": kind.lower(), "kind": kind, "namespaced": True,
                     "verbs": ["get", "list", "create"]}
                    for name, kind in kinds.items()
                ],
            }  # fmt: skip
        elif len(parts) == 6 and parts[4] in OBJECTS:
            answer = next((o for o in OBJECTS[parts[4]] if o["metadata"]["name"] == parts[5]), None)
        body = json.dumps(answer or {"kind": "Status", "code": 404}).encode()
        self.send_response(200 if answer else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        pass


def kubectl_expose(server, home, args):
    """The Service that kubectl would make; None: it refuses."""
    run = subprocess.run(
        ["kubectl", "--server", f"http://127.0.0.1:{server.server_port}", "expose", *args,
         "--dry-run=client", "-o", "json"],
        capture_output=True, text=True, timeout=60, check=False,
        env={"HOME": home, "PATH": os.environ["PATH"]},
    )  # fmt: skip
    if run.returncode != 0:
        return None
    service = json.loads(run.stdout)
    service["metadata"].pop("creationTimestamp", None)
    return service


def main():
    point = Points()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        objects = Path(folder) / "objects.json"
        config.write_text("ports: [{name: lan, device: net_null0, addresses: [10.1.0.1/16]}]\n")
        items = OBJECTS["pods"] + OBJECTS["services"]
        objects.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
        for args, want in CASES + OWN:
            run = subprocess.run(
                [sys.argv[1], "expose", *args.split(), "--offline", "--config", config, "-f", objects],
                capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip
            point(f"expose {args}", yaml.safe_load(run.stdout), want)
            point(f"expose {args}: status", run.returncode == 0, want is not None)
        if shutil.which("kubectl"):
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            for args, want in CASES:
                point(f"kubectl expose {args}", kubectl_expose(server, folder, args.split()), want)
            server.shutdown()
    return point.end()


if __name__ == "__main__":
    sys.exit(main())
