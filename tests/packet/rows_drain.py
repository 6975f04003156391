# SPDX-License-Identifier: BSD-3-Clause
"""What becomes of flows while their endpoint goes away: state that changes under way.

Backend 11 is alone until CHANGE_S, when it terminates or is gone, and 12 is there; GONE_S is when it is gone
in any case, BACK_S when one Service has it again. Each Service says something else about its flows.
"""

from bed import Bench, Step, row
from packets import SERVICE_PORT, ended, endpoints, equal, l4_of, network, same, summed_again
from rows_select import FAMILIES, MODES, address_of, connect, host_of, objects
from scapy.layers.inet import TCP
from scapy.layers.l2 import Ether

CHANGE_S = 10
GONE_S = 40
BACK_S = 42
# Annotations of a Service; whether 11 is gone at CHANGE_S or terminates.
KINDS = {
    "plain": ({}, False),
    "deadline": ({"drain_deadline": "10s"}, False),
    "reset": ({"removed_tcp": "reset"}, True),
    "timeout": ({"removed_tcp": "5s"}, True),
}
AFFINITY = {"sessionAffinity": "ClientIP"}
TERMINATING = {"ready": False, "serving": True, "terminating": True}


def with_endpoints(items, states):
    """The objects with other endpoints: {host: conditions}."""
    for item in items:
        if item["kind"] == "EndpointSlice":
            item["endpoints"] = [
                {**e, "conditions": states[host]}
                for e in item["endpoints"]
                for host in states
                if e["addresses"][0].endswith(host)
            ]
        yield item


# Who is there of Services with affinity: at first and after each change.
AFFINE = {
    "affine": [["11", "12", "13"], ["11", "12"], ["12", "13"], ["12", "13"]],
    "again": [["11"], ["11"], ["12"], ["11", "12"]],
}


def state_at(change):
    """change: 0 the beginning, 1 at CHANGE_S, 2 at GONE_S, 3 at BACK_S."""
    ready = {"ready": True}
    for mode in MODES:
        for kind, (annotations, gone) in KINDS.items():
            states = {"12": ready}
            if change == 0:
                states = {"11": ready}
            elif change == 1 and not gone:
                states["11"] = TERMINATING
            yield from with_endpoints(objects(f"drain-{kind}-{mode}", mode, **annotations), states)
        for kind, hosts in AFFINE.items():
            yield from with_endpoints(
                objects(f"drain-{kind}-{mode}", mode, AFFINITY, selection="round-robin"),
                {h: ready for h in hosts[change]},
            )


Bench.OBJECTS["drain"] = list(state_at(0))
Bench.THEN["drain"] = [(CHANGE_S, list(state_at(1))), (GONE_S, list(state_at(2))), (BACK_S, list(state_at(3)))]

AXES = {"bench": "drain", "mode": MODES, "family": FAMILIES}


class Connection:
    """One flow of the row's client with a Service, as its frames have it."""

    def __init__(self, t, kind, number):
        self.t, self.service, self.number = t, f"drain-{kind}-{t.mode}", number

    def from_client(self, at_s, flags="A"):
        return Step("lan", connect(self.t, self.service, self.number, flags), at_s)

    def from_endpoint(self, at_s, flags="A"):
        t, out = self.t, self.out
        l4 = t.l4(t.proto, flags=flags) if t.proto == "tcp" else t.l4(t.proto)
        l4.sport, l4.dport = l4_of(out).dport, l4_of(out).sport
        emac = endpoints("pods", t.family)[network(out).dst]
        return Step("pods", t.frame("pods", emac, network(out).dst, network(out).src, l4), at_s)

    def establish(self, at_s):
        first = yield self.from_client(at_s, "S")
        ended(first, "forward")
        self.out = Ether(first.frames[0][1])
        ended((yield self.from_endpoint(at_s, "SA")), "forward")
        ended((yield self.from_client(at_s)), "forward")
        return host_of(first)

    def goes_on(self, at_s, host):
        result = yield self.from_client(at_s)
        ended(result, "forward")
        equal(host_of(result), host, "endpoint")
        ended((yield self.from_endpoint(at_s)), "forward")

    def reset_frame(self, to_client, flags, seq, ack):
        """The reset that one side gets."""
        t, out = self.t, self.out
        l4 = TCP(flags=flags, seq=seq, ack=ack, window=0)
        if to_client:
            l4.sport, l4.dport = SERVICE_PORT["tcp"], 10000 + self.number
            src, dst, port, dmac = address_of(self.service, t.family), t.client, "lan", t.cmac
        else:
            l4.sport, l4.dport = l4_of(out).sport, l4_of(out).dport
            src, dst, port, dmac = network(out).src, network(out).dst, "pods", out.dst
        return port, t.answer(port, dmac, src, dst, l4)

    def is_reset(self, result, from_client):
        """Both sides were told, by numbers of the packet: the sender's acknowledgement and its own."""
        equal((result.verdict, result.reason), ("reject", "drained"))
        seq, ack = 0x01020304, 0x05060708
        wanted = dict([self.reset_frame(from_client, "R", ack, 0), self.reset_frame(not from_client, "RA", seq, ack)])
        equal(sorted(p for p, _ in result.frames), ["lan", "pods"], "ports")
        for port, frame in result.frames:
            same(frame, summed_again(frame))
            same(frame, wanted[port])

    def was_asked(self, result):
        """A silent client gets a SYN, which it will answer with its numbers."""
        mine = [Ether(f) for p, f in result.own if p == "lan"]
        mine = [p for p in mine if l4_of(p).dport == 10000 + self.number and network(p).dst == self.t.client]
        equal(len(mine), 1, "questions")
        same(bytes(mine[0]), summed_again(bytes(mine[0])))
        same(bytes(mine[0]), self.reset_frame(True, "S", 0, 0)[1])


def others_go_to(t, kind, at_s, host):
    result = yield Connection(t, kind, 200).from_client(at_s, "S")
    ended(result, "forward")
    equal(host_of(result), host, "endpoint of a new flow")


@row("tcp over {family} by {mode}: a terminating endpoint keeps its flows, also when it is gone", **AXES)
def kept(t):
    c = Connection(t, "plain", 1)
    host = yield from c.establish(1)
    yield from c.goes_on(12, host)
    yield from others_go_to(t, "plain", 13, "12")
    yield from c.goes_on(45, host)


@row("tcp over {family} by {mode}: at the deadline a silent client is asked, and both sides reset", **AXES)
def deadline(t):
    c = Connection(t, "deadline", 2)
    host = yield from c.establish(1)
    yield from c.goes_on(12, host)
    answer = yield c.from_client(23)
    c.was_asked(answer)
    c.is_reset(answer, True)
    c.is_reset((yield c.from_endpoint(24)), False)
    # Whatever was on its way; then the port is used again.
    c.is_reset((yield c.from_client(25)), True)
    again = yield c.from_client(26, "S")
    ended(again, "forward")
    equal(host_of(again), "12", "endpoint")


@row("tcp over {family} by {mode}: after the deadline a reset of one side reaches the other", **AXES)
def passes(t):
    c = Connection(t, "deadline", 3)
    yield from c.establish(1)
    result = yield c.from_client(23, "R")
    ended(result, "forward")
    equal(host_of(result), "11", "endpoint")


@row("tcp over {family} by {mode}: flows of a removed endpoint are reset {when}", when=("at once", "after a time"), **AXES)  # fmt: skip
def removed(t):
    kind = "reset" if t.when == "at once" else "timeout"
    c = Connection(t, kind, 4)
    host = yield from c.establish(1)
    if kind == "timeout":
        yield from c.goes_on(12, host)
    c.is_reset((yield c.from_endpoint(17)), False)
    yield from others_go_to(t, kind, 18, "12")


@row("udp over {family} by {mode}: {kind}: a flow moves when its endpoint's time is over", kind=tuple(KINDS), **AXES)  # fmt: skip
def udp(t):
    t.proto = "udp"
    c = Connection(t, t.kind, 5)
    # What is gone, is gone for UDP at once, whatever is said of TCP.
    moves_s = {"plain": GONE_S, "deadline": CHANGE_S + 10}.get(t.kind, CHANGE_S)
    for at_s in (1, 9, 12, 19, 22, 39, 45):
        result = yield c.from_client(at_s)
        ended(result, "forward")
        equal(host_of(result), "11" if at_s < moves_s else "12", f"endpoint at {at_s} s")


@row("tcp over {family} by {mode}: affinity stays while others go, and moves when its endpoint does",
     any_endpoint=True, **AXES)  # fmt: skip
def affine(t):
    times = (1, 9, 12, 13, 39, 41, 42, 60)
    results = yield [
        Connection(t, "affine", i).from_client(at_s, "S") for i, at_s in enumerate(times)
    ]
    for result in results:
        ended(result, "forward")
    hosts = [host_of(r) for r in results]
    there = [["11", "12", "13"]] * 2 + [["11", "12"]] * 3 + [["12", "13"]] * 3
    for i, host in enumerate(hosts):
        assert host in there[i], f"{host} is not there"
        if i > 0 and hosts[i - 1] in there[i]:
            equal(host, hosts[i - 1], f"endpoint {i}")


@row("tcp over {family} by {mode}: a port that is used again goes where affinity leads", **AXES)
def used_again(t):
    yield from others_go_to(t, "again", 1, "11")  # from which on the changes are counted
    old, new = Connection(t, "again", 6), Connection(t, "again", 7)
    equal((yield from old.establish(GONE_S - 1)), "11", "endpoint")
    ended((yield old.from_client(GONE_S - 1, "FA")), "forward")
    ended((yield old.from_endpoint(GONE_S - 1, "FA")), "forward")
    equal((yield from new.establish(GONE_S + 1)), "12", "endpoint")
    # So that the flow to 11 is not forgotten when 11 is there again.
    late = yield old.from_client(GONE_S + 1)
    ended(late, "forward")
    equal(host_of(late), "11", "endpoint of what ended")
    again = yield old.from_client(BACK_S + 1, "S")
    ended(again, "forward")
    equal(host_of(again), "12", "endpoint of the port's second connection")


@row("tcp over {family} by {mode}: a SYN that comes again when its endpoint {leaves} goes there if that has accepted",
     leaves=("terminates", "is gone"), **AXES)  # fmt: skip
def accepted(t):
    kind = "plain" if t.leaves == "terminates" else "timeout"
    yield from others_go_to(t, kind, 1, "11")  # from which on the changes are counted
    c, silent = Connection(t, kind, 6), Connection(t, kind, 7)
    for one in (c, silent):
        first = yield one.from_client(CHANGE_S - 1, "S")
        ended(first, "forward")
        one.out = Ether(first.frames[0][1])
        one.host = host_of(first)
    ended((yield c.from_endpoint(CHANGE_S - 1, "SA")), "forward")
    again = yield c.from_client(CHANGE_S + 1, "S")
    ended(again, "forward")
    equal(host_of(again), c.host, "endpoint that has accepted")
    ended((yield c.from_endpoint(CHANGE_S + 1, "SA")), "forward")
    again = yield silent.from_client(CHANGE_S + 1, "S")
    ended(again, "forward")
    equal(host_of(again), "12", "endpoint of who was not answered")
    yield from c.goes_on(CHANGE_S + 2, c.host)
