# SPDX-License-Identifier: Apache-2.0
"""Send ICMP echo requests and wait for the answers: for machines without ping.

Usage: ping.py ADDRESS [COUNT]; exits with 1 where an answer is missing.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
import time

ECHO_REQUEST = 8
ECHO_REPLY = 0
TIMEOUT_S = 1.0
IP_VERSION_AND_WORDS = 0


def checksum(data: bytes) -> int:
    """Return the Internet checksum of an even number of bytes."""
    words: tuple[int, ...] = struct.unpack(f"!{len(data) // 2}H", data)
    total = sum(words)
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def request(identifier: int, sequence: int) -> bytes:
    """Return an echo request."""
    blank = struct.pack("!BBHHH", ECHO_REQUEST, 0, 0, identifier, sequence)
    return struct.pack("!BBHHH", ECHO_REQUEST, 0, checksum(blank), identifier, sequence)


def is_answer(packet: bytes, identifier: int, sequence: int) -> bool:
    """Tell whether an IPv4 packet is the answer to one of our requests."""
    start = (packet[IP_VERSION_AND_WORDS] & 0x0F) * 4
    kind, _, _, replied, number = struct.unpack("!BBHHH", packet[start : start + 8])
    return (kind, replied, number) == (ECHO_REPLY, identifier, sequence)


def ping(address: str, sequence: int) -> float | None:
    """Return the milliseconds until the answer, None where none comes in time."""
    identifier = os.getpid() & 0xFFFF
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
        begun = time.monotonic()
        try:
            raw.sendto(request(identifier, sequence), (address, 0))
            while (left := begun + TIMEOUT_S - time.monotonic()) > 0:
                raw.settimeout(left)
                packet, (source, _) = raw.recvfrom(2048)
                if source == address and is_answer(packet, identifier, sequence):
                    return (time.monotonic() - begun) * 1000
        except OSError:  # a timeout, or no route
            return None
    return None


def main() -> int:
    """Ping, tell of each answer, and return the exit code."""
    address = sys.argv[1]
    count = int(sys.argv[2]) if sys.argv[2:] else 3
    answers = 0
    for sequence in range(1, count + 1):
        took_ms = ping(address, sequence)
        answers += took_ms is not None
        told = "no answer" if took_ms is None else f"an answer after {took_ms:.3f} ms"
        print(f"{address} seq={sequence}: {told}")
    print(f"{count} sent, {answers} answered")
    return 0 if answers == count else 1


if __name__ == "__main__":
    sys.exit(main())
