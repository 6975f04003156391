# SPDX-License-Identifier: BSD-3-Clause
"""Tell the link that an IPv4 and an IPv6 address are here: announce.py IFACE IPV4 IPV6."""

import socket
import struct
import sys

iface, ip4, ip6 = sys.argv[1:]
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((iface, 0))
mac = s.getsockname()[4]

# Gratuitous ARP reply (RFC 5227, 3); Linux wants the same MAC address in both places.
a4 = socket.inet_pton(socket.AF_INET, ip4)
arp = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 2) + mac + a4 + mac + a4
s.send(b"\xff" * 6 + mac + b"\x08\x06" + arp)

# Unsolicited neighbour advertisement with the override flag to all nodes (RFC 4861, 7.2.6).
a6 = socket.inet_pton(socket.AF_INET6, ip6)
all_nodes = socket.inet_pton(socket.AF_INET6, "ff02::1")
na = struct.pack("!BBHI", 136, 0, 0, 0x20000000) + a6 + b"\x02\x01" + mac
pseudo = a6 + all_nodes + struct.pack("!II", len(na), 58)
total = sum(struct.unpack(f"!{(len(pseudo) + len(na)) // 2}H", pseudo + na))
while total >> 16:
    total = (total & 0xFFFF) + (total >> 16)
na = na[:2] + struct.pack("!H", ~total & 0xFFFF) + na[4:]
ip = struct.pack("!IHBB", 6 << 28, len(na), 58, 255) + a6 + all_nodes
s.send(b"\x33\x33\0\0\0\x01" + mac + b"\x86\xdd" + ip + na)
