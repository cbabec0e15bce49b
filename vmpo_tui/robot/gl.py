"""Finding an OpenGL context, tried in a process of its own: drivers may abort or hang where there is none."""

from __future__ import annotations

import os
import subprocess
import sys

SECONDS = 30.0
"""How long a driver may take to answer."""
VARIABLE = "MUJOCO_GL"
"""Names MuJoCo's way to OpenGL; read when MuJoCo is imported."""
WITHOUT_DISPLAY = ("egl", "osmesa")
_TRIAL = "import mujoco; context = mujoco.GLContext(64, 64); context.make_current(); context.free()"


def find_backend() -> str | None:
    """Return a value of `VARIABLE` with which MuJoCo can draw; None if there is none.

    One that the user has set is the only one tried.
    """
    chosen = os.environ.get(VARIABLE)
    return next((name for name in ([chosen] if chosen else WITHOUT_DISPLAY) if _works(name)), None)


def _works(backend: str) -> bool:
    try:
        trial = subprocess.run(
            [sys.executable, "-c", _TRIAL],
            env={**os.environ, VARIABLE: backend},
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return trial.returncode == 0
