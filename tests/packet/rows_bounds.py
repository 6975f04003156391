# SPDX-License-Identifier: BSD-3-Clause
"""What happens at the bounds: tables and SNAT ports that are used up. Established flows go on."""

from scapy.layers.inet import TCP, UDP
from scapy.layers.l2 import Ether
from scapy.layers.sctp import SCTP
from scapy.packet import Raw

from bed import Bench, Step, row
from packets import (
    INIT,
    SERVICE_PORT,
    TARGET_PORT,
    Flow,
    endpoints,
    ended,
    equal,
    init,
    joined,
    network,
    rewritten,
    sent,
    vip,
)

FAMILIES = {"family": (4, 6)}
# By default a quarter may be half open of each kind: 16 of 64 flows. Rows share their bench's tables, so each of
# these has one of its own, but for the families.
for _name in ("share-snat", "share-dnat", "share-answered", "full", "ports", "ports-established"):
    Bench.TIMEOUTS[_name] = "{}"
    Bench.FLOWS[_name] = "ipv4: 64, ipv6: 64"
Bench.FLOWS["full"] += ", half-open-share: 50"
for _name in ("ports", "ports-established"):
    Bench.FLOWS[_name] = "ipv4: 1024, ipv6: 1024, half-open-share: 50"
    Bench.SNAT_PORTS[_name] = "32768-33023"
Bench.TIMEOUTS["rates"] = "{}"
Bench.LIMITS["rates"] = "{source-rate: 5, source-prefix-ipv4: 24, service-rate: 8}"


def first_l4(t, proto, sport):
    """What opens a flow."""
    if proto == "udp":
        return UDP(sport=sport)
    if proto == "sctp":
        return SCTP(sport=sport, dport=80, tag=0) / Raw(init(INIT, b""))
    return t.l4("tcp", flags="S", sport=sport)


def open_many(t, sports, service=None, proto="tcp"):
    """Flows of several ports at once. @return [Flow or Result of a packet that was not forwarded]"""
    service = service or t.mode
    frames = [t.packet(service, l4=first_l4(t, proto, p)) for p in sports]
    results = yield [Step("lan", f) for f in frames]
    return [
        Flow(t, f, r, service, "lan") if r.verdict == "forward" else r
        for f, r in zip(frames, results)
    ]


def to_client(t, flows, flags="SA"):
    """Each endpoint speaks."""
    return (yield [Step(f.egress, f.reply(l4=t.l4(f.proto, flags=flags))) for f in flows])


def to_endpoint(t, sports, service, flags="A"):
    frames = [t.packet(service, l4=t.l4("tcp", flags=flags, sport=p)) for p in sports]
    return (yield [Step("lan", f) for f in frames])


def verdicts(results):
    return [r.verdict for r in results]


def establish_many(t, sports, service=None):
    flows = yield from open_many(t, sports, service)
    results = yield from to_client(t, flows)
    equal(verdicts(results), ["forward"] * len(flows), "SYN+ACK")
    results = yield from to_endpoint(t, sports, service or t.mode)
    equal(verdicts(results), ["forward"] * len(flows), "ACK")
    return flows


def share(t, proto):
    t.proto = "tcp"
    kept = yield from t.establish()
    flows = yield from open_many(t, range(1000, 1016), proto=proto)
    more = yield from open_many(t, range(1016, 1020), proto=proto)  # four too many: the first four go
    results = yield from to_client(t, flows[:4])
    equal(verdicts(results), ["punt"] * 4, "packets of flows that went")
    results = yield from to_client(t, flows[4:] + more)
    equal(verdicts(results), ["forward"] * 16, "packets of the others")
    results = yield from to_client(t, [kept], flags="A")
    equal(verdicts(results), ["forward"], "the established one's")


@row("{family} by snat: the oldest half-open connection makes room in its share",
     bench="share-snat", only_one_worker=True, **FAMILIES)  # fmt: skip
def share_tcp(t):
    t.mode = "snat"
    yield from share(t, "tcp")


@row("{family} by dnat: the oldest UDP flow without an answer makes room in its share",
     bench="share-dnat", only_one_worker=True, **FAMILIES)  # fmt: skip
def share_udp(t):
    """The same number of connections opens meanwhile, in a share of their own."""
    t.mode = "dnat"
    others = yield from open_many(t, range(2000, 2016))
    yield from share_of_udp(t)
    results = yield from to_client(t, others)
    equal(verdicts(results), ["forward"] * 16, "connections'")


def share_of_udp(t):
    flows = yield from open_many(t, range(1000, 1016), proto="udp")
    more = yield from open_many(t, range(1016, 1020), proto="udp")
    results = yield from to_client(t, flows[:4])
    equal(verdicts(results), ["punt"] * 4, "packets of flows that went")
    results = yield from to_client(t, flows[4:] + more)
    equal(verdicts(results), ["forward"] * 16, "packets of the others")


@row("{family} by snat: what was answered is out of the share, SCTP stands beside TCP in it",
     bench="share-answered", only_one_worker=True, **FAMILIES)  # fmt: skip
def share_answered(t):
    t.mode = "snat"
    yield from establish_many(t, range(3000, 3016))
    udp = yield from open_many(t, range(4000, 4010), proto="udp")
    results = yield from to_client(t, udp)
    equal(verdicts(results), ["forward"] * 10, "UDP answers")
    oldest = yield from open_many(t, [1000])
    sctp = yield from open_many(t, range(5000, 5015), proto="sctp")
    one_more = yield from open_many(t, [6000], proto="sctp")
    results = yield from to_client(t, oldest)
    equal(verdicts(results), ["punt"], "the oldest's")
    results = yield from to_client(t, sctp + one_more)
    equal(verdicts(results), ["forward"] * 16, "SCTP's")
    results = yield from to_client(t, udp)
    equal(verdicts(results), ["forward"] * 10, "UDP's")


@row("{family} by snat: a full table takes from half-open flows, then drops; established ones go on",
     bench="full", only_one_worker=True, **FAMILIES)  # fmt: skip
def full(t):
    t.mode = "snat"
    # In two parts: a share takes no more than 32.
    kept = yield from establish_many(t, range(1000, 1030))
    kept += yield from establish_many(t, range(1030, 1060))
    flows = yield from open_many(t, range(2000, 2008))
    first, second = flows[:4], flows[4:]
    results = yield from to_client(t, first)
    equal(verdicts(results), ["punt"] * 4, "packets of those that went")
    results = yield from to_client(t, second)
    equal(verdicts(results), ["forward"] * 4, "packets of those that came")
    yield from to_endpoint(t, range(2004, 2008), "snat")
    (none,) = yield from open_many(t, [3000])
    ended(none, "drop", "flow-table-full")
    results = yield from to_client(t, kept + second, flags="A")
    equal(verdicts(results), ["forward"] * 64, "packets of the established")


@row("{family}: with all SNAT ports taken half-open flows give theirs, then new ones are dropped",
     bench="ports", only_one_worker=True, **FAMILIES)  # fmt: skip
def ports(t):
    """One endpoint, one address, 256 ports."""
    t.mode = "narrow-snat"
    kept = yield from establish_many(t, range(1000, 1010))
    flows = yield from open_many(t, range(2000, 2246))
    more = yield from open_many(t, range(3000, 3010))
    results = yield from to_client(t, kept, flags="A")
    equal(verdicts(results), ["forward"] * 10, "packets of the established")
    results = yield from to_client(t, more)
    equal(verdicts(results), ["forward"] * 10, "packets of the new")


def opened_and_answered(t, sports):
    """Those that got a port, established at once; the others were dropped for want of one."""
    flows = yield from open_many(t, sports)
    for none in flows:
        if not isinstance(none, Flow):
            ended(none, "drop", "snat-ports-exhausted")
    # One may have given its port to a later one of them: then its SYN+ACK is no flow's.
    last = {f.sport: f for f in flows if isinstance(f, Flow)}
    results = yield [
        s for f in last.values()
        for s in (Step(f.egress, f.reply(l4=t.l4("tcp", flags="SA"))),
                  Step("lan", t.packet(t.mode, l4=t.l4("tcp", flags="A", sport=f.cport))))
    ]  # fmt: skip
    equal(verdicts(results), ["forward"] * 2 * len(last), "SYN+ACK and ACK")
    return list(last.values())


@row("{family}: with all SNAT ports taken by established flows new ones are dropped; what both sides end gives way",
     bench="ports-established", only_one_worker=True, **FAMILIES)  # fmt: skip
def ports_established(t):
    """One endpoint, one address, 256 ports."""
    t.mode = "narrow-snat"
    kept = []
    for sports in (range(1000, 1240), range(2000, 2060), range(3000, 3060), range(4000, 4060)):
        if len(kept) < 256:
            kept += yield from opened_and_answered(t, sports)
    equal(len(kept), 256, "number of flows")
    for none in (yield from open_many(t, range(5000, 5020))):
        ended(none, "drop", "snat-ports-exhausted")
    results = yield from to_client(t, kept, flags="A")
    equal(verdicts(results), ["forward"] * 256, "packets of the established")
    # Half of them end on both sides: a search may miss one, but hardly that many.
    results = yield [
        s for f in kept[:128]
        for s in (Step(f.egress, f.reply(l4=t.l4("tcp", flags="FA"))),
                  Step("lan", t.packet(t.mode, l4=t.l4("tcp", flags="FA", sport=f.cport))))
    ]  # fmt: skip
    new = yield from open_many(t, range(6000, 6020))
    ended_ports = {f.sport for f in kept[:128]}
    assert all(isinstance(f, Flow) and f.sport in ended_ports for f in new), "a new flow has no port that was ended"


def syn_from(t, service, source, sport, flags="S", at_s=0):
    frame = t.frame("lan", t.cmac, source, vip(service, t.family),
                    t.l4("tcp", flags=flags, sport=sport, dport=80))  # fmt: skip
    return Step("lan", frame, at_s)


@row("{family}: a source opens no more flows than its rate; those that are open go on",
     bench="rates", only_one_worker=True, **FAMILIES)  # fmt: skip
def source_rate(t):
    """A /24 or /64 is one source here. Five a second, and five at once."""
    net = "198.51.100.{}" if t.family == 4 else "2001:db8:99::{}"
    other = "198.51.101.1" if t.family == 4 else "2001:db8:99:1::1"
    results = yield [syn_from(t, "snat", net.format(i), 1000 + i) for i in range(1, 8)]
    equal(verdicts(results[:5]), ["forward"] * 5, "the first five")
    for r in results[5:]:
        ended(r, "drop", "source-rate")
    results = yield [
        syn_from(t, "snat", net.format(1), 1001, "A"),
        syn_from(t, "snat", other, 1000),
        syn_from(t, "snat", net.format(9), 1009, at_s=0.1),
        syn_from(t, "snat", net.format(10), 1010, at_s=1.2),
    ]
    equal(verdicts(results), ["forward", "forward", "drop", "forward"], "open, other, early, later")


@row("{family}: a Service takes no more new flows than its rate",
     bench="rates", only_one_worker=True, **FAMILIES)  # fmt: skip
def service_rate(t):
    """Eight, whoever they come from; each from a source of its own."""
    net = "10.{}.0.1" if t.family == 4 else "2001:db8:{}::1"
    results = yield [syn_from(t, "dnat", net.format(i), 1000) for i in range(50, 60)]
    equal(verdicts(results[:8]), ["forward"] * 8, "the first eight")
    for r in results[8:]:
        ended(r, "drop", "service-rate")
    results = yield [
        syn_from(t, "dnat", net.format(50), 1000, "A"),
        syn_from(t, "dnat", net.format(70), 1000, at_s=0.1),
        syn_from(t, "dnat", net.format(71), 1000, at_s=1.2),
    ]
    equal(verdicts(results), ["forward", "drop", "forward"], "open, early, later")
