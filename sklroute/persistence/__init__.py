"""One file that holds a fitted router, and is read without running any code of it."""

from sklroute.persistence._allowed import register
from sklroute.persistence._errors import FormatError
from sklroute.persistence._store import load, save

__all__ = ["FormatError", "load", "register", "save"]
