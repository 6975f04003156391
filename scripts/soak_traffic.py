# SPDX-License-Identifier: BSD-3-Clause
"""
The part of scripts/soak that holds many connections: runs in the lab's client.

usage: soak_traffic.py RESULTS URL... [--names HOST...]

New connections with a request each, flows that live for as long as they can (a request four times a
second), questions over UDP. One line to RESULTS for each second and kind, and one for each failure:

    begin  end  kind  how many went well  how many failed  what happened

begin and end in seconds of the wall clock, tabs between. Ends on SIGTERM.
"""

import random
import signal
import socket
import struct
import sys
import threading
import time

TIMEOUT_S = 30     # TCP sends again after 1, 3, 7 and 15 s: who gives up later has lost something
FLOWS_PER_URL = 6
REQUESTERS_PER_URL = 1
NAME_TRIES = 3     # as resolvers do
NAME_TIMEOUT_S = 3
PAUSE_S = 0.25

stop = threading.Event()
lock = threading.Lock()


class Results:
    """Good ones are summed up for a second; failures are told one by one."""

    def __init__(self, path):
        self.file = open(path, "a", buffering=1)
        self.good = {}
        self.since = time.time()

    def count(self, kind):
        with lock:
            self.good[kind] = self.good.get(kind, 0) + 1

    def fail(self, kind, begin, what):
        with lock:
            self.file.write(f"{begin:.3f}\t{time.time():.3f}\t{kind}\t0\t1\t{what}\n")

    def flush(self):
        with lock:
            now = time.time()
            for kind, n in self.good.items():
                self.file.write(f"{self.since:.3f}\t{now:.3f}\t{kind}\t{n}\t0\t\n")
            self.good = {}
            self.since = now


def target(url):
    """http://192.0.2.20 or http://[2001:db8::1], port 80."""
    return (url.split("//")[1].strip("/[]"), 80)


def receive(sock):
    """One answer with a Content-Length; its body, or None where the peer has closed before any byte."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        if not more:
            if data:
                raise ConnectionError("closed within the head")
            return None
        data += more
    head, body = data.split(b"\r\n\r\n", 1)
    if not head.startswith(b"HTTP/1.1 200"):
        raise ConnectionError(head.split(b"\r\n")[0].decode("latin-1"))
    lines = head.lower().split(b"\r\n")
    length = next(int(l.split(b":")[1]) for l in lines if l.startswith(b"content-length:"))
    while len(body) < length:
        more = sock.recv(65536)
        if not more:
            raise ConnectionError("closed within the body")
        body += more
    return body


def ask(sock, close):
    sock.sendall(b"GET / HTTP/1.1\r\nHost: soak\r\nConnection: %s\r\n\r\n"
                 % (b"close" if close else b"keep-alive"))
    body = receive(sock)
    if body is None:
        raise ConnectionError("closed without an answer")
    return body


def requests(results, url):
    while not stop.is_set():
        begin = time.time()
        try:
            with socket.create_connection(target(url), timeout=TIMEOUT_S) as sock:
                if not ask(sock, True).startswith(b"backend-"):
                    raise ConnectionError("an answer that no backend gives")
            results.count("request")
        except OSError as e:
            results.fail("request", begin, f"{url}: {e}")
        stop.wait(random.uniform(0.01, 0.05))


def flow(results, url):
    """A flow that breaks is counted as lost and opened anew; one backend answers all of a flow."""
    sock = None
    who = None
    while not stop.is_set():
        begin = time.time()
        try:
            if sock is None:
                sock = socket.create_connection(target(url), timeout=TIMEOUT_S)
                who = ask(sock, False)
                results.count("flow")
            elif ask(sock, False) != who:
                raise ConnectionError("another backend answers")
            else:
                results.count("request on a flow")
            stop.wait(random.uniform(0.5, 1.5) * PAUSE_S)
        except OSError as e:
            results.fail("flow" if sock is not None else "request", begin, f"{url}: {e}")
            if sock is not None:
                sock.close()
            sock = None
            stop.wait(PAUSE_S)
    if sock is not None:
        sock.close()


def names(results, host):
    """TXT of who.test, as dig asks it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    question = b"\x03who\x04test\x00" + struct.pack(">HH", 16, 1)
    while not stop.is_set():
        begin = time.time()
        answer = None
        for _ in range(NAME_TRIES):
            with socket.socket(family, socket.SOCK_DGRAM) as sock:
                sock.settimeout(NAME_TIMEOUT_S)
                ident = random.randrange(65536)
                try:
                    sock.connect((host, 53))
                    sock.send(struct.pack(">6H", ident, 0x100, 1, 0, 0, 0) + question)
                    answer = sock.recv(4096)
                except OSError as e:
                    what = e
                    stop.wait(PAUSE_S) # refused at once: as long as a restart may take
                    continue
                if struct.unpack(">H", answer[:2])[0] == ident and b"backend-" in answer:
                    break
                answer, what = None, "another answer"
        if answer is not None:
            results.count("name")
        elif not stop.is_set():
            results.fail("name", begin, f"{host}: {what}")
        stop.wait(random.uniform(0.02, 0.1))


def main():
    results = Results(sys.argv[1])
    split = sys.argv.index("--names") if "--names" in sys.argv else len(sys.argv)
    threads = []
    for url in sys.argv[2:split]:
        threads += [threading.Thread(target=requests, args=(results, url))
                    for _ in range(REQUESTERS_PER_URL)]
        threads += [threading.Thread(target=flow, args=(results, url))
                    for _ in range(FLOWS_PER_URL)]
    threads += [threading.Thread(target=names, args=(results, host))
                for host in sys.argv[split + 1:]]
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    for thread in threads:
        thread.daemon = True
        thread.start()
    while not stop.wait(1):
        results.flush()
    # Nobody is cut off within a request; who hangs longer than this is told by nobody else.
    deadline = time.time() + TIMEOUT_S + 1
    for thread in threads:
        thread.join(max(0.0, deadline - time.time()))
        if thread.is_alive():
            results.fail("request", deadline - TIMEOUT_S, "still waiting at the end")
    results.flush()


main()
