"""ViTPose on seeded checkpoints of the official layout, and its reading of boxes and heatmaps against loops by hand."""

import pickle
import zipfile

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.joints import TO_HINT
from hint_toolkit.prelabel.base import Prompt
from hint_toolkit.prelabel.registry import open_detector
from hint_toolkit.prelabel.top_down import region_around
from hint_toolkit.prelabel.vitpose import VitPoseDetector, decode, merge_mirrored

torch = pytest.importorskip("torch")
functional = torch.nn.functional

from hint_toolkit.models.vit import backbone_shapes  # noqa: E402
from hint_toolkit.models.vitpose import VitPose, head_shapes, read_state  # noqa: E402

BOX = np.array([100.0, 50.0, 195.0, 145.0])
"""96 x 96 pixels as MMPose counts, centre (148, 98); the region is 120 x 160 around it, a heatmap's cell 2.5 pixels."""


def tensors(keypoints=21, *, embed_dim=64, depth=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shapes = backbone_shapes(depth, embed_dim, prefix="backbone.") | head_shapes(embed_dim, keypoints)
    state = {}
    for key, shape in shapes.items():
        if "num_batches" in key:
            state[key] = torch.tensor(7)
        elif "running_var" in key:
            state[key] = torch.rand(shape, generator=generator) + 0.5
        else:
            spread = 0.02 if len(shape) > 1 else 0.2
            state[key] = torch.randn(shape, generator=generator) * spread + (1.0 if "norm" in key else 0.0)
    return state


@pytest.fixture
def checkpoint(tmp_path):
    """`checkpoint(state)` writes a file as MMPose does."""

    def write(state=None, name="hand.pth", **how):
        path = tmp_path / name
        meta = {"mmpose_version": "0.24.0", "epoch": 210, "config": "model = dict(type='TopDown')"}
        torch.save({"meta": meta, "state_dict": tensors() if state is None else state}, path, **how)
        return path

    return write


def naive(state, crops, heads):
    """The network step by step from the tensors of the file, sharing nothing with the package."""
    x = functional.conv2d(
        crops, state["backbone.patch_embed.proj.weight"], state["backbone.patch_embed.proj.bias"], stride=16, padding=2
    )
    assert x.shape[2:] == (16, 12)
    x = x.flatten(2).transpose(1, 2)
    x = x + state["backbone.pos_embed"][:, 1:] + state["backbone.pos_embed"][:, :1]
    batch, count, width = x.shape

    def norm(x, name):
        return functional.layer_norm(x, (width,), state[f"{name}.weight"], state[f"{name}.bias"], 1e-6)

    def linear(x, name):
        return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    depth = len({key.split(".")[2] for key in state if key.startswith("backbone.blocks.")})
    for block in (f"backbone.blocks.{k}" for k in range(depth)):
        q, k, v = linear(norm(x, f"{block}.norm1"), f"{block}.attn.qkv").split(width, dim=2)
        q, k, v = (part.reshape(batch, count, heads, -1).transpose(1, 2) for part in (q, k, v))
        weights = torch.softmax(q @ k.transpose(2, 3) / (width // heads) ** 0.5, dim=3)
        x = x + linear((weights @ v).transpose(1, 2).reshape(batch, count, width), f"{block}.attn.proj")
        x = x + linear(functional.gelu(linear(norm(x, f"{block}.norm2"), f"{block}.mlp.fc1")), f"{block}.mlp.fc2")
    x = norm(x, "backbone.last_norm").transpose(1, 2).reshape(batch, width, 16, 12)
    for layer in (0, 3):
        name = f"keypoint_head.deconv_layers.{layer + 1}"
        x = functional.conv_transpose2d(x, state[f"keypoint_head.deconv_layers.{layer}.weight"], stride=2, padding=1)
        scale = state[f"{name}.weight"] / torch.sqrt(state[f"{name}.running_var"] + 1e-5)
        shift = state[f"{name}.bias"] - state[f"{name}.running_mean"] * scale
        x = torch.relu(x * scale[:, None, None] + shift[:, None, None])
    weight, bias = (state[f"keypoint_head.final_layer.{part}"] for part in ("weight", "bias"))
    return (torch.einsum("bchw,kc->bkhw", x, weight[:, :, 0, 0]) + bias[:, None, None]).numpy()


@pytest.mark.parametrize(("embed_dim", "depth", "heads"), [(64, 2, 1), (384, 1, 12)])
def test_the_network_gives_what_the_tensors_say(embed_dim, depth, heads, checkpoint, rng):
    state = tensors(21, embed_dim=embed_dim, depth=depth)
    network = VitPose(checkpoint(state))
    crops = rng.normal(0, 1, (2, 3, 256, 192)).astype(np.float32)
    assert (network.keypoints, network.depth, network.embed_dim) == (21, depth, embed_dim)
    maps = network.heatmaps(crops)
    wanted = naive(state, torch.from_numpy(crops), heads)
    assert maps.shape == (2, 21, 64, 48)
    assert wanted.std() > 0.05
    np.testing.assert_allclose(maps, wanted, atol=2e-5)


def test_old_files_half_floats_bare_tables_and_other_experts_give_the_same_network(checkpoint, rng, tmp_path):
    crops = rng.normal(0, 1, (1, 3, 256, 192)).astype(np.float32)
    wanted = VitPose(checkpoint()).heatmaps(crops)
    experts = {f"backbone.blocks.{k}.mlp.experts.{e}.weight": torch.zeros(16, 64) for k in range(2) for e in range(6)}
    bare = tmp_path / "bare.pth"
    torch.save({key: value for key, value in tensors().items() if "num_batches" not in key}, bare)
    for path in (checkpoint(_use_new_zipfile_serialization=False), checkpoint(tensors() | experts), bare):
        np.testing.assert_array_equal(VitPose(path).heatmaps(crops), wanted)
    half = {key: value.half() if value.is_floating_point() else value for key, value in tensors().items()}
    np.testing.assert_allclose(VitPose(checkpoint(half)).heatmaps(crops), wanted, atol=0.01)


def changed(**changes):
    state = tensors()
    for key, value in changes.items():
        name = key.replace("__", ".")
        if value is None:
            del state[name]
        else:
            state[name] = value
    return state


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (changed(backbone__blocks__1__attn__qkv__bias=None), r"1 missing: backbone\.blocks\.1\.attn\.qkv\.bias"),
        (changed(backbone__cls_token=torch.zeros(1, 1, 64)), r"1 surplus: backbone\.cls_token"),
        (
            changed(keypoint_head__final_layer__weight=torch.zeros(17, 256, 1, 1)),
            r"misshapen: keypoint_head\.final_layer\.weight \(17, 256, 1, 1\) instead of \(21, 256, 1, 1\)",
        ),
        (changed(backbone__blocks__0__mlp__fc2__weight=torch.zeros(48, 256)), r"fc2\.weight \(48, 256\) instead of"),
        (changed(keypoint_head__final_layer__bias=None), "holds no ViTPose"),
        ({}, "holds no ViTPose"),
        (
            changed(associate_keypoint_heads__0__final_layer__bias=torch.zeros(14)),
            "split it with ViTPose's model_split",
        ),
        ({"backbone.last_norm.weight": "text"}, "holds no table of tensors"),
    ],
)
def test_what_is_not_this_network_is_said_by_name_in_one_line(state, said, checkpoint):
    path = checkpoint(state)
    with pytest.raises(InputError, match=said) as caught:
        VitPose(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


class Payload:
    """A pickle that makes a file when it is loaded as python loads it."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("packed", [True, False])
def test_a_hostile_checkpoint_is_refused_and_nothing_in_it_runs(packed, checkpoint, tmp_path):
    mark = tmp_path / "was_here"
    path = tmp_path / "hostile.pth"
    state = {"meta": Payload(mark), "state_dict": tensors()}
    torch.save(state, path, _use_new_zipfile_serialization=packed)
    with pytest.raises(InputError, match=r"cannot be read safely|can be read safely") as caught:
        read_state(path)
    assert "GLOBAL" in str(caught.value)
    assert "weights_only" not in str(caught.value)  # torch's text goes on with how to run it all the same
    assert not mark.exists()
    pickle.loads(pickle.dumps(Payload(mark))).close()
    assert mark.exists()  # so the payload works where it is let


def test_damaged_and_foreign_files_are_one_line(checkpoint, tmp_path):
    whole = checkpoint().read_bytes()
    cases = {
        "cut": whole[: len(whole) // 2],
        "empty": b"",
        "text": b"<html>sign in to download</html>",
        "picture": b"\x89PNG\r\n\x1a\n" + bytes(100),
    }
    for name, content in cases.items():
        path = tmp_path / f"{name}.pth"
        path.write_bytes(content)
        with pytest.raises(InputError, match="is not a checkpoint that can be read safely") as caught:
            VitPose(path)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 400
    with zipfile.ZipFile(tmp_path / "other.pth", "w") as archive:
        archive.writestr("readme.txt", "no tensors")
    torch.save([torch.zeros(3)], tmp_path / "list.pth")
    for name in ("other", "list", "gone"):
        with pytest.raises(InputError, match=rf"{name}\.pth: "):
            VitPose(tmp_path / f"{name}.pth")
    with pytest.raises(InputError, match="device='tpu'"):
        VitPose(checkpoint(), device="tpu")


def test_planted_peaks_come_back_with_a_quarter_towards_the_higher_neighbour():
    maps = np.zeros((5, 64, 48), np.float32)
    maps[0, 20, 10], maps[0, 20, 11], maps[0, 20, 9], maps[0, 19, 10], maps[0, 21, 10] = 0.9, 0.5, 0.4, 0.3, 0.1
    maps[1, 20, 1], maps[1, 20, 2] = 0.8, 0.7  # second column: not moved in either direction
    maps[2, 62, 46], maps[2, 62, 47], maps[2, 63, 46] = 1.2, 0.1, 0.2  # last but one: moved
    maps[3, 63, 30], maps[3, 63, 31] = 0.8, 0.7  # last row: not moved
    maps[4] = -0.1
    maps[4, 5, 5] = -0.01  # nothing above 0
    cells, score = decode(maps)
    np.testing.assert_array_equal(cells, [[10.25, 19.75], [1, 20], [46.25, 62.25], [30, 63], [-1, -1]])
    np.testing.assert_allclose(score, [0.9, 0.8, 1.2, 0.8, -0.01], rtol=1e-6)


def naive_decode(maps):
    cells = []
    for one in maps:
        height, width = one.shape
        best, at = -np.inf, None
        for y in range(height):
            for x in range(width):
                if one[y, x] > best:
                    best, at = one[y, x], [float(x), float(y)]
        x, y = int(at[0]), int(at[1])
        if best <= 0:
            at = [-1.0, -1.0]
        elif 1 < x < width - 1 and 1 < y < height - 1:
            for axis, (more, less) in enumerate(((one[y, x + 1], one[y, x - 1]), (one[y + 1, x], one[y - 1, x]))):
                at[axis] += 0.25 if more > less else -0.25 if more < less else 0.0
        cells.append(at)
    return cells


def naive_merge(straight, mirrored, partner):
    merged = np.zeros_like(straight)
    for k in range(len(straight)):
        for y in range(straight.shape[1]):
            for x in range(straight.shape[2]):
                column = x if x == 0 else x - 1
                other = mirrored[partner[k], y, straight.shape[2] - 1 - column]
                merged[k, y, x] = np.float32(0.5) * (straight[k, y, x] + other)
    return merged


@pytest.mark.parametrize("pairs", [True, False])
def test_merging_and_decoding_equal_loops_by_hand(pairs, rng):
    straight, mirrored = rng.normal(0, 1, (2, 8, 9, 7)).astype(np.float32)
    straight[:2], mirrored[:6] = np.round(straight[:2]), np.round(mirrored[:6])  # ties of cells and of neighbours
    partner = [4, 5, 6, 7, 0, 1, 2, 3] if pairs else range(8)
    merged = merge_mirrored(straight, mirrored, pairs=pairs)
    np.testing.assert_allclose(merged, naive_merge(straight, mirrored, partner), atol=1e-7)
    np.testing.assert_array_equal(decode(merged)[0], naive_decode(merged))
    np.testing.assert_array_equal(decode(straight - 3)[0], naive_decode(straight - 3))


class Eye:
    """Stands in for the network: sees white spots, joints of even number in the upper half, the others in the lower.

    A channel k of `parts` looks only at the columns first..last of its heatmap.
    """

    def __init__(self, keypoints, parts=None):
        self.keypoints, self.parts, self.seen = keypoints, parts or {}, []

    def heatmaps(self, crops):
        self.seen.append(crops)
        bright = crops[:, 0, ::4, ::4] - crops[:, 0].min()
        maps = np.zeros((len(crops), self.keypoints, 64, 48), np.float32)
        for k in range(self.keypoints):
            columns = slice(*self.parts.get(k, (0, 48)))
            joint = k if self.keypoints == 21 else (k - 91) % 21
            rows = slice(32, 64) if joint % 2 else slice(0, 32)
            maps[:, k, rows, columns] = bright[:, rows, columns]
        return maps / max(float(maps.max()), 1e-6)


@pytest.fixture
def detector(checkpoint):
    """`detector(keypoints, ...)`: the real detector around an `Eye`."""

    def make(keypoints=21, parts=None, **options):
        options = {"joint_order": "hint"} | options if keypoints == 21 else options
        made = VitPoseDetector(model=checkpoint(tensors(keypoints)), **options)
        made._network = Eye(keypoints, parts)
        return made

    return make


def spots(*places, size=(240, 320)):
    """A dark picture with a soft white spot at each place."""
    y, x = np.mgrid[: size[0], : size[1]]
    light = sum(np.exp(-((x - px) ** 2 + (y - py) ** 2) / 128) for px, py in places)
    return np.repeat((np.clip(light, 0, 1) * 255).astype(np.uint8)[:, :, None], 3, axis=2)


def alternating(upper, lower):
    return np.array([lower if k % 2 else upper for k in range(21)], float)


def test_spots_are_found_where_they_are(detector):
    hand = detector()
    for upper, lower in (((148, 90), (148, 120)), ((113.5, 68), (180, 140))):
        image = spots(upper, lower)
        before = image.copy()
        (found,) = hand.detect_in(image, [Prompt(BOX, side="left")])
        np.testing.assert_array_equal(image, before)
        # A cell is 2.5 pixels; the mirrored look is one column off by design of the original, half of it in the mean.
        np.testing.assert_allclose(found.points, alternating(upper, lower), atol=2.0)
        assert found.side == "left"
        assert np.isnan([found.side_score, found.presence]).all()
        np.testing.assert_allclose(found.score, 1, atol=0.15)


def test_cells_lie_in_the_picture_where_the_sum_by_hand_says():
    region = region_around(BOX, 192 / 256, inclusive=True)
    np.testing.assert_array_equal(region.center, [148, 98])
    np.testing.assert_allclose(region.size, [120, 160], rtol=1e-7)
    cells = np.array([[24.0, 32.0], [10.25, 19.75], [0, 0], [-1, -1]])
    wanted = [[148, 98], [113.625, 67.375], [88, 18], [85.5, 15.5]]
    np.testing.assert_allclose(region.to_picture(cells, 48, 64), wanted, atol=1e-5)
    wide = region_around(np.array([0.0, 0, 199, 49]), 0.75)
    np.testing.assert_allclose(wide.center, [99.5, 24.5])
    np.testing.assert_allclose(wide.size, [199 * 1.25, 199 * 1.25 / 0.75])
    tall = region_around(np.array([0.0, 0, 49, 199]), 0.75)
    np.testing.assert_allclose(tall.size, [199 * 1.25 * 0.75, 199 * 1.25])


def test_the_crop_holds_the_picture_and_black_beyond_it(rng):
    image = rng.integers(0, 255, (120, 90, 3), dtype=np.uint8)
    region = region_around(np.array([40.0, 70, 100, 140]), 192 / 256, inclusive=True)
    crop = region.cut(image, 192, 256).astype(float)
    wanted = np.zeros((256, 192, 3))
    padded = np.zeros((122, 92, 3))
    padded[1:-1, 1:-1] = image
    corner = region.center - region.size / 2
    for j in range(0, 256, 5):
        for i in range(0, 192, 5):
            x, y = np.array([i, j]) * region.size[0] / 192 + corner
            left, top = int(np.floor(x)), int(np.floor(y))
            if -1 <= left < 90 and -1 <= top < 120:
                u, v = x - left, y - top
                (a, b), (c, d) = padded[top + 1 : top + 3, left + 1 : left + 3]
                wanted[j, i] = (1 - v) * ((1 - u) * a + u * b) + v * ((1 - u) * c + u * d)
    difference = np.abs(crop - wanted)[::5, ::5]
    assert np.percentile(difference, 99) <= 8  # OpenCV samples on a grid of 1/32 pixel; the picture is noise
    assert difference.mean() < 2
    assert (wanted[:, -10:] == 0).all()
    assert (crop[:, -10:] == 0).all()


@pytest.mark.parametrize("older", [True, False])
def test_crops_equal_those_of_mmpose_to_the_last_grey_level(older, rng):
    """Its steps in its number formats: 0.x (ViTPose) keeps centre and size / 200 in float32, 1.x (RTMPose) does not."""
    import cv2

    single, (width, height) = np.float32, (192, 256) if older else (256, 256)
    image = rng.integers(0, 255, (240, 320, 3), dtype=np.uint8)
    for _ in range(200):
        x1, y1, w, h = *rng.uniform(-20, 200, 2), *rng.uniform(10, 150, 2)
        box = np.array([x1, y1, x1 + w, y1 + h])
        w, h = box[2:] - box[:2] + (1 if older else 0)
        center, aspect = np.array([x1 + w * 0.5, y1 + h * 0.5]), width / height
        w, h = (w, w / aspect) if w > aspect * h else (h * aspect, h)
        size = np.array([w, h]) * 1.25
        if older:
            center, size = center.astype(single), np.array([w / 200, h / 200], single) * single(1.25) * single(200.0)
        source, target = np.zeros((2, 3, 2), single)
        for points, middle, half in ((source, center, size[0] * 0.5), (target, (width / 2, height / 2), width * 0.5)):
            points[0] = middle
            points[1] = np.array(middle) + np.array([0.0, -half])
            away = points[0] - points[1]
            points[2] = points[1] + np.array([-away[1], away[0]], single)
        wanted = cv2.warpAffine(image, cv2.getAffineTransform(source, target), (width, height), flags=cv2.INTER_LINEAR)
        region = region_around(box, aspect, inclusive=older)
        np.testing.assert_array_equal(region.cut(image, width, height), wanted)


def test_colours_are_normalised_as_rgb(detector):
    hand = detector()
    image = np.zeros((240, 320, 3), np.uint8)
    image[..., 0], image[..., 1], image[..., 2] = 200, 100, 50
    hand.detect_in(image, [Prompt(np.array([100.0, 80, 180, 160]))])
    (seen,) = hand._network.seen
    wanted = [(200 / 255 - 0.485) / 0.229, (100 / 255 - 0.456) / 0.224, (50 / 255 - 0.406) / 0.225]
    np.testing.assert_allclose(seen[0, :, 128, 96], wanted, rtol=1e-5)
    np.testing.assert_array_equal(seen[1], seen[0][:, :, ::-1])
    assert seen.dtype == np.float32


def test_a_hand_checkpoint_must_say_its_order_and_joints_follow_it(detector, checkpoint):
    with pytest.raises(InputError, match=r"21 keypoints in an order that it does not name; pass joint_order: hint, "):
        VitPoseDetector(model=checkpoint())
    with pytest.raises(InputError, match="joint_order='thumb'; use one of: hint"):
        VitPoseDetector(model=checkpoint(), joint_order="thumb")
    with pytest.raises(InputError, match="has 17 keypoints; give one of 133"):
        VitPoseDetector(model=checkpoint(tensors(17)))
    with pytest.raises(InputError, match="leave it out"):
        VitPoseDetector(model=checkpoint(tensors(133)), joint_order="interhand")
    planted = np.zeros((2, 21, 64, 48), np.float32)
    planted[0, np.arange(21), np.arange(21) + 4, 2 * np.arange(21) + 3] = 1.0

    def columns(order):
        made = detector(joint_order=order)
        made._network.heatmaps = lambda crops: planted
        (found,) = made.detect_in(np.zeros((240, 320, 3), np.uint8), [Prompt(BOX)])
        return found.points[:, 0]

    plain = columns("hint")
    np.testing.assert_allclose(plain, 88 + 2.5 * (2 * np.arange(21) + 3), atol=1e-5)
    np.testing.assert_array_equal(columns("interhand"), plain[list(TO_HINT["interhand"])])


def test_a_side_that_nobody_knows_is_a_coin_and_is_said_to_be_one(detector):
    (found,) = detector().detect_in(spots((148, 90), (140, 120)), [Prompt(BOX)])
    assert (found.side, found.side_score) == ("right", 0.5)


BODY = {k: (24, 48) for k in range(91, 112)} | {k: (0, 24) for k in range(112, 133)}
"""A person who faces the camera: the left hand is in the right half of the picture."""
PERSON = np.array([40.0, 20.0, 279.0, 219.0])
"""Centre (160, 120); 240 pixels wide and a quarter more around, so a heatmap's cell is 6.25 pixels."""
RIGHT_HAND, LEFT_HAND = ((90, 100), (100, 140)), ((220, 90), (230, 130))


def test_a_person_box_gives_the_hand_that_is_asked_for(detector):
    body = detector(133, BODY)
    image = spots(*RIGHT_HAND, *LEFT_HAND)
    left, right = body.detect_in(image, [Prompt(PERSON, side=side, origin="person") for side in ("left", "right")])
    assert (left.side, right.side) == ("left", "right")
    np.testing.assert_allclose(left.points, alternating(*LEFT_HAND), atol=6)
    np.testing.assert_allclose(right.points, alternating(*RIGHT_HAND), atol=6)
    assert np.isnan(left.side_score)


def test_without_a_side_the_surer_hand_of_the_person(detector):
    body = detector(133, BODY)
    (found,) = body.detect_in(spots(*RIGHT_HAND), [Prompt(PERSON, origin="person")])
    assert found.side == "right"
    for brighter, darker, side in ((RIGHT_HAND, LEFT_HAND, "right"), (LEFT_HAND, RIGHT_HAND, "left")):
        image = np.maximum(spots(*brighter), (0.85 * spots(*darker)).astype(np.uint8))
        hands = body.detect_in(
            image, [Prompt(PERSON, side=wanted, origin="person") for wanted in ("left", "right", "")]
        )
        assert None not in hands
        assert hands[2].side == side
    assert body.detect_in(spots(*RIGHT_HAND), [Prompt(PERSON, side="left", origin="person")]) == [None]
    assert body.detect_in(np.zeros((240, 320, 3), np.uint8), [Prompt(PERSON, origin="person")]) == [None]


def test_a_hand_box_shows_a_whole_body_network_its_surroundings_and_takes_the_hand_in_it(detector):
    image = spots(*RIGHT_HAND, *LEFT_HAND)
    box = np.array([170.0, 80, 240, 140])  # holds the left hand; the network sees 5 x 70 pixels around (205, 110)
    body = detector(133, BODY)
    (found,) = body.detect_in(image, [Prompt(box, side="right")])
    assert found.side == "left"  # a whole-body network knows the side
    np.testing.assert_allclose(found.points, alternating(*LEFT_HAND), atol=8)
    (seen,) = body._network.seen
    width = 1.25 * (4 * 70 + 1)
    border = (319.5 - (205.5 - width / 2)) * 192 / width
    assert seen[0, 0, :, int(border) + 2 :].max() == seen[0, 0].min()  # black beyond the picture
    assert seen[0, 0, 100:150, :60].max() > 1  # and the other hand is in sight
    between = np.array([130.0, 90, 190, 140])
    assert body.detect_in(image, [Prompt(between, side="left")]) == [None]  # hands are seen, none in this box


def test_boxes_that_hold_nothing_give_none_and_neighbours_change_nothing(detector):
    hand = detector()
    image = spots((148, 90), (140, 120))
    outside, unknown, tiny = np.array([700.0, 500, 800, 600]), np.full(4, np.nan), np.array([147.0, 89, 149, 91])
    prompts = [Prompt(outside), Prompt(BOX), Prompt(unknown), Prompt(tiny), Prompt(BOX, side="left", id="x")]
    first, found, second, third, same = hand.detect_in(image, prompts)
    assert first is second is third is None
    np.testing.assert_array_equal(found.points, same.points)
    assert hand.detect_in(image, []) == []
    hand._network.heatmaps = lambda crops: np.full((len(crops), 21, 64, 48), -0.2, np.float32)
    assert hand.detect_in(image, [Prompt(BOX)]) == [None]
    with pytest.raises(InputError, match="boxes only"):
        hand.detect(image)


def test_a_hand_needs_four_sure_joints(detector):
    hand = detector(min_score=0.5)

    def heatmaps(sure):
        def give(crops):
            maps = np.full((len(crops), 21, 64, 48), 0.1, np.float32)
            maps[:, :sure, 30:34, 20:28] = 0.6
            return maps

        return give

    image = np.zeros((240, 320, 3), np.uint8)
    for sure, there in ((3, False), (4, True)):
        hand._network.heatmaps = heatmaps(sure)
        assert (hand.detect_in(image, [Prompt(BOX)])[0] is not None) is there


@pytest.mark.parametrize(
    ("keypoints", "height", "there"), [(21, 0.4, True), (21, 0.2, False), (133, 0.4, False), (133, 0.6, True)]
)
def test_how_sure_a_hand_must_be_by_itself(keypoints, height, there, detector):
    made = detector(keypoints)
    maps = np.zeros((2, keypoints, 64, 48), np.float32)
    for k in range(keypoints):
        row = 20 + (k - keypoints) % 21  # the same for a joint of either hand
        maps[:, k, row : row + 5, 20:28] = height
    made._network.heatmaps = lambda crops: maps
    (found,) = made.detect_in(np.zeros((240, 320, 3), np.uint8), [Prompt(BOX, side="left", origin="person")])
    assert (found is not None) is there


def test_the_name_changes_with_the_file_and_with_every_option_that_moves_a_result(checkpoint):
    one = VitPoseDetector(model=checkpoint(), joint_order="hint").name
    assert one.startswith("vitpose-")
    assert one.endswith("+box1,joint_order=hint")
    assert VitPoseDetector(model=checkpoint(), joint_order="interhand").name != one
    assert VitPoseDetector(model=checkpoint(), joint_order="hint", min_score=0.2).name == f"{one},min_score=0.2"
    assert VitPoseDetector(model=checkpoint(tensors(seed=1)), joint_order="hint").name != one


def test_real_weights_are_found_by_the_registry(checkpoint, monkeypatch, scene):
    monkeypatch.setenv("HINT_VITPOSE", str(checkpoint(tensors(21))))
    detector = open_detector("vitpose", joint_order="hint")
    (found,) = detector.detect_in(scene, [Prompt(BOX, side="left")])
    detector.close()  # random weights, random picture: no hand
    assert found is None


@pytest.fixture
def scene(rng):
    return rng.integers(0, 255, (240, 320, 3), dtype=np.uint8)
