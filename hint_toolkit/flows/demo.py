"""The whole chain in one go: clips, frames, pre-labels, Label Studio, release, predictions, score, report.

Without a video of the user's the clips are the project's own synthetic ones, whose exact truth is known, and a
scripted annotator corrects the pre-labels through the real server (truth plus known noise). With the user's
own video there is no truth: a person corrects, or the scripted annotator repeats the pre-labels plus noise,
and the report says what its score is then worth.
"""

import hashlib
import secrets
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from hint_toolkit.errors import IncompleteError, InputError
from hint_toolkit.flows.demo_truth import truth_of_release, truth_of_tasks
from hint_toolkit.flows.predict import predict
from hint_toolkit.flows.prelabel import prelabel
from hint_toolkit.flows.pull import pull, pull_text
from hint_toolkit.flows.push import push, push_text
from hint_toolkit.flows.release import export
from hint_toolkit.flows.results import write_results
from hint_toolkit.flows.sample import SampleOptions, make_plan, sample
from hint_toolkit.flows.score import Scored, score
from hint_toolkit.flows.simulate import annotate
from hint_toolkit.io.parquet import hands_to_table, write_table
from hint_toolkit.io.predictions import Predictions, read_predictions, write_predictions
from hint_toolkit.io.release import Truth, content_hash, read_truth
from hint_toolkit.labelstudio.client import LabelStudioClient
from hint_toolkit.labelstudio.server import Account, Server, find_label_studio
from hint_toolkit.prelabel.registry import opened
from hint_toolkit.records import Hands
from hint_toolkit.synthetic import read_truth as read_clip_truth
from hint_toolkit.synthetic import write_demo_clips
from hint_toolkit.workspace import Workspace

USERNAME = "annotator@hint-toolkit.invalid"
PROJECT = "hint demo"
DETECTOR = "mediapipe"

Progress = Callable[[int, int], None]


class Console(Protocol):
    """How the demo speaks to a person."""

    def say(self, text: str) -> None:
        """One line."""
        ...

    def ask(self, text: str) -> None:
        """Wait until the person is ready."""
        ...

    def progress(self, label: str, unit: str) -> AbstractContextManager[Progress | None]:
        """A progress bar."""
        ...

    def waiting(self, label: str, what: str) -> AbstractContextManager[Progress | None]:
        """A wait whose end is not known."""
        ...


@dataclass(frozen=True)
class DemoOptions:
    """What the demo works on.

    Attributes:
        out: folder for everything.
        videos: the user's file or folder; None for synthetic clips.
        password: of the Label Studio account when a person corrects in the browser; None for the scripted one.
        per_video: frames from each video.
        clips: how many synthetic clips.
        clip_frames: frames in each.
        seed: of clips, plan, annotator and intervals.
    """

    out: Path
    videos: Path | None = None
    password: str | None = None
    per_video: int = 8
    clips: int = 6
    clip_frames: int = 48
    seed: int = 0

    @property
    def interactive(self) -> bool:
        """Whether a person corrects."""
        return self.password is not None


@dataclass(frozen=True)
class DemoReport:
    """Where it ended.

    Attributes:
        scored: the detector's score.
        labels: the corrected labels scored against the exact truth, None where there is none.
        files: from `write_results`.
        release: folder.
    """

    scored: Scored
    labels: Scored | None
    files: dict[str, Path]
    release: Path


def demo(options: DemoOptions, console: Console) -> DemoReport:
    """Run the chain; every stage that an earlier run finished is kept.

    Raises:
        InputError: no video, no Label Studio, no model.
        IncompleteError: no hand was corrected, so there is nothing to release.
    """
    program = find_label_studio()  # before minutes of work, not after
    workspace = Workspace(options.out)
    videos = options.videos or _write_clips(options, console)
    detector_name = _frames_and_prelabels(options, workspace, videos, console)
    tasks, lost = _task_truth(options, workspace, videos)
    _label(options, workspace, program, tasks, console)
    released = export(workspace, formats=["parquet", "hint"])
    console.say(f"export     {released.hands} hands in {released.path}")
    release = read_truth(released.path)
    truth = _score_truth(options, release, tasks, workspace)
    predictions = _predict(release, options, console)
    scored = score(truth, predictions, seed=options.seed, ignore_unknown=True)
    scored.results["notes"] += _notes(options, lost, detector_name)
    files = write_results(scored, options.out / "results", release.image_root)
    labels = None
    if options.videos is None:
        labels = score(truth, _as_predictions(release.hands), seed=options.seed, ignore_unknown=True)
    return DemoReport(scored, labels, files, released.path)


def _write_clips(options: DemoOptions, console: Console) -> Path:
    folder = options.out / "videos"
    with console.progress("clips", "frames") as bar:
        write_demo_clips(
            folder,
            seed=options.seed,
            n_clips=options.clips,
            n_frames=options.clip_frames,
            progress=(lambda _, done, total: bar(done, total)) if bar else None,
        )
    console.say(f"clips      {options.clips} synthetic clips of {options.clip_frames} frames in {folder}")
    return folder


def _frames_and_prelabels(options: DemoOptions, workspace: Workspace, videos: Path, console: Console) -> str:
    name = "synthetic" if options.videos is None else "folder"
    licence = "MIT, generated by hint_toolkit" if options.videos is None else "unknown"
    plan = make_plan(SampleOptions(videos, name, options.per_video, seed=options.seed, licence=licence))
    with console.progress("sample", "frames") as bar:
        sampled = sample(workspace, plan, progress=bar)
    console.say(f"sample     {sampled.frames} frames of {sampled.videos} videos in {workspace.frames_folder}")
    for issue in sampled.issues:
        console.say(f"           {issue.level}: {issue}")
    with opened(DETECTOR) as detector, console.progress("prelabel", "frames") as bar:
        found = prelabel(workspace, detector, progress=bar)
    console.say(f"prelabel   {found.hands} hands by {found.detector}, {found.empty} frames without a hand")
    return found.detector


def _task_truth(options: DemoOptions, workspace: Workspace, videos: Path) -> tuple[Hands, int]:
    """What the scripted annotator knows, and how many hands never reach it."""
    prelabels = workspace.read_prelabels()
    if options.videos is None:
        return truth_of_tasks(workspace.read_frames(), prelabels, read_clip_truth(videos / "truth.json"))
    return prelabels.take(prelabels.state != "empty"), 0


def account_of(options: DemoOptions) -> Account:
    """A new account for the scripted annotator; for a person one that a later run can open again.

    The token follows from the password, so that only the password has to be remembered and neither is stored.
    """
    if options.password is None:
        return Account(USERNAME, secrets.token_urlsafe(16), secrets.token_hex(20))
    token = hashlib.pbkdf2_hmac("sha256", options.password.encode(), b"hint-toolkit demo", 200_000, dklen=20)
    return Account(USERNAME, options.password, token.hex())


def _label(options: DemoOptions, workspace: Workspace, program: Path, tasks: Hands, console: Console) -> None:
    folder = workspace.server_folder
    if not options.interactive:
        # Nothing in it was made by a person, and its account was forgotten with the last run.
        folder = workspace.root / "labelstudio-simulated"
        shutil.rmtree(folder, ignore_errors=True)
    account = account_of(options)
    server = Server(program, folder, workspace.served_folder, account)
    with console.waiting("server", "starting Label Studio (a minute or two)") as bar:
        server.start(bar)
    try:
        with LabelStudioClient(server.url, account.token) as client:
            _correct(options, workspace, client, tasks, console)
    finally:
        server.stop()
    if not (workspace.read_annotations().state == "submitted").any():
        raise IncompleteError("no hand was submitted, so there is nothing to release", next_step="run the demo again")


def _correct(
    options: DemoOptions, workspace: Workspace, client: LabelStudioClient, tasks: Hands, console: Console
) -> None:
    """Push, let somebody correct, pull."""
    with console.progress("push", "tasks") as bar:
        pushed = push(workspace, client, title=PROJECT, progress=bar)
    console.say(f"push       {push_text(pushed)}; server {client.url}")
    if options.interactive:
        console.say(f"browser    open {client.url} and log in as {USERNAME} with your password")
        console.ask("correct hands in the project, submit each; press Enter here when you are done")
    else:
        with console.progress("annotate", "tasks") as bar:
            done = annotate(workspace, client, PROJECT, tasks, seed=options.seed, progress=bar)
        console.say(f"annotate   {done} tasks by the scripted annotator (annotator = simulated)")
    pulled = pull(workspace, client, title=PROJECT)
    console.say(f"pull       {pull_text(pulled)}")
    for issue in list(pulled.issues)[:5]:
        console.say(f"           {issue.level}: {issue}")


def _score_truth(options: DemoOptions, release: Truth, tasks: Hands, workspace: Workspace) -> Truth:
    """Exact truth for synthetic clips, written down as a file of its own; else the corrected labels."""
    if options.videos is not None:
        return release
    hands = truth_of_release(tasks, release.hands)
    path = workspace.root / "truth.parquet"
    write_table(path, hands_to_table(hands), {"hands": len(hands), "what": "exact truth of the synthetic generator"})
    return Truth(hands, path, release.image_root, content_hash(hands))


def _predict(release: Truth, options: DemoOptions, console: Console) -> Predictions:
    path = options.out / "preds.json"
    with opened(DETECTOR) as detector, console.progress("predict", "hands") as bar:
        predictions, report = predict(release, detector, progress=bar)
    write_predictions(path, predictions)
    console.say(f"predict    {report.found} of {report.hands} hands found by {predictions.method}, in {path}")
    return read_predictions(path)


def _as_predictions(hands: Hands) -> Predictions:
    """Labels as if somebody had predicted them."""
    import numpy as np

    nothing = np.full((len(hands), 21), np.nan)
    points = np.where(hands.exists[:, :, None], hands.points, np.nan)
    return Predictions(hands.id.tolist(), points, nothing, nothing, hands.side.tolist(), {"method": "corrected labels"})


def _notes(options: DemoOptions, lost: int, detector: str) -> list[str]:
    if options.videos is None:
        notes = ["Synthetic hands of the project's own generator. These numbers are not HInt results."]
        if lost:
            notes.append(f"{lost} hands in the sampled frames had no pre-label of {detector}; nobody labelled them.")
        return notes
    if options.interactive:
        return ["No independent truth: the detector is scored against labels that a person corrected from its guesses."]
    return [
        "No truth and no person: a scripted annotator repeated the detector's guesses plus known noise. "
        "This score shows that the chain runs; it says nothing about the detector."
    ]


def check_password(password: str) -> str:
    """The password, if Label Studio takes it.

    Raises:
        InputError: shorter than 8 characters.
    """
    if len(password) < 8:
        raise InputError("the password must have at least 8 characters", next_step="set LABEL_STUDIO_PASSWORD")
    return password


def rows_by_subset(scored: Scored) -> dict[str, Any]:
    """`{"all": 0.97, ...}` at the first threshold, for one closing line."""
    first = scored.results["thresholds"][0]
    return {row["subset"]: row["value"] for row in scored.results["rows"] if row["threshold"] == first}
