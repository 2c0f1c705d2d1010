"""Names that must not leave the lab: user, home folder, machine. Whatever is written passes here."""

import getpass
import platform
import re
from pathlib import Path
from typing import Any

LEAST_NAME = 3
"""A shorter name is part of too many words; only its home folder is taken out."""
COMMON = {"root", "user", "admin", "administrator", "localhost", "camera", "kinect", "flir", "thermal"}


class Names:
    """Replaces the names of this machine and its user in texts.

    Parameters
    ----------
    home, user, host : what is looked for; as this machine has them where None
    """

    def __init__(self, home: str | None = None, user: str | None = None, host: str | None = None) -> None:
        try:
            home = str(Path.home()) if home is None else home
            user = getpass.getuser() if user is None else user
        except (OSError, KeyError, RuntimeError):  # a user without a name or a home
            home, user = home or "", user or ""
        host = platform.node() if host is None else host
        self._pairs: list[tuple[re.Pattern[str], str]] = []
        if folders := re.split(r"[\\/]+", home.rstrip("\\/")):
            slashed = r"[\\/]{1,2}".join(map(re.escape, folders))  # written twice where a text was escaped
            if any(folders):
                self._pairs.append((re.compile(rf"(?<!\w){slashed}(?![\w-])", re.IGNORECASE), "~"))
        for name, instead in ((host, "MACHINE"), (host.split(".")[0], "MACHINE"), (user, "USER")):
            if len(name) >= LEAST_NAME and name.lower() not in COMMON:
                self._pairs.append((re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE), instead))

    def hide(self, text: str) -> str:
        """Return a text without the names."""
        for pattern, instead in self._pairs:
            text = pattern.sub(instead, text)
        return text

    def hide_all(self, value: Any) -> Any:
        """Return what JSON can hold, all texts in it without the names."""
        if isinstance(value, str):
            return self.hide(value)
        if isinstance(value, dict):
            return {key: self.hide_all(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.hide_all(one) for one in value]
        return value
