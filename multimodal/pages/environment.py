"""The templates of the HTML pages: each extends one base, with its style and script, and loads nothing."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def page_templates(folder: Path) -> Environment:
    """Return the templates of a folder, which may extend those of this one; they escape every text they are given.

    Class names, captions and errors may contain HTML.
    """
    return Environment(
        loader=FileSystemLoader([folder, Path(__file__).parent]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def encodable(text: str) -> str:
    """Replace lone surrogates, which stand for the bytes of a name that is not UTF-8, by escapes."""
    return text.encode(errors="backslashreplace").decode()
