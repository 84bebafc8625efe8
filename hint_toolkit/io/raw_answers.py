"""The server's own JSON, as it came: one packed file a pull, never written again, and a list of them.

Whatever our tables make of an answer, the archive has the original. Beside it stands where the last pull ended, so
that the next one asks for what is new only.
"""

import gzip
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hint_toolkit.errors import InputError
from hint_toolkit.io.atomic import write_bytes, write_json


@dataclass
class PullState:
    """Where the pulls of one project stand.

    Attributes:
        project_id: on the server.
        made_at: when the project was made, by the server's clock: with the id it tells one project from another of
            the same title, and a server from another one.
        until: latest time of change seen, "" before the first pull.
        tasks: ids of the tasks known.
        annotated: of them with an annotation.
        unreadable: annotations that cannot be read: "<task id>/<annotation id>" -> what is wrong.
        archives: names of the packed files, in order, with tasks and whether it was a full pull.
    """

    project_id: int = 0
    made_at: str = ""
    until: str = ""
    tasks: list[int] = field(default_factory=list)
    annotated: list[int] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)
    archives: list[dict[str, Any]] = field(default_factory=list)


class RawAnswers:
    """The archive of one project: a folder with `state.json` and `<number>-<hash>.json.gz`."""

    def __init__(self, folder: Path) -> None:
        """Name the folder; nothing is written."""
        self.folder = folder
        self._file = folder / "state.json"

    def read_state(self) -> PullState:
        """Where the pulls stand; a fresh state when there was none.

        Raises:
            InputError: the file is damaged.
        """
        if not self._file.is_file():
            return PullState()
        try:
            return PullState(**json.loads(self._file.read_text("utf-8")))
        except (ValueError, TypeError) as error:
            raise InputError(
                "is damaged", where=str(self._file), why=str(error), next_step="remove it; the next pull fetches all"
            ) from error

    def write_state(self, state: PullState) -> None:
        """Keep it; written last, so that a killed pull is done again."""
        write_json(self._file, asdict(state))

    def keep(self, tasks: Sequence[Any], state: PullState, *, full: bool) -> str:
        """Archive what the server sent; the same content once. Returns the file's name."""
        # Not strict JSON: whatever the server sent is kept, even a number that JSON has no name for.
        # A task a line: with an indent, Python's encoder takes half as long as the server's whole export.
        lines = [json.dumps(task, sort_keys=True, ensure_ascii=False) for task in tasks]
        text = "[\n" + ",\n".join(lines) + "\n]\n"
        digest = hashlib.sha256(text.encode()).hexdigest()
        for one in state.archives:
            if one["sha256"] == digest and (self.folder / one["name"]).is_file():
                return str(one["name"])
        name = f"{len(state.archives):05d}-{digest[:12]}.json.gz"
        write_bytes(self.folder / name, gzip.compress(text.encode(), compresslevel=3, mtime=0))
        state.archives.append({"name": name, "sha256": digest, "tasks": len(tasks), "full": full})
        return name


def read_archive(path: Path) -> Any:
    """A packed file's content."""
    return json.loads(gzip.decompress(path.read_bytes()))
