#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Which flows outlive a change of endpoints, by kube-proxy's own table: prints TAP.

usage: udp_cleanup_cases.py FOREBAY-REPLAY CASES.json

CASES.json has a Service with its slice, and connections that a node's conntrack has, each with whether it
stays. Here each is made first: a Service of the same name, whose one endpoint is the connection's, gets its
packets, and the endpoint answers. Then the objects of the case come in its place (forebay-replay --then), and
the client sends once more: it stays if that goes to the same endpoint.

Where a box differs, it is in DIFFERS with a sentence, and what it does instead is tested.
"""

import json
import logging
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
    from scapy.layers.inet import IP, TCP, UDP
    from scapy.layers.l2 import Ether
    from scapy.layers.sctp import (
        SCTP,
        SCTPChunkCookieAck,
        SCTPChunkCookieEcho,
        SCTPChunkData,
        SCTPChunkInit,
        SCTPChunkInitAck,
    )
    from scapy.utils import wrpcap
except ImportError:
    print("1..0 # SKIP no python3-scapy")
    sys.exit(0)

NODE, ROUTER, BOX = "192.168.0.2", "192.168.0.254", "02:00:00:00:00:a0"
CLIENT = "203.0.113.2"
GIVEN_UP = (
    "the Service had the port, or there would be no such flow here, and has given it up: conntrack cannot "
    "know that, and a box that does would send the client to an endpoint of something else's"
)
NEITHER = (
    "ready but not serving is what no controller writes: as it is ready, it gets new flows, on a node as "
    "here, and so its old ones stay"
)
CHANGE_S = 2
# Those that are ready: who moves, goes to one of them.
READY = {"10.240.0.4:9090", "10.240.1.5:9090"}


def differs(flow):
    """(why, the endpoint that it goes to instead; None: none), or None."""
    if flow["protocol"] == "UDP" and flow["kept"] and flow["origDport"] == 3000 and flow["replySport"]:
        return GIVEN_UP, None
    if flow["protocol"] == "UDP" and not flow["kept"] and "not serving" in flow["why"]:
        return NEITHER, f"{flow['replySrc']}:{flow['replySport']}"
    return None


def before(objects, flow_endpoint):
    """The Service as it was when the flows began: every port of them, one endpoint or none."""
    address, port = flow_endpoint
    service = json.loads(json.dumps(objects[0]))
    ports = []
    for proto in ("TCP", "UDP", "SCTP"):
        ports.append({"name": f"test-{proto.lower()}", "protocol": proto, "port": 8000, "nodePort": 32000})
        if port:
            ports.append({"name": f"gone-{proto.lower()}", "protocol": proto, "port": 3000})
    service["spec"]["ports"] = ports
    service["spec"]["type"] = "NodePort"
    return [
        service,
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**objects[1]["metadata"]},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [address]}] if port else [],
            "ports": [{"name": p["name"], "protocol": p["protocol"], "port": port or 9090} for p in ports],
        },
    ]


def after(objects):
    """As the case says it; a Service with a nodePort is not of type ClusterIP."""
    service = json.loads(json.dumps(objects[0]))
    service["spec"]["type"] = "NodePort"
    return [service, *objects[1:]]


def packets(flow, number):
    """(before the change [(seconds, frame)], the one after)"""
    dst = NODE if flow["origDst"] == "*" else flow["origDst"]
    sport, proto = 10000 + number, flow["protocol"]

    def frame(src, dst, l4):
        return Ether(src="02:00:00:00:00:01", dst=BOX) / IP(src=src, dst=dst, ttl=61) / l4

    def client(l4, *rest):
        l4.sport, l4.dport = sport, flow["origDport"]
        for r in rest:
            l4 = l4 / r
        return frame(CLIENT, dst, l4)

    def endpoint(l4, *rest):
        l4.sport, l4.dport = flow["replySport"], sport
        for r in rest:
            l4 = l4 / r
        return frame(flow["replySrc"], CLIENT, l4)

    if proto == "UDP":
        said = [client(UDP(), b"a"), endpoint(UDP(), b"b")]
        last = client(UDP(), b"c")
    elif proto == "TCP":
        said = [client(TCP(flags="S")), endpoint(TCP(flags="SA")), client(TCP(flags="A"))]
        last = client(TCP(flags="PA"), b"c")
    else:
        said = [
            client(SCTP(tag=0), SCTPChunkInit(init_tag=1)),
            endpoint(SCTP(tag=1), SCTPChunkInitAck(init_tag=2)),
            client(SCTP(tag=2), SCTPChunkCookieEcho(cookie=b"1234")),
            endpoint(SCTP(tag=1), SCTPChunkCookieAck()),
        ]
        last = client(SCTP(tag=2), SCTPChunkData(data=b"1234", beginning=1, ending=1))
    return (said if flow["replySport"] else said[:1]), last


def config():
    return {
        "ports": [{"name": "lan", "device": "none0", "mac": BOX, "addresses": [f"{NODE}/24"]}],
        "nat": {"mode": "dnat"},
        "lab": {
            "neighbours": [{"address": ROUTER, "mac": "02:00:00:00:00:01", "port": "lan"}],
            "routes": [{"prefix": "0.0.0.0/0", "via": ROUTER, "port": "lan"}],
        },
    }


def run(replay, folder, objects, flows):
    """What became of each flow's packets: [(those before, the one after)]"""
    frames, places = [], []
    for number, flow in enumerate(flows):
        said, last = packets(flow, number)
        places.append((len(said), flow))
        for p in said:
            p.time = 1000 + 0.001 * (len(frames) + 1)
            frames.append(p)
    for number, flow in enumerate(flows):
        last = packets(flow, number)[1]
        last.time = 1000 + CHANGE_S + 1 + 0.001 * number
        frames.append(last)
    wrpcap(str(folder / "in.pcap"), frames)
    (folder / "config.yaml").write_text(json.dumps(config()))
    for name, items in (
        ("before", before(objects, (flows[0]["replySrc"], flows[0]["replySport"]))),
        ("after", after(objects)),
    ):
        (folder / f"{name}.json").write_text(
            json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
        )
    done = subprocess.run(
        [replay, "-c", folder / "config.yaml", "-f", folder / "before.json", "-o", "json"]
        + [f"--then={CHANGE_S}={folder / 'after.json'}", "-i", f"lan={folder / 'in.pcap'}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"forebay-replay: status {done.returncode}\n{done.stderr}")
    said = [json.loads(line) for line in done.stdout.splitlines()]
    at, results = 0, []
    for number, (n, _) in enumerate(places):
        results.append((said[at : at + n], said[len(said) - len(flows) + number]))
        at += n
    return results


def wrong(flow, first, last):
    """What is not as expected, as a sentence; None: all of it is."""
    own = f"{flow['replySrc']}:{flow['replySport']}"
    if flow["replySport"] == 0:
        # No endpoint then: nothing was forwarded, and nothing is remembered.
        if any(f["verdict"] == "forward" for f in first):
            return f"was forwarded without an endpoint: {first}"
        goes_to = {None} if flow["origDport"] == 3000 else READY
    else:
        for f in first:
            if f["verdict"] != "forward" or f.get("endpoint") != own:
                return f"did not begin: {f}"
        instead = differs(flow)
        goes_to = {own} if flow["kept"] else READY - {own}
        if instead is not None:
            goes_to = {instead[1]}
    have = last.get("endpoint") if last["verdict"] == "forward" else None
    return None if have in goes_to else f"goes to {have} ({last['verdict']}), not {goes_to}"


def main():
    replay, cases = sys.argv[1], json.loads(Path(sys.argv[2]).read_text())["udp_conntrack_cleanup"]
    flows, groups, failed, number = cases["flows"], {}, 0, 0
    for flow in flows:
        # What never was translated has its own address as the reply's.
        key = (flow["replySrc"], flow["replySport"]) if flow["replySport"] else ("", 0)
        groups.setdefault(key, []).append(flow)
    print("TAP version 13")
    print(f"1..{len(flows)}")
    with tempfile.TemporaryDirectory() as folder:
        for group in groups.values():
            for flow, (first, last) in zip(group, run(replay, Path(folder), cases["objects"], group)):
                number += 1
                error = wrong(flow, first, last)
                failed += error is not None
                name = (
                    f"{flow['protocol']} to {flow['origDst']}:{flow['origDport']} from "
                    f"{flow['replySrc']}:{flow['replySport']}: {flow['why']}"
                )
                print(f"{'not ok' if error else 'ok'} {number} - {name.replace('#', '')}")
                if differs(flow) is not None:
                    print(f"# differs: {differs(flow)[0]}")
                if error:
                    print(f"# {error}")
    return failed != 0


sys.exit(main())
