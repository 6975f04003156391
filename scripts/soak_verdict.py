# SPDX-License-Identifier: BSD-3-Clause
"""
What scripts/soak found, as a table. Exit status 1 where a line of it is not as it has to be.

usage: soak_verdict.py DIRECTORY SECONDS

A request that fails belongs to a restart if the two overlap; what failed at any other time has no excuse,
also when a link was down meanwhile. Flows have none at all: they outlive restarts.
"""

import sys

# How long after a new start a request may still be waiting for what got lost before it: the third
# retransmission of a SYN comes 7 s after the first.
AFTER_RESTART_S = 8
# What the allocator may keep of it all: a snapshot and its successor, answers, fragmentation.
GROWTH_KIB = 8192
REQUESTS = ("request", "request on a flow", "wrk", "transfer", "iperf3", "name")
ASKED = ("command", "scrape")


def rows(path):
    with open(path, errors="replace") as file:
        return [line.rstrip("\n").split("\t") for line in file]


def main():
    directory, seconds = sys.argv[1], int(sys.argv[2])
    results = [(float(r[0]), float(r[1]), r[2], int(r[3]), int(r[4]), r[5])
               for r in rows(directory + "/results") if len(r) == 6]
    disturbances = [(float(b), float(e), what) for b, e, what in rows(directory + "/disturbances")]
    restarts = [(b, e) for b, e, what in disturbances if what.startswith("restart")]
    samples = [(int(life), float(at), int(rss), int(heap), int(fds))
               for life, at, rss, heap, fds in rows(directory + "/samples")]
    packets = [list(map(int, line[0].split())) for line in rows(directory + "/packets")]
    bad = []

    def at_restart(begin, end):
        return any(begin < e + AFTER_RESTART_S and end > b for b, e in restarts)

    def tell(what, value, good=True):
        print(f"    {what:<44} {value}{'' if good else '   <-- NOT GOOD'}")
        if not good:
            bad.append(what)

    def count(kinds):
        good = sum(r[3] for r in results if r[2] in kinds)
        lost = [r for r in results if r[2] in kinds and r[4] > 0]
        excused = sum(r[4] for r in lost if at_restart(r[0], r[1]))
        return good, sum(r[4] for r in lost) - excused, excused

    def judge(what, kinds):
        good, failed, excused = count(kinds)
        tell(what, f"{good} went well, {failed} failed, {excused} more at restarts",
             good > 0 and failed == 0)

    print(f"soak of {seconds} s: {len(restarts)} restarts, "
          f"{sum(d[2].startswith('link') for d in disturbances)} times a link was down")
    judge("requests", REQUESTS)
    for kind in REQUESTS:
        judge(f"  {kind}", (kind,))
    opened, lost, lost_at_restarts = count(("flow",))
    tell("flows", f"{opened} opened, {lost} lost, {lost_at_restarts} more at restarts",
         opened > 0 and lost + lost_at_restarts == 0)
    judge("forebayctl and scrapes", ASKED)
    if not packets:
        tell("packets unaccounted for", "never counted", False)
    else:
        rest = [p[1] for p in packets]
        tell("packets unaccounted for", f"{sum(map(abs, rest))} of {sum(p[2] for p in packets)} received, "
             f"counted {len(packets)} times", not any(rest))
        tell("  sent, dropped, punted, answered",
             ", ".join(str(sum(p[i] for p in packets)) for i in range(3, 7)))
    crashes = [r for r in results if r[2] == "crash"]
    tell("crashes", len(crashes), not crashes)

    # Growth: the last life, the longest, without its beginning.
    last = [s for s in samples if s[0] == samples[-1][0]]
    since = last[0][1] + (last[-1][1] - last[0][1]) / 4
    settled = [s for s in last if s[1] >= since]
    early = settled[:max(1, len(settled) // 10)]
    late = settled[-len(early):]
    heap_early, heap_late = max(s[3] for s in early), min(s[3] for s in late)
    tell("control's memory, last life: early, late",
         f"{heap_early} KiB, {heap_late} KiB", heap_late - heap_early <= GROWTH_KIB)
    tell("resident set, last life: early, late", f"{max(s[2] for s in early)} KiB, {min(s[2] for s in late)} KiB")
    first_fds = min(s[4] for s in samples)
    tell("file descriptors: fewest, most, at the end",
         f"{first_fds}, {max(s[4] for s in samples)}, {samples[-1][4]}",
         samples[-1][4] <= first_fds + 1)

    shown = [r for r in results
             if r[4] > 0 and (r[2] in ("crash", "flow") or not at_restart(r[0], r[1]))]
    for r in shown[:20]:
        near = [d[2] for d in disturbances if r[0] < d[1] + 2 and r[1] > d[0] - 2]
        print(f"        {r[2]}: {r[5]} (took {r[1] - r[0]:.1f} s{'; near: ' + ', '.join(near) if near else ''})")
    print("verdict: " + ("good" if not bad else "NOT GOOD: " + ", ".join(w.strip() for w in bad)))
    return 1 if bad else 0


sys.exit(main())
