import json

import pytest
import torch

from multimodal.training.history import Means, read_csv, write_csv, write_json


def test_a_mean_over_batches_is_the_mean_over_their_samples():
    values = torch.rand(10)
    means = Means()
    for part in values.split(4):  # the last has two samples only
        means.add({"loss": part.mean()}, len(part))
    assert means.means() == {"loss": pytest.approx(values.mean().item())}


def test_means_keep_no_graph_and_sum_in_float32():
    means = Means()
    parameter = torch.ones((), requires_grad=True, dtype=torch.bfloat16)
    for _ in range(1000):
        means.add({"loss": parameter}, 1)
    assert not means.sums["loss"].requires_grad
    assert means.means() == {"loss": 1.0}  # bf16 stops counting at 256


def test_a_table_comes_back_as_it_was_written(tmp_path):
    rows = [{"step": 5, "train/loss": 0.1 + 0.2}, {"step": 10, "train/loss": 1e-9}]
    write_csv(rows, tmp_path / "history.csv")
    assert read_csv(tmp_path / "history.csv") == rows


def test_a_column_that_begins_late_is_missing_in_the_earlier_rows(tmp_path):
    rows = [{"step": 5.0}, {"step": 10.0, "train/kl": 0.5}]
    write_csv(rows, tmp_path / "history.csv")
    assert read_csv(tmp_path / "history.csv") == rows


def test_no_file_is_no_rows(tmp_path):
    assert read_csv(tmp_path / "history.csv") == []


def test_json_is_whole_or_not_at_all_and_never_nan(tmp_path):
    file = tmp_path / "metrics.json"
    write_json(file, {"accuracy/both": 0.5, "psnr": None})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(file, {"accuracy/both": float("nan")})
    assert json.loads(file.read_text()) == {"accuracy/both": 0.5, "psnr": None}
    assert [entry.name for entry in tmp_path.iterdir()] == ["metrics.json"]
