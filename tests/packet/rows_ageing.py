# SPDX-License-Identifier: BSD-3-Clause
"""What time does: flows that are forgotten, rates that are used up."""

from scapy.layers.inet import TCP, UDP

from bed import Step, row
from packets import ended, equal, vip

BOTH = {"family": (4, 6), "mode": ("snat", "dnat")}

# Timeouts of this bench: opening 2 s, established 60 s, closing 4 s, UDP new 2 s, UDP 5 s. A flow may
# outlive its timeout by the second that a round of ageing takes.


def alive(flow, result):
    equal(result.verdict, "forward", "the endpoint's packet")
    sent_to = result.frames[0][0]
    equal(sent_to, flow.ingress)


def forgotten(t, result, begun=True):
    """
    snat: the port leads to nobody, and the kernel refuses it. dnat: somebody's packet, routed; in the middle of a
    connection (begun) it is led to who may be its client (rows_ask.py), with no record.
    """
    if t.mode == "dnat" and t.proto != "udp" and begun:
        equal((result.verdict, result.endpoint), ("forward", None))
    else:
        ended(result, "punt")


@row("UDP over {family} by {mode}: an unanswered flow lives for udp-new", bench="short", **BOTH)
def udp_new(t):
    t.proto = "udp"
    flow = yield from t.open(at_s=0)
    result = yield Step("pods", flow.reply(), 1.5)
    alive(flow, result)


@row("UDP over {family} by {mode}: and is forgotten after it", bench="short", **BOTH)
def udp_new_gone(t):
    t.proto = "udp"
    flow = yield from t.open(at_s=0)
    result = yield Step("pods", flow.reply(), 4)
    forgotten(t, result, begun=False)


@row("UDP over {family} by {mode}: an answered flow lives for udp", bench="short", **BOTH)
def udp_answered(t):
    t.proto = "udp"
    flow = yield from t.establish(at_s=0)
    result = yield Step("pods", flow.reply(), 4.5)
    alive(flow, result)
    result = yield Step("pods", flow.reply(), 9)
    alive(flow, result)


@row("UDP over {family} by {mode}: and is forgotten after that", bench="short", **BOTH)
def udp_gone(t):
    t.proto = "udp"
    flow = yield from t.establish(at_s=0)
    result = yield Step("pods", flow.reply(), 7)
    forgotten(t, result)


@row("TCP over {family} by {mode}: an unanswered SYN is forgotten", bench="short", **BOTH)
def opening_gone(t):
    flow = yield from t.open(at_s=0)
    result = yield Step("pods", flow.reply(), 4)
    forgotten(t, result, begun=False)


@row("TCP over {family} by {mode}: an open connection may be idle", bench="short", **BOTH)
def established(t):
    flow = yield from t.establish(at_s=0)
    result = yield Step("pods", flow.reply(l4=t.l4(flags="A")), 55)
    alive(flow, result)


@row("TCP over {family} by {mode}: but not for ever", bench="short", **BOTH)
def established_gone(t):
    flow = yield from t.establish(at_s=0)
    result = yield Step("pods", flow.reply(l4=t.l4(flags="A")), 63)
    forgotten(t, result)


@row("TCP over {family} by {mode}: FIN from one side does not end it", bench="short", **BOTH)
def half_closed(t):
    flow = yield from t.establish(at_s=0)
    yield Step("lan", t.packet(l4=t.l4(flags="FA")), 0)
    result = yield Step("pods", flow.reply(l4=t.l4(flags="A")), 20)
    alive(flow, result)


@row("TCP over {family} by {mode}: FIN from both sides does, after tcp-closing", bench="short", **BOTH)
def closed(t):
    flow = yield from t.establish(at_s=0)
    yield Step("lan", t.packet(l4=t.l4(flags="FA")), 0)
    result = yield Step("pods", flow.reply(l4=t.l4(flags="FA")), 0)
    alive(flow, result)
    result = yield Step("lan", t.packet(l4=t.l4(flags="A")), 3)
    equal(result.verdict, "forward", "the last ACK")
    result = yield Step("pods", flow.reply(l4=t.l4(flags="FA")), 9)
    forgotten(t, result)


@row("TCP over {family} by {mode}: so does a reset", bench="short", **BOTH)
def reset(t):
    flow = yield from t.establish(at_s=0)
    yield Step("lan", t.packet(l4=t.l4(flags="R")), 0)
    result = yield Step("pods", flow.reply(l4=t.l4(flags="A")), 6)
    forgotten(t, result)


@row("{proto} over {family} by {mode}: the same tuple gets the same endpoint when it comes again",
     bench="short", proto=("tcp", "udp"), **BOTH)  # fmt: skip
def same_again(t):
    first = yield from t.open(at_s=0)
    result = yield Step("pods", first.reply(), 5)
    forgotten(t, result, begun=False)
    second = yield from t.open(at_s=6)
    equal(second.endpoint, first.endpoint)


# Rates: five a second and worker here, five at once.


@row("{family}: rejects above the rate are dropped, and a second later answered again",
     bench="limits", only_one_worker=True, family=(4,))  # fmt: skip
def reject_rate(t):
    frames = [Step("lan", t.packet("empty", l4=TCP(sport=p, flags="S")), 0) for p in range(900, 907)]
    results = yield frames
    for r in results[:5]:
        ended(r, "reject", "no-endpoints")
    for r in results[5:]:
        ended(r, "drop", "reject-rate-limited")
    result = yield Step("lan", t.packet("empty", l4=UDP(sport=950)), 1.5)
    ended(result, "reject", "no-endpoints")


@row("{family}: ping, time exceeded and too big share another rate",
     bench="limits", only_one_worker=True, family=(6,))  # fmt: skip
def icmp_rate(t):
    pings = [Step("lan", t.frame("lan", t.cmac, t.client, vip("snat", 6), t.echo(b"x")), 0)
             for _ in range(6)]  # fmt: skip
    results = yield pings
    for r in results[:5]:
        ended(r, "answer")
    ended(results[5], "drop", "icmp-rate-limited")
    old, large = yield [
        Step("lan", t.packet("snat", **t.ttl(1)), 0.05),
        Step("lan", t.packet("narrow-snat", payload=bytes(1300)), 0.05),
    ]
    ended(old, "drop", "ttl-exceeded")
    ended(large, "drop", "too-big")
    result = yield Step("lan", t.packet("snat", **t.ttl(1)), 1.5)
    ended(result, "answer", "ttl-exceeded")
