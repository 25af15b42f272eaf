"""What the operator of a server decides."""

from dataclasses import dataclass
from os import PathLike


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """Limits of a server, and its shadow mode.

    Parameters
    ----------
    max_body : int, default=8388608
        Bytes of one request's body, >= 1. More is answered with 413.
    max_queries : int, default=1000
        Queries of one request, >= 1. More is answered with 413.
    max_concurrent : int, default=32
        Requests to ``/route`` in progress at once, >= 1. More is answered with 503.
    timeout : float, default=10.0
        Seconds, > 0, for a client to send its head, its body, and to read the answer.
    poll : float, default=1.0
        Seconds, > 0, between looks at the router's file.
    shadow : path-like, default=None
        File to which what would have been chosen is appended, one JSON object a query.
        None means that the router's choices are the answers.
    incumbent : str, default=None
        Model that is answered in shadow mode, which needs it.

    Raises
    ------
    ValueError
        If a number is out of range, or one of ``shadow`` and ``incumbent`` is given
        without the other.

    Examples
    --------
    >>> from sklroute.server import ServerSettings
    >>> ServerSettings(max_queries=100).max_queries
    100
    >>> ServerSettings(shadow="log.jsonl")
    Traceback (most recent call last):
    ValueError: Shadow mode needs both a file and an incumbent model.
    """

    max_body: int = 8 * 2**20
    max_queries: int = 1000
    max_concurrent: int = 32
    timeout: float = 10.0
    poll: float = 1.0
    shadow: str | PathLike | None = None
    incumbent: str | None = None

    def __post_init__(self):
        for name in ("max_body", "max_queries", "max_concurrent"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be >= 1; got {getattr(self, name)}.")
        for name in ("timeout", "poll"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be > 0; got {getattr(self, name)}.")
        if (self.shadow is None) != (self.incumbent is None):
            raise ValueError("Shadow mode needs both a file and an incumbent model.")
