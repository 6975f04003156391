#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Connections that carry something every few milliseconds, to see for how long they did not.

    steady.py serve PORT            TCP: numbers, one every 5 ms, to whoever connects; UDP: what comes, back
    steady.py tcp HOST PORT         reads numbers until SIGTERM
    steady.py udp HOST PORT         sends a number every 2 ms until SIGTERM, all from one socket

A client prints JSON at its end: how many came, how many were missing, and the longest pause in milliseconds.
A number out of order, a reset or an end before SIGTERM is an error. It ends when something has come since.
"""

import json
import select
import selectors
import signal
import socket
import struct
import sys
import threading
import time

NUMBER = struct.Struct("!Q")


def feed(conn):
    conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    number = 0
    # Until the client has nothing more to say.
    while not select.select([conn], [], [], 0.005)[0]:
        conn.sendall(NUMBER.pack(number))
        number += 1
    conn.close()


def serve(port):
    udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    udp.bind(("::", port))

    def echo():
        while True:
            data, peer = udp.recvfrom(2048)
            udp.sendto(data, peer)

    threading.Thread(target=echo, daemon=True).start()
    listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    while True:
        conn, _ = listener.accept()
        threading.Thread(target=feed, args=(conn,), daemon=True).start()


class Pauses:
    def __init__(self):
        self.last = time.monotonic()
        self.longest = 0.0

    def note(self):
        now = time.monotonic()
        self.longest = max(self.longest, now - self.last)
        self.last = now


def report(came, missing, pauses):
    print(json.dumps({"came": came, "missing": missing, "pause_ms": round(pauses.longest * 1000)}))


def tcp(host, port, ended):
    conn = socket.create_connection((host, port), timeout=30)
    pauses = Pauses()
    buffer = b""
    expected = 0
    shut = False
    while True:
        data = conn.recv(65536)
        if shut and not data:
            break
        assert data, "the connection ended"
        pauses.note()
        if ended.is_set() and not shut:
            conn.shutdown(socket.SHUT_WR)
            shut = True
        buffer += data
        while len(buffer) >= NUMBER.size:
            (number,) = NUMBER.unpack_from(buffer)
            assert number == expected, f"{number} came instead of {expected}"
            expected += 1
            buffer = buffer[NUMBER.size :]
    conn.close()
    report(expected, 0, pauses)


def udp(host, port, ended):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.connect((host, port))
    sock.setblocking(False)
    selector = selectors.DefaultSelector()
    selector.register(sock, selectors.EVENT_READ)
    pauses = Pauses()
    sent = came = 0
    due = time.monotonic()
    last = None
    while last is None or came == last:
        if ended.is_set() and last is None:
            last = came
        if selector.select(max(0.0, due - time.monotonic())):
            try:
                sock.recv(2048)
                came += 1
                pauses.note()
            except OSError:
                pass  # an ICMP error is a lost one
        if time.monotonic() >= due:
            due += 0.002
            try:
                sock.send(NUMBER.pack(sent))
                sent += 1
            except OSError:
                pass
    # The last ones are on their way.
    while selector.select(0.3):
        sock.recv(2048)
        came += 1
    report(came, sent - came, pauses)


def main():
    what, *rest = sys.argv[1:]
    if what == "serve":
        serve(int(rest[0]))
        return
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    {"tcp": tcp, "udp": udp}[what](rest[0], int(rest[1]), ended)


main()
