"""The models that a router chooses from, and how they change after it was fitted."""

from sklroute.pool._alarm import DriftAlarm
from sklroute.pool._basis import Basis
from sklroute.pool._belief import Belief
from sklroute.pool._mixin import PoolMixin
from sklroute.pool._pool import Pool
from sklroute.pool._value import ModelValue

__all__ = ["Basis", "Belief", "DriftAlarm", "ModelValue", "Pool", "PoolMixin"]
