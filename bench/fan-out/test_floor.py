# SPDX-License-Identifier: LGPL-2.1-or-later
"""The floor of the fan-out benchmark loses no answer, whenever a poll comes. Run: test_floor.py FLOOR_SERVER"""

import socket
import struct
import subprocess
import sys

BODY_BYTES = 1000
HEAD_BYTES = 16  # of a snapshot's message, before its body
GUARD_S = 20  # an answer that has not come by then is lost


class Floor:
    def __init__(self):
        self.process = subprocess.Popen([sys.argv[1], str(BODY_BYTES), "2"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline().decode().rsplit(":", 1)[1])

    def trigger(self):
        self.process.stdin.write(b"!")
        self.process.stdin.flush()

    def end(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(GUARD_S)


class WebSocket:
    def __init__(self, floor):
        self.socket = socket.create_connection(("127.0.0.1", floor.port), GUARD_S)
        self.file = self.socket.makefile("rb")
        self.socket.sendall(b"GET /v1/replica HTTP/1.1\r\nHost: floor\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        while self.file.readline() != b"\r\n":
            pass

    def poll(self, serial):
        body = struct.pack("<BBHIQQII", 1, 1, 0, 1, 1 if serial else 0, serial, 30000, 0)
        self.socket.sendall(bytes([0x82, 0x80 | len(body)]) + bytes(4) + body)

    def take(self):
        """The serial of the next answer."""
        first, short = self.file.read(2)
        length = struct.unpack(">H", self.file.read(2))[0]
        assert (first, short) == (0x82, 126), (first, short)
        message = self.file.read(length)
        return struct.unpack_from("<Q", message, len(message) - BODY_BYTES + 16)[0]


class LongPoll:
    def __init__(self, floor):
        self.socket = socket.create_connection(("127.0.0.1", floor.port), GUARD_S)
        self.file = self.socket.makefile("rb")

    def poll(self, serial):
        token = b"" if serial is None else b'If-None-Match: "1-%x"\r\nPrefer: wait=30\r\n' % serial
        self.socket.sendall(b"GET /v1/projections/hot HTTP/1.1\r\nHost: floor\r\n" + token + b"\r\n")

    def take(self):
        while self.file.readline() != b"\r\n":
            pass
        return struct.unpack_from("<Q", self.file.read(BODY_BYTES), 16)[0]


def play(floor, early, late, serial):
    """`early` waits for the round, which `late` hears of by its own poll only: both have the answer."""
    early.poll(serial)
    floor.trigger()
    assert early.take() == serial + 1
    late.poll(serial)
    assert late.take() == serial + 1


floor = Floor()
pair = WebSocket(floor), WebSocket(floor)
for number in range(20):
    play(floor, *(pair if number % 2 else pair[::-1]), number)
pair = LongPoll(floor), LongPoll(floor)
for each in pair:
    each.poll(None)
    assert each.take() == 20
for number in range(20, 40):
    play(floor, *(pair if number % 2 else pair[::-1]), number)
assert floor.end() == 0
