# SPDX-License-Identifier: BSD-3-Clause
"""Cases about the choice of endpoints, the union of slices and a Service's frontends, as flows to the
addresses that they are about, in the form of the cases that are about flows."""

import ipaddress

# What stands in a box's config where a case does not say it.
NODE = {
    "mode": "nftables",
    "nodeName": "test-node",
    "nodeIPs": ["192.168.0.2", "2001:db8::1"],
    "primaryNodeIP": "192.168.0.2",
    "nodePortAddresses": None,
}


def service(name, ip, ports, **spec):
    namespace, name = name.split("/")
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"clusterIP": ip, "ports": ports, **spec},
    }


def a_flow(name, address, port, protocol, verdict, endpoints=()):
    """A client outside; whether its address is hidden is not asked."""
    return {
        "name": name,
        "source": "any",
        "sourceIP": "2600:5200::1" if ":" in address else "203.0.113.2",
        "entry": "any",
        "destIP": address,
        "destPort": port,
        "protocol": protocol,
        "expect": {"verdict": verdict, "endpoints": list(endpoints)},
    }


def categorize_case(case):
    """What a policy chooses of endpoints, asked at the ClusterIP and the NodePort."""
    node = case["nodeName"] or "test-node"
    said = case["service"]
    expect = case["expect"]
    ports = [{"name": "p", "port": 80}]
    spec = {f"{side}TrafficPolicy": said[f"{side}TrafficPolicy"] for side in ("internal", "external")}
    if said["nodePort"]:
        ports[0]["nodePort"] = said["nodePort"]
        spec["type"] = "NodePort"
    slices = []
    for i, e in enumerate(case["endpoints"]):
        address, port = e["endpoint"].rsplit(":", 1)
        hints = {
            key: [{"name": h} for h in e[said_as] or []]
            for key, said_as in (("forZones", "zoneHints"), ("forNodes", "nodeHints"))
        }
        slices.append(
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {
                    "namespace": "ns1",
                    "name": f"svc1-{i}",
                    "labels": {"kubernetes.io/service-name": "svc1"},
                },
                "addressType": "IPv4",
                "ports": [{"name": "p", "port": int(port)}],
                "endpoints": [
                    {
                        "addresses": [address],
                        "conditions": {k: e[k] for k in ("ready", "serving", "terminating")},
                        "nodeName": node if e["isLocal"] else "remote",
                        "hints": hints,
                    }
                ],
            }
        )

    def ask(name, address, port, policy):
        chosen = expect["localEndpoints" if policy == "Local" else "clusterEndpoints"] or []
        verdict = "FORWARD" if chosen else "DROP" if expect["hasAnyEndpoints"] else "REJECT"
        return a_flow(name, address, port, "TCP", verdict, chosen)

    flows = [ask("ClusterIP", "172.30.0.1", 80, said["internalTrafficPolicy"])]
    if said["nodePort"]:
        address = NODE["primaryNodeIP"]
        flows.append(ask("NodePort", address, said["nodePort"], said["externalTrafficPolicy"]))
    return {
        "id": f"categorize/{case['name']}",
        "config": {**NODE, "nodeName": node, "zone": case["zone"] or ""},
        "objects": [service("ns1/svc1", "172.30.0.1", ports, **spec)] + slices,
        "flows": flows,
    }


def slices_case(kind, case, slices):
    """Slices to what is known of each service port, asked at a ClusterIP that the test makes up."""
    services = {}
    flows = []
    for key, endpoints in sorted(case["expect"].items()):
        name, rest = key.split(":", 1)
        port_name, protocol = rest.rsplit("/", 1)
        made = services.setdefault(name, service(name, f"172.30.0.{len(services) + 1}", []))
        port = 1000 + len(made["spec"]["ports"])
        made["spec"]["ports"].append({"name": port_name, "protocol": protocol, "port": port})
        chosen = [e for e in endpoints if e["ready"]] or [
            e for e in endpoints if e["serving"] and e["terminating"]
        ]
        chosen = [e["endpoint"] for e in chosen]
        verdict = "FORWARD" if chosen else "REJECT"
        flows.append(a_flow(key, made["spec"]["clusterIP"], port, protocol, verdict, chosen))
    return {
        "id": f"{kind}/{case['name']}",
        "config": {**NODE, "nodeName": case["nodeName"]},
        "objects": list(services.values()) + list(slices.values()),
        "flows": flows,
    }


def name_of(o):
    return o["metadata"]["namespace"], o["metadata"]["name"]


def merge_case(case):
    """Upstream adds them one after the other: of the same name, the last one is there."""
    return slices_case("merge", case, {name_of(s): s for s in case["slices"]})


def all_ready(slices):
    """The expectation where every endpoint is ready, by service port."""
    expect = {}
    for s in slices:
        name = f"{s['metadata']['namespace']}/{s['metadata']['labels']['kubernetes.io/service-name']}"
        for p in s["ports"]:
            expect.setdefault(f"{name}:{p['name']}/{p['protocol']}", []).extend(
                {"endpoint": f"{e['addresses'][0]}:{p['port']}", "ready": e["conditions"]["ready"]}
                for e in s["endpoints"]
            )
    return expect


def update_case(case):
    """What is there after the update; that it is published at once, others test."""
    slices = {name_of(s): s for s in case["start"]}
    if case["expect"] is None:
        # No change: upstream does not say again what is there.
        case = {**case, "expect": all_ready(case["start"])}
    if case["remove"]:
        slices.pop(name_of(case["update"]), None)
    else:
        slices[name_of(case["update"])] = case["update"]
    return slices_case("update", case, slices)


def frontends_case(case):
    """Each address that kube-proxy has a rule for, and those that the Service names without effect."""
    said = case["service"]
    # The proxy's own tests have capitals in names, which the API server refuses, and so does forebay.
    said["metadata"]["name"] = said["metadata"]["name"].lower()
    for port in said["spec"].get("ports", []):
        port["name"] = port["name"].lower()
    version = 4 if case["ipFamily"] == "IPv4" else 6
    flows = []
    served = set()
    for f in case["expectFrontends"]:
        for address in [f["clusterIP"], *f["externalIPs"], *f["loadBalancerVIPs"]]:
            name = f"{f['portName']} at {address}"
            flows.append(a_flow(name, address, f["port"], f["protocol"], "NO_ENDPOINTS"))
            served.add(address)
    ingress = said.get("status", {}).get("loadBalancer", {}).get("ingress", [])
    named = [said["spec"].get("clusterIP", "None"), said["spec"].get("loadBalancerIP", "None")]
    for address in named + [i["ip"] for i in ingress]:
        # What the other family's proxy does is another case.
        if address == "None" or ipaddress.ip_address(address).version != version:
            continue
        if address not in served:
            port = said["spec"]["ports"][0]
            name = f"nothing at {address}"
            protocol = port.get("protocol", "TCP")
            flows.append(a_flow(name, address, port["port"], protocol, "NOT_A_SERVICE"))
    if not flows:
        # Headless: no address at all to ask at but the node's own.
        flows = [a_flow("nothing at the node", NODE["primaryNodeIP"], 1234, "UDP", "NOT_A_SERVICE")]
    return {"id": f"frontends/{case['name']}", "config": NODE, "objects": [said], "flows": flows}


def all_cases(data):
    """Every case of the file that says what becomes of a new flow."""
    return (
        data["flow_cases"]
        + [categorize_case(c) for c in data["categorize_cases"]]
        + [merge_case(c) for c in data["endpointslice_merge_cases"]]
        + [update_case(c) for c in data["endpointslice_update_cases"]]
        + [frontends_case(c) for c in data["service_frontend_cases"]]
    )
