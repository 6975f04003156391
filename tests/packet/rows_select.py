# SPDX-License-Identifier: BSD-3-Clause
"""How a new flow's endpoint is chosen, by each way and with each number of workers."""

from collections import Counter

from bed import Bench, Step, row
from packets import ADDRESS, SERVICE_PORT, endpoints, ended, equal, l4_of, network
from scapy.layers.inet import TCP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

MODES = ("snat", "dnat")
FAMILIES = (4, 6)
WAYS = ("source-ip", "random", "round-robin", "least-connections")
WEIGHTS = {"11": 5, "12": 1, "13": 0}
MAX_WORKERS = 4
PLACES = {}


def address_of(name, family):
    place = PLACES.setdefault(name, len(PLACES) + 1)
    return f"192.0.2.{100 + place}" if family == 4 else f"2001:db8:f::{100 + place:x}"


def objects(name, mode, spec=None, **annotations):
    """A Service of its own for a row, with the three endpoints behind port pods."""
    annotations = {f"forebay.io/{k.replace('_', '-')}": v for k, v in annotations.items()}
    ports = [
        {"name": "web", "protocol": "TCP", "port": SERVICE_PORT["tcp"]},
        {"name": "dns", "protocol": "UDP", "port": SERVICE_PORT["udp"]},
    ]
    yield {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "annotations": {"forebay.io/mode": mode, **annotations}},
        "spec": {"externalIPs": [address_of(name, f) for f in FAMILIES], "ports": ports, **(spec or {})},
    }
    for family in FAMILIES:
        yield {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": f"{name}-{family}",
                "labels": {"kubernetes.io/service-name": name},
            },
            "addressType": f"IPv{family}",
            "ports": [
                {"name": "web", "protocol": "TCP", "port": 8080},
                {"name": "dns", "protocol": "UDP", "port": 5353},
            ],
            "endpoints": [{"addresses": [a]} for a in endpoints("pods", family)],
        }


def weights_text():
    return ", ".join(
        f"{'10.1.0.' if f == 4 else 'fd00:1::'}{host}={w}" for f in FAMILIES for host, w in WEIGHTS.items()
    )


def all_objects():
    for mode in MODES:
        for way in WAYS:
            yield from objects(f"{way}-{mode}", mode, selection=way)
        for way in ("maglev",) + WAYS:
            yield from objects(f"weighted-{way}-{mode}", mode, selection=way, weights=weights_text())


def affine_objects():
    spec = {
        "sessionAffinity": "ClientIP",
        "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 10}},
    }
    for mode in MODES:
        for way in ("maglev",) + WAYS:
            yield from objects(f"affine-{way}-{mode}", mode, spec, selection=way)


Bench.OBJECTS["select"] = list(all_objects()) + list(affine_objects())


def connect(t, service, number, flags="S"):
    """The first packet of the number-th connection, or another one of the client's."""
    l4 = t.l4(t.proto, flags=flags) if t.proto == "tcp" else t.l4(t.proto)
    l4.sport, l4.dport = 10000 + number, SERVICE_PORT[t.proto]
    return t.frame("lan", t.cmac, t.client, address_of(service, t.family), l4)


def host_of(result):
    return network(Ether(result.frames[0][1])).dst.replace(":", ".").rsplit(".", 1)[1]


def open_many(t, service, n):
    """@return endpoints by number of connections, and the order in which they came"""
    results = yield [Step("lan", connect(t, service, i)) for i in range(n)]
    for result in results:
        ended(result, "forward")
    hosts = [host_of(r) for r in results]
    return Counter(hosts), hosts


def answer(t, first):
    """The endpoint's answer to the client's first packet."""
    out = Ether(first.frames[0][1])
    reply = t.l4(t.proto, flags="SA") if t.proto == "tcp" else t.l4(t.proto)
    reply.sport, reply.dport = l4_of(out).dport, l4_of(out).sport
    emac = endpoints("pods", t.family)[network(out).dst]
    equal(network(out).src, ADDRESS["pods"][t.family] if t.mode == "snat" else t.client, "source")
    back = yield Step("pods", t.frame("pods", emac, network(out).dst, network(out).src, reply))
    ended(back, "forward")
    equal(network(Ether(back.frames[0][1])).dst, t.client)


SPREAD = {"bench": "select", "any_endpoint": True, "mode": MODES, "family": FAMILIES}


@row("{proto} over {family} by {mode}: {way} spreads 60 connections", way=WAYS,
     proto=("tcp", "udp"), **SPREAD)  # fmt: skip
def spread(t):
    counts, _ = yield from open_many(t, f"{t.way}-{t.mode}", 60)
    if t.way == "source-ip":
        equal(len(counts), 1, "endpoints of one client")
    elif t.way == "random":
        # Less than five of 60: one in five million runs, and runs are all alike.
        assert len(counts) == 3 and min(counts.values()) >= 5, counts
    else:
        # Each worker's counts are within one of each other.
        assert max(counts.values()) - min(counts.values()) <= MAX_WORKERS, counts


@row("{proto} over {family} by {mode}: one worker goes around", bench="select",
     only_one_worker=True, any_endpoint=True, mode=MODES, family=FAMILIES, proto=("tcp", "udp"))  # fmt: skip
def around(t):
    _, hosts = yield from open_many(t, f"round-robin-{t.mode}", 12)
    for i in range(len(hosts) - 3):
        equal(hosts[i], hosts[i + 3], f"endpoint {i + 3}")
    equal(len(set(hosts)), 3, "endpoints")


@row("{proto} over {family} by {mode}: {way} follows weights, and 0 gets nothing",
     way=("maglev",) + WAYS, proto=("tcp", "udp"), **SPREAD)  # fmt: skip
def weighted(t):
    counts, _ = yield from open_many(t, f"weighted-{t.way}-{t.mode}", 60)
    equal(counts["13"], 0, "connections of weight 0")
    equal(counts["11"] + counts["12"], 60, "connections")
    if t.way in ("round-robin", "least-connections"):
        # 50 and 10; each worker within a turn or a flow.
        assert abs(counts["12"] - 10) <= MAX_WORKERS, counts
    elif t.way != "source-ip":
        # One in six of 60: four standard deviations are 11.5.
        assert 1 <= counts["12"] <= 21, counts


@row("over {family} by {mode}: the middle of a connection that nobody knows, by {way}", bench="select",
     any_endpoint=True, way=WAYS, mode=MODES, family=FAMILIES)  # fmt: skip
def unknown(t):
    l4 = TCP(flags="A", seq=7, ack=9, sport=9000, dport=SERVICE_PORT["tcp"])
    frame = t.frame("lan", t.cmac, t.client, address_of(f"{t.way}-{t.mode}", t.family), l4 / Raw(b"x"))
    result = yield Step("lan", frame)
    if t.mode == "dnat" and t.way == "source-ip":
        ended(result, "forward")
    else:
        # Without a hash, the endpoint that it had is not known.
        ended(result, "reject", "no-flow")
        equal(l4_of(Ether(result.frames[0][1])).flags, "R")
        equal(network(Ether(result.frames[0][1])).dst, t.client)


@row("{proto} over {family} by {mode}: by {way} a flow stays with its endpoint, and its replies come back",
     way=WAYS, proto=("tcp", "udp"), **SPREAD)  # fmt: skip
def stays(t):
    service = f"{t.way}-{t.mode}"
    frame = connect(t, service, 100)
    first = yield Step("lan", frame)
    ended(first, "forward")
    yield from answer(t, first)
    for _ in range(3):
        again = yield Step("lan", connect(t, service, 100))
        ended(again, "forward")
        equal(host_of(again), host_of(first), "endpoint")


ALL_WAYS = ("maglev",) + WAYS
AFFINE = {"bench": "select", "any_endpoint": True, "mode": MODES, "family": FAMILIES, "way": ALL_WAYS}


@row("{proto} over {family} by {mode}: with affinity over {way} a client has one endpoint on every worker",
     proto=("tcp", "udp"), **AFFINE)  # fmt: skip
def affine(t):
    counts, _ = yield from open_many(t, f"affine-{t.way}-{t.mode}", 40)
    equal(len(counts), 1, "endpoints of one client")


def connect_at(t, at_s, number, flags="S"):
    frame = connect(t, f"affine-{t.way}-{t.mode}", number, flags)
    return Step("lan", frame, at_s)


@row("over {family} by {mode}: affinity over {way} lasts from the last new connection", **AFFINE)
def lasts(t):
    first = yield connect_at(t, 1, 1)
    yield from answer_at(t, first, 1)
    yield connect_at(t, 1, 1, "A")
    hosts = [host_of(first)]
    # Each is within 10 seconds of the one before, and the last one 35 after the first.
    for number, at_s in enumerate((10, 18, 27, 36), 2):
        result = yield connect_at(t, at_s, number)
        ended(result, "forward")
        hosts.append(host_of(result))
    equal(len(set(hosts)), 1, "endpoints")


def answer_at(t, first, at_s):
    for step in (s := answer(t, first)):
        step.at_s = at_s
        result = yield step
        try:
            s.send(result)
        except StopIteration:
            return


@row("over {family} by {mode}: affinity over {way} ends with its timeout", bench="select",
     any_endpoint=True, mode=MODES, family=FAMILIES, way=("round-robin",))  # fmt: skip
def ends(t):
    """Round robin would go on to the next one: what is the same is so by affinity."""
    first = yield connect_at(t, 50, 1)
    yield from answer_at(t, first, 50)
    yield connect_at(t, 50, 1, "A")
    seen = []
    for number in range(4):
        result = yield connect_at(t, 62 + 12 * number, 2 + number)
        ended(result, "forward")
        seen.append(host_of(result))
    assert len(set(seen)) > 1, f"always {seen}"
