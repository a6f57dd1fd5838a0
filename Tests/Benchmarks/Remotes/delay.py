"""A line that takes time: what goes in at one end comes out at the other one a while later, in both directions."""
import collections
import socket
import threading
import time

#: How many bytes are on their way at most, in each direction of a connection.
WINDOW = 64 << 20


class DelayedLine:
    """Listens on a port of its own, and passes all on to another port of this machine."""

    def __init__(self, port, delay):
        """The delay is that of a round trip, in seconds; each direction takes half of it."""
        self.target, self.delay = port, delay / 2
        self.listener = socket.create_server(('127.0.0.1', 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(('127.0.0.1', self.target))
            for end in client, server:
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            Direction(client, server, self.delay)
            Direction(server, client, self.delay)


class Direction:
    """One direction of a connection: one thread reads, the other one writes what has been on its way for long enough."""

    def __init__(self, source, target, delay):
        self.source, self.target, self.delay = source, target, delay
        self.pieces, self.size, self.changed = collections.deque(), 0, threading.Condition()
        threading.Thread(target=self.read, daemon=True).start()
        threading.Thread(target=self.write, daemon=True).start()

    def read(self):
        piece = True
        while piece:
            try:
                piece = self.source.recv(1 << 18)
            except OSError:
                piece = b''
            with self.changed:
                self.changed.wait_for(lambda: self.size < WINDOW)
                self.pieces.append((time.monotonic() + self.delay, piece))
                self.size += len(piece)
                self.changed.notify_all()

    def write(self):
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.pieces)
                arrival, piece = self.pieces.popleft()
                self.size -= len(piece)
                self.changed.notify_all()
            time.sleep(max(0, arrival - time.monotonic()))
            try:
                if not piece:
                    return self.target.shutdown(socket.SHUT_WR)
                self.target.sendall(piece)
            except OSError:
                # Who doesn't listen any more gets nothing; what else comes is read, and forgotten.
                self.target = Nobody


class Nobody:
    sendall = shutdown = staticmethod(lambda *_: None)
