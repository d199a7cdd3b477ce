"""Names of files: those that users write, and the temporary ones."""

from pathlib import Path

PART = ".part"  # suffix of files that are still being written


def expanded(path: str | Path) -> Path:
    """Return a path whose `~` is filled in; one that is nobody's home is the name of a folder."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)
