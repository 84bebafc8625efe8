"""How fast near-duplicates are found, as a ratio to a plain pairwise perceptual hash in the same run.

    python benchmarks/speed/duplicates.py [--pictures 100000] [--planted 1000] [--seed 0]

The pictures are random clouds, 96 x 64 pixels, whose amplitude falls with frequency as that of photographs does. Some
are planted again: cropped by 5 % at two sides and a fifth darker. The plain way is the usual 64-bit pHash (signs of an
8 x 8 DCT): XOR and popcount of each hash against all that follow, with numpy. It is timed on a share of the rows and
scaled up, and is the faster one; how many of the planted each finds is printed beside the seconds.
"""

import argparse
import os
import resource
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.sampling.dedupe import near_duplicates
from hint_toolkit.video.likeness import fingerprint

PLAIN_ROWS = 400
PLAIN_DISTANCE = 10


def make_picture(rng: np.random.Generator, height: int = 64, width: int = 96) -> NDArray[np.uint8]:
    """Clouds with the spectrum 1/f, which photographs have on average."""
    y, x = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)
    strength = 1 / np.maximum(np.hypot(y, x), 1 / width)
    noise = rng.standard_normal((height, len(x))) + 1j * rng.standard_normal((height, len(x)))
    clouds = np.fft.irfft2(noise * strength, (height, width))
    grey = 128 + 45 * (clouds - clouds.mean()) / clouds.std()
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def planted(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The same picture, cropped by 5 % on the left and at the top, and a fifth darker."""
    height, width = image.shape[:2]
    return np.asarray(image[round(0.05 * height) :, round(0.05 * width) :] * 0.8, np.uint8)


def phash(fingerprints: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """(N,) 64 signs of the lowest 8 x 8 DCT terms of the thumbnail, about their median."""
    thumbs = fingerprints[:, 4 : 4 + 32 * 32].reshape(-1, 32, 32).astype(np.float32)
    cosines = np.cos(np.pi * np.arange(8)[:, None] * (np.arange(32) + 0.5) / 32).astype(np.float32)
    terms = (cosines @ thumbs @ cosines.T).reshape(-1, 64)
    bits = terms > np.median(terms, axis=1, keepdims=True)
    return np.packbits(bits, axis=1).view(np.uint64)[:, 0]


def plain(hashes: NDArray[np.uint64], rows: int) -> int:
    """Pairs of the first rows with all that follow: how many are no farther than 10 bits."""
    return sum(int((np.bitwise_count(hashes[row + 1 :] ^ hashes[row]) <= PLAIN_DISTANCE).sum()) for row in range(rows))


def clock(work: Callable[[], object]) -> tuple[float, float, object]:
    """Wall seconds, processor seconds and result."""
    start, used = time.perf_counter(), time.process_time()
    result = work()
    return time.perf_counter() - start, time.process_time() - used, result


def main() -> None:
    """Make the pictures, time everything, print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--planted", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    n, copies = options.pictures, min(options.planted, options.pictures // 2)
    marks = np.empty((n, len(fingerprint(make_picture(rng)))), np.uint8)
    for k in range(n - copies):
        image = make_picture(rng)
        marks[k] = fingerprint(image)
        if k < copies:
            marks[n - copies + k] = fingerprint(planted(image))
    full = rng.integers(0, 256, (1080, 1920, 3), np.uint8)
    one = clock(lambda: [fingerprint(full) for _ in range(30)])[1] / 30
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds, used, found = clock(lambda: near_duplicates(marks))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    pairs = found[0]  # type: ignore[index]
    right = int((pairs[:, 1] - pairs[:, 0] == n - copies).sum())
    hashes = phash(marks)
    rows = min(PLAIN_ROWS, n - 1)
    part, _, _ = clock(lambda: plain(hashes, rows))
    whole = part * (n * (n - 1) / 2) / (rows * (n - 1) - rows * (rows - 1) / 2)
    sign = phash(marks)
    kept = int((np.bitwise_count(sign[:copies] ^ sign[n - copies :]) <= PLAIN_DISTANCE).sum())
    print(f"{n} pictures, {copies} planted again, {os.cpu_count()} cores")  # noqa: T201
    print(f"fingerprint, 1920 x 1080      {1 / one:8.0f} a second and core")  # noqa: T201
    print(  # noqa: T201
        f"near_duplicates               {seconds:8.1f} s  {used:6.1f} s of processor  {whole / seconds:6.1f} x as fast"
        f" as the plain way\n  memory {before:.0f} -> {after:.0f} MB; found {right} of {copies}, and"
        f" {len(pairs) - right} pairs that were not planted"
    )
    print(f"plain pHash, pair by pair     {whole:8.1f} s  finds {kept} of {copies}")  # noqa: T201


if __name__ == "__main__":
    main()
