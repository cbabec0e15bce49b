"""`--video`: a recorded episode as a file."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import BackendUnavailableError, CheckpointError, ConfigError
from vmpo_tui.cli.output import write_lines

if TYPE_CHECKING:
    from engine.recording import Recording


def check_video(out: Path) -> None:
    """Find out before an evaluation whether its video could be written.

    Raises:
        ConfigError: the name or the directory is wrong.
        BackendUnavailableError: PyAV is missing.
    """
    from vmpo_tui.robot.film import require_encoder

    if out.suffix.lower() != ".mp4":
        raise ConfigError(f"--video {out}: videos are MP4 files; give a name that ends in .mp4")
    if not os.path.isdir(out.absolute().parent):
        raise ConfigError(f"--video {out}: there is no directory {out.parent}")
    require_encoder()


def write_video(recording: Recording | None, out: Path) -> None:
    """Write an episode as a video, drawn in a process of its own: OpenGL's drivers may take it down.

    Raises:
        BackendUnavailableError: the environment cannot be shown.
        CheckpointError: the video cannot be written.
    """
    from engine.recording import save_recording
    from vmpo_tui.robot import film

    if recording is None:
        raise BackendUnavailableError("the environment was not recorded, so that there is nothing to film")
    write_lines(f"filming {recording.length:,} steps", err=True)
    with tempfile.TemporaryDirectory() as folder:
        path = save_recording(Path(folder), recording)
        process = subprocess.run(film.command(path, out), capture_output=True, text=True, check=False)
    if process.returncode:
        lines = process.stderr.splitlines() or [f"it ended with code {process.returncode}"]
        raise CheckpointError(f"no video was made: {lines[-1]}")
