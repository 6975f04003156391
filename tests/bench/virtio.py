#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What forebay and testpmd did at the other end of a link, round by round, as one object. For scripts/bench."""

import json
import statistics
import sys
from pathlib import Path


def rounds(scratch, who, rate):
    return [json.loads(line) for line in (Path(scratch) / f"{who}-{rate}").read_text().splitlines()]


def median_and_range(values):
    return statistics.median(values), [min(values), max(values)]


def closed_loop(scratch):
    """As many packets as come back."""
    ours, theirs = (rounds(scratch, who, 0) for who in ("forebay", "testpmd"))
    o = {"suite": "virtio", "case": "closed-loop", "family": "ipv4", "mode": "snat"}
    o["flows"] = ours[0]["flows"]
    for name, side in (("testpmd", theirs), ("worker", ours)):
        o[f"{name}_pps"], o[f"{name}_range"] = median_and_range([r["pps"] for r in side])
        o[f"{name}_lost"] = sum(r["lost"] for r in side)
    ratios = [a["pps"] / b["pps"] for a, b in zip(ours, theirs)]
    o["ratio"], o["ratio_range"] = median_and_range(ratios)
    o["runs"] = len(ours)
    return o


def latency(scratch, rate):
    ours, theirs = (rounds(scratch, who, rate) for who in ("forebay", "testpmd"))
    o = {"suite": "virtio", "case": "latency", "family": "ipv4", "mode": "snat"}
    o.update(flows=ours[0]["flows"], rate_pps=rate * 1000, runs=len(ours))
    for name, side in (("testpmd", theirs), ("worker", ours)):
        o[f"{name}_pps"] = statistics.median(r["pps"] for r in side)
        for share in ("p50", "p99", "all_p50", "all_p99"):
            o[f"{name}_{share}_us"] = statistics.median(r[f"{share}_us"] for r in side)
    return o


def main():
    scratch = sys.argv[1]
    results = [closed_loop(scratch), latency(scratch, 1000), latency(scratch, 5000)]
    if "--json" in sys.argv[2:]:
        print(json.dumps(results))
        return
    for o in results:
        print(f"virtio: {o['case']}:", " ".join(
            f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in o.items() if k not in ("suite", "case")))  # fmt: skip


main()
