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
BIG_ADDRESS = "192.0.2.97"
BIG_FIRST = ipaddress.ip_address("10.2.0.0")  # all at the first backend, which answers for 10.2.0.0/15
HEAVY = ("10.3.0.1", "10.3.0.2")  # the endpoint that changes is one or the other
PINNED = 6  # flows to it, so that both workers have some
GAP_NS = 200_000  # between packets
HOLD_NS = 60_000_000  # between changes
CLONE_NEWNET = 0x40000000
SO_RCVBUFFORCE = 33
IP_PKTINFO = 8
IN_OPEN = 0x20
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


def big_service():
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "big", "annotations": {"forebay.io/weights": "heavy=1000"}},
        "spec": {
            "externalIPs": [BIG_ADDRESS],
            "ports": [{"name": "http", "port": PORT, "protocol": "UDP"}],
        },
    }


def big_slices(args, heavy):
    """The slices of the Service with many endpoints, a hundred in each; the first one's first is heavy."""
    addresses = [heavy] + [str(BIG_FIRST + k) for k in range(1, args.big)]
    for k in range(0, args.big, 100):
        o = endpoint_slice("default", "big", PORT, addresses[k : k + 100], "UDP")
        o["metadata"]["name"] = f"big-{k // 100}"
        if k == 0:
            o["endpoints"][0]["nodeName"] = "heavy"
        yield o


def write(args):
    """All Services but the measured one's endpoints, one object a line."""
    first = ipaddress.ip_address("10.128.0.0")
    with open(args.write, "w", encoding="utf-8") as f:
        for i in range(args.services):
            addresses = [str(first + i * args.endpoints + k) for k in range(args.endpoints)]
            for o in (service(i), endpoint_slice(f"n{i % 100}", f"s{i}", 8080, addresses)):
                f.write(json.dumps(o) + "\n")
        if args.big:
            f.write(json.dumps(big_service()) + "\n")
            slices = list(big_slices(args, HEAVY[0]))
            with open(os.path.join(os.path.dirname(args.write), "slice.json"), "w", encoding="utf-8") as own:
                json.dump(slices[0], own)
            for o in slices[1:]:
                f.write(json.dumps(o) + "\n")
            return
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


def sleep_until(when):
    """The CPUs are for what is measured: there are two, for this, both workers and control."""
    left = when - time.monotonic_ns()
    if left > 0:
        time.sleep(left / 1e9)


class Reads:
    """When somebody opens a file of a directory, as poll() finds out: after its call before, and before this one."""

    def __init__(self, directory, name):
        self.name = name.encode()
        self.fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.fd < 0 or libc.inotify_add_watch(self.fd, directory.encode(), IN_OPEN) < 0:
            raise OSError(ctypes.get_errno(), "inotify")
        self.polled = time.monotonic_ns()
        self.at = []

    def poll(self):
        now = time.monotonic_ns()
        try:
            events = os.read(self.fd, 65536)
        except BlockingIOError:
            events = b""
        while events:
            length = struct.unpack_from("iIII", events)[3]
            if events[16 : 16 + length].rstrip(b"\0") == self.name:
                self.at.append((self.polled, now))
            events = events[16 + length :]
        self.polled = now

    def since(self, when):
        """The first after that moment, or the moment: no later than it was."""
        return next((max(after, when) for after, before in self.at if before >= when), when)


class Run:
    """Packets out and in, and what became of each."""

    def __init__(self, lab, address, reads):
        self.receivers = [in_namespace(f"{lab}-b{n + 1}", lambda a=a: receiver(a))
                          for n, a in enumerate(BACKENDS)]  # fmt: skip
        in_namespace(f"{lab}-client", lambda: None)
        self.address = address
        self.reads = reads
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
        while time.monotonic_ns() < when:
            self.send()
            self.receive()
            self.reads.poll()
            sleep_until(self.sent[-1] + GAP_NS)

    def finish(self):
        """Wait for what is on its way."""
        deadline = time.monotonic_ns() + 2_000_000_000
        while len(self.got) < len(self.sent) and time.monotonic_ns() < deadline:
            self.receive()


class Pinned:
    """Flows to the heavy endpoint of the Service with many: when it is gone, they go elsewhere at once."""

    def __init__(self, lab, reads):
        self.reads = reads

        def listen():
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
            s.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
            s.bind(("0.0.0.0", PORT))
            s.setblocking(False)
            return s

        self.receiver = in_namespace(f"{lab}-b1", listen)
        in_namespace(f"{lab}-client", lambda: None)
        self.sent = []  # when, and by which flow
        self.went = {}  # sequence number: to which address
        self.port = 10000
        self.flows = []

    def flow(self):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(("203.0.113.2", self.port))
        s.connect((BIG_ADDRESS, PORT))
        self.port = self.port + 1 if self.port < 64000 else 10000
        return s

    def send(self, s):
        self.sent.append((time.monotonic_ns(), s))
        s.send(struct.pack("!I", len(self.sent) - 1))
        return len(self.sent) - 1

    def receive(self):
        while True:
            try:
                data, control, _, _ = self.receiver.recvmsg(64, 64)
            except BlockingIOError:
                return
            self.went[struct.unpack("!I", data)[0]] = socket.inet_ntoa(control[0][2][8:12])

    def wait_for(self, seq, seconds=2):
        deadline = time.monotonic_ns() + seconds * 1_000_000_000
        while seq not in self.went and time.monotonic_ns() < deadline:
            self.receive()
        return self.went.get(seq)

    def pin(self, address):
        """Flows that lead there, of the many that do not."""
        for s in self.flows:
            s.close()
        self.flows = []
        tries = 0
        while len(self.flows) < PINNED:
            s = self.flow()
            tries += 1
            if self.wait_for(self.send(s)) == address:
                self.flows.append(s)
            else:
                s.close()
            if tries > 2000:
                sys.exit("publish: no flow leads to the endpoint that changes")

    def go_on_until(self, when):
        n = 0
        while time.monotonic_ns() < when:
            self.send(self.flows[n % PINNED])
            n += 1
            self.receive()
            self.reads.poll()
            sleep_until(self.sent[-1][0] + GAP_NS)


def measure_big(args):
    """Milliseconds of each change of the Service with many endpoints itself, by file."""
    path = os.path.join(args.manifests, "slice.json")
    run = Pinned(args.lab, Reads(args.manifests, "slice.json"))
    took = []
    from_read = []
    first = None
    for n in range(args.changes):
        run.pin(HEAVY[n % 2])
        first = first if first is not None else len(run.sent)
        run.go_on_until(time.monotonic_ns() + HOLD_NS)
        with open(path + ".new", "w", encoding="utf-8") as f:
            json.dump(next(big_slices(args, HEAVY[1 - n % 2])), f)
        began = time.monotonic_ns()
        since = len(run.sent)
        os.rename(path + ".new", path)
        run.go_on_until(began + 4 * HOLD_NS)
        last = run.wait_for(len(run.sent) - 1)
        old = [s for s in range(since, len(run.sent)) if run.went.get(s) == HEAVY[n % 2]]
        new = [s for s in range(since, len(run.sent)) if s in run.went and (not old or s > old[-1])]
        if last is None or not new:
            sys.exit("publish: a change took longer than the wait for it")
        took.append((run.sent[new[0]][0] - began) / 1e6)
        from_read.append((run.sent[new[0]][0] - run.reads.since(began)) / 1e6)
    lost = [s for s in range(first, len(run.sent)) if s not in run.went]
    return took, from_read, len(run.sent) - first, len(lost), 0


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
    run = Run(args.lab, address, Reads(args.manifests, "slice.json"))
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
    from_read = []
    for n, (began, backend) in enumerate(changes):
        end = changes[n + 1][0] if n + 1 < len(changes) else run.sent[-1] + 1
        since = [s for s in range(first, len(run.sent)) if began <= run.sent[s] < end]
        old = [s for s in since if run.got.get(s) == 1 - backend]
        new = [s for s in since if run.got.get(s) == backend and (not old or s > old[-1])]
        # One that was not in force before the next one came took at least that long.
        in_force = run.sent[new[0]] if new else end
        took.append((in_force - began) / 1e6)
        # An apply is read when it comes.
        read = run.reads.since(began) if how == "file" else began
        from_read.append((in_force - read) / 1e6)
    lost = [s for s in range(first, len(run.sent)) if s not in run.got]
    return took, from_read, len(run.sent) - first, len(lost), run.twice


def main():
    parser = argparse.ArgumentParser()
    for name in ("write", "lab", "socket", "manifests"):
        parser.add_argument(f"--{name}")
    for name, value in (("services", 10000), ("endpoints", 10), ("changes", 50), ("loaded-ms", 0),
                        ("big", 0)):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--dns", action="store_true")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.write:
        write(args)
        return 0
    results = []
    for how in ("big",) if args.big else ("apply", "file"):
        took, from_read, sent, lost, twice = measure_big(args) if args.big else measure(args, how)
        took.sort()
        results.append({
            "suite": "publish", "case": how, "services": args.services, "endpoints": args.endpoints,
            "big": args.big, "dns": args.dns,
            "loaded_ms": args.loaded_ms, "changes": len(took), "median_ms": statistics.median(took),
            "p90_ms": took[len(took) * 9 // 10], "worst_ms": took[-1],
            "from_read_median_ms": statistics.median(from_read), "packets": sent, "lost": lost,
            "twice": twice,
        })  # fmt: skip
    if args.json:
        print(json.dumps(results))
        return 0
    if args.big:
        print(f"A Service with {args.big} endpoints{' and their names' if args.dns else ''} of which one changes, "
              "beside:")  # fmt: skip
    print(f"{args.services} Services with {args.endpoints} endpoints each, up in {args.loaded_ms} ms; "
          f"a change of one EndpointSlice, ms until every worker has it:")  # fmt: skip
    for r in results:
        print(f"  {r['case']:6} median {r['median_ms']:.2f}, p90 {r['p90_ms']:.2f}, worst {r['worst_ms']:.2f} "
              f"of {r['changes']}; from when it was read, median {r['from_read_median_ms']:.2f}; {r['lost']} of {r['packets']} packets lost")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
