"""Ids, files and clips; and fetching, with the real yt-dlp against a server on this machine."""

import errno
import gc
import hashlib
import http.server
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time

import pytest
from click.testing import CliRunner

from hint_toolkit.cli import _sources
from hint_toolkit.cli._main import run
from hint_toolkit.errors import InputError
from hint_toolkit.issues import Issues
from hint_toolkit.sources.base import Request
from hint_toolkit.sources.youtube import find, locate, read_ids
from hint_toolkit.sources.youtube_fetch import FetchOptions, fetch
from hint_toolkit.sources.youtube_manifest import Entry, read_manifest, write_manifest

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
"""yt-dlp leaves the answers that it breaks off for the garbage collector to close."""

A, B, C, DASH, LINE = "aaaaaaaaaa1", "bbbbbbbbbb2", "cccccccccc3", "-dash_first", "_line-first"


def write(path, data=b"x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


# ---- lists of ids


def test_ids_and_addresses_with_comments_each_once(tmp_path):
    text = f"""\ufeff# videos of May
{DASH}
{LINE}   # begins with a line
https://www.youtube.com/watch?v={A}&t=5s
youtube.com/watch?list=x&v={B}
https://youtu.be/{C}?si=abc
https://m.youtube.com/shorts/{A}

"""
    write(tmp_path / "ids.txt", text.encode())
    assert read_ids(tmp_path / "ids.txt") == [DASH, LINE, A, B, C]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("5zNg5kRgLlc5kzqX4KHfT4", "22 characters: 2 ids without a line break"),
        ("short", "is no YouTube id"),
        (f"https://example.org/watch?v={A}", "is no YouTube id"),
        (f"../{A}", "is no YouTube id"),
        (f"{A}\x0b{B}", "is no YouTube id"),
        (f"https://youtu.be/{A}x", "is no YouTube id"),
    ],
)
def test_a_line_that_is_no_id_is_named_with_its_number(tmp_path, line, said):
    write(tmp_path / "ids.txt", f"{A}\n{line}\n".encode())
    with pytest.raises(InputError, match=re.escape(said)) as error:
        read_ids(tmp_path / "ids.txt")
    assert "line 2" in str(error.value)
    assert "\n" not in str(error.value)


def test_an_empty_list_and_no_list(tmp_path):
    write(tmp_path / "ids.txt", b"# nothing\n")
    with pytest.raises(InputError, match="names no video"):
        read_ids(tmp_path / "ids.txt")
    with pytest.raises(InputError, match="No such file"):
        read_ids(tmp_path / "gone.txt")


# ---- files


def test_files_are_told_by_their_names_at_any_depth(tmp_path):
    write(tmp_path / f"{DASH}.mp4")
    write(tmp_path / "deep" / f"A title [cats] \u200d [{A}].mkv")
    write(tmp_path / "deep" / f"{B}.webm")
    write(tmp_path / f"{C}.mp4.part")
    write(tmp_path / ".fetch" / f"{C}.mp4")
    write(tmp_path / "holiday.mp4")
    issues = Issues()
    assert sorted(locate(tmp_path, issues)) == [DASH, A, B]
    assert [str(i) for i in issues] == ["1 files have no YouTube id in their name and are left out: holiday.mp4"]


def test_a_name_with_a_line_break_is_refused(tmp_path):
    write(tmp_path / f"two\nlines [{A}].mp4")
    write(tmp_path / f"{B}.mp4")
    found = find(Request(tmp_path))
    assert [clip.video_id for clip in found.clips] == [B]
    assert [i.text for i in found.issues] == [
        f"'two\\nlines [{A}].mp4' has a line break or control character in its name and is left out"
    ]


def test_clips_carry_what_the_manifest_says(tmp_path):
    for video_id in (A, B, DASH):
        write(tmp_path / f"{video_id}.mp4", video_id.encode())
    free = "Creative Commons Attribution licence (reuse allowed)"
    entries = {
        A: Entry("held", f"{A}.mp4", 11, "0" * 64, "137", licence=free),
        B: Entry("held", f"{B}.mp4", 12, "0" * 64, "137"),
        C: Entry("unavailable", reason="Private video"),
    }
    write_manifest(tmp_path, entries)
    assert read_manifest(tmp_path) == entries
    found = find(Request(tmp_path))
    facts = {c.video_id: (c.licence, c.redistributable, c.group, c.name) for c in found.clips}
    assert facts == {
        A: (free, True, A, f"{A}.mp4"),
        B: ("YouTube, rights of the uploaders", False, B, f"{B}.mp4"),
        DASH: ("YouTube, rights of the uploaders", False, DASH, f"{DASH}.mp4"),
    }
    assert [str(i) for i in found.issues] == [
        f"{C}: is not there (Private video)",
        f"{B}.mp4 > {B}: has 11 bytes and had 12 when it was fetched: frame numbers may differ",
    ]


def test_frame_names_count_from_one_as_in_hint(tmp_path):
    write(tmp_path / f"{DASH}.mp4")
    (clip,) = find(Request(tmp_path)).clips
    assert clip.frame_id(0, -1) == f"ND_{DASH}_frame000001"
    assert clip.frame_id(8372, 8373) == f"ND_{DASH}_frame008373"


def test_a_list_chooses_and_names_what_is_missing(tmp_path):
    write(tmp_path / "v" / f"{A}.mp4", b"1")
    write(tmp_path / "v" / f"{B}.mp4", b"2")
    write(tmp_path / "ids.txt", f"{C}\n{A}\n".encode())
    found = find(Request(tmp_path / "v", tmp_path / "ids.txt"))
    assert [clip.video_id for clip in found.clips] == [A]
    assert [str(i) for i in found.issues] == [f"{C}: is not there (never fetched)"]


def test_one_id_twice_and_one_video_under_two_ids(tmp_path):
    write(tmp_path / "old" / f"{A}.mp4", b"same")
    write(tmp_path / f"t [{A}].mkv", b"same")
    write(tmp_path / f"{B}.mp4", b"same")
    write(tmp_path / f"{C}.mp4", b"else")
    found = find(Request(tmp_path))
    assert {clip.video_id: clip.group for clip in found.clips} == {A: A, B: A, C: C}
    assert [str(i) for i in found.issues] == [
        f"{A}: is the same file as {B}",
        f"{A}: lies here 2 times, t [{A}].mkv is taken",
    ]


def test_no_folder_nothing_in_it_and_unknown_kinds(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        find(Request(tmp_path / "gone"))
    with pytest.raises(InputError, match="holds no video with a YouTube id"):
        find(Request(tmp_path))
    with pytest.raises(InputError, match="no such kind: pnr"):
        find(Request(tmp_path, kinds=("pnr",)))


@pytest.mark.parametrize(
    ("videos", "said"),
    [
        ({A: {"state": "held", "file": "../x.mp4"}}, "does not lie in the folder"),
        ({A: {"state": "held", "file": "/etc/x.mp4"}}, "does not lie in the folder"),
        ({A: {"state": "held", "file": "a\nb.mp4"}}, "does not lie in the folder"),
        ({"../../../x": {"state": "held"}}, "is no video id"),
        ({A: {"state": "perhaps"}}, "none of held, changed"),
        ({A: {"state": "held", "size": "1"}}, "of another type"),
        ({A: {"state": "held", "uploader": "x"}}, "is no such field"),
        ({A: []}, "attribute"),
        ([], "wanted"),
    ],
)
def test_a_manifest_that_was_tampered_with_is_refused(tmp_path, videos, said):
    write(tmp_path / "youtube.json", json.dumps({"videos": videos, "youtube": 1}).encode())
    with pytest.raises(InputError, match=said) as error:
        read_manifest(tmp_path)
    assert "\n" not in str(error.value)


def test_a_manifest_of_another_version_is_refused(tmp_path):
    write(tmp_path / "youtube.json", b'{"youtube": 2, "videos": {}}')
    with pytest.raises(InputError, match="another layout than version 1"):
        read_manifest(tmp_path)


# ---- fetching


class Server(http.server.ThreadingHTTPServer):
    """Serves `files`; `cut` bytes into a download it closes the connection, `pause` seconds after each 64 KiB."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.requests, self.cut, self.pause, self.modified = {}, [], None, 0.0, {}

    def url_of(self, video_id):
        return f"http://127.0.0.1:{self.server_port}/{video_id}.mp4"

    def handle_error(self, request, client_address):
        pass  # clients are killed on purpose


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, body):
        name = self.path.strip("/").removesuffix(".mp4")
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        self.server.requests.append((name, int(wanted[1]) if wanted else None, self.headers.get("Cookie")))
        if name not in self.server.files:
            self.send_error(404)
            return
        data = self.server.files[name]
        start = int(wanted[1]) if wanted else 0
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Type", "video/mp4")
        self.send_header("Content-Length", str(len(data) - start))
        self.send_header("Last-Modified", self.date_time_string(self.server.modified.get(name, 1_600_000_000)))
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        for at in range(start, len(data) if body else start, 1 << 16):
            if self.server.cut is not None and at - start >= self.server.cut:
                self.close_connection = True
                return
            self.wfile.write(data[at : at + (1 << 16)])
            time.sleep(self.server.pause)


@pytest.fixture
def server():
    pytest.importorskip("yt_dlp")
    one = Server()
    thread = threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield one
    one.shutdown()
    one.server_close()
    thread.join()


@pytest.fixture
def source(server):
    from hint_toolkit.sources._ytdlp import YtDlp

    yield YtDlp(url_of=server.url_of, extractors=("^generic$",), retries=0)
    gc.collect()  # here, where the warning of an unclosed answer is not an error


def some_bytes(seed, size=1 << 20):
    return random.Random(seed).randbytes(size)


def sha(data):
    return hashlib.sha256(data).hexdigest()


def files_in(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file() and p.name != "lock")


def test_a_list_is_fetched_and_what_is_missing_is_listed(tmp_path, server, source):
    server.files = {A: some_bytes(1), DASH: some_bytes(2, 1000)}
    seen = []
    report = fetch([A, B, DASH], tmp_path, source, progress=lambda *done: seen.append(done))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert {k: v.state for k, v in report.entries.items()} == {A: "held", B: "unavailable", DASH: "held"}
    assert [str(i) for i in report.issues.errors] == [
        f"{B}: cannot be fetched (Unable to download webpage: HTTP Error 404: Not Found)"
    ]
    assert files_in(tmp_path) == sorted([f"{A}.mp4", f"{DASH}.mp4", "youtube.json"])
    entry = read_manifest(tmp_path)[A]
    assert (entry.size, entry.sha256, entry.format, entry.file) == (1 << 20, sha(server.files[A]), "mp4", f"{A}.mp4")
    assert (tmp_path / f"{A}.mp4").read_bytes() == server.files[A]

    before = (tmp_path / "youtube.json").read_bytes()
    server.requests.clear()
    again = fetch([A, B, DASH], tmp_path, source)
    assert again.fetched == []
    assert {name for name, *_ in server.requests} == {B}  # only what is missing is asked for
    assert (tmp_path / "youtube.json").read_bytes() == before


CHILD = """
import sys
from pathlib import Path
from hint_toolkit.sources._ytdlp import YtDlp
from hint_toolkit.sources.youtube_fetch import fetch
url, out = sys.argv[1:3]
fetch(sys.argv[3:], Path(out), YtDlp(url_of=lambda i: f"{url}/{i}.mp4", extractors=("^generic$",), retries=0))
"""


def test_killed_in_the_middle_it_goes_on_and_ends_with_the_same_bytes(tmp_path, server, source):
    server.files = {A: some_bytes(1, 100), B: some_bytes(2, 4 << 20)}
    server.pause = 0.01
    part = tmp_path / ".fetch" / f"{B}.mp4.part"
    url = f"http://127.0.0.1:{server.server_port}"
    child = subprocess.Popen([sys.executable, "-c", CHILD, url, str(tmp_path), A, B])
    try:
        end = time.monotonic() + 30
        while not (part.is_file() and part.stat().st_size > 1 << 18):
            assert time.monotonic() < end
            assert child.poll() is None
            time.sleep(0.005)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    left = part.stat().st_size
    assert 0 < left < 4 << 20
    assert read_manifest(tmp_path)[A].state == "held"
    assert B not in read_manifest(tmp_path)

    server.pause = 0.0
    server.requests.clear()
    report = fetch([A, B], tmp_path, source)
    assert (B, left, None) in server.requests  # went on where it was
    assert report.fetched == [B]
    assert sha((tmp_path / f"{B}.mp4").read_bytes()) == sha(server.files[B]) == report.entries[B].sha256
    assert files_in(tmp_path) == [f"{A}.mp4", f"{B}.mp4", "youtube.json"]


def test_a_server_that_dies_leaves_a_part_and_the_next_video_still_comes(tmp_path, server, source):
    server.files = {A: some_bytes(1), B: some_bytes(2, 1000)}
    server.cut = 1 << 18
    report = fetch([A, B], tmp_path, source)
    assert {k: v.state for k, v in report.entries.items()} == {A: "failed", B: "held"}
    (issue,) = report.issues.errors
    assert issue.id == A
    assert "\n" not in str(issue)
    assert 1 << 16 < (tmp_path / ".fetch" / f"{A}.mp4.part").stat().st_size <= 1 << 18
    server.cut = None
    assert fetch([A, B], tmp_path, source).entries[A].sha256 == sha(server.files[A])


def test_a_part_of_another_version_is_not_gone_on_with(tmp_path, server, source):
    server.files, server.cut = {A: some_bytes(1)}, 1 << 18
    fetch([A], tmp_path, source)
    server.files, server.cut, server.modified = {A: some_bytes(2)}, None, {A: 1_700_000_000}
    assert fetch([A], tmp_path, source).entries[A].sha256 == sha(server.files[A])


def test_a_re_encoded_video_is_put_aside_and_said(tmp_path, server, source):
    first, second = some_bytes(1), some_bytes(2, 1 << 19)
    server.files = {A: first}
    fetch([A], tmp_path, source)
    (tmp_path / f"{A}.mp4").unlink()
    server.files = {A: second}
    report = fetch([A], tmp_path, source)
    (issue,) = report.issues.errors
    assert "another file now (524288 bytes, had 1048576)" in issue.text
    entry = read_manifest(tmp_path)[A]
    assert (entry.state, entry.sha256, entry.changed_sha256) == ("changed", sha(first), sha(second))
    assert files_in(tmp_path) == [f".fetch/{A}.changed.mp4", "youtube.json"]
    with pytest.raises(InputError, match="holds no video with a YouTube id"):
        find(Request(tmp_path))

    report = fetch([A], tmp_path, source, FetchOptions(accept_changed=True))
    assert not report.issues.errors
    assert read_manifest(tmp_path)[A].sha256 == sha(second)
    assert files_in(tmp_path) == [f"{A}.mp4", "youtube.json"]


def test_a_file_that_changed_here_is_said_and_kept(tmp_path, server, source):
    server.files = {A: some_bytes(1), B: some_bytes(2)}
    fetch([A, B], tmp_path, source)
    write(tmp_path / f"{A}.mp4", b"shorter")
    write(tmp_path / f"{B}.mp4", some_bytes(3))
    report = fetch([A, B], tmp_path, source)
    assert [(i.id, "7 bytes, not 1048576" in i.text) for i in report.issues.errors] == [(A, True)]
    report = fetch([A, B], tmp_path, source, FetchOptions(verify=True))
    assert [i.id for i in report.issues.errors] == [A, B]
    assert (tmp_path / f"{A}.mp4").read_bytes() == b"shorter"
    write(tmp_path / f"{A}.mp4", server.files[A])
    write(tmp_path / f"{B}.mp4", server.files[B])
    report = fetch([A, B], tmp_path, source, FetchOptions(verify=True))
    assert not report.issues.errors
    assert [entry.state for entry in report.entries.values()] == ["held", "held"]


def test_asking_whether_the_remote_file_is_still_there(tmp_path, server, source):
    server.files = {A: some_bytes(1)}
    fetch([A], tmp_path, source)
    server.files = {}
    report = fetch([A], tmp_path, source, FetchOptions(check_remote=True))
    assert [i.level for i in report.issues] == ["warning"]
    assert "not given any more (Unable to download webpage: HTTP Error 404" in str(next(iter(report.issues)))
    assert report.entries[A].state == "held"


def test_files_that_something_else_downloaded_are_taken_over(tmp_path, server, source):
    path = write(tmp_path / "deep" / f"A title [{A}].mkv", b"abc")
    report = fetch([A], tmp_path, source)
    assert server.requests == []
    assert report.entries[A] == Entry("held", f"deep/A title [{A}].mkv", 3, sha(b"abc"))
    assert path.read_bytes() == b"abc"


def test_one_video_under_two_ids_is_said(tmp_path, server, source):
    server.files = {A: some_bytes(1), B: some_bytes(1)}
    report = fetch([A, B], tmp_path, source)
    assert [str(i) for i in report.issues] == [f"{A}: is the same file as {B}"]


def test_a_full_disk_stops_the_run_and_keeps_what_came(tmp_path, server, source, monkeypatch):
    from yt_dlp.downloader.http import HttpFD

    server.files = {A: some_bytes(1), B: some_bytes(2)}
    fetch([A], tmp_path, source)
    real = HttpFD.sanitize_open

    def full(self, filename, mode):
        stream, name = real(self, filename, mode)

        class Full:
            def write(self, _):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

            def close(self):
                stream.close()

        return Full(), name

    monkeypatch.setattr(HttpFD, "sanitize_open", full)
    with pytest.raises(OSError, match="No space left") as error:
        fetch([B, C], tmp_path, source)
    assert error.value.errno == errno.ENOSPC
    assert list(read_manifest(tmp_path)) == [A]
    monkeypatch.undo()
    assert fetch([A, B], tmp_path, source).entries[B].sha256 == sha(server.files[B])


def test_cookies_go_out_and_stay_secret(tmp_path, server, source, capfd):
    from dataclasses import replace

    server.files = {A: b"abc"}
    text = "# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\tSID\tsecret-value\n"
    cookies = write(tmp_path / "cookies.txt", text.encode())
    out = tmp_path / "out"
    fetch([A, B], out, replace(source, cookies=cookies))
    assert ("SID=secret-value") in {cookie for *_, cookie in server.requests}
    assert cookies.read_text() == text  # yt-dlp would write it anew
    assert "secret" not in "".join(p.read_text("utf-8", "replace") for p in out.rglob("*") if p.is_file())
    assert capfd.readouterr() == ("", "")
    for bad in ("secret-value without tabs", text.splitlines()[1].replace("\t0\t", "\tsoon\t")):
        cookies.write_text(f"# Netscape HTTP Cookie File\n{bad}\n")
        with pytest.raises(InputError, match=r"cookies\.txt > line 2: is no cookie") as error:
            fetch([B], out, replace(source, cookies=cookies))
        assert "secret-value" not in str(error.value)
    cookies.write_text("")
    with pytest.raises(InputError, match=r"cookies\.txt > line 1: is no cookie"):
        fetch([B], out, replace(source, cookies=cookies))
    assert capfd.readouterr() == ("", "")
    with pytest.raises(InputError, match="cookies cannot be read"):
        fetch([B], out, replace(source, cookies=tmp_path / "gone.txt"))


def test_ids_that_are_none_and_a_second_run_in_the_folder_are_refused(tmp_path, source):
    with pytest.raises(InputError, match=r"no YouTube ids: '\.\./\.\./x'"):
        fetch([A, "../../x"], tmp_path, source)
    import fcntl

    (tmp_path / ".fetch").mkdir()
    with (tmp_path / ".fetch" / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(InputError, match="another hint-build fetch works"):
            fetch([A], tmp_path, source)


def test_only_youtube_may_answer_unless_told_otherwise(tmp_path, server):
    from hint_toolkit.sources._ytdlp import YtDlp

    server.files = {A: b"abc"}
    report = fetch([A], tmp_path, YtDlp(url_of=server.url_of, retries=0))
    assert server.requests == []
    assert report.entries[A].state == "failed"


def test_hidden_formats_are_said_once(tmp_path, server, source, monkeypatch):
    from yt_dlp.extractor.generic import GenericIE

    real = GenericIE._real_extract

    def extract(self, url):
        self.report_warning("No supported JavaScript runtime could be found. Only deno is enabled by default")
        return real(self, url)

    monkeypatch.setattr(GenericIE, "_real_extract", extract)
    server.files = {A: b"abc", B: b"def"}
    report = fetch([A, B], tmp_path, source)
    assert [i.text for i in report.issues] == [
        "yt-dlp found no JavaScript runtime, without which YouTube hides formats; install deno"
    ]


def test_a_real_video_that_was_fetched_can_be_read(tmp_path, server, source, write_video):
    from hint_toolkit.video.index import index_video

    server.files = {A: write_video("clip.mp4", 20).read_bytes()}
    fetch([A], tmp_path / "out", source)
    (clip,) = find(Request(tmp_path / "out")).clips
    assert index_video(clip.path).count == 20


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("ERROR: [youtube] aaaaaaaaaa1: Private video. Sign in", "Private video. Sign in"),
        ("\x1b[0;31mERROR:\x1b[0m [youtube] aaaaaaaaaa1: Video unavailable", "Video unavailable"),
        ("ERROR: a https://r1.example.com/video?ip=10.1.2.3&sig=S b", "a r1.example.com b"),
        ("ERROR: [generic] x (caused by <HTTPError 404: \n Not Found>)", "x"),
        ("ERROR: [youtube] aaaaaaaaaa1: bad; please report this issue on https://g.com/x", "bad"),
    ],
)
def test_reasons_are_one_short_line_without_addresses(message, reason):
    from hint_toolkit.sources._ytdlp import reason_of

    assert reason_of(message) == reason


def test_the_command(tmp_path, server, source, monkeypatch):
    import click

    from hint_toolkit.sources import _ytdlp

    group = click.Group("hint-build")
    _sources.add_sources_commands(group)
    server.files = {A: b"abc"}
    write(tmp_path / "ids.txt", f"{A}\n{B}\n".encode())
    monkeypatch.setattr(_ytdlp, "YtDlp", lambda **given: source)
    arguments = ["fetch", "--list", str(tmp_path / "ids.txt"), "--out", str(tmp_path / "out")]
    assert run(group, "hint-build", [*arguments, "--quiet"]) == 3
    result = CliRunner().invoke(group, [*arguments, "--json", "--quiet"], standalone_mode=False)
    value = json.loads(result.stdout)
    assert (value["held"], value["fetched"], value["states"]) == (1, [], {A: "held", B: "unavailable"})
    assert "404" in result.stderr
    assert "Example:" in group.commands["fetch"].help
    assert run(group, "hint-build", ["fetch", "--list", str(tmp_path / "none"), "--out", str(tmp_path / "out")]) == 2
