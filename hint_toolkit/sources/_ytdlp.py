"""One video from YouTube through yt-dlp: the only file that imports it.

yt-dlp is quiet here: what it would print becomes the reason of an error, without addresses (they carry signatures and
the caller's IP). Cookies are read into memory; the user's file is neither changed nor named in a message of yt-dlp's.
"""

import errno
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hint_toolkit.errors import InputError, MissingExtra, one_line
from hint_toolkit.io.atomic import write_json
from hint_toolkit.io.json_stream import JsonStream
from hint_toolkit.sources._download import TIMEOUT_SECONDS, DownloadError

FORMAT = "bv/b"
"""The best file with pictures only, else the best with sound: nothing has to be put together by ffmpeg."""
RETRIES = 3

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG}
_GONE = re.compile(
    r"private|removed|unavailable|not available|terminated|does not exist|copyright|confirm your age|members"
    r"|HTTP Error 4(?:04|10|51)",
    re.IGNORECASE,
)
_NOISE = re.compile(
    r"^ERROR:\s*|^\[[^\]]+\]\s*(?:[A-Za-z0-9_-]{11}:\s*)?|\s*\(caused by .*|;?\s*please report this .*",
    re.DOTALL,
)


_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_COOKIES_HEAD = re.compile(r"#( Netscape)? HTTP Cookie File")


class Unavailable(DownloadError):
    """The video is gone, or not given to us; asking again soon does not help."""

    exit_code = 3


@dataclass(frozen=True)
class Remote:
    """What YouTube says of the file that it would give.

    Attributes:
        format: its id.
        size: bytes, 0 where not said.
        modified: seconds since 1970 that distinguish two versions of one address, 0 where not said.
        width, height, fps, seconds, licence: as in `youtube_manifest.Entry`.
        warning: that better formats may be hidden, "" if not.
        info: yt-dlp's own record.
    """

    format: str
    size: int
    modified: int
    width: int
    height: int
    fps: float
    seconds: float
    licence: str
    warning: str
    info: Any


def watch_url(video_id: str) -> str:
    """The address of a video."""
    return f"https://www.youtube.com/watch?v={video_id}"


@dataclass(frozen=True)
class YtDlp:
    """How videos are asked for.

    Attributes:
        url_of: id -> address.
        extractors: yt-dlp's extractors that may answer.
        cookies: file in Netscape's format, for videos that want a login.
        format: yt-dlp's choice of format.
        retries: of a broken connection, before the video counts as failed.
    """

    url_of: Callable[[str], str] = watch_url
    extractors: tuple[str, ...] = ("^youtube$",)
    cookies: Path | None = None
    format: str = FORMAT
    retries: int = RETRIES

    def look(self, video_id: str, format: str = "") -> Remote:
        """Ask what would be given, preferring the format id that was taken before.

        Raises:
            Unavailable, DownloadError: no answer, with the reason.
            InputError: cookies that are not readable.
            MissingExtra: yt-dlp is not installed.
        """
        with self._open(video_id, Path(), format) as ydl:
            info = self._run(video_id, lambda: ydl.extract_info(self.url_of(video_id), download=False))
        if not info or info.get("entries") is not None:
            raise Unavailable("is not one video", where=video_id)
        return Remote(
            format=str(info.get("format_id") or ""),
            size=int(info.get("filesize") or 0),
            modified=int(info.get("timestamp") or 0),
            width=int(info.get("width") or 0),
            height=int(info.get("height") or 0),
            fps=float(info.get("fps") or 0),
            seconds=float(info.get("duration") or 0),
            licence=one_line(str(info.get("license") or "")),
            warning=ydl.params["logger"].hidden_formats,
            info=info,
        )

    def fetch(self, video_id: str, remote: Remote, folder: Path) -> Path:
        """Download into `folder`; a part that an earlier run left is gone on with if it is of the same file.

        Returns:
            the file, `<id>.<ending>`.

        Raises:
            Unavailable, DownloadError: it did not come; what came stays for the next run.
            OSError: the disk is full.
        """
        folder.mkdir(parents=True, exist_ok=True)
        stamp = {"format": remote.format, "size": remote.size, "modified": remote.modified}
        _drop_other_parts(folder, video_id, stamp)
        with self._open(video_id, folder, remote.format) as ydl:
            done = self._run(video_id, lambda: ydl.process_ie_result(remote.info, download=True))
        files = [Path(one["filepath"]) for one in (done or {}).get("requested_downloads") or () if one.get("filepath")]
        if len(files) != 1 or not files[0].is_file():
            raise DownloadError("did not come as one file", where=video_id, why=f"{len(files)} files")
        return files[0]

    def _open(self, video_id: str, folder: Path, format: str) -> Any:
        try:
            from yt_dlp import YoutubeDL
        except ImportError as error:
            raise MissingExtra("yt-dlp", "youtube") from error
        options: dict[str, Any] = {
            "allowed_extractors": list(self.extractors),
            "cachedir": False,
            "color": "never",
            "continuedl": True,
            "format": f"{format}/{self.format}" if format else self.format,
            "fragment_retries": self.retries,
            "logger": _Listener(),
            "noplaylist": True,
            "noprogress": True,
            "outtmpl": f"{video_id}.%(ext)s",
            "paths": {"home": str(folder)},
            "quiet": True,
            "retries": self.retries,
            "extractor_retries": self.retries,
            "socket_timeout": TIMEOUT_SECONDS,
            "updatetime": False,
        }
        if self.cookies is not None:
            options["cookiefile"] = self._cookies()
        return YoutubeDL(options)

    def _cookies(self) -> io.StringIO:
        path = self.cookies or Path()
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError("cookies cannot be read", where=str(path)) from error
        lines = text.splitlines()
        bad = [k for k, line in enumerate(lines, 1) if not _is_cookie(line)]
        if bad or not _COOKIES_HEAD.match(text):
            where = f"{path} > line {bad[0] if bad else 1}"
            raise InputError("is no cookie in Netscape's format", where=where, next_step="export them again")
        return io.StringIO(text)

    def _run(self, video_id: str, work: Callable[[], Any]) -> Any:
        """Call into yt-dlp and turn its errors into ours."""
        from yt_dlp.utils import YoutubeDLError

        try:
            return work()
        except YoutubeDLError as error:
            cause = (getattr(error, "exc_info", None) or (None, None))[1]
            if isinstance(cause, OSError) and cause.errno in _FULL:
                raise OSError(cause.errno, cause.strerror or "cannot write") from None
            text = reason_of(str(error))
            kind = Unavailable if _GONE.search(text) else DownloadError
            raise kind("cannot be fetched", where=video_id, why=text) from None


def reason_of(message: str) -> str:
    """yt-dlp's message as one short line without its tags, causes and addresses."""
    message = _COLOUR.sub("", message)
    for _ in range(2):  # the tag stands behind the word ERROR
        message = _NOISE.sub("", message.strip())
    text = re.sub(r"https?://([^/\s]+)\S*", r"\1", one_line(message))
    return text if len(text) <= 200 else f"{text[:197]}..."


def _drop_other_parts(folder: Path, video_id: str, stamp: dict[str, Any]) -> None:
    """Remove what an earlier run left of another version of the file: the two halves would not fit together."""
    note = folder / f"{video_id}.json"
    held = None
    if note.is_file():
        with note.open("rb") as handle:
            try:
                held = JsonStream(handle).value()
            except ValueError:
                held = None
    if held != stamp:
        for path in folder.iterdir():
            if path.name.startswith(f"{video_id}.") and path != note:
                path.unlink()
        write_json(note, stamp)


def _is_cookie(line: str) -> bool:
    """Whether yt-dlp can read a line: it prints those that it cannot, with the secret in them."""
    if not line.strip() or (line.startswith("#") and not line.startswith("#HttpOnly_")):
        return True
    parts = line.split("\t")
    return len(parts) == 7 and (not parts[4] or parts[4].isdigit())


class _Listener:
    """A logger of yt-dlp's that says nothing; errors come as exceptions."""

    def __init__(self) -> None:
        self.hidden_formats = ""

    def debug(self, message: str) -> None:
        """Pass over."""

    info = error = debug

    def warning(self, message: str) -> None:
        """Keep the one that explains why YouTube gives less than it has."""
        if "JavaScript runtime" in message:
            self.hidden_formats = (
                "yt-dlp found no JavaScript runtime, without which YouTube hides formats; install deno"
            )
