# SPDX-License-Identifier: BSD-3-Clause
"""Rules about Services as rows: a sentence, the objects, and where flows then go.

A row is case(SENTENCE, OBJECTS, FLOWS). OBJECTS are made by the functions below, or are the text of a
manifest. FLOWS has for each destination what becomes of a new flow to it. A destination is ADDRESS:PORT,
TCP unless another protocol stands before it, from a client outside unless "from ADDRESS" stands behind
it. What becomes of it is one of

    10.0.0.1:8080 10.0.0.2:8080    one of just these endpoints has it
    reject no-endpoints            a verdict of `forebayctl explain` and its reason
    nobody                         no Service has it

A manifest that a row has nothing to say about gives no error; refused= is a part of the one that it does
give. config= is another box than NODE.
"""

import sys
import tempfile
from pathlib import Path

from offline import as_list, box, canonical, explain

ADDRESSES = ["192.168.0.2", "2001:db8::1"]
# The box stands for the node n1 of zone z1, or before all nodes.
NODE = box(ADDRESSES, node_name="n1", zone="z1", node_addresses=ADDRESSES)
BOX = box(ADDRESSES, node_addresses=ADDRESSES)
BOX_IN_ZONE = box(ADDRESSES, zone="z1", node_addresses=ADDRESSES)

NOBODY, REJECT = "nobody", "reject no-endpoints"
NO_LOCAL, NOT_ALLOWED = "drop no-local-endpoint", "drop source-range"


# ---- objects: what a row does not say is as in most manifests ----


def meta(name, namespace="ns", **more):
    return {"name": name, "namespace": namespace, **more}


def service(name="s", ip="172.30.0.1", ports=({"port": 80},), metadata=(), ingress=(), **spec):
    if ip is not None:
        spec["clusterIP"] = ip
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta(**{"name": name, **dict(metadata)}),
        "spec": {"ports": ports, **spec},
        "status": {"loadBalancer": {"ingress": list(ingress)}},
    }


def slice_of(*members, name="a", of="s", ports=({"port": 8080},), labels=(), namespace="ns", **more):
    """An EndpointSlice; a member may be its address alone, whose family is the slice's."""
    members = [endpoint(m) if isinstance(m, str) else m for m in members]
    six = any(":" in a for m in members for a in m["addresses"])
    labels = dict(labels) | ({"kubernetes.io/service-name": of} if of is not None else {})
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": meta(name, namespace, labels=labels),
        "addressType": "IPv6" if six else "IPv4",
        "ports": ports,
        "endpoints": members,
        **more,
    }


def endpoint(address, node=None, zones=None, nodes=None, conditions=None, **more):
    """Of a slice. zones, nodes: its hints."""
    hints = {"forZones": zones, "forNodes": nodes}
    hints = {key: [{"name": n} for n in names] for key, names in hints.items() if names is not None}
    made = {
        "addresses": [address] if isinstance(address, str) else address,
        "nodeName": node,
        "hints": hints or None,
        "conditions": conditions,
    }
    return {key: value for key, value in made.items() if value is not None} | more


# Conditions of an endpoint that drains, as the endpoint controller writes them.
DRAINING = {"ready": False, "serving": True, "terminating": True}
NOT_READY = {"ready": False, "serving": False, "terminating": False}


def endpoints(*subsets, name="s", namespace="ns", **metadata):
    """The older kind; a subset is made by subset()."""
    return {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": meta(name, namespace, **metadata),
        "subsets": list(subsets),
    }


def subset(*ready, not_ready=(), ports=({"port": 8080},)):
    return {
        "addresses": [{"ip": a} if isinstance(a, str) else a for a in ready],
        "notReadyAddresses": [{"ip": a} for a in not_ready],
        "ports": ports,
    }


def pod(name, ip, ports=(), labels=(("app", "a"),), namespace="ns", deleted=False, status=(), **spec):
    """One that runs and is ready; status= has what is otherwise."""
    ready = {"type": "Ready", "status": "True"}
    more = {"deletionTimestamp": "2026-01-01T00:00:00Z"} if deleted else {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta(name, namespace, labels=dict(labels), **more),
        "spec": {"containers": [{"name": "c", "ports": list(ports)}], **spec},
        "status": {"phase": "Running", "podIP": ip, "conditions": [ready], **dict(status)},
    }


def node(name, *addresses, labels=(), ready="True", **spec):
    """Addresses are its internal ones."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": dict(labels)},
        "spec": spec,
        "status": {
            "addresses": [{"type": "Hostname", "address": name}]
            + [a if isinstance(a, dict) else {"type": "InternalIP", "address": a} for a in addresses],
            "conditions": [{"type": "Ready", "status": ready}],
        },
    }


# ---- rows ----


def case(sentence, objects, flows, refused=None, config=None):
    manifest = objects if isinstance(objects, bytes) else as_list(objects)
    return sentence, manifest, flows, refused, config or NODE


def query(destination):
    """The words of `forebayctl explain`."""
    words, _, source = destination.partition(" from ")
    protocol, _, to = words.rpartition(" ")
    source = source or ("2600::9" if "[" in to else "203.0.113.3")
    source = f"[{source}]" if ":" in source else source
    return f"{protocol or 'tcp'} {source}:40000 {to}"


def said(answer, wanted):
    """What explain says in the words of a row; "": just what is wanted."""
    verdict = answer.get("verdict", answer.get("error"))
    if answer.get("service", "") is None:
        return "" if wanted == NOBODY else f"{NOBODY}: {verdict}"
    if verdict == "forward":
        have = sorted(map(canonical, answer["candidates"]))
        where = [w for w in wanted.split() if ":" in w]
        return "" if where and have == sorted(map(canonical, where)) else f"{have}"
    have = f"{verdict} {answer.get('reason')}"
    return "" if have == wanted else have


def problems(forebayctl, folder, row):
    _, manifest, flows, refused, config = row
    queries = {destination: query(destination) for destination in flows}
    answers, errors = explain(forebayctl, folder, config, manifest, list(queries.values()))
    for destination, wanted in flows.items():
        have = said(answers[queries[destination]], wanted)
        if have:
            yield f"{destination}: {have}, not {wanted}"
    if refused is None and "error:" in errors or refused is not None and refused not in errors:
        yield f"said: {errors!r}, not {refused!r}"


def main(rows):
    """Each row is a test."""
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for n, row in enumerate(rows, 1):
            wrong = list(problems(sys.argv[1], Path(folder), row))
            failed += bool(wrong)
            print(f"{'not ok' if wrong else 'ok'} {n} - {row[0]}")
            for line in wrong:
                print(f"# {line}")
    print(f"1..{len(rows)}")
    sys.exit(failed > 0 or not rows)
