"""What all routers share."""

from sklroute.base._router import RouterMixin

__all__ = ["RouterMixin"]
