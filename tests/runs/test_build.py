"""Data, model and loss from the config: sizes are arguments, and two datasets live in one process."""

import os
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf
from PIL import Image

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


def test_edited_files_are_read_again(tmp_path: Path) -> None:
    table = "file_name,label,caption\n"
    for i in range(40):
        Image.new("L", (12, 12), 5 * i).save(tmp_path / f"{i}.png")
        table += f"{i}.png,{i % 2},a caption\n"
    (tmp_path / "metadata.csv").write_text(table)
    own = {"path": str(tmp_path), "source": "path", "limit": None, "image_size": 12}
    cfg = OmegaConf.merge(composed(), {"dataset": own})
    first = read_data(cfg)
    assert read_data(cfg) is first
    (tmp_path / "metadata.csv").write_text("\n".join(table.split("\n")[:31]))
    assert sum(len(split) for split in first.splits.values()) == 40
    assert sum(len(split) for split in read_data(cfg).splits.values()) == 30
    before = read_data(cfg).fingerprint
    picture = tmp_path / "3.png"
    status = picture.stat()
    picture.write_bytes((tmp_path / "4.png").read_bytes())  # of the same size
    os.utime(picture, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert picture.stat().st_size == status.st_size
    assert read_data(cfg).fingerprint != before


def test_a_model_without_sizes_is_refused() -> None:
    with pytest.raises(ValueError, match="give `data` to build_model"):
        build_model(composed())
