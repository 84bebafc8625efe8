"""Tar shards as truth: HaMeR's training shards, and the plain ones of this toolkit."""

from pathlib import Path

from hint_toolkit.io.truth import Parsed


def tar_files(folder: Path) -> list[Path]:
    """The shards of a release, in their order."""
    return sorted([*folder.glob("hamer_tar/*.tar"), *folder.glob("webdataset/*.tar")])


def read_tar_truth(folder: Path) -> Parsed:
    """Hands of the shards of a release."""
    raise NotImplementedError(folder)
