# SPDX-License-Identifier: BSD-3-Clause
"""
A thousand clients of the control socket of whom none behaves:

    crowd.py SOCKET COUNT

Who finds the daemon's queue full (EAGAIN) tries again, for 10 s. They say nothing, half a request, garbage,
or ask for a lot and read nothing of it. Prints "here" when all have come, waits for a line, then prints how
many were told that there are too many, and leaves.
"""

import os
import random
import socket
import sys
import time

path, count = sys.argv[1], int(sys.argv[2])
ASK = b'{"verb":"get","what":"services"}\n' * 200
clients = []


def connect(client):
    deadline = time.monotonic() + 10
    client.settimeout(10)
    while True:
        try:
            return client.connect(path)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01) # nothing tells that there is room again


for i in range(count):
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connect(client)
    client.setblocking(False)
    said = [b"", b'{"verb":"apply","documents":[', random.Random(i).randbytes(60000), ASK][i % 4]
    try:
        while said:
            said = said[client.send(said):]
    except (BlockingIOError, ConnectionError):
        pass # it takes no more, or has had enough of us
    clients.append(client)
print("here", flush=True)
sys.stdin.readline()
told = 0
for client in clients:
    text = b""
    try:
        while True:
            more = client.recv(65536)
            if not more:
                break
            text = (text + more)[-200:]
    except OSError:
        pass
    told += b"too many clients" in text
print(told, flush=True)
os._exit(0)
