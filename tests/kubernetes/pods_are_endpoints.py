#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A Service that has no EndpointSlice takes its endpoints from the Pods that it selects, as Kubernetes'
endpoint controller would. Prints TAP.

usage: pods_are_endpoints.py FOREBAYCTL
"""

from rules import REJECT, case, endpoints, main, node, pod, service, slice_of, subset

A, B, C = "10.0.0.1", "10.0.0.2", "10.0.0.3"
AT_A, AT_B = f"{A}:80", f"{B}:80"
AT_AB = f"{AT_A} {AT_B}"
VIP = "172.30.0.1:80"
WEB = [{"name": "web", "containerPort": 1}]
NOT_READY = {"conditions": [{"type": "Ready", "status": "False"}]}
UNKNOWN = {
    "conditions": [
        {"type": "ContainersReady", "status": "True"},
        {"type": "Ready", "status": "Unknown"},
    ]
}


def phase(name):
    return {"phase": name}


def selecting(*objects, target=None, **spec):
    port = {"port": 80} | ({"targetPort": target} if target is not None else {})
    return [service(selector={"app": "a"}, ports=[port], **spec), *objects]


SELECTED = [
    case("Pods with all labels of the selector",
         [service(selector={"app": "a", "tier": "x"}), pod("p", A),
          pod("q", B, labels={"app": "a", "tier": "x", "more": "1"})], {VIP: AT_B}),
    case("Pods of the Service's namespace", selecting(pod("p", A, namespace="other")), {VIP: REJECT}),
    case("an empty selector selects none", [service(selector={}), pod("p", A)], {VIP: REJECT}),
    case("no selector selects none", [service(), pod("p", A)], {VIP: REJECT}),
    case("a Pod's name may have 253 characters and no dot", selecting(pod("p" * 253, A)), {VIP: AT_A}),
    case("a label that looks like a boolean is text",
         [service(selector={"app": "true"}), pod("p", A, labels={"app": "true"})], {VIP: AT_A}),
    case("slices go before Pods, even empty ones", selecting(slice_of(), pod("p", A)), {VIP: REJECT}),
    case("Endpoints go before Pods",
         selecting(endpoints(subset(A, ports=[{"port": 80}])), pod("q", B)), {VIP: AT_A}),
]  # fmt: skip

READY = [
    case("a Pod that is not ready has no flows",
         selecting(pod("p", A), pod("q", B, status=NOT_READY)), {VIP: AT_A}),
    case("Ready that is unknown is not ready", selecting(pod("p", A, status=UNKNOWN)), {VIP: REJECT}),
    case("no conditions: not ready", selecting(pod("p", A, status={"conditions": None})), {VIP: REJECT}),
    case("the condition counts, whatever the phase of a Pod that is not over",
         selecting(pod("p", A, status=phase("Pending"))), {VIP: AT_A}),
    case("a Pod that is over has none, ready or not",
         selecting(pod("p", A, status=phase("Failed")), pod("q", B, status=phase("Succeeded"))),
         {VIP: REJECT}),
    case("a Pod that is over and being deleted has none",
         selecting(pod("p", A, status=phase("Failed"), deleted=True)), {VIP: REJECT}),
    case("a Pod that is being deleted drains: used where none else is ready",
         selecting(pod("p", A, deleted=True), pod("q", B, status=NOT_READY)), {VIP: AT_A}),
    case("a Pod without an address is none",
         selecting(pod("p", None, status=phase("Pending")), publishNotReadyAddresses=True), {VIP: REJECT}),
    case("an address that is empty is none", selecting(pod("p", "", status={"podIPs": None})),
         {VIP: REJECT}),
    case("podIPs is enough", selecting(pod("p", None, status={"podIPs": [{"ip": A}]})), {VIP: AT_A}),
    case("publishNotReadyAddresses: all of them are ready",
         selecting(pod("p", A, status=NOT_READY), pod("q", B, deleted=True),
                   publishNotReadyAddresses=True), {VIP: AT_AB}),
    case("publishNotReadyAddresses: but not those that are over",
         selecting(pod("p", A, status={**NOT_READY, **phase("Failed")}),
                   pod("q", B, status=phase("Succeeded")), publishNotReadyAddresses=True), {VIP: REJECT}),
    case("an address that a new Pod has of one that goes",
         selecting(pod("p", A, deleted=True), pod("q", A)), {VIP: AT_A}),
]  # fmt: skip

PORTS = [
    case("no targetPort: the Service's own", selecting(pod("p", A)), {VIP: AT_A}),
    case("targetPort 0 is none", selecting(pod("p", A), target=0), {VIP: AT_A}),
    case("an empty targetPort is none", selecting(pod("p", A), target=""), {VIP: AT_A}),
    case("a number need not be a container's", selecting(pod("p", A, WEB), target=9), {VIP: f"{A}:9"}),
    case("a name is each Pod's own, and Pods without it are left out",
         selecting(pod("p", A, WEB), pod("q", B, [{"name": "web", "containerPort": 2}]),
                   pod("r", C, [{"name": "other", "containerPort": 2}]), target="web"),
         {VIP: f"{A}:1 {B}:2"}),
    case("a name that is missing is missed by that port only",
         [service(selector={"app": "a"}, ports=[{"name": "a", "port": 80, "targetPort": "web"},
                                                {"name": "b", "port": 81, "targetPort": 9}]),
          pod("p", A)], {VIP: REJECT, "172.30.0.1:81": f"{A}:9"}),
    case("a name is of a protocol",
         selecting(pod("p", A, [{"name": "web", "containerPort": 1, "protocol": "UDP"}]), target="web"),
         {VIP: REJECT}),
    case("a name may be there once for each protocol",
         [service(selector={"app": "a"}, ports=[{"port": 80, "protocol": "UDP", "targetPort": "web"}]),
          pod("p", A, [*WEB, {"name": "web", "containerPort": 2, "protocol": "UDP"}])],
         {"udp 172.30.0.1:80": f"{A}:2"}),
    case("of a name twice, the first",
         selecting(pod("p", A, [*WEB, {"name": "web", "containerPort": 2}]), target="web"),
         {VIP: f"{A}:1"}),
    case("an init container that stays (a sidecar) has ports, another has none",
         selecting(pod("p", A, initContainers=[{"name": "i", "restartPolicy": "Always", "ports": WEB}]),
                   pod("q", B, initContainers=[{"name": "i", "ports": WEB}]), target="web"),
         {VIP: f"{A}:1"}),
    case("a container goes before a sidecar",
         selecting(pod("p", A, [{"name": "web", "containerPort": 7}],
                       initContainers=[{"name": "i", "restartPolicy": "Always", "ports": WEB}]),
                   target="web"), {VIP: f"{A}:7"}),
    case("containers without ports do not matter",
         selecting(pod("p", A, initContainers=[{"name": "i"}], ephemeralContainers=[{"name": "e"}])),
         {VIP: AT_A}),
    case("two Pods on one address, as hostNetwork has them, are two endpoints",
         selecting(pod("p", A, WEB, hostNetwork=True),
                   pod("q", A, [{"name": "web", "containerPort": 2}], hostNetwork=True), target="web"),
         {VIP: f"{A}:1 {A}:2"}),
]  # fmt: skip

ELSEWHERE = [
    case("each family of a Service has the Pods' addresses of that family",
         selecting(pod("p", A, status={"podIPs": [{"ip": A}, {"ip": "fd10::1"}]}), pod("q", B),
                   clusterIPs=["172.30.0.1", "fd00::1"], ipFamilyPolicy="RequireDualStack"),
         {VIP: AT_AB, "[fd00::1]:80": "[fd10::1]:80"}),
    case("Pods of a Node that is gone are left out",
         selecting(node("n1"), pod("p", A, nodeName="n1"), pod("q", B, nodeName="gone")), {VIP: AT_A}),
    case("publishNotReadyAddresses: they are not",
         selecting(node("n1"), pod("p", A, nodeName="n1"), pod("q", B, nodeName="gone"),
                   publishNotReadyAddresses=True), {VIP: AT_AB}),
    case("trafficDistribution PreferClose: Pods of this zone",
         selecting(node("n1", labels={"topology.kubernetes.io/zone": "z1"}),
                   node("n2", labels={"topology.kubernetes.io/zone": "z2"}),
                   pod("p", A, nodeName="n1"), pod("q", B, nodeName="n2"),
                   trafficDistribution="PreferClose"), {VIP: AT_A}),
    case("trafficDistribution PreferSameNode: Pods of this node",
         selecting(node("n1", labels={"topology.kubernetes.io/zone": "z1"}),
                   node("n2", labels={"topology.kubernetes.io/zone": "z1"}),
                   pod("p", A, nodeName="n1"), pod("q", B, nodeName="n2"),
                   trafficDistribution="PreferSameNode"), {VIP: AT_A}),
]  # fmt: skip

if __name__ == "__main__":
    main(SELECTED + READY + PORTS + ELSEWHERE)
