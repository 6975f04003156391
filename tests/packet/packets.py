# SPDX-License-Identifier: BSD-3-Clause
"""What rows say packets with: built, expected and summed by scapy, none of forebay's own code."""

import logging
import struct

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
from scapy.layers.inet import ICMP, IP, TCP, UDP  # noqa: E402
from scapy.layers.inet6 import (  # noqa: E402
    ICMPv6DestUnreach,
    ICMPv6EchoRequest,
    ICMPv6PacketTooBig,
    ICMPv6TimeExceeded,
    IPv6,
)
from scapy.layers.l2 import Dot1Q, Ether  # noqa: E402
from scapy.layers.sctp import SCTP, SCTPerror  # noqa: E402
from scapy.packet import Padding, Raw  # noqa: E402

from bed import Step  # noqa: E402

# Chunks stay the bytes that they are: scapy would write some of them otherwise than they were.
SCTP.guess_payload_class = SCTPerror.guess_payload_class = lambda self, payload: Raw

MAC = {p: f"02:00:00:00:00:a{i}" for i, p in enumerate(["lan", "pods", "narrow", "tagged", "quiet"])}
VLAN = {"tagged": 100}
ADDRESS = {
    "lan": {4: "192.0.2.1", 6: "2001:db8:f::1"},
    "pods": {4: "10.1.0.1", 6: "fd00:1::1"},
    "narrow": {4: "10.2.0.1", 6: "fd00:2::1"},
    "tagged": {4: "10.4.0.1", 6: "fd00:4::1"},
}
HOSTS = {"pods": ("1", ["11", "12", "13"]), "narrow": ("2", ["11"]), "tagged": ("4", ["11"])}
# Service: last part of its LoadBalancer address, and the port behind which its endpoints are.
SERVICES = {
    "snat": ("10", "pods"), "dnat": ("20", "pods"), "empty": ("30", None),
    "narrow-snat": ("40", "narrow"), "narrow-dnat": ("41", "narrow"),
    "lost": ("50", None), "nowhere": ("51", None),
    "tagged-snat": ("60", "tagged"), "tagged-dnat": ("61", "tagged"),
    "range-snat": ("70", "pods"), "range-dnat": ("71", "pods"),
    "whole-snat": ("72", "pods"), "whole-dnat": ("73", "pods"), "guest-snat": ("72", "narrow"),
}  # fmt: skip
SERVICE_PORT = {"tcp": 80, "udp": 53, "sctp": 3868}
TARGET_PORT = {"tcp": 8080, "udp": 5353, "sctp": 3869}
# What stands before a payload in a flow's first packet; SCTP's has it in a parameter of its INIT.
HEADERS = {"tcp": 20, "udp": 8, "sctp": 12 + 20 + 4}
SNAT_PORTS = range(32768, 65536)


def vip(service, family):
    return ("192.0.2." if family == 4 else "2001:db8:f::") + SERVICES[service][0]


def endpoints(port, family):
    """{address: MAC} of the hosts behind a port."""
    net, hosts = HOSTS[port]
    return {
        (f"10.{net}.0.{h}" if family == 4 else f"fd00:{net}::{h}"): f"02:00:00:00:0{net}:{h}"
        for h in hosts
    }


def network(packet):
    return packet[IP] if IP in packet else packet[IPv6]


def l4_of(packet):
    """The layer of the packet itself, not of one that it quotes."""
    layer = network(packet)
    while not isinstance(layer, (TCP, UDP, SCTP, ICMP)) and not type(layer).__name__.startswith("ICMPv6"):
        layer = layer.payload
    return layer


def kind_of(l4):
    return {TCP: "tcp", UDP: "udp", SCTP: "sctp"}[type(l4)]


def l4_name(packet):
    return kind_of(l4_of(packet))


def chunk(kind, value=b"", flags=0):
    """An SCTP chunk, padded."""
    return struct.pack("!BBH", kind, flags, 4 + len(value)) + value + bytes(-len(value) % 4)


INIT, INIT_ACK, SACK, ABORT, SHUTDOWN, SHUTDOWN_ACK, ERROR = 1, 2, 3, 6, 7, 8, 9
COOKIE_ECHO, COOKIE_ACK, SHUTDOWN_COMPLETE = 10, 11, 14
OWN_TAG, PADDING = 0x01020304, 0x8005


def init(kind, payload):
    """INIT or INIT ACK; a payload goes into a parameter that nobody looks at (RFC 4820)."""
    value = struct.pack("!IIHHI", OWN_TAG, 65536, 1, 1, 1)
    if payload:
        value += struct.pack("!HH", PADDING, 4 + len(payload)) + payload
    return chunk(kind, value)


def data(payload):
    return chunk(0, struct.pack("!IHHI", 1, 0, 0, 0) + payload, 3)


def joined(l4, payload):
    """The payload behind an L4 header, or in the SCTP chunk that is there for it."""
    if not isinstance(l4, SCTP):
        return l4 / Raw(payload)
    chunks = bytes(l4.payload)
    l4.remove_payload()
    if chunks in (init(INIT, b""), init(INIT_ACK, b"")):
        chunks = init(chunks[0], payload)
    elif payload:
        chunks += data(payload)
    return l4 / Raw(chunks)


def unpadded(packet):
    if Padding in packet:
        packet[Padding].underlayer.remove_payload()
    return packet


def summed_again(frame):
    """The frame with every checksum made anew by scapy; one of zero means none in UDP and SCTP."""
    packet = Ether(frame)
    if IP not in packet and IPv6 not in packet:
        return frame
    if IP in packet:
        del packet[IP].chksum
    l4 = l4_of(packet)
    if isinstance(l4, (TCP, ICMP)) or (isinstance(l4, (UDP, SCTP)) and l4.chksum != 0):
        del l4.chksum
    elif not isinstance(l4, (UDP, SCTP)):
        del l4.cksum
    return bytes(packet)


def same(got, wanted):
    got, wanted = bytes(got), bytes(wanted)
    if got == wanted:
        return
    at = next((i for i, (a, b) in enumerate(zip(got, wanted)) if a != b), min(len(got), len(wanted)))
    raise AssertionError(
        f"differs from byte {at} on: is {got.hex()} ({Ether(got).summary()}), "
        f"should be {wanted.hex()} ({Ether(wanted).summary()})"
    )


def equal(got, wanted, what=""):
    assert got == wanted, f"{what} is {got!r}, should be {wanted!r}".strip()


def ended(result, verdict, reason="none"):
    equal((result.verdict, result.reason), (verdict, reason))
    for _, frame in result.frames:
        same(frame, summed_again(frame))
    equal(len(result.frames), 0 if verdict in ("drop", "punt") else 1, "number of frames sent")


def sent(result, verdict, reason, port, wanted):
    """The packet ended so, and this frame and no other left by this port."""
    ended(result, verdict, reason)
    equal(result.frames[0][0], port, "egress")
    same(result.frames[0][1], wanted)


def rewritten(frame, port, dmac, src, dst, sport, dport, ttl_step=1):
    """The frame as it leaves by port, translated."""
    new = network(unpadded(Ether(frame)))
    ether = Ether(src=MAC[port], dst=dmac)
    if port in VLAN:
        ether = ether / Dot1Q(vlan=VLAN[port], prio=0)
    packet = ether / new
    new = network(packet)  # "/" copies
    new.src, new.dst = src, dst
    if IP in packet:
        new.ttl -= ttl_step
        del new.chksum
    else:
        new.hlim -= ttl_step
    l4 = l4_of(packet)
    l4.sport, l4.dport = sport, dport
    if not (isinstance(l4, (UDP, SCTP)) and l4.chksum == 0):
        del l4.chksum
    return bytes(packet)


class Flow:
    """A flow as the box made it, learnt from its first packet's two sides."""

    def __init__(self, bed, frame, result, service, ingress, target=None):
        first, out = Ether(frame), Ether(result.frames[0][1])
        self.bed, self.ingress = bed, ingress
        self.egress = SERVICES[service][1]
        self.client, self.vip = network(first).src, network(first).dst
        self.cport, self.vport = l4_of(first).sport, l4_of(first).dport
        self.seen, self.endpoint = network(out).src, network(out).dst
        self.sport, self.dport = l4_of(out).sport, l4_of(out).dport
        self.proto = l4_name(first)
        self.cmac, self.emac = first.src, endpoints(self.egress, bed.family)[self.endpoint]
        form = "{}:{}" if bed.family == 4 else "[{}]:{}"
        target = target or TARGET_PORT[self.proto]
        equal(result.endpoint, form.format(self.endpoint, target), "endpoint")
        equal(self.dport, target, "endpoint's port")

    def hidden(self):
        """The client's address is hidden behind the box's, as in snat."""
        equal(self.seen, ADDRESS[self.egress][self.bed.family], "source")
        assert self.sport in SNAT_PORTS, f"{self.sport} is no SNAT port"

    def kept(self):
        equal((self.seen, self.sport), (self.client, self.cport), "source")

    def to_endpoint(self, frame):
        """What leaves when the client sends this frame."""
        return rewritten(
            frame, self.egress, self.emac, self.seen, self.endpoint, self.sport, self.dport
        )

    def to_client(self, frame):
        """What leaves when the endpoint sends this frame."""
        return rewritten(
            frame, self.ingress, self.cmac, self.vip, self.client, self.vport, self.cport
        )

    def reply(self, payload=b"", l4=None, ip=None, **fields):
        """A frame of the endpoint's."""
        l4 = l4 if l4 is not None else self.bed.l4(self.proto, flags="SA")
        l4.sport, l4.dport = self.dport, self.sport
        return self.bed.frame(
            self.egress, self.emac, self.endpoint, self.seen, joined(l4, payload), ip, **fields
        )


class Bed:
    """What a row is given: a client of its own, and words for packets."""

    def __init__(self, place, family=4, mode="snat", proto="tcp", **axes):
        self.family, self.mode, self.proto = family, mode, proto
        self.__dict__.update(axes)
        high, low = divmod(place, 200)
        self.client = f"203.0.{113 + high}.{low + 1}" if family == 4 else f"2001:db8:c::{place + 1:x}"
        self.cmac = f"02:00:00:00:{0xC0 + high:02x}:{low + 1:02x}"
        self.cport = 20000 + place

    def l4(self, proto=None, flags="S", **fields):
        if (proto or self.proto) == "tcp":
            return TCP(flags=flags, seq=0x01020304, ack=0x05060708 if "A" in flags else 0, **fields)
        if (proto or self.proto) == "sctp":
            chunks = {"S": init(INIT, b""), "SA": init(INIT_ACK, b""), "A": data(b"more"),
                      "R": chunk(ABORT)}[flags]  # fmt: skip
            tag = 0 if flags == "S" else 0x05060708
            return SCTP(**{"sport": 20, "dport": 80, "tag": tag, **fields}) / Raw(chunks)
        return UDP(**fields)

    def frame(self, port, smac, src, dst, l4, ip=None, **fields):
        """From a station on the port's link to the box; scapy fills in lengths and checksums."""
        ether = Ether(src=smac, dst=MAC[port])
        if port in VLAN:
            ether = ether / Dot1Q(vlan=VLAN[port])
        if self.family == 4:
            ip = ip if ip is not None else IP(id=0x1234, flags="DF", ttl=61)
        else:
            ip = ip if ip is not None else IPv6(hlim=61, fl=0x54321, tc=0x28)
        ip.src, ip.dst = src, dst
        for name, value in fields.items():
            setattr(ip, name, value)
        return bytes(ether / ip / l4)

    def ttl(self, value):
        return {"ttl": value} if self.family == 4 else {"hlim": value}

    def packet(self, service=None, payload=b"", l4=None, ip=None, port="lan", to=None, **fields):
        """The client's packet to a service, by default to the one of the row's mode."""
        service = service or self.mode
        l4 = l4 if l4 is not None else self.l4()
        l4.sport = l4.sport if l4.sport not in (0, 20, 53) else self.cport
        if l4.dport in (0, 80, 53):
            l4.dport = SERVICE_PORT[kind_of(l4)]
        dst = to or vip(service, self.family)
        return self.frame(port, self.cmac, self.client, dst, joined(l4, payload), ip, **fields)

    def open(self, service=None, port="lan", at_s=None, target=None, **kw):
        """Send the first packet, see that it is right. Use: flow = yield from t.open()"""
        service = service or self.mode
        frame = self.packet(service, port=port, **kw)
        result = yield Step(port, frame, at_s)
        ended(result, "forward")
        flow = Flow(self, frame, result, service, port, target)
        flow.hidden() if service.endswith("snat") else flow.kept()
        sent(result, "forward", "none", flow.egress, flow.to_endpoint(frame))
        return flow

    def establish(self, service=None, at_s=None, **kw):
        """A TCP connection, an answered UDP flow, or an SCTP association."""
        service = service or self.mode
        flow = yield from self.open(service, at_s=at_s, **kw)
        result = yield Step(flow.egress, flow.reply(), at_s)
        equal(result.verdict, "forward")
        if self.proto == "tcp":
            result = yield Step(
                flow.ingress, self.packet(service, l4=self.l4(flags="A"), port=flow.ingress), at_s
            )
            equal(result.verdict, "forward")
        if self.proto == "sctp":
            frame = self.packet(service, l4=SCTP(tag=1) / Raw(chunk(COOKIE_ECHO, b"cookie")),
                                port=flow.ingress)  # fmt: skip
            result = yield Step(flow.ingress, frame, at_s)
            equal(result.verdict, "forward")
            reply = flow.reply(l4=SCTP(tag=2) / Raw(chunk(COOKIE_ACK)))
            result = yield Step(flow.egress, reply, at_s)
            equal(result.verdict, "forward")
        return flow

    # ICMP, in the words of the row's family.

    ERRORS = {
        "too big": (dict(type=3, code=4, nexthopmtu=1400), ICMPv6PacketTooBig, dict(mtu=1400)),
        "port unreachable": (dict(type=3, code=3), ICMPv6DestUnreach, dict(code=4)),
        "time exceeded": (dict(type=11, code=0), ICMPv6TimeExceeded, dict(code=0)),
    }

    def error(self, kind, quote, **more):
        v4, v6_class, v6 = self.ERRORS[kind]
        head = ICMP(**{**v4, **more}) if self.family == 4 else v6_class(**{**v6, **more})
        return head / Raw(quote)

    def echo(self, payload, seq=7):
        if self.family == 4:
            return ICMP(type=8, id=0x4242, seq=seq) / Raw(payload)
        return ICMPv6EchoRequest(id=0x4242, seq=seq, data=payload)

    def answer(self, port, dmac, src, dst, l4):
        """A packet of the box's own making."""
        ether = Ether(src=MAC[port], dst=dmac)
        if port in VLAN:
            ether = ether / Dot1Q(vlan=VLAN[port])
        if self.family == 4:
            # Errors have the precedence of control traffic (RFC 1812, 4.3.2.5).
            tos = 0xC0 if isinstance(l4, ICMP) and l4.type != 0 else 0
            return bytes(ether / IP(src=src, dst=dst, ttl=64, id=0, flags="DF", tos=tos) / l4)
        return bytes(ether / IPv6(src=src, dst=dst, hlim=64) / l4)


def l3_bytes(frame):
    return bytes(network(Ether(frame)))
