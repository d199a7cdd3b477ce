"""Paths as users write them."""

from pathlib import Path


def expanded(path: str | Path) -> Path:
    """Return a path whose `~` is filled in; one that is nobody's home is the name of a folder."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)
