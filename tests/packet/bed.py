# SPDX-License-Identifier: BSD-3-Clause
"""The bench that the tables run on: captures in, forebay-replay, captures and verdicts out.

A row is a generator: it yields frames (Step), and is given what became of them (Result). All rows of a
bench share one replay. Round k replays the first k steps of every row from the start, so a row can build
its next packet from what it saw; that what it saw stays the same in later rounds is checked as well.
"""

import itertools
import json
import struct
import subprocess
from decimal import Decimal
from pathlib import Path

HERE = Path(__file__).resolve().parent
PORTS = ["lan", "pods", "narrow", "tagged", "quiet"]
BEGIN_NS = 1_700_000_000 * 10**9
ROUND_NS = 20 * 10**6
MAX_ROUNDS = 12


class Step:
    """One frame into a port, at_s seconds after the begin (by default as early as may be)."""

    def __init__(self, port, frame, at_s=None):
        self.port, self.frame, self.at_s = port, bytes(frame), at_s
        self.time_ns = None


class Result:
    def __init__(self, said, frames, own):
        self.own = own  # the same, of all that the box sent by itself until now
        self.verdict, self.reason = said["verdict"], said["reason"]
        self.endpoint, self.service = said.get("endpoint"), said.get("service")
        self.frames = frames  # [(port, bytes)]

    def key(self):
        """What does not depend on who the worker was: SNAT ports do, by design."""
        return (self.verdict, self.reason, self.endpoint, self.service, [p for p, _ in self.frames])


class Row:
    def __init__(self, name, function, bench, only_one_worker, any_endpoint, args):
        self.name, self.function, self.bench, self.args = name, function, bench, args
        self.only_one_worker, self.any_endpoint = only_one_worker, any_endpoint


ROWS = []


def row(name, bench="main", only_one_worker=False, any_endpoint=False, **axes):
    """Register a row for each combination of the axes; {axis} in the name stands for its value.

    any_endpoint: workers decide, so with another number of them it is another endpoint.
    """

    def register(function):
        for values in itertools.product(*axes.values()):
            args = dict(zip(axes, values))
            words = dict(args)
            if "family" in args:
                words["family"] = f"IPv{args['family']}"
            ROWS.append(Row(name.format(**words), function, bench.format(**words), only_one_worker, any_endpoint, args))
        return function

    return register


def write_pcap(path, frames):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1))
        for time_ns, frame in frames:
            f.write(struct.pack("<IIII", time_ns // 10**9, time_ns % 10**9, len(frame), len(frame)))
            f.write(frame)


def read_pcap(path):
    data = path.read_bytes()
    assert struct.unpack_from("<I", data)[0] == 0xA1B23C4D, "nanoseconds, little-endian"
    at = 24
    while at < len(data):
        s, ns, caplen, _ = struct.unpack_from("<IIII", data, at)
        yield s * 10**9 + ns, data[at + 16 : at + 16 + caplen]
        at += 16 + caplen


class Bench:
    """One config, one number of workers, many rows."""

    TIMEOUTS = {"main": "{}", "limits": "{}", "select": "{}", "drain": "{}"}
    TIMEOUTS["short"] = (
        "{tcp-opening: 2s, tcp-established: 60s, tcp-closing: 4s, udp-new: 2s, udp: 5s, "
        "sctp-opening: 2s, sctp-established: 30s, sctp-closing: 4s}"
    )
    LIMITS = {"main": "{}", "short": "{}", "select": "{}", "drain": "{}"}
    LIMITS["limits"] = "{reject-rate: 5, icmp-rate: 5, icmp-error-rate: 5}"
    FLOWS = {}  # by bench: another room for flows
    SNAT_PORTS = {}  # by bench: fewer ports
    FRAGMENTS = {}  # by bench, where it is not the default
    TCP_MSS = {}  # by bench: of port tagged, where it is not the default
    OBJECTS = {}  # by bench: objects instead of services.yaml
    THEN = {}  # by bench: (seconds, objects) that come in their place

    def __init__(self, replay, name, workers, scratch):
        self.replay, self.workers, self.scratch = replay, workers, scratch
        self.config = scratch / f"{name}-{workers}.yaml"
        text = (HERE / "bed.yaml").read_text()
        text = text.replace("TIMEOUTS", self.TIMEOUTS[name])
        text = text.replace("LIMITS", self.LIMITS.get(name, "{}"))
        text = text.replace("FLOWS", self.FLOWS.get(name, "ipv4: 4096, ipv6: 4096"))
        text = text.replace("SNAT_PORTS", self.SNAT_PORTS.get(name, "32768-65535"))
        text = text.replace("TCP_MSS", self.TCP_MSS.get(name, "off"))
        text = text.replace("FRAGMENTS", self.FRAGMENTS.get(name, "{}"))
        self.config.write_text(text.replace("WORKERS", str(workers)))
        self.manifest = HERE / "services.yaml"
        self.then = []
        if name in self.OBJECTS:
            self.manifest = self.write(f"{name}.json", self.OBJECTS[name])
        for at_s, objects in self.THEN.get(name, []):
            self.then.append(f"--then={at_s}={self.write(f'{name}-{at_s}.json', objects)}")

    def write(self, name, objects):
        path = self.scratch / name
        path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
        return path

    def run_once(self, steps):
        """Replay the steps. @return {time_ns: Result}"""
        command = [self.replay, "-c", self.config, "-f", self.manifest, "-o", "json"]
        command += self.then
        for port in PORTS:
            mine = sorted((s for s in steps if s.port == port), key=lambda s: s.time_ns)
            write_pcap(self.scratch / f"{port}.in", [(s.time_ns, s.frame) for s in mine])
            command += ["-i", f"{port}={self.scratch}/{port}.in"]
            command += ["-w", f"{port}={self.scratch}/{port}.out"]
        if self.workers > 1:
            command.append("--spread")
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"forebay-replay: status {done.returncode}\n{done.stderr}")
        if done.stderr.count("\n") != 1:  # the law's line, and nothing else
            raise RuntimeError(f"forebay-replay said:\n{done.stderr}")
        frames = {s.time_ns: [] for s in steps}
        for port in PORTS:
            for time_ns, frame in read_pcap(self.scratch / f"{port}.out"):
                frames.setdefault(time_ns, []).append((port, frame))
        ordered = sorted(steps, key=lambda s: s.time_ns)
        own = sorted(set(frames) - {s.time_ns for s in steps})
        lines = done.stdout.splitlines()
        assert len(lines) == len(ordered), "one line for each frame"
        for s, line in zip(ordered, lines):
            said = json.loads(line, parse_float=Decimal)["time"]
            assert said * 10**9 == s.time_ns, "to the nanosecond"
        return {
            s.time_ns: Result(
                json.loads(line),
                frames[s.time_ns],
                [f for t in own if t < s.time_ns for f in frames[t]],
            )
            for s, line in zip(ordered, lines)
        }

    def run(self, rows):
        """All rows to their ends. @return {row: (error text or None, [Result.key()])}"""
        lives = {r: Life(r, i) for i, r in enumerate(rows)}
        steps = []
        for number in range(MAX_ROUNDS):
            new = [s for life in lives.values() for s in life.pending]
            if not new:
                break
            for s in new:
                at = number * ROUND_NS if s.at_s is None else round(s.at_s * 10**9)
                s.time_ns = BEGIN_NS + at + (len(steps) + 1) * 1000
                steps.append(s)
            results = self.run_once(steps)
            for life in lives.values():
                life.go_on(results)
        for life in lives.values():
            if life.pending:
                life.fail(f"not done after {MAX_ROUNDS} rounds")
        return {r: (life.error, [x.key() for x in life.seen]) for r, life in lives.items()}


class Life:
    """A row on its way through the rounds."""

    def __init__(self, row_, place):
        self.error, self.seen, self.steps, self.pending = None, [], [], []
        self.many = False
        self.any_endpoint = row_.any_endpoint
        self.generator = row_.function(Bed(place, **row_.args))
        self.advance(None)

    def fail(self, why):
        self.error, self.pending = why, []

    def advance(self, value):
        try:
            wanted = self.generator.send(value)
            self.many = isinstance(wanted, list)
            self.pending = wanted if self.many else [wanted]
        except StopIteration:
            self.pending = []
        except Exception as e:  # a row that stumbles fails, the others go on
            line = e.__traceback__
            while line.tb_next is not None:
                line = line.tb_next
            self.fail(f"{Path(line.tb_frame.f_code.co_filename).name}:{line.tb_lineno}: {type(e).__name__}: {e}")

    def key(self, result):
        """What workers decide may change once the row has seen all: other rows' packets come in between."""
        key = result.key()
        return key[:2] + key[3:] if self.any_endpoint and not self.pending else key

    def go_on(self, results):
        for step, before in zip(self.steps, self.seen):
            was, now = self.key(before), self.key(results[step.time_ns])
            if was != now and self.error is None:
                self.fail(f"was {was}, is now {now}")
        if not self.pending:
            return
        new = [results[s.time_ns] for s in self.pending]
        self.steps += self.pending
        self.seen += new
        self.advance(new if self.many else new[0])


# What rows are given; apart from the bench, and imported late because it needs Bench's names.
from packets import Bed  # noqa: E402
