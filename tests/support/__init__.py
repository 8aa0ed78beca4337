"""What tests share: real parts (broker, engine, browser), processes, and waiting for conditions."""

from support.need import require
from support.process import Child, Children
from support.waiting import wait_until

__all__ = ["Child", "Children", "require", "wait_until"]
