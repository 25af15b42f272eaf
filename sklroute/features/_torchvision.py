"""Import torchvision beside a torch that it was not built for.

The torchvision that a package index offers for Linux is linked to CUDA. Beside a CPU
build of torch its compiled part does not load, and the import ends in ``operator
torchvision::nms does not exist``. That takes open_clip, timm, transformers and
sentence-transformers along, with messages that point elsewhere. None of the encoders
here uses the compiled part, so declaring the two operators that the import asks for is
enough. A torchvision that works is left alone.
"""

import sys
from functools import cache
from typing import Any

SYMPTOM = "torchvision::nms"
OPERATORS = ("nms", "qnms")
SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


@cache
def import_torchvision() -> Any:
    """Import torchvision, declaring its missing operators where it needs that.

    Call it before the first import of a library that imports torchvision.
    """
    try:
        import torchvision
    except RuntimeError as error:
        if SYMPTOM not in str(error):
            raise
        _forget_half_an_import()
        _declare_operators()
        import torchvision
    return torchvision


def _forget_half_an_import() -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]


@cache  # keeps the library: torch takes the operators back when it is freed
def _declare_operators() -> Any:
    from torch.library import Library

    library = Library("torchvision", "DEF")
    for name in OPERATORS:
        library.define(name + SIGNATURE)
    return library
