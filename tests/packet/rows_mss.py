# SPDX-License-Identifier: BSD-3-Clause
"""TCP MSS options of SYNs, lowered by what a Service or a port says; scapy sums all again."""

from bed import Bench, Step, row
from packets import ended, endpoints, equal, l4_of, network, rewritten, sent
from rows_select import FAMILIES, MODES, PLACES, address_of, objects
from scapy.layers.inet import TCP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

BOTH = {"family": FAMILIES, "mode": MODES}
HEADERS = {4: 40, 6: 60}
# What Linux sends, MSS not first; and one at an odd place.
USUAL = [("SAckOK", b""), ("Timestamp", (7, 0)), ("NOP", None), ("WScale", 7)]


def behind(hosts, slices):
    """The same Service with its endpoints behind another port."""
    for o in slices:
        if o["kind"] == "EndpointSlice":
            o["endpoints"] = [{"addresses": [a]} for a in endpoints(hosts, 4 if o["addressType"] == "IPv4" else 6)]
        yield o


def all_objects():
    for mode in MODES:
        yield from objects(f"mss-{mode}", mode, tcp_mss="1400")
        yield from objects(f"mss-off-{mode}", mode)
        yield from behind("narrow", objects(f"mss-auto-{mode}", mode, tcp_mss="auto"))
        yield from behind("tagged", objects(f"mss-port-{mode}", mode))


Bench.OBJECTS["mss"] = list(all_objects())
Bench.TIMEOUTS["mss"] = "{}"
# Half of what may be half open is pressure already, so that dnat goes without flows.
Bench.OBJECTS["mss-stateless"] = list(objects("mss-dnat", "dnat", tcp_mss="1400"))
Bench.TIMEOUTS["mss-stateless"] = "{}"
Bench.FLOWS["mss-stateless"] = "ipv4: 64, ipv6: 64, half-open-share: 50, pressure: 20"
for _name in ("mss", "mss-stateless"):
    Bench.TCP_MSS[_name] = "1300"
assert all(n < 150 for n in PLACES.values())


def options(mss, others=USUAL):
    return [*others, ("MSS", mss)]


def ask(t, service, l4, port="lan"):
    l4.sport, l4.dport = t.cport, 80
    return t.frame(port, t.cmac, t.client, address_of(service, t.family), l4)


def handshake(t, service, egress, most, syn=None, answer=None):
    """A SYN and its answer, each as wanted but for the MSS option, which is `most`."""
    hosts = endpoints(egress, t.family)
    for flags, mss in (("S", syn or 8960), ("SA", answer or 8960)):
        for others in (USUAL, [("NOP", None)]):
            l4 = TCP(flags=flags, seq=5, ack=6 if "A" in flags else 0, options=options(mss, others))
            lowered = TCP(flags=flags, seq=5, ack=6 if "A" in flags else 0, options=options(min(mss, most), others))
            if flags == "S":
                result = yield Step("lan", ask(t, service, l4))
                ended(result, "forward")
                out = Ether(result.frames[0][1])
                seen, endpoint = network(out).src, network(out).dst
                sport, dport = l4_of(out).sport, l4_of(out).dport
                wanted = rewritten(ask(t, service, lowered), egress, hosts[endpoint], seen, endpoint, sport, dport)
                sent(result, "forward", "none", egress, wanted)
                continue
            frames = []
            for x in (l4, lowered):
                x.sport, x.dport = dport, sport
                frames.append(t.frame(egress, hosts[endpoint], endpoint, seen, x))
            result = yield Step(egress, frames[0])
            wanted = rewritten(frames[1], "lan", t.cmac, address_of(service, t.family), t.client, 80, t.cport)
            sent(result, "forward", "none", "lan", wanted)


@row("TCP over {family} by {mode}: both SYNs have at most the MSS that the Service says", bench="mss", **BOTH)
def of_service(t):
    yield from handshake(t, f"mss-{t.mode}", "pods", 1400)


@row("TCP over {family} by {mode}: an MSS is never raised", bench="mss", **BOTH)
def never_raised(t):
    yield from handshake(t, f"mss-{t.mode}", "pods", 1400, syn=536, answer=1399)


@row("TCP over {family} by {mode}: MSS auto is the smallest MTU less the headers", bench="mss", **BOTH)
def automatic(t):
    yield from handshake(t, f"mss-auto-{t.mode}", "narrow", 1280 - HEADERS[t.family])


@row("TCP over {family} by {mode}: both SYNs have at most the MSS that a port says", bench="mss", **BOTH)
def of_port(t):
    yield from handshake(t, f"mss-port-{t.mode}", "tagged", 1300)


@row("TCP over {family} by {mode}: without a word about it the MSS stays", bench="mss", **BOTH)
def stays(t):
    yield from handshake(t, f"mss-off-{t.mode}", "pods", 65535)


@row("TCP over {family} by {mode}: a SYN without MSS gets none, one with broken options stays", bench="mss", **BOTH)
def others_stay(t):
    mss = bytes.fromhex("02042300")
    for broken in (None, "0000", "fd01", "fd09"):
        broken = (bytes.fromhex(broken) + mss).ljust(8, b"\1") if broken else b""
        frame = ask(t, f"mss-{t.mode}", TCP(flags="S", dataofs=5 + len(broken) // 4) / Raw(broken))
        result = yield Step("lan", frame)
        equal(result.verdict, "forward")
        # As bytes: scapy would put them right.
        equal(result.frames[0][1][len(frame) - len(broken) :], broken, "options")


@row("TCP over {family} by dnat: without a flow, too, the MSS is lowered", bench="mss-stateless",
     only_one_worker=True, family=FAMILIES)  # fmt: skip
def stateless(t):
    # Pressure comes by what is there, so 32 open first, and two rounds later nothing gets a record.
    frames = []
    for port in range(1000, 1032):
        l4 = TCP(flags="S", sport=port, dport=80)
        frames.append(t.frame("lan", t.cmac, t.client, address_of("mss-dnat", t.family), l4))
    yield [Step("lan", f) for f in frames]
    hosts = endpoints("pods", t.family)
    vip = address_of("mss-dnat", t.family)
    for number in range(2):
        t.cport = 2000 + number
        result = yield Step("lan", ask(t, "mss-dnat", TCP(flags="S", options=options(8960))))
        ended(result, "forward")
        endpoint = network(Ether(result.frames[0][1])).dst
        lowered = ask(t, "mss-dnat", TCP(flags="S", options=options(1400)))
        sent(result, "forward", "none", "pods",
             rewritten(lowered, "pods", hosts[endpoint], t.client, endpoint, t.cport, 8080))  # fmt: skip
        replies = [
            t.frame("pods", hosts[endpoint], endpoint, t.client,
                    TCP(sport=8080, dport=t.cport, flags="SA", ack=1, options=options(mss)))
            for mss in (8960, 1400)
        ]  # fmt: skip
        result = yield Step("pods", replies[0])
        sent(result, "forward", "none", "lan", rewritten(replies[1], "lan", t.cmac, vip, t.client, 80, t.cport))
