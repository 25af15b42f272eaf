"""Routers that only predict, in NumPy alone: what `RouterMixin.compile` returns."""

from sklroute.serving._distribution import QualityDistribution
from sklroute.serving._onnx import export_onnx
from sklroute.serving._router import CompiledRouter

__all__ = ["CompiledRouter", "QualityDistribution", "export_onnx"]
