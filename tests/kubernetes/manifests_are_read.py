#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Manifests that public projects ship, and dumps of a real cluster: what PyYAML finds in them, forebay
has too, or says where and why not. Prints TAP.

usage: manifests_are_read.py FOREBAYCTL FOLDER

Every file of FOLDER is read by both. Each Service with its ports and addresses, each endpoint of a slice
or of Endpoints has to be in what `forebayctl get --offline` lists, or refused by an error whose place
lies in that object; every other kind has to be named as ignored. Then the dumps of one cluster together:
forebay has to find the same endpoints in the Pods as the cluster's own endpoint controller did.
"""

import ipaddress
import json
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import yaml
except ImportError:
    print("1..0 # SKIP python3-yaml is not installed")
    sys.exit(0)

KINDS = ("Service", "Endpoints", "EndpointSlice", "Pod", "Node", "Namespace")
# "unserved" ones would, if the Service had an address of its own.
TAKE_TRAFFIC = ("active", "unserved")
SERVICE_NAME = "kubernetes.io/service-name"
CONFIG = "ports: [{name: lan, device: net_null0, addresses: [192.0.2.1/24]}]\n"


class Loader(yaml.CSafeLoader):
    """Time stamps stay text."""


Loader.add_constructor("tag:yaml.org,2002:timestamp", Loader.construct_yaml_str)


def json_values(text):
    """Values one after the other, as kubectl reads them too."""
    decoder = json.JSONDecoder()
    at = 0
    while at < len(text):
        value, end = decoder.raw_decode(text, at)
        yield value, text.count("\n", 0, at) + 1, text.count("\n", 0, end) + 1
        at = end
        while at < len(text) and text[at].isspace():
            at += 1


def documents(text):
    """(value, first line, last line) of each document; an error ends them."""
    text = text.removeprefix("\ufeff")
    if text.lstrip().startswith("{"):
        try:
            return list(json_values(text))
        except ValueError:
            pass
    nodes = list(yaml.compose_all(text, Loader=Loader))
    values = list(yaml.load_all(text, Loader=Loader))
    lines = [(1, text.count("\n") + 1) if n is None else (n.start_mark.line + 1, n.end_mark.line + 1)
             for n in nodes]  # fmt: skip
    if len(nodes) != len(values):
        lines = [(1, text.count("\n") + 1)] * len(values)
    return [(v, *line) for v, line in zip(values, lines)]


def objects(document, kind=None, api_version=None):
    """The objects in one document, lists resolved."""
    if not isinstance(document, dict):
        return
    kind = document.get("kind", kind)
    api_version = document.get("apiVersion", api_version)
    if kind is not None and kind.endswith("List") and "items" in document:
        for item in document["items"] or []:
            yield from objects(item, kind[:-4] or None, api_version if kind != "List" else None)
    else:
        yield document | {"kind": kind, "apiVersion": api_version}


def key(item):
    return item["metadata"].get("namespace") or "default", item["metadata"]["name"]


def canonical(address, port):
    address = ipaddress.ip_address(address)
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


def wanted_ports(service):
    """(name, port, protocol, target) of each port, defaults applied."""
    return sorted(
        (p.get("name", ""), p["port"], p.get("protocol", "TCP"), p.get("targetPort") or p["port"])
        for p in service["spec"].get("ports") or []
    )


def wanted_endpoints(item):
    """((namespace, service), port name, protocol, address:port), ready?"""
    if item["kind"] == "Endpoints":
        for subset in item.get("subsets") or []:
            for port in subset.get("ports") or []:
                for field, ready in (("addresses", True), ("notReadyAddresses", False)):
                    for address in subset.get(field) or []:
                        yield (key(item), port.get("name", ""), port.get("protocol", "TCP"),
                               canonical(address["ip"], port["port"])), ready  # fmt: skip
        return
    name = (item["metadata"].get("labels") or {}).get(SERVICE_NAME)
    if not name or item["addressType"] == "FQDN":
        return
    for port in item.get("ports") or []:
        for endpoint in item.get("endpoints") or []:
            ready = (endpoint.get("conditions") or {}).get("ready")
            yield ((key(item)[0], name), port.get("name") or "", port.get("protocol", "TCP"),
                   canonical(endpoint["addresses"][0], port["port"])), ready is not False  # fmt: skip


def difference(item, services, endpoints, has_slices):
    """What forebay lacks of an object, as text; None: nothing."""
    if item["kind"] == "Service":
        have = services.get(key(item))
        if have is None:
            return "is not listed"
        ports = sorted((p["name"], p["port"], p["protocol"], p["target_port"]) for p in have["ports"])
        if ports != wanted_ports(item):
            return f"has ports {ports}, not {wanted_ports(item)}"
        spec = item["spec"]
        if have["type"] != spec.get("type", "ClusterIP"):
            return f"is a {have['type']}"
        addresses = spec.get("clusterIPs") or [spec.get("clusterIP") or ""]
        for address in set(addresses) - {"", "None"}:
            if str(ipaddress.ip_address(address)) not in have["cluster_ips"]:
                return f"has not {address}"
        if have["headless"] != ("None" in addresses):
            return "is headless here or there"
        return None
    if item["kind"] in ("Endpoints", "EndpointSlice"):
        if item["kind"] == "Endpoints" and key(item) in has_slices:
            return None  # slices count, where there are some
        for wanted, ready in wanted_endpoints(item):
            if wanted not in endpoints:
                return f"{wanted} is not listed"
            if (endpoints[wanted] in TAKE_TRAFFIC) != ready:
                return f"{wanted} is {endpoints[wanted]}"
    return None


class Forebay:
    """What forebayctl says about some files."""

    def __init__(self, forebayctl, folder, paths):
        config = Path(folder) / "config.yaml"
        config.write_text(CONFIG)
        self.args = ["--offline", "--config", config] + [a for p in paths for a in ("-f", p)]
        self.forebayctl = forebayctl
        self.messages = ""
        self.services = {(o["namespace"], o["name"]): o for o in self.get("services")}
        self.endpoints = {
            ((o["namespace"], o["name"]), o["port_name"], o["protocol"], o["endpoint"]): o["state"]
            for o in self.get("endpoints")
        }
        self.pods = self.get("pods")
        self.nodes = self.get("nodes")

    def get(self, what):
        scope = [] if what == "nodes" else ["-A"]
        run = subprocess.run(
            [self.forebayctl, "get", what, *scope, "-o", "json", *self.args],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        self.messages = run.stderr
        return json.loads(run.stdout)["items"]

    def has_error(self, path, first, last):
        """Is there an error in these lines, with a reason?"""
        for line in self.messages.splitlines():
            prefix = f"error: {path}:"
            if line.startswith(prefix):
                place, _, reason = line[len(prefix) :].partition(": ")
                if first <= int(place.split(":")[0]) <= last and len(reason) > 10:
                    return True
        return False


def problems(path, forebay):
    """Sentences about what is not as it should be."""
    try:
        read = documents(path.read_bytes().decode("utf-8"))
    except yaml.YAMLError:
        if not forebay.has_error(path, 1, 10**9):
            yield "is no YAML, and nothing says so"
        return
    if any(isinstance(d, dict) and "object" in d and "type" in d for d, _, _ in read):
        if not forebay.has_error(path, 1, 1):
            yield "is a watch, and nothing says so"
        return
    has_slices = {
        (key(o)[0], (o["metadata"].get("labels") or {}).get(SERVICE_NAME))
        for d, _, _ in read for o in objects(d) if o["kind"] == "EndpointSlice"
    }  # fmt: skip
    for document, first, last in read:
        for item in objects(document):
            if item["kind"] not in KINDS:
                if f"kind {item['kind']} (" not in forebay.messages:
                    yield f"kind {item['kind']} is ignored silently"
            elif not forebay.has_error(path, first, last):
                lacks = difference(item, forebay.services, forebay.endpoints, has_slices)
                if lacks is not None:
                    yield f"{item['kind']} {'/'.join(key(item))} {lacks}"


def as_json(paths, folder):
    """What is a List in YAML, as kubectl prints it with -o json."""
    for path in paths:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".yaml" and "\nkind: List" in text:
            to = Path(folder) / (path.name + ".json")
            to.write_text(json.dumps(yaml.load(text, Loader=Loader), indent=4))
            yield to


def ready(forebay):
    """Endpoints that take traffic, or would."""
    return {e for e, state in forebay.endpoints.items() if state in TAKE_TRAFFIC}


def main():
    forebayctl, manifests = sys.argv[1], Path(sys.argv[2])
    n = failed = 0

    def point(name, found):
        nonlocal n, failed
        n += 1
        failed += bool(found)
        print(f"{'not ok' if found else 'ok'} {n} - {name}")
        for line in found[:5]:
            print(f"# {line}")

    dumps = manifests / "from-api-server"
    paths = sorted(p for p in [*manifests.iterdir(), *dumps.glob("*")]
                   if p.suffix in (".yaml", ".yml", ".json", ".jsonl") and p.name != "EXPECTED.json")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        n_listed = 0
        for path in paths:
            forebay = Forebay(forebayctl, folder, [path])
            n_listed += len(forebay.services) + len(forebay.endpoints)
            point(path.relative_to(manifests), list(problems(path, forebay)))
        for path in as_json(paths, folder):
            found = list(problems(path, Forebay(forebayctl, folder, [path])))
            point(f"{path.name}, the same as -o json", found)
        point("something is listed", [] if n_listed else ["nothing"])
        lists = {k: dumps / f"list-{k}.json" for k in ("services", "endpointslices", "endpoints", "pods", "nodes")}
        if all(p.is_file() for p in lists.values()):
            by_slices = Forebay(forebayctl, folder, [lists["services"], lists["endpointslices"]])
            everything = Forebay(forebayctl, folder, lists.values())
            by_pods = Forebay(forebayctl, folder, [lists[k] for k in ("services", "pods", "nodes")])
            # Those that someone wrote by hand are nowhere but there.
            selecting = {
                key(o) for d, _, _ in documents(lists["services"].read_text()) for o in objects(d)
                if o["spec"].get("selector")
            }  # fmt: skip
            want = {e for e in ready(by_slices) if e[0] in selecting}
            have = {e for e in ready(by_pods) if e[0] in selecting}
            point(f"the {len(want)} endpoints of a cluster follow from its Pods",
                  sorted(map(str, want ^ have)) + ["there are none"] * (not want))  # fmt: skip
            point("all its lists together: slices count",
                  sorted(map(str, ready(everything) ^ ready(by_slices))))  # fmt: skip
            point("its Pods and Nodes are listed",
                  [f"{len(o)} {k}" for k, o in (("pods", everything.pods), ("nodes", everything.nodes))
                   if len(o) != len(json.loads(lists[k].read_text())["items"])])  # fmt: skip
    print(f"1..{n}")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
