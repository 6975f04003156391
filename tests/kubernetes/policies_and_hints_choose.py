#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Which of its endpoints a Service uses here: traffic policies, zones and nodes of the hints, and the
nodes themselves as targets. Prints TAP.

usage: policies_and_hints_choose.py FOREBAYCTL

The box stands for the node n1 in zone z1, where a row does not say that it is in front of all nodes.
"""

from rules import (
    BOX,
    BOX_IN_ZONE,
    DRAINING,
    NO_LOCAL,
    NODE,
    REJECT,
    case,
    endpoint,
    endpoints,
    main,
    node,
    pod,
    service,
    slice_of,
    subset,
)

A, B, C = "10.0.0.1", "10.0.0.2", "10.0.0.3"
AT_A, AT_B = f"{A}:8080", f"{B}:8080"
AT_AB = f"{AT_A} {AT_B}"
CLUSTER, BALANCER, NODE_PORT = "172.30.0.1:80", "198.51.100.1:80", "192.168.0.2:30080"
PORTS = [{"port": 80, "nodePort": 30080}]
INGRESS = [{"ip": "198.51.100.1"}]
UNREADY = {"ready": False}
TERMINATING = {"ready": False, "terminating": True}


def balancer(**spec):
    return service(type="LoadBalancer", ingress=INGRESS, **{"ports": PORTS, **spec})


def external(policy="Local", **spec):
    return balancer(externalTrafficPolicy=policy, **spec)


def internal(policy="Local", **spec):
    return service(internalTrafficPolicy=policy, **spec)


def here(address, **more):
    return endpoint(address, node="n1", **more)


def elsewhere(address, **more):
    return endpoint(address, node="n2", **more)


EXTERNAL = [
    case("externalTrafficPolicy Local: only what is here, behind external addresses and NodePorts",
         [external(), slice_of(here(A), elsewhere(B))],
         {BALANCER: AT_A, NODE_PORT: AT_A, CLUSTER: AT_AB}),
    case("Local falls back to what drains here, not to what is ready elsewhere",
         [external(), slice_of(here(A, conditions=DRAINING), elsewhere(B))],
         {BALANCER: AT_A, NODE_PORT: AT_A, CLUSTER: AT_B}),
    case("Local with endpoints elsewhere alone is silent, for another node may answer",
         [external(), slice_of(A, elsewhere(B))], {BALANCER: NO_LOCAL, CLUSTER: AT_AB}),
    case("Local with an endpoint here that is not ready is silent too",
         [external(), slice_of(here(A, conditions=UNREADY, zones=["z1"]), elsewhere(B, zones=["z1"]))],
         {BALANCER: NO_LOCAL, CLUSTER: AT_B}),
    case("Local without any endpoint that serves is refused aloud",
         [external(), slice_of(here(A, conditions=UNREADY))], {BALANCER: REJECT}),
    case("Local is told for each port",
         [external(ports=[{"name": "a", "port": 80}, {"name": "b", "port": 81}]),
          slice_of(here(A), ports=[{"name": "a", "port": 1}]),
          slice_of(elsewhere(B), name="b", ports=[{"name": "b", "port": 2}])],
         {BALANCER: f"{A}:1", "198.51.100.1:81": NO_LOCAL}),
    case("Local is told for each family",
         [service(ip="fd00::1", clusterIPs=["fd00::1", "172.30.0.1"], type="LoadBalancer",
                  externalTrafficPolicy="Local", ingress=[*INGRESS, {"ip": "2001:db8:9::1"}]),
          slice_of(here("fd10::1")), slice_of(elsewhere(B), name="b")],
         {BALANCER: NO_LOCAL, "[2001:db8:9::1]:80": "[fd10::1]:8080", CLUSTER: AT_B}),
    case("Local and affinity: among what is here",
         [external(sessionAffinity="ClientIP"), slice_of(here(A), elsewhere(B))], {BALANCER: AT_A}),
    case("Local of a NodePort, over UDP",
         [service(type="NodePort", externalTrafficPolicy="Local",
                  ports=[{"port": 53, "protocol": "UDP", "nodePort": 30053}]),
          slice_of(here(A), elsewhere(B), ports=[{"port": 8080, "protocol": "UDP"}])],
         {"udp 192.168.0.2:30053": AT_A, "udp 172.30.0.1:53": AT_AB}),
    case("Local goes by the topology, where v1beta1 has no nodeName",
         [external(), slice_of(endpoint(A, topology={"kubernetes.io/hostname": "n1"}),
                               endpoint(B, node="n2", topology={"kubernetes.io/hostname": "n1"}),
                               apiVersion="discovery.k8s.io/v1beta1")], {BALANCER: AT_A}),
    case("Local of a Service without an external address is ignored",
         [service(externalTrafficPolicy="Local"), slice_of(elsewhere(B))], {CLUSTER: AT_B}),
    case("Local of a Service of type ClusterIP with externalIPs holds",
         [service(externalTrafficPolicy="Local", externalIPs=["198.51.100.7"]), slice_of(elsewhere(B))],
         {"198.51.100.7:80": NO_LOCAL, CLUSTER: AT_B}),
]  # fmt: skip

INTERNAL = [
    case("internalTrafficPolicy Local: only what is here, behind the ClusterIP",
         [internal(), slice_of(here(A), elsewhere(B))], {CLUSTER: AT_A}),
    case("internal Local with endpoints elsewhere alone is silent",
         [internal(), slice_of(elsewhere(B))], {CLUSTER: NO_LOCAL}),
    case("internal Local is silent too where one drains elsewhere",
         [internal(), slice_of(elsewhere(B, conditions=DRAINING))], {CLUSTER: NO_LOCAL}),
    case("an empty node name is not here",
         [internal(), slice_of(endpoint(A, node=""))], {CLUSTER: NO_LOCAL}),
    case("internal Local says nothing about external addresses",
         [internal(externalIPs=["198.51.100.7"]), slice_of(elsewhere(B))],
         {CLUSTER: NO_LOCAL, "198.51.100.7:80": AT_B}),
    case("both Local: each falls back to what drains here",
         [external(internalTrafficPolicy="Local"), slice_of(here(A, conditions=DRAINING), elsewhere(B))],
         {BALANCER: AT_A, CLUSTER: AT_A}),
    case("both Local, and one drains elsewhere: silent at both",
         [internal(type="NodePort", externalTrafficPolicy="Local", ports=PORTS),
          slice_of(elsewhere(B, conditions=TERMINATING))], {CLUSTER: NO_LOCAL, NODE_PORT: NO_LOCAL}),
    case("each policy has its own fallback to what drains",
         [internal(type="NodePort", ports=PORTS),
          slice_of(here(A, conditions=TERMINATING), elsewhere(B, conditions=TERMINATING))],
         {CLUSTER: AT_A, NODE_PORT: AT_AB}),
    case("Local knows of Endpoints where they are",
         [internal(), endpoints(subset({"ip": A, "nodeName": "n1"}, {"ip": B, "nodeName": "n2"}))],
         {CLUSTER: AT_A}),
]  # fmt: skip


def hinted(*members, **more):
    """A Service of policy Cluster with one slice."""
    return [service(**more), slice_of(*members)]


HINTS = [
    case("hints of zones: what is for this zone",
         hinted(endpoint(A, zones=["z1"]), endpoint(B, zones=["z2"])), {CLUSTER: AT_A}),
    case("hints are of no use while a ready endpoint has none",
         hinted(endpoint(A, zones=["z1"]), B), {CLUSTER: AT_AB}),
    case("an empty list is no hint",
         hinted(endpoint(A, zones=[]), endpoint(B, zones=["z1"])), {CLUSTER: AT_AB}),
    case("a hint for a zone without a name is for no zone",
         hinted(endpoint(A, zones=[""]), endpoint(B, zones=["z1"])), {CLUSTER: AT_B}),
    case("who is not ready needs no hint",
         hinted(endpoint(A, zones=["z1"]), endpoint(B, zones=["z2"]), endpoint(C, conditions=UNREADY)),
         {CLUSTER: AT_A}),
    case("who is ready and terminates needs one",
         hinted(endpoint(A, conditions={"ready": True, "terminating": True}), endpoint(B, zones=["z1"])),
         {CLUSTER: AT_AB}),
    case("hints for other zones only: all are used",
         hinted(endpoint(A, zones=["z3"]), endpoint(B, zones=["z2"])), {CLUSTER: AT_AB}),
    case("hints do not choose among what drains",
         hinted(endpoint(A, zones=["z2"], conditions=DRAINING),
                endpoint(B, zones=["z1"], conditions=DRAINING)), {CLUSTER: AT_AB}),
    case("hints of all slices are looked at together",
         [service(), slice_of(endpoint(A, zones=["z1"])), slice_of(B, name="b")], {CLUSTER: AT_AB}),
    case("of an endpoint in two slices, the hint of the one that counts",
         [service(), slice_of(endpoint(A, zones=["z2"], conditions=TERMINATING), endpoint(B, zones=["z2"])),
          slice_of(endpoint(A, zones=["z1"]), name="b")], {CLUSTER: AT_A}),
    case("hints of nodes go before those of zones",
         hinted(endpoint(A, zones=["z1"], nodes=["n2"]), endpoint(B, zones=["z1"], nodes=["n1"])),
         {CLUSTER: AT_B}),
    case("hints of nodes that one lacks: those of zones are used",
         hinted(endpoint(A, zones=["z1"], nodes=["n1"]), endpoint(B, zones=["z1"]),
                endpoint(C, zones=["z2"])), {CLUSTER: AT_AB}),
    case("hints say nothing to policy Local",
         [internal(), slice_of(here(A, zones=["z2"]), elsewhere(B, zones=["z1"]))], {CLUSTER: AT_A}),
    case("trafficDistribution is the controller's: without hints a proxy does nothing",
         hinted(endpoint(A, zone="z1"), endpoint(B, zone="z2"), trafficDistribution="PreferClose"),
         {CLUSTER: AT_AB}),
    case("Endpoints have no hints",
         [service(trafficDistribution="PreferClose"),
          endpoints(subset({"ip": A, "nodeName": "n1"}, {"ip": B, "nodeName": "n2"}))],
         {CLUSTER: AT_AB}),
]  # fmt: skip

IN_ZONE_ZZ = {**NODE, "services": {**NODE["services"], "zone": ""}}
ZONES = [
    case("the zone is that of the box's Node, where the config has none",
         [node("n1", "192.168.9.9", labels={"topology.kubernetes.io/zone": "zz"}),
          *hinted(endpoint(A, zones=["zz"]), endpoint(B, zones=["z2"]))],
         {CLUSTER: AT_A}, config=IN_ZONE_ZZ),
    case("the label of zones that Kubernetes gave up is none",
         [node("n1", "192.168.9.9", labels={"failure-domain.beta.kubernetes.io/zone": "zz"}),
          *hinted(endpoint(A, zones=["zz"]), endpoint(B, zones=["z2"]))],
         {CLUSTER: AT_AB}, config=IN_ZONE_ZZ),
    case("a box that stands for no node and in no zone uses all",
         hinted(endpoint(A, zones=["z1"]), endpoint(B, zones=["z2"])), {CLUSTER: AT_AB}, config=BOX),
    case("a box that stands for no node knows its zone",
         hinted(endpoint(A, zones=["z1"]), endpoint(B, zones=["z2"])), {CLUSTER: AT_A},
         config=BOX_IN_ZONE),
    case("everything is here for a box that stands for no node",
         [external(), slice_of(endpoint(A, node="a"), B, endpoint(C, conditions=TERMINATING))],
         {BALANCER: AT_AB, CLUSTER: AT_AB}, config=BOX),
    case("so it is for internal traffic",
         [internal(), slice_of(endpoint(A, node="a"), B)], {CLUSTER: AT_AB}, config=BOX),
    case("Local looks at no hint, here neither: external",
         [external(), slice_of(endpoint(A, zones=["z1"]), endpoint(B, zones=["z2"]))],
         {BALANCER: AT_AB}, config=BOX_IN_ZONE),
    case("Local looks at no hint, here neither: internal",
         [internal(), slice_of(endpoint(A, zones=["z1"]), endpoint(B, zones=["z2"]))],
         {CLUSTER: AT_AB}, config=BOX_IN_ZONE),
]  # fmt: skip

# The service controller's rules: which nodes a cloud's load balancer is given.
EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"
NODES = [
    node("a", "192.168.1.1"),
    node("excluded", "192.168.1.2", labels={EXCLUDED: ""}),
    node("excluded-whatever-it-says", "192.168.1.3", labels={EXCLUDED: "no"}),
    node("not-excluded", "192.168.1.4", labels={EXCLUDED: "false"}),
    node("not-ready", "192.168.1.5", ready="False"),
    node("unknown", "192.168.1.6", ready="Unknown"),
    node("cordoned", "192.168.1.7", unschedulable=True),
    node("going", "192.168.1.8",
         taints=[{"key": "ToBeDeletedByClusterAutoscaler", "effect": "NoSchedule"}]),
    node("outside", {"type": "ExternalIP", "address": "203.0.113.77"}),
    node("both", "192.168.1.9", "fd00:9::9", {"type": "ExternalIP", "address": "203.0.113.78"}),
]  # fmt: skip
TARGETS = {"metadata": {"annotations": {"forebay.io/targets": "nodes"}}}


def ports_of(*addresses):
    return " ".join(f"{a}:30080" for a in addresses)


AS_TARGETS = [
    case("nodes as targets: those that a cloud's load balancer would have, internal addresses first",
         [*NODES, external("Cluster", **TARGETS), slice_of(endpoint(A, node="a"))],
         {BALANCER: ports_of("192.168.1.1", "192.168.1.4", "192.168.1.7", "203.0.113.77", "192.168.1.9")},
         config=BOX),
    case("nodes as targets: their addresses of the Service's family",
         [*NODES, service(ip="fd00::1", type="LoadBalancer", ports=PORTS,
                          ingress=[{"ip": "2001:db8:9::1"}], **TARGETS),
          slice_of(endpoint("fd10::1", node="a"))],
         {"[2001:db8:9::1]:80": "[fd00:9::9]:30080"}, config=BOX),
    case("nodes as targets under Local: those with an endpoint that is ready",
         [*NODES, external(**TARGETS),
          slice_of(endpoint(A, node="a"), endpoint(B, node="not-ready"), endpoint(C, node="excluded"),
                   endpoint("10.0.0.4", node="not-excluded", conditions=UNREADY),
                   endpoint("10.0.0.5", node="both"))],
         {BALANCER: ports_of("192.168.1.1", "192.168.1.9")}, config=BOX),
    case("nodes as targets under Local: those with a Pod that is ready",
         [*NODES, external(selector={"app": "a"}, **TARGETS), pod("p", A, nodeName="a"),
          pod("q", B, nodeName="both", status={"conditions": []})],
         {BALANCER: ports_of("192.168.1.1")}, config=BOX),
]  # fmt: skip

if __name__ == "__main__":
    main(EXTERNAL + INTERNAL + HINTS + ZONES + AS_TARGETS)
