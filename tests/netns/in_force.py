# SPDX-License-Identifier: BSD-3-Clause
"""How long a manifest takes to be in force: in_force.py SOCKET rename|write FROM TO

Renames FROM to TO, or writes its contents there, and prints the milliseconds until every worker runs
a newer generation. Asks over the control socket itself, since starting a program takes longer than
what is measured.
"""

import json
import os
import socket
import sys
import time

path, how, source, target = sys.argv[1:]
control = socket.socket(socket.AF_UNIX)
control.settimeout(5)
control.connect(path)
answers = control.makefile()


def generation():
    """The oldest generation that a worker still runs."""
    control.sendall(b'{"verb": "get", "what": "workers"}\n')
    return min(worker["generation"] for worker in json.loads(answers.readline())["items"])


before = generation()
with open(source, encoding="utf-8") as file:
    text = file.read()
start = time.monotonic()
if how == "rename":
    os.rename(source, target)
else:
    with open(target, "w", encoding="utf-8") as file:
        file.write(text)
while generation() == before:
    if time.monotonic() > start + 5:
        sys.exit("not in force after 5 s")
    time.sleep(0.001)
print(round((time.monotonic() - start) * 1000, 1))
