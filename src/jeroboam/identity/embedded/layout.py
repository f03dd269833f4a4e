"""Where the embedded Keystone's files lie in the data folder."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Layout:
    data: Path

    @property
    def folder(self) -> Path:
        return self.data / "keystone"

    @property
    def config(self) -> Path:
        return self.folder / "keystone.conf"

    @property
    def database(self) -> Path:
        return self.folder / "keystone.sqlite"

    @property
    def unfinished(self) -> Path:
        """The database while it is being made: a crash leaves this, never half of the other."""
        return self.folder / "keystone.new.sqlite"

    @property
    def passwords(self) -> Path:
        """The first passwords of the users that we make: JSON, 0600."""
        return self.folder / "passwords.json"

    @property
    def service_password(self) -> Path:
        return self.folder / "service.password"

    @property
    def prepared(self) -> Path:
        """Written last: what Keystone's database was filled with. Without it everything is done again."""
        return self.folder / "prepared.json"

    @property
    def clouds(self) -> Path:
        return self.data / "clouds.yaml"
