"""One's own model as a program: `command:./run_my_model --device cuda`. It reads a folder of crops and writes points.

The program is started with the folder as its last argument, once a batch, without a shell, in the folder and the
environment of the caller. In the folder lie the crops, `000000.png` and so on, and

    crops.json     {"size": 256, "crops": [{"file": "000000.png", "side": "left", "id": ".."}, ..]}

and there it writes, before it ends with 0,

    points.json    {"000000.png": ANSWER, ..}

with an answer a crop as `prelabel.own` describes, null where it sees no hand. The folder is removed when it is read.
"""

import hashlib
import json
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, Any, Final

from hint_toolkit.errors import InputError, MissingExtra, one_line, shorten
from hint_toolkit.prelabel.own import Crop, CropRule, OwnModel

CROPS_FILE: Final = "crops.json"
POINTS_FILE: Final = "points.json"
KINDS: Final = ("png", "jpg")
_NEXT: Final = "see docs/own-model.md"
_TAIL: Final = 200


class CommandDetector(OwnModel):
    """Hands from boxes by a program of one's own."""

    def __init__(
        self,
        *,
        target: str = "",
        size: int = 256,
        grow: float = 2.0,
        mirror_left: bool = False,
        joint_order: str = "hint",
        batch: int = 256,
        timeout: float = 600.0,
        picture: str = "png",
    ) -> None:
        """Find the program.

        Args:
            target: the program and its arguments, split as a shell splits words; nothing else of a shell is done.
            size: side of the crops in pixels.
            grow: what a crop shows, in units of the box's longer side.
            mirror_left: show left hands mirrored, as right ones.
            joint_order: of the answers, a key of `joints.TO_HINT`.
            batch: crops a start of the program.
            timeout: seconds that one batch may take.
            picture: "png" or "jpg" (quality 95).

        Raises:
            InputError: no such program, or an option is out of its range.
        """
        super().__init__(CropRule(size, grow, mirror_left, joint_order), batch)
        if not timeout > 0:
            raise InputError(f"timeout={timeout:g}", next_step="use seconds, more than 0")
        if picture not in KINDS:
            raise InputError(f"picture={picture}", next_step=f"use one of: {', '.join(KINDS)}")
        self._words, program = _program(target)
        self._timeout, self._picture = timeout, picture
        kind = "" if picture == KINDS[0] else f",picture={picture}"
        label = "".join(c if c.isalnum() or c in "._+" else "_" for c in Path(self._words[0]).name)[:40]
        self.name = f"command-{label}-{_digest(program, self._words)}{self._rule.words}{kind}"

    def _called(self, k: int) -> str:
        return f"{POINTS_FILE} > {self._file(k)}"

    def _file(self, k: int) -> str:
        return f"{k:06d}.{self._picture}"

    def _answers(self, crops: Sequence[Crop]) -> Sequence[Any]:
        with TemporaryDirectory(prefix="hint-crops-") as name:
            folder = Path(name)
            self._write(folder, crops)
            self._run(folder)
            return self._read(folder / POINTS_FILE, len(crops))

    def _write(self, folder: Path, crops: Sequence[Crop]) -> None:
        try:
            import cv2
        except ImportError as error:
            raise MissingExtra("OpenCV", "video") from error
        listed = []
        for k, crop in enumerate(crops):
            flags = [cv2.IMWRITE_JPEG_QUALITY, 95] if self._picture == "jpg" else [cv2.IMWRITE_PNG_COMPRESSION, 1]
            done, data = cv2.imencode(f".{self._picture}", crop.pixels[:, :, ::-1], flags)
            if not done:
                raise InputError(f"a crop cannot be encoded as {self._picture}")
            (folder / self._file(k)).write_bytes(data.tobytes())
            listed.append({"file": self._file(k), "side": crop.prompt.side, "id": crop.prompt.id})
        content = {"size": self._rule.size, "crops": listed}
        (folder / CROPS_FILE).write_text(json.dumps(content, ensure_ascii=False), "utf-8")

    def _run(self, folder: Path) -> None:
        """Start the program and wait for its end.

        Raises:
            InputError: it cannot be started, ends with another code than 0, or takes too long.
        """
        with TemporaryFile() as said:
            try:
                process = subprocess.Popen(
                    [*self._words, str(folder)], stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                    start_new_session=True,
                )  # fmt: skip
            except OSError as error:
                why = error.strerror or str(error)
                step = "make it executable, with a line such as #!/usr/bin/env python3 at its head"
                raise InputError("cannot be started", where=self._words[0], why=why, next_step=step) from error
            try:
                code = process.wait(self._timeout)
            except subprocess.TimeoutExpired as error:
                what = f"took longer than {self._timeout:g} seconds for a batch, and was ended"
                step = "raise timeout, or lower batch"
                raise InputError(what, where=self._words[0], next_step=step) from error
            finally:
                _end(process)
            if code:
                ended = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
                raise InputError(ended, where=self._words[0], why=_tail(said), next_step=_NEXT)

    def _read(self, path: Path, n: int) -> list[Any]:
        """The answers in the order of the crops.

        Raises:
            InputError: no file, no JSON object, or answers for other crops than those that were given.
        """
        step = f"write {POINTS_FILE} into the folder that is the last argument: {{file: 21 x [x, y]}}; {_NEXT}"
        try:
            answers = json.loads(path.read_bytes())
        except FileNotFoundError as error:
            raise InputError(f"wrote no {POINTS_FILE}", where=self._words[0], next_step=step) from error
        except (OSError, ValueError, RecursionError) as error:
            raise InputError("is not JSON", where=POINTS_FILE, why=str(error)[:100], next_step=step) from error
        if not isinstance(answers, dict):
            raise InputError("must be an object with a key a crop", where=POINTS_FILE, next_step=step)
        wanted = [self._file(k) for k in range(n)]
        missing, surplus = [name for name in wanted if name not in answers], sorted(answers.keys() - set(wanted))
        if missing:
            what = f"has no answer for {len(missing)} of {n} crops: {shorten(missing)}"
            raise InputError(what, where=POINTS_FILE, next_step="write null where no hand was seen")
        if surplus:
            what = f"has answers for {len(surplus)} crops that were not given: {shorten(surplus)}"
            raise InputError(what, where=POINTS_FILE, next_step="use the names of crops.json")
        return [answers[name] for name in wanted]


def _program(target: str) -> tuple[list[str], Path]:
    """The words of the call, and the program's file.

    Raises:
        InputError: no words, an open quote, or no such program.
    """
    try:
        words = shlex.split(target)
    except ValueError as error:
        raise InputError("cannot be split into words", where=target, why=str(error), next_step=_NEXT) from error
    if not words:
        raise InputError("no program named", next_step='write "command:./run_my_model"')
    found = shutil.which(words[0])
    if found is None:
        there = Path(words[0]).is_file()
        what = "is not executable" if there else "no such program"
        raise InputError(what, where=words[0], next_step=f"chmod +x {words[0]}" if there else _NEXT)
    return words, Path(found)


def _digest(program: Path, words: list[str]) -> str:
    """12 hex digits of the program, the files among its arguments, and the words: another call is another detector."""
    digest = hashlib.sha256("\0".join(words).encode("utf-8", "surrogateescape"))
    for file in (program, *map(Path, words[1:])):
        with suppress(OSError):
            if file.is_file() and file.stat().st_size < 1 << 24:
                digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the program and what it started, if it still runs."""
    if process.poll() is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _tail(said: IO[bytes]) -> str:
    """The end of what it said."""
    size = said.seek(0, os.SEEK_END)
    said.seek(max(size - 4 * _TAIL, 0))
    return one_line(said.read().decode("utf-8", "replace"))[-_TAIL:]
