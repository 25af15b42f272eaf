"""Where a long pass stands, in a file of arrays."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def save_checkpoint(path: Path, arrays: dict[str, NDArray], settings: dict) -> None:
    """Write the file as a whole or not at all.

    ``settings`` is what must be the same when the pass goes on; kept as JSON.
    """
    unfinished = path.with_name(path.name + ".tmp")
    with unfinished.open("wb") as file:
        np.savez(file, settings=np.array(json.dumps(settings)), **arrays)
    os.replace(unfinished, path)


def load_checkpoint(path: Path, settings: dict[str, Any]) -> dict[str, NDArray]:
    """Read a file of `save_checkpoint`; nothing in it is executed.

    One that is no checkpoint, or has other settings, is a ValueError that names it.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        found = json.loads(arrays.pop("settings").item())
    except (ValueError, KeyError, EOFError, OSError, AttributeError) as error:
        raise ValueError(
            f"{path} is no checkpoint that can be read: {error}"
        ) from error
    for name, value in json.loads(json.dumps(settings)).items():
        if found.get(name) != value:
            raise ValueError(
                f"{path} was written with {name}={found.get(name)!r}, not {value!r}: "
                "delete it to start again."
            )
    return arrays
