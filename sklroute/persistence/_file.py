"""The container: a safetensors file whose metadata say what its arrays mean.

``__metadata__`` holds one string, ``sklroute``: a checksum, a line break and a JSON
document. The checksum is that of the document and of every array, and is checked before
any of them is interpreted.
"""

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as read_tensors
from safetensors.numpy import save as write_tensors

from sklroute.persistence._errors import DEFECTS, FormatError

MAX_HEADER = 1 << 26  # bytes of JSON, names of features and of models included
MAX_DIGITS = 40  # of an integer: beyond 64 bits there is a random state at most


def checksum(document: str, arrays: dict[str, NDArray]) -> str:
    """SHA-256 over the document and the names, types, shapes and bytes of arrays."""
    digest = hashlib.sha256(document.encode(errors="replace"))
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"\0{name} {array.dtype.str} {array.shape}\0".encode())
        digest.update(np.ascontiguousarray(array).data if array.size else b"")
    return digest.hexdigest()


def to_bytes(document: Any, arrays: dict[str, NDArray]) -> bytes:
    """Content of a file."""
    text = json.dumps(document, allow_nan=False, ensure_ascii=True)
    if len(text) > MAX_HEADER // 2:
        raise FormatError(f"The router has {len(text):,} characters beside its arrays.")
    metadata = {"sklroute": f"{checksum(text, arrays)}\n{text}"}
    return write_tensors(arrays, metadata=metadata)


def from_bytes(data: bytes) -> tuple[Any, dict[str, NDArray]]:
    """Document and arrays of a file's content.

    A `FormatError` says if it is not such a file, was cut off, or was changed.
    """
    header = _header(data)
    metadata = header.get("__metadata__")
    content = metadata.get("sklroute") if isinstance(metadata, dict) else None
    if not isinstance(content, str):
        raise FormatError("This is a safetensors file, but not of a router.")
    try:
        # Views of the content: nothing is allocated by a size that the file claims.
        views = read_tensors(data)
    except (SafetensorError, *DEFECTS) as error:
        raise FormatError(f"The arrays of the file are broken: {error}") from error
    given, _, text = content.partition("\n")
    if given != checksum(text, views):
        raise FormatError("The checksum is wrong: the file was changed or damaged.")
    return _parse(text), {name: view.copy() for name, view in views.items()}


def _header(data: bytes) -> dict:
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or size > len(data) - 8 or size > MAX_HEADER:
        raise FormatError("This is not a file of a router, or it was cut off.")
    header = _parse(data[8 : 8 + size])
    if not isinstance(header, dict):
        raise FormatError("This is not a file of a router.")
    return header


def _parse(text: str | bytes) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse, parse_int=_integer)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"The file has broken JSON: {error}") from error


def _refuse(text: str):
    raise FormatError(f"The file has the number {text}, which JSON has not.")


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise FormatError(f"The file has an integer of {len(text)} digits.")
    return int(text)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file that is there as a whole or not at all, also beside readers."""
    folder = path.parent
    if not folder.is_dir():
        raise FileNotFoundError(f"No such folder: {folder}")
    handle, name = tempfile.mkstemp(dir=folder, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _umask() -> int:
    """Permissions that new files do without; it can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
