# SPDX-License-Identifier: BSD-3-Clause
"""ICMP and neighbours: ping, errors about flows, errors of the box's own, ARP and NDP, fragments."""

from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_NOP
from scapy.layers.inet6 import (
    ICMPv6EchoReply,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
    IPv6ExtHdrHopByHop,
    PadN,
)
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.layers.sctp import SCTP
from scapy.packet import Raw

from bed import Step, row
from packets import ADDRESS, HEADERS, MAC, VLAN, ended, equal, l3_bytes, network, sent, vip
from rows_fragments import piece

FAMILY = {"family": (4, 6)}
BOTH = {"family": (4, 6), "mode": ("snat", "dnat")}
ALL = {"proto": ("tcp", "udp", "sctp"), **BOTH}

# Ping.


def echo_answer(t, port, payload, src):
    if t.family == 4:
        l4 = ICMP(type=0, id=0x4242, seq=7) / Raw(payload)
    else:
        l4 = ICMPv6EchoReply(id=0x4242, seq=7, data=payload)
    out = network(Ether(t.answer(port, t.cmac, src, t.client, l4)))
    if t.family == 4:  # the reply is the request turned round: its other fields stay
        out.id, out.flags = 0x1234, "DF"
        del out.chksum
    else:
        out.tc, out.fl = 0x28, 0x54321
    ether = Ether(src=MAC[port], dst=t.cmac)
    return bytes((ether / Dot1Q(vlan=VLAN[port]) if port in VLAN else ether) / out)


@row("{family}: ping of a service's address is answered ({size} bytes)",
     size=(0, 1, 56, 57, 1472 - 20), **FAMILY)  # fmt: skip
def ping(t):
    payload = (b"forebay" * 300)[: t.size]
    dst = vip("snat", t.family)
    result = yield Step("lan", t.frame("lan", t.cmac, t.client, dst, t.echo(payload)))
    sent(result, "answer", "none", "lan", echo_answer(t, "lan", payload, dst))


@row("{family}: so is one through a tagged port, with the tag", **FAMILY)
def ping_tagged(t):
    dst = vip("empty", t.family)
    result = yield Step("tagged", t.frame("tagged", t.cmac, t.client, dst, t.echo(b"odd")))
    sent(result, "answer", "none", "tagged", echo_answer(t, "tagged", b"odd", dst))


@row("{family}: ping of the box's own address is the kernel's", **FAMILY)
def ping_box(t):
    dst = ADDRESS["lan"][t.family]
    result = yield Step("lan", t.frame("lan", t.cmac, t.client, dst, t.echo(b"box")))
    ended(result, "punt")


@row("{family}: ping of somebody else is the kernel's", **FAMILY)
def ping_other(t):
    dst = "198.51.100.9" if t.family == 4 else "2001:db8:9::9"
    result = yield Step("lan", t.frame("lan", t.cmac, t.client, dst, t.echo(b"")))
    ended(result, "punt")


@row("{family}: ping of an address of the service CIDR that no Service has is not answered", **FAMILY)
def ping_unused(t):
    dst = "10.96.7.9" if t.family == 4 else "fd00:96::709"
    result = yield Step("lan", t.frame("lan", t.cmac, t.client, dst, t.echo(b"")))
    ended(result, "drop", "unused-address")


@row("{family}: ping with a wrong checksum", **FAMILY)
def ping_sum(t):
    l4 = t.echo(b"sum")
    setattr(l4, "chksum" if t.family == 4 else "cksum", 0x1234)
    result = yield Step("lan", t.frame("lan", t.cmac, t.client, vip("snat", t.family), l4))
    ended(result, "drop", "icmp-malformed")


@row("{family}: ping to a service's address by broadcast is not answered", **FAMILY)
def ping_broadcast(t):
    frame = bytearray(t.frame("lan", t.cmac, t.client, vip("snat", t.family), t.echo(b"")))
    frame[0:6] = b"\xff" * 6
    result = yield Step("lan", frame)
    ended(result, "punt")


@row("{family}: an error to a group's MAC address is not passed on", **FAMILY)
def error_broadcast(t):
    flow = yield from t.open()
    l4 = t.error("port unreachable", l3_bytes(flow.to_endpoint(t.packet())))
    frame = bytearray(t.frame("pods", flow.emac, flow.endpoint, flow.seen, l4))
    frame[0:6] = b"\xff" * 6
    result = yield Step("pods", frame)
    ended(result, "punt")


@row("{family}: an echo reply to a service's address goes nowhere", **FAMILY)
def echo_reply(t):
    l4 = ICMP(type=0) if t.family == 4 else ICMPv6EchoReply()
    result = yield Step("lan", t.frame("lan", t.cmac, t.client, vip("snat", t.family), l4))
    ended(result, "drop", "unsupported-protocol")


# Errors about packets of a flow, told to the other side.

ROUTER = {4: "10.1.0.254", 6: "fd00:1::fe"}
FAR_ROUTER = {4: "198.51.100.254", 6: "2001:db8:99::fe"}
KINDS = ("too big", "port unreachable", "time exceeded")


def error_row(t, kind, quote, source, back_source, **more):
    """An error from the endpoint's side, and what the client should hear."""
    flow = yield from t.open(payload=b"0123456789" * 20)
    frame = t.packet(payload=b"0123456789" * 20)
    from_address = flow.endpoint if source == "endpoint" else ROUTER[t.family]
    smac = flow.emac if source == "endpoint" else "02:00:00:00:01:fe"
    quoted = quote(l3_bytes(flow.to_endpoint(frame)))
    error = t.frame("pods", smac, from_address, flow.seen, t.error(kind, quoted, **more))
    result = yield Step("pods", error)
    # The client sees its own packet, with the TTL that it arrived with over there.
    old = network(Ether(frame))
    if t.family == 4:
        old.ttl -= 1
        del old.chksum
    else:
        old.hlim -= 1
    src = flow.vip if back_source == "service" else from_address
    wanted = t.frame(
        "lan", MAC["lan"], src, flow.client, t.error(kind, quote(bytes(old)), **more), **t.ttl(60)
    )
    wanted = Ether(wanted)
    wanted.dst = flow.cmac
    sent(result, "forward", "none", "lan", bytes(wanted))


@row("{proto} over {family} by {mode}: the client hears of {kind}, from a router", kind=KINDS, **ALL)
def error_from_router(t):
    yield from error_row(t, t.kind, lambda p: p, "router", "router")


@row("{proto} over {family} by {mode}: and from the endpoint, in the service's name",
     **ALL)  # fmt: skip
def error_from_endpoint(t):
    yield from error_row(t, "port unreachable", lambda p: p, "endpoint", "service")


@row("{proto} over {family} by {mode}: a quote of the ports and four bytes more is enough", **ALL)
def error_short(t):
    headers = 20 if t.family == 4 else 40
    yield from error_row(t, "time exceeded", lambda p: p[: headers + 8], "router", "router")


@row("{proto} over {family} by {mode}: a quote with seven bytes of the packet is not", **ALL)
def error_too_short(t):
    headers = 20 if t.family == 4 else 40
    flow = yield from t.open(payload=b"0123456789")
    quote = l3_bytes(flow.to_endpoint(t.packet(payload=b"0123456789")))[: headers + 7]
    result = yield Step("pods", t.frame("pods", "02:00:00:00:01:fe", ROUTER[t.family], flow.seen,
                                        t.error("time exceeded", quote)))  # fmt: skip
    ended(result, "drop", "icmp-malformed")


@row("{proto} over {family} by {mode}: the endpoint hears of {kind}, from the client's side",
     kind=KINDS, **ALL)  # fmt: skip
def error_to_endpoint(t):
    flow = yield from t.establish()
    reply = flow.reply(b"answer")
    quoted = l3_bytes(flow.to_client(reply))
    source = FAR_ROUTER[t.family]
    error = t.frame("lan", t.cmac, source, flow.vip, t.error(t.kind, quoted))
    result = yield Step("lan", error)
    old = network(Ether(reply))
    if t.family == 4:
        old.ttl -= 1
        del old.chksum
    else:
        old.hlim -= 1
    src = flow.seen if t.mode == "snat" else source
    wanted = Ether(t.frame("pods", MAC["pods"], src, flow.endpoint, t.error(t.kind, bytes(old)),
                           **t.ttl(60)))  # fmt: skip
    wanted.dst = flow.emac
    sent(result, "forward", "none", "pods", bytes(wanted))


@row("{family} by {mode}: an error without TTL left is not passed on", **BOTH)
def error_ttl(t):
    flow = yield from t.open(payload=b"0123456789")
    quote = l3_bytes(flow.to_endpoint(t.packet(payload=b"0123456789")))
    result = yield Step("pods", t.frame("pods", flow.emac, flow.endpoint, flow.seen,
                                        t.error("time exceeded", quote), **t.ttl(1)))  # fmt: skip
    ended(result, "drop", "ttl-exceeded")


@row("{family}: errors above the rate are not passed on, and a second later they are again",
     bench="limits", only_one_worker=True, **FAMILY)  # fmt: skip
def error_rate(t):
    at_s = 100 + 10 * t.family
    flow = yield from t.open(at_s=at_s)
    quote = l3_bytes(flow.to_endpoint(t.packet()))

    def error(at):
        return Step("pods", t.frame("pods", flow.emac, flow.endpoint, flow.seen,
                                    t.error("port unreachable", quote)), at)  # fmt: skip

    results = yield [error(at_s) for _ in range(7)]
    equal([(r.verdict, r.reason) for r in results],
          [("forward", "none")] * 5 + [("drop", "icmp-rate-limited")] * 2)  # fmt: skip
    result = yield error(at_s + 1.5)
    ended(result, "forward")
    # Pings are answered by a rate of their own.
    result = yield Step("lan", t.frame("lan", t.cmac, t.client, vip("snat", t.family), t.echo(b"x")), at_s)
    ended(result, "answer")


@row("{proto} over {family}: an error about a reply of a flow that is forgotten reaches the hash's endpoint",
     bench="short", proto=("tcp", "udp"), **FAMILY)  # fmt: skip
def error_forgotten(t):
    t.mode = "dnat"
    flow = yield from t.open(at_s=0)
    reply = flow.reply(b"answer")
    source = FAR_ROUTER[t.family]
    error = t.frame("lan", t.cmac, source, flow.vip, t.error("too big", l3_bytes(flow.to_client(reply))))
    result = yield Step("lan", error, 10)
    old = network(Ether(reply))
    if t.family == 4:
        old.ttl -= 1
        del old.chksum
    else:
        old.hlim -= 1
    wanted = Ether(t.frame("pods", MAC["pods"], source, flow.endpoint, t.error("too big", bytes(old)),
                           **t.ttl(60)))  # fmt: skip
    wanted.dst = flow.emac
    sent(result, "forward", "none", "pods", bytes(wanted))


@row("{proto} over {family}: with the client's address hidden errors about a forgotten flow lead nowhere",
     bench="short", proto=("tcp", "udp"), **FAMILY)  # fmt: skip
def error_forgotten_hidden(t):
    """About a request it is to an address of the box's own, where the kernel may have asked."""
    t.mode = "snat"
    flow = yield from t.open(at_s=0)
    to_client = l3_bytes(flow.to_client(flow.reply(b"answer")))
    to_endpoint = l3_bytes(flow.to_endpoint(t.packet()))
    results = yield [
        Step("lan", t.frame("lan", t.cmac, t.client, flow.vip, t.error("too big", to_client)), 10),
        Step("pods", t.frame("pods", flow.emac, flow.endpoint, flow.seen, t.error("too big", to_endpoint)), 10),
    ]
    ended(results[0], "drop", "icmp-no-flow")
    ended(results[1], "punt")


@row("{family} by {mode}: an error that quotes a later fragment names no flow", **BOTH)
def error_later_fragment(t):
    t.proto = "udp"
    quoted = fragment(t, UDP(sport=53, dport=t.cport) / Raw(bytes(64)), vip(t.mode, t.family), t.client,
                      MAC["lan"], "lan", False)  # fmt: skip
    error = t.frame("lan", t.cmac, t.client, vip(t.mode, t.family), t.error("time exceeded", l3_bytes(quoted)))
    result = yield Step("lan", error)
    ended(result, "drop", "icmp-about-fragment")


@row("{family} by {mode}: one from the endpoint's side is for nobody's flow, and the kernel's", **BOTH)
def error_later_fragment_back(t):
    """To the box's own address, or the client's: what is not a service's is left to the kernel."""
    t.proto = "udp"
    flow = yield from t.open()
    l4 = UDP(sport=flow.sport, dport=flow.dport) / Raw(bytes(64))
    quoted = fragment(t, l4, flow.seen, flow.endpoint, MAC["pods"], "pods", False)
    error = t.frame("pods", flow.emac, flow.endpoint, flow.seen, t.error("time exceeded", l3_bytes(quoted)))
    result = yield Step("pods", error)
    ended(result, "punt")


@row("{family} by {mode}: an error that quotes a first fragment finds its flow", **BOTH)
def error_first_fragment(t):
    t.proto = "udp"
    flow = yield from t.open()
    l4 = UDP(sport=flow.sport, dport=flow.dport) / Raw(bytes(64))
    quoted = fragment(t, l4, flow.seen, flow.endpoint, MAC["pods"], "pods", True)
    error = t.frame("pods", flow.emac, flow.endpoint, flow.seen, t.error("time exceeded", l3_bytes(quoted)))
    result = yield Step("pods", error)
    ended(result, "forward")
    equal(result.frames[0][0], "lan", "egress")
    out = network(Ether(result.frames[0][1]))
    equal((out.src, out.dst), (flow.vip, flow.client), "addresses")
    assert bytes(out)[-72:-68] == (flow.cport).to_bytes(2, "big") + (flow.vport).to_bytes(2, "big"), "ports"


@row("{family}: an error about an unknown flow, to a service's address", **FAMILY)
def error_unknown(t):
    inner = t.frame("lan", MAC["lan"], vip("snat", t.family), t.client, TCP(sport=80, dport=9))
    result = yield Step("lan", t.frame("lan", t.cmac, t.client, vip("snat", t.family),
                                       t.error("port unreachable", l3_bytes(inner))))  # fmt: skip
    ended(result, "drop", "icmp-no-flow")


@row("{family}: an error about the box's own packet is the kernel's", **FAMILY)
def error_box(t):
    own = ADDRESS["lan"][t.family]
    inner = t.frame("lan", MAC["lan"], own, t.client, TCP(sport=50000, dport=179))
    result = yield Step("lan", t.frame("lan", t.cmac, t.client, own,
                                       t.error("port unreachable", l3_bytes(inner))))  # fmt: skip
    ended(result, "punt")


@row("{family}: an error with a wrong checksum", **FAMILY)
def error_sum(t):
    flow = yield from t.open()
    l4 = t.error("port unreachable", l3_bytes(flow.to_endpoint(t.packet())))
    setattr(l4, "chksum" if t.family == 4 else "cksum", 0x1234)
    result = yield Step("pods", t.frame("pods", flow.emac, flow.endpoint, flow.seen, l4))
    ended(result, "drop", "icmp-malformed")


@row("{family}: an error about a ping is not a service's", **FAMILY)
def error_ping(t):
    inner = t.frame("lan", MAC["lan"], vip("snat", t.family), t.client, t.echo(b"x"))
    result = yield Step("lan", t.frame("lan", t.cmac, t.client, vip("snat", t.family),
                                       t.error("port unreachable", l3_bytes(inner))))  # fmt: skip
    ended(result, "drop", "unsupported-protocol")


# Errors of the box's own.


@row("{proto} over {family} by {mode}: TTL 1 from the client: time exceeded, from the box", **ALL)
def ttl_one(t):
    frame = t.packet(payload=b"traceroute", **t.ttl(1))
    result = yield Step("lan", frame)
    wanted = t.answer("lan", t.cmac, ADDRESS["lan"][t.family], t.client,
                      t.error("time exceeded", l3_bytes(frame)))  # fmt: skip
    sent(result, "answer", "ttl-exceeded", "lan", wanted)


@row("{proto} over {family} by {mode}: TTL 1 from the endpoint: the endpoint is told", **ALL)
def ttl_one_back(t):
    flow = yield from t.open()
    reply = flow.reply(b"back", **t.ttl(1))
    result = yield Step("pods", reply)
    wanted = t.answer("pods", flow.emac, ADDRESS["pods"][t.family], flow.endpoint,
                      t.error("time exceeded", l3_bytes(reply)))  # fmt: skip
    sent(result, "answer", "ttl-exceeded", "pods", wanted)


@row("{proto} over {family} by {mode}: larger than the next hop's MTU: the sender is told", **ALL)
def too_big(t):
    frame = t.packet("narrow-" + t.mode, payload=bytes(1300))
    result = yield Step("lan", frame)
    quote = l3_bytes(frame)[: 576 - 28 if t.family == 4 else 1280 - 48]
    size = dict(nexthopmtu=1280) if t.family == 4 else dict(mtu=1280)
    wanted = t.answer("lan", t.cmac, ADDRESS["lan"][t.family], t.client,
                      t.error("too big", quote, **size))  # fmt: skip
    sent(result, "answer", "too-big", "lan", wanted)


@row("{proto} over {family} by {mode}: exactly the next hop's MTU passes", **ALL)
def just_fits(t):
    headers = (20 if t.family == 4 else 40) + HEADERS[t.proto]
    yield from t.open("narrow-" + t.mode, payload=bytes(1280 - headers))


@row("{family}: a frame of 9000 bytes for a port of 1500: the sender is told", **FAMILY)
def jumbo(t):
    t.proto = "udp"
    frame = t.packet(payload=bytes(8900))
    result = yield Step("lan", frame)
    quote = l3_bytes(frame)[: 576 - 28 if t.family == 4 else 1280 - 48]
    size = dict(nexthopmtu=1500) if t.family == 4 else dict(mtu=1500)
    sent(result, "answer", "too-big", "lan",
         t.answer("lan", t.cmac, ADDRESS["lan"][t.family], t.client,
                  t.error("too big", quote, **size)))  # fmt: skip


# Fragments.


def fragment(t, l4, src, dst, smac, port, first):
    head = IP(src=src, dst=dst, ttl=61) if t.family == 4 else IPv6(src=src, dst=dst, hlim=61)
    proto = {TCP: 6, UDP: 17, SCTP: 132}.get(type(l4), 1 if t.family == 4 else 58)
    return piece(t, Ether(src=smac, dst=MAC[port]), head, proto, bytes(l4), 0 if first else 512, first, 77)


PIECES = ("first", "later")


@row("{family}: the {piece} fragment of a ping of a service's address", piece=PIECES, **FAMILY)
def fragment_ping(t):
    result = yield Step("lan", fragment(t, t.echo(bytes(64)), t.client, vip("snat", t.family),
                                        t.cmac, "lan", t.piece == "first"))  # fmt: skip
    ended(result, "drop", "unsupported-protocol")


@row("{family}: the {piece} fragment of a ping of the box is the kernel's", piece=PIECES, **FAMILY)
def fragment_ping_box(t):
    result = yield Step("lan", fragment(t, t.echo(bytes(64)), t.client, ADDRESS["lan"][t.family],
                                        t.cmac, "lan", t.piece == "first"))  # fmt: skip
    ended(result, "punt")


# Who has this address.

TARGETS = {
    "a LoadBalancer address": ({4: "192.0.2.10", 6: "2001:db8:f::10"}, True),
    "an external IP": ({4: "192.0.2.11", 6: "2001:db8:f::11"}, True),
    "a Service without endpoints": ({4: "192.0.2.30", 6: "2001:db8:f::30"}, True),
    "a ClusterIP": ({4: "10.96.0.10", 6: "fd00:96::10"}, False),
    "the box's own address": (ADDRESS["lan"], False),
    "a stranger": ({4: "192.0.2.77", 6: "2001:db8:f::77"}, False),
}


def question(t, port, target, src=None, unicast=False, operation=1):
    src = t.client if src is None else src
    if t.family == 4:
        dmac = MAC[port] if unicast else "ff:ff:ff:ff:ff:ff"
        l3 = ARP(op=operation, hwsrc=t.cmac, psrc=src, hwdst="00:00:00:00:00:00", pdst=target)
    else:
        last = bytes.fromhex(IPv6(dst=target).build()[-3:].hex())
        dmac = MAC[port] if unicast else "33:33:ff:" + ":".join(f"{b:02x}" for b in last)
        group = target if unicast else f"ff02::1:ff{last[0]:02x}:{last[1]:02x}{last[2]:02x}"
        l3 = IPv6(src=src, dst=group, hlim=255) / ICMPv6ND_NS(tgt=target)
        if src != "::":
            l3 = l3 / ICMPv6NDOptSrcLLAddr(lladdr=t.cmac)
    ether = Ether(src=t.cmac, dst=dmac)
    return bytes((ether / Dot1Q(vlan=VLAN[port]) if port in VLAN else ether) / l3)


def advertisement(t, port, target, dst=None, dmac=None, solicited=1):
    ether = Ether(src=MAC[port], dst=dmac or t.cmac)
    if port in VLAN:
        ether = ether / Dot1Q(vlan=VLAN[port])
    if t.family == 4:
        return bytes(ether / ARP(op=2, hwsrc=MAC[port], psrc=target, hwdst=t.cmac, pdst=dst or t.client))
    na = ICMPv6ND_NA(tgt=target, R=0, S=solicited, O=1) / ICMPv6NDOptDstLLAddr(lladdr=MAC[port])
    return bytes(ether / IPv6(src=target, dst=dst or t.client, hlim=255) / na)


@row("{family}: who has {target}?", target=tuple(TARGETS), **FAMILY)
def who_has(t):
    addresses, ours = TARGETS[t.target]
    address = addresses[t.family]
    result = yield Step("lan", question(t, "lan", address))
    if ours:
        sent(result, "answer", "none", "lan", advertisement(t, "lan", address))
    else:
        ended(result, "punt")


@row("{family}: who has a service's address, asked of this box alone?", **FAMILY)
def who_has_unicast(t):
    result = yield Step("lan", question(t, "lan", vip("snat", t.family), unicast=True))
    sent(result, "answer", "none", "lan", advertisement(t, "lan", vip("snat", t.family)))


@row("{family}: who has a service's address, asked on a tagged port?", **FAMILY)
def who_has_tagged(t):
    result = yield Step("tagged", question(t, "tagged", vip("snat", t.family)))
    sent(result, "answer", "none", "tagged", advertisement(t, "tagged", vip("snat", t.family)))


@row("{family}: a port that does not announce leaves it to the kernel", **FAMILY)
def who_has_quiet(t):
    result = yield Step("quiet", question(t, "quiet", vip("snat", t.family)))
    ended(result, "punt")


@row("{family}: somebody who is about to take a service's address is told", **FAMILY)
def probe(t):
    address = vip("snat", t.family)
    result = yield Step("lan", question(t, "lan", address, src="0.0.0.0" if t.family == 4 else "::"))
    if t.family == 4:
        wanted = advertisement(t, "lan", address, dst="0.0.0.0")
    else:
        wanted = advertisement(t, "lan", address, "ff02::1", "33:33:00:00:00:01", solicited=0)
    sent(result, "answer", "none", "lan", wanted)


@row("IPv4: somebody who says that a service's address is his (gratuitous ARP) is contradicted")
def gratuitous(t):
    address = vip("snat", 4)
    result = yield Step("lan", question(t, "lan", address, src=address))
    sent(result, "answer", "none", "lan", advertisement(t, "lan", address, dst=address))


@row("IPv4: an ARP reply is the kernel's")
def arp_reply(t):
    result = yield Step("lan", question(t, "lan", vip("snat", 4), operation=2))
    ended(result, "punt")


@row("IPv6: a solicitation from another link (hop limit 64) is refused", family=(6,))
def ns_far(t):
    frame = Ether(question(t, "lan", vip("snat", 6)))
    frame[IPv6].hlim = 64
    result = yield Step("lan", bytes(frame))
    ended(result, "drop", "icmp-malformed")


@row("IPv6: a solicitation behind an extension header is not answered", family=(6,))
def ns_behind(t):
    packet = Ether(question(t, "lan", vip("snat", 6), unicast=True))
    inner = packet[IPv6].payload.copy()
    del inner.cksum
    head = IPv6(src=t.client, dst=vip("snat", 6), hlim=255)
    packet = (Ether(src=t.cmac, dst=MAC["lan"]) / head
              / IPv6ExtHdrHopByHop(options=[PadN(optdata=bytes(4))]) / inner)  # fmt: skip
    result = yield Step("lan", bytes(packet))
    ended(result, "drop", "unsupported-protocol")


@row("IPv4: an error that quotes IP options finds its flow")
def error_options(t):
    options = [IPOption_NOP()] * 4
    frame = t.packet(ip=IP(ttl=61, options=options))
    result = yield Step("lan", frame)
    out = result.frames[0][1]
    seen = network(Ether(out)).src
    error = t.frame("pods", "02:00:00:00:01:fe", ROUTER[4], seen, t.error("too big", l3_bytes(out)))
    result = yield Step("pods", error)
    ended(result, "forward")
    quoted = network(Ether(result.frames[0][1])).payload.payload
    equal((quoted.src, quoted.dst), (t.client, vip("snat", 4)), "quoted addresses")
