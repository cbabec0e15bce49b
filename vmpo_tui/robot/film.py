"""A recording as an MP4 file; for a process of its own: ``python -m vmpo_tui.robot.film RECORDING OUT``.

MuJoCo draws it where there is an OpenGL context, this project's own view where there is none.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import importlib.util
import json
import math
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.envs.imports import import_modules, import_options
from engine.errors import BackendUnavailableError, CheckpointError, EngineError
from engine.files import TEMPORARY_PREFIX
from vmpo_tui.robot import gl

if TYPE_CHECKING:
    from engine.recording import Recording
    from vmpo_tui.robot.look import Look
    from vmpo_tui.robot.render import Picture

GL_SIZE = 640, 480
SOFTWARE_SIZE = 480, 360
"""Width and height of a picture, with OpenGL and without."""
MOST_RATE = 60.0
"""Pictures per second, at most."""
QUALITY = "20"
"""H.264's constant rate factor: lower is better and larger."""


def require_encoder() -> None:
    """Check that videos can be written.

    Raises:
        BackendUnavailableError: PyAV is missing.
    """
    if importlib.util.find_spec("av") is None:
        raise BackendUnavailableError(
            "videos need PyAV, which is not installed: pip install 'vmpo-tui[video]'"
        )


def command(recording: Path, out: Path, look: Look | None = None) -> list[str]:
    """Return the command that makes a video.

    Its last line on stderr says what went wrong, and what it writes to stdout `share_done` reads.
    """
    options = ["--look", json.dumps(dataclasses.asdict(look))] if look else []
    options += import_options()
    return [sys.executable, "-m", "vmpo_tui.robot.film", str(recording), str(out), *options]


def share_done(told: bytes) -> float:
    """Return how much of a video there is, 0 to 1, by what the command that makes it has said so far."""
    last = told.split()[-1:]
    return min(1.0, int(last[0]) / 100.0) if last and last[0].isdigit() else 0.0


def temporary(out: Path, process: int) -> Path:
    """Return where a process keeps a video while it makes it: two of one video do not meet."""
    return out.with_name(f"{TEMPORARY_PREFIX}{process}-{out.name}")


def film(
    recording: Recording, out: Path, look: Mapping[str, Any], tell: Callable[[int], None] | None = None
) -> None:
    """Write a video, atomically; to be called before MuJoCo is imported, which decides on OpenGL then.

    Args:
        recording: what to show.
        out: the MP4 file; its directory is made.
        look: fields of the `Look` that it is seen with; what is missing takes its default.
        tell: told whenever another percent of the pictures is there.

    Raises:
        EngineError: the recording cannot be shown, or no video written.
    """
    require_encoder()
    stride = max(1, math.ceil(1.0 / (MOST_RATE * recording.step_seconds) - 1e-9))
    rate = Fraction(1.0 / (recording.step_seconds * stride)).limit_denominator(1000)
    unfinished = temporary(out, os.getpid())
    steps = range(0, recording.length, stride)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        unfinished.unlink(missing_ok=True)  # a link would be followed
        _encode(unfinished, _counted(_pictures(recording, steps, look), len(steps), tell), rate)
        os.replace(unfinished, out)
    except OSError as error:  # PyAV's own errors are of this kind too
        raise CheckpointError(f"cannot write {out}: {error.strerror or error}") from error
    finally:
        unfinished.unlink(missing_ok=True)


def _counted(
    pictures: Iterator[Picture], count: int, tell: Callable[[int], None] | None
) -> Iterator[Picture]:
    """Yield pictures, and tell whenever another percent of them is taken."""
    told = 0
    for number, picture in enumerate(pictures, start=1):
        yield picture
        if tell is not None and (percent := 100 * number // max(1, count)) > told:
            told = percent
            tell(percent)


def _encode(path: Path, pictures: Iterator[Picture], rate: Fraction) -> None:
    import av

    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": QUALITY})
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            even = picture[: picture.shape[0] & ~1, : picture.shape[1] & ~1]  # as the format wants it
            if not stream.codec_context.is_open:
                stream.height, stream.width = even.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(even.copy(), format="rgb24")))
        container.mux(stream.encode())


def _pictures(recording: Recording, steps: range, look: Mapping[str, Any]) -> Iterator[Picture]:
    if recording.qpos is None:
        return _drawn(recording, steps)
    backend = gl.find_backend()
    if backend is None:
        return _software(recording, steps, look)
    os.environ[gl.VARIABLE] = backend
    return _opengl(recording, steps, look)


def _drawn(recording: Recording, steps: range) -> Iterator[Picture]:
    from engine.envs.viewing import DrawnEpisode

    episode = DrawnEpisode(recording.env_id, recording.seed, recording.actions, recording.rewards)
    for step in steps:
        yield episode.picture(step)
    episode.close()


def _software(recording: Recording, steps: range, look: Mapping[str, Any]) -> Iterator[Picture]:
    from vmpo_tui.robot.camera import Raster
    from vmpo_tui.robot.look import Look
    from vmpo_tui.robot.render import Palette
    from vmpo_tui.robot.replay import SceneReplay

    replay, (width, height) = SceneReplay(recording), SOFTWARE_SIZE
    for step in steps:
        yield replay.picture(step, Raster(height, width), Look(**look), Palette())


def _opengl(recording: Recording, steps: range, look: Mapping[str, Any]) -> Iterator[Picture]:
    import mujoco

    from vmpo_tui.robot.camera import FIELD_OF_VIEW
    from vmpo_tui.robot.look import Look
    from vmpo_tui.robot.scene import Scene

    scene, (width, height) = Scene(recording), GL_SIZE
    scene.model.vis.global_.fovy = FIELD_OF_VIEW
    scene.model.vis.global_.offwidth, scene.model.vis.global_.offheight = GL_SIZE
    camera = mujoco.MjvCamera()
    with mujoco.Renderer(scene.model, height, width) as renderer:
        for step in steps:
            scene.pose(step)
            place = scene.camera(Look(**look), width / height)
            camera.lookat[:], camera.distance = place.target, place.distance
            camera.azimuth, camera.elevation = place.azimuth, place.elevation
            renderer.update_scene(scene.data, camera)
            yield renderer.render()


def _tell(percent: int) -> None:
    with contextlib.suppress(OSError):  # whoever asked may be gone
        sys.stdout.write(f"{percent}\n")
        sys.stdout.flush()


def main() -> int:
    """Make a video as `command` asks; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m vmpo_tui.robot.film", description=__doc__)
    parser.add_argument("recording", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--look", type=json.loads, default={}, help="fields of Look, as JSON")
    parser.add_argument("--import", dest="modules", action="append", default=[], help="imported first")
    arguments = parser.parse_args()
    from engine.recording import load_recording

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # what is unfinished goes then
    try:
        import_modules(arguments.modules)
        recording = load_recording(arguments.recording)
        film(recording, arguments.out, arguments.look, _tell)
    except EngineError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
