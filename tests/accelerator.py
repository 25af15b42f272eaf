"""An accelerator for machines without one: tensors that only say they are on it."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

CUDA = torch.device("cuda", 0)
INDEXING = "__getitem__", "__setitem__"  # may take indices from the CPU
MOVING = "copy_", "__set__", "_has_compatible_shallow_copy_type"


class PretendedAccelerator(TorchFunctionMode):
    """Marks the tensors that code asks to be on "cuda", and leaves them on the CPU.

    What fails on a real accelerator fails here: an operation on tensors of both kinds,
    and the conversion of a marked one to an array.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = func.__name__
        attribute = getattr(getattr(func, "__self__", None), "__name__", "")
        if name == "__get__" and attribute == "device" and on_it(args[0]):
            return CUDA
        if name == "numpy" and on_it(args[0]):
            raise TypeError("a tensor of the accelerator is no array")
        here, args, kwargs = destination(name, args, kwargs)
        given = list(tensors([args, kwargs]))
        if here is None:
            check_together(name, given)
            here = any(map(on_it, given[:1] if name in (*INDEXING, "copy_") else given))
        result = func(*args, **kwargs)
        if name in ("to", "cpu") and here != on_it(args[0]):
            result = result.clone()  # not the tensor that was moved
        marked = args[:1] if name == "__set__" and attribute == "data" else result
        for tensor in tensors(marked):
            tensor.on_accelerator = here
        return result


def on_it(tensor: Tensor) -> bool:
    """Whether a tensor is said to be on the accelerator."""
    return getattr(tensor, "on_accelerator", False)


def destination(
    name: str, args: tuple, kwargs: dict
) -> tuple[bool | None, tuple, dict]:
    """Where a result goes, None = where its tensors are; the same call on the CPU."""
    if name == "cpu":
        return False, args, kwargs
    device = kwargs.get("device")
    if name == "to":
        like = [on_it(other) for other in args[1:] if isinstance(other, Tensor)]
        named = [arg for arg in args[1:] if isinstance(arg, str | torch.device)]
        if like:
            return like[0], args, kwargs
        device = named[0] if named else device
        args = tuple("cpu" if arg in named else arg for arg in args)
    if device is None:
        return None, args, kwargs
    if "device" in kwargs:
        kwargs = kwargs | {"device": "cpu"}
    return torch.device(device).type == "cuda", args, kwargs


def check_together(name: str, given: list[Tensor]) -> None:
    """Refuse tensors of both kinds; numbers and indices may come from the CPU."""
    if name in INDEXING:
        mixed = not on_it(given[0]) and any(map(on_it, given[1:]))
    else:
        mixed = len({on_it(tensor) for tensor in given if tensor.dim()}) > 1
    if mixed and name not in MOVING:
        kinds = [(tuple(tensor.shape), on_it(tensor)) for tensor in given]
        raise RuntimeError(f"{name} of tensors on two devices: {kinds}")


def tensors(nested) -> Iterator[Tensor]:
    """All tensors in tuples, lists and dicts."""
    if isinstance(nested, Tensor):
        yield nested
    elif isinstance(nested, dict):
        yield from tensors(list(nested.values()))
    elif isinstance(nested, list | tuple):
        for part in nested:
            yield from tensors(part)
