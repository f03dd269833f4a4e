"""An engine in memory that honours the same contract as the real ones, for the tests of the whole house.

It has no timers: time passes only in `tick`. `faults` makes calls fail, hang or lose their answer.
"""

from jeroboam.backends.fake.backend import FakeBackend
from jeroboam.backends.fake.faults import Call, Faults, Gate
from jeroboam.backends.fake.world import FakeContainer, RegistryImage

__all__ = ["Call", "FakeBackend", "FakeContainer", "Faults", "Gate", "RegistryImage"]
