"""Items of the reliability checklist on the data: what the test split was used for, duplicates, versions."""

from collections import Counter

from multimodal.comparison.budgets import BUDGETS
from multimodal.comparison.check import NAMED, Check, Groups, named
from multimodal.comparison.judged_runs import compared_data, comparison_key, is_condition
from multimodal.comparison.pairwise_test import arguments_of
from multimodal.comparison.run_labels import USUAL
from multimodal.comparison.sweep_command import base_fusion
from multimodal.comparison.wording import counted


def unused_test_split(groups: Groups) -> Check:
    """Check that nothing could be chosen by a test score: neither checkpoints nor settings compared side by side."""
    title = "Test split never used for selection"
    found = "checkpoints are chosen on the validation split"
    if any(run.tuning for runs in groups.values() for run in runs):
        found += ", and so are settings; trials had no test split"
    variants: dict[tuple[str, ...], set[str]] = {}
    for runs in groups.values():
        for run in runs:
            settings = [part for part in run.setting.split(", ") if part and is_variant(part)]
            given = " ".join([*settings, arguments_of(run.fusion)])
            variants.setdefault((*compared_data(run), base_fusion(run)), set()).add(given)
    several = {key[-1]: len(own) for key, own in variants.items() if len(own) > 1}
    if several:
        parts = [f"{count} settings of {fusion}" for fusion, count in list(several.items())[:NAMED]]
        return Check(
            title,
            False,
            f"{found}; but {', '.join(parts)} stand side by side with their test scores",
            "do not take the best of them by these scores: let mode=tune choose on the validation split, in another "
            "output_dir, because these runs stay here",
        )
    return Check(title, True, found)


def no_duplicates(groups: Groups) -> Check:
    """Check that no image is nearly in two splits."""
    title = "No duplicates across splits"
    unknown, counts = [], {}
    for name, runs in groups.items():
        found = [run.card.get("near_duplicate_counts") for run in runs]
        known = [counted_pairs for counted_pairs in found if counted_pairs is not None]
        unknown += [] if known else [name]
        worst: Counter[str] = Counter()
        for each in known:
            worst |= Counter({pair: n for pair, n in each.items() if n})
        if worst:
            counts[name] = worst
    if counts:
        name, worst = next(iter(counts.items()))
        parts = [f"{n} {pair.replace('_', ' ')}" for pair, n in worst.items()]
        todo = (
            "data_card.json of a run lists those of the test split; a column `split` in the data that puts both images "
            "into one split keeps them apart"
        )
        more = f"; and in {counted(len(counts) - 1, 'more setting')}" if len(counts) > 1 else ""
        return Check(title, False, f"nearly equal images in {name}: {', '.join(parts)}{more}", todo)
    if unknown:
        todo = "run again with this version of the suite, in another output_dir"
        return Check(title, False, f"not counted in {named(unknown)}", todo)
    return Check(title, True, "no image is nearly equal to one of another split")


def same_code_and_data(groups: Groups) -> Check:
    """Check that the runs of one setting are of one version of the code and of the data."""
    title = "Equal code and data"
    codes: dict[tuple[str, ...], set[str | None]] = {}
    fusion_codes: dict[str, set[str | None]] = {}
    prints: dict[tuple[str, ...], set[str]] = {}
    for run in (run for runs in groups.values() for run in runs):
        *_, setting = key = comparison_key(run)
        codes.setdefault(key, set()).add(run.config.get("code"))
        fusion_codes.setdefault(base_fusion(run), set()).add(run.config.get("fusion_code"))
        prints.setdefault((run.dataset, run.source, setting), set()).add(run.fingerprint)
    most = max(map(len, codes.values()))
    wrong = [f"{most} versions of the shared code"] if most > 1 else []
    wrong += [f"{len(own)} versions of {name}" for name, own in fusion_codes.items() if len(own) > 1]
    wrong += [f"{len(own)} versions of the data {key[0]}" for key, own in prints.items() if len(own) > 1]
    if wrong:
        todo = "run all again with one version, in another output_dir: those of different versions are not compared"
        return Check(title, False, ", ".join(wrong), todo)
    hashes = sorted({fingerprint for own in prints.values() for fingerprint in own})
    return Check(title, True, f"one version of the code and of the data in each setting (data {named(hashes)})")


def is_variant(part: str) -> bool:
    """Return whether a part of a run's setting is one that somebody could choose the best of."""
    return not is_condition(part) and part.partition("=")[0] not in (*BUDGETS, *USUAL)
