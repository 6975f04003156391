# SPDX-License-Identifier: BSD-3-Clause
"""DNS: queries become answers in their own frame; what is somebody else's goes on."""

import struct

from scapy.layers.inet import IP, TCP, UDP, IPOption_NOP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, PadN
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

from bed import Step, row
from packets import MAC, VLAN, ended, equal, network, sent, unpadded
from rows_icmp import question

FAMILY = {"family": (4, 6)}
SERVER = {"service": ("10.96.0.53", "fd00:96::53"), "own": ("192.0.2.53", "2001:db8:f::53")}
A, SOA, AAAA, SRV = 1, 6, 28, 33
NOERROR, FORMERR, NXDOMAIN, REFUSED = 0, 1, 3, 5


def wire(name):
    return b"".join(bytes([len(x)]) + x.encode() for x in name.split(".")) + b"\0"


def query(name, qtype=A, edns=None, flags=0x0100, qid=0x1234):
    head = struct.pack("!6H", qid, flags, 1, 0, 0, edns is not None)
    opt = b"" if edns is None else b"\0" + struct.pack("!HHIH", 41, edns, 0, 0)
    return head + wire(name) + struct.pack("!HH", qtype, 1) + opt


def answer(asked, rcode, records, flags=0x8500, authority=0, edns=False):
    """The message that answers a query; records stand behind its question."""
    end = 12
    while asked[end]:
        end += 1 + asked[end]
    head = struct.pack("!6H", struct.unpack("!H", asked[:2])[0], flags | rcode, 1,
                       len(records) - authority, authority, edns)  # fmt: skip
    opt = b"\0" + struct.pack("!HHIH", 41, 1232, 0, 0) if edns else b""
    return head + asked[12 : end + 5] + b"".join(records) + opt


def record(rtype, data, owner=0xC00C, ttl=5):
    return struct.pack("!HHHIH", owner, rtype, 1, ttl, len(data)) + data


def packet(t, name, *more, to="service", port="lan", l4=None, **fields):
    dst = SERVER[to][t.family == 6] if to in SERVER else to
    l4 = l4 if l4 is not None else UDP(sport=t.cport, dport=53) / Raw(query(name, *more))
    return t.frame(port, t.cmac, t.client, dst, l4, **fields)


def reply(t, frame, message, port="lan"):
    """What leaves: everything turned round, TTL anew."""
    asked = network(unpadded(Ether(frame)))
    udp = UDP(sport=53, dport=asked[UDP].sport) / Raw(message)
    ether = Ether(src=MAC[port], dst=t.cmac)
    if port in VLAN:
        ether = ether / Dot1Q(vlan=VLAN[port])
    if t.family == 4:
        return bytes(ether / IP(src=asked.dst, dst=asked.src, ttl=64, id=asked.id, flags=0) / udp)
    return bytes(ether / IPv6(src=asked.dst, dst=asked.src, hlim=64) / udp)


def raw(addr):
    if ":" in addr:
        return IPv6(dst=addr).build()[24:40]
    return bytes(int(x) for x in addr.split("."))


NAME = "kube-dns.kube-system.svc.cluster.local"


@row("{family}: an address is answered to where it was asked ({to})", to=tuple(SERVER), **FAMILY)
def address_is_answered(t):
    frame = packet(t, NAME, A if t.family == 4 else AAAA, to=t.to)
    message = frame[frame.index(struct.pack("!HH", 0x1234, 0x0100)) :]
    data = raw(SERVER["service"][t.family == 6])
    result = yield Step("lan", frame)
    wanted = answer(message, NOERROR, [record(A if t.family == 4 else AAAA, data)])
    sent(result, "answer", "none", "lan", reply(t, frame, wanted))


@row("{family}: a query through a tagged port is answered with the tag, on the box's own address", **FAMILY)
def tagged(t):
    asked = query(NAME)
    frame = packet(t, NAME, to="10.4.0.1" if t.family == 4 else "fd00:4::1", port="tagged")
    result = yield Step("tagged", frame)
    wanted = answer(asked, NOERROR, [record(A, raw("10.96.0.53"))])
    sent(result, "answer", "none", "tagged", reply(t, frame, wanted, "tagged"))


@row("{family}: the letters of the question come back as they were, padding does not, EDNS does", **FAMILY)
def letters_and_padding(t):
    name = "Kube-DNS.kube-SYSTEM.svc.cluster.local"
    asked = query(name, A, 4096)
    frame = packet(t, name, A, 4096)
    result = yield Step("lan", frame + b"\xaa" * 9)
    wanted = answer(asked, NOERROR, [record(A, raw("10.96.0.53"))], edns=True)
    sent(result, "answer", "none", "lan", reply(t, frame, wanted))


@row("{family}: a name that does not exist", **FAMILY)
def no_such_name(t):
    name = "www.example.com.default.svc.cluster.local"
    frame = packet(t, name)
    result = yield Step("lan", frame)
    ended(result, "answer")
    message = bytes(network(unpadded(Ether(result.frames[0][1])))[UDP].payload)
    zone = 0xC000 | (12 + len(wire("www.example.com.default.svc")) - 1)
    soa = message[-54:]
    equal(soa[:12], record(SOA, b"", zone)[:10] + struct.pack("!H", 42), "owner of SOA")
    wanted = answer(query(name), NXDOMAIN, [soa], authority=1)
    sent(result, "answer", "none", "lan", reply(t, frame, wanted))


@row("{family}: what does not fit into 512 bytes is cut off and says so", **FAMILY)
def truncated(t):
    result = yield Step("lan", packet(t, "many.default.svc.cluster.local"))
    ended(result, "answer")
    message = bytes(network(unpadded(Ether(result.frames[0][1])))[UDP].payload)
    flags, _, answers = struct.unpack("!HHH", message[2:8])
    equal(flags, 0x8700, "flags")
    equal(len(message), len(query("many.default.svc.cluster.local")) + 16 * answers, "length")
    assert 512 - 16 < len(message) <= 512


@row("{family}: names of others are refused", **FAMILY)
def refused(t):
    frame = packet(t, "www.example.com")
    result = yield Step("lan", frame)
    wanted = answer(query("www.example.com"), REFUSED, [], flags=0x8100)
    sent(result, "answer", "none", "lan", reply(t, frame, wanted))


@row("{family}: a question cut short is a format error", **FAMILY)
def cut_short(t):
    asked = query(NAME)[:-3]
    frame = packet(t, NAME, l4=UDP(sport=t.cport, dport=53) / Raw(asked))
    result = yield Step("lan", frame)
    wanted = struct.pack("!6H", 0x1234, 0x8101, 0, 0, 0, 0)
    sent(result, "answer", "none", "lan", reply(t, frame, wanted))


@row("{family}: an answer is not answered ({what})", what=("QR set", "short"), **FAMILY)
def no_query(t):
    message = query(NAME, flags=0x8100) if t.what == "QR set" else query(NAME)
    if t.what == "short":
        message = message[:11]
    result = yield Step("lan", packet(t, NAME, l4=UDP(sport=t.cport, dport=53) / Raw(message)))
    ended(result, "drop", "dns-no-query")


@row("{family}: a wrong UDP checksum", **FAMILY)
def wrong_checksum(t):
    l4 = UDP(sport=t.cport, dport=53, chksum=0x1234) / Raw(query(NAME))
    result = yield Step("lan", packet(t, NAME, l4=l4))
    ended(result, "drop", "bad-udp-checksum")


@row("IPv4: no UDP checksum is fine, and the answer has one")
def no_checksum(t):
    frame = packet(t, NAME, l4=UDP(sport=t.cport, dport=53, chksum=0) / Raw(query(NAME)))
    result = yield Step("lan", frame)
    wanted = answer(query(NAME), NOERROR, [record(A, raw("10.96.0.53"))])
    sent(result, "answer", "none", "lan", reply(t, frame, wanted))


@row("{family}: TCP to DNS is the kernel's", **FAMILY)
def tcp(t):
    for to in SERVER:
        result = yield Step("lan", packet(t, NAME, to=to, l4=TCP(sport=t.cport, dport=53, flags="S")))
        ended(result, "punt")


@row("{family}: headers with options are the kernel's", **FAMILY)
def options(t):
    l4 = UDP(sport=t.cport, dport=53) / Raw(query(NAME))
    if t.family == 4:
        frame = packet(t, NAME, l4=l4, options=[IPOption_NOP()] * 4)
    else:
        frame = packet(t, NAME, l4=IPv6ExtHdrDestOpt(options=[PadN(otype=1, optdata=b"\0" * 4)]) / l4)
    result = yield Step("lan", frame)
    ended(result, "punt")


@row("{family}: other ports of these addresses are refused as ever", **FAMILY)
def other_port(t):
    l4 = UDP(sport=t.cport, dport=54) / Raw(query(NAME))
    result = yield Step("lan", packet(t, NAME, l4=l4))
    ended(result, "reject", "no-service")


@row("{family}: DNS does not go over SCTP", **FAMILY)
def sctp(t):
    result = yield Step("lan", packet(t, NAME, l4=t.l4("sctp", sport=t.cport, dport=53)))
    ended(result, "reject", "no-service")


@row("{family}: port 53 of another Service is that Service's", proto=("udp",), **FAMILY)
def other_service(t):
    yield from t.open("snat", payload=query(NAME))


@row("{family}: port 53 of somebody else is the kernel's", **FAMILY)
def somebody_else(t):
    result = yield Step("lan", packet(t, NAME, to="198.51.100.9" if t.family == 4 else "2001:db8:9::9"))
    ended(result, "punt")


@row("{family}: a query from the server's own address", **FAMILY)
def forged(t):
    to = SERVER["service"][t.family == 6]
    l4 = UDP(sport=5353, dport=53) / Raw(query(NAME))
    result = yield Step("lan", t.frame("lan", t.cmac, to, to, l4))
    ended(result, "drop", "bad-address")


@row("{family}: who has the DNS Service's clusterIP, which is not announced?", **FAMILY)
def who_has(t):
    result = yield Step("lan", question(t, "lan", SERVER["service"][t.family == 6]))
    ended(result, "drop", "not-announced")


@row("{family}: who has an address for DNS that nobody else has?", **FAMILY)
def who_has_own(t):
    result = yield Step("lan", question(t, "lan", SERVER["own"][t.family == 6]))
    ended(result, "answer")
    result = yield Step("quiet", question(t, "quiet", SERVER["own"][t.family == 6]))
    ended(result, "drop", "not-announced")


@row("{family}: about an answer over TCP the kernel is told, about one over UDP too", **FAMILY)
def errors(t):
    to = SERVER["service"][t.family == 6]
    for l4 in (TCP(sport=53, dport=t.cport, flags="A"), UDP(sport=53, dport=t.cport)):
        layer = IP if t.family == 4 else IPv6
        quote = bytes(layer(src=to, dst=t.client) / l4 / Raw(b"12345678"))
        error = t.error("too big", quote)
        result = yield Step("lan", t.frame("lan", t.cmac, t.client, to, error))
        ended(result, "punt")
