"""What each candidate model looks at: functions from pictures to numbers.

Each takes uint8 pictures (n, 64, 64, 3) and returns a float32 tensor. The
number of arithmetic operations a picture takes stands beside each in
`OPERATIONS`, where it is not matrix work that the counter sees by itself.
"""

import numpy as np
import torch
from encoders import pretrained_features
from torch.nn import functional as F

N_PIXELS = 64 * 64
LEVELS = 4
N_ANGLES = 36
WHITE_PERCENTILE = 95
ZOOM = 128


def nothing(images):
    """Look away: one column of zeros."""
    return torch.zeros(len(images), 1)


def color_histogram(images):
    """Return square roots of the shares of 4 x 4 x 4 colors."""
    levels = images.reshape(len(images), -1, 3) // (256 // LEVELS)
    color = levels @ np.array([LEVELS**2, LEVELS, 1])
    counts = [np.bincount(c, minlength=LEVELS**3) for c in color]
    return torch.from_numpy(np.sqrt(np.stack(counts) / N_PIXELS)).float()


def balanced_color_histogram(images):
    """Make the brightest tone white first, then return the color histogram."""
    white = np.percentile(images, WHITE_PERCENTILE, axis=(1, 2), keepdims=True)
    balanced = images * (255.0 / np.maximum(white, 1.0))
    return color_histogram(np.minimum(balanced, 255).astype(np.uint8))


def edge_histogram(images):
    """Return how much contrast there is in each of 36 directions."""
    gray = images.mean(axis=-1)
    down, right = np.gradient(gray, axis=(1, 2))
    strength = np.hypot(down, right)
    turn = np.arctan2(down, right) / (2 * np.pi) % 1.0
    angle = (turn * N_ANGLES).round().astype(int) % N_ANGLES
    histograms = [
        np.bincount(a.ravel(), s.ravel(), minlength=N_ANGLES)
        for a, s in zip(angle, strength, strict=True)
    ]
    histograms = np.stack(histograms)
    total = np.maximum(histograms.sum(axis=1, keepdims=True), 1e-9)
    return torch.from_numpy(np.sqrt(histograms / total)).float()


def pixels(images):
    """Return pixels in [-1, 1], channels first."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1.0


def small_pixels(images):
    """Return pixels at half the resolution."""
    return F.avg_pool2d(pixels(images), 2)


def tiny_pixels(images):
    """Return pixels at a quarter of the resolution."""
    return F.avg_pool2d(pixels(images), 4)


def zoomed_pretrained_features(images):
    """Return the pretrained encoder's features of the enlarged picture."""
    return pretrained_features(images, size=ZOOM)


OPERATIONS = {
    nothing: 0,
    # Per pixel: three divisions, two multiply-adds, one count.
    color_histogram: N_PIXELS * 8,
    # A sort for the percentile (about log2 n comparisons a value), one
    # multiplication and one minimum a value, then the histogram.
    balanced_color_histogram: N_PIXELS * (3 * (12 + 2) + 8),
    # Per pixel: gray 3, gradients 4, hypot 4, arctangent about 10, binning 5.
    edge_histogram: N_PIXELS * 26,
    # Per value: scaling 2, averaging 1.
    small_pixels: N_PIXELS * 9,
    tiny_pixels: N_PIXELS * 9,
    # Bilinear enlargement (7) and scaling (2), per value.
    zoomed_pretrained_features: ZOOM * ZOOM * 3 * 9,
}
