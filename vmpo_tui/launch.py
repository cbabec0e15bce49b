"""Opens the application on a session and leaves the terminal as it was."""

from __future__ import annotations

import gc

from engine import commands
from vmpo_tui.app import FAILED, VmpoApp
from vmpo_tui.desk import Desk
from vmpo_tui.session import Source
from vmpo_tui.terminal import stop_signals, terminal_for_the_screen
from vmpo_tui.wishes import Wish


def run_app(
    session: Source, kind: type[VmpoApp] = VmpoApp, desk: Desk | None = None
) -> tuple[int, Wish | None]:
    """Open the application; return the exit code, and what it is to be opened on next, if anything.

    The terminal is restored whatever happens.

    Args:
        session: the run.
        kind: of application.
        desk: what the user has set, and what is remembered of them.
    """
    with terminal_for_the_screen() as output:
        app = kind(session, output, desk)
        with stop_signals(app.on_signal):
            code = app.run()
    gc.unfreeze()  # of what the application has frozen
    if code is None:  # the application itself broke: its run is saved all the same
        if not session.attached:
            session.send(commands.Stop())
        session.join(timeout=60.0)
        return FAILED, None
    if app.view.over:
        session.join(timeout=10.0)  # otherwise left by force: the daemon thread dies with the process
    return code, app.wish
