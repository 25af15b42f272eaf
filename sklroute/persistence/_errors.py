"""The one error of this package."""


class FormatError(ValueError):
    """A router that cannot be saved, or a file that is not a saved router."""


# What reading data of the wrong kind, shape or size can raise. A file in which a
# checksum matches and the content does not make sense ends in one of these.
DEFECTS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BufferError,
    ImportError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
)
