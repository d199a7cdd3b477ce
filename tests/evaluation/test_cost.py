"""Costs: counted by hand where that can be done."""

from itertools import count

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from multimodal.evaluation.cost import cost, median_seconds, peak_memory, training_speed, uncounted_kernels_off
from multimodal.runs.build import build_model


def test_costs_of_a_model(model, split) -> None:
    model.heads["label"].requires_grad_(False)
    found = cost(model, split, 3)
    trained = [p for name, p in model.named_parameters() if not name.startswith("heads.label")]
    assert found["cost/parameters"] == sum(p.numel() for p in trained)
    assert found["cost/fusion_parameters"] == sum(p.numel() for p in model.fusion.parameters())
    assert found["cost/ms_per_sample_batch1"] > 0
    assert found["cost/ms_per_sample_batch64"] > 0
    assert found["cost/peak_memory_mb"] == peak_memory(torch.device("cpu")) > 50
    assert not model.training


@pytest.mark.parametrize(("seconds", "passes"), [(0.01, 12), (0.3, 5), (0.6, 3), (3.0, 2)])
def test_passes_end_once_they_took_a_second(model, split, monkeypatch, seconds, passes) -> None:
    """Two are not timed, or one if there are but two; ten are at most, and one is at least."""
    clock = count(0, seconds)
    monkeypatch.setattr("multimodal.evaluation.cost.time.perf_counter", lambda: next(clock))
    assert median_seconds(model, split.batch(torch.tensor([0])), 10) == pytest.approx(seconds)
    assert next(clock) / seconds == pytest.approx(2 * passes)


def test_operations_are_two_for_each_weight_of_a_layer_and_lstms_count(model, split) -> None:
    before = cost(model, split, 3)["cost/flops"]
    label = model.heads["label"]
    model.heads["label"] = nn.Sequential(label, nn.Linear(3, 5, bias=False))
    after = cost(model, split, 3)["cost/flops"]
    assert after - before == 2 * 3 * 5
    words = int(split.length[0])
    text = model.encoders["text"]
    model.encoders["text"] = Widened(text)
    assert cost(model, split, 3)["cost/flops"] - after >= 2 * words * 4 * 8 * 8  # four gates read the last 8 states


@pytest.mark.parametrize("option", ["encoder/image=vit", "encoder/text=transformer", "fusion=transformer"])
def test_a_transformer_counts_all_of_its_operations(config, split, option) -> None:
    """Its fused layers, which run where no gradient is asked for, are not seen by PyTorch's counter."""
    found = cost(build_model(config(option)), split, 3)["cost/flops"]
    with uncounted_kernels_off(), FlopCounterMode(display=False) as counter:
        build_model(config(option)).train()(split.batch(torch.tensor([0])))  # with gradients: no fused layer
    assert found == pytest.approx(counter.get_total_flops(), rel=1e-6)
    assert torch.backends.mha.get_fastpath_enabled()  # as it was


def test_speed_of_training_is_the_median_over_the_history_and_unknown_without_one() -> None:
    assert training_speed([{"train/samples_per_s": s} for s in (1.0, 9.0, 4.0)]) == {"cost/train_samples_per_s": 4.0}
    assert training_speed([]) == {}


class Widened(nn.Module):
    """An encoder beside an LSTM of width 8 that is run for its cost."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.lstm = encoder, nn.LSTM(8, 8, batch_first=True)

    def forward(self, tokens, present):
        self.lstm(torch.zeros(*tokens.shape, 8))
        return self.encoder(tokens, present)
