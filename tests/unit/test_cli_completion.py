"""What the shell is offered after a key press, and that it need not wait for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.config import Config
from engine.envs import list_environments
from engine.presets import PRESETS
from tests.unit.test_curves import row, write_run
from tests.unit.test_house import ROOT
from vmpo_tui.cli import completion

PROGRAM = """
import atexit, sys
sys.argv[0] = sys.argv[1]
atexit.register(lambda: print("\\n", *sys.modules, file=sys.stderr))
from vmpo_tui.cli import main, main_tui
(main if sys.argv[1] == "vmpo" else main_tui)()
"""


def complete(words: str, cwd: Path) -> list[str]:
    """Return what bash would offer for the last of the words, as the installed completion asks for it."""
    name = words.split()[0]
    variables = {
        f"_{name.replace('-', '_').upper()}_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
        "PYTHONPATH": str(ROOT),
        "VMPO_RUNS": str(cwd / "runs"),
    }
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, name],
        cwd=cwd, env={**os.environ, **variables}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    imported = {module.partition(".")[0] for module in result.stderr.rpartition("\n ")[2].split()}
    assert "typer" in imported
    assert imported.isdisjoint({"torch", "gymnasium", "mujoco", "textual", "numpy"})
    return result.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("vmpo train HalfCh", ["HalfCheetah-v5"]),
        ("vmpo-tui Ant", ["Ant-v5"]),
        ("vmpo train Ant-v5 --preset loc", ["locomotion"]),
        ("vmpo-tui Ant-v5 --backend muj", ["mujoco"]),
        ("vmpo train Ant-v5 --sink w", ["wandb"]),
        ("vmpo train Ant-v5 --set vmpo.epsilon_m", ["vmpo.epsilon_mu="]),
        ("vmpo eval fir", ["first"]),
        ("vmpo export runs/f", ["runs/first"]),
        ("vmpo-tui --attach s", ["second"]),
        ("vmpo plot first s", ["second"]),
        ("vmpo plot first --metric lo", ["loss"]),
        ("vmpo plot third --metric only", ["only_here"]),
        ("vmpo plot first --x s", ["seconds", "steps"]),
        ("vmpo ev", ["eval"]),
    ],
)
def test_the_shell_is_offered(tmp_path: Path, words: str, offered: list[str]) -> None:
    for name in ("first", "second"):
        write_run(tmp_path / "runs" / name, [row(10, loss=1.0)])
    write_run(tmp_path / "runs" / "third", [row(10, only_here=1.0)])
    (tmp_path / "runs" / "file").touch()
    assert sorted(complete(words, tmp_path)) == offered


def test_the_list_of_environments_is_the_registrys() -> None:
    assert completion.environments("") == sorted(env.id for env in list_environments())


def test_every_preset_and_setting_is_offered() -> None:
    assert set(completion.presets("")) == {preset.name for preset in PRESETS}
    keys = {f"{section}.{key}=" for section, content in Config().to_dict().items() for key in content}
    assert {key for key, _ in completion.settings("")} == keys


@pytest.mark.parametrize(
    ("incomplete", "offered"),
    [
        ("vmpo.temperature_mode=", ["vmpo.temperature_mode=exact", "vmpo.temperature_mode=gradient"]),
        ("env.stagger=t", ["env.stagger=true"]),
        ("vmpo.gamma=", []),
        ("vmpo.gama=", []),
    ],
)
def test_values_of_a_setting_are_offered(incomplete: str, offered: list[str]) -> None:
    values = [value for value, _ in completion.settings(incomplete)]
    assert values == offered
    for value in values:
        Config().with_assignments([value])


def test_hostile_names_are_not_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VMPO_RUNS", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "good", [row(10, **{"$(touch x)": 1.0, "loss": 1.0})])
    for name in ("$(touch x)", "a b", "`x`", "a;b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.toml").write_text("")
        (tmp_path / name / "metrics.jsonl").write_text(json.dumps({"$(id)": 1}) + "\n")
    assert completion.runs("") == ["good"]
    assert completion.runs("./") == ["./good"]
    assert completion.metrics("") == ["env_steps", "loss", "seconds", "updates"]


def test_no_runs_are_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VMPO_RUNS", str(tmp_path / "absent"))
    assert completion.runs("") == []
    assert completion.runs("absent/") == []
