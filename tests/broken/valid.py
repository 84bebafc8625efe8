"""One small valid file of every format that can be read, as bytes."""

import io
import json

import numpy as np

N = 3
FOLDER = "TEST_newdays_img"
IDS = [f"{FOLDER}/ND_abc_frame00000{k}_{side}" for k, side in enumerate("lrl")]
POINTS = np.round(np.random.default_rng(5).uniform(10, 300, (N, 21, 2)), 3)
CENTER = POINTS.mean(axis=1)
SCALE = np.full(N, 300.0)
FLAT = np.concatenate([POINTS, np.full((N, 21, 1), 0.5)], axis=2).reshape(N, 63)


def record(k, **changed):
    """One record of preds.json."""
    made = {"id": IDS[k], "keypoints": POINTS[k].tolist(), "score": [0.5] * 21, "visibility": [1] * 21, "side": "left"}
    return made | changed


def preds_value(**changed):
    """preds.json as a value."""
    made = {"header": {"method": "m", "joint_order": "hint"}, "predictions": [record(k) for k in range(N)]}
    return made | changed


def dump(value):
    return json.dumps(value).encode()


def coco_results_value():
    return [{"image_id": k, "category_id": 1, "keypoints": FLAT[k].tolist(), "score": 0.9} for k in range(N)]


def stems_value():
    return {IDS[k].split("/")[1]: POINTS[k].tolist() for k in range(N)}


def npz(**arrays):
    """Bytes of an npz."""
    handle = io.BytesIO()
    np.savez_compressed(handle, **arrays)
    return handle.getvalue()


def preds_arrays():
    return {"ids": np.array(IDS), "keypoints": POINTS, "score": np.full((N, 21), 0.5), "side": np.array(["left"] * N)}


def table(**columns):
    """Bytes of a Parquet file of plain lists."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    handle = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), handle)
    return handle.getvalue().to_pybytes()


def preds_columns():
    return {"id": IDS, "keypoints": POINTS.tolist(), "score": [[0.5] * 21] * N, "side": ["left", None, "right"]}


def truth_arrays(subset="all"):
    """Arrays of an evaluation npz: of the 21 joints 0..19 exist, 10..19 are occluded."""
    confidence = np.zeros((N, 21))
    first, last = {"all": (0, 20), "vis": (0, 10), "occ": (10, 20)}[subset]
    confidence[:, first:last] = 1.0
    return {
        "imgname": np.array([f"{name}.jpg" for name in IDS]),
        "center": CENTER,
        "scale": SCALE,
        "right": np.array([0.0, 1.0, 0.0]),
        "hand_keypoints_2d": np.concatenate([POINTS, confidence[:, :, None]], axis=2),
    }


def coco_truth_value():
    """COCO annotations of the same hands: joint 20 absent, 10..19 occluded."""
    flags = np.array([2.0] * 10 + [1.0] * 10 + [0.0])
    annotations = []
    for k in range(N):
        low, high = POINTS[k].min(0), POINTS[k].max(0)
        points = np.concatenate([POINTS[k], flags[:, None]], axis=1).reshape(-1).tolist()
        box = [*low.tolist(), *(high - low).tolist()]
        annotations.append({"id": 100 + k, "image_id": k, "category_id": 1, "bbox": box, "keypoints": points})
    images = [{"id": k, "file_name": f"{IDS[k]}.jpg", "width": 640, "height": 480} for k in range(N)]
    return {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "hand"}]}


def hint_pair_value():
    """The json of one hand of HInt."""
    low, high = POINTS[0].min(0), POINTS[0].max(0)
    flags = {"existence": [1] * 20 + [0], "occlusion": [0] * 10 + [1] * 10 + [0]}
    return [{"bbox": [[*low.tolist(), *high.tolist()]], "keypoints": POINTS[0].tolist(), **flags}]


def predictions_files():
    """Format -> bytes of predictions."""
    return {
        "preds.json": dump(preds_value()),
        "list.json": dump([record(k) for k in range(N)]),
        "coco.json": dump(coco_results_value()),
        "stems.json": dump(stems_value()),
        "preds.parquet": table(**preds_columns()),
        "preds.npz": npz(**preds_arrays()),
        "object.npz": npz(**preds_arrays() | {"ids": np.array(IDS, dtype=object)}),
    }


def truth_files():
    """Format -> bytes of a truth; a HInt pair is read with its folder."""
    from tests.broken.hands import hands_table

    return {
        "hands.parquet": hands_table(),
        "coco.json": dump(coco_truth_value()),
        f"{FOLDER}_all.npz": npz(**truth_arrays()),
        f"{IDS[0]}.json": dump(hint_pair_value()),
    }
