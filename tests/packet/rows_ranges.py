# SPDX-License-Identifier: BSD-3-Clause
"""Ranges of ports and whole addresses."""

from scapy.layers.l2 import Ether

from bed import Step, row
from packets import ended, equal, l3_bytes, network, sent

FAMILY = {"family": (4, 6)}
BOTH = {"family": (4, 6), "mode": ("snat", "dnat")}
ALL = {"proto": ("tcp", "udp", "sctp"), **BOTH}


def there_and_back(t, service, dport, target):
    flow = yield from t.open(service, l4=t.l4(dport=dport), target=target)
    reply = flow.reply()
    result = yield Step(flow.egress, reply)
    sent(result, "forward", "none", "lan", flow.to_client(reply))
    return flow


@row("{proto} over {family} by {mode}: port {port} of a range is kept", port=(20000, 20047, 20099), **ALL)
def kept(t):
    yield from there_and_back(t, "range-" + t.mode, t.port, t.port)


@row("{proto} over {family} by {mode}: port {port} of another one is shifted", port=(21000, 21099), **ALL)
def shifted(t):
    yield from there_and_back(t, "range-" + t.mode, t.port, t.port + 10000)


@row("{proto} over {family} by {mode}: the Service's own port goes where it says", **ALL)
def own_port(t):
    yield from t.open("range-" + t.mode)


@row("{proto} over {family}: port {port} beside the ranges is refused", port=(19999, 20100, 31000),
     proto=("tcp", "udp", "sctp"), **FAMILY)  # fmt: skip
def beside(t):
    result = yield Step("lan", t.packet("range-snat", l4=t.l4(dport=t.port)))
    ended(result, "reject", "no-service")


@row("{proto} over {family} by {mode}: port {port} of a whole address is kept", port=(1, 4711, 65535), **ALL)
def whole(t):
    yield from there_and_back(t, "whole-" + t.mode, t.port, t.port)


@row("TCP over {family}: another Service has port {port} of that address",
     port=(9500, 9000, 9099), **FAMILY)  # fmt: skip
def shared(t):
    target = 8080 if t.port == 9500 else t.port
    yield from there_and_back(t, "guest-snat", t.port, target)


@row("{proto} over {family}: and not the ports beside, nor those of other protocols",
     proto=("tcp", "udp"), **FAMILY)  # fmt: skip
def not_shared(t):
    port = 9501 if t.proto == "tcp" else 9500
    yield from there_and_back(t, "whole-snat", port, port)


@row("{proto} over {family} by {mode}: the client hears of an error about a port of a range", **ALL)
def error(t):
    frame = t.packet("range-" + t.mode, l4=t.l4(dport=21005), payload=b"0123456789")
    flow = yield from t.open("range-" + t.mode, l4=t.l4(dport=21005), payload=b"0123456789", target=31005)
    about = t.error("port unreachable", l3_bytes(flow.to_endpoint(frame)))
    result = yield Step("pods", t.frame("pods", flow.emac, flow.endpoint, flow.seen, about))
    ended(result, "forward")
    out = network(Ether(result.frames[0][1]))
    equal((out.src, out.dst), (flow.vip, t.client), "addresses")
    assert int(21005).to_bytes(2, "big") in l3_bytes(result.frames[0][1]), "the port that was asked"
    assert int(31005).to_bytes(2, "big") not in l3_bytes(result.frames[0][1]), "the endpoint's port"


@row("UDP over {family} by {mode}: ports of a range are spread over the endpoints", **BOTH)
def spread(t):
    t.proto = "udp"
    steps = [Step("lan", t.packet("range-" + t.mode, l4=t.l4(dport=p))) for p in range(20000, 20040)]
    results = yield steps
    chosen = {r.endpoint.rsplit(":", 1)[0] for r in results}
    equal(len(chosen), 3, "number of endpoints")
    for step, result in zip(steps, results):
        ended(result, "forward")
        equal(int(result.endpoint.rsplit(":", 1)[1]), network(Ether(step.frame)).payload.dport, "port")
