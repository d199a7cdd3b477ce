import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from torchmetrics.functional.classification import multiclass_calibration_error

from multimodal.figures.reliability import BINS, FEW, confidence_bins, draw_reliability_bars


def random_predictions(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw probabilities (200, 5) and labels (200,): mostly correct, from unsure to almost certain."""
    generator = torch.Generator().manual_seed(seed)
    label = torch.randint(0, 5, (200,), generator=generator)
    logits = torch.randn(200, 5, generator=generator) + 2 * torch.nn.functional.one_hot(label, 5)
    return logits.softmax(1), label


def slow_bin(probability: torch.Tensor, label: torch.Tensor, b: int) -> tuple[int, float, float]:
    """Count one bin, prediction by prediction."""
    inside = [
        (float(p.max()), int(p.argmax()) == int(y))
        for p, y in zip(probability, label, strict=True)
        if b / BINS <= float(p.max()) < (b + 1) / BINS
    ]
    confidence, correct = [c for c, _ in inside], [hit for _, hit in inside]
    return len(inside), np.mean(correct) if inside else np.nan, np.mean(confidence) if inside else np.nan


def test_bins_agree_with_a_slow_count() -> None:
    probability, label = random_predictions(0)
    result = confidence_bins(probability, label)
    for b in range(BINS):
        np.testing.assert_allclose([part[b] for part in result], slow_bin(probability, label, b))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_mean_gap_is_the_calibration_error(seed: int) -> None:
    probability, label = random_predictions(seed)
    count, accuracy, confidence = confidence_bins(probability, label)
    gap = np.nansum(count / count.sum() * abs(accuracy - confidence))
    assert gap == pytest.approx(float(multiclass_calibration_error(probability, label, 5, n_bins=BINS)), abs=1e-6)


def test_a_confidence_of_one_is_in_the_last_bin() -> None:
    count, accuracy, confidence = confidence_bins(torch.eye(3), torch.tensor([0, 1, 1]))
    assert count.tolist() == [0] * (BINS - 1) + [3]
    assert (accuracy[-1], confidence[-1]) == (pytest.approx(2 / 3), 1)


def test_a_bar_reaches_the_lower_and_its_gap_the_higher_of_accuracy_and_confidence() -> None:
    axes = Figure().subplots()
    accuracy, confidence = np.full(BINS, np.nan), np.full(BINS, np.nan)
    accuracy[[7, 9]], confidence[[7, 9]] = (0.2, 0.9), (0.5, 0.6)
    draw_reliability_bars(axes, np.isfinite(accuracy).astype(int), accuracy, confidence)
    solid, gap = ([(p.get_y(), p.get_y() + p.get_height()) for p in bars] for bars in axes.containers)
    np.testing.assert_allclose(solid, [(0, 0.2), (0, 0.6)])
    np.testing.assert_allclose(gap, [(0.2, 0.5), (0.6, 0.9)])
    overconfident, underconfident = (patch.get_facecolor() for patch in axes.containers[1])
    assert overconfident != underconfident


def test_a_bin_of_few_predictions_is_pale() -> None:
    axes = Figure().subplots()
    count, accuracy = np.zeros(BINS, dtype=int), np.full(BINS, np.nan)
    count[[3, 8]], accuracy[[3, 8]] = (FEW - 1, FEW), 0.4
    draw_reliability_bars(axes, count, accuracy, accuracy + 0.1)
    for bars in axes.containers:
        assert [patch.get_alpha() for patch in bars] == [0.3, None]
