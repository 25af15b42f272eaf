"""Features of queries: encoders of text, blocks of columns per modality."""

from sklroute.features._blocks import BlockScaler
from sklroute.features._text import TextEmbedder

__all__ = ["BlockScaler", "TextEmbedder"]
