"""`vmpo export`: the policy of a run as a file that other programs can use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.errors import ConfigError
from vmpo_tui import __version__
from vmpo_tui.cli import options
from vmpo_tui.cli.training import find_run

PACKAGES = {".onnx": ("onnx", "onnxscript"), ".safetensors": ()}
"""Endings of the files that can be written, and the packages of the extra `export` that each needs."""


def export(
    run: options.CheckpointArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="File to write: .onnx or .safetensors.")
    ],
    best: options.Best = False,
    imports: options.Imports = None,
    as_json: options.AsJson = False,
) -> None:
    """Write the policy of a run or checkpoint to a file, ready for use without this program.

    It takes raw observations and gives the environment's actions: the observation statistics and the action
    bounds are inside, and the action is the deterministic one that `vmpo eval` scores. An .onnx file has the
    input "observation" (batch, O) and the output "action"; a .safetensors file has the tensors alone. Both
    carry metadata (environment, sizes, network, steps, version), which --json writes.

    Example: `vmpo export my-run --best -o policy.onnx`
    """
    _check_output(output)
    options.import_modules(imports)
    path = find_run(run)

    from engine.checkpoint import open_checkpoint
    from engine.export import export_policy
    from vmpo_tui.cli.output import write_json, write_lines, write_warning

    checkpoint = open_checkpoint(path, "best" if best else "last")
    write_warning(checkpoint.note)
    metadata = export_policy(checkpoint, output, producer=f"vmpo-tui {__version__}")
    if as_json:
        write_json({"path": str(output), "checkpoint": str(checkpoint.path), **metadata})
    else:
        write_lines(output)


def _check_output(path: Path) -> None:
    """Refuse what could not be written, before the checkpoint is read.

    Raises:
        ConfigError: another kind of file, or no place for one.
        BackendUnavailableError: a package is missing.
    """
    suffix = path.suffix.lower()
    if suffix not in PACKAGES:
        raise ConfigError(f"--output: {path} must end in {' or '.join(PACKAGES)}")
    options.check_writable(path)
    options.check_extra("export", PACKAGES[suffix], "a .safetensors file needs nothing more")
