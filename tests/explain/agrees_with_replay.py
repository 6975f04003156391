#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What explain says is what the packet path does: agrees_with_replay.py FOREBAYCTL FOREBAY-REPLAY

Packets of random 5-tuples (both families, every kind of frontend, closed ports, addresses of the box and of
nobody, endpoints without route or neighbour) go through forebay-replay, each as the first of its flow, and
the same 5-tuples through explain --offline. Verdict, reason, Service and endpoint have to be the same.
"""

import ipaddress
import json
import random
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
TUPLES = 1000
LAN_MAC = bytes.fromhex("0200000000a0")
CLIENT_MAC = bytes.fromhex("0200000000c1")
PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132}

# name, mode, number, [(port name, protocol, port, nodePort)], [endpoints]
SERVICES = [
    ("kept", "dnat", 10, [("http", "TCP", 80, 30080), ("alt", "TCP", 81, 0), ("q", "UDP", 80, 30080),
      ("sig", "SCTP", 80, 30080)],
     ["10.1.0.11", "10.1.0.12", "10.1.0.13", "fd00:1::11", "fd00:1::12"]),
    ("hidden", "snat", 11, [("dns", "UDP", 53, 30053), ("dns-tcp", "TCP", 53, 30053), ("sig", "SCTP", 80, 0)],
     ["10.1.0.11", "10.1.0.12", "fd00:1::11"]),
    ("empty", "snat", 12, [("http", "TCP", 80, 30081), ("q", "UDP", 80, 0), ("sig", "SCTP", 80, 0)], []),
    ("only-four", "dnat", 13, [("http", "TCP", 80, 30082)], ["10.1.0.11"]),
    ("silent", "snat", 14, [("http", "TCP", 80, 0)], ["10.1.0.99", "fd00:1::99"]),
    ("half", "dnat", 15, [("http", "TCP", 80, 0)], ["10.1.0.11", "10.1.0.98"]),
    ("far", "snat", 16, [("http", "TCP", 80, 0), ("q", "UDP", 81, 0)], ["10.2.3.4", "10.2.3.5"]),
    ("nowhere", "snat", 17, [("http", "TCP", 80, 0)], ["10.9.0.1", "fd00:9::1"]),
    # Behind a port without an address to hide clients behind.
    ("bare", "snat", 18, [("http", "TCP", 80, 0), ("q", "UDP", 80, 0)], ["10.3.0.11", "fd00:3::11"]),
]

RANGES = {
    "kept": {"forebay.io/port-ranges": "http=7000-7099, q=7000-7099:9000, sig=7000-7099"},
    "hidden": {"forebay.io/port-ranges": "dns=all, dns-tcp=7050-7060"},
}


def manifests():
    for name, mode, number, ports, endpoints in SERVICES:
        yield {
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": name, "annotations": {"forebay.io/mode": mode, **RANGES.get(name, {})}},
            "spec": {
                "type": "LoadBalancer", "ipFamilies": ["IPv4", "IPv6"], "ipFamilyPolicy": "RequireDualStack",
                "clusterIP": f"10.96.0.{number}", "clusterIPs": [f"10.96.0.{number}", f"fd00:96::{number}"],
                "externalIPs": [f"198.51.100.{number}", f"2001:db8:e::{number}"],
                "ports": [{"name": p, "protocol": proto, "port": port, "targetPort": 8000 + port,
                           **({"nodePort": node} if node else {})} for p, proto, port, node in ports],
            },
            "status": {"loadBalancer": {"ingress": [{"ip": f"192.0.2.{number}"},
                                                    {"ip": f"2001:db8:f::{number}"}]}},
        }
        for family in (4, 6):
            mine = [e for e in endpoints if ipaddress.ip_address(e).version == family]
            yield {
                "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": f"IPv{family}",
                "metadata": {"name": f"{name}-{family}", "labels": {"kubernetes.io/service-name": name}},
                "ports": [{"name": p, "protocol": proto, "port": 8000 + port} for p, proto, port, _ in ports],
                "endpoints": [{"addresses": [e]} for e in mine],
            }


def random_tuples(rng):
    """(protocol, source, sport, destination, dport), each once"""
    seen = set()
    ports = [80, 81, 53] * 10 + [p for s in SERVICES for port in s[3] for p in port[2:] if p] + [1, 8080, 65535]
    ports += [7000, 7050, 7055, 7099, 7100]
    prefixes = {4: ["10.96.0.", "198.51.100.", "192.0.2."], 6: ["fd00:96::", "2001:db8:e::", "2001:db8:f::"]}
    own = {4: ["203.0.113.1", "10.1.0.1", "10.1.0.11", "203.0.113.77", "8.8.8.8"],
           6: ["2001:db8:c::1", "fd00:1::1", "fd00:1::11", "2001:db8:c::77", "2001:db8:9::9"]}
    bad = {4: ["203.0.113.1", "127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "192.0.2.10"],
           6: ["2001:db8:c::1", "::1", "::", "ff02::1", "2001:db8:f::10"]}
    while len(seen) < TUPLES:
        family = rng.choice((4, 6))
        proto = rng.choice(("tcp", "tcp", "udp", "udp", "sctp", "icmp"))
        src = f"203.0.113.{rng.randrange(2, 250)}" if family == 4 else f"2001:db8:c::{rng.randrange(2, 9999):x}"
        if rng.random() < 0.2:
            dst = rng.choice(own[family])
        else:
            dst = rng.choice(prefixes[family]) + str(rng.randrange(9, 19))
        icmp = proto == "icmp"
        sport = rng.randrange(1024, 65536) if rng.random() > 0.05 else 0
        if rng.random() < 0.1 and not icmp:
            src = rng.choice(bad[family] + [dst])
        seen.add((proto, src, 0 if icmp else sport, dst, 0 if icmp else rng.choice(ports)))
    return sorted(seen, key=lambda t: rng.random())


def query(t):
    proto, src, sport, dst, dport = t
    if proto == "icmp":
        return f"icmp {src} {dst}"
    form = "{}:{}" if "." in src else "[{}]:{}"
    return f"{proto} {form.format(src, sport)} {form.format(dst, dport)}"


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def segment(t, pseudo_addrs, number):
    """A SYN, an INIT, a datagram of 4 bytes or an echo request, with its checksum."""
    proto, _, sport, _, dport = t
    if proto == "tcp":
        body, place = struct.pack("!HHIIBBHHH", sport, dport, 1, 0, 0x50, 0x02, 65535, 0, 0), 16
    elif proto == "udp":
        body, place = struct.pack("!HHHH", sport, dport, 12, 0) + b"test", 6
    elif proto == "sctp":
        # An INIT; its CRC is the endpoint's business.
        init = struct.pack("!BBHIIHHI", 1, 0, 20, 1, 65536, 1, 1, 1)
        return struct.pack("!HHII", sport, dport, 0, 1) + init
    else:
        body, place = struct.pack("!BBHHH", 8 if number == 1 else 128, 0, 0, 1, 1) + b"test", 2
    pseudo = b"" if number == 1 else pseudo_addrs + struct.pack("!II", len(body), number)
    total = checksum(pseudo + body)
    if proto == "udp" and total == 0:
        total = 0xFFFF
    return body[:place] + struct.pack("!H", total) + body[place + 2:]


def frame(t):
    proto = t[0]
    src, dst = ipaddress.ip_address(t[1]), ipaddress.ip_address(t[3])
    number = PROTOCOLS.get(proto, 1 if src.version == 4 else 58)
    body = segment(t, src.packed + dst.packed, number)
    if src.version == 4:
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0x4000, 64, number, 0)
        head += src.packed + dst.packed
        head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
        ether = 0x0800
    else:
        head = struct.pack("!IHBB", 6 << 28, len(body), number, 64) + src.packed + dst.packed
        ether = 0x86DD
    return LAN_MAC + CLIENT_MAC + struct.pack("!H", ether) + head + body


def write_pcap(path, frames):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for i, data in enumerate(frames):
            f.write(struct.pack("<IIII", 1, i, len(data), len(data)) + data)


def run(args, **kwargs):
    done = subprocess.run(args, capture_output=True, text=True, check=False, timeout=100, **kwargs)
    if done.returncode != 0:
        sys.exit(f"{args[0]}: status {done.returncode}\n{done.stderr[-4000:]}")
    return done.stdout


def objects(text):
    return [json.loads(line) for line in text.splitlines()]


def said(o):
    return (o["verdict"], o["reason"] or "none", o["service"] and f"{o['service']}:{o['service_port']}",
            o["endpoint"])


def done_to(o):
    return (o["verdict"], o["reason"], o.get("service"), o.get("endpoint"))


def differ(explained, happened):
    """A packet that got no flow does not tell its Service and endpoint."""
    n = 4 if "endpoint" in happened else 2
    return said(explained)[:n] != done_to(happened)[:n]


def main():
    ctl, replay = sys.argv[1:]
    rng = random.Random(1)
    tuples = random_tuples(rng)
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        (scratch / "services.json").write_text(json.dumps(
            {"apiVersion": "v1", "kind": "List", "items": list(manifests())}), encoding="utf-8")
        write_pcap(scratch / "in.pcap", map(frame, tuples))
        common = ["--config", str(HERE / "bed.yaml"), "-f", str(scratch / "services.json")]
        explained = objects(run([ctl, "explain", "--offline", "-o", "json", *common],
                                input="".join(query(t) + "\n" for t in tuples)))
        happened = objects(run([replay, *common, "-o", "json", "--in", f"lan={scratch}/in.pcap"]))
    print("TAP version 13\n1..3")
    print(f"{'ok' if len(explained) == len(happened) == TUPLES else 'not ok'} 1 - every packet has an answer")
    bad = [(t, said(e), done_to(h)) for t, e, h in zip(tuples, explained, happened) if differ(e, h)]
    for t, e, h in bad[:20]:
        print(f"# {query(t)}\n#   explained {e}\n#   happened  {h}")
    print(f"{'not ok' if bad else 'ok'} 2 - what is explained is what happens ({len(bad)} of {TUPLES} differ)")
    kinds = {(h["verdict"], h["reason"]) for h in happened}
    chosen = {h["endpoint"] for h in happened if "endpoint" in h}
    wanted = {("forward", "none"), ("reject", "no-service"), ("reject", "no-endpoints"), ("punt", "none"),
              ("answer", "none"), ("drop", "next-hop-unresolved"), ("drop", "no-route"),
              ("drop", "no-snat-address")}
    complete = wanted <= kinds and len(chosen) >= 10
    print(f"{'ok' if complete else 'not ok'} 3 - every kind of verdict and endpoint was among them")
    print("".join(f"# missing: {k}\n" for k in wanted - kinds), end="")
    return bool(bad) or not complete or len(explained) != TUPLES


sys.exit(main())
