"""One record of a run, written and read in one place."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml
from omegaconf import OmegaConf
from torch import nn

from multimodal.runs.checkpoint import BOTH_MAY_SET, with_overrides
from multimodal.runs.composition import compose
from multimodal.runs.overrides import check_overrides, with_files_of_checkpoint
from multimodal.runs.record import RunRecord, read_record, record_from, training_record
from multimodal.runs.run_dir import check_folder, prepare_folder
from tests.helpers.toy import SIZES, composed

RECORD = RunRecord(
    config={"seed": 3, "training": {"learning_rate": 1e-5, "clip": None}, "text": "«a: cat», 'ears'"},
    choices={"dataset": "mnist", "fusion": "concat", "caption": "original"},
    overrides=["fusion=concat", 'text="a: b"'],
    data_source="embedded",
    fingerprint="00ff",
    weights={"image": "random", "text": "random"},
    checkpoint=None,
    key="12345678",
    evaluation_key="0e123456",
    code="1",
    fusion_code="2",
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    RECORD.write(tmp_path)
    assert read_record(tmp_path) == RECORD
    assert record_from(RECORD.as_dict(), tmp_path) == RECORD
    assert OmegaConf.load(tmp_path / "config.yaml").training.learning_rate == 1e-5  # the config as Hydra reads it


def test_names_say_what_was_run() -> None:
    assert RECORD.name == "mnist-concat-s3-12345678"
    assert RECORD.title == "mnist (embedded, original captions), concat fusion, seed 3"
    noisy = replace(RECORD, choices=RECORD.choices | {"task": "noisy"})
    assert noisy.title == "mnist (embedded, task noisy), concat fusion, seed 3"
    both = replace(noisy, choices=noisy.choices | {"caption": "anonymous"})
    assert both.title == "mnist (embedded, task noisy, anonymous captions), concat fusion, seed 3"


@pytest.mark.parametrize("content", ["", "seed: 1", "record: {key: abc}", "- 1", "record: 3"])
def test_a_config_without_a_record_of_this_version_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.yaml").write_text(content)
    with pytest.raises(ValueError, match=r"config\.yaml was written by another version"):
        read_record(tmp_path)


def test_a_folder_is_shared_by_one_training_whatever_measures_it(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    prepare_folder(folder, RECORD, resume=True)
    check_folder(folder, replace(RECORD, evaluation_key="other"))
    for other in (replace(RECORD, key="other"), replace(RECORD, checkpoint="its digest")):
        with pytest.raises(ValueError, match="holds another experiment"):
            check_folder(folder, other)


def test_a_folder_of_an_evaluation_is_of_that_evaluation_alone(tmp_path: Path) -> None:
    evaluated = replace(RECORD, checkpoint="its digest")
    prepare_folder(tmp_path / "evaluation", evaluated, resume=True)
    check_folder(tmp_path / "evaluation", evaluated)
    for other in (replace(evaluated, evaluation_key="other"), replace(evaluated, checkpoint="another")):
        with pytest.raises(ValueError, match="holds another experiment"):
            check_folder(tmp_path / "evaluation", other)


def test_the_file_is_the_config_with_the_facts_beside_it(tmp_path: Path) -> None:
    RECORD.write(tmp_path)
    written = yaml.safe_load((tmp_path / "config.yaml").read_text())
    assert {name: written[name] for name in RECORD.config} == RECORD.config
    assert written["record"]["data_source"] == "embedded"


def test_an_encoders_own_tensor_called_weights_names_no_file() -> None:
    """Only a text says what an encoder started from."""
    encoders = {"image": SimpleNamespace(weights=nn.Parameter(torch.zeros(2))), "text": SimpleNamespace(weights="a")}
    data = SimpleNamespace(sizes=lambda: dict.fromkeys(SIZES, 2), source="embedded", fingerprint="00")
    composition = compose(["training.steps=3"])
    record = training_record(composition, data, SimpleNamespace(encoders=encoders), "32-true")
    assert record.weights == {"image": "random", "text": "a"}
    assert (record.fusion, record.overrides) == ("attention", ["training.steps=3"])


def test_a_checkpoint_sets_only_what_an_encoder_has() -> None:
    """Its weights need no file again, but those of a frozen encoder, which are in no checkpoint."""
    saved = OmegaConf.to_container(composed(), resolve=True)
    saved["encoder"] = {"image": {"weights": "imagenet"}, "text": {"weights": "x", "frozen": True}, "other": {}}
    encoder = with_overrides(saved, composed(), [], (), "generate").encoder
    assert encoder == {"image": {"weights": "none"}, "text": {"weights": "x", "frozen": True}, "other": {}}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("encoder.text.table=x", r"encoder\.text\.table cannot be set: the checkpoint's encoder of text has no such"),
        ("encoder.image.weights=x", r"encoder\.image\.weights cannot be set: .* the checkpoint holds them"),
        ("encoder.text.name=3", r"encoder\.text\.name must be a text, got 3"),
    ],
)
def test_a_file_that_a_checkpoint_does_not_read_is_refused(setting: str, message: str) -> None:
    saved = OmegaConf.to_container(composed(), resolve=True)
    saved["encoder"] = {"image": {"weights": "w", "frozen": False}, "text": {"name": "x", "frozen": True}}
    overrides = with_files_of_checkpoint(["checkpoint=out", setting])
    check_overrides(overrides, multirun=False)
    with pytest.raises(ValueError, match=message):
        with_overrides(saved, composed(*overrides), overrides, BOTH_MAY_SET, "generate")
