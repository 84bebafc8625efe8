"""The server's own JSON, as it came: one packed file a pull, never written again, and a list of them.

Whatever our tables make of an answer, the archive has the original. Beside it stands where the last pull ended, so
that the next one asks for what is new only.
"""

import gzip
import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from hint_toolkit.errors import InputError
from hint_toolkit.io.atomic import write_bytes, write_json

_PACKERS = ThreadPoolExecutor(1, thread_name_prefix="archive")  # no thread runs before something is packed


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
        self._packing: Future[None] | None = None

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
        self.finish()
        write_json(self._file, asdict(state))

    def keep(self, tasks: Sequence[Any], state: PullState, *, full: bool, strict: bool = False) -> str:
        """Archive what the server sent; the same content once. Returns the file's name.

        The file is packed beside other work: `finish` says when it lies there.

        Args:
            tasks: as they came.
            state: gets a line about the file.
            full: whether these are all tasks of the project.
            strict: that they hold no number which JSON has no name for (NaN); that is quicker to write.
        """
        write = _strict if strict else _any_number
        data = b"[\n" + b",\n".join(write(task) for task in tasks) + b"\n]\n"
        digest = hashlib.sha256(data).hexdigest()
        for one in state.archives:
            if one["sha256"] == digest and (self.folder / one["name"]).is_file():
                return str(one["name"])
        name = f"{len(state.archives):05d}-{digest[:12]}.json.gz"
        self._packing = _PACKERS.submit(_pack, self.folder / name, data)
        state.archives.append({"name": name, "sha256": digest, "tasks": len(tasks), "full": full})
        return name

    def finish(self) -> None:
        """Wait until what was kept lies on the disk.

        Raises:
            OSError: it cannot be written.
        """
        packing, self._packing = self._packing, None
        if packing is not None:
            packing.result()


def _pack(path: Path, data: bytes) -> None:
    write_bytes(path, gzip.compress(data, compresslevel=3, mtime=0))


def _strict(task: Any) -> bytes:
    return orjson.dumps(task, option=orjson.OPT_SORT_KEYS)


def _any_number(task: Any) -> bytes:
    """Whatever the server sent is kept, even NaN."""
    return json.dumps(task, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def read_archive(path: Path) -> Any:
    """A packed file's content."""
    return json.loads(gzip.decompress(path.read_bytes()))
