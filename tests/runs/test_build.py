"""Data, model and loss from the config: sizes are arguments, and two datasets live in one process."""

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from multimodal.runs.build import build_loss, build_model, read_data
from tests.helpers.toy import CONF


def composed(*overrides: str) -> DictConfig:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("config", [*overrides, "dim=16", "dataset.source=embedded", "dataset.limit=120"])


def test_two_datasets_live_in_one_process() -> None:
    digits, animals = composed("dataset=mnist", "loss=unimodal"), composed("dataset=animals", "loss=unimodal")
    both = [(cfg, read_data(cfg)) for cfg in (digits, animals)]  # both are read before anything is built
    for cfg, data in both:
        model, loss = build_model(cfg, data), build_loss(cfg, data)
        batch = data.splits["train"].batch(torch.arange(4))
        output = model(batch)
        assert output.image.shape == batch.image.shape
        assert output.label.shape == (4, len(data.class_names))
        assert output.text.shape[-1] == len(data.vocabulary)
        assert loss(output, batch)["loss"].isfinite()
    assert [data.splits["train"].image.shape[1] for _, data in both] == [1, 3]
    assert read_data(digits) is both[0][1]  # and is not read again


def test_a_model_without_sizes_is_refused() -> None:
    with pytest.raises(ValueError, match="give `data` to build_model"):
        build_model(composed())
