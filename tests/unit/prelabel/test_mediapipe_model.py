"""Where the model comes from, each way tried with the real network replaced and the real files where possible."""

import hashlib
import io
import zipfile
from types import SimpleNamespace

import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.prelabel import mediapipe_model
from hint_toolkit.prelabel.mediapipe_model import model_path
from hint_toolkit.sources._download import DownloadError, check_sha256, fetch_from_wheel, fetch_url

FILES = {"hand_detector.tflite": b"weights A" * 9, "hand_landmarks_detector.tflite": b"weights of B"}


@pytest.fixture
def ways(monkeypatch, tmp_path):
    """Small stand-in files with their own pinned hashes; `ways.fail` names the ways that do not work."""

    ways = SimpleNamespace(fail=set(), asked=[])
    members = {n: (f"in/wheel/{n}", hashlib.sha256(data).hexdigest()) for n, data in FILES.items()}
    monkeypatch.setattr(mediapipe_model, "MEMBERS", members)
    monkeypatch.setenv("HINT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HINT_MEDIAPIPE_MODEL", raising=False)

    def url(address, sha256):
        ways.asked.append("url")
        if "url" in ways.fail:
            raise DownloadError("cannot be fetched", where=address, why="refused")
        return mediapipe_model._bundle(FILES)

    def wheel(requirement, wanted):
        ways.asked.append("wheel")
        if "wheel" in ways.fail:
            raise DownloadError(f"pip cannot fetch {requirement}", why="no such version")
        return {f"in/wheel/{n}": data for n, data in FILES.items()}

    monkeypatch.setattr(mediapipe_model, "fetch_url", url)
    monkeypatch.setattr(mediapipe_model, "fetch_from_wheel", wheel)
    return ways


def test_the_official_download_first_then_the_cache(ways):
    first = model_path()
    assert model_path() == first
    assert ways.asked == ["url"]


def test_the_wheel_when_the_download_fails(ways):
    ways.fail = {"url"}
    with zipfile.ZipFile(model_path()) as bundle:
        assert {n: bundle.read(n) for n in bundle.namelist()} == FILES
    assert ways.asked == ["url", "wheel"]


def test_when_nothing_works_each_way_and_the_next_step_are_named(ways):
    ways.fail = {"url", "wheel"}
    with pytest.raises(InputError, match=r"refused.*no such version.*set HINT_MEDIAPIPE_MODEL") as caught:
        model_path()
    assert caught.value.exit_code == 2


def test_a_given_file_is_checked(ways, tmp_path, monkeypatch):
    good, bad = tmp_path / "good.task", tmp_path / "bad.task"
    good.write_bytes(mediapipe_model._bundle(FILES))
    bad.write_bytes(mediapipe_model._bundle(FILES | {"hand_detector.tflite": b"other"}))
    assert model_path(good) == good
    monkeypatch.setenv("HINT_MEDIAPIPE_MODEL", str(good))
    assert model_path() == good
    with pytest.raises(InputError, match=r"is not MediaPipe's hand_landmarker\.task .*sha256"):
        model_path(bad)
    with pytest.raises(InputError, match="no such model file"):
        model_path(tmp_path / "gone.task")
    bad.write_bytes(b"junk")
    with pytest.raises(InputError, match="is not MediaPipe's"):
        model_path(bad)
    assert ways.asked == []


def test_a_torn_cache_is_fetched_again(ways):
    path = model_path()
    path.write_bytes(path.read_bytes()[:50])
    model_path()
    assert ways.asked == ["url", "url"]


def test_members_start_at_aligned_offsets():
    data = mediapipe_model._bundle(FILES)
    with zipfile.ZipFile(io.BytesIO(data)) as bundle:
        for member in bundle.infolist():
            start = data.index(FILES[member.filename])
            assert start % 16 == 0
            assert member.compress_type == zipfile.ZIP_STORED
    assert data == mediapipe_model._bundle(FILES)


def test_another_content_is_refused():
    check_sha256(b"a", hashlib.sha256(b"a").hexdigest(), "x")
    with pytest.raises(DownloadError, match="x: has sha256"):
        check_sha256(b"b", hashlib.sha256(b"a").hexdigest(), "x")


def test_an_address_that_does_not_answer_is_one_line():
    with pytest.raises(DownloadError, match="cannot be fetched"):
        fetch_url("https://127.0.0.1:9/model", "0" * 64, timeout=2)
    with pytest.raises(DownloadError, match="only https"):
        fetch_url("file:///etc/hostname", "0" * 64)


def test_pip_that_finds_nothing_is_one_line():
    with pytest.raises(DownloadError, match=r"pip cannot fetch hint-toolkit-no-such-package==0 \(ERROR"):
        fetch_from_wheel("hint-toolkit-no-such-package==0", {})
