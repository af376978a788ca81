#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vnc.py HOST PORT    look at the guest `draw` and play with it, as a VNC client

The square is drawn in the corner; three times Right and twice Down it has to
have moved by 30 and 20 pixels; Escape ends the guest.  RFB 3.8, raw pixels.
"""
import socket
import struct
import sys
import time

YELLOW, BLACK = (0xff, 0xcc, 0x00), (0, 0, 0)
RIGHT, DOWN, ESCAPE = 0xff53, 0xff54, 0xff1b


class Screen:
    def __init__(self, host, port):
        end = time.time() + 60
        while True:
            try:
                self.s = socket.create_connection((host, port), 30)
                break
            except OSError:
                if time.time() > end:
                    raise
                time.sleep(0.2)
        assert self.get(12).startswith(b"RFB 003")
        self.s.sendall(b"RFB 003.008\n")
        kinds = self.get(self.get(1)[0])
        assert 1 in kinds, "no access without a password: %r" % kinds
        self.s.sendall(b"\1")
        assert self.get(4) == bytes(4)
        self.s.sendall(b"\1")
        self.w, self.h = struct.unpack(">HH", self.get(20)[:4])
        self.get(struct.unpack(">I", self.get(4))[0])
        # 32 bits, little-endian, red at 16, green at 8, blue at 0; raw only, but sizes may change.
        self.s.sendall(struct.pack(">Bxxx BBBBHHHBBBxxx", 0, 32, 24, 0, 1, 255, 255, 255, 16, 8, 0))
        self.s.sendall(struct.pack(">BxHii", 2, 2, 0, -223))
        self.pixels = bytearray(self.w * self.h * 4)

    def get(self, n):
        b = b""
        while len(b) < n:
            more = self.s.recv(n - len(b))
            if not more:
                raise EOFError("the server went away")
            b += more
        return b

    def key(self, sym):
        for down in (1, 0):
            self.s.sendall(struct.pack(">BBxxI", 4, down, sym))

    def look(self):
        """The whole screen anew."""
        self.s.sendall(struct.pack(">BBHHHH", 3, 0, 0, 0, self.w, self.h))
        while True:
            kind = self.get(1)[0]
            if kind == 2:
                continue
            assert kind == 0, "message %d" % kind
            self.get(1)
            for _ in range(struct.unpack(">H", self.get(2))[0]):
                x, y, w, h, what = struct.unpack(">HHHHi", self.get(12))
                if what == -223:
                    self.w, self.h = w, h
                    self.pixels = bytearray(w * h * 4)
                    return
                assert what == 0, "encoding %d" % what
                for row in range(y, y + h):
                    at = (row * self.w + x) * 4
                    self.pixels[at:at + w * 4] = self.get(w * 4)
            return

    def at(self, x, y):
        b, g, r, _ = self.pixels[(y * self.w + x) * 4:][:4]
        return r, g, b

    def await_square(self, x, y):
        """Until the square has its corner there, and nowhere else."""
        end = time.time() + 60
        while True:
            self.look()
            inside = [(x, y), (x + 39, y), (x, y + 39), (x + 39, y + 39)]
            outside = [(x + 40, y), (x, y + 40)] + ([(x - 1, y)] if x else []) + ([(x, y - 1)] if y else [])
            if (self.w, self.h) == (320, 240) and all(self.at(*p) == YELLOW for p in inside) and \
               all(self.at(*p) == BLACK for p in outside):
                print("vnc: a screen of %d by %d, the square is at %d, %d" % (self.w, self.h, x, y))
                return
            if time.time() > end:
                sys.exit("vnc: no square at %d, %d; the screen is %d by %d, pixels there: %s" %
                         (x, y, self.w, self.h, [self.at(*p) for p in inside]))
            time.sleep(0.1)


s = Screen(sys.argv[1], int(sys.argv[2]))
s.await_square(0, 0)
for k in (RIGHT, RIGHT, RIGHT, DOWN, DOWN):
    s.key(k)
s.await_square(30, 20)
s.key(ESCAPE)
