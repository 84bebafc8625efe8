"""How long push and pull take, as a multiple of what Label Studio needs for the same JSON in the same run.

    python benchmarks/speed/labelling.py [--tasks 5000] [--repeats 3] [--folder DIR]

A Label Studio of its own is started (see README for its environment). The data are hands at random places, one a
frame, each with a prediction of 21 points, a box and ticked joints: about 7 KB of JSON a task. In turns, each
time into a new project:

    bulk import   the very JSON that push sends, in one request by httpx
    push          with pictures that are there already (writing them is shown beside it, the server has no part in it)
    export        the server's JSON export of a project in which every hand is answered, by httpx
    pull          of the same project into an empty workspace

Both sides talk to the same server process; its CPU seconds are shown beside the wall time, because what others do on
the machine disturbs the latter. Wanted: medians at most 1.2 times as long as the server's own.
"""

import argparse
import json
import os
import secrets
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from hint_toolkit.flows.pull import pull
from hint_toolkit.flows.push import note_of, push
from hint_toolkit.flows.push_pictures import Crops, Work
from hint_toolkit.geometry import box_around
from hint_toolkit.io.images import write_jpg
from hint_toolkit.io.parquet import frames_to_table, hands_to_table, write_table
from hint_toolkit.joints import N_JOINTS
from hint_toolkit.labelstudio.client import LabelStudioClient
from hint_toolkit.labelstudio.config import label_config
from hint_toolkit.labelstudio.pictures import LocalPictures
from hint_toolkit.labelstudio.server import Account, Server, find_label_studio
from hint_toolkit.records import Frame, Hand, Hands
from hint_toolkit.workspace import Workspace

SIZE = (640, 480)
USER = "eva@example.org"
TICK = os.sysconf("SC_CLK_TCK")


def make_workspace(root: Path, tasks: int) -> Workspace:
    """Frames that are one picture under many names, and a hand in each."""
    rng, workspace = np.random.default_rng(0), Workspace(root)
    first, frames, hands = root / "frames" / "f.jpg", [], []
    shades = np.linspace(60, 200, SIZE[0]).astype(np.uint8)
    write_jpg(first, np.ascontiguousarray(np.broadcast_to(shades[None, :, None], (SIZE[1], SIZE[0], 3))))
    for k in range(tasks):
        name = f"clip_frame{k:08d}"
        path = root / "frames" / f"{name}.jpg"
        os.link(first, path)
        common: dict[str, Any] = {"source": "folder", "video_id": "clip", "frame_index": k, "time": k / 30}
        common |= {"width": SIZE[0], "height": SIZE[1], "licence": "CC0-1.0"}
        frames.append(
            Frame(id=name, path=f"frames/{path.name}", video="clip.mp4", sha256=f"{k:064x}", reason="drawn",
                  split="TRAIN", **common)
        )  # fmt: skip
        points = rng.uniform([200, 150], [440, 330], (N_JOINTS, 2))
        exists = rng.random(N_JOINTS) < 0.9
        hands.append(
            Hand(id=f"{name}_h0", frame_id=name, image=f"frames/{path.name}", points=points,
                 exists=exists, occluded=exists & (rng.random(N_JOINTS) < 0.2),
                 box=box_around(points, margin=0.05), side="right", score=rng.random(N_JOINTS), presence=0.95,
                 detector="drawn-1", **common)
        )  # fmt: skip
    write_table(workspace.frames_file, frames_to_table(frames), {})
    write_table(workspace.prelabels_file, hands_to_table(Hands.of(hands)), {})
    return workspace


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and what it waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rsplit(")", 1)[1].split()
    return sum(int(field) for field in fields[11:15]) / TICK


class Bench:
    """A server, the plain way to it, and ours."""

    def __init__(self, server: Server, workspace: Workspace) -> None:
        """Take a running server and a workspace below its document root."""
        self.server, self.workspace = server, workspace
        self.client = LabelStudioClient(server.url, server.account.token)
        token = {"Authorization": f"Token {server.account.token}"}
        self.plain = httpx.Client(base_url=server.url, headers=token, timeout=1800, trust_env=False)
        self.client.ensure_user(USER)
        self.rows: dict[str, list[tuple[float, float]]] = {}

    def timed(self, name: str, work: Callable[[], Any]) -> Any:
        """Do it; wall and server CPU seconds go to the table."""
        cpu, begun = cpu_seconds(self.server.pid or 0), time.perf_counter()
        result = work()
        wall = time.perf_counter() - begun
        self.rows.setdefault(name, []).append((wall, cpu_seconds(self.server.pid or 0) - cpu))
        print(f"{name:12s} {wall:7.2f} s, server CPU {self.rows[name][-1][1]:6.2f} s", flush=True)  # noqa: T201
        return result

    def tasks(self) -> list[dict[str, Any]]:
        """What push sends; the pictures are written."""
        place = LocalPictures(self.workspace.tasks_folder, self.server.document_root)
        crops = Crops(self.workspace, place)
        self.workspace.tasks_folder.mkdir(parents=True, exist_ok=True)
        works = [Work(hand, note=note_of(hand)) for hand in self.workspace.read_prelabels()]
        self.timed("crops", lambda: crops.bring(works))
        return [crops.task(work) for work in works]

    def bulk(self, tasks: list[dict[str, Any]], title: str) -> int:
        """One request of the server's import; the project's id."""
        project = self.client.create_project(title, label_config())
        body = json.dumps(tasks).encode()

        def send() -> None:
            reply = self.plain.post(
                f"/api/projects/{project.id}/import", content=body, headers={"Content-Type": "application/json"}
            )
            reply.raise_for_status()
            assert reply.json()["task_count"] == len(tasks), reply.text

        self.timed("bulk import", send)
        return project.id

    def export(self, project_id: int) -> bytes:
        """The server's own export."""
        query = {"exportType": "JSON", "download_all_tasks": "true"}
        reply = self.plain.get(f"/api/projects/{project_id}/export", params=query)
        reply.raise_for_status()
        return reply.content

    def round(self, k: int, tasks: list[dict[str, Any]]) -> None:
        """Every part once."""
        plain = self.bulk(tasks, f"plain {k}")
        self.client.request("delete", "DELETE", f"api/projects/{plain}", timeout=600)  # the same database for both
        report = self.timed(
            "push",
            lambda: push(self.workspace, self.client, title=f"ours {k}", document_root=self.server.document_root),
        )
        assert report.new == len(tasks), report
        self.client.request("delete", "DELETE", f"api/projects/{report.project_id}", timeout=600)
        title = f"answered {k}"
        answered = self.client.create_project(title, label_config())
        mine = [
            task | {"annotations": [{"result": task["predictions"][0]["result"], "completed_by": {"email": USER},
                                     "lead_time": 20.0}]}
            for task in tasks
        ]  # fmt: skip
        body = json.dumps(mine).encode()
        kind = {"Content-Type": "application/json"}
        self.plain.post(f"/api/projects/{answered.id}/import", content=body, headers=kind).raise_for_status()
        exported = json.loads(self.timed("export", lambda: self.export(answered.id)))
        assert len(exported) == len(tasks)
        for path in (self.workspace.answers_file, self.workspace.annotations_file):
            path.unlink(missing_ok=True)
        shutil.rmtree(self.workspace.raw_folder, ignore_errors=True)
        pulled = self.timed("pull", lambda: pull(self.workspace, self.client, title=title))
        assert (pulled.submitted, pulled.left_out) == (len(tasks), 0), pulled
        self.client.request("delete", "DELETE", f"api/projects/{answered.id}", timeout=600)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=5000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=None, help="for the data; a temporary one otherwise")
    options = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="hint-speed-", dir=options.folder))
    account = Account("speed@example.org", secrets.token_urlsafe(12), secrets.token_hex(20))
    try:
        workspace = make_workspace(root / "hint", options.tasks)
        with Server(find_label_studio(), root / "labelstudio", root / "hint", account) as server:
            bench = Bench(server, workspace)
            tasks = bench.tasks()
            print(f"{options.tasks} tasks, {len(json.dumps(tasks)) / 1e6:.1f} MB of JSON", flush=True)  # noqa: T201
            for k in range(options.repeats):
                bench.round(k, tasks)
        for ours, theirs in (("push", "bulk import"), ("pull", "export")):
            wall, cpu = (
                statistics.median(row[i] for row in bench.rows[ours])
                / statistics.median(row[i] for row in bench.rows[theirs])
                for i in (0, 1)
            )
            print(f"{ours} / {theirs}: {wall:.2f} of wall time, {cpu:.2f} of server CPU")  # noqa: T201
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
