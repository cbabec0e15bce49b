"""What the charts screen shows, as files: CSV, JSON and SVG."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.files import replace_atomically
from vmpo_tui.gallery import Gallery, Sample
from vmpo_tui.look import AXES, Look
from vmpo_tui.plotting.arrays import Floats
from vmpo_tui.plotting.svg import picture

FORMATS = ("csv", "json", "svg")
FOLDER = "exports"
"""In the run directory."""


def save(folder: Path, kind: str, gallery: Gallery, look: Look, metrics: Sequence[str], columns: int) -> Path:
    """Write the charts of some metrics, as they are shown, to a new file.

    Args:
        folder: made if need be.
        kind: one of `FORMATS`.
        gallery: makes the charts.
        look: how they are shown.
        metrics: which ones.
        columns: charts in a row of a picture.

    Returns:
        The file.

    Raises:
        OSError: the disk refuses.
    """
    samples = [sample for metric in metrics for sample in gallery.samples(look, metric)]
    match kind:
        case "csv":
            content = as_csv(samples, look)
        case "json":
            content = as_json(samples, look)
        case _:
            panels = [gallery.panel(look, metric) for metric in metrics]
            content = picture(panels, columns, AXES[look.axis][0], gallery.legend(look))
    folder.mkdir(parents=True, exist_ok=True)
    path = free_path(folder, "charts", kind)
    replace_atomically(path, content.encode())
    return path


def as_csv(samples: Sequence[Sample], look: Look) -> str:
    """Return a row for every point; what is not finite is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["metric", "run", look.axis, "value", *(["smoothed"] if look.span else [])])
    for sample in samples:
        smooth = [[]] * len(sample.x) if not look.span else [[cell] for cell in _smoothed(sample)]
        for x, y, extra in zip(_plain(sample.x), _plain(sample.y), smooth, strict=True):
            writer.writerow([sample.metric, sample.run, x, y, *extra])
    return text.getvalue()


def as_json(samples: Sequence[Sample], look: Look) -> str:
    """Return an object with a curve for each metric and run; what is not finite is null."""
    curves: list[dict[str, Any]] = []
    for sample in samples:
        curve = {"metric": sample.metric, "run": sample.run, "x": _plain(sample.x), "y": _plain(sample.y)}
        curves.append(curve | ({"smoothed": _smoothed(sample)} if look.span else {}))
    content = {"x": look.axis, "smoothing": look.span or None, "curves": curves}
    return json.dumps(content, allow_nan=False) + "\n"


def _smoothed(sample: Sample) -> list[float | None]:
    return [None] * len(sample.x) if sample.smoothed is None else _plain(sample.smoothed)


def _plain(values: Floats) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values.tolist()]


def free_path(folder: Path, name: str, kind: str) -> Path:
    """Return the first numbered name that nothing has yet."""
    number = 1
    while (path := folder / f"{name}-{number:03}.{kind}").exists():
        number += 1
    return path
