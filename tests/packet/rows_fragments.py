# SPDX-License-Identifier: BSD-3-Clause
"""Datagrams in pieces: cut here, put together again here, and summed by scapy in between."""

import itertools

from bed import Bench, Step, row
from packets import (
    ADDRESS,
    IP,
    MAC,
    SCTP,
    TCP,
    UDP,
    VLAN,
    Dot1Q,
    Ether,
    Flow,
    IPv6,
    Raw,
    ended,
    equal,
    joined,
    l4_of,
    network,
    same,
    summed_again,
    vip,
)
from scapy.layers.inet import IPOption
from scapy.layers.inet6 import IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, PadN

FAMILY = dict(family=(4, 6))
BOTH = dict(family=(4, 6), mode=("snat", "dnat"))
ORDERS = ["".join(o) for o in itertools.permutations("123")]
HEADERS_ONLY = {"tcp": 20, "udp": 8, "sctp": 12 + 20 + 16}

# One source may have 4 datagrams and 4 waiting pieces.
for _table in (Bench.TIMEOUTS, Bench.LIMITS):
    _table["fragments"] = "{}"
Bench.FRAGMENTS["fragments"] = "{datagrams: 16, held: 16, per-source: 25}"


def cut(t, frame, at=(1200, 2400), ident=0x1234, **fields):
    """The frame in pieces, its L4 cut at these places (what else stands behind the IP header stays in L4)."""
    packet = Ether(frame)
    head, port_tag = network(packet), Dot1Q in packet
    ether = Ether(src=packet.src, dst=packet.dst)
    if port_tag:
        ether = ether / Dot1Q(vlan=packet[Dot1Q].vlan)
    body = bytes(head.payload)
    proto = head.proto if t.family == 4 else head.nh
    edges = [0, *[a for a in at if a < len(body)], len(body)]
    return [piece(t, ether, head, proto, body[a:b], a, b < len(body), ident, **fields)
            for a, b in zip(edges, edges[1:])]  # fmt: skip


def piece(t, ether, head, proto, body, offset, more, ident, **fields):
    if t.family == 4:
        ip = IP(src=head.src, dst=head.dst, ttl=head.ttl, id=ident, proto=proto, frag=offset // 8,
                flags="MF" if more else 0)  # fmt: skip
    else:
        ip = IPv6(src=head.src, dst=head.dst, hlim=head.hlim, nh=44)
    for name, value in fields.items():
        setattr(ip, name, value)
    if t.family == 6:
        ip = ip / IPv6ExtHdrFragment(nh=proto, offset=offset // 8, m=int(more), id=ident)
    return bytes(ether / ip / Raw(body))


def put_together(t, frames, mtu=1500):
    """The pieces' Ethernet and IP header and L4 bytes, in one packet; they have to fit exactly."""
    found, idents, heads = {}, set(), set()
    total = None
    for frame in frames:
        packet = Ether(frame)
        ip = network(packet)
        if t.family == 4:
            wanted = bytes(ip)[:20]
            clean = ip.copy()
            del clean.chksum
            same(wanted, bytes(clean)[:20])
            offset, more, ident, proto = ip.frag * 8, bool(ip.flags.MF), ip.id, ip.proto
            body = bytes(ip)[20 : ip.len]
            assert ip.len <= mtu, f"{ip.len} bytes on a link of {mtu}"
        else:
            head = ip.payload
            assert isinstance(head, IPv6ExtHdrFragment), "no fragment"
            offset, more, ident, proto = head.offset * 8, bool(head.m), head.id, head.nh
            body = bytes(ip)[48 : 40 + ip.plen]
        assert offset not in found, "a piece twice"
        found[offset] = body
        idents.add(ident)
        ttl = ip.ttl if t.family == 4 else ip.hlim
        tag = packet[Dot1Q].vlan if Dot1Q in packet else None
        heads.add((packet.src, packet.dst, tag, ip.src, ip.dst, ttl, proto))
        if not more:
            total = offset + len(body)
    equal(len(idents), 1, "identifications")
    equal(len(heads), 1, "headers")
    body, at = b"", 0
    for offset in sorted(found):
        equal(offset, at, "offset")
        body, at = body + found[offset], at + len(found[offset])
    equal(at, total, "length")
    return heads.pop(), body


def whole(t, frame):
    packet = Ether(frame)
    ip = network(packet)
    ttl = ip.ttl if t.family == 4 else ip.hlim
    proto = ip.proto if t.family == 4 else ip.nh
    tag = packet[Dot1Q].vlan if Dot1Q in packet else None
    return (packet.src, packet.dst, tag, ip.src, ip.dst, ttl, proto), bytes(ip.payload)


def arrives(t, results, port, wanted, mtu=1500):
    """All of it left by this port, and is together what the whole would have become."""
    frames = [f for r in results for f in r.frames]
    equal({p for p, _ in frames}, {port}, "egress")
    equal(put_together(t, [f for _, f in frames], mtu), whole(t, wanted))


def verdicts(results, *wanted):
    equal([(r.verdict, r.reason) for r in results],
          [w if isinstance(w, tuple) else (w, "none") for w in wanted])  # fmt: skip


def big(t, n=3000):
    """More of the conversation, and different in each byte."""
    return joined(t.l4(flags="A"), bytes(i * 7 % 256 for i in range(n)))


@row("{proto} over {family} by {mode}: pieces in the order {order}, both ways",
     proto=("udp", "tcp", "sctp"), order=ORDERS, **BOTH)  # fmt: skip
def any_order(t):
    flow = yield from t.establish()
    frame = t.packet(l4=big(t))
    parts = cut(t, frame)
    results = yield [Step("lan", parts[int(k) - 1]) for k in t.order]
    arrives(t, results, "pods", flow.to_endpoint(frame))
    reply = flow.reply(l4=big(t))
    parts = cut(t, reply, ident=0x4321)
    results = yield [Step("pods", parts[int(k) - 1]) for k in t.order]
    arrives(t, results, "lan", flow.to_client(reply))


@row("UDP over {family} by {mode}: a flow that begins in pieces, in the order {order}", order=ORDERS, **BOTH)
def begins(t):
    t.proto = "udp"
    frame = t.packet(l4=big(t))
    parts = cut(t, frame)
    results = yield [Step("lan", parts[int(k) - 1]) for k in t.order]
    first = results[t.order.index("1")]
    equal((first.verdict, first.reason), ("forward", "none"))
    flow = Flow(t, frame, first, t.mode, "lan")
    flow.hidden() if t.mode == "snat" else flow.kept()
    arrives(t, results, "pods", flow.to_endpoint(frame))
    reply = flow.reply(b"thanks")
    result = yield Step("pods", reply)
    same(result.frames[0][1], flow.to_client(reply))


@row("UDP over {family} by {mode}: two clients at once, piece by piece in turn", **BOTH)
def in_turn(t):
    t.proto = "udp"
    flow = yield from t.open()
    frame = t.packet(l4=big(t))
    first, second = cut(t, frame, ident=1), cut(t, frame, ident=2)
    results = yield [Step("lan", f) for pair in zip(first, second) for f in pair]
    arrives(t, results[0::2], "pods", flow.to_endpoint(frame))
    arrives(t, results[1::2], "pods", flow.to_endpoint(frame))
    if t.family == 4:
        idents = {network(Ether(r.frames[0][1])).id for r in results}
        equal(len(idents), 2, "identifications")


@row("UDP over {family}: many pieces, sorted the other way round", **FAMILY)
def reversed_order(t):
    t.proto = "udp"
    flow = yield from t.open()
    frame = t.packet(l4=big(t, 20000))
    parts = cut(t, frame, range(1208, 20000, 1208))
    results = yield [Step("lan", p) for p in reversed(parts)]
    verdicts(results, *["hold"] * (len(parts) - 1), "forward")
    arrives(t, results, "pods", flow.to_endpoint(frame))


@row("UDP over {family} by {mode}: pieces from and to a tagged port", **BOTH)
def tagged(t):
    t.proto = "udp"
    service = "tagged-" + t.mode
    flow = yield from t.open(service)
    frame = t.packet(service, l4=big(t))
    results = yield [Step("lan", p) for p in reversed(cut(t, frame))]
    arrives(t, results, "tagged", flow.to_endpoint(frame))
    reply = flow.reply(l4=big(t))
    results = yield [Step("tagged", p) for p in reversed(cut(t, reply))]
    arrives(t, results, "lan", flow.to_client(reply))


@row("UDP over {family}: no checksum stays none in pieces", family=(4,))
def no_sum(t):
    t.proto = "udp"
    flow = yield from t.open()
    l4 = big(t)
    l4.chksum = 0
    frame = t.packet(l4=l4)
    results = yield [Step("lan", p) for p in cut(t, frame)]
    arrives(t, results, "pods", flow.to_endpoint(frame))


@row("UDP over IPv6: destination options in the first piece alone", family=(6,))
def options(t):
    t.proto = "udp"
    flow = yield from t.open()
    plain = t.packet(l4=big(t))
    head = IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(4))], nh=17)
    packet = Ether(plain)
    body = bytes(head) + bytes(network(packet).payload)
    ether = Ether(src=packet.src, dst=packet.dst)
    edges = [0, 1200, 2400, len(body)]
    parts = [piece(t, ether, network(packet), 60, body[a:b], a, b < len(body), 9)
             for a, b in zip(edges, edges[1:])]  # fmt: skip
    results = yield [Step("lan", parts[k]) for k in (1, 0, 2)]
    frames = [f for r in results for _, f in r.frames]
    out_head, out_body = put_together(t, frames)
    wanted_head, wanted_body = whole(t, flow.to_endpoint(plain))
    equal(out_head[:-1], wanted_head[:-1], "headers")
    same_bytes = bytes(head) + wanted_body
    assert out_body == same_bytes, "the datagram is another"


@row("{family}: a piece that comes twice passes once", **FAMILY)
def twice(t):
    t.proto = "udp"
    flow = yield from t.open()
    frame = t.packet(l4=big(t))
    one, two, three = cut(t, frame)
    results = yield [Step("lan", p) for p in (one, two, two, one, three)]
    verdicts(results, "forward", "forward", ("drop", "fragment-overlap"), ("drop", "fragment-overlap"),
             "forward")  # fmt: skip
    arrives(t, results, "pods", flow.to_endpoint(frame))


@row("{family}: pieces that overlap spoil their datagram", **FAMILY)
def overlap(t):
    t.proto = "udp"
    yield from t.open()
    frame = t.packet(l4=big(t))
    one, two, three = cut(t, frame)
    _, crossing, _ = cut(t, frame, at=(1192, 2408))
    results = yield [Step("lan", p) for p in (two, crossing, one, three)]
    verdicts(results, "hold", *[("drop", "fragment-overlap")] * 3)


@row("{family}: two ends spoil a datagram, and so does what lies behind an end", **FAMILY)
def two_ends(t):
    t.proto = "udp"
    yield from t.open()
    frame, shorter = t.packet(l4=big(t)), t.packet(l4=big(t, 2800))
    one, two, three = cut(t, frame, ident=1)
    results = yield [Step("lan", p) for p in (one, cut(t, shorter, ident=1)[2], three, two)]
    verdicts(results, "forward", "forward", *[("drop", "fragment-overlap")] * 2)


@row("{proto} over {family}: a first piece without the whole header", proto=("tcp", "udp", "sctp"), **FAMILY)
def tiny(t):
    yield from t.open()
    frame = t.packet(l4=big(t))
    if t.proto == "udp":  # a piece has at least 8 bytes but for the last, and UDP's header no more
        result = yield Step("lan", cut(t, frame, at=(8, 1200))[0])
        equal(result.verdict, "forward")
        return
    results = yield [Step("lan", p) for p in cut(t, frame, at=(8, 1200))]
    # A later piece must not be in the header either (RFC 3128).
    verdicts(results, ("drop", "fragment-tiny"), ("drop", "fragment-tiny"), "hold")


@row("{family}: pieces that no stack makes", **FAMILY)
def bad(t):
    t.proto = "udp"
    yield from t.open()
    packet = Ether(t.packet())
    ether = Ether(src=packet.src, dst=packet.dst)
    head = network(packet)

    def odd(body, offset, more):
        return piece(t, ether, head, 17, body, offset, more, 77)

    results = yield [
        Step("lan", odd(bytes(1001), 0, True)),  # not a multiple of 8
        Step("lan", odd(b"", 800, False)),  # nothing
        Step("lan", odd(bytes(64), 65528, False)),  # the ping of death
    ]
    verdicts(results, *[("drop", "bad-fragment")] * 3)


@row("{family}: pieces wait for the first one for two seconds, and not longer", **FAMILY)
def waits(t):
    t.proto = "udp"
    flow = yield from t.open()
    frame = t.packet(l4=big(t))
    one, two, three = cut(t, frame, ident=1)
    results = yield [Step("lan", two, 30), Step("lan", three, 31.9), Step("lan", one, 31.95)]
    verdicts(results, "hold", "hold", "forward")
    arrives(t, results, "pods", flow.to_endpoint(frame))
    one, two, three = cut(t, frame, ident=2)
    results = yield [Step("lan", two, 40), Step("lan", one, 42.1)]
    verdicts(results, "hold", "forward")
    equal(len(results[1].frames), 1, "number of frames sent")


@row("{family}: a source gets its share and no more", bench="fragments", only_one_worker=True, **FAMILY)
def share(t):
    t.proto = "udp"
    parts = [cut(t, t.packet(l4=big(t)), ident=n) for n in range(6)]
    results = yield [Step("lan", p[1]) for p in parts]
    verdicts(results, *["hold"] * 4, *[("drop", "fragment-source-limit")] * 2)
    results = yield [Step("lan", parts[0][2]), Step("lan", parts[0][0])]
    verdicts(results, ("drop", "fragment-source-limit"), "forward")


@row("{family}: pieces for a port without a Service: only the first is answered", **FAMILY)
def no_service(t):
    t.proto = "udp"
    l4 = big(t)
    l4.dport = 99
    results = yield [Step("lan", p) for p in cut(t, t.packet(l4=l4))]
    verdicts(results, ("reject", "no-service"), *[("drop", "fragment-no-flow")] * 2)


@row("{family}: pieces for a SNAT port that no flow has", **FAMILY)
def no_flow(t):
    t.proto = "udp"
    l4 = big(t)
    l4.dport = 40000
    frame = t.packet(l4=l4, to="192.0.2.10" if t.family == 4 else "2001:db8:f::10")
    results = yield [Step("lan", p) for p in cut(t, frame)]
    verdicts(results, ("reject", "no-service"), *[("drop", "fragment-no-flow")] * 2)


@row("{proto} over {family}: pieces for the box itself are the kernel's", proto=("udp", "tcp"), **FAMILY)
def to_the_box(t):
    frame = t.packet(l4=big(t), to=ADDRESS["lan"][t.family])
    one, two, three = cut(t, frame)
    results = yield [Step("lan", p) for p in (two, one, three)]
    verdicts(results, "hold", "punt", "punt")


@row("{family}: pieces for somebody else are the kernel's", **FAMILY)
def to_a_stranger(t):
    t.proto = "udp"
    frame = t.packet(l4=big(t), to="198.51.100.9" if t.family == 4 else "2001:db8:99::9")
    results = yield [Step("lan", p) for p in cut(t, frame)]
    verdicts(results, "punt", "punt", "punt")


@row("{family}: a DNS query in pieces is the kernel's", **FAMILY)
def to_dns(t):
    t.proto = "udp"
    l4 = big(t)
    l4.dport = 53
    frame = t.packet(l4=l4, to="192.0.2.53" if t.family == 4 else "2001:db8:f::53")
    results = yield [Step("lan", p) for p in cut(t, frame)]
    verdicts(results, "punt", "punt", "punt")


@row("{family}: pieces for an address that no Service has", **FAMILY)
def to_unused(t):
    t.proto = "udp"
    frame = t.packet(l4=big(t), to="10.96.9.9" if t.family == 4 else "fd00:96::99")
    results = yield [Step("lan", p) for p in cut(t, frame)]
    verdicts(results, *[("drop", "unused-address")] * 3)


@row("{family}: pieces whose hops have run out: only about the first the client is told", **FAMILY)
def ttl(t):
    t.proto = "udp"
    yield from t.open()
    results = yield [Step("lan", p) for p in cut(t, t.packet(l4=big(t), **t.ttl(1)))]
    verdicts(results, ("answer", "ttl-exceeded"), *[("drop", "ttl-exceeded")] * 2)
    same(results[0].frames[0][1], summed_again(results[0].frames[0][1]))


@row("IPv6: pieces larger than the next hop's link: the client is told about the first", family=(6,),
     mode=("snat", "dnat"))  # fmt: skip
def too_big(t):
    t.proto = "udp"
    service = "narrow-" + t.mode
    yield from t.open(service)
    results = yield [Step("lan", p) for p in cut(t, t.packet(service, l4=big(t)), at=(1400, 2800))]
    verdicts(results[:2], ("answer", "too-big"), ("drop", "too-big"))
    equal(results[2].verdict, "forward")


# The box fragments itself.


@row("{proto} by {mode}: larger than the next hop's link, and may be fragmented: leaves in pieces",
     proto=("tcp", "udp", "sctp"), mode=("snat", "dnat"))  # fmt: skip
def cut_by_the_box(t):
    service = "narrow-" + t.mode
    flow = yield from t.establish(service)
    for n in (1300, 4000):
        frame = t.packet(service, l4=big(t, n), flags=0)
        result = yield Step("lan", frame)
        verdicts([result], "forward")
        assert len(result.frames) == 1 + n // 1280, f"{len(result.frames)} pieces"
        arrives(t, [result], "narrow", flow.to_endpoint(frame), mtu=1280)
    frame = t.packet(service, l4=big(t, 1280 - 20 - HEADERS_ONLY[t.proto]), flags=0)
    result = yield Step("lan", frame)
    equal(len(result.frames), 1, "number of frames sent")


@row("UDP by {mode}: a reply larger than the client's link leaves in pieces", mode=("snat", "dnat"))
def cut_for_the_client(t):
    t.proto = "udp"
    flow = yield from t.open(port="narrow")
    reply = flow.reply(l4=big(t, 1400), flags=0)
    result = yield Step("pods", reply)
    arrives(t, [result], "narrow", flow.to_client(reply), mtu=1280)


@row("UDP by {mode}: pieces larger than the next hop's link are cut again", mode=("snat", "dnat"))
def cut_again(t):
    t.proto = "udp"
    service = "narrow-" + t.mode
    flow = yield from t.open(service)
    frame = t.packet(service, l4=big(t, 4000))
    results = yield [Step("lan", p) for p in reversed(cut(t, frame, at=(1400, 2800)))]
    equal(sum(len(r.frames) for r in results), 5, "number of frames sent")
    arrives(t, results, "narrow", flow.to_endpoint(frame), mtu=1280)


@row("UDP: a tagged port gets tagged pieces, and a jumbo frame is many")
def cut_tagged(t):
    t.proto = "udp"
    flow = yield from t.open("tagged-snat")
    frame = t.packet("tagged-snat", l4=big(t, 8900), flags=0)
    result = yield Step("lan", frame)
    equal(len(result.frames), 7, "number of frames sent")
    arrives(t, [result], "tagged", flow.to_endpoint(frame))


@row("UDP: of IP options all are in the first piece, the copied ones in every piece")
def cut_options(t):
    t.proto = "udp"
    yield from t.open("narrow-snat")
    security, route = IPOption(b"\x82\x04\x11\x22"), IPOption(b"\x07\x07\x04\0\0\0\0\0")
    frame = t.packet("narrow-snat", l4=big(t, 3000), ip=IP(ttl=61, flags=0, options=[security, route]))
    result = yield Step("lan", frame)
    verdicts([result], "forward")
    packets = [Ether(f)[IP] for _, f in result.frames]
    equal([p.ihl for p in packets], [8, 6, 6], "header lengths")
    for p in packets:
        clean = p.copy()
        del clean.chksum
        same(bytes(p), bytes(clean))
        equal(bytes(p)[20:24], b"\x82\x04\x11\x22", "option")
    data = {p.frag * 8: bytes(p)[p.ihl * 4 : p.len] for p in packets}
    equal(sum(len(d) for d in data.values()), 3008, "length")
    equal(b"".join(d for _, d in sorted(data.items()))[8:], bytes(network(Ether(frame)).payload)[8:])


@row("{family}: a wrong checksum in pieces stays wrong", **FAMILY)
def wrong_sum(t):
    t.proto = "udp"
    flow = yield from t.open()
    l4 = big(t)
    l4.chksum = 0x1111
    results = yield [Step("lan", p) for p in cut(t, t.packet(l4=l4))]
    frames = [f for r in results for _, f in r.frames]
    head, body = put_together(t, frames)
    wanted = whole(t, flow.to_endpoint(t.packet(l4=big(t))))
    equal(head, wanted[0])
    assert body[6:8] != wanted[1][6:8] and body[8:] == wanted[1][8:], "the checksum was made right"
