"""Opening the screens on one wish after another, as the user chooses."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.errors import ConfigError
from vmpo_tui.wishes import Choose, GoOn, TrainNew, Watch, Wish

if TYPE_CHECKING:
    from engine.channel import Channel
    from engine.trainer import RunSummary
    from vmpo_tui.desk import Desk
    from vmpo_tui.following import Past
    from vmpo_tui.session import Session

SIGNALLED = 128
"""Exit codes from here on mean that a signal asked for the end."""


def open_screens(wish: Wish, on_hangup: str = "detach") -> int:
    """Open the application, again for each run that is chosen in it; return the last exit code.

    Args:
        wish: what to open it on first.
        on_hangup: what becomes of a run of this process when the terminal closes: detach or save.

    Raises:
        EngineError: a run cannot be shown, cannot start or failed.
    """
    from vmpo_tui.cli.attach import go_on_without_a_screen
    from vmpo_tui.desk import Desk
    from vmpo_tui.session import Session

    looks_only = isinstance(wish, Watch) and wish.read_only
    desk = Desk.of_this_user(remember=on_a_terminal() and not looks_only)
    following: Wish | None = wish
    code = 0
    while following is not None:
        match following:
            case TrainNew():
                session = Session(_new(following), go_on_without_a_screen, on_hangup)
                code, following = _train(session, following.config.env.id, desk)
            case GoOn():
                past = _past(following)
                session = Session(_further(following), go_on_without_a_screen, on_hangup, past=past)
                code, following = _train(session, following.env_id, desk)
            case _:
                code, following = _look(following, desk)
        if code >= SIGNALLED:
            break
    return code


def on_a_terminal() -> bool:
    """Return whether there is a terminal to draw on and to read keys from."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def in_a_browser() -> bool:
    """Return whether `vmpo serve` started this process: what it draws goes through a pipe to a page."""
    return os.environ.get("TEXTUAL_DRIVER", "").endswith(":WebDriver")


def _look(wish: Watch | Choose, desk: Desk) -> tuple[int, Wish | None]:
    """Open the application on a run that this process does not train, or on the list of runs."""
    from vmpo_tui.app import VmpoApp
    from vmpo_tui.following import Follower, Spectator
    from vmpo_tui.launch import run_app
    from vmpo_tui.session import NoRun
    from vmpo_tui.spectator import SpectatorApp

    if isinstance(wish, Choose):
        return run_app(NoRun(), desk=desk)
    source = (Spectator if wish.read_only else Follower)(wish.run)
    return run_app(source, SpectatorApp if wish.read_only else VmpoApp, desk)


def _train(session: Session, env_id: str, desk: Desk) -> tuple[int, Wish | None]:
    """Open the application on a run of this process; once it has closed, say how the run ended."""
    from vmpo_tui.cli.headless import write_summary
    from vmpo_tui.launch import run_app

    code, following = run_app(session, desk=desk)
    if session.error is not None and following is None:
        raise session.error
    if not session.hand_over() and session.summary is not None:
        write_summary(session.summary, env_id)
    return code, following


def _new(wish: TrainNew) -> Callable[[Channel], RunSummary]:
    def train(channel: Channel) -> RunSummary:
        from engine.trainer import Trainer  # in the engine's thread: the screen comes before torch

        return Trainer(wish.config, channel=channel).run(wish.run_dir)

    return train


def _further(wish: GoOn) -> Callable[[Channel], RunSummary]:
    def train(channel: Channel) -> RunSummary:
        from engine.checkpoint import run_of
        from engine.trainer import Trainer

        trainer = Trainer.resume(wish.start, total_steps=wish.total_steps, channel=channel)
        return trainer.run(run_of(wish.start))

    return train


def _past(wish: GoOn) -> Past | None:
    """Return what the run did before, where it is known from which step it goes on."""
    from engine.generations import steps_of
    from vmpo_tui.following import Past

    steps = steps_of(wish.start)
    run = wish.start.parents[1] if wish.start.parent.name == "checkpoints" else wish.start
    return None if steps is None else Past(run, steps)


def require_terminal(instead: str) -> None:
    """Refuse to open screens where nobody would see them.

    Raises:
        ConfigError: this is no terminal; says what to do instead.
    """
    if not (on_a_terminal() or in_a_browser()):
        raise ConfigError(instead)
