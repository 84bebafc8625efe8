"""FreiHAND's and HO-3D's eval.py as a loop over images, with scipy's Procrustes; NaN left in."""

import math

import numpy as np
from scipy.linalg import orthogonal_procrustes
from scipy.spatial import cKDTree


def fit(truth, pred):
    """Translation, scale and an orthogonal matrix, reflections allowed; and what a second set of points needs."""
    centre, centre_pred = truth.mean(0), pred.mean(0)
    size = np.linalg.norm(truth - centre) + 1e-8
    size_pred = np.linalg.norm(pred - centre_pred) + 1e-8
    matrix, scale = orthogonal_procrustes((truth - centre) / size, (pred - centre_pred) / size_pred)
    moved = ((pred - centre_pred) / size_pred) @ matrix.T * scale * size + centre

    def carry(points):
        own = points.mean(0)
        return (points - own) @ matrix.T * scale * size + (centre - centre_pred) + own

    return moved, carry


def hamer_fit(truth, pred):
    """HaMeR's similarity transform: a proper rotation."""
    a, b = (pred - pred.mean(0)).T, (truth - truth.mean(0)).T
    u, _, vh = np.linalg.svd(a @ b.T)
    flip = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vh))])
    rotation = vh.T @ flip @ u.T
    scale = np.trace(rotation @ a @ b.T) / (a**2).sum()
    return (scale * rotation @ a).T + truth.mean(0)


def scale_translate(truth, pred):
    length = math.dist(pred[4], pred[0])
    scaled = pred / length * math.dist(truth[4], truth[0]) if length > 0 else pred * math.dist(truth[4], truth[0])
    return scaled - scaled[0] + truth[0]


def f_score(truth, pred, threshold):
    back, forth = cKDTree(pred).query(truth)[0], cKDTree(truth).query(pred)[0]
    precision, recall = (back < threshold).mean(), (forth < threshold).mean()
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def summary(pairs):
    """(mean error, AUC) over (truth, pred) of every image: per keypoint first, then the mean over keypoints."""
    errors = np.array([[math.dist(p, q) for p, q in zip(truth, pred, strict=True)] for truth, pred in pairs])
    steps = np.linspace(0, 0.05, 100)
    means, areas = [], []
    for keypoint in errors.T:
        curve = [float((keypoint <= t).mean()) for t in steps]
        area = sum((curve[k] + curve[k + 1]) / 2 * (steps[k + 1] - steps[k]) for k in range(99))
        means.append(keypoint.mean())
        areas.append(area / steps[-1])
    return float(np.mean(means)), float(np.mean(areas))
