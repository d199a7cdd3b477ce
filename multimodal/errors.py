"""Errors in one line: what failed, on which file, and what to do about it."""

import errno
import json
import re
import unicodedata
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from multimodal.paths import PART

# what reading a damaged file raises
DAMAGE = (OSError, ValueError, yaml.YAMLError, RecursionError, MemoryError)
LARGEST = 200_000_000  # bytes; the files of a run that are read whole are far smaller
ADVICE = {
    errno.ENOSPC: "free some space and run the same command again",
    errno.EDQUOT: "free some space and run the same command again",
    errno.EFBIG: "allow larger files (ulimit -f) and run the same command again",
    errno.EACCES: "give a folder that you may write in, or change its permissions",
    errno.EPERM: "give a folder that you may write in, or change its permissions",
    errno.EROFS: "the file system is read-only; give a folder elsewhere",
    errno.EEXIST: "give another name, or move what is there away",
    errno.ENOTDIR: "a file is in the place of a folder; give another name, or move it away",
    errno.EISDIR: "a folder is in the place of a file; give another name, or move it away",
    errno.ENAMETOOLONG: "give a shorter name",
    errno.ENOENT: "check the name",
    errno.EMFILE: "allow more open files (ulimit -n)",
    errno.EIO: "check the disk",
}


def describe(error: BaseException) -> str:
    """Return an error in one line; of an OSError the file and what to do.

    >>> describe(PermissionError(13, "Permission denied", "runs/a/config.yaml"))
    'runs/a/config.yaml: Permission denied; give a folder that you may write in, or change its permissions'
    """
    if isinstance(error, OSError) and error.errno is not None:
        names = [name for name in (error.filename2, error.filename) if name is not None]
        places = list(dict.fromkeys(without_part(str(name)) for name in names))
        reason = re.sub(r"^\[[Ee]rrno \d+\] ", "", error.strerror or type(error).__name__)
        return one_line("; ".join([": ".join([*places[:1], reason]), *filter(None, [ADVICE.get(error.errno)])]))
    return one_line(str(error) or type(error).__name__)


def without_part(path: str) -> str:
    """Return the file for the temporary name that it is written under."""
    return re.sub(rf"\.([^/]+)\.[0-9a-f]{{32}}{re.escape(PART)}$", r"\1", path)


def one_line(text: str) -> str:
    r"""Return a text with its control characters, line breaks and lone surrogates as escapes.

    >>> one_line("a\nb")
    'a\\nb'
    """
    return "".join(repr(c)[1:-1] if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") else c for c in text)


def joined_lines(error: BaseException) -> str:
    """Return an error's message on one line, cut after 500 characters."""
    return one_line(f"{' '.join(str(error).split()):.500}")


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or the name of its type if the message is empty."""
    return str(error).strip().split("\n")[0] or type(error).__name__


def check_readable(file: Path) -> None:
    """Raise ValueError unless this is a file with content, of reasonable size; a pipe would be waited for for ever."""
    if not file.is_file():
        kind = "a folder" if file.is_dir() else "not a file" if file.exists() else "missing"
        raise ValueError(f"{file.name} is {kind}")
    if file.stat().st_size == 0:
        raise ValueError(f"{file.name} is empty")
    if file.stat().st_size > LARGEST:
        raise ValueError(f"{file.name} has {file.stat().st_size:,} bytes, which is too large for one of ours")


class NotFiniteError(ValueError):
    """Raised for NaN and infinities, which JSON has not and this package does not write."""


def refuse_constant(name: str) -> None:
    """Raise NotFiniteError for a constant that JSON has not."""
    raise NotFiniteError(name)


def read_object(file: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Raises:
        ValueError: it is missing, cannot be read, or holds something else; the message names the file.
    """
    check_readable(file)
    try:
        value = json.loads(file.read_text(encoding="utf-8"), parse_constant=refuse_constant)
    except NotFiniteError as error:
        raise ValueError(f"{file.name} holds {error}") from error
    except DAMAGE as error:
        raise ValueError(f"{file.name} {damage(file, error)}") from error
    if not isinstance(value, dict):
        raise ValueError(f"{file.name} holds {type(value).__name__} and not an object")
    return value


def checked(kind: Any, values: dict[str, Any]) -> Any:
    """Build a value of a type from what was read from a file, and check its fields' names and types.

    Args:
        kind: a dataclass, whose fields must all be there and no other, or any type that pydantic knows.
        values: plain values, as JSON has them.

    Raises:
        ValueError: in one line, the first field that is wrong.
    """
    if is_dataclass(kind) and (wrong := sorted({field.name for field in fields(kind)} ^ set(values))):
        raise ValueError(f"has other fields: {', '.join(map(str, wrong[:3]))}")
    try:
        return TypeAdapter(kind).validate_json(json.dumps(values), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except TypeError as error:  # a date, for example, which YAML reads and JSON has not
        raise ValueError(str(error)) from error


def damage(file: Path, error: BaseException) -> str:
    """Return what is wrong with a file that could not be read, as the end of a sentence that it begins."""
    if isinstance(error, OSError) and error.errno is not None:
        return f"cannot be read ({error.strerror})"
    if file.stat().st_size == 0:
        return "is empty"
    if isinstance(error, json.JSONDecodeError | yaml.YAMLError):
        return "is damaged or cut"
    return f"is damaged ({type(error).__name__})"
