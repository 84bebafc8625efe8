"""COCO's keypoint AP for one prediction a hand, as a loop over ranked predictions."""

import math


def oks(pred, truth, counted, area, sigmas):
    """Similarity of one hand; None when nothing is counted. A missing point is NaN and adds nothing."""
    terms = []
    for (x, y), (u, v), use, sigma in zip(pred, truth, counted, sigmas, strict=True):
        if use:
            known = not (math.isnan(x) or math.isnan(y))
            squared = (x - u) ** 2 + (y - v) ** 2 if known else math.inf
            terms.append(math.exp(-squared / (2 * area * (2 * sigma) ** 2)))
    return sum(terms) / len(terms) if terms else None


def average_precision(similarities, scores, threshold):
    """101-point AP; `similarities` holds None for hands to ignore and -1 for hands without a prediction."""
    hands = sum(s is not None for s in similarities)
    ranked = sorted(
        (-score, place, s)
        for place, (s, score) in enumerate(zip(similarities, scores, strict=True))
        if s is not None and s >= 0
    )
    points, hits = [], 0
    for rank, (_, _, s) in enumerate(ranked, 1):
        hits += s >= threshold
        points.append((hits / hands, hits / rank))
    total = 0.0
    for step in range(101):
        # The best precision at this recall or any later one. COCO's recalls are multiples of 0.01 in floating point,
        # so that 35 of 100 hands do not reach recall 0.35 there: 35 * 0.01 is a little more.
        reached = [precision for recall, precision in points if recall >= step * 0.01]
        total += max(reached, default=0.0)
    return total / 101
