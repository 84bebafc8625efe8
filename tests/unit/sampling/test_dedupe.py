"""Near-duplicates: planted ones are found, and nothing else is."""

import io
import itertools

import numpy as np
import pytest

from hint_toolkit.io.images import read_image
from hint_toolkit.sampling.dedupe import NEAR, near_duplicates, similarity
from hint_toolkit.synthetic import render, sequence
from hint_toolkit.video.index import index_video
from hint_toolkit.video.likeness import LENGTH, fingerprint, thumbnails
from hint_toolkit.video.reader import read_frames


def jpeg(image, quality):
    import cv2

    data = cv2.imencode(".jpg", np.ascontiguousarray(image[:, :, ::-1]), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(data, cv2.IMREAD_COLOR)[:, :, ::-1]


def x264(image, crf):
    import av

    height, width = (k // 2 * 2 for k in image.shape[:2])
    data = io.BytesIO()
    with av.open(data, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": str(crf), "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image[:height, :width]), format="rgb24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    data.seek(0)
    with av.open(data) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


def scaled(image, factor):
    import cv2

    kind = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=kind)


def cropped(image, left, top, right, bottom):
    height, width = image.shape[:2]
    return image[
        round(height * top) : height - round(height * bottom), round(width * left) : width - round(width * right)
    ]


def shifted(image, x, y, *, black):
    import cv2

    height, width = image.shape[:2]
    border = cv2.BORDER_CONSTANT if black else cv2.BORDER_REPLICATE
    return cv2.warpAffine(image, np.array([[1, 0, x * width], [0, 1, y * height]]), (width, height), borderMode=border)


def toned(image, gain=1.0, gamma=1.0, contrast=1.0):
    value = 255 * (np.clip(image * gain, 0, 255) / 255) ** gamma
    return np.clip((value - value.mean()) * contrast + value.mean() + 0.5, 0, 255).astype(np.uint8)


PLANTED = {
    "JPEG 30": lambda k: jpeg(k, 30),
    "JPEG 95": lambda k: jpeg(k, 95),
    "x264 crf 40": lambda k: x264(k, 40),
    "half size": lambda k: scaled(k, 0.5),
    "double size": lambda k: scaled(k, 2),
    "crop 5 % all sides": lambda k: cropped(k, 0.05, 0.05, 0.05, 0.05),
    "crop 5 % left": lambda k: cropped(k, 0.05, 0, 0, 0),
    "crop 5 % corner": lambda k: cropped(k, 0, 0.05, 0.05, 0),
    "shift 5 %, border repeated": lambda k: shifted(k, 0.05, 0.05, black=False),
    "shift 5 %, black border": lambda k: shifted(k, -0.05, 0.05, black=True),
    "brightness +20 %": lambda k: toned(k, gain=1.2),
    "brightness -20 %": lambda k: toned(k, gain=0.8),
    "contrast +20 %": lambda k: toned(k, contrast=1.2),
    "contrast -20 %": lambda k: toned(k, contrast=0.8),
    "gamma 1.2": lambda k: toned(k, gamma=1.2),
    "gamma 0.8": lambda k: toned(k, gamma=0.8),
    "crop, 0.6 x, gamma, JPEG 40": lambda k: jpeg(
        toned(scaled(cropped(k, 0.05, 0.03, 0.05, 0.04), 0.6), gamma=1.2), 40
    ),
    "shift, 1.5 x, brighter, x264 38": lambda k: x264(
        toned(scaled(shifted(k, 0.04, -0.04, black=True), 1.5), gain=1.2), 38
    ),
}


def measure(pictures, hard=()):
    """Recall per kind of `pictures` and of `hard` ones, precision and wrong pairs; no two show the same."""
    pictures, easy = [*pictures, *hard], len(pictures)
    n = len(pictures)
    marks = [[fingerprint(k) for k in pictures]]
    marks += [[fingerprint(change(k)) for k in pictures] for change in PLANTED.values()]
    flat = np.array(list(itertools.chain(*marks)))
    source, kind = np.tile(np.arange(n), len(marks)), np.repeat(np.arange(len(marks)), n)
    pairs, _ = near_duplicates(flat)
    first, second = pairs.T
    right = source[first] == source[second]
    planted = right & (kind[first] == 0)
    found = np.zeros((len(PLANTED), n), bool)
    found[kind[second[planted]] - 1, source[second[planted]]] = True
    recall = dict(zip(PLANTED, found[:, :easy].mean(axis=1), strict=True))
    recall_hard = dict(zip(PLANTED, found[:, easy:].mean(axis=1), strict=True)) if hard else {}
    # Pairs of two plants of one picture are right, but are not what was asked: they do not count for precision.
    wrong = ~right
    return recall, recall_hard, planted.sum() / (planted.sum() + wrong.sum()), source[pairs[wrong]]


@pytest.fixture(scope="module")
def scenes():
    """Different scenes, and first and last of clips in which a hand takes another pose before a camera that sways."""
    moving = [k for seed in range(100, 106) for k, _ in list(sequence(seed, 4, width=192, height=144))[::3]]
    return [render(seed=k, width=256, height=192)[0] for k in range(24)] + moving


@pytest.fixture(scope="module")
def dim_scenes():
    """At an eighth of the light, and in haze."""
    rooms = [render(seed=k, width=256, height=192)[0] for k in range(50, 60)]
    return [toned(k, gain=0.125) for k in rooms[:6]] + [toned(k, contrast=0.15) for k in rooms[6:]]


def test_planted_duplicates_of_synthetic_pictures_are_found_and_nothing_else(scenes, dim_scenes):
    recall, dim, precision, wrong = measure(scenes, dim_scenes)
    assert min(recall.values()) >= 0.95
    assert precision >= 0.95, wrong
    # Strong compression leaves little of a picture that spans thirty grey levels: no more is promised.
    assert np.mean(list(dim.values())) >= 0.85


def test_planted_duplicates_of_real_pictures_are_found_and_nothing_else(shared_media):
    recall, _, precision, wrong = measure(real_pictures(shared_media))
    assert min(recall.values()) >= 0.95
    assert precision >= 0.95, wrong


def real_pictures(folder):
    """Photographs of many rooms; of clips in which camera or people move, frames one or two seconds apart."""
    clips = {
        "ThunderVVV__HaWoR/example/video_0.mp4": range(0, 121, 24),
        "dmlc__decord/examples/flipping_a_pancake.mkv": range(0, 310, 60),
        "CMU-Perceptual-Computing-Lab__openpose/examples/media/video.avi": range(0, 205, 100),
    }
    photographs = [
        *sorted(folder.glob("google-ai-edge__mediapipe/**/*.jpg")),
        *sorted(folder.glob("*hands23*/**/*.jpg")),
    ]
    pictures = [read_image(path) for path in photographs]
    for name, wanted in clips.items():
        if (folder / name).is_file():
            pictures += [k for _, k in read_frames(index_video(folder / name), wanted) if not isinstance(k, str)]
    if len(pictures) < 40:
        pytest.skip("the real media beside the project are not complete")
    return [scaled(k, min(1, 400 / max(k.shape))) for k in pictures]


@pytest.fixture(scope="module")
def marks():
    return np.array([fingerprint(render(seed=k, width=160, height=120)[0]) for k in range(12)])


def test_every_pair_of_pictures_is_what_similarity_says(marks):
    changed = np.array([fingerprint(toned(render(seed=k, width=160, height=120)[0], gain=0.9)) for k in range(12)])
    both = np.concatenate([marks, changed])
    pairs, values = near_duplicates(both)
    i, j = np.triu_indices(24, 1)
    all_values = similarity(thumbnails(both[i]), thumbnails(both[j]))
    near = all_values >= NEAR
    assert pairs.tolist() == np.stack([i, j], axis=1)[near].tolist() == [[k, k + 12] for k in range(12)]
    assert np.allclose(values, all_values[near], atol=1e-5)
    middle = float(np.median(values))
    assert len(near_duplicates(both, threshold=middle)[0]) == (values >= middle).sum() < 12


def test_order_changes_nothing(marks, rng):
    cuts = [cropped(render(seed=k, width=160, height=120)[0], 0.05, 0.02, 0, 0.04) for k in range(12)]
    both = np.concatenate([marks, [fingerprint(k) for k in cuts]])
    order = rng.permutation(24)
    pairs, values = near_duplicates(both)
    again, others = near_duplicates(both[order])
    named = {frozenset(order[p].tolist()): v for p, v in zip(again, others, strict=True)}
    assert named.keys() == {frozenset(p.tolist()) for p in pairs}
    assert len(named) == 12
    assert all(abs(named[frozenset(p.tolist())] - v) < 1e-5 for p, v in zip(pairs, values, strict=True))


def test_blocks_and_their_borders_lose_no_pair(marks, monkeypatch):
    from hint_toolkit.sampling import dedupe

    both = np.concatenate([marks, marks, marks[:5]])
    whole = near_duplicates(both)[0].tolist()
    assert len(whole) == 12 + 2 * 5
    for rows, columns in ((1, 1), (5, 7), (7, 5), (29, 3)):
        monkeypatch.setattr(dedupe, "_ROWS", rows)
        monkeypatch.setattr(dedupe, "_COLUMNS", columns)
        monkeypatch.setattr(dedupe, "_PAIRS", 4)
        assert near_duplicates(both)[0].tolist() == whole


def test_groups_limit_the_pairs(marks):
    three = np.concatenate([marks[:2], marks[:2], marks[:2]])
    split = np.array(["train", "train", "train", "train", "test", "test"])
    assert near_duplicates(three)[0].tolist() == [[0, 2], [0, 4], [1, 3], [1, 5], [2, 4], [3, 5]]
    assert near_duplicates(three, groups=split)[0].tolist() == [[0, 4], [1, 5], [2, 4], [3, 5]]
    assert near_duplicates(three, groups=split, within=True)[0].tolist() == [[0, 2], [1, 3]]


def test_a_mirror_image_and_a_moved_hand_are_other_pictures():
    image = render(seed=3, width=256, height=192)[0]
    assert len(near_duplicates(np.array([fingerprint(image), fingerprint(image[:, ::-1])]))[0]) == 0
    before, after = image.copy(), image.copy()
    before[60:100, 40:70], after[60:100, 150:180] = (190, 140, 120), (190, 140, 120)
    assert len(near_duplicates(np.array([fingerprint(before), fingerprint(after)]))[0]) == 0


def test_flat_pictures_are_duplicates_of_none():
    flat = np.array([fingerprint(np.full((40, 60, 3), tone, np.uint8)) for tone in (0, 0, 128, 255)])
    assert len(near_duplicates(flat, threshold=0)[0]) == 0


def test_none_and_one(marks):
    for n in (0, 1):
        pairs, values = near_duplicates(marks[:n])
        assert (pairs.shape, values.shape) == ((0, 2), (0,))


def test_wrong_arguments_are_named(marks):
    with pytest.raises(ValueError, match=f"wanted .N, {LENGTH}"):
        near_duplicates(marks[:, :64])
    with pytest.raises(ValueError, match="wanted 12 groups"):
        near_duplicates(marks, groups=np.zeros(3))
    with pytest.raises(ValueError, match=r"threshold must be in 0\.\.1"):
        near_duplicates(marks, threshold=80)
