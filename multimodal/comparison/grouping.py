"""Groups of comparable runs (same data, same setting), and the runs of each fusion."""

from multimodal.comparison.run import Run


def group_titles(runs: list[Run]) -> dict[tuple[str, str, str, str], str]:
    """Return {group: title} of dataset, source, fingerprint (only if a source has several) and setting."""
    groups = dict.fromkeys(run.group for run in runs)
    prints: dict[tuple[str, str], set[str]] = {}
    for dataset, source, fingerprint, _ in groups:
        prints.setdefault((dataset, source), set()).add(fingerprint)
    titles = {}
    for dataset, source, fingerprint, setting in groups:
        data = f"{source}, data {fingerprint}" if len(prints[dataset, source]) > 1 else source
        titles[dataset, source, fingerprint, setting] = f"{dataset} ({data})" + (f", {setting}" if setting else "")
    return titles


def by_group(runs: list[Run]) -> dict[str, list[Run]]:
    """Return {title: runs on the same data in the same setting}."""
    return {title: [run for run in runs if run.group == group] for group, title in group_titles(runs).items()}


def by_fusion(runs: list[Run]) -> dict[str, list[Run]]:
    """Return {fusion: its runs}, in alphabetical order."""
    return {name: [run for run in runs if run.fusion == name] for name in sorted({run.fusion for run in runs})}
