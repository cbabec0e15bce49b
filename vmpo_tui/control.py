"""Steering a run from another process: a socket in the run directory that only its owner may use.

Viewers read a run from its files, so that they cost it nothing and any number of them may come and go;
the socket carries their commands, one JSON object a line, each answered by one.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from engine.channel import Channel
from engine.commands import Command, command_from_row, command_row
from engine.errors import CheckpointError, ConfigError
from engine.events import Event, RunFailed, RunFinished, RunStarted

SOCKET = "control.sock"
TIMEOUT_SECONDS = 5.0
"""For a whole exchange, on either side."""
LINE_BYTES = 65_536


class ControlServer:
    """Listens in a run directory and passes commands on, in one daemon thread.

    Args:
        run_dir: where the socket is made; one that a dead process left is replaced. The caller holds
            the run's lock.
        send: takes each command.

    Raises:
        OSError: the directory takes no socket.
    """

    def __init__(self, run_dir: Path, send: Callable[[Command], None]) -> None:
        self._path, self._send = run_dir / SOCKET, send
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._path.unlink(missing_ok=True)
            with _short(run_dir) as address:
                self._socket.bind(address)
            self._path.chmod(0o600)
            self._socket.listen()
        except BaseException:
            self._socket.close()
            raise
        threading.Thread(target=self._serve, name="control", daemon=True).start()

    def close(self) -> None:
        """Stop listening and remove the socket; safe to call twice."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._socket.close()
        with contextlib.suppress(OSError):
            self._path.unlink()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.settimeout(TIMEOUT_SECONDS)
                connection.sendall(json.dumps(self._answer(connection)).encode() + b"\n")

    def _answer(self, connection: socket.socket) -> dict[str, str | bool]:
        try:
            row = json.loads(_line(connection))
            if _peer(connection) not in {os.geteuid(), 0}:
                return {"error": "only the run's owner may steer it"}
            self._send(command_from_row(row))
        except ValueError:
            return {"error": "expected one line of JSON"}
        except ConfigError as error:
            return {"error": str(error)}
        return {"ok": True}


class SteerableChannel(Channel):
    """A channel that other processes can leave commands in, from the run's first event to its last."""

    def __init__(self) -> None:
        super().__init__()
        self._server: ControlServer | None = None

    def emit(self, event: Event) -> None:
        """Leave an event for the front end."""
        self.open_or_close(event)
        super().emit(event)

    def open_or_close(self, event: Event) -> None:
        """Listen from the run's start to its end."""
        if isinstance(event, RunStarted):
            # Where no socket can be (a path or file system that knows none) nobody steers; the run goes on.
            with contextlib.suppress(OSError, ValueError):
                self._server = ControlServer(Path(event.run_dir), self.send)
        elif isinstance(event, RunFinished | RunFailed) and self._server:
            self._server.close()


def send_command(run_dir: Path, command: Command) -> None:
    """Have the process that trains a run carry out a command between two of its iterations.

    Raises:
        CheckpointError: no process listens there, or it refuses.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(TIMEOUT_SECONDS)
            with _short(run_dir) as address:
                connection.connect(address)
            connection.sendall(json.dumps(command_row(command)).encode() + b"\n")
            answer = json.loads(_line(connection))
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise CheckpointError(f"{run_dir} cannot be steered: no process trains it at the moment") from error
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{run_dir} cannot be steered: no process answers ({error})") from error
    if "error" in answer:
        raise CheckpointError(f"{run_dir} cannot be steered: {answer['error']}")


@contextlib.contextmanager
def _short(run_dir: Path) -> Iterator[str]:
    """Yield an address of the socket that fits into the system's 108 bytes, however long the path is."""
    path = str(run_dir / SOCKET)
    if len(os.fsencode(path)) < 100:
        yield path
        return
    descriptor = os.open(run_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET}"
    finally:
        os.close(descriptor)


def _peer(connection: socket.socket) -> int:
    """Return the user at the other end."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, user, _ = struct.unpack("3i", credentials)
    return int(user)


def _line(connection: socket.socket) -> bytes:
    """Return what was sent up to the first newline.

    Raises:
        ValueError: there is none within reason.
    """
    received = b""
    while b"\n" not in received:
        part = connection.recv(4096)
        if not part or len(received) > LINE_BYTES:
            raise ValueError("no line")
        received += part
    return received.split(b"\n", 1)[0]
