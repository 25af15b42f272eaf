"""Features of queries: encoders of pictures, texts and more, blocks per modality."""

from sklroute.features._blocks import BlockScaler
from sklroute.features._clip import ClipFeaturizer
from sklroute.features._encoders import SentenceEncoder, TorchImageEncoder
from sklroute.features._multimodal import MultimodalFeaturizer
from sklroute.features._tasks import TaskEncoder
from sklroute.features._text import TextEmbedder

__all__ = [
    "BlockScaler",
    "ClipFeaturizer",
    "MultimodalFeaturizer",
    "SentenceEncoder",
    "TaskEncoder",
    "TextEmbedder",
    "TorchImageEncoder",
]
