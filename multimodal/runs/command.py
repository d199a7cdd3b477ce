"""The command line that repeats a run, quoted for a shell."""

import os
import shlex
from pathlib import Path

from multimodal.errors import one_line

SCRIPT = ("python", "scripts/run.py")


def repeating_command(overrides: list[str], source: str, folder: Path) -> str:
    """Return the command that repeats a run, with the data source that `auto` resolved to.

    Args:
        overrides: the run's command line.
        source: the source that was read.
        folder: the run's; a sweep's `output_dir` is the folder of all its runs.
    """
    explicit = any(o.lstrip("+").startswith(("dataset.source=", "dataset.path=")) for o in overrides)
    read = [] if explicit or source not in ("hub", "embedded") else [f"dataset.source={source}"]
    place = f"output_dir={folder}"
    return command([*SCRIPT, *(place if o.startswith("output_dir=") else o for o in overrides), *read])


def command(words: list[str]) -> str:
    """Quote the words of a command for a shell, in one line."""
    return " ".join(map(quoted, words))


def quoted(word: str) -> str:
    r"""Quote a word for a shell; where it holds a line break or another control character, as bash's $'…'.

    >>> print(quoted("text=a\nb"))
    $'text=a\x0ab'
    """
    if word == one_line(word):
        return shlex.quote(word)
    characters = (
        f"\\{c}" if c in "\\'" else c if c == one_line(c) else "".join(f"\\x{byte:02x}" for byte in os.fsencode(c))
        for c in word
    )
    return f"$'{''.join(characters)}'"
