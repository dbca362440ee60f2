"""A TCP proxy in front of a store that cuts, delays and resets, in the middle of a command or of a reply."""

import random
import select
import socket
import struct
import threading
import time
from contextlib import suppress
from typing import Any


class Proxy(threading.Thread):
    """Passes everything on until `fault` says otherwise; a fault strikes a share of the pieces that pass."""

    def __init__(self, target: tuple[str, int] | str, seed: int = 1) -> None:
        super().__init__(daemon=True)
        self._target = target
        self._server = socket.create_server(("127.0.0.1", 0))
        self._chance = random.Random(seed)  # noqa: S311 - no secret
        self.url = f"redis://127.0.0.1:{self._server.getsockname()[1]}"
        self.fault = ""  # "", cut command, cut reply, lose reply, reset, delay, slow
        self.share = 0.05
        self.command_bytes: int | None = None  # the next connection ends after so many bytes of commands
        self.reply_bytes: int | None = None  # or of replies
        self.start()

    def run(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def close(self) -> None:
        self._server.close()

    def _connect(self) -> socket.socket:
        if isinstance(self._target, str):
            store = socket.socket(socket.AF_UNIX)
            store.connect(self._target)
            return store
        return socket.create_connection(self._target)

    def _relay(self, client: socket.socket) -> None:
        with client, suppress(OSError), self._connect() as store:
            passed = {client: 0, store: 0}
            other: dict[socket.socket, Any] = {client: store, store: client}
            while True:
                readable, _, _ = select.select([client, store], [], [])
                for one in readable:
                    piece = one.recv(1 << 16)
                    if not piece:
                        return
                    limit = self.command_bytes if one is client else self.reply_bytes
                    if limit is not None and passed[one] + len(piece) > limit:
                        other[one].sendall(piece[: max(0, limit - passed[one])])
                        return
                    passed[one] += len(piece)
                    if self._strikes() and self._struck(one is client, piece, client, store):
                        return
                    other[one].sendall(piece)

    def _strikes(self) -> bool:
        return bool(self.fault) and self._chance.random() < self.share

    def _struck(self, is_command: bool, piece: bytes, client: socket.socket, store: socket.socket) -> bool:
        """Whether the connection ends here."""
        if self.fault == "delay":
            time.sleep(0.3)
        elif self.fault == "slow" and not is_command:
            time.sleep(3 if self._chance.random() < 0.1 else 0.3)
        elif self.fault == "cut command" and is_command:
            store.sendall(piece[: len(piece) // 2])
            return True
        elif self.fault == "cut reply" and not is_command:
            client.sendall(piece[: len(piece) // 2])
            return True
        elif self.fault == "lose reply" and not is_command:
            return True
        elif self.fault == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return True
        return False
