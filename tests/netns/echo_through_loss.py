# SPDX-License-Identifier: BSD-3-Clause
"""
A server that speaks first and then says everything again, and a client that holds it to that:

    echo_through_loss.py serve PORT
    echo_through_loss.py ask ADDRESS PORT BYTES [WAIT-FOR]

Bytes go both ways at once. With WAIT-FOR the client says "held" after the first time, and asks once more, on the
same connection, when a file of that name is there.
"""

import os
import socket
import socketserver
import sys
import threading
import time

HELLO = b"hello\n"
CHUNK = 1 << 16


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(HELLO)
        while data := self.request.recv(CHUNK):
            self.request.sendall(data)


class Server(socketserver.ThreadingTCPServer):
    address_family, allow_reuse_address, daemon_threads = socket.AF_INET6, True, True
    request_queue_size = 1024


def receive(s, n):
    got = bytearray()
    while len(got) < n:
        data = s.recv(min(CHUNK, n - len(got)))
        assert data, "it ended early"
        got += data
    return bytes(got)


def ask(s, n):
    wanted = os.urandom(n)
    sender = threading.Thread(target=s.sendall, args=(wanted,))
    sender.start()
    got = receive(s, n)
    sender.join()
    assert got == wanted, "something else came back"


def main():
    if sys.argv[1] == "serve":
        Server(("::", int(sys.argv[2])), Echo).serve_forever()
    s = socket.create_connection((sys.argv[2], int(sys.argv[3])), timeout=60)
    assert receive(s, len(HELLO)) == HELLO
    ask(s, int(sys.argv[4]))
    print("held", flush=True)
    if len(sys.argv) > 5:
        while not os.path.exists(sys.argv[5]):
            time.sleep(0.02)
        ask(s, int(sys.argv[4]))
        print("held again", flush=True)


main()
