#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""At which addresses and ports a Service is served, to whom, and which of two that want the same has it.
Prints TAP.

usage: frontends_are_served.py FOREBAYCTL
"""

from rules import (
    BOX,
    NO_LOCAL,
    NOBODY,
    NOT_ALLOWED,
    REJECT,
    case,
    endpoint,
    main,
    service,
    slice_of,
)

A, B = "10.0.0.1", "10.0.0.2"
AT_A, AT_B = f"{A}:8080", f"{B}:8080"
AT_SIX = "[fd10::1]:8080"
CLUSTER, BALANCER, EXTERNAL = "172.30.0.1:80", "198.51.100.1:80", "198.51.100.7:80"
NODE_PORT = "192.168.0.2:30080"
PORTS = [{"port": 80, "nodePort": 30080}]
INGRESS = [{"ip": "198.51.100.1"}]
EXTERNAL_IPS = ["198.51.100.7"]
RANGES = ["10.9.0.0/16"]
BEFORE = "service.beta.kubernetes.io/load-balancer-source-ranges"


def balancer(*args, ingress=tuple(INGRESS), **spec):
    return service(*args, type="LoadBalancer", ingress=ingress, **spec)


def other(**spec):
    """A second Service, and its endpoint B."""
    return [service("s2", "172.30.0.2", **spec), slice_of(B, name="b", of="s2")]


def made(day, name="s"):
    return {"metadata": {"name": name, "creationTimestamp": f"2026-01-0{day}T00:00:00Z"}}


def alone(*args, **spec):
    return [service(*args, **spec), slice_of(A)]


def balanced(**spec):
    return [balancer(**spec), slice_of(A)]


TYPES = [
    case("a headless Service is served nowhere, whatever else it has",
         alone("s", "None", type="LoadBalancer", externalIPs=EXTERNAL_IPS, ingress=INGRESS, ports=PORTS),
         {EXTERNAL: NOBODY, BALANCER: NOBODY, NODE_PORT: NOBODY}),
    case("headless by clusterIPs alone",
         alone(ip=None, clusterIPs=["None"], externalIPs=EXTERNAL_IPS), {EXTERNAL: NOBODY}),
    case("an ExternalName is served nowhere",
         alone(ip=None, type="ExternalName", externalName="a.b", externalIPs=EXTERNAL_IPS),
         {EXTERNAL: NOBODY}),
    case("the label of another proxy counts even if it is empty",
         alone(metadata={"labels": {"service.kubernetes.io/service-proxy-name": ""}}), {CLUSTER: NOBODY}),
    case("the label of headless Services counts on one that is none",
         alone(metadata={"labels": {"service.kubernetes.io/headless": ""}}), {CLUSTER: NOBODY}),
    case("an empty type is ClusterIP", alone(type=""), {CLUSTER: AT_A}),
    case("the address may stand in clusterIPs alone",
         alone(ip=None, clusterIPs=["172.30.0.1"]), {CLUSTER: AT_A}),
    case("an empty namespace is default",
         [service(metadata={"namespace": ""}), slice_of(A, namespace="default")], {CLUSTER: AT_A}),
    case("a Service that waits for its finalizers is served",
         alone(metadata={"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["a/b"]}),
         {CLUSTER: AT_A}),
    case("a name may begin with a digit",
         [service("9s"), slice_of(A, of="9s")], {CLUSTER: AT_A}),
    case("fields that are null are not set",
         alone(externalIPs=None, selector=None, loadBalancerSourceRanges=None, sessionAffinityConfig=None,
               ipFamilyPolicy=None), {CLUSTER: AT_A}),
    case("fields that nobody knows, and those of long ago, are no errors",
         alone(ipFamily="IPv4", topologyKeys=["*"], fooBar=1), {CLUSTER: AT_A}),
    case("affinity None has no use for a time",
         alone(sessionAffinity="None", sessionAffinityConfig={"clientIP": {"timeoutSeconds": None}}),
         {CLUSTER: AT_A}),
    case("a Service that cannot be does not keep others",
         [*alone(), service("bad", "172.30.0.300")], {CLUSTER: AT_A}, refused="172.30.0.300"),
    case("a trafficDistribution that is none refuses the Service",
         alone(trafficDistribution="PreferFar"), {CLUSTER: NOBODY}, refused="PreferFar"),
    case("a loopback address cannot be an externalIP",
         alone(externalIPs=["127.0.0.1"]), {CLUSTER: NOBODY}, refused="127.0.0.1"),
]  # fmt: skip

ADDRESSES = [
    case("a port that the address does not have is nobody's",
         balanced(), {"172.30.0.1:81": NOBODY, "198.51.100.1:81": NOBODY}),
    case("an address of load balancers of ipMode Proxy is not served here",
         balanced(ingress=[{"ip": "198.51.100.1", "ipMode": "Proxy"},
                           {"ip": "198.51.100.2", "ipMode": "VIP"}, {"hostname": "x.example.com"},
                           {"ip": "198.51.100.3"}]),
         {BALANCER: NOBODY, "198.51.100.2:80": AT_A, "198.51.100.3:80": AT_A}),
    case("loadBalancerIP is a wish: the status says what came of it",
         balanced(loadBalancerIP="198.51.100.9"), {"198.51.100.9:80": NOBODY, BALANCER: AT_A}),
    case("loadBalancerIP is a wish while the status has a name only",
         balanced(loadBalancerIP="198.51.100.9", ingress=[{"hostname": "x.example.com"}]),
         {"198.51.100.9:80": NOBODY}),
    case("loadBalancerIP is a wish where a box stands for a node",
         balanced(loadBalancerIP="198.51.100.9", ingress=()), {"198.51.100.9:80": NOBODY}),
    case("loadBalancerIP is what there is where a box stands for no node and has no pools",
         balanced(loadBalancerIP="198.51.100.9", ingress=()), {"198.51.100.9:80": AT_A}, config=BOX),
    case("another one's loadBalancerClass: what the status says is served",
         balanced(loadBalancerClass="x.example.com/y"), {BALANCER: AT_A}),
    case("an address twice in the status, and in externalIPs",
         balanced(externalIPs=["198.51.100.1"], ingress=INGRESS * 2), {BALANCER: AT_A}),
    case("the ClusterIP may be among the externalIPs", alone(externalIPs=["172.30.0.1"]), {CLUSTER: AT_A}),
    case("an externalIP of a family that the Service is not of",
         [*alone(externalIPs=["2001:db8:7::7"]), slice_of("fd10::1", name="b")],
         {"[2001:db8:7::7]:80": NOBODY}),
    case("zeros before a number do not make it octal",
         [service(ip="172.030.000.001"), slice_of("010.0.0.1")], {CLUSTER: AT_A}),
    case("IPv4 written as IPv6 is IPv4", alone(ip="::ffff:172.30.0.1"), {CLUSTER: AT_A}),
    case("IPv6 in another spelling is the same",
         [balancer("s", "fd00::1", ingress=[{"ip": "2001:DB8:0:0::A"}]), slice_of("fd10::1")],
         {"[2001:db8::a]:80": AT_SIX}),
    case("SCTP is served like the others, and apart from them",
         [balancer(ports=[{"port": 36412, "protocol": "SCTP"}]),
          slice_of(A, ports=[{"port": 36412, "protocol": "SCTP"}])],
         {"sctp 198.51.100.1:36412": f"{A}:36412", "tcp 198.51.100.1:36412": NOBODY}),
]  # fmt: skip

NODE_PORTS = [
    case("nodePort 0 is none", alone(type="NodePort", ports=[{"port": 80, "nodePort": 0}]),
         {CLUSTER: AT_A}),
    case("a nodePort outside the usual range",
         alone(type="NodePort", ports=[{"port": 80, "nodePort": 3001}]), {"192.168.0.2:3001": AT_A}),
    case("no node ports asked for, but given",
         balanced(allocateLoadBalancerNodePorts=False, ports=PORTS), {NODE_PORT: AT_A}),
    case("one number for two protocols of a Service",
         [service(type="NodePort", ports=[{"name": "a", "port": 53, "nodePort": 30080},
                                          {"name": "b", "port": 53, "protocol": "UDP", "nodePort": 30080}]),
          slice_of(A, ports=[{"name": "a", "port": 1}, {"name": "b", "port": 2, "protocol": "UDP"}])],
         {NODE_PORT: f"{A}:1", f"udp {NODE_PORT}": f"{A}:2"}),
    case("one number for two protocols of two Services",
         [*alone(type="NodePort", ports=PORTS),
          service("s2", "172.30.0.2", type="NodePort",
                  ports=[{"port": 80, "nodePort": 30080, "protocol": "UDP"}]),
          slice_of(B, name="b", of="s2", ports=[{"port": 8080, "protocol": "UDP"}])],
         {NODE_PORT: AT_A, f"udp {NODE_PORT}": AT_B}),
]  # fmt: skip

SHARED = [
    case("two Services, one address, two ports",
         [*balanced(), *other(externalIPs=["198.51.100.1"], ports=[{"port": 81}])],
         {BALANCER: AT_A, "198.51.100.1:81": AT_B}),
    case("a ClusterIP may be another's externalIP, on another port",
         [*alone(), *other(externalIPs=["172.30.0.1"], ports=[{"port": 81}])],
         {CLUSTER: AT_A, "172.30.0.1:81": AT_B}),
    case("two Services, one address, one port: the older one has it",
         [*balanced(**made(2)), *other(externalIPs=["198.51.100.1"], **made(1, "s2"))],
         {BALANCER: AT_B, CLUSTER: AT_A}, refused="already served by ns/s2"),
    case("of the same age: the one that sorts first by name",
         [*other(externalIPs=["198.51.100.1"], **made(1, "s2")),
          *alone(externalIPs=["198.51.100.1"], **made(1))], {BALANCER: AT_A},
         refused="already served by ns/s"),
    case("one nodePort: the older one has it",
         [*alone(type="NodePort", ports=PORTS, **made(2)),
          *other(type="NodePort", ports=PORTS, **made(1, "s2"))], {NODE_PORT: AT_B, CLUSTER: AT_A},
         refused="already served by ns/s2"),
]  # fmt: skip

LOCAL = {"externalTrafficPolicy": "Local"}
SOURCES = [
    case("source ranges are about the load balancer's addresses alone",
         balanced(ports=PORTS, externalIPs=EXTERNAL_IPS, loadBalancerSourceRanges=RANGES),
         {BALANCER: NOT_ALLOWED, EXTERNAL: AT_A, NODE_PORT: AT_A, CLUSTER: AT_A,
          f"{BALANCER} from 10.9.255.255": AT_A}),
    case("source ranges of other types say nothing",
         alone(type="NodePort", loadBalancerSourceRanges=RANGES, ports=PORTS), {NODE_PORT: AT_A}),
    case("source ranges of one family leave the other open",
         [balancer(loadBalancerSourceRanges=["2001:db8:5::/48"], clusterIPs=["172.30.0.1", "fd00::1"],
                   ingress=[*INGRESS, {"ip": "2001:db8:9::1"}]), slice_of(A), slice_of("fd10::1", name="b")],
         {BALANCER: AT_A, "[2001:db8:9::1]:80": NOT_ALLOWED,
          "[2001:db8:9::1]:80 from 2001:db8:5::7": AT_SIX}),
    case("source ranges of the annotation that was there before the field",
         balanced(metadata={"annotations": {BEFORE: "10.9.0.0/16, 2001:db8:5::/48"}}),
         {BALANCER: NOT_ALLOWED, f"{BALANCER} from 10.9.0.1": AT_A}),
    case("where the field has some, the annotation has none",
         balanced(metadata={"annotations": {BEFORE: "10.9.0.0/16"}},
                  loadBalancerSourceRanges=["203.0.113.0/24"]),
         {BALANCER: AT_A, f"{BALANCER} from 10.9.0.1": NOT_ALLOWED}),
    case("a range of everything beside a narrow one",
         balanced(loadBalancerSourceRanges=[*RANGES, "0.0.0.0/0"]), {BALANCER: AT_A}),
    case("a range of one address", balanced(loadBalancerSourceRanges=["203.0.113.3/32"]),
         {BALANCER: AT_A, f"{BALANCER} from 203.0.113.4": NOT_ALLOWED}),
    case("white space around a range, and bits of the host in it",
         balanced(loadBalancerSourceRanges=[" 203.0.113.3/24\t\n"]),
         {BALANCER: AT_A, f"{BALANCER} from 198.18.0.1": NOT_ALLOWED}),
    case("zeros before a number of a range", balanced(loadBalancerSourceRanges=["203.000.113.0/24"]),
         {BALANCER: AT_A, f"{BALANCER} from 198.18.0.1": NOT_ALLOWED}),
    case("no endpoints at all is told to whoever asks",
         [balancer(loadBalancerSourceRanges=RANGES)], {BALANCER: REJECT}),
    case("endpoints elsewhere alone: silence for who is allowed and who is not",
         [balancer(loadBalancerSourceRanges=RANGES, **LOCAL), slice_of(endpoint(B, node="n2"))],
         {BALANCER: NO_LOCAL, f"{BALANCER} from 10.9.0.1": NO_LOCAL}),
]  # fmt: skip

POOLS = [{"name": "p", "addresses": ["198.51.100.0/30"]}]
POOL = {**BOX, "services": {**BOX["services"], "pools": POOLS}}
FIRST, SECOND = "198.51.100.0:80", "198.51.100.1:80"
TWO_OF_POOL = balancer("s2", "172.30.0.2", ingress=())
LENT = [
    case("a load balancer without an address has one of the pool",
         balanced(ingress=()), {FIRST: AT_A, CLUSTER: AT_A}, config=POOL),
    case("the one that it asks for",
         balanced(ingress=(), loadBalancerIP="198.51.100.2"), {"198.51.100.2:80": AT_A}, config=POOL),
    case("none if it asks for one of no pool",
         balanced(ingress=(), loadBalancerIP="198.51.100.99"),
         {"198.51.100.99:80": NOBODY, FIRST: NOBODY, CLUSTER: AT_A}, config=POOL,
         refused="198.51.100.99"),
    case("none if it is of another one's class",
         balanced(ingress=(), loadBalancerClass="x.example.com/y"), {FIRST: NOBODY, CLUSTER: AT_A},
         config=POOL),
    case("none if it is headless",
         [balancer("s", "None", ingress=()), slice_of(A)], {FIRST: NOBODY}, config=POOL),
    case("not one that another's status has",
         [*balanced(ingress=[{"ip": "198.51.100.0"}]), TWO_OF_POOL, slice_of(B, name="b", of="s2")],
         {FIRST: AT_A, SECOND: AT_B}, config=POOL),
    case("not one that is another's externalIP",
         [*alone(externalIPs=["198.51.100.0"]), TWO_OF_POOL, slice_of(B, name="b", of="s2")],
         {FIRST: AT_A, SECOND: AT_B}, config=POOL),
]  # fmt: skip


def ranged(text, **spec):
    return service(metadata={"annotations": {"forebay.io/port-ranges": text}}, **spec)


TWO = [{"name": "a", "port": 80}, {"name": "b", "port": 81, "protocol": "UDP"}]
PORT_RANGES = [
    case("a range of ports keeps their numbers",
         [ranged("10000-10009"), slice_of(A)],
         {"172.30.0.1:10000": f"{A}:10000", "172.30.0.1:10009": f"{A}:10009", "172.30.0.1:10010": NOBODY,
          CLUSTER: AT_A, "udp 172.30.0.1:10000": NOBODY}),
    case("a range moved to other numbers",
         [ranged("10000-10009:20000"), slice_of(A)], {"172.30.0.1:10009": f"{A}:20009"}),
    case("a range cannot be moved past the last port",
         [ranged("65000-65535:65001"), slice_of(A)], {"172.30.0.1:65000": NOBODY}, refused="65001"),
    case("all ports but those that the Service has itself",
         [ranged("all"), slice_of(A)],
         {CLUSTER: AT_A, "172.30.0.1:1": f"{A}:1", "172.30.0.1:65535": f"{A}:65535"}),
    case("all ports but those that another Service has at that address",
         [ranged("all", externalIPs=EXTERNAL_IPS), slice_of(A),
          *other(externalIPs=EXTERNAL_IPS, ports=[{"port": 443}])],
         {"198.51.100.7:443": AT_B, "198.51.100.7:444": f"{A}:444"}),
    case("of two ranges that overlap, one has the address, and both their own",
         [ranged("100-200", externalIPs=EXTERNAL_IPS), slice_of(A),
          service("s2", "172.30.0.2", externalIPs=EXTERNAL_IPS, ports=[{"port": 443}],
                  metadata={"annotations": {"forebay.io/port-ranges": "150-160"}}),
          slice_of(B, name="b", of="s2")],
         {"198.51.100.7:155": f"{A}:155", "172.30.0.2:155": f"{B}:155", "198.51.100.7:443": AT_B},
         refused="already served by ns/s"),
    case("a range of a port by name, and its protocol",
         [ranged("b=100-200", ports=TWO),
          slice_of(A, ports=[{"name": "a", "port": 1}, {"name": "b", "port": 2, "protocol": "UDP"}])],
         {"udp 172.30.0.1:150": f"{A}:150", "tcp 172.30.0.1:150": NOBODY}),
    case("a range without endpoints is refused like a port", [ranged("100-200")],
         {"172.30.0.1:150": REJECT}),
    case("a range has the Service's source ranges",
         [ranged("100-200", type="LoadBalancer", loadBalancerSourceRanges=RANGES, ingress=INGRESS),
          slice_of(A)], {"198.51.100.1:150": NOT_ALLOWED}),
    case("a range has the Service's policy",
         [ranged("100-200", type="LoadBalancer", ingress=INGRESS, **LOCAL),
          slice_of(endpoint(A, node="n1"), endpoint(B, node="n2"))], {"198.51.100.1:150": f"{A}:150"}),
    case("a range whose endpoints are elsewhere is silent",
         [ranged("100-200", type="LoadBalancer", ingress=INGRESS, **LOCAL),
          slice_of(endpoint(B, node="n2"))], {"198.51.100.1:150": NO_LOCAL}),
]  # fmt: skip

if __name__ == "__main__":
    main(TYPES + ADDRESSES + NODE_PORTS + SHARED + SOURCES + LENT + PORT_RANGES)
