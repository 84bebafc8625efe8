"""A real Label Studio on a throw-away workspace, and a real headless Chromium."""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.geometry import box_around
from hint_toolkit.io.images import write_jpg
from hint_toolkit.io.parquet import frames_to_table, hands_to_table, write_table
from hint_toolkit.joints import BONES, FINGER_COLORS, N_JOINTS, finger_of
from hint_toolkit.labelstudio.client import LabelStudioClient
from hint_toolkit.labelstudio.server import Account, Server, find_label_studio
from hint_toolkit.records import Frame, Hand, Hands
from hint_toolkit.workspace import Workspace

SIZE = (640, 480)
CHROMIUM_ARGUMENTS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
EMAIL = "annotator@example.org"
PATIENCE = 60_000  # ms that a page may take on a machine that does other work, too


def open_hand(center: tuple[float, float], size: float, angle: float) -> np.ndarray:
    """21 points of a spread hand, seen from the back; the wrist below, fingers up, for angle 0."""
    points = [np.array([0.0, 0.45])]
    bases, tips = [-0.22, -0.16, -0.03, 0.1, 0.22], [-0.5, -0.22, -0.02, 0.19, 0.42]
    for k in range(5):
        base = np.array([bases[k], 0.25 if k == 0 else -0.02 + 0.02 * abs(k - 2)])
        tip = np.array([tips[k], (-0.02, -0.46, -0.52, -0.46, -0.33)[k]])
        points += [base + (tip - base) * t for t in (0.0, 0.4, 0.72, 1.0)]
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.array(points) @ turn.T * size + np.array(center)


def draw(image: np.ndarray, points: np.ndarray) -> None:
    """A hand of coloured bones, so that a person sees where the joints are."""
    cv2.fillConvexPoly(image, cv2.convexHull(points[[0, 1, 5, 9, 13, 17]].astype(np.int32)), (196, 150, 120))
    for a, b in BONES:
        ends = [tuple(round(v * 16) for v in points[j]) for j in (a, b)]
        cv2.line(image, *ends, (214, 168, 138), 14, cv2.LINE_AA, 4)
    for a, b in BONES:
        ends = [tuple(round(v * 16) for v in points[j]) for j in (a, b)]
        colour = FINGER_COLORS[finger_of(b)]
        cv2.line(image, *ends, [int(colour[i : i + 2], 16) for i in (1, 3, 5)], 2, cv2.LINE_AA, 4)


@dataclass(frozen=True)
class Drawn:
    """A workspace with frames and pre-labels, and what is true in it."""

    workspace: Workspace
    truth: Hands
    prelabels: Hands


@pytest.fixture(scope="session")
def drawn_workspace() -> Callable[..., Drawn]:
    """`drawn_workspace(root, hands=(2, 1, 0))`: that many hands in each frame; a frame without one has an empty row.

    `size` is that of the frames; the hands stay where they are, 180 to 220 pixels long. A folder is drawn once: the
    tests share a server, and a project of the same name and hands would be that of the other test, drafts and all.
    """

    def make(
        root: Path,
        hands: Sequence[int] = (2, 1, 0),
        name: str = "clip",
        detector: str = "drawn-1",
        size: tuple[int, int] = SIZE,
    ) -> Drawn:
        rng = np.random.default_rng(7)
        workspace, (width, height) = Workspace(root), size
        if workspace.frames_file.exists():
            pytest.fail(f"another test has drawn {root}: give this one a folder and a project of its own")
        frames, truth, prelabels = [], [], []
        for f, count in enumerate(hands):
            frame = Frame(
                id=f"{name}_frame{f:08d}",
                source="folder",
                video_id=name,
                video=f"{name}.mp4",
                frame_index=f,
                time=f / 30,
                width=width,
                height=height,
                sha256=f"{f:064x}",
                path=f"frames/{name}_frame{f:08d}.jpg",
                reason="drawn",
                split="TEST",
                licence="CC0-1.0",
            )
            image = np.broadcast_to(np.linspace(70, 130, width)[None, :, None], (height, width, 3)).astype(np.uint8)
            image = np.ascontiguousarray(image)
            common: dict[str, Any] = {
                "frame_id": frame.id, "image": frame.path, "width": width, "height": height, "source": "folder",
                "video_id": name, "frame_index": f, "time": frame.time, "licence": frame.licence,
            }  # fmt: skip
            for k in range(count):
                points = open_hand((170.3 + 290 * k, 240.6), 180 + 10 * f % 40, 0.3 - 0.5 * k)
                draw(image, points)
                occluded = rng.random(N_JOINTS) < 0.2
                right = Hand(
                    id=f"{frame.id}_h{k}",
                    points=points,
                    exists=np.ones(N_JOINTS, bool),
                    occluded=occluded,
                    box=box_around(points, margin=0.05),
                    side=("left", "right")[k % 2],
                    state="submitted",
                    **common,
                )
                guess = points + rng.normal(0, 6, points.shape)
                exists = np.ones(N_JOINTS, bool)
                exists[20] = k == 0  # the detector thinks that one joint is not there
                start = Hand(
                    id=right.id,
                    points=guess,
                    exists=exists,
                    occluded=np.zeros(N_JOINTS, bool),
                    box=box_around(guess, margin=0.04),
                    side=right.side,
                    score=rng.random(N_JOINTS),
                    presence=0.9,
                    detector=detector,
                    state="prelabel",
                    **common,
                )
                truth.append(right)
                prelabels.append(start)
            if not count:
                no, nothing = np.zeros(N_JOINTS, bool), np.full((N_JOINTS, 2), np.nan)
                blank: dict[str, Any] = {"points": nothing, "exists": no, "occluded": no, "box": np.full(4, np.nan)}
                row = Hand(id=f"{frame.id}_h0", side="right", detector=detector, state="empty", **blank, **common)
                prelabels.append(row)
            write_jpg(root / frame.path, image)
            frames.append(frame)
        write_table(workspace.frames_file, frames_to_table(frames), {})
        write_table(workspace.prelabels_file, hands_to_table(Hands.of(prelabels)), {})
        return Drawn(workspace, Hands.of(truth), Hands.of(prelabels))

    return make


@dataclass
class Service:
    """The server of this test session. It may be killed; the next test that asks for it gets it up again."""

    server: Server

    @property
    def root(self) -> Path:
        """Folder below which workspaces must lie."""
        return self.server.document_root

    def client(self) -> LabelStudioClient:
        """Logged in as the administrator."""
        return LabelStudioClient(self.server.url, self.server.account.token)


@pytest.fixture(scope="session")
def _service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    try:
        program = find_label_studio()
    except InputError as error:
        if os.environ.get("HINT_SKIP_SERVER") == "1":
            pytest.skip(f"HINT_SKIP_SERVER=1 and {error}")
        pytest.fail(f"{error} (or skip these tests with HINT_SKIP_SERVER=1)", pytrace=False)
    root = tmp_path_factory.mktemp("labelstudio")
    account = Account(EMAIL, secrets.token_urlsafe(12), secrets.token_hex(20))
    with Server(program, root / "labelstudio", root, account) as server:
        yield Service(server)


@pytest.fixture
def service(_service: Service) -> Service:
    """A running server."""
    if _service.server.pid is None:
        _service.server.start()
    return _service


@pytest.fixture
def client(service: Service) -> Iterator[LabelStudioClient]:
    """Logged in."""
    with service.client() as opened:
        yield opened


@pytest.fixture
def page() -> Iterator[Any]:
    """A page of a real headless Chromium with a fresh profile."""
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome")
    program = next((found for name in names if (found := shutil.which(name))), None)
    if program is None:
        absent = f"no browser: none of {', '.join(names)} is on PATH"
        if os.environ.get("HINT_SKIP_BROWSER") == "1":
            pytest.skip(f"HINT_SKIP_BROWSER=1 and {absent}")
        pytest.fail(f"{absent} (or skip these tests with HINT_SKIP_BROWSER=1)", pytrace=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM_ARGUMENTS)
        opened = browser.new_page(viewport={"width": 1600, "height": 1000})
        opened.set_default_timeout(PATIENCE)
        yield opened
        browser.close()


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An S3 server on this machine with the bucket "hands", named by the environment; gives its client."""
    boto3, moto = pytest.importorskip("boto3"), pytest.importorskip("moto.server")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    access = {
        "AWS_ACCESS_KEY_ID": "AKIA-not-a-real-key",
        "AWS_SECRET_ACCESS_KEY": "wJalr-not-a-real-secret-7MDENG",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name, value in access.items():
        monkeypatch.setenv(name, value)
    made = boto3.client("s3", endpoint_url=access["AWS_ENDPOINT_URL"])
    made.create_bucket(Bucket="hands")
    yield made
    server.stop()
