#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Names of Services and their endpoints, as Kubernetes' DNS specification has them, where CoreDNS' own
tests (dns_cases.py) say nothing. Prints TAP.

usage: names_are_answered.py FOREBAY-REPLAY

A row is a sentence, a name and a type, what the answer is, and what is in it. "@" is the zone of the
namespace ns, "#" that of its Pods. Records of an answer are of the name that was asked for, where they
do not say another.
"""

import sys
import tempfile
from pathlib import Path

from dns_cases import ask, wrong
from rules import DRAINING, endpoint, endpoints, pod, service, slice_of, subset

ZONE = "cluster.local."
HERE = "ns.svc.cluster.local."
ARPA = "172.in-addr.arpa."
PORTS = [{"name": "http", "port": 80}, {"name": "dns", "port": 53, "protocol": "UDP"}]
TARGETS = [{"name": "http", "port": 8080}, {"name": "dns", "port": 5353, "protocol": "UDP"}]
NO_READY = {"conditions": [{"type": "Ready", "status": "False"}]}


def alias(name, target):
    return service(name, None, ports=[], type="ExternalName", externalName=target)


def headless(name, *members, ports=PORTS, targets=TARGETS, **more):
    """Members are those of its slice; None: no slice."""
    made = [service(name, "None", ports=ports, **more)]
    if members != (None,):
        made.append(slice_of(*members, name=f"{name}-a", of=name, ports=targets))
    return made


OBJECTS = [
    service("web", "172.30.0.1", PORTS),
    slice_of(endpoint("10.0.0.1", hostname="w0"), "10.0.0.2", name="web-a", of="web", ports=TARGETS),
    service("plain", "172.30.0.2"),
    service("sctp", "172.30.0.3", [{"name": "s", "port": 9, "protocol": "SCTP"}]),
    service("dual", "172.30.0.4", PORTS, clusterIPs=["172.30.0.4", "fd00::4"]),
    service("waits", None, PORTS),
    service("lb", "172.30.0.20", type="LoadBalancer", externalIPs=["198.51.100.7"],
            ingress=[{"ip": "198.51.100.1"}]),
    service("proxied", "172.30.0.9",
            metadata={"labels": {"service.kubernetes.io/service-proxy-name": "x"}}),
    alias("out", "www.example.com"),
    alias("in", f"web.{HERE}"),
    alias("chain", f"in.{HERE}"),
    alias("nowhere", f"nope.{HERE}"),
    alias("itself", f"itself.{HERE}"),
    alias("number", "192.0.2.7"),
    *headless("nobody", None),
    *headless("h", endpoint("10.1.0.1", hostname="a"), endpoint("10.1.0.2", conditions=DRAINING),
              endpoint("10.1.0.3", conditions={"ready": False}), endpoint(["10.1.0.4", "10.1.0.5"])),
    slice_of("10.1.0.1", name="h-b", of="h", ports=[{"name": "http", "port": 9090}]),
    slice_of(endpoint("10.9.0.1", hostname="l0"), endpoint(["10.9.0.3", "10.9.0.4"]),
             endpoint("172.31.0.2", conditions={"ready": False}), name="lone-a", of="lone", ports=TARGETS),
    *headless("six", "fd10::", "fd10::5"),
    *headless("portless", endpoint("10.3.0.1", hostname="z", conditions={"ready": True, "terminating": True}),
              ports=[], targets=[]),
    *headless("renamed", endpoint("10.6.0.1", hostname="a"), targets=[{"name": "other", "port": 8080}]),
    service("names", "None", PORTS),
    slice_of("a.example.com", name="names-a", of="names", addressType="FQDN"),
    service("marked", "None", PORTS),
    slice_of("10.8.0.1", name="marked-a", of="marked", labels={"service.kubernetes.io/headless": ""}),
    service("pods", "None", [{"name": "http", "port": 80, "targetPort": "web"}], selector={"app": "a"}),
    pod("p1", "10.2.0.1", [{"name": "web", "containerPort": 1}], hostname="p1h", subdomain="pods"),
    pod("p2", "10.2.0.2", hostname="p2h", subdomain="other"),
    pod("p3", "10.2.0.3", status=NO_READY),
    service("early", "None", [{"name": "http", "port": 80, "targetPort": "web"}], selector={"app": "b"},
            publishNotReadyAddresses=True),
    pod("q1", "10.2.1.1", labels={"app": "b"}, status=NO_READY, deleted=True),
    service("old", "None", [{"name": "http", "port": 80}]),
    endpoints(subset({"ip": "10.4.0.1", "hostname": "e1"}, not_ready=["10.4.0.2"],
                     ports=[{"name": "http", "port": 8080}]),
              subset("fd10:4::1", ports=[{"name": "http", "port": 8081}]), name="old"),
]  # fmt: skip

NAME, NONE = "NOERROR", "NXDOMAIN"
SOA = "SOA ns.dns.{0} hostmaster.{0} 1 7200 1800 86400 5"


def at(name, *addresses):
    """Records that come with an answer."""
    return [f"{name}.@ 5 IN {'AAAA' if ':' in a else 'A'} {a}" for a in addresses]


WEB = at("web", "172.30.0.1")
DUAL = at("dual", "172.30.0.4", "fd00::4")
READY_OF_H = ["A 10.1.0.1", "A 10.1.0.4", "A 10.1.0.5"]
FOUR = "4." + "0." * 29 + "d.f.ip6.arpa."

# (sentence, name, type, what the answer is, records, what comes with them, the zone whose SOA says no)
ROWS = [
    ("case does not matter", "WeB.NS.sVc.CLUSTER.local.", "A", NAME, ["A 172.30.0.1"]),
    ("a type that it has none of", "web.@", "MX", NAME),
    ("any type: nothing", "web.@", "ANY", NAME),
    ("no alias", "web.@", "CNAME", NAME),
    ("only the ClusterIP has the name", "lb.@", "A", NAME, ["A 172.30.0.20"]),
    ("another proxy's Service has its name", "proxied.@", "A", NAME, ["A 172.30.0.9"]),
    ("a ClusterIP that is not there yet", "waits.@", "A", NAME),
    ("a name below that is no endpoint's", "x.y.web.@", "A", NONE),
    ("too many labels", "x.y.z.web.@", "A", NONE),
    ("asterisks are not wild", "*.web.@", "A", NONE),
    ("asterisks are no namespace", "web.*.svc.cluster.local.", "A", NONE),
    ("a search path before its end: namespace", "web.ns.@", "A", NONE),
    ("a search path before its end: another's name", "www.example.com.@", "A", NONE),
    ("a search path before its end: services", f"www.example.com.svc.{ZONE}", "A", NONE),
    ("a search path before its end: the zone", f"www.example.com.{ZONE}", "A", NONE),
    ("a search path twice", f"web.{HERE}{ZONE}", "A", NONE),

    ("a port by name", "_HTTP._TCP.web.@", "SRV", NAME, ["SRV 0 100 80 web.@"], WEB),
    ("a port by name, without underscores", "http.tcp.web.@", "SRV", NAME, ["SRV 0 100 80 web.@"], WEB),
    ("a port by name, without one of them", "http._TCP.web.@", "A", NAME, ["A 172.30.0.1"]),
    ("a port by name, with too many", "__http._tcp.web.@", "SRV", NONE),
    ("a port's name has the address too", "_http._tcp.web.@", "A", NAME, ["A 172.30.0.1"]),
    ("but not of another family", "_http._tcp.web.@", "AAAA", NAME),
    ("a port of another protocol", "_http._udp.web.@", "SRV", NONE),
    ("a port without its protocol", "_http.web.@", "A", NONE),
    ("a protocol without a port", "_tcp.web.@", "SRV", NONE),
    ("SCTP", "_s._sctp.sctp.@", "SRV", NAME, ["SRV 0 100 9 sctp.@"], at("sctp", "172.30.0.3")),
    ("all ports share the weight", "web.@", "SRV", NAME, ["SRV 0 50 80 web.@", "SRV 0 50 53 web.@"], WEB),
    ("a port without a name", "plain.@", "SRV", NAME, ["SRV 0 100 80 plain.@"],
     at("plain", "172.30.0.2")),
    ("both families share the weight", "_http._tcp.dual.@", "SRV", NAME, ["SRV 0 50 80 dual.@"], DUAL),
    ("both families and all ports do", "dual.@", "SRV", NAME,
     ["SRV 0 25 80 dual.@", "SRV 0 25 53 dual.@"], DUAL),

    ("an endpoint by its hostname", "w0.web.@", "A", NAME, ["A 10.0.0.1"]),
    ("an endpoint by its address", "10-0-0-2.web.@", "A", NAME, ["A 10.0.0.2"]),
    ("not by its address if it has a hostname", "10-0-0-1.web.@", "A", NONE),
    ("an endpoint has one family", "w0.web.@", "AAAA", NAME),
    ("an endpoint's ports", "w0.web.@", "SRV", NAME,
     ["SRV 0 50 8080 w0.web.@", "SRV 0 50 5353 w0.web.@"], at("w0.web", "10.0.0.1")),

    ("an ExternalName outside", "out.@", "A", NAME, ["CNAME www.example.com."]),
    ("for either family", "out.@", "AAAA", NAME, ["CNAME www.example.com."]),
    ("but not for ports", "out.@", "SRV", NAME),
    ("nor texts", "out.@", "TXT", NAME),
    ("an ExternalName of a Service", "in.@", "A", NAME, ["CNAME web.@", *WEB]),
    ("asked for itself", "in.@", "CNAME", NAME, ["CNAME web.@"]),
    ("of a Service without that family", "in.@", "AAAA", NAME),
    ("of another ExternalName", "chain.@", "A", NAME,
     ["CNAME in.@", "in.@ 5 IN CNAME web.@", *WEB]),
    ("of a name that there is not", "nowhere.@", "A", NAME),
    ("of itself", "itself.@", "A", NAME),
    ("of an address: there is no such name", "number.@", "A", NONE),

    ("a headless Service has its ready endpoints, all addresses", "h.@", "A", NAME, READY_OF_H),
    ("of one family", "h.@", "AAAA", NAME),
    ("of a port", "_dns._udp.h.@", "A", NAME, READY_OF_H),
    ("a headless Service's port of another protocol", "_dns._tcp.h.@", "SRV", NONE),
    ("a headless Service's port without underscores", "dns.udp.h.@", "A", NAME, READY_OF_H),
    ("an endpoint of it", "a.h.@", "A", NAME, ["A 10.1.0.1"]),
    ("that drains", "10-1-0-2.h.@", "A", NONE),
    ("at its second address", "10-1-0-5.h.@", "A", NAME, ["A 10.1.0.5"]),
    ("in another slice without a hostname", "10-1-0-1.h.@", "A", NAME, ["A 10.1.0.1"]),
    ("ports of all slices, by all names", "_http._tcp.h.@", "SRV", NAME,
     ["SRV 0 25 8080 a.h.@", "SRV 0 25 8080 10-1-0-4.h.@", "SRV 0 25 8080 10-1-0-5.h.@",
      "SRV 0 25 9090 10-1-0-1.h.@"],
     at("a.h", "10.1.0.1") + at("10-1-0-1.h", "10.1.0.1") + at("10-1-0-4.h", "10.1.0.4")
     + at("10-1-0-5.h", "10.1.0.5")),
    ("a headless Service without endpoints is not there", "nobody.@", "A", NONE),
    ("for whatever type", "nobody.@", "TXT", NONE),
    ("slices of names have no addresses", "names.@", "A", NONE),
    ("slices that no proxy looks at have names", "marked.@", "A", NAME, ["A 10.8.0.1"]),
    ("IPv6 endpoints", "six.@", "AAAA", NAME, ["AAAA fd10::", "AAAA fd10::5"]),
    ("and no others", "six.@", "A", NAME),
    ("an IPv6 endpoint by its address", "fd10--5.six.@", "AAAA", NAME, ["AAAA fd10::5"]),
    ("a label does not end with a dash", "fd10--0.six.@", "AAAA", NAME, ["AAAA fd10::"]),
    ("so that is no name", "fd10--.six.@", "AAAA", NONE),
    ("without ports", "portless.@", "A", NAME, ["A 10.3.0.1"]),
    ("without ports there is no SRV", "portless.@", "SRV", NAME),
    ("an endpoint without ports", "z.portless.@", "A", NAME, ["A 10.3.0.1"]),
    ("a port's name of a Service without any", "_http._tcp.portless.@", "SRV", NONE),
    ("ports are those of the slice", "_other._tcp.renamed.@", "SRV", NAME,
     ["SRV 0 100 8080 a.renamed.@"], at("a.renamed", "10.6.0.1")),
    ("not those of the Service", "_http._tcp.renamed.@", "SRV", NONE),

    ("Pods as endpoints", "pods.@", "A", NAME, ["A 10.2.0.1", "A 10.2.0.2"]),
    ("by hostname, if the subdomain is the Service", "p1h.pods.@", "A", NAME, ["A 10.2.0.1"]),
    ("not if it is another", "p2h.pods.@", "A", NONE),
    ("but by address", "10-2-0-2.pods.@", "A", NAME, ["A 10.2.0.2"]),
    ("Pods that have the port by its name", "_http._tcp.pods.@", "SRV", NAME,
     ["SRV 0 100 1 p1h.pods.@"], at("p1h.pods", "10.2.0.1")),
    ("publishNotReadyAddresses", "early.@", "A", NAME, ["A 10.2.1.1"]),
    ("Endpoints", "old.@", "A", NAME, ["A 10.4.0.1"]),
    ("Endpoints of IPv6", "old.@", "AAAA", NAME, ["AAAA fd10:4::1"]),
    ("Endpoints' ports by subset", "_http._tcp.old.@", "SRV", NAME,
     ["SRV 0 50 8080 e1.old.@", "SRV 0 50 8081 fd10-4--1.old.@"],
     at("e1.old", "10.4.0.1") + at("fd10-4--1.old", "fd10:4::1")),

    ("backwards: a ClusterIP", "1.0.30.172.in-addr.arpa.", "PTR", NAME, ["PTR web.@"]),
    ("an endpoint's hostname", "1.0.0.10.in-addr.arpa.", "PTR", NAME, ["PTR w0.web.@"]),
    ("an endpoint's address", "2.0.0.10.in-addr.arpa.", "PTR", NAME, ["PTR 10-0-0-2.web.@"]),
    ("all names of an address", "1.0.1.10.in-addr.arpa.", "PTR", NAME,
     ["PTR a.h.@", "PTR 10-1-0-1.h.@"]),
    ("an endpoint of a Service that there is not", "1.0.9.10.in-addr.arpa.", "PTR", NAME,
     ["PTR l0.lone.@"]),
    ("at its second address, without a hostname", "4.0.9.10.in-addr.arpa.", "PTR", NAME,
     ["PTR 10-9-0-4.lone.@"]),
    ("but not one that is not ready", "2.0.31.172.in-addr.arpa.", "PTR", NONE, [], [], ARPA),
    ("the Service itself is not there", "lone.@", "A", NONE),
    ("nor its endpoint by name", "l0.lone.@", "A", NONE),
    ("nor its port", "_http._tcp.lone.@", "SRV", NONE),
    ("IPv6", FOUR, "PTR", NAME, ["PTR dual.@"]),
    ("IPv6 in capitals", FOUR.upper(), "PTR", NAME, ["PTR dual.@"]),
    ("another type of a reverse name", "1.0.30.172.in-addr.arpa.", "A", NAME, [], [], ARPA),
    ("numbers that are none of an address", "256.0.30.172.in-addr.arpa.", "PTR", NONE, [], [], ARPA),
    ("nor those that begin with 0", "01.0.30.172.in-addr.arpa.", "PTR", NONE, [], [], ARPA),
    ("below an address", "x.1.0.30.172.in-addr.arpa.", "PTR", NONE, [], [], ARPA),
    ("where addresses may be", "30.172.in-addr.arpa.", "PTR", NAME, [], [], ARPA),
    ("an address that nobody has", "9.9.30.172.in-addr.arpa.", "PTR", NONE, [], [], ARPA),

    ("the zone", ZONE, "A", NAME),
    ("its SOA", ZONE, "SOA", NAME, [SOA.format(ZONE)]),
    ("its server", ZONE, "NS", NAME, ["NS ns.dns.cluster.local."],
     ["ns.dns.cluster.local. 5 IN A 192.0.2.53"]),
    ("the server's address", f"ns.dns.{ZONE}", "A", NAME, ["A 192.0.2.53"]),
    ("nothing between", f"dns.{ZONE}", "A", NONE),
    ("where Services are", f"svc.{ZONE}", "SRV", NAME),
    ("a namespace", HERE, "TXT", NAME),
    ("a namespace that there is not", f"nope.svc.{ZONE}", "A", NONE),
    ("the version of the specification, in any case", f"DNS-Version.{ZONE}", "TXT", NAME,
     [f"dns-version.{ZONE} 28800 IN TXT 1.1.0"]),
    ("Pods have no names of their own where the config has none", f"10-0-0-1.ns.pod.{ZONE}", "A", NONE),
]  # fmt: skip

# Of Pods, where the config has them verified.
POD_OBJECTS = [
    service("web", "172.30.0.1"),  # while there is no Service, nothing is known not to exist
    pod("runs", "10.2.0.1"),
    pod("waits", "10.2.0.2", status={"phase": "Pending", "conditions": []}),
    pod("is-deleted", "10.2.0.3", deleted=True),
    pod("failed", "10.2.0.4", status={"phase": "Failed"}),
    pod("is-done", "10.2.0.5", status={"phase": "Succeeded"}),
    pod("is-lost", "10.2.0.6", status={"phase": "Unknown"}),
    pod("elsewhere", "10.2.0.7", namespace="other"),
    pod("of-six", "fd10::8"),
]  # fmt: skip
POD_ROWS = [
    ("a Pod that runs", "10-2-0-1.#", "A", NAME, ["A 10.2.0.1"]),
    ("of its family alone", "10-2-0-1.#", "AAAA", NAME),
    ("whose address is of IPv6", "fd10--8.#", "AAAA", NAME, ["AAAA fd10::8"]),
    ("that is not ready", "10-2-0-2.#", "A", NAME, ["A 10.2.0.2"]),
    ("not one that is being deleted", "10-2-0-3.#", "A", NONE),
    ("nor one that failed", "10-2-0-4.#", "A", NONE),
    ("nor one that is done", "10-2-0-5.#", "A", NONE),
    ("nor one of which nothing is heard", "10-2-0-6.#", "A", NONE),
    ("nor one of another namespace", "10-2-0-7.#", "A", NONE),
    ("nor one that there is not", "10-2-0-9.#", "A", NONE),
    ("where Pods are", "#", "A", NAME),
    ("below one: CoreDNS does not look at what an endpoint's name or a port would be", "x.10-2-0-1.#", "A", NAME, ["A 10.2.0.1"]),
    ("nor at two", "_p._tcp.10-2-0-1.#", "A", NAME, ["A 10.2.0.1"]),
    ("but three are too many", "x.y.z.10-2-0-1.#", "A", NONE),
    ("and leading zeros no address", "010-2-0-1.#", "A", NONE),
]  # fmt: skip

# Where the config hides Services without a ready endpoint.
EMPTY_OBJECTS = [
    service("empty", "172.30.0.1", PORTS),
    slice_of(endpoint("10.0.0.1", conditions={"ready": False}), name="empty-a", of="empty", ports=TARGETS),
    service("full", "172.30.0.2", PORTS),
    slice_of("10.0.0.2", name="full-a", of="full", ports=TARGETS),
    alias("out", "www.example.com"),
    alias("in", f"empty.{HERE}"),
]  # fmt: skip
EMPTY_ROWS = [
    ("without a ready endpoint: there is no such name", "empty.@", "A", NONE),
    ("nor its ports", "_http._tcp.empty.@", "SRV", NONE),
    ("nor what leads there", "in.@", "A", NAME),
    ("but its ClusterIP has one", "1.0.30.172.in-addr.arpa.", "PTR", NAME, ["PTR empty.@"]),
    ("with one: as ever", "full.@", "A", NAME, ["A 172.30.0.2"]),
    ("an ExternalName has none anyway", "out.@", "CNAME", NAME, ["CNAME www.example.com."]),
]  # fmt: skip

CONFIG = {"ttl": 5, "pods": "disabled", "existingNamespaces": ["ns"], "reverseZones": ["172.0.0.0/8"]}


def as_case(sentence, name, qtype, rcode, answer=(), additional=(), zone=ZONE):
    """In the form of CoreDNS' cases."""
    name = name.replace("@", HERE).replace("#", f"ns.pod.{ZONE}")

    def full(record):
        return (record if " IN " in record else f"{name} 5 IN {record}").replace("@", HERE)

    return {
        "comment": sentence,
        "qname": name,
        "qtype": qtype,
        "rcode": rcode,
        "answer": [full(r) for r in answer],
        "authority": [] if answer else [f"{zone} 5 IN {SOA.format(zone)}"],
        "additional": [full(r) for r in additional],
    }


def main():
    n = failed = 0
    for config, objects, rows in (
        (CONFIG, OBJECTS, ROWS),
        (CONFIG | {"pods": "verified"}, POD_OBJECTS, POD_ROWS),
        (CONFIG | {"ignoreEmptyService": True}, EMPTY_OBJECTS, EMPTY_ROWS),
    ):
        cases = [as_case(*row) for row in rows]
        with tempfile.TemporaryDirectory() as folder:
            verdicts, answers = ask(
                sys.argv[1], Path(folder), {"objects": objects}, {"config": config, "cases": cases}
            )
        for i, case in enumerate(cases):
            problem = wrong(case, answers[i], True) if verdicts[i] == "answer" else verdicts[i]
            n += 1
            failed += problem is not None
            print(f"{'not ok' if problem else 'ok'} {n} - {case['comment']}: "
                  f"{case['qname']} {case['qtype']}")  # fmt: skip
            if problem:
                print(f"# {problem}")
    print(f"1..{n}")
    return failed > 0 or n == 0


if __name__ == "__main__":
    sys.exit(main())
