"""Videos: as many pictures as steps, at their own pace, with OpenGL, without, and of any environment."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from engine.errors import BackendUnavailableError, CheckpointError
from engine.recording import save_recording
from tests.recordings import record
from tests.unit.cli_runner import Runner
from vmpo_tui.robot import film, gl
from vmpo_tui.robot.look import Look

av = pytest.importorskip("av", reason="videos need the extra 'video'")


@pytest.fixture
def vmpo(capsys):
    return Runner(capsys)


def make(path, out, *, look=None, **environment):
    import os

    return subprocess.run(
        film.command(path, out, look),
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def pictures(path) -> tuple[float, list[np.ndarray]]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return float(stream.average_rate), [
            frame.to_ndarray(format="rgb24") for frame in container.decode(stream)
        ]


def test_without_opengl_the_software_view_is_filmed(tmp_path):
    path = save_recording(tmp_path, record("HalfCheetah-v5", steps=6))
    done = make(path, tmp_path / "videos" / "out.mp4", MUJOCO_GL="disable")
    assert (done.returncode, done.stderr) == (0, "")
    rate, frames = pictures(tmp_path / "videos" / "out.mp4")
    assert (rate, len(frames), frames[0].shape) == (20.0, 6, (360, 480, 3))
    assert frames[0][0].mean() < 40  # the dark sky
    assert abs(frames[0].astype(int) - frames[-1]).max() > 50
    assert sorted(entry.name for entry in (tmp_path / "videos").iterdir()) == ["out.mp4"]


def test_with_opengl_mujoco_draws(tmp_path):
    backend = gl.find_backend()
    if backend is None:
        pytest.skip("there is no OpenGL context here")
    path = save_recording(tmp_path, record("HalfCheetah-v5", steps=2))
    done = make(path, tmp_path / "out.mp4", MUJOCO_GL=backend)
    assert (done.returncode, done.stderr) == (0, "")
    assert [frame.shape for frame in pictures(tmp_path / "out.mp4")[1]] == [(480, 640, 3)] * 2


def test_the_onlookers_view_is_filmed(tmp_path):
    path = save_recording(tmp_path, record("Ant-v5", steps=1))
    for name, look in (("plain", Look()), ("turned", Look(turn=180.0, zoom=2.0))):
        assert make(path, tmp_path / f"{name}.mp4", look=look, MUJOCO_GL="disable").returncode == 0
    plain, turned = (pictures(tmp_path / f"{name}.mp4")[1][0].astype(int) for name in ("plain", "turned"))
    assert abs(plain - turned).mean() > 5


def test_other_environments_draw_themselves(tmp_path):
    path = save_recording(tmp_path, record("CartPole-v1", steps=9))
    assert make(path, tmp_path / "out.mp4").returncode == 0
    rate, frames = pictures(tmp_path / "out.mp4")
    assert (rate, len(frames), frames[0].shape) == (50.0, 9, (400, 600, 3))


def test_fast_simulations_are_thinned_out(tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(film, "_pictures", lambda recording, steps, look: shown.extend(steps) or iter(()))
    monkeypatch.setattr(film, "_encode", lambda path, frames, rate: (path.touch(), shown.append(rate)))
    film.film(record("Humanoid-v5", steps=5), tmp_path / "x.mp4", {})  # a step is 15 ms
    assert shown == [0, 2, 4, pytest.approx(1 / 0.03, rel=1e-3)]


def test_what_went_wrong_is_one_line(tmp_path):
    done = make(tmp_path / "none.npz", tmp_path / "out.mp4")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "none.npz cannot be replayed: No such file" in done.stderr


def test_a_full_disk_leaves_no_half_video(tmp_path, monkeypatch):
    def full(path, frames, rate):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(film, "_encode", full)
    with pytest.raises(CheckpointError, match=r"out\.mp4: No space left"):
        film.film(record("CartPole-v1", steps=2), tmp_path / "out.mp4", {})
    assert list(tmp_path.iterdir()) == []


def test_it_says_how_far_it_is(tmp_path):
    path = save_recording(tmp_path, record("CartPole-v1", steps=8))
    done = make(path, tmp_path / "out.mp4")
    assert done.stdout.split() == ["12", "25", "37", "50", "62", "75", "87", "100"]
    assert [film.share_done(told) for told in (b"", b"12\n25\n", b"100\n", b"no figure")] == [0, 0.25, 1, 0]


def test_two_that_make_one_video_keep_out_of_each_others_way(tmp_path):
    out = tmp_path / "out.mp4"
    assert film.temporary(out, 1) != film.temporary(out, 2)
    assert film.temporary(out, 1).parent == tmp_path  # from where it is moved at once


def test_one_that_is_told_to_end_leaves_nothing_behind(tmp_path):
    program = (
        "import sys, time; from vmpo_tui.robot import film; from pathlib import Path\n"
        "def slow(path, pictures, rate):\n"
        "    path.touch(); next(pictures); sys.stdout.write('begun\\n'); sys.stdout.flush(); time.sleep(60)\n"
        "film._encode = slow; sys.exit(film.main())"
    )
    path, out = save_recording(tmp_path / "in", record("CartPole-v1", steps=4)), tmp_path / "out" / "x.mp4"
    arguments = [sys.executable, "-c", program, str(path), str(out)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        assert [entry.name for entry in out.parent.iterdir()] == [f".tmp-{process.pid}-x.mp4"]
        process.terminate()
        assert process.wait(timeout=60) == 128 + 15
    assert list(out.parent.iterdir()) == []


def test_a_missing_encoder_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BackendUnavailableError, match=r"pip install 'vmpo-tui\[video\]'"):
        film.require_encoder()


def test_only_a_context_that_works_counts(monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "disable")
    assert gl.find_backend() is None
    monkeypatch.delenv("MUJOCO_GL")
    monkeypatch.setattr(gl, "_TRIAL", "import os; assert os.environ['MUJOCO_GL'] == 'osmesa'")
    assert gl.find_backend() == "osmesa"
    monkeypatch.setattr(gl, "_TRIAL", "import time; time.sleep(60)")
    monkeypatch.setattr(gl, "SECONDS", 0.2)
    assert gl.find_backend() is None


def test_eval_films_the_first_episode(vmpo, tmp_path, monkeypatch):
    from tests.unit.run_script import CARTPOLE, train

    train(CARTPOLE, tmp_path / "run")
    out = tmp_path / "out.mp4"
    result = vmpo("eval", str(tmp_path / "run"), "--episodes", "2", "--video", str(out), "--json")
    assert result.code == 0, result.err
    document = json.loads(result.out)
    assert len(pictures(out)[1]) == document["lengths"][0]
    assert "recording" not in document
    monkeypatch.setattr(film, "command", lambda *_: [sys.executable, "-c", "raise SystemExit('no luck')"])
    result = vmpo("eval", str(tmp_path / "run"), "--episodes", "2", "--video", str(out))
    assert (result.code, result.err.splitlines()[-1]) == (2, "error: no video was made: no luck")


@pytest.mark.parametrize(
    ("name", "reason"), [("out.avi", "ends in .mp4"), ("nowhere/out.mp4", "there is no directory")]
)
def test_a_video_that_cannot_be_is_refused_at_once(vmpo, tmp_path, name, reason):
    (tmp_path / "run").mkdir()
    result = vmpo("eval", str(tmp_path / "run"), "--video", str(tmp_path / name))
    assert result.code == 2
    assert reason in result.err
    assert result.out == ""
