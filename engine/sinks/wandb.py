"""Metric rows to Weights & Biases, online or (``WANDB_MODE=offline``) into the run directory."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.errors import BackendUnavailableError
from engine.events import RunStarted
from engine.files import replace_atomically

PROJECT = "vmpo-tui"
"""Unless WANDB_PROJECT names another."""
OPEN_SECONDS = 30.0
FINISH_SECONDS = 60.0
"""How long the last rows may take to reach the server; what is left stays on disk for `wandb sync`."""


class WandbSink:
    """Logs each row to one W&B run, which a resumed run continues.

    W&B would capture the terminal, print to it and ask it for a key; here it does none of these.
    """

    def __init__(self, run_dir: Path, started: RunStarted) -> None:
        import wandb

        settings = wandb.Settings(
            silent=True,
            console="off",
            init_timeout=OPEN_SECONDS,
            finish_timeout=FINISH_SECONDS,
            finish_timeout_raises=True,
        )
        session = wandb.setup(settings=settings)
        if session.settings.mode == "online" and not wandb.login(prompt=False, verify=False):
            raise BackendUnavailableError("no account on this machine: `wandb login`, or WANDB_MODE=offline")
        self._run = wandb.init(
            project=session.settings.project or PROJECT,
            name=run_dir.name,
            id=_run_id(run_dir),
            resume="allow",
            dir=run_dir,
            config={name: dict(section) for name, section in started.config.items()},
            settings=settings,
        )
        self._run.define_metric("env_steps", hidden=True)
        self._run.define_metric("*", step_metric="env_steps")

    def write(self, row: Mapping[str, Any]) -> None:
        """Log a row."""
        self._run.log(dict(row))

    def close(self) -> None:
        """Finish the W&B run; safe to call twice."""
        self._run.finish()


def _run_id(run_dir: Path) -> str:
    """Return the identity that W&B knows this run by, made once and kept in the run directory."""
    path = run_dir / "wandb-id"
    if not path.exists():
        replace_atomically(path, uuid.uuid4().hex[:8].encode())
    return path.read_text(encoding="ascii").strip()
