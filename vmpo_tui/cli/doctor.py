"""`vmpo doctor`: what this machine offers, and what is missing."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import typer

from vmpo_tui import __version__
from vmpo_tui.cli import options

REQUIRED = ("torch", "gymnasium", "mujoco", "numpy", "textual", "rich", "typer", "safetensors")
OPTIONAL = {
    "shimmy": "dm-control",
    "dm-control": "dm-control",
    "box2d": "box2d",
    "av": "video",
    "matplotlib": "plot",
    "onnx": "export",
    "onnxscript": "export",
    "tensorboard": "tensorboard",
    "wandb": "wandb",
    "textual-serve": "serve",
}
"""Optional packages and the extra that installs each."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report."""

    name: str
    state: str
    """ok, note (something optional is absent) or fail."""
    detail: str


def doctor(as_json: options.AsJson = False) -> None:
    """Report versions, threads, GPU, OpenGL, the terminal and whether runs can be written."""
    from vmpo_tui.cli.output import write_json, write_table

    checks = [
        Check(
            "vmpo-tui", "ok", f"{__version__} on Python {platform.python_version()}, {platform.platform()}"
        ),
        *_packages(),
        _threads(),
        _gpu(),
        _opengl(),
        *_terminal(),
        _runs_root(),
    ]
    if as_json:
        write_json([dataclasses.asdict(check) for check in checks])
    else:
        write_table(("", "state", "detail"), [(check.name, check.state, check.detail) for check in checks])
    raise typer.Exit(1 if any(check.state == "fail" for check in checks) else 0)


def _packages() -> Iterator[Check]:
    for name in (*REQUIRED, *OPTIONAL):
        try:
            yield Check(name, "ok", importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            extra = OPTIONAL.get(name)
            state, target = ("note", f"vmpo-tui[{extra}]") if extra else ("fail", name)
            yield Check(name, state, f"not installed: pip install '{target}'")


def _threads() -> Check:
    affinity = getattr(os, "sched_getaffinity", None)  # absent on macOS
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return Check("threads", "ok", f"{cores} usable by this process")


def _gpu() -> Check:
    try:
        import torch
    except ImportError as error:
        return Check("gpu", "fail", f"torch cannot be imported: {error}")
    if not torch.cuda.is_available():
        return Check("gpu", "note", "none that PyTorch can use; training runs on the CPU")
    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return Check("gpu", "ok", ", ".join(names))


def _opengl() -> Check:
    from vmpo_tui.robot.gl import find_backend

    backend = find_backend()
    if backend:
        return Check("opengl", "ok", f"MUJOCO_GL={backend}")
    return Check(
        "opengl", "note", "no context; videos are drawn in software (MUJOCO_GL=egl or osmesa may help)"
    )


def _terminal() -> Iterator[Check]:
    if not sys.stdout.isatty():
        yield Check("terminal", "note", "stdout is not a terminal; vmpo-tui needs one, vmpo train does not")
    else:
        size = shutil.get_terminal_size()
        fits = size.columns >= 80 and size.lines >= 24
        advice = "" if fits else "; 80x24 shows everything"
        yield Check("terminal", "ok" if fits else "note", f"{size.columns}x{size.lines}{advice}")
    encoding = sys.stdout.encoding or "unknown"
    unicode = encoding.lower().replace("-", "") == "utf8"
    yield Check(
        "encoding", "ok" if unicode else "note", encoding if unicode else f"{encoding}; charts need UTF-8"
    )
    yield Check("colours", "ok", _colours())


def _colours() -> str:
    if os.environ.get("NO_COLOR"):
        return "off (NO_COLOR)"
    depth = "16 million" if os.environ.get("COLORTERM") in ("truecolor", "24bit") else "256 or fewer"
    return f"{depth} (TERM={os.environ.get('TERM', 'unset')})"


def _runs_root() -> Check:
    """Look, without writing, whether a run directory can be created."""
    from engine.run_directory import runs_root

    root = runs_root()
    nearest_existing = next(path for path in (root.absolute(), *root.absolute().parents) if path.exists())
    if not nearest_existing.is_dir():
        return Check("runs", "fail", f"{nearest_existing} is not a directory")
    if not os.access(nearest_existing, os.W_OK | os.X_OK):
        return Check(
            "runs", "fail", f"{nearest_existing} is not writable; set VMPO_RUNS to a directory that is"
        )
    return Check("runs", "ok", f"{root} ({_gigabytes_free(nearest_existing):.1f} GB free)")


def _gigabytes_free(path: Path) -> float:
    return shutil.disk_usage(path).free / 1e9
