"""What VISOR's files say together: annotated frames by video, the frame mapping, and HInt's names."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from hint_toolkit.errors import InputError
from hint_toolkit.sources.visor_files import files_below
from hint_toolkit.sources.visor_frames import (
    VIDEO,
    FrameMapping,
    Keyframe,
    read_hint_names,
    read_keyframes,
    read_mapping,
    visor_name,
)

HINT_NAMES = "hint_names.txt"
"""May lie beside the annotations: names of HInt's, so that its frames keep theirs."""


@dataclass(frozen=True)
class Asked:
    """What the annotations point at.

    Attributes:
        frames: by video, in the order of their numbers.
        mapping: None without a `frame_mapping.json`.
        names: HInt's names by VISOR's.
    """

    frames: dict[str, list[Keyframe]]
    mapping: FrameMapping | None
    names: dict[str, str]

    def frame_id(self, frame: Keyframe) -> str:
        """HInt's name where it is known, else VISOR's after `EK_`."""
        name = visor_name(frame.video, frame.number)
        return self.names.get(name, f"EK_{name}")


def read_asked(path: Path, kinds: Collection[str]) -> Asked:
    """Read a `frame_mapping.json`, one annotation file, or a folder with such files at any depth.

    A frame that is annotated and also the end of an interpolation counts as annotated. With a mapping alone its frames,
    which are the annotated ones, are taken.

    Raises:
        InputError: nothing there, nothing of VISOR in it, or a damaged file.
    """
    if not path.exists():
        raise InputError(
            "no such file or folder", where=str(path), next_step="pass VISOR's frame_mapping.json or annotations"
        )
    files = [path] if path.is_file() else list(files_below(path))
    mappings = [file for file in files if file.suffix == ".json" and "frame_mapping" in file.name]
    annotations = [file for file in files if file.suffix == ".json" and _names_a_video(file)]
    if path.is_file() and not mappings:
        annotations = [path]
    numbers = {uid: its for file in mappings for uid, its in read_mapping(file).to_epic.items()}
    frames = _annotated(annotations, kinds)
    if not annotations and "sparse" in kinds:
        frames = {uid: [Keyframe(uid, n, "sparse", "") for n in sorted(its)] for uid, its in numbers.items()}
    if not mappings and not annotations:
        why = "looked for frame_mapping.json and P01_01.json"
        raise InputError("holds no annotations of VISOR", where=str(path), why=why)
    names = {key: name for file in files if file.name == HINT_NAMES for key, name in read_hint_names(file).items()}
    return Asked({uid: frames[uid] for uid in sorted(frames)}, FrameMapping(numbers) if mappings else None, names)


def _annotated(files: Sequence[Path], kinds: Collection[str]) -> dict[str, list[Keyframe]]:
    found: dict[str, dict[int, Keyframe]] = {}
    for file in files:
        for frame in read_keyframes(file):
            its = found.setdefault(frame.video, {})
            if frame.kind in kinds and (frame.number not in its or frame.kind == "sparse"):
                its[frame.number] = frame
    return {uid: [its[n] for n in sorted(its)] for uid, its in found.items() if its}


def _names_a_video(file: Path) -> bool:
    return VIDEO.fullmatch(file.stem.removesuffix("_interpolations")) is not None
