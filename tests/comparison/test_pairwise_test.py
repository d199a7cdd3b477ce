"""Verdicts on made-up runs, with the differences known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from multimodal.comparison.fusion_tables import ahead_of_all
from multimodal.comparison.pairwise_test import MEASURES, PRIMARY, Verdict, by_sample, sample_values, verdicts
from multimodal.comparison.reading import Run
from multimodal.io import write_parquet
from multimodal.metric.availability import missing_thresholds, surface

SPREAD = np.array([-0.002, 0.002, -0.001, 0.001, 0.0015, -0.0015, 0.0, 0.0])  # mean 0 over six and over eight


def run(fusion: str, seed: int, value: float, dataset: str = "mnist", **other: str) -> Run:
    """With this value for every metric."""
    metrics = dict.fromkeys(MEASURES, value)
    facts = {"source": "embedded", "fingerprint": "f", "setting": ""} | other
    nothing = {"undefined": {}, "baselines": {}, "surface": [], "history": [], "config": {}}
    return Run(folder=Path("none"), dataset=dataset, fusion=fusion, seed=seed, metrics=metrics, **facts, **nothing)


def two(difference: float, seeds: int = 6, spread: float = 1.0, **other: str) -> list[Run]:
    """attention - concat = difference in the mean, the seeds' own level the same for both."""
    level = 0.8 + 0.01 * np.arange(seeds)
    first = level + difference + spread * SPREAD[:seeds]
    pairs = (("attention", first), ("concat", level))
    return [run(fusion, seed, x, **other) for fusion, values in pairs for seed, x in enumerate(values.tolist())]


def primary(runs: list[Run], margin: float = 0.01) -> Verdict:
    return verdicts(runs, margin)[0]


def test_a_sentence_for_each_outcome() -> None:
    start = " in accuracy over all missing rates, 6 seeds: "
    for difference, told, said in (
        (0.02, "+2.0 points [+1.8, +2.2]", "attention is better"),
        (-0.02, "−2.0 points [−2.2, −1.8]", "concat is better"),
        (0.005, "+0.5 points [+0.3, +0.7]", "attention is better, by less than 1 point"),
        (0.001, "+0.1 points [−0.1, +0.3]", "no difference shown; equivalent within 1 point"),
    ):
        verdict = primary(two(difference))
        assert verdict.sentence == f"attention − concat = {told}{start}{said}"
        assert verdict.difference == pytest.approx(difference)
        assert verdict.dataset == "mnist (embedded)"
    verdict = primary(two(0.001, spread=10), margin=0.005)
    assert verdict.sentence.endswith("6 seeds: no difference shown")
    assert not verdict.shown
    assert not verdict.equivalent


def test_ssim_is_no_percentage() -> None:
    (verdict,) = (v for v in verdicts(two(0.001), 0.01) if v.metric == "text_to_image/ssim")
    start = "attention − concat = +0.001 [−0.001, +0.003] in SSIM of images drawn from captions, 6 seeds: "
    assert verdict.sentence == f"{start}no difference shown; equivalent within 0.01"


def test_a_difference_that_is_shown_is_not_told_as_none() -> None:
    assert "= +0.004 points [+0.004, +0.004]" in primary(two(0.00004, spread=0)).sentence


@pytest.mark.parametrize("seeds", [1, 2, 5])
def test_too_few_to_say(seeds: int) -> None:
    """Whatever the difference, even without any spread."""
    for verdict in verdicts(two(0.3, seeds, spread=0), 0.01):
        assert verdict.sentence.endswith(f", {seeds} seed{'s' * (seeds > 1)}: too few to say")
        assert not verdict.shown
        assert not verdict.equivalent
        assert verdict.p is None
        assert (verdict.low is None) == (seeds == 1)


def test_zero_variance() -> None:
    constant = primary(two(0.02, spread=0))
    assert (constant.low, constant.high) == pytest.approx((0.02, 0.02))
    assert constant.shown
    assert not constant.equivalent
    assert constant.p == 0
    equal = primary(two(0.0, spread=0))
    assert (equal.difference, equal.low, equal.high, equal.p) == (0, 0, 0, 1)
    assert equal.equivalent
    assert not equal.shown
    assert "= +0.0 points [+0.0, +0.0]" in equal.sentence


def test_pairs_are_by_seed_whatever_the_order_and_others_are_left_out() -> None:
    runs = two(0.005, seeds=6)
    runs += [run("attention", 7, 0.1), run("attention", 9, 0.1)]
    verdict = primary(runs[::-1])
    assert verdict.difference == pytest.approx(0.005)
    assert verdict.n == 6
    assert verdict.sentence.endswith(
        ", 6 seeds: attention is better, by less than 1 point (seeds 7, 9 of one side only left out)"
    )


def test_no_seed_in_common() -> None:
    (verdict, *_) = verdicts([run("attention", 0, 0.9), run("concat", 1, 0.8)], 0.01)
    assert (verdict.n, verdict.difference) == (0, None)
    assert verdict.sentence.startswith("attention and concat have no seed in common")


@pytest.mark.parametrize("name", ["dataset", "source", "fingerprint", "setting"])
def test_only_equal_groups_are_compared(name: str) -> None:
    """Nothing is compared or averaged across them, and each has its title."""
    good, bad = two(0.02), two(-0.02, **{name: "other"})
    found = verdicts(good + bad, 0.01)
    assert [v.difference for v in found] == pytest.approx([0.02] * 5 + [-0.02] * 5)
    assert len({v.dataset for v in found}) == 2
    assert verdicts(good[:6] + bad[6:], 0.01) == []


def test_undefined_has_its_reason_and_costs_the_others_nothing() -> None:
    runs, name = two(0.001), "image_to_text/class_coherence"
    bare = replace(runs[3], metrics=runs[3].metrics | {name: None}, undefined={name: "captions name no class"})
    found = {v.metric: v for v in verdicts([*runs[:3], bare, *runs[4:]], 0.01)}
    assert found[name].difference is None
    assert found[name].sentence.endswith(": undefined for attention, seed 3: captions name no class")
    assert found["accuracy/image"].p == pytest.approx(min(1, 3 * found[PRIMARY].p))  # of three tests, all equal


def test_families_and_their_order() -> None:
    """Three fusions are three tests of the primary metric and twelve others; concat is the reference."""
    runs = two(0.0022)
    runs += [replace(r, fusion="gated") for r in runs if r.fusion == "concat"]
    found = verdicts(runs, 0.01)
    assert [v.metric for v in found] == list(MEASURES) * 3
    assert [(v.first, v.second) for v in found[::5]] == [
        ("attention", "gated"),
        ("attention", "concat"),
        ("gated", "concat"),
    ]
    alone = primary(two(0.0022)).p
    assert alone < 0.05
    shown = [v for v in found if v.second == "concat"]  # two equal ones, and gated - concat which is none
    assert [v.p for v in shown] == pytest.approx(([3 * alone] + [min(1, 12 * alone)] * 4) + [1] * 5)


def test_equivalence_is_adjusted_as_well() -> None:
    """Else some of many pairs would be called equivalent by chance."""
    runs = two(0.004, spread=3.4)
    alone = primary(runs)
    assert alone.equivalent
    for name in ("gated", "sum"):
        runs += [replace(r, fusion=name) for r in runs if r.fusion == "concat"]
    among = next(v for v in verdicts(runs, 0.01) if (v.first, v.second) == ("attention", "concat"))
    assert among.p_equivalent > alone.p_equivalent
    assert not among.equivalent


def test_a_reference_with_arguments_is_one_still() -> None:
    runs = [replace(r, fusion="concat hidden=9") if r.fusion == "concat" else r for r in two(0.02)]
    assert (primary(runs).first, primary(runs).second) == ("attention", "concat hidden=9")


def test_what_holm_takes_back_is_told() -> None:
    found = verdicts(two(0.0022), 0.01)
    assert found[0].shown
    assert found[1].low > 0
    assert not found[1].shown
    assert "no difference shown after Holm's correction; equivalent within 1 point" in found[1].sentence


@pytest.mark.parametrize("margin", [0, 1, 5])
def test_the_margin_is_a_share(margin: float) -> None:
    with pytest.raises(ValueError, match="margin must be a share"):
        verdicts([], margin)


def test_equal_fusions_raise_few_alarms() -> None:
    """200 datasets, each with its own six seeds of two equal fusions."""
    rng = np.random.default_rng(0)
    runs = []
    for i in range(200):
        for seed in range(6):
            level = rng.normal(0.9, 0.02)
            for fusion in ("attention", "concat"):
                metrics = {name: level + rng.normal(0, 0.005) for name in MEASURES}
                runs.append(replace(run(fusion, seed, 0.0, dataset=f"{i:03d}"), metrics=metrics))
    found = verdicts(runs, 0.01)
    assert sum(v.shown for v in found if v.metric == PRIMARY) <= 18
    assert len({v.dataset for v in found if v.shown and v.metric != PRIMARY}) <= 18


def with_samples(fusion: str, seed: int, folder: Path, size: int = 240, accuracy: float = 0.7) -> Run:
    """A run with its `predictions.parquet` and the metrics that follow from it."""
    rng = np.random.default_rng([seed, len(fusion)])
    label = np.random.default_rng(0).integers(3, size=size)
    place = missing_thresholds(size, seed=0)
    columns = {"label": label.tolist(), "place": place.tolist(), "text_to_image/ssim": rng.random(size).tolist()}
    columns["image_to_text/class_coherent"] = (rng.random(size) < 0.5).tolist()
    correct, metrics = {}, {}
    for name in ("both", "image", "text"):
        right = rng.random(size) < accuracy
        columns[f"predicted/{name}"] = np.where(right, label, label + 1).tolist()
        correct[name] = torch.from_numpy(rng.random(size) < accuracy)  # filled, so others than predicted
        columns[f"correct/{name}"] = correct[name].tolist()
        metrics |= {f"accuracy/{name}": float(right.mean())} if name != "both" else {}
    rows = surface(correct, place, cells=10)
    metrics |= {PRIMARY: sum(row["accuracy"] for row in rows) / len(rows)}
    metrics["text_to_image/ssim"] = float(np.mean(columns["text_to_image/ssim"]))
    metrics["image_to_text/class_coherence"] = float(np.mean(columns["image_to_text/class_coherent"]))
    folder.mkdir()
    write_parquet(columns, folder / "predictions.parquet")
    return replace(run(fusion, seed, 0.0), folder=folder, metrics=metrics, surface=rows)


@pytest.mark.parametrize("size", [5, 40, 37])  # with 5, missing_thresholds fall on the rates
def test_the_mean_over_samples_is_the_metric(tmp_path: Path, size: int) -> None:
    own = with_samples("concat", 0, tmp_path / "a", size)
    values = sample_values(own)
    assert {name: x.mean() for name, x in values.items()} == pytest.approx(own.metrics)
    assert all(x.shape == (size,) for x in values.values())


def test_by_sample_pairs_samples_and_averages_seeds(tmp_path: Path) -> None:
    pairs = [[with_samples(f, seed, tmp_path / f"{f}{seed}") for seed in (0, 1, 2)] for f in ("attention", "concat")]
    found = by_sample(*pairs)
    assert set(found) == set(MEASURES)
    assert {v.sample_low for v in verdicts([*pairs[0], *pairs[1]], 0.01)} == {
        row["sample_low"] for row in found.values()
    }
    for metric, row in found.items():
        x = np.mean([sample_values(a)[metric] - sample_values(b)[metric] for a, b in zip(*pairs, strict=True)], axis=0)
        error = x.std() / np.sqrt(len(x))
        assert row["fragile"] == (row["sample_low"] <= 0 <= row["sample_high"])
        assert (row["sample_low"], row["sample_high"]) == pytest.approx(
            (x.mean() - 1.96 * error, x.mean() + 1.96 * error), abs=0.35 * error
        )
    assert by_sample(pairs[0], pairs[0])[PRIMARY] == {"fragile": True}  # no sample tells them apart


def answering(fusion: str, seed: int, folder: Path, wrong: int, size: int = 300) -> Run:
    """A run that is wrong on the first so many samples, whatever it is given."""
    label, right = np.zeros(size, int), np.arange(size) >= wrong
    columns = {
        "label": label.tolist(),
        "place": missing_thresholds(size, seed=0).tolist(),
        "text_to_image/ssim": [0.5] * size,
    }
    for name in ("both", "image", "text"):
        columns |= {f"predicted/{name}": (~right).astype(int).tolist(), f"correct/{name}": right.tolist()}
    rows = surface(
        dict.fromkeys(("both", "image", "text"), torch.from_numpy(right)), missing_thresholds(size, seed=0), cells=4
    )
    folder.mkdir()
    write_parquet(columns, folder / "predictions.parquet")
    metrics = {name: float(right.mean()) for name in (PRIMARY, "accuracy/image", "accuracy/text")}
    return replace(
        run(fusion, seed, 0.5), folder=folder, metrics=run(fusion, seed, 0.5).metrics | metrics, surface=rows
    )


@pytest.mark.parametrize(("wrong", "fragile"), [(1, True), (9, True), (12, False)])
def test_a_difference_of_a_few_samples_is_not_told_as_one_of_the_fusions(
    tmp_path: Path, wrong: int, fragile: bool
) -> None:
    """Every seed agrees, without any spread, and yet it is only those samples."""
    runs = [answering("attention", seed, tmp_path / f"a{seed}", 0) for seed in range(6)]
    runs += [answering("concat", seed, tmp_path / f"c{seed}", wrong) for seed in range(6)]
    verdict = primary(runs)
    assert verdict.shown
    assert verdict.fragile == fragile == (verdict.sample_low is None)
    assert ("on other test samples it may not be" in verdict.sentence) == fragile
    fusions = {name: [r for r in runs if r.fusion == name] for name in ("attention", "concat")}
    assert ahead_of_all(fusions, PRIMARY, verdicts(runs, 0.01)) == (None if fragile else "attention")


def test_few_samples_have_no_interval(tmp_path: Path) -> None:
    a, b = (answering(name, 0, tmp_path / name, wrong, size=150) for name, wrong in (("attention", 0), ("concat", 50)))
    assert by_sample([a], [b])[PRIMARY] == {"fragile": True}


def test_predictions_of_another_version_are_left_out(tmp_path: Path) -> None:
    a, b = (answering(name, 0, tmp_path / name, 5) for name in ("attention", "concat"))
    write_parquet({"label": [0]}, b.folder / "predictions.parquet")
    assert by_sample([a], [b]) == {}


def test_runs_without_predictions_have_no_interval_by_sample(tmp_path: Path) -> None:
    first = with_samples("attention", 0, tmp_path / "a")
    assert by_sample([first], [run("concat", 0, 0.5)]) == {}
    assert primary([first, run("concat", 0, 0.5)]).sample_low is None
