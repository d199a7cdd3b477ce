"""Groups of comparable runs (same data, same setting), and the runs of each fusion."""

import re

from multimodal.comparison.run import Run


def natural(text: str) -> list[str | int]:
    """Return a key that sorts numbers in texts by their size.

    Example:
        >>> sorted(["steps=1000", "steps=250"], key=natural)
        ['steps=250', 'steps=1000']
    """
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", text)]


def group_titles(runs: list[Run]) -> dict[tuple[str, str, str, str], str]:
    """Return {group: title} of dataset, source, fingerprint (only if the rest does not tell groups apart), setting."""
    groups = dict.fromkeys(run.group for run in runs)
    prints: dict[tuple[str, str, str], set[str]] = {}
    for dataset, source, fingerprint, setting in groups:
        prints.setdefault((dataset, source, setting), set()).add(fingerprint)
    titles = {}
    for dataset, source, fingerprint, setting in groups:
        data = f"{source}, data {fingerprint}" if len(prints[dataset, source, setting]) > 1 else source
        titles[dataset, source, fingerprint, setting] = f"{dataset} ({data})" + (f", {setting}" if setting else "")
    return titles


def by_group(runs: list[Run]) -> dict[str, list[Run]]:
    """Return {title: runs on the same data in the same setting}, sorted, numbers by their size."""
    titles = group_titles(runs)
    return {titles[group]: [run for run in runs if run.group == group] for group in sorted(titles, key=group_key)}


def group_key(group: tuple[str, str, str, str]) -> list[list[str | int]]:
    """Return the key that sorts groups by dataset, source and setting, and last by the fingerprint."""
    dataset, source, fingerprint, setting = group
    return [natural(part) for part in (dataset, source, setting, fingerprint)]


def data_title(title: str, run: Run) -> str:
    """Return the part of a group's title that names dataset and source, without the setting of its runs."""
    return title.removesuffix(f", {run.setting}") if run.setting else title


def by_fusion(runs: list[Run]) -> dict[str, list[Run]]:
    """Return {fusion: its runs}, sorted, numbers by their size."""
    names = sorted({run.fusion for run in runs}, key=natural)
    return {name: [run for run in runs if run.fusion == name] for name in names}
