"""What strangers install: the wheel in a bare environment scores, with five dependencies and nothing else."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from hint_toolkit.io.images import write_jpg
from hint_toolkit.io.parquet import hands_to_table, write_table

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    source = tmp_path_factory.mktemp("source")
    files = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    # A copy, so that the build leaves no build/ and no *.egg-info in the checkout.
    for name in filter(None, files.stdout.split("\0")):
        if (PROJECT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((PROJECT / name).read_bytes())
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(out), str(source)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def bare(wheel, tmp_path_factory):
    """An environment that holds the wheel and what it asks for."""
    venv = tmp_path_factory.mktemp("bare") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    pip = [str(venv / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(wheel)]
    run = subprocess.run(pip, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return venv / "bin"


def test_only_the_package_is_in_the_wheel(wheel):
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
        assert "hint_toolkit/py.typed" in archive.namelist()
    assert {top for top in tops if not top.endswith(".dist-info")} == {"hint_toolkit"}


def test_both_programs_help_and_nothing_heavy_came_along(bare):
    for program in ("hint-eval", "hint-build"):
        run = subprocess.run([bare / program, "--help"], capture_output=True, text=True, check=True)
        assert run.stdout.startswith("Usage:")
    listed = subprocess.run(
        [bare / "python", "-m", "pip", "list", "--format=json"], capture_output=True, text=True, check=True
    )
    names = {package["name"].lower().replace("_", "-") for package in json.loads(listed.stdout)}
    assert {"numpy", "pandas", "pyarrow", "click"} <= names
    assert not names & {"torch", "opencv-python", "opencv-python-headless", "mediapipe", "fiftyone", "matplotlib", "av"}


def test_it_scores(bare, tmp_path, make_hands):
    write_jpg(tmp_path / "a.jpg", np.zeros((480, 640, 3), np.uint8))
    hands = make_hands(4).replace(image=["a.jpg"] * 4)
    write_table(tmp_path / "hands.parquet", hands_to_table(hands), {})
    records = [{"id": h.id, "keypoints": h.points.tolist()} for h in hands]
    (tmp_path / "preds.json").write_text(json.dumps({"header": {"method": "copy"}, "predictions": records}))
    call = [bare / "hint-eval", "--pred", "preds.json", "--gt", "hands.parquet", "--json"]
    run = subprocess.run(call, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert {row["value"] for row in json.loads(run.stdout)["rows"]} == {1.0}
    assert 'pip install "hint-toolkit[report]"' in run.stderr
    assert (tmp_path / "results/results.json").is_file()
    view = subprocess.run([bare / "hint-eval", "view"], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert view.returncode == 2
    assert view.stderr.count("\n") == 1
    assert 'pip install "hint-toolkit[view]"' in view.stderr


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        (["hint-build", "prelabel"], "prelabel"),
        (["hint-build", "sample", "--videos", "a.mp4"], "video"),
    ],
)
def test_a_command_whose_extra_is_absent_names_the_pip_line(bare, tmp_path, command, extra):
    (tmp_path / "a.mp4").write_bytes(b"x")
    run = subprocess.run([bare / command[0], *command[1:]], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert run.returncode == 2
    assert f'pip install "hint-toolkit[{extra}]"' in run.stderr
    assert run.stderr.count("\n") == 1
