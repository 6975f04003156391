# SPDX-License-Identifier: BSD-3-Clause
"""Input that no friend sends: cut, lying, forged."""

import struct

from scapy.layers.inet import ICMP, IP, TCP, IPOption_LSRR, IPOption_SSRR
from scapy.layers.inet6 import (
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    PadN,
)
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Raw

from bed import Step, row
from packets import ADDRESS, MAC, ended, vip

FAMILY = {"family": (4, 6)}
HEAD = {4: 14 + 20, 6: 14 + 40}


def summed(frame):
    """IPv4: the header's checksum made right again, after bytes of it were changed."""
    header_len = (frame[14] & 15) * 4
    frame[24:26] = b"\0\0"
    total = sum(struct.unpack(f"!{header_len // 2}H", frame[14 : 14 + header_len]))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    frame[24:26] = struct.pack("!H", ~total & 0xFFFF)
    return frame


def with_bytes(frame, at, new, make_sum=True):
    frame = bytearray(frame)
    frame[at : at + len(new)] = new
    if make_sum and frame[12:14] == b"\x08\x00" and 14 <= at < 34 and len(frame) >= 34:
        summed(frame)
    return frame


def cut_to_l3(t, frame, length):
    """The IP packet says that it has this many bytes, and truly does."""
    frame = bytearray(frame[: 14 + length])
    if t.family == 4:
        return with_bytes(frame, 16, struct.pack("!H", length))
    return with_bytes(frame, 18, struct.pack("!H", length - 40))


# The frame ends early.


@row("{family}: a frame cut after {kept} bytes", kept=(1, 6, 13), **FAMILY)
def cut_ethernet(t):
    result = yield Step("lan", t.packet()[: t.kept])
    ended(result, "drop", "too-short")


@row("{family}: a frame that ends with its Ethernet header, or within the IP header ({kept} bytes)",
     kept=(0, 1, 19), **FAMILY)  # fmt: skip
def cut_ip(t):
    result = yield Step("lan", t.packet()[: 14 + t.kept])
    ended(result, "drop", "too-short")


@row("IPv6: a frame that ends with the last byte but one of the IPv6 header", family=(6,))
def cut_ip6(t):
    result = yield Step("lan", t.packet()[: 14 + 39])
    ended(result, "drop", "too-short")


@row("a frame that ends within its VLAN tag ({kept} bytes)", kept=(14, 15, 17))
def cut_tag(t):
    result = yield Step("tagged", t.packet(port="tagged")[: t.kept])
    ended(result, "drop", "too-short")


@row("{proto} over {family}: a frame shorter than the IP length says", proto=("tcp", "udp"), **FAMILY)
def cut_payload(t):
    result = yield Step("lan", t.packet(payload=b"12345")[:-1])
    ended(result, "drop", "bad-total-length")


@row("{proto} over {family}: an IP packet that ends after {kept} bytes of the header",
     proto=("tcp", "udp"), kept=(0, 3, 7), **FAMILY)  # fmt: skip
def cut_l4(t):
    result = yield Step("lan", cut_to_l3(t, t.packet(), HEAD[t.family] - 14 + t.kept))
    ended(result, "drop", "too-short")


@row("TCP over {family}: an IP packet that ends after 19 bytes of the header", **FAMILY)
def cut_tcp(t):
    result = yield Step("lan", cut_to_l3(t, t.packet(), HEAD[t.family] - 14 + 19))
    ended(result, "drop", "too-short")


@row("{family}: ping that ends within its header", **FAMILY)
def cut_ping(t):
    frame = t.frame("lan", t.cmac, t.client, vip("snat", t.family), t.echo(b""))
    result = yield Step("lan", cut_to_l3(t, frame, HEAD[t.family] - 14 + 7))
    ended(result, "drop", "icmp-malformed")


@row("ARP that ends after {kept} bytes", kept=(0, 8, 27))
def cut_arp(t):
    frame = bytes(Ether(src=t.cmac, dst=MAC["lan"]) / ARP(pdst=vip("snat", 4)))
    result = yield Step("lan", frame[: 14 + t.kept])
    ended(result, "drop", "too-short")


@row("ARP with lengths of addresses that are not")
def lying_arp(t):
    frame = bytes(Ether(src=t.cmac, dst=MAC["lan"]) / ARP(pdst=vip("snat", 4)) / Raw(bytes(64)))
    frame = bytearray(frame)
    frame[18:20] = b"\xff\xff"
    result = yield Step("lan", frame)
    ended(result, "drop", "bad-header-length")


@row("ARP by somebody who cannot be answered ({who})",
     who=("127.0.0.1", "224.0.0.1", "255.255.255.255", "01:00:5e:00:00:01"))  # fmt: skip
def unanswerable_arp(t):
    arp = ARP(hwsrc=t.cmac, psrc=t.client, pdst=vip("snat", 4))
    setattr(arp, "hwsrc" if ":" in t.who else "psrc", t.who)
    result = yield Step("lan", bytes(Ether(src=t.cmac, dst="ff:ff:ff:ff:ff:ff") / arp))
    ended(result, "drop", "bad-address")


# Lengths that lie. (at: from the start of the frame)

LIES4 = {
    "IP header length 16": (14, b"\x44", "bad-header-length"),
    "IP header length 0": (14, b"\x40", "bad-header-length"),
    "IP header longer than the packet": (14, b"\x4f", "bad-total-length"),
    "IP total length 0": (16, b"\0\0", "bad-total-length"),
    "IP total length 19": (16, b"\0\x13", "bad-total-length"),
    "IP total length 65535": (16, b"\xff\xff", "bad-total-length"),
    "IP version 5": (14, b"\x55", "bad-ip-version"),
    "IP version 6": (14, b"\x65", "bad-ip-version"),
    "IP version 0": (14, b"\x05", "bad-ip-version"),
}
LIES6 = {
    "payload length 65535": (18, b"\xff\xff", "bad-total-length"),
    "payload length 0": (18, b"\0\0", "too-short"),
    "a jumbogram's length": (18, b"\0\0\0", "bad-total-length"),
    "IP version 4": (14, b"\x40", "bad-ip-version"),
    "IP version 0": (14, b"\x00", "bad-ip-version"),
}


@row("IPv4: {lie}", lie=tuple(LIES4))
def lie4(t):
    at, new, reason = LIES4[t.lie]
    frame = bytearray(t.packet())
    frame[at : at + len(new)] = new
    if (frame[14] & 15) >= 5 and len(frame) >= 14 + (frame[14] & 15) * 4:
        summed(frame)
    result = yield Step("lan", frame)
    ended(result, "drop", reason)


@row("IPv6: {lie}", lie=tuple(LIES6), family=(6,))
def lie6(t):
    at, new, reason = LIES6[t.lie]
    result = yield Step("lan", with_bytes(t.packet(), at, new, False))
    ended(result, "drop", reason)


@row("{family}: TCP header length of {words} words", words=(0, 4, 6, 15), **FAMILY)
def tcp_header(t):
    result = yield Step("lan", with_bytes(t.packet(), HEAD[t.family] + 12, bytes([t.words << 4])))
    ended(result, "drop", "bad-header-length")


@row("{family}: UDP length {length} of 12", length=(0, 7, 13, 65535), **FAMILY)
def udp_length(t):
    t.proto = "udp"
    result = yield Step("lan", with_bytes(t.packet(payload=b"1234"), HEAD[t.family] + 4,
                                          struct.pack("!H", t.length)))  # fmt: skip
    ended(result, "drop", "bad-total-length")


@row("IPv4: wrong header checksum ({what})", what=("zero", "all ones", "off by one"))
def bad_sum(t):
    frame = bytearray(t.packet())
    good = struct.unpack("!H", frame[24:26])[0]
    frame[24:26] = struct.pack("!H", {"zero": 0, "all ones": 0xFFFF}.get(t.what, good ^ 1))
    result = yield Step("lan", frame)
    ended(result, "drop", "bad-ip-checksum")


# Addresses that cannot be.

MARTIANS = {
    4: ["0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.1.2", "224.0.0.1", "239.1.1.1", "255.255.255.255"],
    6: ["::", "::1", "ff02::1", "ff0e::1", "::ffff:192.0.2.1"],
}
MARTIAN_ROWS = tuple((f, a) for f in MARTIANS for a in MARTIANS[f])


@row("from {who[1]}", who=MARTIAN_ROWS, proto=("tcp", "udp"))
def martian(t):
    t.family, t.client = t.who
    result = yield Step("lan", t.packet())
    ended(result, "drop", "bad-address")


@row("{proto} over IPv6 from a link-local address stays on its link", proto=("tcp", "udp"), family=(6,))
def link_local(t):
    t.client = "fe80::1"
    result = yield Step("lan", t.packet())
    ended(result, "drop", "unsupported-protocol")


@row("{proto} over {family} by {mode}: from the service's own address and port (land)",
     proto=("tcp", "udp"), mode=("snat", "dnat"), **FAMILY)  # fmt: skip
def land(t):
    t.client = vip(t.mode, t.family)
    port = {"tcp": 80, "udp": 53}[t.proto]
    frame = bytearray(t.packet())
    frame[HEAD[t.family] : HEAD[t.family] + 2] = struct.pack("!H", port)
    result = yield Step("lan", frame)
    ended(result, "drop", "bad-address")


@row("{proto} over {family} by {mode}: from another service's address, which may be a node's",
     proto=("tcp", "udp"), mode=("snat", "dnat"), **FAMILY)  # fmt: skip
def from_service(t):
    t.client = vip("empty", t.family)
    yield from t.open()


@row("{proto} over {family} by {mode}: from the box's own address",
     proto=("tcp", "udp"), mode=("snat", "dnat"), **FAMILY)  # fmt: skip
def from_box(t):
    t.client = ADDRESS["pods"][t.family]
    result = yield Step("lan", t.packet())
    ended(result, "drop", "bad-address")


@row("{family}: rejects are not sent to the box's own addresses", **FAMILY)
def reject_to_box(t):
    t.client = ADDRESS["lan"][t.family]
    result = yield Step("lan", t.packet("snat", l4=t.l4(dport=81)))
    ended(result, "drop", "bad-address")


@row("{proto} over {family}: port zero ({side})", proto=("tcp", "udp"), side=(0, 2), **FAMILY)
def port_zero(t):
    result = yield Step("lan", with_bytes(t.packet(), HEAD[t.family] + t.side, b"\0\0"))
    ended(result, "drop", "bad-address")


@row("{family}: a frame from a group's MAC address", **FAMILY)
def group_source(t):
    t.cmac = "01:00:5e:00:00:01"
    result = yield Step("lan", t.packet())
    ended(result, "drop", "bad-address")


# TCP flags.

BAD_FLAGS = {"none (null scan)": "", "SYN FIN": "SF", "SYN RST": "SR", "FIN": "F", "PSH": "P",
             "FIN PSH URG (xmas)": "FPU", "all": "FSRPAU", "SYN FIN ACK": "SFA"}  # fmt: skip


@row("{family}: TCP flags {flags}", flags=tuple(BAD_FLAGS), **FAMILY)
def bad_flags(t):
    result = yield Step("lan", t.packet(l4=TCP(flags=BAD_FLAGS[t.flags])))
    ended(result, "drop", "bad-tcp-flags")


# Routes that the sender wants, and other headers.


@row("IPv4: {kind} source route", kind=("loose", "strict"))
def source_route(t):
    option = (IPOption_LSRR if t.kind == "loose" else IPOption_SSRR)(routers=["10.1.0.11"])
    result = yield Step("lan", t.packet(ip=IP(ttl=61, options=[option])))
    ended(result, "drop", "bad-address")


@row("IPv4: an option of length {length}", length=(0, 1, 9, 255))
def option_length(t):
    ip = IP(ttl=61, ihl=7, options=[])
    frame = bytearray(t.frame("lan", t.cmac, t.client, vip("snat", 4), t.l4(dport=80), ip))
    frame = frame[:34] + bytes([7, t.length, 0, 0, 0, 0, 0, 0]) + frame[34:]
    frame[14] = 0x47
    frame[16:18] = struct.pack("!H", len(frame) - 14)
    result = yield Step("lan", summed(frame))
    ended(result, "drop", "bad-header-length")


@row("IPv6: routing header of type {kind}", kind=(0, 2, 4), family=(6,))
def routing(t):
    head = IPv6ExtHdrRouting(type=t.kind, addresses=["fd00:1::11"], segleft=1)
    result = yield Step("lan", t.packet(ip=IPv6(hlim=61) / head))
    # RFC 5095 did away with type 0; with another, the destination may be a stop on the way.
    ended(result, "drop", "unsupported-protocol" if t.kind else "bad-extension-header")


def chain(headers):
    ip = IPv6(hlim=61)
    for h in headers:
        ip = ip / h
    return ip


@row("IPv6: a chain of {count} extension headers", count=(9, 60), family=(6,))
def header_chain(t):
    heads = [IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(4))]) for _ in range(t.count)]
    result = yield Step("lan", t.packet(ip=chain(heads)))
    ended(result, "drop", "bad-extension-header")


@row("IPv6: hop-by-hop options that do not come first", family=(6,))
def late_hop_by_hop(t):
    heads = [IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(4))]),
             IPv6ExtHdrHopByHop(options=[PadN(optdata=bytes(4))])]  # fmt: skip
    result = yield Step("lan", t.packet(ip=chain(heads)))
    ended(result, "drop", "bad-extension-header")


@row("IPv6: an extension header longer than the packet", family=(6,))
def long_extension(t):
    frame = t.packet(ip=chain([IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(4))])]))
    result = yield Step("lan", with_bytes(frame, 14 + 40 + 1, b"\xff"))
    ended(result, "drop", "bad-extension-header")


@row("{family}: protocol {number} to a service's address", number=(33, 47, 41, 50, 51, 59, 255), **FAMILY)
def other_protocol(t):
    l4 = Raw(bytes(24))
    ip = IP(ttl=61, proto=t.number) if t.family == 4 else IPv6(hlim=61, nh=t.number)
    result = yield Step("lan", t.frame("lan", t.cmac, t.client, vip("snat", t.family), l4, ip))
    ended(result, "drop", "unsupported-protocol")


@row("{family}: protocol {number} to the box is the kernel's", number=(33, 112, 89), **FAMILY)
def other_protocol_box(t):
    l4 = Raw(bytes(24))
    ip = IP(ttl=61, proto=t.number) if t.family == 4 else IPv6(hlim=61, nh=t.number)
    result = yield Step("lan", t.frame("lan", t.cmac, t.client, ADDRESS["lan"][t.family], l4, ip))
    ended(result, "punt")


@row("EtherType {kind:#06x} is the kernel's", kind=(0x88CC, 0x0026, 0x8847, 0x9000, 0xFFFF))
def ether_type(t):
    frame = bytes(Ether(src=t.cmac, dst=MAC["lan"], type=t.kind) / Raw(bytes(46)))
    result = yield Step("lan", frame)
    ended(result, "punt")


@row("IPv4: ICMP of type {kind} to a service's address", kind=(5, 13, 17, 255))
def icmp_types(t):
    l4 = ICMP(type=t.kind) / Raw(bytes(32))
    result = yield Step("lan", t.frame("lan", t.cmac, t.client, vip("snat", 4), l4))
    ended(result, "drop", "unsupported-protocol")


@row("{proto} over {family} by snat: a stranger's packet to a SNAT port in use is not let in",
     proto=("tcp", "udp"), **FAMILY)  # fmt: skip
def stranger(t):
    flow = yield from t.open("snat")
    # No endpoint: towards one of those another row's flow may have the same port.
    other = "10.1.0.99" if t.family == 4 else "fd00:1::99"
    forged = [
        t.frame("pods", flow.emac, other, flow.seen, t.l4(sport=flow.dport, dport=flow.sport, flags="A")),
        t.frame("pods", flow.emac, flow.endpoint, flow.seen, t.l4(sport=1, dport=flow.sport, flags="A")),
    ]
    results = yield [Step("pods", f) for f in forged]
    for r in results:
        ended(r, "punt")


