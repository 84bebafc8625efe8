"""Steps by hand, and batches whoever makes them."""

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.models.hamer.losses import WEIGHTS
from hint_toolkit.models.hamer.network import build_hamer
from hint_toolkit.models.training.augment import NOTHING, Augmentation
from hint_toolkit.models.training.batches import Source, batches
from hint_toolkit.models.training.examples import Picture, Rows
from hint_toolkit.models.training.mix import Mix
from hint_toolkit.models.training.start import start_by_chance
from hint_toolkit.models.training.step import Optimiser, Trainer, seeded_discriminator
from hint_toolkit.synthetic.hand_model import hand_model

torch = pytest.importorskip("torch")
cv2 = pytest.importorskip("cv2")
pytest.importorskip("smplx")


def a_batch(n=2):
    rng = np.random.default_rng(0)
    shapes = {"crops": (3, 256, 256), "points": (21, 3), "joints": (21, 4), "global_orient": (3,), "hand_pose": (45,),
              "betas": (10,), "has_global_orient": (), "has_hand_pose": (), "has_betas": ()}  # fmt: skip
    values = {name: rng.uniform(0, 0.2, (n, *shape)).astype(np.float32) for name, shape in shapes.items()}
    return {name: torch.from_numpy(np.asarray(value)) for name, value in values.items()}


def a_trainer(how, judged=False, **more):
    start = start_by_chance("vit-1x80", 1, 0)
    network = build_hamer(start.state, hand_model(), config=start.config)
    judge = seeded_discriminator(0, {}) if judged else None
    return Trainer(network, how, steps=10, discriminator=judge, **more)


MOCAP = {"hand_pose": torch.zeros(4, 45), "betas": torch.zeros(4, 10)}


def test_the_rate_by_hand():
    assert Optimiser().rate_at(0, 10) == Optimiser().rate_at(9, 10) == 1e-5
    assert [Optimiser(rate=1, warmup=4).rate_at(k, 10) for k in range(5)] == [0.25, 0.5, 0.75, 1, 1]
    falling = Optimiser(rate=2, decay="cosine")
    assert [round(falling.rate_at(k, 4), 6) for k in range(4)] == [2, 1.707107, 1, 0.292893]


def test_a_step_pays_the_weighted_losses_and_changes_both_networks():
    trainer = a_trainer(Optimiser(rate=1e-3), judged=True)
    before = {name: value.clone() for name, value in trainer.discriminator.state_dict().items()}
    head = trainer.network.head.decpose.weight.detach().clone()
    told = trainer.step(0, a_batch(), MOCAP)
    paid = sum(WEIGHTS[name] * told[name] for name in WEIGHTS)
    assert told["total"] == pytest.approx(paid, rel=1e-5)
    moved = (trainer.network.head.decpose.weight.detach() - head).abs().max()
    assert float(moved) == pytest.approx(1e-3, rel=0.02)  # Adam's first step
    assert any(not torch.equal(before[name], value) for name, value in trainer.discriminator.state_dict().items())
    later = [trainer.step(k, a_batch(), MOCAP) for k in range(1, 6)]
    assert later[-1]["total"] < told["total"]
    assert later[-1]["discriminator"] < told["discriminator"]


def test_the_discriminator_does_not_teach_the_network_twice():
    # What its own step leaves in the network's gradients must not be there at the next one.
    one, other = a_trainer(Optimiser(rate=1e-3), judged=True), a_trainer(Optimiser(rate=1e-3), judged=True)
    one.step(0, a_batch(), MOCAP)
    other.step(0, a_batch(), None)
    for a, b in zip(one.network.parameters(), other.network.parameters(), strict=True):
        assert torch.equal(a, b)


def test_gradients_are_clipped_and_a_loss_that_is_no_number_stops():
    trainer = a_trainer(Optimiser(clip=1e-3))
    trainer.step(0, a_batch())
    norms = [p.grad.norm() for p in trainer.network.parameters() if p.grad is not None]
    assert float(torch.stack(norms).norm()) == pytest.approx(1e-3, rel=1e-3)
    batch = a_batch()
    batch["points"][0, 0, 0] = float("nan")
    with pytest.raises(InputError, match="the loss of step 2 is no number"):
        trainer.step(1, batch)
    with pytest.raises(InputError, match="fp16 needs a GPU"):
        a_trainer(Optimiser(), precision="fp16")


def test_half_precision_is_near(recwarn):
    whole, half = a_trainer(Optimiser()), a_trainer(Optimiser(), precision="bf16")
    a, b = (trainer.step(0, a_batch())["total"] for trainer in (whole, half))
    assert a == pytest.approx(b, rel=0.02)
    assert a != b


@pytest.fixture
def pictures(tmp_path):
    rows, rng = Rows(), np.random.default_rng(0)
    for k in range(6):
        path = tmp_path / f"{k}.png"
        cv2.imwrite(str(path), rng.integers(0, 256, (90, 120, 3), dtype=np.uint8))
        points = np.concatenate([rng.uniform(20, 80, (21, 2)), np.ones((21, 1))], axis=1)
        rows.add(str(k), Picture(path), points=points, center=[60.0, 45.0], size=70.0, right=k % 2)
    return rows.finish()


def all_of(source, **how):
    return list(batches(source, batch=4, steps=3, **how))


def test_batches_are_the_same_whoever_makes_them_and_wherever_they_begin(pictures):
    source = Source([pictures, pictures.take(np.arange(2))], Mix([6, 2], [0.5, 0.5], 7), Augmentation())
    whole = all_of(source)
    assert [len(batch["crops"]) for batch in whole] == [4, 4, 4]
    for other, first in ((all_of(source, workers=1), 0), (all_of(source, first_step=1), 1)):
        for a, b in zip(whole[first:], other, strict=True):
            assert all(torch.equal(a[name], b[name]) for name in a)
    assert not torch.equal(whole[0]["crops"][0], whole[1]["crops"][0])


def test_kept_crops_are_the_same(pictures):
    one, other = (Source([pictures], Mix([6], [1], 1), NOTHING, keep) for keep in (False, True))
    for a, b in zip(all_of(one), all_of(other), strict=True):
        assert all(torch.equal(a[name], b[name]) for name in a)
