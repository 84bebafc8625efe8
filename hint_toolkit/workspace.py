"""The workspace: plain files that stages write, a lock, and resuming after a kill.

A stage is a pure function of inputs, configuration and seed, worked off in units (a video, a batch of
frames). Each finished unit leaves one part file; the last step joins the parts in the planned order to the
stage's table. A killed stage finds its parts again and ends with the same bytes; parts of another
configuration lie under another key and are never mixed in.
"""

import fcntl
import hashlib
import json
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from hint_toolkit.errors import InputError
from hint_toolkit.io.answers import Answers, read_answers
from hint_toolkit.io.atomic import replacing
from hint_toolkit.io.parquet import read_hands, read_table, table_to_frames, write_table
from hint_toolkit.records import Frame, Hands

_BEGIN: Final = "hint-build sample --source folder --videos DIR"


class WorkspaceBusy(InputError):
    """Another process holds the workspace."""


class Workspace:
    """Paths and tables of one workspace folder (default `./hint`)."""

    def __init__(self, root: Path) -> None:
        """Name the folder; nothing is created until something is written."""
        self.root = root
        self.plan_file = root / "plan.json"
        self.frames_file = root / "frames.parquet"
        self.frames_folder = root / "frames"
        self.prelabels_file = root / "prelabels.parquet"
        self.suggestions_file = root / "suggestions.parquet"
        self.kept_folder = root / "kept"
        # The server shows its users what lies in `served_folder` and nothing else: not its own database beside it.
        # Label Studio wants pictures in a folder below that one.
        self.served_folder = root / "tasks"
        self.tasks_folder = self.served_folder / "crops"
        self.annotations_file = root / "annotations.parquet"
        self.answers_file = root / "answers.parquet"
        self.consensus_file = root / "consensus.parquet"
        self.assignments_file = root / "assignments.parquet"
        self.raw_folder = root / "raw"
        self.server_folder = root / "labelstudio"
        self.releases_folder = root / "releases"

    @contextmanager
    def lock(self, *, begins: bool = True) -> Iterator[None]:
        """Hold the workspace for one writing process.

        Args:
            begins: the caller may be the first to write here. A stage that works on an earlier one's results is not,
                and leaves no folder behind where there was none.

        Raises:
            WorkspaceBusy: another process holds it.
            InputError: there is no such folder, and the caller does not begin one.
        """
        if not begins and not self.root.is_dir():
            raise InputError("there is no workspace here", where=str(self.root), next_step=f"run: {_BEGIN}")
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / ".lock").open("w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise WorkspaceBusy(
                    "another hint-build works here",
                    where=str(self.root),
                    next_step="wait for it to end, or name another folder",
                ) from error
            yield

    def read_frames(self) -> list[Frame]:
        """The sampled frames.

        Raises:
            InputError: none sampled yet, or the file is damaged.
        """
        self._need(self.frames_file, "no frames have been sampled", _BEGIN)
        return table_to_frames(read_table(self.frames_file)[0], str(self.frames_file))

    def read_prelabels(self) -> Hands:
        """What the detector found.

        Raises:
            InputError: not pre-labelled yet, or the file is damaged.
        """
        self._need(self.prelabels_file, "nothing has been pre-labelled", "hint-build prelabel --detector mediapipe")
        return read_hands(self.prelabels_file)

    def read_annotations(self) -> Hands:
        """What people decided.

        Raises:
            InputError: nothing pulled yet, or the file is damaged.
        """
        self._need(self.annotations_file, "no annotations have been pulled", "hint-build pull")
        return read_hands(self.annotations_file)

    def read_answers(self) -> Answers:
        """Every revision of every answer, with what the person was shown.

        Raises:
            InputError: nothing pulled yet, or the file is damaged.
        """
        self._need(self.answers_file, "no answers have been pulled", "hint-build pull")
        return read_answers(self.answers_file)

    def secret(self) -> bytes:
        """32 random bytes that stay with the workspace: what pseudonyms of annotators are made with."""
        path = self.root / ".secret"
        if not path.is_file():
            with replacing(path) as temporary:
                temporary.touch(mode=0o600)
                temporary.write_bytes(secrets.token_bytes(32))
        return path.read_bytes()

    def _need(self, path: Path, what: str, command: str) -> None:
        if not path.is_file():
            raise InputError(f"{what} in this workspace", where=str(self.root), next_step=f"run: {command}")


def fingerprint(value: Any) -> str:
    """16 hex digits that name a plain JSON value."""
    text = json.dumps(value, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Stage:
    """The parts of one run of one stage.

    Args of the constructor: the workspace, the stage's name, and a plain JSON `configuration` that holds all
    that the result depends on, inputs (by hash) and seed included.
    """

    def __init__(self, workspace: Workspace, name: str, configuration: dict[str, Any]) -> None:
        """Find the folder of the parts; parts left by other configurations are removed."""
        self.name, self.configuration = name, configuration
        self._base = workspace.root / ".parts" / name
        self._folder = self._base / fingerprint(configuration)
        for other in self._base.glob("*"):
            if other != self._folder:
                shutil.rmtree(other)

    def _part(self, unit: str) -> Path:
        return self._folder / f"{hashlib.sha256(unit.encode()).hexdigest()[:24]}.parquet"

    def table(self, unit: str, work: Callable[[], Any], *, valid: Callable[[Any], bool] | None = None) -> Any:
        """The unit's Arrow table: read when an earlier run finished it, else made by `work` and kept.

        Args:
            unit: names the unit within the stage.
            work: makes the table.
            valid: whether what an earlier run left beside the table (pictures, say) is still there.
        """
        part = self._part(unit)
        if part.is_file():
            table = read_table(part)[0]
            if valid is None or valid(table):
                return table
        write_table(part, work(), {"unit": unit})
        # Read back even when just made: Arrow's buffers, and with them the result's bytes, depend on the way.
        return read_table(part)[0]

    def finish(self, path: Path, tables: Sequence[Any], schema: Any) -> None:
        """Join the tables in the given order to the stage's result and drop the parts."""
        import pyarrow as pa

        joined = pa.concat_tables([table.select(schema.names) for table in tables]) if tables else schema.empty_table()
        write_table(path, joined.combine_chunks(), {"stage": self.name, "configuration": self.configuration})
        shutil.rmtree(self._base, ignore_errors=True)


def stage_configuration(path: Path) -> dict[str, Any] | None:
    """The configuration that a finished stage's table was made with; None when there is no such file."""
    if not path.is_file():
        return None
    configuration = read_table(path)[1].get("configuration")
    return configuration if isinstance(configuration, dict) else {}
