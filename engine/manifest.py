"""What a checkpoint directory says about itself, so that damage is found and named before anything is used.

The manifest holds the SHA-256 of each part, and one of its own. It also says which libraries and how many
threads made the numbers, which decides whether a resumed run is exact.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from engine.errors import CheckpointError
from engine.files import LINK
from engine.generations import MANIFEST

FORMAT_VERSION = 2
TENSORS, STATE, CONFIG = "tensors.safetensors", "state.json", "config.toml"
PARTS = (TENSORS, STATE, CONFIG)
LIBRARIES = ("torch", "numpy", "mujoco", "gymnasium", "safetensors", "dm_control", "shimmy", "Box2D")
"""Packages whose versions may change the numbers; those that are not installed are left out."""


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


FACTS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "env_steps": ("a whole number", _is_count),
    "updates": ("a whole number", _is_count),
    "env_id": ("a text", lambda value: isinstance(value, str)),
    "parts": ("a table of files", lambda value: isinstance(value, dict)),
    "libraries": (
        "a table of versions",
        lambda value: isinstance(value, dict) and all(isinstance(version, str) for version in value.values()),
    ),
    "torch_threads": ("a whole number", _is_count),
    "cpu": ("a text", lambda value: isinstance(value, str)),
}
"""What every manifest says, in words and as a check."""


def describe_parts(contents: Mapping[str, bytes], facts: Mapping[str, Any]) -> bytes:
    """Return the manifest of the parts.

    Args:
        contents: what is in each part.
        facts: JSON values to keep beside them.
    """
    manifest = {
        "format": FORMAT_VERSION,
        **facts,
        "parts": {
            name: {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
            for name, content in contents.items()
        },
        "libraries": _libraries(),
        "torch_threads": torch.get_num_threads(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
    }
    return _signed(manifest)


def verify(path: Path) -> dict[str, Any]:
    """Return a checkpoint's manifest after checking format, sizes and checksums.

    Raises:
        CheckpointError: names the file and what is wrong with it.
    """
    if path.is_symlink():
        raise CheckpointError(f"{path} cannot be used: {LINK}")
    manifest = _read(path)
    parts = manifest["parts"]
    for name in PARTS:
        _verify_part(path / name, parts.get(name))
    return manifest


def differences(manifest: Mapping[str, Any]) -> list[str]:
    """Say in what this process differs from the one that wrote a manifest, where that changes numbers."""
    then, now = manifest["libraries"], _libraries()
    found = [
        f"{name} is {now.get(name, 'missing')} and was {then.get(name, 'missing')}"
        for name in sorted({*then, *now})
        if then.get(name) != now.get(name)
    ]
    threads = torch.get_num_threads()
    if manifest["torch_threads"] != threads:
        found.append(f"PyTorch computes on {threads} threads and did on {manifest['torch_threads']}")
    cpu = torch.backends.cpu.get_cpu_capability()
    if manifest["cpu"] != cpu:
        found.append(f"this processor computes with {cpu}, the one before with {manifest['cpu']}")
    return found


@functools.cache
def _libraries() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _signed(manifest: Mapping[str, Any]) -> bytes:
    """Return the manifest as JSON with its own SHA-256 as the last entry."""
    digest = hashlib.sha256(json.dumps(manifest).encode()).hexdigest()
    return json.dumps({**manifest, "sha256": digest}, indent=2).encode()


def _read(path: Path) -> dict[str, Any]:
    file = path / MANIFEST
    try:
        content = _read_bytes(file)
        manifest = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{file} is damaged: {type(error).__name__}: {error}") from error
    version = manifest.get("format") if isinstance(manifest, dict) else None
    if type(version) is not int:
        raise CheckpointError(f"{file} is damaged: its format is {version!r:.40}, expected a whole number")
    if version != FORMAT_VERSION:
        older = version < FORMAT_VERSION
        raise CheckpointError(
            f"{file} has format {version}, {'older' if older else 'newer'} than {FORMAT_VERSION}, which this "
            f"vmpo-tui reads; {'use the vmpo-tui that wrote it' if older else 'update vmpo-tui'}"
        )
    manifest.pop("sha256", None)
    if _signed(manifest) != content:
        raise CheckpointError(f"{file} is damaged: its SHA-256 is not its own")
    for name, (expected, check) in FACTS.items():
        if not check(manifest.get(name)):
            found = f"is {manifest[name]!r:.40}" if name in manifest else "is missing"
            raise CheckpointError(f"{file} is damaged: {name} {found}, expected {expected}")
    return dict(manifest)


def _verify_part(part: Path, expected: Any) -> None:
    if not isinstance(expected, dict):
        raise CheckpointError(f"{part.parent / MANIFEST} is damaged: it does not list {part.name}")
    content = _read_bytes(part)
    if len(content) != expected.get("size"):
        raise CheckpointError(f"{part} is damaged: {len(content)} bytes instead of {expected.get('size')}")
    if hashlib.sha256(content).hexdigest() != expected.get("sha256"):
        raise CheckpointError(f"{part} is damaged: its SHA-256 is not the manifest's")


def _read_bytes(part: Path) -> bytes:
    if part.is_symlink():
        raise CheckpointError(f"{part} is a link; a checkpoint holds files of its own")
    try:
        return part.read_bytes()
    except FileNotFoundError:
        raise CheckpointError(f"{part} is missing") from None
    except OSError as error:
        raise CheckpointError(f"{part} cannot be read: {error.strerror}") from error
