"""The server's own JSON, as it came: one packed file a pull, never written again, and a list of them.

Whatever our tables make of an answer, the archive has the original. Beside it stands where the last pull ended, so
that the next one asks for what is new only.
"""

import gzip
import hashlib
import json
import zlib
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from hint_toolkit.errors import InputError
from hint_toolkit.io.atomic import write_bytes, write_json

_GZIP = 31  # zlib's number for the format of .gz files, without a time in them
_PACKERS = ThreadPoolExecutor(1, thread_name_prefix="archive")  # no thread runs before something is packed


@dataclass
class PullState:
    """Where the pulls of one project stand.

    Attributes:
        project_id: on the server.
        made_at: when the project was made, by the server's clock: with the id it tells one project from another of
            the same title, and a server from another one.
        until: all changes up to this time were seen; "" before the first pull.
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
        self._open: _Packed | None = None
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

    def keep(self, tasks: Sequence[Any], *, strict: bool = False) -> None:
        """Add tasks to the file that `seal` names. They are packed beside other work.

        Args:
            tasks: as they came.
            strict: that they hold no number which JSON has no name for (NaN); that is quicker to write.
        """
        if not tasks:
            return
        write = _strict if strict else _any_number
        self._open = self._open or _Packed()
        self._open.add(b",\n".join(write(task) for task in tasks), len(tasks))

    def seal(self, state: PullState, *, full: bool) -> str:
        """Archive what was kept since the last time; the same content once. `finish` says when it lies there.

        Args:
            state: gets a line about the file.
            full: whether these are all tasks of the project.

        Returns:
            the file's name, "" when nothing was kept.
        """
        packed, self._open = self._open, None
        if packed is None:
            return ""
        digest = packed.close()
        for one in state.archives:
            if one["sha256"] == digest and (self.folder / one["name"]).is_file():
                return str(one["name"])
        name = f"{len(state.archives):05d}-{digest[:12]}.json.gz"
        self._packing = _PACKERS.submit(packed.write, self.folder / name)
        state.archives.append({"name": name, "sha256": digest, "tasks": packed.tasks, "full": full})
        return name

    def finish(self) -> None:
        """Wait until what was sealed lies on the disk.

        Raises:
            OSError: it cannot be written.
        """
        packing, self._packing = self._packing, None
        if packing is not None:
            packing.result()


class _Packed:
    """A file in the making: a list of tasks, packed part by part, so that only the packed form grows."""

    def __init__(self) -> None:
        self._digest, self._stream = hashlib.sha256(), zlib.compressobj(3, wbits=_GZIP)
        self._parts: list[Future[bytes]] = []
        self.tasks = 0

    def add(self, text: bytes, tasks: int) -> None:
        """So many tasks as text, commas between them."""
        self._take(b",\n" if self.tasks else b"[\n")
        self._take(text)
        self.tasks += tasks

    def close(self) -> str:
        """No task follows. The sha256 of all of the text."""
        self._take(b"\n]\n")
        return self._digest.hexdigest()

    def write(self, path: Path) -> None:
        """Only on the packers' thread: everything before it is packed then."""
        write_bytes(path, b"".join([*(part.result() for part in self._parts), self._stream.flush()]))

    def _take(self, data: bytes) -> None:
        self._digest.update(data)
        self._parts.append(_PACKERS.submit(self._stream.compress, data))


def _strict(task: Any) -> bytes:
    return orjson.dumps(task, option=orjson.OPT_SORT_KEYS)


def _any_number(task: Any) -> bytes:
    """Whatever the server sent is kept, even NaN."""
    return json.dumps(task, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def read_archive(path: Path) -> Any:
    """A packed file's content."""
    return json.loads(gzip.decompress(path.read_bytes()))
