# SPDX-License-Identifier: BSD-3-Clause
"""
What nobody should send, for scripts/soak: frames straight to an interface, until told to stop.

usage: soak_noise.py INTERFACE BOX-MAC FRAMES-PER-SECOND SEED SOURCE4 SOURCE6 TARGET4... TARGET6...

Sources are prefixes whose last byte is drawn (203.0.113., 2001:db8:c::); targets are addresses, of
Services and of the box. Every frame is drawn anew from the seed.
"""

import random
import socket
import struct
import sys
import time

TICK_S = 0.02


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


class Noise:
    def __init__(self, rng, box, own, source4, source6, targets):
        self.rng, self.box, self.own = rng, box, own
        self.source4, self.source6 = source4, source6
        self.targets4 = [t for t in targets if ":" not in t]
        self.targets6 = [t for t in targets if ":" in t]

    def port(self):
        return self.rng.choice([53, 80, 80, 443, 8080, 5201, self.rng.randrange(65536)])

    def pair(self, family):
        last = self.rng.randrange(10, 250)
        if family == 4:
            return (socket.inet_pton(socket.AF_INET, f"{self.source4}{last}"),
                    socket.inet_pton(socket.AF_INET, self.rng.choice(self.targets4)))
        return (socket.inet_pton(socket.AF_INET6, f"{self.source6}{last:x}"),
                socket.inet_pton(socket.AF_INET6, self.rng.choice(self.targets6)))

    def udp(self, src, dst):
        data = self.rng.randbytes(self.rng.randrange(0, 600))
        head = struct.pack(">4H", self.rng.randrange(1024, 65536), self.port(), 8 + len(data), 0)
        return 17, self.summed(src, dst, 17, head + data, 6)

    def tcp(self, src, dst):
        flags = self.rng.choice([0x02, 0x02, 0x10, 0x18, 0x04, 0x11, 0x14, 0x12, 0x00, 0x3f, 0x03,
                                 self.rng.randrange(256)])
        options = self.rng.choice([b"", b"\x02\x04\x05\xb4", self.rng.randbytes(8),
                                   b"\x03\x00\x00\x00"])
        offset = self.rng.choice([5 + len(options) // 4] * 6 + [self.rng.randrange(16)])
        head = struct.pack(">HHIIBBHHH", self.rng.randrange(1024, 65536), self.port(),
                           self.rng.getrandbits(32), self.rng.getrandbits(32), offset << 4, flags,
                           self.rng.randrange(65536), 0, 0) + options
        return 6, self.summed(src, dst, 6, head + self.rng.randbytes(self.rng.randrange(0, 40)), 16)

    def summed(self, src, dst, proto, segment, at):
        if self.rng.random() < 0.1:
            return segment # whatever stands there
        pseudo = src + dst + struct.pack(">II", len(segment), proto)
        return segment[:at] + struct.pack(">H", checksum(pseudo + segment)) + segment[at + 2:]

    def icmp(self, src, dst):
        """Errors about flows that nobody has, echoes, nonsense."""
        quote = self.rng.randbytes(self.rng.randrange(0, 80))
        if len(src) == 4:
            kind = self.rng.choice([0, 3, 5, 8, 11, 12, self.rng.randrange(256)])
            if self.rng.random() < 0.5:
                quote = self.ipv4(*self.tcp(dst, src), dst, src)
            body = struct.pack(">BBHI", kind, self.rng.randrange(16), 0, self.rng.getrandbits(32)) + quote
            return 1, body[:2] + struct.pack(">H", checksum(body)) + body[4:]
        kind = self.rng.choice([1, 2, 3, 4, 128, 129, 133, 134, 135, 136, self.rng.randrange(256)])
        body = struct.pack(">BBHI", kind, self.rng.randrange(8), 0, self.rng.getrandbits(32)) + quote
        return 58, self.summed(src, dst, 58, body, 2)

    def sctp(self, src, dst):
        return 132, self.rng.randbytes(self.rng.randrange(8, 60))

    def other(self, src, dst):
        return self.rng.randrange(256), self.rng.randbytes(self.rng.randrange(0, 100))

    def ipv4(self, proto, payload, src, dst):
        fragment = self.rng.choice([0] * 12 + [0x2000, 0x2001, 0x00b9, 0x4000, self.rng.randrange(65536)])
        length = self.rng.choice([20 + len(payload)] * 20 + [self.rng.randrange(65536)])
        version = self.rng.choice([0x45] * 20 + [0x46, 0x4f, 0x40, self.rng.randrange(256)])
        head = struct.pack(">BBHHHBBH4s4s", version, 0, length, self.rng.randrange(65536), fragment,
                           self.rng.choice([64, 64, 64, 64, 1, 0]), proto, 0, src, dst)
        if self.rng.random() > 0.03:
            head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
        return head + payload

    def ipv6(self, proto, payload, src, dst):
        for _ in range(self.rng.choice([0] * 8 + [1, 2, 12])):
            kind = self.rng.choice([0, 43, 44, 60, 51])
            payload = struct.pack(">BB", proto, self.rng.choice([0, 0, 0, 200]) if kind != 44 else 0) \
                + self.rng.randbytes(6) + payload
            proto = kind
        length = self.rng.choice([len(payload)] * 20 + [self.rng.randrange(65536)])
        return struct.pack(">IHBB", 6 << 28, length, proto, self.rng.choice([64, 64, 64, 1, 0])) \
            + src + dst + payload

    def frame(self):
        if self.rng.random() < 0.02:
            return self.box + self.own + self.rng.randbytes(self.rng.randrange(2, 1400))
        family = self.rng.choice([4, 6])
        src, dst = self.pair(family)
        proto, payload = self.rng.choice([self.udp, self.tcp, self.tcp, self.icmp, self.sctp,
                                          self.other])(src, dst)
        packet = (self.ipv4 if family == 4 else self.ipv6)(proto, payload, src, dst)
        if self.rng.random() < 0.03:
            packet = packet[:self.rng.randrange(len(packet) + 1)]
        ether = 0x0800 if family == 4 else 0x86dd
        tag = struct.pack(">HH", 0x8100, self.rng.randrange(4096)) if self.rng.random() < 0.01 else b""
        to = self.rng.choice([self.box] * 30 + [b"\xff" * 6, self.rng.randbytes(6)])
        return to + self.own + tag + struct.pack(">H", ether) + packet


def main():
    interface, box, rate, seed, source4, source6 = sys.argv[1:7]
    rate = int(rate)
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sock.bind((interface, 0))
    own = sock.getsockname()[4]
    noise = Noise(random.Random(int(seed)), bytes.fromhex(box.replace(":", "")), own, source4, source6,
                  sys.argv[7:])
    begin = time.monotonic()
    sent = 0
    while True:
        due = int((time.monotonic() - begin) * rate)
        # After a pause nothing is made up for.
        if due - sent > rate:
            sent = due
        while sent < due:
            try:
                sock.send(noise.frame())
            except OSError:
                pass # the link is down, or the frame is too short for it
            sent += 1
        time.sleep(TICK_S)


main()
