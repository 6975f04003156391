# SPDX-License-Identifier: BSD-3-Clause
"""Connections that are accepted by a cookie before their endpoint is asked, and their numbers from then on."""

from bed import Bench, Step, row
from packets import ADDRESS, MAC, ended, endpoints, equal, l3_bytes, l4_of, network, same, summed_again
from rows_drain import with_endpoints
from rows_select import FAMILIES, MODES, PLACES, address_of, objects
from scapy.layers.inet import TCP
from scapy.layers.l2 import Ether

BOTH = {"family": FAMILIES, "mode": MODES}
CLIENT_ISN, ENDPOINT_ISN = 0xFFFFFFF0, 0x20000000
CLIENT_TS, ENDPOINT_TS = 1000, 0xFFFFFF00
MSS = {4: 1460, 6: 1440}
MASK = 0xFFFFFFFF
SYN_TS = (CLIENT_TS + 5) & ~31  # what an endpoint is told of it
FULL = [("MSS", 1400), ("SAckOK", b""), ("Timestamp", (CLIENT_TS, 0)), ("NOP", None), ("WScale", 8)]

for _mode in MODES:
    Bench.OBJECTS.setdefault("proxy", []).extend(objects(f"proxy-{_mode}", _mode, syn_proxy="always"))
    Bench.OBJECTS["proxy"].extend(
        objects(f"proxy-mss-{_mode}", _mode, syn_proxy="always", tcp_mss="1300", syn_proxy_window_scale="2")
    )
    Bench.OBJECTS["proxy"].extend(objects(f"proxy-plain-{_mode}", _mode, syn_proxy="always"))
    for _item in objects(f"proxy-lost-{_mode}", _mode, syn_proxy="always"):
        if _item["kind"] == "EndpointSlice":
            _item["endpoints"] = [{"addresses": ["10.1.0.99" if _item["addressType"] == "IPv4" else "fd00:1::99"]}]
        Bench.OBJECTS["proxy"].append(_item)
    # Eight of 16 are pressure.
    Bench.OBJECTS.setdefault(f"proxy-auto-{_mode}", []).extend(objects(f"proxy-auto-{_mode}", _mode, syn_proxy="auto"))
    Bench.TIMEOUTS[f"proxy-auto-{_mode}"] = "{tcp-opening: 2s}"
    Bench.FLOWS[f"proxy-auto-{_mode}"] = "ipv4: 64, ipv6: 64, pressure: 50"
Bench.TIMEOUTS["proxy"] = "{}"
assert all(n < 150 for n in PLACES.values())


def segment(flags, seq, ack=0, window=1000, options=(), payload=b""):
    return TCP(flags=flags, seq=seq & MASK, ack=ack & MASK, window=window, options=list(options)), payload


def options_of(l4):
    return [(k, v) for k, v in l4.options if k != "NOP"]


class Talk:
    """One connection through the proxy, as both sides see it."""

    def __init__(self, t, service=None):
        self.t, self.service = t, service or f"proxy-{t.mode}"
        self.vip = address_of(self.service, t.family)
        self.isn, self.tsval = CLIENT_ISN, 0

    def client(self, flags, seq, ack=0, **kw):
        l4, payload = segment(flags, seq, ack, **kw)
        l4.sport, l4.dport = self.t.cport, 80
        return self.t.frame("lan", self.t.cmac, self.t.client, self.vip, l4 / payload)

    def endpoint(self, flags, seq, ack=0, **kw):
        l4, payload = segment(flags, seq, ack, **kw)
        l4.sport, l4.dport = self.dport, self.sport
        mac = endpoints("pods", self.t.family)[self.where]
        return self.t.frame("pods", mac, self.where, self.seen, l4 / payload)

    def syn(self, options=FULL, isn=CLIENT_ISN, at_s=None):
        """@return the SYN+ACK, which has to be what the SYN allows"""
        result = yield Step("lan", self.client("S", isn, options=options), at_s)
        ended(result, "answer")
        port, frame = result.frames[0]
        frame = Ether(frame)
        equal((port, frame.dst, frame.src), ("lan", self.t.cmac, MAC["lan"]), "back")
        equal((network(frame).src, network(frame).dst), (self.vip, self.t.client), "addresses")
        l4 = l4_of(frame)
        equal((l4.sport, l4.dport, str(l4.flags)), (80, self.t.cport, "SA"), "SYN+ACK")
        equal((l4.ack, l4.window), ((isn + 1) & MASK, 0), "ack and window")
        self.isn, self.cookie = isn, l4.seq
        self.tsval = dict(l4.options).get("Timestamp", (0, 0))[0]
        return l4

    def ack(self, **kw):
        """The client's ACK with the cookie."""
        options = [("NOP", None), ("NOP", None), ("Timestamp", (CLIENT_TS + 5, self.tsval))] if self.tsval else []
        kw = {"seq": self.isn + 1, "ack": self.cookie + 1, "window": 400, "options": options, **kw}
        return self.client("A", **kw)

    def asked(self, result):
        """The endpoint was sent a SYN in the packet's place. @return it"""
        ended(result, "forward")
        port, frame = result.frames[0]
        frame = Ether(frame)
        l4 = l4_of(frame)
        self.where, self.seen = network(frame).dst, network(frame).src
        self.sport, self.dport = l4.sport, l4.dport
        equal(port, "pods")
        equal(frame.dst, endpoints("pods", self.t.family)[self.where], "next hop")
        wanted = self.t.client if self.t.mode == "dnat" else ADDRESS["pods"][self.t.family]
        equal((self.seen, self.dport), (wanted, 8080), "to the endpoint")
        equal((str(l4.flags), l4.seq, l4.ack), ("S", self.isn, 0), "SYN")
        return l4

    def accept(self, options, at_s=None):
        """The endpoint's SYN+ACK. @return what its client and it are sent: two segments"""
        frame = self.endpoint("SA", ENDPOINT_ISN, self.isn + 1, window=65000, options=options)
        result = yield Step("pods", frame, at_s)
        equal((result.verdict, result.reason), ("forward", "none"))
        frames = dict(result.frames)
        equal((sorted(frames), len(result.frames)), (["lan", "pods"], 2), "frames")
        for f in frames.values():
            same(f, summed_again(f))
        to_client, to_endpoint = Ether(frames["lan"]), Ether(frames["pods"])
        equal((network(to_client).src, network(to_client).dst), (self.vip, self.t.client), "to the client")
        equal((network(to_endpoint).src, network(to_endpoint).dst), (self.seen, self.where), "to the endpoint")
        a, b = l4_of(to_client), l4_of(to_endpoint)
        equal((a.sport, a.dport, str(a.flags)), (80, self.t.cport, "A"), "to the client")
        equal((a.seq, a.ack), ((self.cookie + 1) & MASK, (self.isn + 1) & MASK), "to the client")
        equal((b.sport, b.dport, str(b.flags)), (self.sport, self.dport, "A"), "to the endpoint")
        equal((b.seq, b.ack), ((self.isn + 1) & MASK, ENDPOINT_ISN + 1), "to the endpoint")
        return a, b

    def to_client(self, result):
        ended(result, "forward")
        port, frame = result.frames[0]
        equal(port, "lan")
        equal((network(Ether(frame)).src, network(Ether(frame)).dst), (self.vip, self.t.client))
        return l4_of(Ether(frame))

    def to_endpoint(self, result):
        ended(result, "forward")
        port, frame = result.frames[0]
        equal(port, "pods")
        equal((network(Ether(frame)).src, network(Ether(frame)).dst), (self.seen, self.where))
        return l4_of(Ether(frame))


ENDPOINT_FULL = [("MSS", 1420), ("SAckOK", b""), ("Timestamp", (ENDPOINT_TS, SYN_TS)), ("NOP", None)]


def open_full(t, scale=9, service=None):
    talk = Talk(t, service)
    yield from talk.syn()
    talk.asked((yield Step("lan", talk.ack())))
    talk.update, talk.first = yield from talk.accept(ENDPOINT_FULL + [("WScale", scale)])
    return talk


@row("SYN proxy over {family} by {mode}: a SYN is answered by a cookie with what it offered", bench="proxy", **BOTH)
def cookie(t):
    talk = Talk(t)
    answer = yield from talk.syn()
    said = dict(options_of(answer))
    # The MSS is the usual one, or what other rows' endpoints said last.
    assert said.pop("MSS") in (MSS[t.family], 1420), "MSS"
    equal(said.pop("Timestamp")[1], CLIENT_TS, "echo")
    equal(said, {"SAckOK": b"", "WScale": 7}, "options")
    again = yield from talk.syn()
    equal(again.seq, answer.seq, "the same cookie")
    other = yield from talk.syn(isn=77)
    assert other.seq != answer.seq, "another SYN, the same cookie"


@row("SYN proxy over {family} by {mode}: a cookie holds what fits where timestamps are missing", bench="proxy", **BOTH)
def cookie_plain(t):
    for options in ([], [("MSS", 536)], [("MSS", 1460), ("SAckOK", b""), ("WScale", 8)]):
        talk = Talk(t, f"proxy-plain-{t.mode}")
        answer = yield from talk.syn(options=options)
        equal(options_of(answer), [("MSS", MSS[t.family])], "options")
        syn = talk.asked((yield Step("lan", talk.ack())))
        wanted = dict(options).get("MSS", 536 if t.family == 4 else 1220)
        equal((options_of(syn), syn.window), ([("MSS", wanted)], 400), "SYN")
        t.cport += 10000


@row("SYN proxy over {family} by {mode}: the client's ACK becomes its SYN, whole", bench="proxy", **BOTH)
def asked(t):
    talk = Talk(t)
    yield from talk.syn()
    syn = talk.asked((yield Step("lan", talk.ack())))
    equal(dict(options_of(syn)),
          {"MSS": 1400, "SAckOK": b"", "Timestamp": (SYN_TS, 0), "WScale": 8})  # fmt: skip
    equal(syn.window, 65535, "400 << 8, as far as it fits")
    # The same when it comes again, and when the client probes the window (one behind, as Linux does).
    talk.asked((yield Step("lan", talk.ack())))
    talk.asked((yield Step("lan", talk.ack(seq=CLIENT_ISN))))
    # Data of a client that does not know what a window of 0 is comes again later.
    talk.asked((yield Step("lan", talk.ack(payload=b"early"))))
    result = yield Step("lan", talk.ack(seq=CLIENT_ISN + 6, payload=b"more"))
    ended(result, "drop", "syn-proxy")


def again(talk, result):
    """What the box has sent this client's endpoint by itself."""
    mine = [Ether(f) for p, f in result.own if p == "pods"]
    mine = [f for f in mine if (network(f).src, network(f).dst) == (talk.seen, talk.where)]
    return [l4_of(f) for f in mine if l4_of(f).sport == talk.sport]


@row("SYN proxy over {family} by {mode}: who does not answer is asked again after 1, 3 and 7 s, with {what}",
     bench="proxy", what=("all options", "the MSS alone"), **BOTH)  # fmt: skip
def asked_again(t):
    full = t.what == "all options"
    talk = Talk(t)
    yield from talk.syn(options=FULL if full else FULL[:1], at_s=1)
    first = talk.asked((yield Step("lan", talk.ack(), 2)))
    for at_s, n in ((2.9, 0), (4.5, 1), (4.9, 1), (6.5, 2), (8.9, 2), (10.5, 3)):
        # Something has to come for time to go on; it is another's.
        t.cport += 500
        result = yield Step("lan", Talk(t).client("A", 1, 1), at_s)
        t.cport -= 500
        syns = again(talk, result)
        equal(len(syns), n, f"SYNs at {at_s} s")
        for syn in syns:
            equal((str(syn.flags), syn.seq, syn.ack), ("S", talk.isn, 0), "SYN again")
            equal(options_of(syn), options_of(first), "options")
            equal(syn.window, 14600, "window")
    # After a packet of the client's all begins anew.
    talk.asked((yield Step("lan", talk.ack(), 11)))
    result = yield Step("lan", talk.client("A", CLIENT_ISN + 1, talk.cookie + 1, payload=b"early"), 13.5)
    equal(len(again(talk, result)), 4, "SYNs at 13.5 s")
    yield from talk.accept(ENDPOINT_FULL if full else ENDPOINT_FULL[:1], 14)
    result = yield Step("lan", talk.client("A", CLIENT_ISN + 1, talk.cookie + 1), 29)
    equal(str(talk.to_endpoint(result).flags), "A", "after it has accepted")
    equal(len(again(talk, result)), 4, "SYNs after it has accepted")


@row("SYN proxy over {family} by {mode}: a client that was let in waits for the MAC address of its endpoint", bench="proxy", **BOTH)
def unresolved(t):
    talk = Talk(t, f"proxy-lost-{t.mode}")
    yield from talk.syn()
    ended((yield Step("lan", talk.ack())), "drop", "next-hop-unresolved")
    # There is a flow: what belongs to none would be reset.
    result = yield Step("lan", talk.client("A", CLIENT_ISN + 1, talk.cookie + 2))
    ended(result, "drop", "next-hop-unresolved")


@row("SYN proxy over {family} by {mode}: an endpoint that accepts is acknowledged, its client may send", bench="proxy", **BOTH)
def accepted(t):
    talk = yield from open_full(t)
    equal(talk.update.window, 65000 >> 7, "the client's window, in the scale that it was told")
    equal(talk.first.window, 14600 >> 8, "the endpoint's window, in the client's scale")
    echo = dict(talk.first.options)["Timestamp"]
    equal(echo, (SYN_TS, ENDPOINT_TS), "timestamps to the endpoint")
    shown, back = dict(talk.update.options)["Timestamp"]
    equal(back, SYN_TS, "echo")
    assert (shown - talk.tsval) & MASK < 1 << 20, "time goes on"
    # It comes again: then its client acknowledges it.
    again = talk.endpoint("SA", ENDPOINT_ISN, talk.isn + 1, window=65000, options=ENDPOINT_FULL)
    l4 = talk.to_client((yield Step("pods", again)))
    equal((str(l4.flags), l4.seq, l4.window), ("SA", talk.cookie, 65000), "SYN+ACK again")


@row("SYN proxy over {family} by {mode}: every number of both sides is translated", bench="proxy", **BOTH)
def translated(t):
    talk = yield from open_full(t)
    step = (dict(talk.update.options)["Timestamp"][0] - ENDPOINT_TS) & MASK
    shift = (talk.cookie - ENDPOINT_ISN) & MASK
    for pad in ([("NOP", None), ("NOP", None)], [("NOP", None)]):
        data = talk.endpoint("PA", ENDPOINT_ISN + 1, CLIENT_ISN + 1, window=300, payload=b"odd",
                             options=pad + [("Timestamp", (ENDPOINT_TS + 7, CLIENT_TS + 6))])  # fmt: skip
        l4 = talk.to_client((yield Step("pods", data)))
        equal((l4.seq, l4.ack), ((talk.cookie + 1) & MASK, (CLIENT_ISN + 1) & MASK), "data")
        equal(dict(l4.options)["Timestamp"], ((ENDPOINT_TS + 7 + step) & MASK, CLIENT_TS + 6))
        equal(l4.window, 300 << 2, "9 is told as 7")
        blocks = tuple((talk.cookie + n) & MASK for n in (100, 200, 300, 0x80000000))
        seen = talk.client("A", CLIENT_ISN + 1, talk.cookie + 4, payload=b"", window=123,
                           options=pad + [("Timestamp", (CLIENT_TS + 8, (ENDPOINT_TS + 7 + step) & MASK)), *pad,
                                          ("SAck", blocks)])  # fmt: skip
        l4 = talk.to_endpoint((yield Step("lan", seen)))
        equal((l4.seq, l4.ack, l4.window), ((CLIENT_ISN + 1) & MASK, ENDPOINT_ISN + 4, 123), "ACK")
        equal(dict(l4.options)["Timestamp"], (CLIENT_TS + 8, (ENDPOINT_TS + 7) & MASK))
        equal(dict(l4.options)["SAck"], tuple((b - shift) & MASK for b in blocks))
    reset = talk.endpoint("R", ENDPOINT_ISN + 4)
    l4 = talk.to_client((yield Step("pods", reset)))
    equal((str(l4.flags), l4.seq, l4.ack), ("R", (talk.cookie + 4) & MASK, 0), "reset")
    # The port's next connection has to show itself, too.
    yield from talk.syn(isn=5)


@row("SYN proxy over {family} by {mode}: MSS and window scale are the Service's", bench="proxy", **BOTH)
def settings(t):
    talk = Talk(t, f"proxy-mss-{t.mode}")
    answer = yield from talk.syn()
    equal(dict(options_of(answer))["MSS"], 1300)
    equal(dict(options_of(answer))["WScale"], 2)
    syn = talk.asked((yield Step("lan", talk.ack())))
    equal(dict(options_of(syn))["MSS"], 1300)
    update, _ = yield from talk.accept(ENDPOINT_FULL + [("WScale", 0)])
    equal(update.window, 65000 >> 2)
    data = talk.endpoint("A", ENDPOINT_ISN + 1, CLIENT_ISN + 1, window=402)
    l4 = talk.to_client((yield Step("pods", data)))
    equal(l4.window, 402 >> 2, "0 is told as 2")


@row("SYN proxy over {family} by {mode}: an endpoint that refuses refuses its client", bench="proxy", **BOTH)
def refused(t):
    talk = Talk(t)
    yield from talk.syn()
    talk.asked((yield Step("lan", talk.ack())))
    l4 = talk.to_client((yield Step("pods", talk.endpoint("RA", 0, CLIENT_ISN + 1))))
    equal((str(l4.flags), l4.seq, l4.ack), ("RA", (talk.cookie + 1) & MASK, (CLIENT_ISN + 1) & MASK))
    yield from talk.syn()


@row("SYN proxy over {family} by {mode}: without a cookie nobody gets in", bench="proxy", **BOTH)
def wrong(t):
    talk = Talk(t)
    yield from talk.syn()
    for n in range(3):
        for ack in (talk.ack(ack=talk.cookie + 2 + n), talk.ack(seq=CLIENT_ISN + 2 + n),
                    talk.ack(ack=(talk.cookie + 1) ^ 1 << (31 - n))):  # fmt: skip
            result = yield Step("lan", ack)
            ended(result, "reject", "no-flow")
            l4 = l4_of(Ether(result.frames[0][1]))
            equal((str(l4.flags), l4.seq), ("R", l4_of(Ether(ack)).ack), "reset")
    port, t.cport = t.cport, t.cport + 1  # somebody else's
    ended((yield Step("lan", talk.ack())), "reject", "no-flow")
    t.cport = port
    talk.asked((yield Step("lan", talk.ack())))


@row("SYN proxy over {family} by {mode}: a cookie is good for a while", bench="proxy", **BOTH)
def old(t):
    talk = Talk(t)
    yield from talk.syn()
    result = yield Step("lan", talk.ack(), 129)
    ended(result, "reject", "no-flow")


@row("SYN proxy over {family} by {mode}: what is summed wrong is neither answered nor replaced", bench="proxy", **BOTH)
def summed(t):
    talk = Talk(t)
    frame = bytearray(talk.client("S", 1, options=FULL))
    frame[-1] ^= 1
    ended((yield Step("lan", frame)), "drop", "bad-tcp-checksum")
    yield from talk.syn()
    talk.asked((yield Step("lan", talk.ack())))
    for step in (("lan", talk.ack()), ("pods", talk.endpoint("SA", 5, CLIENT_ISN + 1, options=ENDPOINT_FULL))):
        frame = bytearray(step[1])
        frame[-1] ^= 1
        ended((yield Step(step[0], frame)), "drop", "bad-tcp-checksum")


@row("SYN proxy over {family} by {mode}: cookies come while half-open connections press", bench="proxy-auto-{mode}",
     only_one_worker=True, **BOTH)  # fmt: skip
def automatic(t):
    talk = Talk(t, f"proxy-auto-{t.mode}")
    talk.asked((yield Step("lan", talk.client("S", CLIENT_ISN))))
    base = t.cport
    frames = []
    for t.cport in range(base + 1, base + 9):
        frames.append(talk.client("S", 1))
    results = yield [Step("lan", f) for f in frames]
    equal([r.verdict for r in results], ["forward"] * 8)
    t.cport = base + 20
    yield from talk.syn()
    talk.asked((yield Step("lan", talk.ack())))
    # They have timed out, and the worker has been calm for a while.
    t.cport = base + 30
    yield Step("lan", talk.client("S", CLIENT_ISN), 6)
    t.cport = base + 31
    talk.asked((yield Step("lan", talk.client("S", CLIENT_ISN), 9)))


DRAIN_S = 10


def drained_objects(host):
    for mode in MODES:
        items = objects(f"proxy-drain-{mode}", mode, syn_proxy="always", removed_tcp="reset")
        yield from with_endpoints(items, {host: {"ready": True}})


Bench.OBJECTS["proxy-drain"] = list(drained_objects("11"))
Bench.THEN["proxy-drain"] = [(DRAIN_S, list(drained_objects("12")))]
Bench.TIMEOUTS["proxy-drain"] = "{}"


@row("SYN proxy over {family} by {mode}: flows of a removed endpoint are reset by each side's numbers",
     bench="proxy-drain", **BOTH)  # fmt: skip
def drained(t):
    talk = yield from open_full(t, service=f"proxy-drain-{t.mode}")
    data = talk.endpoint("A", ENDPOINT_ISN + 1, CLIENT_ISN + 1)
    result = yield Step("pods", data, DRAIN_S + 2)
    equal((result.verdict, result.reason), ("reject", "drained"))
    told = {port: l4_of(Ether(frame)) for port, frame in result.frames}
    equal((str(told["pods"].flags), told["pods"].seq), ("R", (CLIENT_ISN + 1) & MASK), "to the endpoint")
    equal((str(told["lan"].flags), told["lan"].seq), ("RA", (talk.cookie + 1) & MASK), "to the client")
    for _, frame in result.frames:
        same(frame, summed_again(frame))
    yield from talk.syn(isn=9, at_s=DRAIN_S + 3)


@row("SYN proxy over {family} by {mode}: an ICMP error quotes the endpoint's own number to it", bench="proxy", **BOTH)
def quoted(t):
    talk = yield from open_full(t, scale=7)
    asked = talk.endpoint("A", ENDPOINT_ISN + 1, CLIENT_ISN + 1, payload=bytes(600))
    result = yield Step("pods", asked)
    talk.to_client(result)
    head = 20 if t.family == 4 else 40
    for n in (head + 8, head + 20, 500):
        quote = l3_bytes(result.frames[0][1])[:n]
        error = t.frame("lan", t.cmac, t.client, talk.vip, t.error("too big", quote))
        told = yield Step("lan", error)
        ended(told, "forward")
        frame = told.frames[0][1]
        equal(told.frames[0][0], "pods")
        got = l3_bytes(frame)[head + 8 + head :]
        # As the endpoint sent it, its checksum too.
        equal(got[: n - head], l3_bytes(asked)[head:n], "quote")
