# SPDX-License-Identifier: BSD-3-Clause
"""`dnat`: an endpoint speaks first, in a connection that no record is of. Who its client may be is asked."""

from scapy.layers.l2 import Ether

from bed import Bench, Step, row
from packets import (
    MAC,
    SERVICE_PORT,
    TARGET_PORT,
    ended,
    endpoints,
    equal,
    joined,
    l4_of,
    network,
    rewritten,
    same,
    vip,
)

FAMILY = {"family": (4, 6)}
# Who is known to be a router, and what was asked, is the bench's: each row has one of its own.
for _what in ("tcp", "sctp", "not", "left", "refused"):
    for _family in (4, 6):
        Bench.TIMEOUTS[f"ask-{_what}-IPv{_family}"] = "{}"

# What one endpoint serves: (name, protocol, target port, what the Service says). The hash leads to it from everywhere.
ALONE = [
    ("asked", "TCP", 8000, {"mode": "dnat"}, {}),
    ("hidden", "TCP", 8001, {"mode": "snat"}, {}),
    ("affine", "TCP", 8002, {"mode": "dnat"}, {"sessionAffinity": "ClientIP"}),
    ("chance", "TCP", 8003, {"mode": "dnat", "selection": "random"}, {}),
    ("ranged", "TCP", 8004, {"mode": "dnat", "port-ranges": "p=9000-9010"}, {}),
    ("proxied", "TCP", 8005, {"mode": "dnat", "syn-proxy": "always"}, {}),
    ("datagrams", "UDP", 8006, {"mode": "dnat"}, {}),
    ("others", "TCP", 8007, {"mode": "dnat"}, {"loadBalancerSourceRanges": ["198.51.100.0/24", "2001:db8:aa::/64"]}),
]


def objects():
    for n, (name, proto, target, said, more) in enumerate(ALONE):
        yield {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "annotations": {f"forebay.io/{k}": v for k, v in said.items()}},
            "spec": {
                "type": "LoadBalancer",
                "ipFamilyPolicy": "RequireDualStack",
                "ipFamilies": ["IPv4", "IPv6"],
                "allocateLoadBalancerNodePorts": False,
                "ports": [{"name": "p", "protocol": proto, "port": 80}],
                **more,
            },
            "status": {"loadBalancer": {"ingress": [{"ip": f"192.0.2.{100 + n}"}, {"ip": f"2001:db8:f::{100 + n}"}]}},
        }
        for family in (4, 6):
            yield {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {"name": f"{name}-{family}", "labels": {"kubernetes.io/service-name": name}},
                "addressType": f"IPv{family}",
                "ports": [{"name": "p", "protocol": proto, "port": target}],
                "endpoints": [{"addresses": ["10.1.0.11" if family == 4 else "fd00:1::11"]}],
            }


for _what in ("not", "left"):
    for _family in (4, 6):
        Bench.OBJECTS[f"ask-{_what}-IPv{_family}"] = list(objects())


def spoken(t, address, target, port, l4=None, proto="tcp", flags="A", **fields):
    """What an endpoint says to a port of the row's client."""
    l4 = l4 or t.l4(proto, flags=flags)
    l4.sport, l4.dport = target, port
    mac = endpoints("pods", t.family)[address]
    return t.frame("pods", mac, address, t.client, joined(l4, b"what is new"), **fields)


def frontends(t, frame, result, port):
    """From which addresses it went to the client, each once and well-formed. @return [(address, port)]"""
    equal((result.verdict, result.reason, result.endpoint), ("forward", "none", None))
    found = []
    for egress, out in result.frames:
        seen = (network(Ether(out)).src, l4_of(Ether(out)).sport)
        equal(egress, "lan", "egress")
        same(out, rewritten(frame, "lan", t.cmac, seen[0], t.client, seen[1], port))
        found.append(seen)
    equal(len(set(found)), len(found), "number of addresses that it came from")
    return found


@row("{proto} over {family} by dnat: an endpoint that speaks first reaches its client by all that it may have asked",
     bench="ask-{proto}-{family}", only_one_worker=True, proto=("tcp", "sctp"), **FAMILY)  # fmt: skip
def asked(t):
    t.mode, target, port = "dnat", TARGET_PORT[t.proto], 2000
    hosts = list(endpoints("pods", t.family))
    frames = {h: spoken(t, h, target, port, proto=t.proto) for h in hosts}
    result = yield Step("pods", frames[hosts[0]])
    ended(result, "punt")  # as long as nobody is known to lead to clients
    yield from t.establish()
    results = yield [Step("pods", f) for f in frames.values()]
    # The hash leads this client to one endpoint by each frontend.
    by_host = {h: frontends(t, frames[h], r, port) for h, r in zip(hosts, results) if r.verdict == "forward"}
    found = {f: h for h, ours in by_host.items() for f in ours}
    equal(len(found), sum(len(ours) for ours in by_host.values()), "number of frontends")
    wanted = {4: ("192.0.2.20", "192.0.2.21", "10.96.0.20"),
              6: ("2001:db8:f::20", "2001:db8:f::21", "fd00:96::14")}[t.family]  # fmt: skip
    own = SERVICE_PORT[t.proto]
    equal({f for f in found if f[1] == own} >= {(a, own) for a in wanted[:2]}, True, f"both of {found}")
    equal({f[1] for f in found} <= {own, 30081}, True, "ports")
    # The client answers who it asked: that makes the flow, and its endpoint is known.
    l4 = t.l4(t.proto, flags="A")
    l4.sport = port
    result = yield Step("lan", t.packet(l4=l4))
    ended(result, "forward")
    chosen = found[(vip("dnat", t.family), own)]
    equal(network(Ether(result.frames[0][1])).dst, chosen, "the endpoint")
    result = yield Step("pods", frames[chosen])
    equal(result.endpoint is not None, True, "a record")
    equal(len(result.frames), 1, "number of frames sent")
    equal(network(Ether(result.frames[0][1])).src, vip("dnat", t.family), "who answers")


@row("{family}: who is not asked by the hash alone, begins something or ends it is not led to clients",
     bench="ask-not-{family}", only_one_worker=True, **FAMILY)  # fmt: skip
def not_asked(t):
    address = "10.1.0.11" if t.family == 4 else "fd00:1::11"
    base = "192.0.2.1" if t.family == 4 else "2001:db8:f::1"
    l4 = t.l4(flags="S", sport=1000)
    result = yield Step("lan", t.packet("dnat", l4=l4, to=f"{base}00"))
    ended(result, "forward")
    frame = spoken(t, address, 8000, 2000)
    result = yield Step("pods", frame)
    equal((f"{base}00", 80) in frontends(t, frame, result, 2000), True, "the address that clients ask")
    # Source ranges are the load balancer address' alone.
    frame = spoken(t, address, 8007, 2000)
    result = yield Step("pods", frame)
    equal((f"{base}07", 80) in frontends(t, frame, result, 2000), False, "an address that it may not ask")
    frames = [spoken(t, address, target, 2001, proto=proto.lower())
              for name, proto, target, *_ in ALONE if name not in ("asked", "others")]  # fmt: skip
    frames += [spoken(t, address, 8000, 2002 + n, flags=f) for n, f in enumerate(("S", "SA", "R", "RA"))]
    frames.append(spoken(t, address, 8000, 2010, **t.ttl(1)))
    frames.append(spoken(t, "10.1.0.12" if t.family == 4 else "fd00:1::12", 8000, 2011))
    frames.append(spoken(t, address, 8080, 2012))
    results = yield [Step("pods", f) for f in frames]
    for result in results:
        ended(result, "punt")
    frame = bytearray(spoken(t, address, 8000, 2013))
    frame[:6] = bytes.fromhex(MAC["lan"].replace(":", ""))
    result = yield Step("lan", bytes(frame))
    ended(result, "punt")  # in an endpoint's name, from elsewhere


@row("{family}: an endpoint whose client does not answer is left to the kernel; from the start if it began by here",
     bench="ask-left-{family}", only_one_worker=True, **FAMILY)  # fmt: skip
def left(t):
    address = "10.1.0.11" if t.family == 4 else "fd00:1::11"
    to = "192.0.2.100" if t.family == 4 else "2001:db8:f::100"
    yield Step("lan", t.packet("dnat", l4=t.l4(flags="S", sport=1000), to=to), 0)
    frame = spoken(t, address, 8000, 2000)
    results = yield [Step("pods", frame, 0.001 + n / 10) for n in range(15)]
    equal([r.verdict for r in results], ["forward"] * 10 + ["punt"] * 5)
    results = yield [Step("pods", frame, 800), Step("pods", frame, 1800)]
    equal([r.verdict for r in results], ["punt", "forward"], "much later")
    results = yield [Step("pods", spoken(t, address, 8000, 2001, flags=f), 1801) for f in ("SA", "A", "A")]
    equal([r.verdict for r in results], ["punt"] * 3, "of a connection that nobody here has")
    slow = spoken(t, address, 8000, 2002)
    results = yield [Step("pods", slow, 1802 + n * 2) for n in range(10)]
    equal([r.verdict for r in results], ["forward"] * 8 + ["punt"] * 2, "one every two seconds")
    results = yield [Step("pods", spoken(t, address, 8000, 2003), 1830) for _ in range(66)]
    equal([r.verdict for r in results], ["forward"] * 64 + ["punt"] * 2, "many at once")


@row("{family}: what a client refuses goes no further, and what it takes makes a flow with its own last hop",
     bench="ask-refused-{family}", only_one_worker=True, **FAMILY)  # fmt: skip
def refused(t):
    t.mode = "dnat"
    flow = yield from t.open()
    frame = spoken(t, flow.endpoint, 8080, 2000)
    result = yield Step("pods", frame)
    if result.verdict == "forward":
        for address, port in frontends(t, frame, result, 2000):
            l4 = t.l4(flags="R", sport=2000, dport=port)
            refusal = yield Step("lan", t.packet(l4=l4, to=address))
            ended(refusal, "drop", "no-flow")
    l4 = t.l4(flags="A", sport=2000)
    answer = bytearray(t.packet(l4=l4))
    answer[6:12] = bytes.fromhex("0200000000cc")
    result = yield Step("lan", bytes(answer))
    ended(result, "forward")
    chosen = network(Ether(result.frames[0][1])).dst
    frame = spoken(t, chosen, 8080, 2000)
    result = yield Step("pods", frame)
    ended(result, "forward")
    same(result.frames[0][1],
         rewritten(frame, "lan", "02:00:00:00:00:cc", vip("dnat", t.family), t.client, 80, 2000))  # fmt: skip

