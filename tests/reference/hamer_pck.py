"""HaMeR's evaluator of 2D keypoints as a sentence-by-sentence loop (rule: benchmarks/protocol.md), NaN included.

The network speaks in units of its crop: x, y in box sizes from the box centre, and x is mirrored for a left hand.
A joint is labelled when its confidence is above one half. Nothing here is shared with hint_toolkit.
"""

import math


def crop_to_image(crop, center, box_size, right):
    """21 (x, y) of the network -> pixels of the image, for one hand."""
    sign = 2 * right - 1
    return [(sign * x * box_size + center[0], y * box_size + center[1]) for x, y in crop]


def hamer_pck(crops, truths, confidences, centers, scales, rights, threshold):
    """(share of every joint, their plain mean); 0 / 0 is NaN, as numpy's is.

    Args:
        crops: hands x 21 x 2, network output.
        truths: hands x 21 x 2 pixels.
        confidences: hands x 21.
        centers: hands x 2 pixels.
        scales: hands x 2, the scale column of the npz in pixels.
        rights: hands, 1 for right and 0 for left.
        threshold: fraction.
    """
    correct, labelled = [0] * 21, [0] * 21
    for crop, truth, confidence, center, scale, right in zip(
        crops, truths, confidences, centers, scales, rights, strict=True
    ):
        box_size = 2 * max(scale)  # rescale_factor 2 of the HInt branch, and no growth to 3:4
        size = box_size / 2  # divided by the expand factor
        for joint, (x, y) in enumerate(crop_to_image(crop, center, box_size, right)):
            if not confidence[joint] > 0.5:
                continue
            labelled[joint] += 1
            dx, dy = x - truth[joint][0], y - truth[joint][1]
            if math.sqrt(dx * dx + dy * dy) <= size * threshold:
                correct[joint] += 1
    shares = [c / n if n else math.nan for c, n in zip(correct, labelled, strict=True)]
    return shares, sum(shares) / 21
