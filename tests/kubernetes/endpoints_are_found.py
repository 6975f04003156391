#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Which endpoints a Service has, of EndpointSlices and Endpoints, and which of them take new flows.
Prints TAP.

usage: endpoints_are_found.py FOREBAYCTL
"""

from rules import (
    DRAINING,
    NOT_READY,
    REJECT,
    case,
    endpoint,
    endpoints,
    main,
    service,
    slice_of,
    subset,
)

A, B, C = "10.0.0.1", "10.0.0.2", "10.0.0.3"
AT_A, AT_B = f"{A}:8080", f"{B}:8080"
AT_AB = f"{AT_A} {AT_B}"
VIP = "172.30.0.1:80"
TWO_PORTS = [{"name": "a", "port": 80}, {"name": "b", "port": 81}]
BOTH_FAMILIES = {
    "clusterIPs": ["172.30.0.1", "fd00::1"],
    "ipFamilies": ["IPv4", "IPv6"],
    "ipFamilyPolicy": "RequireDualStack",
}
TERMINATES = {"ready": True, "serving": True, "terminating": True}
UNLESS_SERVING = {"ready": False, "serving": False, "terminating": True}
SKIP = "endpointslice.kubernetes.io/skip-mirror"
LEADER = "control-plane.alpha.kubernetes.io/leader"
MIRROR = {"endpointslice.kubernetes.io/managed-by": "endpointslicemirroring-controller.k8s.io"}
EVERYTHING = {"ready": True, "serving": True, "terminating": False}


def only(*objects):
    """Beside a Service of one port at its usual address."""
    return [service(), *objects]


CONDITIONS = [
    case("conditions that are not set mean ready", only(slice_of(A)), {VIP: AT_A}),
    case("no condition of ready means ready",
         only(slice_of(endpoint(A, conditions={"serving": False}))), {VIP: AT_A}),
    case("what is ready goes before what drains",
         only(slice_of(endpoint(A, conditions=DRAINING), B)), {VIP: AT_B}),
    case("what drains and serves is used where nothing is ready",
         only(slice_of(endpoint(A, conditions=DRAINING), endpoint(B, conditions=UNLESS_SERVING))),
         {VIP: AT_A}),
    case("serving that is not set follows ready of old: who drains serves",
         only(slice_of(endpoint(A, conditions={"ready": False, "terminating": True}))), {VIP: AT_A}),
    case("serving without ready is nothing while it does not terminate",
         only(slice_of(endpoint(A, conditions={"ready": False, "serving": True}))), {VIP: REJECT}),
    case("what drains is found in any slice",
         only(slice_of(endpoint(A, conditions=DRAINING)),
              slice_of(endpoint(B, conditions=UNLESS_SERVING), name="b")), {VIP: AT_A}),
    case("not ready, everywhere: the client is told so",
         only(slice_of(endpoint(A, conditions=NOT_READY))), {VIP: REJECT}),
]  # fmt: skip

SLICES = [
    case("an endpoint is its first address alone", only(slice_of(endpoint([A, B]))), {VIP: AT_A}),
    case("an endpoint in two slices counts once",
         only(slice_of(A, B), slice_of(A, name="b")), {VIP: AT_AB}),
    case("of an endpoint in two slices, what does not terminate counts",
         only(slice_of(endpoint(A, conditions=EVERYTHING)),
              slice_of(endpoint(A, conditions=DRAINING), B, name="b")), {VIP: AT_AB}),
    case("of an endpoint in two slices, not ready goes before draining",
         only(slice_of(endpoint(A, conditions=NOT_READY)),
              slice_of(endpoint(A, conditions=DRAINING), name="b")), {VIP: REJECT}),
    case("of an endpoint in two slices, not ready goes before ready that terminates",
         only(slice_of(endpoint(A, conditions=TERMINATES)),
              slice_of(endpoint(A, conditions=NOT_READY), name="b")), {VIP: REJECT}),
    case("slices of names are of no use to a proxy",
         only(slice_of("a.example.com", addressType="FQDN"), slice_of(B, name="b")), {VIP: AT_B}),
    case("a slice belongs to the Service of its label",
         only(slice_of(A, of="t"), slice_of(B, name="b")), {VIP: AT_B}),
    case("a slice with an empty label belongs to nobody", only(slice_of(A, of="")), {VIP: REJECT}),
    case("a slice without the label belongs to nobody", only(slice_of(A, of=None)), {VIP: REJECT}),
    case("a slice of another namespace is another Service's",
         only(slice_of(A, namespace="other")), {VIP: REJECT}),
    case("a slice labelled headless is not proxied",
         only(slice_of(A, labels={"service.kubernetes.io/headless": ""})), {VIP: REJECT}),
    case("a slice labelled with another proxy is not proxied",
         only(slice_of(A, labels={"service.kubernetes.io/service-proxy-name": "x"})), {VIP: REJECT}),
    case("a slice may have no endpoints, in any way of saying it",
         only(slice_of(endpoints=None), slice_of(name="b")), {VIP: REJECT}),
    case("a slice without ports has no endpoint of any port",
         only(slice_of(A, ports=None)), {VIP: REJECT}),
    case("a slice's name may have 253 characters and no dot", only(slice_of(A, name="a" * 253)),
         {VIP: AT_A}),
    case("fields that are null are not set",
         only(slice_of(endpoint(A, conditions={"ready": None}, deprecatedTopology=None, targetRef=None))),
         {VIP: AT_A}),
    case("the older v1beta1 is read",
         only(slice_of(A, apiVersion="discovery.k8s.io/v1beta1")), {VIP: AT_A}),
    case("an address that is none refuses its slice",
         only(slice_of(A, "10.0.0.999", addressType="IPv4"), slice_of(B, name="b")), {VIP: AT_B},
         refused="endpoints[1].addresses[0]"),
    case("a link-local address refuses its slice",
         only(slice_of(A, "169.254.1.1")), {VIP: REJECT}, refused="endpoints[1].addresses[0]"),
    case("an endpoint without an address refuses its slice",
         only(slice_of(A, endpoint([]))), {VIP: REJECT}, refused="endpoints[1].addresses"),
]  # fmt: skip

PORTS = [
    case("ports are found by name, whatever their numbers",
         [service(ports=TWO_PORTS),
          slice_of(A, ports=[{"name": "b", "port": 2}, {"name": "a", "port": 1}])],
         {VIP: f"{A}:1", "172.30.0.1:81": f"{A}:2"}),
    case("a port of number 0 is ignored, and no other",
         [service(ports=TWO_PORTS),
          slice_of(A, ports=[{"name": "a", "port": 0}, {"name": "b", "port": 8080}])],
         {VIP: REJECT, "172.30.0.1:81": AT_A}),
    case("a port without a number is ignored, and no other",
         [service(ports=TWO_PORTS), slice_of(A, ports=[{"name": "a"}, {"name": "b", "port": 8080}])],
         {VIP: REJECT, "172.30.0.1:81": AT_A}),
    case("an unnamed port does not find a named one",
         only(slice_of(A, ports=[{"name": "http", "port": 8080}])), {VIP: REJECT}),
    case("a named port does not find an unnamed one",
         [service(ports=[{"name": "http", "port": 80}]), slice_of(A)], {VIP: REJECT}),
    case("the longest name of a port",
         [service(ports=[{"name": "a" * 63, "port": 80}]),
          slice_of(A, ports=[{"name": "a" * 63, "port": 8080}])], {VIP: AT_A}),
    case("two ports may have the same target",
         [service(ports=TWO_PORTS),
          slice_of(A, ports=[{"name": "a", "port": 8080}, {"name": "b", "port": 8080}])],
         {VIP: AT_A, "172.30.0.1:81": AT_A}),
    case("a name twice in a slice is two endpoints",
         only(slice_of(A, ports=[{"port": 8080}, {"port": 9090}])), {VIP: f"{A}:8080 {A}:9090"}),
    case("a protocol is part of the port: TCP, UDP and SCTP of one number",
         [service(ports=[{"name": p.lower(), "port": 53, "protocol": p} for p in ("TCP", "UDP", "SCTP")]),
          slice_of(A, ports=[{"name": "tcp", "port": 1}, {"name": "udp", "port": 2, "protocol": "UDP"},
                             {"name": "sctp", "port": 3, "protocol": "SCTP"}])],
         {"tcp 172.30.0.1:53": f"{A}:1", "udp 172.30.0.1:53": f"{A}:2", "sctp 172.30.0.1:53": f"{A}:3"}),
    case("a port of another protocol is another port",
         [service(ports=[{"port": 53, "protocol": "UDP"}]), slice_of(A)], {"udp 172.30.0.1:53": REJECT}),
    case("an empty protocol is TCP", only(slice_of(A, ports=[{"port": 8080, "protocol": ""}])),
         {VIP: AT_A}),
    case("appProtocol says nothing to a proxy",
         [service(ports=[{"port": 80, "appProtocol": "kubernetes.io/h2c"}]),
          slice_of(A, ports=[{"port": 8080, "appProtocol": None}])], {VIP: AT_A}),
]  # fmt: skip

FAMILIES = [
    case("each family has its own endpoints: none of IPv6",
         [service(**BOTH_FAMILIES), slice_of(A)], {VIP: AT_A, "[fd00::1]:80": REJECT}),
    case("each family has its own endpoints: none of IPv4",
         [service(**BOTH_FAMILIES), slice_of("fd10::1")],
         {VIP: REJECT, "[fd00::1]:80": "[fd10::1]:8080"}),
]  # fmt: skip

ENDPOINTS = [
    case("Endpoints: ports are those of the subset",
         [service(ports=TWO_PORTS),
          endpoints(subset(A, not_ready=[B], ports=[{"name": "a", "port": 1}]),
                    subset(B, ports=[{"name": "b", "port": 2}]))],
         {VIP: f"{A}:1", "172.30.0.1:81": f"{B}:2"}),
    case("Endpoints: who is not ready has no flows",
         only(endpoints(subset(not_ready=[A]), subset(B))), {VIP: AT_B}),
    case("Endpoints: ready on one port, not on another number",
         only(endpoints(subset(A), subset(not_ready=[A], ports=[{"port": 8081}]))), {VIP: AT_A}),
    case("Endpoints: both families in one subset",
         [service(**BOTH_FAMILIES), endpoints(subset(A, "fd10::1"))],
         {VIP: AT_A, "[fd00::1]:80": "[fd10::1]:8080"}),
    case("Endpoints: an unnamed port does not find a named one",
         only(endpoints(subset(A, ports=[{"name": "x", "port": 8080}]))), {VIP: REJECT}),
    case("Endpoints: a subset without ports has none", only(endpoints(subset(A, ports=()))),
         {VIP: REJECT}),
    case("Endpoints: no subsets at all", only({**endpoints(), "subsets": None}), {VIP: REJECT}),
    case("slices go before Endpoints of the same name",
         only(endpoints(subset(A, B)), slice_of(A, labels=MIRROR)), {VIP: AT_A}),
    case("Endpoints that nobody shall mirror count for nothing",
         only(endpoints(subset(A), labels={SKIP: "true"})), {VIP: REJECT}),
    case("Endpoints that are to be mirrored count",
         only(endpoints(subset(A), labels={SKIP: "false"})), {VIP: AT_A}),
    case("Endpoints that are a leader's lock count for nothing",
         only(endpoints(subset(A), annotations={LEADER: "{}"})), {VIP: REJECT}),
    case("Endpoints of the API server count although nobody shall mirror them",
         [service("kubernetes", metadata={"namespace": "default"},
                  ports=[{"name": "https", "port": 443, "targetPort": 6443}]),
          endpoints(subset("192.168.5.5", ports=[{"name": "https", "port": 6443}]), name="kubernetes",
                    namespace="default", labels={SKIP: "true"})],
         {"172.30.0.1:443": "192.168.5.5:6443"}),
    case("the API server's slice goes before its Endpoints",
         [service("kubernetes", metadata={"namespace": "default"},
                  ports=[{"name": "https", "port": 443, "targetPort": 6443}]),
          endpoints(subset(C, ports=[{"name": "https", "port": 6443}]), name="kubernetes",
                    namespace="default", labels={SKIP: "true"}),
          slice_of("192.168.5.5", name="kubernetes", of="kubernetes", namespace="default",
                   ports=[{"name": "https", "port": 6443}])],
         {"172.30.0.1:443": "192.168.5.5:6443"}),
]  # fmt: skip

if __name__ == "__main__":
    main(CONDITIONS + SLICES + PORTS + FAMILIES + ENDPOINTS)
