#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What CoreDNS' own tests say about names, asked of forebay: prints TAP.

usage: dns_cases.py FOREBAY-REPLAY CASES.json

CASES.json has objects, and sets of queries with the answer that CoreDNS gives under a setting. Each set
becomes a config and a manifest; its queries go as packets through the packet path, and the answers are
decoded here, by other code than forebay's. Sections are compared as sets, the serial of SOA is not looked
at, and lives count in the default set only: in the others they are what the fixtures happen to say.

The names of upstream's fixtures are in namespaces that exist by decree; here they are Namespace objects.
A query that needs a resolver ends here with its being handed on to the kernel's side, where it is asked;
tests/netns/dns_names_are_answered_and_forwarded.sh has the answer.
"""

import ipaddress
import json
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

SERVER, CLIENT = "192.0.2.53", "192.0.2.9"
BOX_MAC, CLIENT_MAC = bytes.fromhex("0200000000a0"), bytes.fromhex("0200000000c1")
TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "HINFO": 13, "MX": 15, "TXT": 16, "AAAA": 28,
         "SRV": 33, "OPT": 41, "ANY": 255}  # fmt: skip
TYPE_NAMES = {number: name for name, number in TYPES.items()}
RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}
# Upstream's mock of the API server says so of every set that does not say otherwise.
DECREED = "all except nsnoexist, pod-nons, svc-nons"


# ---- packets ----


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def wire(name):
    labels = [x for x in name.split(".") if x]
    return b"".join(bytes([len(x)]) + x.encode() for x in labels) + b"\0"


def frame(message, sport):
    src, dst = (ipaddress.ip_address(a).packed for a in (CLIENT, SERVER))
    udp = struct.pack("!HHHH", sport, 53, 8 + len(message), 0) + message
    total = checksum(src + dst + struct.pack("!HH", 17, len(udp)) + udp)
    udp = udp[:6] + struct.pack("!H", total or 0xFFFF) + udp[8:]
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0) + src + dst
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return BOX_MAC + CLIENT_MAC + b"\x08\0" + ip + udp


def query(case, number):
    qtype = TYPES[case["qtype"]]
    head = struct.pack("!6H", number, 0x0100, 1, 0, 0, 1)
    opt = b"\0" + struct.pack("!HHIH", TYPES["OPT"], 4096, 0, 0)
    return head + wire(case["qname"]) + struct.pack("!HH", qtype, 1) + opt


def write_pcap(path, frames):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1))
        for i, data in enumerate(frames):
            f.write(struct.pack("<IIII", 1_700_000_000, i * 1000, len(data), len(data)) + data)


def read_pcap(path):
    data, at = path.read_bytes(), 24
    while at < len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        yield data[at + 16 : at + 16 + size]
        at += 16 + size


# ---- answers ----


def read_name(message, at):
    labels, end = [], None
    while message[at]:
        if message[at] >= 0xC0:
            end = at + 2 if end is None else end
            to = struct.unpack_from("!H", message, at)[0] & 0x3FFF
            assert to < at, "a pointer forwards"
            at = to
            continue
        labels.append(message[at + 1 : at + 1 + message[at]].decode())
        at += 1 + message[at]
    return ".".join(labels) + ".", at + 1 if end is None else end


def read_data(message, at, size, rtype):
    if rtype in ("A", "AAAA"):
        return str(ipaddress.ip_address(message[at : at + size]))
    if rtype == "SRV":
        return "%d %d %d " % struct.unpack_from("!3H", message, at) + read_name(message, at + 6)[0]
    if rtype == "SOA":
        mname, at = read_name(message, at)
        rname, at = read_name(message, at)
        numbers = struct.unpack_from("!5I", message, at)
        return " ".join([mname, rname, "SERIAL", *map(str, numbers[1:])])
    if rtype == "TXT":
        return message[at + 1 : at + size].decode()
    return read_name(message, at)[0]


def read_message(message):
    """(number, flags, rcode, [records by section]); a record is (name, ttl, type, data)."""
    number, flags, questions, *counts = struct.unpack_from("!6H", message)
    at, sections = 12, []
    for _ in range(questions):
        at = read_name(message, at)[1] + 4
    for count in counts:
        records = []
        for _ in range(count):
            name, at = read_name(message, at)
            rtype, _, ttl, size = struct.unpack_from("!HHIH", message, at)
            rtype = TYPE_NAMES[rtype]
            if rtype != "OPT":
                records.append((name.lower(), ttl, rtype, read_data(message, at + 10, size, rtype)))
            at += 10 + size
        sections.append(records)
    assert at == len(message), "more than its records say"
    return number, flags, RCODES[flags & 15], sections


def expected(text):
    """"name ttl IN TYPE data" in the same form."""
    name, ttl, _, rtype, data = text.split(None, 4)
    words = data.split()
    if rtype in ("A", "AAAA"):
        data = str(ipaddress.ip_address(data))
    elif rtype == "SOA":
        data = " ".join([words[0], words[1], "SERIAL", *words[3:]])
    elif rtype == "TXT":
        data = data.strip('"')
    return name.rstrip(".").lower() + ".", int(ttl), rtype, data


def without_lives(records):
    """The last number of SOA is one too."""
    return [(n, 0, t, d.rsplit(" ", 1)[0] if t == "SOA" else d) for n, _, t, d in records]


def wrong(case, answer, lives):
    """What is not as expected, as a sentence; None: all of it is."""
    _, flags, rcode, sections = answer
    if rcode != case["rcode"]:
        return f"{rcode}, not {case['rcode']}"
    if not flags & 0x8000 or flags & 0x0200:
        return f"flags {flags:#06x}"
    for section, have in zip(("answer", "authority", "additional"), sections):
        want = [expected(text) for text in case[section]]
        if section == "answer" and [r[2] for r in have if r[2] == "CNAME"] and have[0][2] != "CNAME":
            return f"the CNAME is behind its target: {have}"
        if not lives:
            have, want = without_lives(have), without_lives(want)
        if sorted(have) != sorted(want):
            return f"{section} is {sorted(have)}, not {sorted(want)}"
    return None


# ---- sets ----


def zone_of(config):
    return config.get("zone", "cluster.local.").rstrip(".")


def namespaces(config, cases):
    """Those that exist: a list, or all that are asked for but some."""
    existing = config.get("existingNamespaces", DECREED)
    if isinstance(existing, list):
        return set(existing)
    asked = set()
    for case in cases:
        labels = case["qname"].rstrip(".").lower().split(".")
        labels = labels[: -len(zone_of(config).split("."))]
        if len(labels) >= 2 and labels[-1] in ("svc", "pod"):
            asked.add(labels[-2])
    return asked - {n.strip() for n in existing.partition("except")[2].split(",")}


def objects(data, config, cases):
    for name in sorted(namespaces(config, cases)):
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    for pod in config.get("pods_present", []):
        yield {
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": pod["name"], "namespace": pod["namespace"]},
            "status": {"phase": "Running", "podIP": pod["ip"], "podIPs": [{"ip": pod["ip"]}],
                       "conditions": [{"type": "Ready", "status": "True"}]},
        }  # fmt: skip
    yield from data["objects"]


def box_config(config, cases):
    exposed = config.get("exposedNamespaces", "all")
    return {
        "ports": [{"name": "lan", "device": "none0", "addresses": ["192.0.2.1/24"],
                   "mac": "02:00:00:00:00:a0"}],
        "workers": {"idle": "sleep"},
        "flows": {"ipv4": 1024, "ipv6": 1024},
        "dns": {
            "enabled": True,
            "addresses": [SERVER],
            "domain": zone_of(config),
            "ttl": config.get("ttl", 5),
            "pods": config.get("pods", "disabled"),
            "namespaces": exposed if isinstance(exposed, list) else [],
            "ignore-empty-services": config.get("ignoreEmptyService", False),
            "pod-names": config.get("endpointPodNames", False),
            "reverse-zones": config.get("reverseZones", []),
            "resolvers": ["192.0.2.2"] if any(c.get("upstream") for c in cases) else [],
        },
    }  # fmt: skip


def ask(replay, folder, data, dns_set):
    """@return (verdicts by case, answers by number)"""
    config, cases = dns_set["config"], dns_set["cases"]
    (folder / "config.yaml").write_text(json.dumps(box_config(config, cases)))
    command = [replay, "-c", folder / "config.yaml", "-o", "json"]
    if config.get("apiSynced", True):
        items = list(objects(data, config, cases))
        (folder / "objects.json").write_text(
            json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
        )
        command += ["-f", folder / "objects.json"]
    write_pcap(folder / "in", [frame(query(c, i), 20000 + i) for i, c in enumerate(cases)])
    command += ["-i", f"lan={folder}/in", "-w", f"lan={folder}/out"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if run.returncode != 0:
        raise RuntimeError(f"forebay-replay: status {run.returncode}\n{run.stderr}")
    verdicts = [json.loads(line)["verdict"] for line in run.stdout.splitlines()]
    # Ethernet and headers without options.
    answers = [read_message(f[42 : 14 + struct.unpack_from("!H", f, 16)[0]])
               for f in read_pcap(folder / "out")]  # fmt: skip
    return verdicts, {answer[0]: answer for answer in answers}


def main():
    replay, data = sys.argv[1], json.loads(Path(sys.argv[2]).read_text())
    n = failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        for dns_set in data["sets"]:
            verdicts, answers = ask(replay, Path(scratch), data, dns_set)
            for i, case in enumerate(dns_set["cases"]):
                if case.get("upstream"):
                    problem = None if verdicts[i] == "punt" else f"{verdicts[i]}, not punt"
                elif verdicts[i] != "answer":
                    problem = f"{verdicts[i]}, not answer"
                else:
                    problem = wrong(case, answers[i], dns_set["name"] == "default")
                n += 1
                failed += problem is not None
                print(f"{'not ok' if problem else 'ok'} {n} - {dns_set['name']}: {case['qname']} "
                      f"{case['qtype']}, {case['comment'] or 'line %d' % case['line']}")  # fmt: skip
                if problem:
                    print(f"# {problem}")
    print(f"1..{n}")
    return failed > 0 or n == 0


if __name__ == "__main__":
    sys.exit(main())
