"""A TCP proxy whose link can be made bad while connections are up."""

import random
import socket
import threading

CHUNK = 65536
BACKLOG = 128


class Link:
    """127.0.0.1:<port of its own> to `target`, both ways.

    What it does to bytes is `mode`, which may change at any time:
      "pass"      hands them on
      "stall"     holds them back: nobody is told, nothing is lost
      "slow"      hands on about 20 KB a second
      "truncate"  hands on a random part of them and closes the connection
      "corrupt"   flips a random bit of them
      "refuse"    closes connections, present and new ones
      "blackhole" closes the present ones; connect() of new ones hangs
    "truncate" and "corrupt" do so to one chunk in three.
    cut_after() cuts it once, whatever the mode.
    """

    MODES = ("stall", "slow", "truncate", "corrupt", "refuse",
             "blackhole")

    def __init__(self, target, seed=0):
        host, port = target.rsplit(":", 1)
        self._target = (host, int(port))
        self._dice = random.Random(seed)
        self._changed = threading.Condition()
        self._mode = "pass"
        self._pairs = set()
        self._bytes_until_cut = None
        self._closed = False
        self._listener = socket.create_server(("127.0.0.1", 0),
                                              backlog=BACKLOG)
        self._fillers = []   # connections to itself, of a black hole
        self._held = None    # the one accepted last before it
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def mode(self):
        return self._mode

    @mode.setter
    def mode(self, mode):
        assert mode == "pass" or mode in self.MODES, mode
        with self._changed:
            self._mode = mode
            self._changed.notify_all()
        if mode == "blackhole":
            self._fill_backlog()
        else:
            self._empty_backlog()
        if mode in ("refuse", "blackhole"):
            self._drop_all()

    def cut_after(self, size):
        """Closes the connection on which, of all together, so many more bytes
        have come from the target, and passes on none behind them."""
        with self._changed:
            self._bytes_until_cut = size

    @property
    def was_cut(self):
        """Since cut_after()."""
        return self._bytes_until_cut is None

    def _fill_backlog(self):
        """Until no connection fits: the system drops what asks for more."""
        self._listener.listen(0)
        self._add_filler()
        with self._changed:
            self._changed.wait_for(lambda: self._held is not None)
        for _ in range(3):   # one fits; the others hang
            self._add_filler()

    def _add_filler(self):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(self._listener.getsockname())
        self._fillers.append(filler)

    def _empty_backlog(self):
        while self._fillers:
            self._fillers.pop().close()
        self._listener.listen(BACKLOG)

    def _hold(self, client):
        """In a black hole nothing becomes of it, nor is the next one accepted;
        True when it was in one."""
        with self._changed:
            if self._mode != "blackhole":
                return False
            self._held = client
            self._changed.notify_all()
            self._changed.wait_for(
                lambda: self._mode != "blackhole" or self._closed)
            self._held = None
            return True

    def close(self):
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._empty_backlog()
        self._listener.shutdown(socket.SHUT_RDWR)   # ends accept()
        self._listener.close()
        self._drop_all()

    def _drop_all(self):
        with self._changed:
            pairs = list(self._pairs)
        for pair in pairs:
            self._drop(pair)

    def _drop(self, pair):
        with self._changed:
            self._pairs.discard(pair)
        for one in pair:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass   # its peer was first

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                if self._hold(client) or self._mode == "refuse":
                    raise ConnectionRefusedError
                server = socket.create_connection(self._target, timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            pair = (client, server)
            with self._changed:
                self._pairs.add(pair)
            for source, sink in (pair, pair[::-1]):
                threading.Thread(target=self._pump, args=(pair, source, sink),
                                 daemon=True).start()

    def _pump(self, pair, source, sink):
        try:
            while data := source.recv(CHUNK):
                data, last = self._through(data)
                if sink is pair[0]:
                    data, cut = self._until_cut(data)
                    last = last or cut
                sink.sendall(data)
                if last:
                    break
        except OSError:
            pass   # either end is gone
        self._drop(pair)

    def _until_cut(self, data):
        """As _through(), of what comes from the target."""
        with self._changed:
            if self._bytes_until_cut is None:
                return data, False
            if len(data) < self._bytes_until_cut:
                self._bytes_until_cut -= len(data)
                return data, False
            data = data[:self._bytes_until_cut]
            self._bytes_until_cut = None
            return data, True

    def _through(self, data):
        """What comes out of it, and whether the connection ends with it."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._mode != "stall" or self._closed)
            if self._mode == "slow":
                self._changed.wait_for(
                    lambda: self._mode != "slow" or self._closed,
                    timeout=len(data) / 20_000)
            if self._mode in ("truncate", "corrupt"):
                if self._dice.random() > 1 / 3:
                    return data, False
                at = self._dice.randrange(len(data))
                if self._mode == "truncate":
                    return data[:at], True
                bad = bytearray(data)
                bad[at] ^= 1 << self._dice.randrange(8)
                return bytes(bad), False
        return data, False
