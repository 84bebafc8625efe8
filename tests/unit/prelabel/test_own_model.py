"""One's own model as a function and as a program: run for real, where the page says so as the page says it."""

import json
import os
import re
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from hint_toolkit.cli._main import run
from hint_toolkit.cli.evaluate import cli
from hint_toolkit.errors import InputError
from hint_toolkit.io.predictions import read_predictions
from hint_toolkit.joints import FROM_HINT
from hint_toolkit.prelabel.base import Ask, Prompt, detect_all
from hint_toolkit.prelabel.registry import open_detector
from hint_toolkit.synthetic import render
from tests.unit.prelabel.test_detectors import boxes_keep_the_contract

PAGE = Path(__file__).resolve().parents[3] / "docs/own-model.md"
BOX = np.array([100.0, 100, 200, 200])
PICTURE = np.zeros((300, 400, 3), np.uint8)

BRIGHTEST = """
import numpy as np

def brightest(crop, side):
    assert crop.shape == (SIZE, SIZE, 3) and crop.dtype == np.uint8
    y, x = np.unravel_index(crop[:, :, 0].astype(int).argmax(), crop.shape[:2])
    return np.tile([x, y], (21, 1))

def many(crops, sides):
    return [brightest(crop, side) for crop, side in zip(crops, sides, strict=True)]
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def python(body, name="predict", **options):
    Path("own.py").write_text(body)
    return open_detector(f"python:own.py:{name}", **options)


def program(body, name="own_program", **options):
    Path(name).write_text(f"#!{sys.executable}\n{body}")
    Path(name).chmod(0o755)
    return open_detector(f"command:./{name}", **options)


PROGRAM = """
import json, os, sys
from pathlib import Path
folder = Path(sys.argv[-1])
job = json.loads((folder / "crops.json").read_text())
answers = {crop["file"]: [[10, 20]] * 21 for crop in job["crops"]}
"""
WRITE = '\n(folder / "points.json").write_text(json.dumps(answers))\n'


def code(page, name):
    """The block of the page that follows a file's name."""
    return re.search(rf"`{re.escape(name)}`[^`]*```python\n(.*?)```", page, re.DOTALL)[1]


@pytest.fixture
def release(tmp_path):
    folder = tmp_path / "gt/TEST_newdays_img"
    folder.mkdir(parents=True)
    for side in ("l", "r"):
        cv2.imwrite(str(folder / f"ND_abc_frame000001_{side}.jpg"), PICTURE)
        points = np.linspace(BOX[:2] + 10, BOX[2:] - 10, 21)
        content = {"bbox": [BOX.tolist()], "keypoints": points.tolist(), "existence": [1] * 21, "occlusion": [0] * 21}
        (folder / f"ND_abc_frame000001_{side}.json").write_text(json.dumps([content]))
    return tmp_path / "gt"


def test_the_ten_lines_of_the_page_run_as_they_stand(release, capsys):
    page = PAGE.read_text("utf-8")
    function, script = code(page, "my_model.py"), code(page, "run_my_model")
    assert len([line for line in function.splitlines() if line]) <= 10
    assert len([line for line in script.splitlines() if line]) <= 10
    Path("my_model.py").write_text(function)
    Path("run_my_model").write_text(script)
    Path("run_my_model").chmod(0o755)
    for model in ("python:my_model.py:predict", "command:./run_my_model"):
        assert model in page
        assert run(cli, "hint-eval", ["predict", "--model", model, "--gt", str(release), "--out", "preds.json"]) == 0
        assert "2 of 2 hands found by" in capsys.readouterr().out
        made = read_predictions(Path("preds.json"))
        np.testing.assert_allclose(made.points, 150.0)  # pixel 128 of the crop is the centre of the box
        Path("preds.json").unlink()
    assert run(cli, "hint-eval", ["predict", "--model", "python:my_model.py:predict", "--gt", str(release), "--option",
                                  "grow=4", "--option", "mirror_left=true", "--batch", "1"]) == 2  # fmt: skip
    assert "my_model.py:predict" in capsys.readouterr().err  # one crop at a time is what it takes


@pytest.mark.parametrize(("side", "mirror"), [("left", 0), ("right", 0), ("", 0), ("left", 1), ("right", 1)])
def test_points_come_back_to_the_pixel_they_were_seen_at(side, mirror):
    picture = PICTURE.copy()
    picture[130, 171] = 255
    body = BRIGHTEST.replace("SIZE", "512")
    detector = python(body, "brightest", size=512, grow=1.5, mirror_left=bool(mirror))
    (found,) = detector.detect_in(picture, [Prompt(BOX, side)])
    np.testing.assert_allclose(found.points, np.tile([171, 130], (21, 1)), atol=0.3)
    assert found.side == (side or "right")


def test_a_crop_by_hand():
    """Box of 100 px, grow 2: 200 px from 50 to 250 in 256 px; a mirrored left hand counts from the other end."""
    body = "import numpy as np\ndef predict(crop, side):\n    return np.array([[0, 0]] * 20 + [[256, 128]])\n"
    (plain,) = python(body).detect_in(PICTURE, [Prompt(BOX, "left")])
    np.testing.assert_allclose(plain.points[[0, 20]], [[50, 50], [250, 150]])
    (turned,) = python(body, mirror_left=True).detect_in(PICTURE, [Prompt(BOX, "left")])
    np.testing.assert_allclose(turned.points[[0, 20]], [[255 * 200 / 256 + 50, 50], [-200 / 256 + 50, 150]])
    (right,) = python(body, mirror_left=True).detect_in(PICTURE, [Prompt(BOX, "right")])
    np.testing.assert_allclose(right.points, plain.points)


def test_both_keep_the_contract_of_every_detector():
    scenes = [render(seed, 640, 480, view="ego") for seed in range(2)]
    middle = "def predict(crop, side):\n    return [[120 + k, 130 - k] for k in range(21)]\n"
    own = python(middle)
    boxes_keep_the_contract(own, scenes)
    boxes_keep_the_contract(program(PROGRAM.replace("[[10, 20]]", "[[120, 130]]") + WRITE), scenes)
    with pytest.raises(InputError, match="python works from boxes only"):
        own.detect(scenes[0][0])
    with pytest.raises(InputError, match="python works from boxes only"):
        next(own.detect_many([Ask(scenes[0][0])]))


def test_everything_an_answer_may_say():
    body = """
import numpy as np
def predict(crop, side):
    points = np.full((21, 2), 100.0); points[3] = np.nan; points[0] = 60
    return {"points": points, "score": np.arange(21), "visibility": np.linspace(0, 1, 21),
            "joints3d": np.arange(63).reshape(21, 3)}
"""
    (found,) = python(body, joint_order="mano", mirror_left=True).detect_in(PICTURE, [Prompt(BOX, "left")])
    assert np.isnan(found.points[7]).all()  # MANO's joint 3 is the third of the forefinger
    assert np.isfinite(np.delete(found.points, 7, axis=0)).all()
    np.testing.assert_array_equal(found.score[list(FROM_HINT["mano"])], np.arange(21))
    np.testing.assert_allclose(found.occlusion[list(FROM_HINT["mano"])], 1 - np.linspace(0, 1, 21))
    np.testing.assert_array_equal(found.pose3d.joints[list(FROM_HINT["mano"])][5], [-15, 16, 17])
    (found,) = python("def predict(crop, side):\n    return {'points': [[100, 100]] * 21, 'score': 0.25}\n").detect_in(
        PICTURE, [Prompt(BOX)])  # fmt: skip
    assert found.presence == 0.25
    assert np.isnan(found.score).all()


@pytest.mark.parametrize("answer", ["None", "{'points': None}", "[[float('nan')] * 2] * 21", "[[-900, -900]] * 21"])
def test_no_hand_is_an_answer(answer):
    assert python(f"def predict(crop, side):\n    return {answer}\n").detect_in(PICTURE, [Prompt(BOX)]) == [None]


def test_batches_run_over_pictures_and_every_hand_gets_its_own_answer():
    body = BRIGHTEST.replace("SIZE", "256") + "\ncalls = []\n" + """
def counted(crops, sides):
    calls.append(len(crops))
    return many(crops, sides)
"""  # fmt: skip
    detector = python(body, "counted", batch=3)
    pictures, asks = [], []
    rng = np.random.default_rng(0)
    for k in range(5):
        picture = PICTURE.copy()
        spots = rng.integers(110, 190, (2, 2))
        boxes = [BOX, BOX + np.array([150, 0, 150, 0])][: 1 + k % 2]
        for (x, y), box in zip(spots, boxes, strict=False):
            picture[y, x + int(box[0]) - 100] = 255
        pictures.append([(x + int(box[0]) - 100, y) for (x, y), box in zip(spots, boxes, strict=False)])
        asks.append(Ask(picture, tuple(Prompt(box) for box in [*boxes, np.full(4, np.nan)])))
    # Boxes that overlap would show each other's spot: 100 px boxes 150 px apart, seen 1.2 times, do not.
    detector = python(body, "counted", batch=3, grow=1.2)
    found = list(detect_all(detector, asks))
    assert [len(one) for one in found] == [2, 3, 2, 3, 2]
    for spots, answers in zip(pictures, found, strict=True):
        assert answers[-1] is None
        for spot, answer in zip(spots, answers, strict=False):
            np.testing.assert_allclose(answer.points[0], spot, atol=0.6)
    (calls,) = [m.calls for name, m in sys.modules.items() if name.startswith("hint_own_") and hasattr(m, "calls")][-1:]
    assert calls == [3, 3, 1]


def test_a_class_is_made_once_and_a_module_of_the_current_folder_is_found():
    Path("my_package_x").mkdir()
    Path("my_package_x/net.py").write_text(
        "class Net:\n    made = 0\n    def __init__(self):\n        Net.made += 1\n"
        "    def __call__(self, crop, side):\n        return [[Net.made, 0]] * 21\n"
    )
    detector = open_detector("python:my_package_x.net:Net", grow=1.0)
    for _ in range(2):
        (found,) = detector.detect_in(PICTURE, [Prompt(BOX)])
        assert found.points[0, 0] == pytest.approx(100 / 256 + 100)


def test_the_name_tells_target_content_and_options():
    one = python("def predict(crop, side):\n    return None\n")
    assert re.fullmatch(r"python-own.py_predict-[0-9a-f]{12}", one.name)
    assert (
        python("def predict(crop, side):\n    return None\n", grow=1.5, batch=4).name == f"{one.name},grow=1.5,batch=4"
    )
    assert python("def predict(crop, side):\n    return  None\n").name != one.name
    first = program(PROGRAM + WRITE)
    assert re.fullmatch(r"command-own_program-[0-9a-f]{12}", first.name)
    assert program(PROGRAM + WRITE, picture="jpg").name == f"{first.name},picture=jpg"
    assert program(PROGRAM + "pass" + WRITE).name != first.name


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return [[1, 2]] * 20", r"own.py:predict > points: must have shape \(21, 2\), got \(20, 2\)"),
        ("return 'text'", "points: must be numbers"),
        ("return [[float('inf'), 0]] * 21", "holds an infinity"),
        ("return {'keypoints': []}", "has an unknown key 'keypoints'; keys are: points, score, visibility, joints3d"),
        ("return {'points': [[1, 2]] * 21, 'visibility': [2] * 21}", "visibility: must lie within 0 and 1"),
        ("return {'points': [[1, 2]] * 21, 'score': [1, 2]}", r"score: must have shape \(21,\) or \(\)"),
        ("return {'points': [[1, 2]] * 21, 'joints3d': [1]}", r"joints3d: must have shape \(21, 3\)"),
        ("raise KeyError('weights')", "own.py:predict: failed with KeyError: 'weights'.*--debug"),
    ],
)
def test_what_a_function_does_wrong_is_one_line(body, said):
    with pytest.raises(InputError, match=said) as error:
        python(f"def predict(crop, side):\n    {body}\n").detect_in(PICTURE, [Prompt(BOX)])
    assert "\n" not in str(error.value)


def test_a_batch_of_another_length_is_one_line():
    body = "def predict(crops, sides):\n    return [None] * 3\n"
    with pytest.raises(InputError, match="own.py:predict: gave 3 answers for 2 crops"):
        python(body, batch=4).detect_in(PICTURE, [Prompt(BOX), Prompt(BOX)])


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("python", {}, "no function named; write python:FILE.py:FUNCTION"),
        ("python:own.py", {}, "no function in 'own.py'"),
        ("python:gone.py:f", {}, "gone.py: no such file"),
        ("python:no_such_module_x:f", {}, "no_such_module_x: cannot be imported: ModuleNotFoundError"),
        ("python:bad.py:f", {}, "bad.py: cannot be imported: SyntaxError"),
        ("python:exits.py:f", {}, "exits.py: cannot be imported: SystemExit"),
        ("python:good.py:g", {}, "good.py: has no function g"),
        ("python:good.py:number", {}, "good.py: number is no function"),
        ("python:good.py:f", {"size": 4}, "size=4"),
        ("python:good.py:f", {"grow": 0.0}, "grow=0"),
        ("python:good.py:f", {"joint_order": "x"}, "joint_order=x; use one of: hint"),
        ("python:good.py:f", {"batch": -1}, "batch=-1"),
        ("python:good.py:f", {"model": "x"}, "python has no option model; its options: target, size"),
        ("mediapipe:x", {}, "mediapipe takes nothing behind a colon; name it mediapipe"),
        ("pytorch:x", {}, "no detector 'pytorch'; choose one of"),
        ("command", {}, "no program named"),
        ("command:./gone --x", {}, "./gone: no such program"),
        ("command:./plain", {}, r"./plain: is not executable; chmod \+x ./plain"),
        ("command:'open", {}, "cannot be split into words"),
        ("command:true", {"timeout": 0.0}, "timeout=0"),
        ("command:true", {"picture": "bmp"}, "picture=bmp"),
        ("command:true", {"batch": 0}, "batch=0"),
    ],
)
def test_what_cannot_be_opened_is_one_line(name, options, said):
    Path("bad.py").write_text("def f(:")
    Path("exits.py").write_text("raise SystemExit(3)")
    Path("good.py").write_text("number = 3\ndef f(crop, side): return None")
    Path("plain").write_text("x")
    with pytest.raises(InputError, match=said) as error:
        open_detector(name, **options)
    assert "\n" not in str(error.value)


def test_mirroring_without_a_side_is_one_line():
    detector = python("def predict(crop, side):\n    return None\n", mirror_left=True)
    assert detector.needs_side
    with pytest.raises(InputError, match="a box does not say left or right, and left hands are to be mirrored"):
        detector.detect_in(PICTURE, [Prompt(BOX)])


def test_a_program_gets_crops_sides_ids_and_the_environment_and_the_folder_goes(monkeypatch):
    monkeypatch.setenv("HINT_TEST_WORD", "as it was")
    body = PROGRAM + """
import shutil
seen = [job, os.environ["HINT_TEST_WORD"], sys.argv[1:-1], sorted(os.listdir(folder))]
Path("seen.json").write_text(json.dumps(seen))
shutil.copy(folder / "000000.png", "crop.png"); Path("folder").write_text(str(folder))
""" + WRITE  # fmt: skip
    program(body)
    picture = np.random.default_rng(0).integers(0, 255, PICTURE.shape).astype(np.uint8)
    detector = open_detector("command:./own_program --name 'two words; echo $HOME'")
    found = detector.detect_in(picture, [Prompt(BOX, "left", id="TEST/x_l"), Prompt(np.full(4, np.nan)), Prompt(BOX)])
    np.testing.assert_allclose(found[0].points, np.tile([10 * 200 / 256 + 50, 20 * 200 / 256 + 50], (21, 1)))
    assert found[1] is None
    job, word, words, files = json.loads(Path("seen.json").read_text())
    assert job == {"size": 256, "crops": [{"file": "000000.png", "side": "left", "id": "TEST/x_l"},
                                          {"file": "000001.png", "side": "", "id": ""}]}  # fmt: skip
    assert (word, words) == ("as it was", ["--name", "two words; echo $HOME"])  # no shell
    assert files == ["000000.png", "000001.png", "crops.json"]
    assert not Path(Path("folder").read_text()).exists()
    # the crop is the picture: OpenCV's own warp of the same square
    matrix = np.array([[256 / 200, 0, -50 * 256 / 200], [0, 256 / 200, -50 * 256 / 200]])
    wanted = cv2.warpAffine(picture, matrix, (256, 256), flags=cv2.INTER_LINEAR)
    assert np.abs(cv2.imread("crop.png")[:, :, ::-1].astype(int) - wanted).max() <= 8


def test_a_program_is_started_once_a_batch_and_reads_jpg():
    body = PROGRAM + "open('starts', 'a').write(job['crops'][-1]['file'] + ' ')" + WRITE
    detector = program(body, batch=2, picture="jpg")
    assert len(detector.detect_in(PICTURE, [Prompt(BOX)] * 5)) == 5
    assert Path("starts").read_text().split() == ["000001.jpg", "000001.jpg", "000000.jpg"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("sys.exit('out of\\nmemory')", r"own_program: ended with exit code 1 \(out of memory\)"),
        ("os.kill(os.getpid(), 9)", "own_program: was ended by signal 9"),
        ("pass", "wrote no points.json"),
        ("answers.pop('000000.png')" + WRITE, "has no answer for 1 of 2 crops: 000000.png; write null"),
        ("answers['x.png'] = None" + WRITE, "has answers for 1 crops that were not given: x.png"),
        ("answers = [1]" + WRITE, "must be an object with a key a crop"),
        ("(folder / 'points.json').write_text('{')", "points.json: is not JSON"),
        (
            "answers['000001.png'] = [[1, 2]] * 3" + WRITE,
            r"points.json > 000001.png > points: must have shape \(21, 2\)",
        ),
        ("answers['000001.png'] = [[1e400, 2]] * 21" + WRITE, "000001.png > points: holds an infinity"),
    ],
)
def test_what_a_program_does_wrong_is_one_line(body, said):
    with pytest.raises(InputError, match=said) as error:
        program(PROGRAM + body).detect_in(PICTURE, [Prompt(BOX), Prompt(BOX)])
    assert "\n" not in str(error.value)


def test_null_and_nan_of_a_program_are_no_hand():
    body = PROGRAM + "answers['000000.png'] = None; answers['000001.png'] = [[float('nan')] * 2] * 21" + WRITE
    assert program(body).detect_in(PICTURE, [Prompt(BOX), Prompt(BOX)]) == [None, None]


def test_a_program_that_hangs_is_ended_with_what_it_started():
    body = PROGRAM + """
import subprocess, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
Path("child").write_text(str(child.pid)); time.sleep(60)
"""  # fmt: skip
    detector = program(body, timeout=3.0)
    begun = time.monotonic()
    with pytest.raises(InputError, match="took longer than 3 seconds for a batch, and was ended"):
        detector.detect_in(PICTURE, [Prompt(BOX)])
    assert time.monotonic() - begun < 30
    child = int(Path("child").read_text())
    for _ in range(100):
        state = Path(f"/proc/{child}/stat")
        if not state.exists() or state.read_text().split()[2] == "Z":
            break
        time.sleep(0.05)
    else:
        os.kill(child, 9)
        pytest.fail("the child of the program still runs")


def test_a_file_that_is_no_program_is_one_line():
    Path("odd").write_bytes(b"\x7fnot a program")
    Path("odd").chmod(0o755)
    with pytest.raises(InputError, match="./odd: cannot be started.*Exec format error"):
        open_detector("command:./odd").detect_in(PICTURE, [Prompt(BOX)])
