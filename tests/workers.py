"""Which tests may be torn apart when several processes run them.

xdist's own groups (`--dist loadgroup`) are marks that it writes into the tests' ids, and pytest 9.2 has other ids.
"""

from xdist.scheduler import LoadScopeScheduling

TOGETHER = ("e2e", "plugin")
"""Folders that have one server for all of their tests."""


class ByFolder(LoadScopeScheduling):
    """Every test by itself, but for those of a folder that stays in one process; the largest folder begins."""

    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in TOGETHER if nodeid.startswith(f"tests/{folder}/")), nodeid)
