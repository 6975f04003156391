# SPDX-License-Identifier: BSD-3-Clause
"""`dnat` without records, as under pressure: whole packets, pieces of datagrams, ICMP errors, both ways."""

from scapy.layers.inet import UDP
from scapy.layers.l2 import Ether

from bed import Bench, Step, row
from packets import (
    MAC,
    SERVICE_PORT,
    TARGET_PORT,
    Flow,
    endpoints,
    ended,
    equal,
    joined,
    l3_bytes,
    network,
    rewritten,
    sent,
    vip,
)
from rows_bounds import FAMILIES, establish_many, first_l4, open_many, to_client, verdicts
from rows_fragments import arrives, big, cut
from rows_fragments import verdicts as ends
from rows_icmp import FAR_ROUTER, ROUTER

# Rows share their bench's tables, so each has one of its own, but for the families.
for _name in ("pressed-tcp", "pressed-udp", "pressed-sctp", "pressed-pieces", "pressed-errors"):
    Bench.TIMEOUTS[_name] = "{}"
    Bench.FLOWS[_name] = "ipv4: 64, ipv6: 64, half-open-share: 50, pressure: 20"


def without_flow(t, proto, sports):
    """Both directions of new flows that have no record. @return {port: endpoint}"""
    frames = [t.packet("dnat", l4=first_l4(t, proto, p)) for p in sports]
    results = yield [Step("lan", f) for f in frames]
    chosen, replies = {}, []
    for frame, result, port in zip(frames, results, sports):
        ended(result, "forward")
        equal(result.endpoint, None, "a record's endpoint")
        dst = network(Ether(result.frames[0][1])).dst
        mac = endpoints("pods", t.family)[dst]
        target = TARGET_PORT[proto]
        sent(result, "forward", "none", "pods",
             rewritten(frame, "pods", mac, t.client, dst, port, target))  # fmt: skip
        l4 = t.l4(proto, flags="SA")
        l4.sport, l4.dport = target, port
        replies.append(t.frame("pods", mac, dst, t.client, joined(l4, b"")))
        chosen[port] = dst
    results = yield [Step("pods", f) for f in replies]
    for frame, result, port in zip(replies, results, sports):
        service_port = SERVICE_PORT[proto]
        sent(result, "forward", "none", "lan",
             rewritten(frame, "lan", t.cmac, vip("dnat", t.family), t.client, service_port, port))  # fmt: skip
    return chosen


@row("{proto} over {family} by dnat: under pressure a flow that the table leads anyway has no record",
     bench="pressed-{proto}", only_one_worker=True, proto=("tcp", "udp", "sctp"), **FAMILIES)  # fmt: skip
def stateless(t):
    proto, t.proto, t.mode = t.proto, "tcp", "dnat"
    kept = yield from establish_many(t, range(1000, 1032))
    chosen = yield from without_flow(t, proto, range(2000, 2020))
    equal(len(set(chosen.values())), 3, "number of endpoints")
    # By another address of the Service the same endpoints need records, to know which one was asked. There
    # is room for 32: then the table is full, and the last one takes the place of the first.
    other = "192.0.2.21" if t.family == 4 else "2001:db8:f::21"
    frames = [t.packet("dnat", l4=first_l4(t, proto, p), to=other) for p in range(3000, 3033)]
    results = yield [Step("lan", f) for f in frames]
    flows = [Flow(t, f, r, "dnat", "lan") for f, r in zip(frames, results)]
    results = yield from to_client(t, flows[1:])
    for result in results:
        ended(result, "forward")
        equal(network(Ether(result.frames[0][1])).src, other, "who answers")
    results = yield from to_client(t, kept, flags="A")
    equal(verdicts(results), ["forward"] * 32, "packets of the established")
    full = yield from without_flow(t, proto, range(2000, 2020))
    equal(full, chosen, "the same endpoints with a full table")


def unrecorded(t, result):
    """A packet that left without a record. @return (its endpoint, and that one's MAC address)"""
    equal((result.verdict, result.reason), ("forward", "none"))
    equal(result.endpoint, None, "a record's endpoint")
    dst = network(Ether(result.frames[0][1])).dst
    return dst, endpoints("pods", t.family)[dst]


def udp_reply(t, address, mac, l4, sport):
    l4.sport, l4.dport = TARGET_PORT["udp"], sport
    return t.frame("pods", mac, address, t.client, l4)


def both_ways_in_pieces(t, order, sport):
    """A datagram and its answer in pieces, in this order. @return the endpoint"""
    l4 = big(t)
    l4.sport = sport
    frame = t.packet("dnat", l4=l4)
    results = yield [Step("lan", cut(t, frame)[int(k) - 1]) for k in order]
    address, mac = unrecorded(t, results[order.index("1")])
    arrives(t, results, "pods", rewritten(frame, "pods", mac, t.client, address, sport, TARGET_PORT["udp"]))
    reply = udp_reply(t, address, mac, big(t), sport)
    results = yield [Step("pods", cut(t, reply, ident=0x4321)[int(k) - 1]) for k in order]
    arrives(t, results, "lan",
            rewritten(reply, "lan", t.cmac, vip("dnat", t.family), t.client, SERVICE_PORT["udp"], sport))  # fmt: skip
    return address


@row("UDP over {family} by dnat: pieces of a flow without a record follow the first one, both ways",
     bench="pressed-pieces", only_one_worker=True, **FAMILIES)  # fmt: skip
def pieces(t):
    yield from open_many(t, range(1000, 1016), service="snat")
    t.proto, found = "udp", {}
    for n, order in enumerate(("123", "321", "231")):
        sport = 2000 + n
        found[sport] = yield from both_ways_in_pieces(t, order, sport)
    chosen = yield from without_flow(t, "udp", list(found))
    equal(found, chosen, "the endpoints of whole packets")
    # About later pieces nobody is told anything (RFC 1122, 3.2.2).
    l4 = big(t)
    l4.sport = 2000
    results = yield [Step("lan", p) for p in cut(t, t.packet("dnat", l4=l4, **t.ttl(1)), ident=7)]
    ends(results, ("answer", "ttl-exceeded"), *[("drop", "ttl-exceeded")] * 2)


def counted_down(t, frame):
    """What an endpoint or a client quotes of its own packet: with the hops that it had left."""
    old = network(Ether(frame))
    if t.family == 4:
        old.ttl -= 1
        del old.chksum
    else:
        old.hlim -= 1
    return bytes(old)


@row("{family} by dnat: errors about packets of a flow without a record reach both its sides",
     bench="pressed-errors", only_one_worker=True, **FAMILIES)  # fmt: skip
def errors(t):
    yield from open_many(t, range(1000, 1016), service="snat")
    t.proto, address_asked = "udp", vip("dnat", t.family)
    frame = t.packet("dnat", payload=b"0123456789" * 20)
    result = yield Step("lan", frame)
    address, mac = unrecorded(t, result)
    quote = l3_bytes(result.frames[0][1])
    own = counted_down(t, frame)
    # From a router, from the endpoint itself, and the first piece of a datagram is quoted like a whole one.
    for source, smac, seen in ((ROUTER[t.family], "02:00:00:00:01:fe", ROUTER[t.family]),
                               (address, mac, address_asked)):  # fmt: skip
        for kind in ("too big", "port unreachable"):
            result = yield Step("pods", t.frame("pods", smac, source, t.client, t.error(kind, quote)))
            wanted = Ether(t.frame("lan", MAC["lan"], seen, t.client, t.error(kind, own), **t.ttl(60)))
            wanted.dst = t.cmac
            sent(result, "forward", "none", "lan", bytes(wanted))
    reply = udp_reply(t, address, mac, joined(UDP(), b"answer"), t.cport)
    result = yield Step("pods", reply)
    ended(result, "forward")
    quote, source = l3_bytes(result.frames[0][1]), FAR_ROUTER[t.family]
    result = yield Step("lan", t.frame("lan", t.cmac, source, address_asked, t.error("too big", quote)))
    wanted = Ether(t.frame("pods", MAC["pods"], source, address,
                           t.error("too big", counted_down(t, reply)), **t.ttl(60)))  # fmt: skip
    wanted.dst = mac
    sent(result, "forward", "none", "pods", bytes(wanted))
