"""Any recording as pictures: a simulation in this project's own view, all else as it draws itself."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from engine.envs.viewing import DrawnEpisode
from engine.recording import Recording
from vmpo_tui.robot.camera import Raster
from vmpo_tui.robot.look import Look
from vmpo_tui.robot.render import Palette, Picture, render
from vmpo_tui.robot.scene import Scene


class Replay(Protocol):
    """An episode to be looked at."""

    recording: Recording

    @property
    def scene(self) -> Scene | None:
        """The simulation, if it is one: its camera can be moved."""

    @property
    def faithful(self) -> bool:
        """Whether what was shown so far has earned what was recorded."""

    def picture(self, step: int, raster: Raster, look: Look, palette: Palette) -> Picture:
        """Return what the episode looks like before a step.

        Raises:
            EngineError: it cannot be drawn.
        """

    def close(self) -> None:
        """Release what drawing needed."""


class SceneReplay:
    """A MuJoCo simulation, drawn without OpenGL; the camera can be moved."""

    faithful = True

    def __init__(self, recording: Recording) -> None:
        """Load the model; see `Scene`."""
        self.recording = recording
        self.scene = Scene(recording)

    def picture(self, step: int, raster: Raster, look: Look, palette: Palette) -> Picture:
        """Return a shaded picture."""
        scene = self.scene
        scene.pose(step)
        camera = scene.camera(look, raster.ratio)
        return render(
            scene.geoms(look), camera, raster, palette=palette, ground=scene.ground, tile=scene.tile
        )

    def close(self) -> None:
        """Nothing to release."""


class DrawnReplay:
    """Anything else, as Gymnasium draws it; there is no camera to move."""

    scene = None

    def __init__(self, recording: Recording) -> None:
        """Make the environment; see `DrawnEpisode`."""
        self.recording = recording
        self.episode = DrawnEpisode(recording.env_id, recording.seed, recording.actions, recording.rewards)

    def picture(self, step: int, raster: Raster, look: Look, palette: Palette) -> Picture:
        """Return the environment's own picture, as large as fits, in the surroundings' colour."""
        del look
        return fitted(self.episode.picture(step), raster, palette)

    @property
    def faithful(self) -> bool:
        """Whether what was shown so far has earned what was recorded."""
        return self.episode.faithful

    def close(self) -> None:
        """Close the environment."""
        self.episode.close()


def open_replay(recording: Recording) -> Replay:
    """Return a recording's replay.

    Raises:
        EngineError: it cannot be shown; says why.
    """
    return DrawnReplay(recording) if recording.qpos is None else SceneReplay(recording)


def fitted(picture: Picture, raster: Raster, palette: Palette) -> Picture:
    """Scale a picture of square pixels into a raster, keeping its proportions, with margins around.

    Each sample is the mean of the pixels that it covers.
    """
    height, width = picture.shape[:2]
    scale = min(raster.rows / height, raster.columns * raster.aspect / width)
    rows = max(1, min(raster.rows, round(height * scale)))
    columns = max(1, min(raster.columns, round(width * scale / raster.aspect)))
    margin = (np.asarray(palette.sky) * 255.0 + 0.5).astype(np.uint8)
    result = np.broadcast_to(margin, (raster.rows, raster.columns, 3)).copy()
    top, left = (raster.rows - rows) // 2, (raster.columns - columns) // 2
    result[top : top + rows, left : left + columns] = _averaged(_averaged(picture, rows, 0), columns, 1)
    return result


def _averaged(picture: Picture, count: int, axis: int) -> Picture:
    """Reduce an axis to ``count`` means of its parts; enlarge it by repetition."""
    size = picture.shape[axis]
    edges = np.arange(count + 1) * size // count
    if count >= size:
        repeated: Picture = picture.take(np.arange(count) * size // count, axis)
        return repeated
    total = np.add.reduceat(picture, edges[:-1], axis, dtype=np.uint32)
    shape = [1, 1, 1]
    shape[axis] = count
    mean: Picture = (total // np.diff(edges).reshape(shape)).astype(np.uint8)
    return mean
