# SPDX-License-Identifier: BSD-3-Clause
"""What SCTP has of its own: associations, its checksum, packets out of the blue, chunks that lie."""

import struct

from scapy.layers.l2 import Ether
from scapy.layers.sctp import SCTP
from scapy.packet import Raw

from bed import Bench, Step, row
from packets import (
    ABORT,
    COOKIE_ACK,
    COOKIE_ECHO,
    ERROR,
    INIT,
    INIT_ACK,
    OWN_TAG,
    SACK,
    SHUTDOWN,
    SHUTDOWN_ACK,
    SHUTDOWN_COMPLETE,
    TARGET_PORT,
    chunk,
    data,
    ended,
    endpoints,
    equal,
    init,
    kind_of,
    l4_of,
    network,
    sent,
    vip,
)
from rows_ageing import forgotten

FAMILY = {"family": (4, 6)}
BOTH = {"family": (4, 6), "mode": ("snat", "dnat")}
SACK_BYTES = chunk(SACK, struct.pack("!IIHH", 1, 65536, 0, 0))


def sctp(chunks, tag=0x05060708, **fields):
    return SCTP(tag=tag, **fields) / Raw(chunks)


def there(t, flow, chunks, at_s=None):
    frame = t.packet(l4=sctp(chunks))
    result = yield Step("lan", frame, at_s)
    sent(result, "forward", "none", flow.egress, flow.to_endpoint(frame))


def back(flow, chunks, at_s=None):
    frame = flow.reply(l4=sctp(chunks))
    result = yield Step(flow.egress, frame, at_s)
    sent(result, "forward", "none", flow.ingress, flow.to_client(frame))


@row("SCTP over {family} by {mode}: an association from INIT to SHUTDOWN COMPLETE", **BOTH)
def association(t):
    t.proto = "sctp"
    flow = yield from t.establish()
    yield from there(t, flow, SACK_BYTES + data(b"from the client"))
    yield from back(flow, SACK_BYTES + data(b"from the endpoint, odd."))
    yield from there(t, flow, chunk(4, struct.pack("!HH", 1, 8) + b"beat"))
    yield from back(flow, chunk(SHUTDOWN, struct.pack("!I", 1)))
    yield from there(t, flow, chunk(SHUTDOWN_ACK))
    yield from back(flow, chunk(SHUTDOWN_COMPLETE))


@row("SCTP over {family} by {mode}: data of every length", **BOTH)
def lengths(t):
    t.proto = "sctp"
    flow = yield from t.establish()
    payloads = [(bytes(range(256)) * 6)[:n] for n in (1, 2, 3, 4, 5, 255, 256, 257, 1000, 1400)]
    frames = [t.packet(l4=sctp(data(p))) for p in payloads]
    results = yield [Step("lan", f) for f in frames]
    for frame, result in zip(frames, results):
        sent(result, "forward", "none", flow.egress, flow.to_endpoint(frame))
    frames = [flow.reply(l4=sctp(data(p))) for p in payloads]
    results = yield [Step(flow.egress, f) for f in frames]
    for frame, result in zip(frames, results):
        sent(result, "forward", "none", flow.ingress, flow.to_client(frame))


@row("SCTP over {family} by {mode}: a wrong checksum leaves as wrong as it came", **BOTH)
def wrong_sum(t):
    t.proto = "sctp"
    flow = yield from t.establish()
    good = t.packet(l4=sctp(data(b"corrupt")))
    wrong = bytearray(good)
    wrong[-4] ^= 0x21
    result = yield Step("lan", wrong)
    equal((result.verdict, result.reason), ("forward", "none"))
    out = bytearray(result.frames[0][1])
    out[-4] ^= 0x21
    equal(bytes(out), flow.to_endpoint(good), "the packet, mended")


@row("SCTP over {family} by {mode}: no checksum stays none", **BOTH)
def no_sum(t):
    t.proto = "sctp"
    flow = yield from t.establish()
    frame = t.packet(l4=sctp(data(b"none"), chksum=0))
    result = yield Step("lan", frame)
    sent(result, "forward", "none", flow.egress, flow.to_endpoint(frame))
    equal(l4_of(Ether(result.frames[0][1])).chksum, 0)


def crc_turned_back(register):
    for _ in range(32):
        register = ((register ^ 0x82F63B78) << 1 | 1 if register >> 31 else register << 1) & 0xFFFFFFFF
    return register


@row("SCTP over {family} by {mode}: a checksum that truly is zero is translated", **BOTH)
def zero_sum(t):
    t.proto = "sctp"
    flow = yield from t.establish()
    payload = bytearray(b"4 bytes decide: \0\0\0\0")
    frame = t.packet(l4=sctp(data(bytes(payload))))
    now = int.from_bytes(l4_of(Ether(frame)).chksum.to_bytes(4, "big"), "little") ^ 0xFFFFFFFF
    last = crc_turned_back(now) ^ crc_turned_back(0xFFFFFFFF)
    payload[-4:] = last.to_bytes(4, "little")
    frame = t.packet(l4=sctp(data(bytes(payload))))
    equal(l4_of(Ether(frame)).chksum, 0, "checksum on the way in")
    result = yield Step("lan", frame)
    out = Ether(result.frames[0][1])
    wanted = t.packet(l4=sctp(data(bytes(payload)), chksum=1))  # any but none: it is made anew
    sent(result, "forward", "none", flow.egress, flow.to_endpoint(wanted))
    assert l4_of(out).chksum != 0, "the checksum of other ports is another one"


V4, V6 = struct.pack("!HH4s", 5, 8, b"\xcb\0\x71\x99"), struct.pack("!HH", 6, 20) + bytes(range(16))
HIDDEN = struct.pack("!H", 0x8005)


@row("SCTP over {family} by {mode}: further addresses of {who} are hidden", who=("client", "endpoint"),
     **BOTH)  # fmt: skip
def hidden_addresses(t):
    t.proto = "sctp"
    head = struct.pack("!IIHHI", OWN_TAG, 65536, 1, 1, 1)
    kind = INIT if t.who == "client" else INIT_ACK
    said, heard = chunk(kind, head + V4 + V6), chunk(kind, head + HIDDEN + V4[2:] + HIDDEN + V6[2:])
    if t.who == "client":
        frame, wanted = (t.packet(l4=sctp(c, tag=0)) for c in (said, heard))
        result = yield Step("lan", frame)
        out = l4_of(Ether(result.frames[0][1]))
        ended(result, "forward")
        equal(bytes(out.payload), heard, "chunk")
        flow = yield from t.open()
        result = yield Step("lan", frame)
        sent(result, "forward", "none", flow.egress, flow.to_endpoint(wanted))
    else:
        flow = yield from t.open()
        frame, wanted = (flow.reply(l4=sctp(c)) for c in (said, heard))
        result = yield Step(flow.egress, frame)
        sent(result, "forward", "none", "lan", flow.to_client(wanted))


# Out of the blue (RFC 9260, 8.4).


def abort(t, service, tag, flags, port="lan", kind=ABORT, dport=3868):
    l4 = SCTP(sport=dport, dport=t.cport, tag=tag) / Raw(chunk(kind, flags=flags))
    return t.answer(port, t.cmac, vip(service, t.family), t.client, l4)


@row("SCTP over {family}: INIT to an unknown port is aborted with the tag that it proposes", **FAMILY)
def unknown_port(t):
    frame = t.packet("snat", l4=t.l4("sctp", dport=81))
    result = yield Step("lan", frame)
    sent(result, "reject", "no-service", "lan", abort(t, "snat", OWN_TAG, 0, dport=81))


@row("SCTP over {family}: {what} to an unknown port is aborted with its own tag",
     what=("data", "COOKIE ECHO", "SHUTDOWN"), **FAMILY)  # fmt: skip
def unknown_port_midway(t):
    chunks = {"data": data(b"?"), "COOKIE ECHO": chunk(COOKIE_ECHO, b"old"),
              "SHUTDOWN": chunk(SHUTDOWN, bytes(4))}[t.what]  # fmt: skip
    result = yield Step("lan", t.packet("snat", l4=sctp(chunks, dport=81)))
    sent(result, "reject", "no-service", "lan", abort(t, "snat", 0x05060708, 1, dport=81))


@row("SCTP over {family}: SHUTDOWN ACK out of the blue is completed", **FAMILY)
def unknown_port_shutdown(t):
    result = yield Step("lan", t.packet("snat", l4=sctp(chunk(SHUTDOWN_ACK), dport=81)))
    wanted = abort(t, "snat", 0x05060708, 1, kind=SHUTDOWN_COMPLETE, dport=81)
    sent(result, "reject", "no-service", "lan", wanted)


@row("SCTP over {family}: {what} out of the blue is not answered",
     what=("ABORT", "SHUTDOWN COMPLETE", "COOKIE ACK", "ERROR"), **FAMILY)  # fmt: skip
def silent(t):
    kind = {"ABORT": ABORT, "SHUTDOWN COMPLETE": SHUTDOWN_COMPLETE, "COOKIE ACK": COOKIE_ACK,
            "ERROR": ERROR}[t.what]  # fmt: skip
    value = struct.pack("!HH", 3, 4) if kind == ERROR else b""
    result = yield Step("lan", t.packet("snat", l4=sctp(chunk(kind, value), dport=81)))
    ended(result, "drop", "no-service")


@row("SCTP over {family}: INIT to a Service without endpoints is aborted, with the port's tag", **FAMILY)
def empty(t):
    result = yield Step("tagged", t.packet("empty", l4=t.l4("sctp"), port="tagged"))
    sent(result, "reject", "no-endpoints", "tagged", abort(t, "empty", OWN_TAG, 0, "tagged"))


@row("SCTP over {family} by snat: a packet of an unknown association is aborted", **FAMILY)
def midway_hidden(t):
    result = yield Step("lan", t.packet("snat", l4=sctp(data(b"middle"))))
    sent(result, "reject", "no-flow", "lan", abort(t, "snat", 0x05060708, 1))


@row("SCTP over {family} by dnat: it goes to the endpoint that the hash names", **FAMILY)
def midway_kept(t):
    t.proto, t.mode = "sctp", "dnat"
    flow = yield from t.open("dnat", l4=sctp(data(b"middle")))
    yield from back(flow, SACK_BYTES)


@row("SCTP over {family} by {mode}: an ABORT of an unknown association goes nowhere", **BOTH)
def midway_abort(t):
    result = yield Step("lan", t.packet(l4=sctp(chunk(ABORT, flags=1))))
    ended(result, "drop", "no-flow")


@row("{family}: one NodePort of three protocols are three ports", **FAMILY)
def protocols_apart(t):
    to = {4: "192.0.2.1", 6: "2001:db8:f::1"}[t.family]
    for proto in ("tcp", "udp", "sctp"):
        t.proto = proto
        result = yield Step("lan", t.packet("snat", l4=t.l4(dport=30080), to=to))
        ended(result, "forward")
        out = l4_of(Ether(result.frames[0][1]))
        equal((kind_of(out), out.dport), (proto, TARGET_PORT[proto]), "endpoint's port")


# Chunks that lie.

LIES = {
    "no chunk": (b"", "too-short"),
    "a chunk of length 3": (b"\0\3\0\3abcd", "bad-sctp-chunk"),
    "a chunk beyond the packet": (b"\0\3\0\x99" + bytes(20), "bad-sctp-chunk"),
    "INIT with data": (init(INIT, b"") + data(b"x"), "bad-sctp-chunk"),
    "INIT ACK with a cookie": (init(INIT_ACK, b"") + chunk(COOKIE_ECHO), "bad-sctp-chunk"),
    "INIT with a tag": (init(INIT, b""), "bad-sctp-chunk"),
    "an INIT that is cut": (chunk(INIT, bytes(12)), "bad-sctp-chunk"),
}


@row("SCTP over {family}: {what}", what=tuple(LIES), **FAMILY)
def lies(t):
    chunks, reason = LIES[t.what]
    result = yield Step("lan", t.packet("snat", l4=sctp(chunks)))
    ended(result, "drop", reason)


# What time does: sctp-opening 2 s, sctp-established 30 s, sctp-closing 4 s.


@row("SCTP over {family} by {mode}: an unanswered INIT is forgotten", bench="short", **BOTH)
def opening_gone(t):
    t.proto = "sctp"
    flow = yield from t.open(at_s=0)
    result = yield Step("pods", flow.reply(), 4)
    ended(result, "punt")


@row("SCTP over {family} by {mode}: an association may be idle", bench="short", **BOTH)
def established(t):
    t.proto = "sctp"
    flow = yield from t.establish(at_s=0)
    yield from back(flow, SACK_BYTES, 28)


@row("SCTP over {family} by {mode}: but not for ever", bench="short", **BOTH)
def established_gone(t):
    t.proto = "sctp"
    flow = yield from t.establish(at_s=0)
    result = yield Step("pods", flow.reply(l4=sctp(SACK_BYTES)), 33)
    forgotten(t, result)


@row("SCTP over {family} by {mode}: after {what} it is forgotten sooner",
     bench="short", what=("SHUTDOWN", "ABORT", "SHUTDOWN COMPLETE"), **BOTH)  # fmt: skip
def closed(t):
    t.proto = "sctp"
    flow = yield from t.establish(at_s=0)
    kind = {"SHUTDOWN": SHUTDOWN, "ABORT": ABORT, "SHUTDOWN COMPLETE": SHUTDOWN_COMPLETE}[t.what]
    yield from there(t, flow, chunk(kind, bytes(4) if kind == SHUTDOWN else b""), 0)
    yield from back(flow, SACK_BYTES, 3)
    result = yield Step("pods", flow.reply(l4=sctp(SACK_BYTES)), 9)
    forgotten(t, result)


@row("SCTP over {family} by {mode}: the same ports again lead to the same endpoint", bench="short", **BOTH)
def again(t):
    t.proto = "sctp"
    first = yield from t.establish(at_s=0)
    yield from there(t, first, chunk(ABORT), 0)
    second = yield from t.open(at_s=1)
    equal(second.endpoint, first.endpoint)


# Session affinity for a minute, over a selection that would go around.


def affine_objects():
    for mode, last in (("snat", 90), ("dnat", 91)):
        yield {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {
                "name": f"affine-sctp-{mode}",
                "annotations": {"forebay.io/mode": mode, "forebay.io/selection": "round-robin"},
            },
            "spec": {
                "externalIPs": [f"192.0.2.{last}", f"2001:db8:f::{last}"],
                "sessionAffinity": "ClientIP",
                "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 60}},
                "ports": [{"name": "sig", "protocol": "SCTP", "port": 3868}],
            },
        }
        for family in (4, 6):
            yield {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {
                    "name": f"affine-sctp-{mode}-{family}",
                    "labels": {"kubernetes.io/service-name": f"affine-sctp-{mode}"},
                },
                "addressType": f"IPv{family}",
                "ports": [{"name": "sig", "protocol": "SCTP", "port": 3869}],
                "endpoints": [{"addresses": [a]} for a in endpoints("pods", family)],
            }


Bench.OBJECTS["sctp"] = list(affine_objects())
Bench.TIMEOUTS["sctp"], Bench.LIMITS["sctp"] = Bench.TIMEOUTS["short"], "{}"


def init_at(t, at_s, sport):
    to = ("192.0.2.9" if t.family == 4 else "2001:db8:f::9") + ("0" if t.mode == "snat" else "1")
    return Step("lan", t.packet(l4=t.l4("sctp", sport=sport, dport=3868), to=to), at_s)


@row("SCTP over {family} by {mode}: an INIT that nobody confirms is remembered for sctp-opening",
     bench="sctp", any_endpoint=True, **BOTH)  # fmt: skip
def affinity_unproven(t):
    results = yield [init_at(t, at_s, 700 + at_s) for at_s in range(0, 45, 9)]
    assert len({network(Ether(r.frames[0][1])).dst for r in results}) > 1, "as if it were proven"


@row("SCTP over {family} by {mode}: an association is, for the affinity's whole time",
     bench="sctp", any_endpoint=True, **BOTH)  # fmt: skip
def affinity_proven(t):
    first = yield init_at(t, 0, 700)
    out = Ether(first.frames[0][1])
    emac = endpoints("pods", t.family)[network(out).dst]
    for chunks in (init(INIT_ACK, b""), chunk(COOKIE_ACK)):
        l4 = sctp(chunks, sport=3869, dport=l4_of(out).sport)
        back = t.frame("pods", emac, network(out).dst, network(out).src, l4)
        result = yield Step("pods", back, 0)
        ended(result, "forward")
    results = yield [init_at(t, at_s, 700 + at_s) for at_s in range(9, 45, 9)]
    seen = {network(Ether(r.frames[0][1])).dst for r in results}
    equal(seen, {network(out).dst}, "endpoints")


@row("SCTP over {family}: aborts above the rate are not sent", bench="limits", only_one_worker=True,
     family=(6,))  # fmt: skip
def abort_rate(t):
    frames = [Step("lan", t.packet("empty", l4=t.l4("sctp", sport=p)), 3) for p in range(800, 807)]
    results = yield frames
    for r in results[:5]:
        ended(r, "reject", "no-endpoints")
    for r in results[5:]:
        ended(r, "drop", "reject-rate-limited")
