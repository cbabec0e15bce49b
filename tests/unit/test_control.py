"""Steering a run from another process through the socket in its directory."""

from __future__ import annotations

import json
import os
import socket
import stat

import pytest

from engine import commands
from engine.errors import CheckpointError, ConfigError
from engine.events import PhaseChanged, RunFinished
from tests.tui.scripted_engine import STARTED
from vmpo_tui.control import SOCKET, ControlServer, SteerableChannel, send_command


@pytest.fixture
def server(tmp_path):
    received: list[commands.Command] = []
    server = ControlServer(tmp_path, received.append)
    server.received = received  # type: ignore[attr-defined]
    yield server
    server.close()


def exchange(path, line: bytes) -> dict:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10.0)
        connection.connect(str(path / SOCKET))
        connection.sendall(line)
        connection.shutdown(socket.SHUT_WR)
        return json.loads(connection.makefile().readline())


@pytest.mark.parametrize(
    "command",
    [
        commands.Pause(), commands.Resume(), commands.StepOnce(), commands.EvaluateNow(),
        commands.CheckpointNow(), commands.Stop(), commands.Stop(save=False),
        commands.ChangeSetting("optimizer.policy_lr", 1e-4), commands.ChangeSetting("run.total_steps", 10),
    ],
)  # fmt: skip
def test_every_command_arrives_as_it_was_sent(server, tmp_path, command):
    send_command(tmp_path, command)
    assert server.received == [command]
    assert commands.command_from_row(json.loads(json.dumps(commands.command_row(command)))) == command


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (b"", "expected one line"),
        (b"{", "expected one line"),
        (b"{\n", "expected one line"),
        (b"[]\n", "expected an object"),
        (b'{"command": "Explode"}\n', "expected an object"),
        (b'{"command": "Stop", "save": "no"}\n', "command Stop takes save, hand_over, not save='no'"),
        (b'{"command": "Pause", "for": 3}\n', "command Pause takes nothing, not for=3"),
        (b'{"command": "ChangeSetting", "key": 1}\n', "command ChangeSetting takes key, value, not key=1"),
        (b"\xff\xfe\n", "expected one line"),
        (b"x" * 100_000, "expected one line"),
    ],
)
def test_what_is_no_command_is_answered_and_changes_nothing(server, tmp_path, line, answer):
    assert answer in exchange(tmp_path, line)["error"]
    assert server.received == []
    send_command(tmp_path, commands.Pause())  # and the next one gets through
    assert server.received == [commands.Pause()]


def test_only_the_owner_may_open_the_socket(server, tmp_path):
    assert stat.S_IMODE((tmp_path / SOCKET).stat().st_mode) == 0o600


def test_another_user_is_refused(server, tmp_path, monkeypatch):
    monkeypatch.setattr("vmpo_tui.control._peer", lambda connection: os.geteuid() + 1)
    with pytest.raises(CheckpointError, match="only the run's owner"):
        send_command(tmp_path, commands.Pause())
    assert server.received == []


def test_a_path_longer_than_a_socket_address(tmp_path):
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    received: list[commands.Command] = []
    server = ControlServer(deep, received.append)
    send_command(deep, commands.EvaluateNow())
    server.close()
    assert received == [commands.EvaluateNow()]


def test_a_socket_that_a_dead_process_left_is_replaced(tmp_path):
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / SOCKET))
    with pytest.raises(CheckpointError, match="no process trains it"):
        send_command(tmp_path, commands.Pause())
    received: list[commands.Command] = []
    server = ControlServer(tmp_path, received.append)
    send_command(tmp_path, commands.Pause())
    server.close()
    server.close()
    assert received == [commands.Pause()]
    assert not (tmp_path / SOCKET).exists()


def test_a_channel_listens_from_the_runs_start_to_its_end(tmp_path):
    channel = SteerableChannel()
    channel.emit(PhaseChanged("building environments"))
    assert not (tmp_path / SOCKET).exists()
    fields = {name: getattr(STARTED, name) for name in STARTED.__slots__}
    channel.emit(type(STARTED)(**fields | {"run_dir": str(tmp_path)}))
    send_command(tmp_path, commands.Pause())
    assert channel.receive(timeout=10.0) == commands.Pause()
    send_command(tmp_path, commands.Stop())
    assert channel.stop_requested()
    assert channel.receive() == commands.Stop()
    channel.emit(RunFinished("completed", 1, 1, 1.0))
    assert not (tmp_path / SOCKET).exists()
    assert len(channel.drain()) == 3


def test_a_directory_that_takes_no_socket_does_not_stop_the_run(tmp_path):
    channel = SteerableChannel()
    fields = {name: getattr(STARTED, name) for name in STARTED.__slots__}
    channel.emit(type(STARTED)(**fields | {"run_dir": str(tmp_path / "gone")}))
    assert len(channel.drain()) == 1


def test_a_row_that_is_no_command():
    with pytest.raises(ConfigError, match="expected an object with one of Pause, Resume"):
        commands.command_from_row({"command": 3})
