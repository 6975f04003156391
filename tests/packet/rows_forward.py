# SPDX-License-Identifier: BSD-3-Clause
"""TCP, UDP and SCTP to services and back; what is SCTP's alone is in rows_sctp.py."""

import struct

from scapy.layers.inet import IP, IPOption_NOP, IPOption_RR, TCP, UDP
from scapy.layers.inet6 import (
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    PadN,
)
from scapy.layers.l2 import Dot1Q, Ether

from bed import Step, row
from packets import ADDRESS, HEADERS, MAC, SERVICE_PORT, ended, endpoints, equal, l4_of, network, sent, vip

BOTH = {"family": (4, 6), "mode": ("snat", "dnat")}
ALL = {"proto": ("tcp", "udp", "sctp"), **BOTH}


def there_and_back(t, payload, back, l4=None, reply_l4=None, ip=None, reply_ip=None):
    flow = yield from t.open(payload=payload, l4=l4, ip=ip)
    reply = flow.reply(back, l4=reply_l4, ip=reply_ip)
    result = yield Step(flow.egress, reply)
    sent(result, "forward", "none", "lan", flow.to_client(reply))
    return flow


@row("{proto} over {family} by {mode} goes there and back", **ALL)
def plain(t):
    yield from there_and_back(t, b"", b"")


@row("{proto} over {family} by {mode}: a payload of odd length", **ALL)
def odd(t):
    yield from there_and_back(t, b"odd", b"length.")


@row("{proto} over {family} by {mode}: a packet of exactly the MTU passes", **ALL)
def full(t):
    headers = (20 if t.family == 4 else 40) + HEADERS[t.proto]
    yield from there_and_back(t, bytes(1500 - headers), b"\xff" * (1500 - headers))


@row("a UDP checksum of zero over {family} by {mode} stays zero", **BOTH)
def udp_zero(t):
    t.proto = "udp"
    flow = yield from there_and_back(
        t, b"no sum", b"none", l4=UDP(chksum=0), reply_l4=UDP(chksum=0)
    )
    equal(l4_of(Ether(flow.to_client(flow.reply(l4=UDP(chksum=0))))).chksum, 0)


@row("a UDP checksum over {family} by {mode} that comes out as zero is sent as ffff", **BOTH)
def udp_ones(t):
    t.proto = "udp"
    flow = yield from t.open(payload=b"\0\0")
    word = l4_of(Ether(flow.to_endpoint(t.packet(payload=b"\0\0")))).chksum
    frame = t.packet(payload=struct.pack("!H", word))
    result = yield Step("lan", frame)
    equal(l4_of(Ether(flow.to_endpoint(frame))).chksum, 0xFFFF)
    sent(result, "forward", "none", flow.egress, flow.to_endpoint(frame))


@row("{proto} by {mode}: IPv4 options are carried", proto=("tcp", "udp", "sctp"), mode=("snat", "dnat"))
def options(t):
    def ip():
        return IP(options=[IPOption_NOP(), IPOption_RR(pointer=4, routers=["0.0.0.0"])])

    yield from there_and_back(t, b"options", b"odd", ip=ip(), reply_ip=ip())


def with_extension(kind):
    head = IPv6(hlim=61)
    if kind == "hop-by-hop options":
        return head / IPv6ExtHdrHopByHop(options=[PadN(optdata=b"\0" * 4)])
    if kind == "destination options":
        return head / IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0" * 12)])
    return head / IPv6ExtHdrFragment(id=0x77, offset=0, m=0)


@row(
    "{proto} by {mode} behind {kind}",
    proto=("tcp", "udp", "sctp"),
    mode=("snat", "dnat"),
    kind=("hop-by-hop options", "destination options", "an atomic fragment's header"),
    family=(6,),
)
def extension(t):
    yield from there_and_back(
        t, b"behind", b"odd", ip=with_extension(t.kind), reply_ip=with_extension(t.kind)
    )


@row("{proto} over {family} by {mode}: TTL 2 goes out as 1, both ways", **ALL)
def ttl_two(t):
    flow = yield from t.open(**t.ttl(2))
    reply = flow.reply(**t.ttl(2))
    result = yield Step(flow.egress, reply)
    sent(result, "forward", "none", "lan", flow.to_client(reply))


@row("{family} by {mode}: DSCP, ECN, identification and flow label stay", **BOTH)
def marks(t):
    ip = IP(tos=0xB9, id=0xBEEF, ttl=9) if t.family == 4 else IPv6(tc=0xB9, fl=0xABCDE, hlim=9)
    yield from there_and_back(t, b"", b"", ip=ip)


@row("{family} by {mode}: TCP flags, options, urgent data and reserved bits stay", **BOTH)
def tcp_details(t):
    yield from t.establish()
    for flags in ("PA", "UA", "AEC", "FA", "R"):
        l4 = TCP(flags=flags, seq=9, ack=8, urgptr=3, window=77, reserved=4,
                 options=[("Timestamp", (1, 2)), ("NOP", None), ("NOP", None)])  # fmt: skip
        frame = t.packet(l4=l4, payload=b"abc")
        result = yield Step("lan", frame)
        ended(result, "forward")
        out = l4_of(Ether(result.frames[0][1]))
        equal((str(out.flags), out.reserved, out.urgptr), (str(l4.flags), 4, 3), flags)
        equal(bytes(out.payload), b"abc")


@row("{family} by {mode}: padding behind a short packet is cut off", **BOTH)
def padding(t):
    t.proto = "udp"
    flow = yield from t.open(payload=b"x")
    frame = t.packet(payload=b"x") + b"\xee" * 30
    result = yield Step("lan", frame)
    sent(result, "forward", "none", flow.egress, flow.to_endpoint(frame))


@row("{family} by {mode}: replies follow the way of the client's latest packet", **BOTH)
def last_hop(t):
    flow = yield from t.establish()
    t.cmac = "02:00:00:00:99:99"
    frame = t.packet(l4=t.l4(flags="A"))
    result = yield Step("lan", frame)
    sent(result, "forward", "none", flow.egress, flow.to_endpoint(frame))
    flow.cmac = t.cmac
    result = yield Step(flow.egress, flow.reply(l4=t.l4(flags="A")))
    sent(result, "forward", "none", "lan", flow.to_client(flow.reply(l4=t.l4(flags="A"))))


@row("{family} by {mode}: a client that moves to another port is followed there", **BOTH)
def other_port(t):
    flow = yield from t.establish()
    result = yield Step("tagged", t.packet(l4=t.l4(flags="A"), port="tagged"))
    ended(result, "forward")
    flow.ingress = "tagged"
    result = yield Step(flow.egress, flow.reply(l4=t.l4(flags="A")))
    sent(result, "forward", "none", "tagged", flow.to_client(flow.reply(l4=t.l4(flags="A"))))


@row("{proto} over {family} by {mode}: an external IP leads to the Service as well", **ALL)
def external_ip(t):
    last = "11" if t.mode == "snat" else "21"
    to = ("192.0.2." if t.family == 4 else "2001:db8:f::") + last
    flow = yield from t.open(to=to)
    result = yield Step(flow.egress, flow.reply())
    sent(result, "forward", "none", "lan", flow.to_client(flow.reply()))


@row("{proto} over {family} by {mode}: so does the ClusterIP", **ALL)
def cluster_ip(t):
    last = "10" if t.mode == "snat" else "20"
    to = ("10.96.0." if t.family == 4 else "fd00:96::") + last
    flow = yield from t.open(to=to)
    result = yield Step(flow.egress, flow.reply())
    sent(result, "forward", "none", "lan", flow.to_client(flow.reply()))


@row("{proto} over {family}: an address of the service CIDR that no Service has is nobody's",
     proto=("tcp", "udp", "sctp"), family=(4, 6))  # fmt: skip
def unused_cluster_ip(t):
    result = yield Step("lan", t.packet(to="10.96.7.9" if t.family == 4 else "fd00:96::709"))
    ended(result, "drop", "unused-address")


@row("{proto} over {family} by {mode}: the NodePort on the box's address", **ALL)
def node_port(t):
    l4 = t.l4(dport=30080 if t.mode == "snat" else 30081)
    flow = yield from t.open(l4=l4, to=ADDRESS["lan"][t.family])
    result = yield Step(flow.egress, flow.reply())
    sent(result, "forward", "none", "lan", flow.to_client(flow.reply()))


@row("{proto} over {family}: an unknown port of the box's address is the kernel's",
     proto=("tcp", "udp", "sctp"), family=(4, 6))  # fmt: skip
def box_port(t):
    result = yield Step("lan", t.packet(l4=t.l4(dport=22), to=ADDRESS["lan"][t.family]))
    ended(result, "punt")


@row("{proto} over {family}: so is one of the SNAT ports that nobody uses",
     proto=("tcp", "udp", "sctp"), family=(4, 6))  # fmt: skip
def box_snat_port(t):
    to = ADDRESS["pods"][t.family]
    result = yield Step("lan", t.packet(l4=t.l4(dport=40000), to=to))
    ended(result, "punt")


@row("{proto} over {family} to nobody's address is the kernel's",
     proto=("tcp", "udp", "sctp"), family=(4, 6))  # fmt: skip
def elsewhere(t):
    to = "198.51.100.9" if t.family == 4 else "2001:db8:9::9"
    result = yield Step("lan", t.packet(to=to))
    ended(result, "punt")


@row("{family} by {mode}: the same tuple keeps its endpoint after a reset", **BOTH)
def again(t):
    first = yield from t.establish()
    result = yield Step("lan", t.packet(l4=t.l4(flags="R")))
    ended(result, "forward")
    second = yield from t.open()
    equal(second.endpoint, first.endpoint)


@row("{proto} over {family} by {mode}: many clients reach every endpoint", **ALL)
def spread(t):
    ports = range(1000, 1040)
    frames = [Step("lan", t.packet(l4=t.l4(sport=p))) for p in ports]
    results = yield frames
    chosen = {r.endpoint for r in results}
    equal(len(chosen), 3, "number of endpoints")
    seen = {(network(Ether(f)).dst, l4_of(Ether(f)).sport) for r in results for _, f in r.frames}
    equal(len(seen), len(ports), "number of tuples that endpoints see")


@row("{proto} over {family} by dnat: an endpoint that is its own client is hidden",
     proto=("tcp", "udp", "sctp"), family=(4, 6))  # fmt: skip
def hairpin(t):
    t.mode = "dnat"
    hosts = endpoints("pods", t.family)
    steps, senders = [], []
    for address, mac in hosts.items():
        for port in range(5000, 5008):
            l4 = t.l4(sport=port, dport=SERVICE_PORT[t.proto])
            steps.append(
                Step("pods", t.frame("pods", mac, address, vip("dnat", t.family), l4))
            )
            senders.append((address, port))
    results = yield steps
    own = 0
    for (address, port), r in zip(senders, results):
        ended(r, "forward")
        equal(r.frames[0][0], "pods")
        out = Ether(r.frames[0][1])
        if network(out).dst == address:
            own += 1
            equal(network(out).src, ADDRESS["pods"][t.family], "source of its own")
        else:
            equal((network(out).src, l4_of(out).sport), (address, port), "source")
    assert own > 0, "no packet went back to its sender"


@row("{proto} over {family} by dnat: one client port to two addresses of one Service",
     proto=("tcp", "udp", "sctp"), family=(4, 6))  # fmt: skip
def two_vips(t):
    t.mode = "dnat"
    other = "192.0.2.21" if t.family == 4 else "2001:db8:f::21"
    ports = range(6000, 6024)
    steps = [Step("lan", t.packet(l4=t.l4(sport=p), to=to))
             for p in ports for to in (vip("dnat", t.family), other)]  # fmt: skip
    results = yield steps
    tuples, hidden = set(), 0
    for r in results:
        ended(r, "forward")
        out = Ether(r.frames[0][1])
        tuples.add((network(out).src, l4_of(out).sport, network(out).dst))
        hidden += network(out).src == ADDRESS["pods"][t.family]
    equal(len(tuples), len(steps), "number of tuples that endpoints see")
    assert hidden > 0, "the two addresses never led to one endpoint"


@row("{proto} over {family}: a next hop whose MAC address is unknown",
     proto=("tcp", "udp", "sctp"), family=(4, 6))  # fmt: skip
def unresolved(t):
    result = yield Step("lan", t.packet("lost"))
    ended(result, "drop", "next-hop-unresolved")


@row("{proto} over {family}: no route to the endpoint", proto=("tcp", "udp", "sctp"), family=(4, 6))
def no_route(t):
    result = yield Step("lan", t.packet("nowhere"))
    ended(result, "drop", "no-route")


# VLAN tags.


@row("{proto} over {family} by {mode}: a client behind a tag, replies with it", **ALL)
def tagged_client(t):
    flow = yield from t.open(port="tagged")
    result = yield Step(flow.egress, flow.reply())
    sent(result, "forward", "none", "tagged", flow.to_client(flow.reply()))


@row("{proto} over {family} by {mode}: an endpoint behind a tag", **ALL)
def tagged_endpoint(t):
    flow = yield from t.open("tagged-" + t.mode)
    result = yield Step(flow.egress, flow.reply())
    sent(result, "forward", "none", "lan", flow.to_client(flow.reply()))


def retagged(frame, *tags):
    """The frame with these (EtherType, VID) in place of its tags, outermost first."""
    packet = Ether(frame)
    inner = network(packet)
    ether = Ether(src=packet.src, dst=packet.dst, type=tags[0][0] if tags else packet.type)
    at = ether
    for i, (_, vid) in enumerate(tags):
        following = tags[i + 1][0] if i + 1 < len(tags) else (0x0800 if inner.version == 4 else 0x86DD)
        at = at / Dot1Q(vlan=vid, type=following)
    return bytes(at / inner) if tags else bytes(Ether(src=packet.src, dst=packet.dst) / inner)


TAGS = {
    "a tag on an untagged port": ("lan", [(0x8100, 100)], "vlan"),
    "no tag on a tagged port": ("tagged", [], "vlan"),
    "another VLAN's tag": ("tagged", [(0x8100, 101)], "vlan"),
    "a priority tag on a tagged port": ("tagged", [(0x8100, 0)], "vlan"),
    "two tags, the outer one right": ("tagged", [(0x8100, 100), (0x8100, 5)], "vlan"),
    "two tags, the inner one right": ("tagged", [(0x8100, 5), (0x8100, 100)], "vlan"),
    "a provider's tag (802.1ad)": ("tagged", [(0x88A8, 100)], "vlan"),
    "QinQ": ("lan", [(0x88A8, 5), (0x8100, 100)], "vlan"),
    "the old QinQ type": ("lan", [(0x9100, 5), (0x8100, 100)], "vlan"),
    "ten tags": ("tagged", [(0x8100, 100)] * 10, "vlan"),
}


@row("{family}: {what} is refused", what=tuple(TAGS), family=(4, 6))
def wrong_tag(t):
    port, tags, reason = TAGS[t.what]
    result = yield Step(port, retagged(t.packet(port=port), *tags))
    ended(result, "drop", reason)


@row("{family}: a priority tag on an untagged port counts as none", family=(4, 6))
def priority_tag(t):
    frame = retagged(t.packet(), (0x8100, 0))
    result = yield Step("lan", frame)
    ended(result, "forward")
    equal(Ether(result.frames[0][1]).type, 0x0800 if t.family == 4 else 0x86DD)


# For whom the frame is.


@row("{family}: a frame for another station", family=(4, 6))
def other_station(t):
    frame = bytearray(t.packet())
    frame[5] ^= 0x55
    result = yield Step("lan", frame)
    ended(result, "drop", "not-for-us")


@row("{family}: a service's packet to a group's MAC address is not forwarded", family=(4, 6))
def group_mac(t):
    frame = bytearray(t.packet())
    frame[0:6] = bytes.fromhex("ffffffffffff")
    result = yield Step("lan", frame)
    ended(result, "punt")


@row("{family}: the box's MAC address of another port is another station's", family=(4, 6))
def other_own_mac(t):
    frame = bytearray(t.packet())
    frame[0:6] = bytes.fromhex(MAC["pods"].replace(":", ""))
    result = yield Step("lan", frame)
    ended(result, "drop", "not-for-us")


# TCP in the middle of a connection that is not known here.


@row("{family} by snat: a segment of an unknown connection is reset ({flags})",
     family=(4, 6), flags=("A", "PA", "FA"))  # fmt: skip
def midway_reset(t):
    frame = t.packet("snat", l4=t.l4(flags=t.flags), payload=b"middle")
    result = yield Step("lan", frame)
    wanted = TCP(sport=80, dport=t.cport, flags="R", seq=0x05060708, ack=0, window=0)
    sent(result, "reject", "no-flow", "lan",
         t.answer("lan", t.cmac, vip("snat", t.family), t.client, wanted))  # fmt: skip


@row("{family} by dnat: it goes to the endpoint that the hash names ({flags})",
     family=(4, 6), flags=("A", "PA"))  # fmt: skip
def midway_kept(t):
    flow = yield from t.open("dnat", l4=t.l4(flags=t.flags), payload=b"middle")
    result = yield Step("pods", flow.reply(l4=t.l4(flags="A")))
    sent(result, "forward", "none", "lan", flow.to_client(flow.reply(l4=t.l4(flags="A"))))


@row("{family} by {mode}: a SYN+ACK that no SYN went before is reset and makes no flow", **BOTH)
def midway_syn_ack(t):
    frame = t.packet(l4=t.l4(flags="SA"))
    wanted = TCP(sport=80, dport=t.cport, flags="R", seq=0x05060708, ack=0, window=0)
    for _ in range(2):
        result = yield Step("lan", frame)
        sent(result, "reject", "no-flow", "lan",
             t.answer("lan", t.cmac, vip(t.mode, t.family), t.client, wanted))  # fmt: skip


@row("{proto} over {family} by dnat: the client has an address that is a service's too",
     family=(4, 6), proto=("tcp", "udp"))  # fmt: skip
def client_is_external_ip(t):
    t.client = {4: "192.0.2.11", 6: "2001:db8:f::11"}[t.family]
    for t.cport in range(t.cport, t.cport + 4000, 1000):
        yield from t.establish("dnat")


@row("{family} by {mode}: a reset of an unknown connection goes nowhere", **BOTH)
def midway_rst(t):
    result = yield Step("lan", t.packet(l4=t.l4(flags="R")))
    ended(result, "drop", "no-flow")


# Ports without a service, services without endpoints.


@row("TCP over {family} to an unknown port of a service's address is reset", family=(4, 6))
def unknown_port_syn(t):
    frame = t.packet("snat", l4=t.l4(dport=81), payload=b"12345")
    result = yield Step("lan", frame)
    wanted = TCP(sport=81, dport=t.cport, flags="RA", seq=0, ack=0x01020304 + 5 + 1, window=0)
    sent(result, "reject", "no-service", "lan",
         t.answer("lan", t.cmac, vip("snat", t.family), t.client, wanted))  # fmt: skip


@row("TCP over {family} with ACK is reset with that number", family=(4, 6))
def unknown_port_ack(t):
    frame = t.packet("snat", l4=t.l4(dport=81, flags="A"), payload=b"12345")
    result = yield Step("lan", frame)
    wanted = TCP(sport=81, dport=t.cport, flags="R", seq=0x05060708, ack=0, window=0)
    sent(result, "reject", "no-service", "lan",
         t.answer("lan", t.cmac, vip("snat", t.family), t.client, wanted))  # fmt: skip


@row("a reset over {family} is not answered", family=(4, 6))
def unknown_port_rst(t):
    result = yield Step("lan", t.packet("snat", l4=t.l4(dport=81, flags="R")))
    ended(result, "drop", "no-service")


def unreachable(t, frame, service, port="lan"):
    limit = 576 - 28 if t.family == 4 else 1280 - 48
    quote = network(Ether(frame)).build()[:limit]
    return t.answer(port, t.cmac, vip(service, t.family), t.client, t.error("port unreachable", quote))


@row("UDP over {family} to an unknown port ({size} bytes): unreachable, quoting it",
     family=(4, 6), size=(0, 5, 1400))  # fmt: skip
def unknown_port_udp(t):
    t.proto = "udp"
    frame = t.packet("snat", l4=UDP(dport=54), payload=(bytes(range(200)) * 7)[: t.size])
    result = yield Step("lan", frame)
    sent(result, "reject", "no-service", "lan", unreachable(t, frame, "snat"))


@row("TCP over {family} to a Service without endpoints is reset", family=(4, 6))
def empty_tcp(t):
    result = yield Step("lan", t.packet("empty"))
    wanted = TCP(sport=80, dport=t.cport, flags="RA", seq=0, ack=0x01020304 + 1, window=0)
    sent(result, "reject", "no-endpoints", "lan",
         t.answer("lan", t.cmac, vip("empty", t.family), t.client, wanted))  # fmt: skip


@row("UDP over {family} to a Service without endpoints: unreachable", family=(4, 6))
def empty_udp(t):
    t.proto = "udp"
    frame = t.packet("empty", payload=b"anyone?")
    result = yield Step("lan", frame)
    sent(result, "reject", "no-endpoints", "lan", unreachable(t, frame, "empty"))


@row("{family}: an answer on a tagged port carries the tag", family=(4, 6))
def tagged_answer(t):
    t.proto = "udp"
    frame = t.packet("empty", payload=b"anyone?", port="tagged")
    result = yield Step("tagged", frame)
    sent(result, "reject", "no-endpoints", "tagged", unreachable(t, frame, "empty", "tagged"))
