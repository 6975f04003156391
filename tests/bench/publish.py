#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The traffic and the changes of tests/bench/publish."""

import argparse
import ctypes
import ipaddress
import json
import os
import socket
import statistics
import struct
import sys
import time

BACKENDS = ("10.1.0.11", "10.1.0.12")
ADDRESS = "192.0.2.99"
PORT = 9000
GAP_NS = 200_000  # between packets
HOLD_NS = 60_000_000  # between changes
CLONE_NEWNET = 0x40000000
SO_RCVBUFFORCE = 33
libc = ctypes.CDLL(None, use_errno=True)


def service(i):
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": f"s{i}", "namespace": f"n{i % 100}"},
        "spec": {
            "clusterIP": str(ipaddress.ip_address("10.96.0.0") + i + 1),
            "ports": [{"name": "http", "port": 80, "targetPort": 8080}],
        },
    }


def endpoint_slice(namespace, name, port, addresses, protocol="TCP"):
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{name}-x",
            "namespace": namespace,
            "labels": {"kubernetes.io/service-name": name},
        },
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": port, "protocol": protocol}],
        "endpoints": [{"addresses": [a], "conditions": {"ready": True}} for a in addresses],
    }


def write(args):
    """All Services but the measured one's endpoints, one object a line."""
    first = ipaddress.ip_address("10.128.0.0")
    with open(args.write, "w", encoding="utf-8") as f:
        for i in range(args.services):
            addresses = [str(first + i * args.endpoints + k) for k in range(args.endpoints)]
            for o in (service(i), endpoint_slice(f"n{i % 100}", f"s{i}", 8080, addresses)):
                f.write(json.dumps(o) + "\n")
        for name, address in (("file", ADDRESS), ("apply", "192.0.2.98")):
            f.write(
                json.dumps(
                    {
                        "apiVersion": "v1",
                        "kind": "Service",
                        "metadata": {"name": name},
                        "spec": {
                            "externalIPs": [address],
                            "ports": [{"name": "http", "port": PORT, "protocol": "UDP"}],
                        },
                    }
                )
                + "\n"
            )


def in_namespace(name, make):
    """A socket that was made in a network namespace stays there."""
    fd = os.open(f"/run/netns/{name}", os.O_RDONLY)
    if libc.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
    os.close(fd)
    return make()


def receiver(address):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 22)
    s.bind((address, PORT))
    s.setblocking(False)
    return s


class Run:
    """Packets out and in, and what became of each."""

    def __init__(self, lab, address):
        self.receivers = [in_namespace(f"{lab}-b{n + 1}", lambda a=a: receiver(a))
                          for n, a in enumerate(BACKENDS)]  # fmt: skip
        in_namespace(f"{lab}-client", lambda: None)
        self.address = address
        self.sent = []  # when, by sequence number
        self.got = {}  # sequence number: backend
        self.twice = 0
        self.port = 10000

    def send(self):
        """One packet of a flow that never was."""
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(("203.0.113.2", self.port))
        self.port = self.port + 1 if self.port < 64000 else 10000
        self.sent.append(time.monotonic_ns())
        s.sendto(struct.pack("!I", len(self.sent) - 1), (self.address, PORT))
        s.close()

    def receive(self):
        for n, s in enumerate(self.receivers):
            while True:
                try:
                    data = s.recv(64)
                except BlockingIOError:
                    break
                (seq,) = struct.unpack("!I", data)
                self.twice += seq in self.got
                self.got[seq] = n

    def go_on_until(self, when):
        while (now := time.monotonic_ns()) < when:
            if not self.sent or now - self.sent[-1] >= GAP_NS:
                self.send()
            self.receive()

    def finish(self):
        """Wait for what is on its way."""
        deadline = time.monotonic_ns() + 2_000_000_000
        while len(self.got) < len(self.sent) and time.monotonic_ns() < deadline:
            self.receive()


def changer(args, how):
    """(what puts a backend in force, the Service's address)"""
    if how == "file":
        def rename(address):
            path = os.path.join(args.manifests, "slice.json")
            with open(path + ".new", "w", encoding="utf-8") as f:
                json.dump(endpoint_slice("default", "file", PORT, [address], "UDP"), f)
            began = time.monotonic_ns()
            os.rename(path + ".new", path)
            return began

        return rename, ADDRESS
    control = socket.socket(socket.AF_UNIX)
    control.connect(args.socket)
    control.setblocking(False)

    def apply(address):
        text = json.dumps(endpoint_slice("default", "apply", PORT, [address], "UDP"))
        request = {"verb": "apply", "documents": [{"name": "-", "text": text}]}
        try:
            while control.recv(65536):
                pass
        except BlockingIOError:
            pass
        line = json.dumps(request, separators=(",", ":")).encode() + b"\n"
        began = time.monotonic_ns()
        control.sendall(line)
        return began

    return apply, "192.0.2.98"


def measure(args, how):
    """Milliseconds of each change, packets sent, packets lost."""
    put, address = changer(args, how)
    run = Run(args.lab, address)
    put(BACKENDS[0])
    # The first packets have no endpoint, no ARP entry and no route yet.
    deadline = time.monotonic_ns() + 10_000_000_000
    while not run.got and time.monotonic_ns() < deadline:
        run.go_on_until(time.monotonic_ns() + HOLD_NS)
    put(BACKENDS[1])
    run.go_on_until(time.monotonic_ns() + 10 * HOLD_NS)
    first = len(run.sent)
    changes = []
    for n in range(args.changes):
        began = put(BACKENDS[n % 2])
        changes.append((began, n % 2))
        run.go_on_until(began + HOLD_NS)
    run.finish()
    took = []
    for n, (began, backend) in enumerate(changes):
        end = changes[n + 1][0] if n + 1 < len(changes) else run.sent[-1] + 1
        since = [s for s in range(first, len(run.sent)) if began <= run.sent[s] < end]
        old = [s for s in since if run.got.get(s) == 1 - backend]
        new = [s for s in since if run.got.get(s) == backend and (not old or s > old[-1])]
        # One that was not in force before the next one came took at least that long.
        took.append((run.sent[new[0]] if new else end) / 1e6 - began / 1e6)
    lost = [s for s in range(first, len(run.sent)) if s not in run.got]
    return took, len(run.sent) - first, len(lost), run.twice


def main():
    parser = argparse.ArgumentParser()
    for name in ("write", "lab", "socket", "manifests"):
        parser.add_argument(f"--{name}")
    for name, value in (("services", 10000), ("endpoints", 10), ("changes", 50), ("loaded-ms", 0)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.write:
        write(args)
        return 0
    results = []
    for how in ("apply", "file"):
        took, sent, lost, twice = measure(args, how)
        took.sort()
        results.append({
            "suite": "publish", "case": how, "services": args.services, "endpoints": args.endpoints,
            "loaded_ms": args.loaded_ms, "changes": len(took), "median_ms": statistics.median(took),
            "p90_ms": took[len(took) * 9 // 10], "worst_ms": took[-1], "packets": sent, "lost": lost,
            "twice": twice,
        })  # fmt: skip
    if args.json:
        print(json.dumps(results))
        return 0
    print(f"{args.services} Services with {args.endpoints} endpoints each, up in {args.loaded_ms} ms; "
          f"a change of one EndpointSlice, ms until every worker has it:")  # fmt: skip
    for r in results:
        print(f"  {r['case']:6} median {r['median_ms']:.2f}, p90 {r['p90_ms']:.2f}, worst {r['worst_ms']:.2f} "
              f"of {r['changes']}; {r['lost']} of {r['packets']} packets lost")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
