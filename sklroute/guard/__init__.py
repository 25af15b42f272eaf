"""Routers that promise something: a wrapper with a finite-sample guarantee."""

from sklroute.guard._router import GuardedRouter

__all__ = ["GuardedRouter"]
