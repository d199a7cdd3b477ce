"""The card of an exported model: the hub reads its header, and every number stands beside its baselines."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from omegaconf import OmegaConf

from multimodal.model_card import data_license, model_card, overrides_of, read_measured, without_places, write_card
from multimodal.runs.record import RunRecord
from tests.helpers.toy import composed

METRICS = {"accuracy/both": 0.91234, "accuracy/image": None, "fingerprint": "f00d", "task/ceiling": 1.0}
METRICS |= {"undefined": {"accuracy/image": "it reads | no image"}}
METRICS |= {"baselines": {"frequent_label": {"accuracy/both": 0.1}}}
CARD = {"classes": {"train": {"a|b": 3, "cat": 4}, "test": {"a|b": 1, "cat": 1}}, "vocabulary": 36}
CARD |= {"test_captions_in_train": 0.25, "bad_rows": [], "revision": None}


@pytest.fixture
def record() -> RunRecord:
    """That of a run on the embedded digits."""
    config = OmegaConf.to_container(composed("fusion=concat"), resolve=True)
    choices = {"dataset": "mnist", "fusion": "concat", "caption": "original", "task": "redundant"}
    overrides = ["fusion=concat", "dataset.source=embedded", "output_dir='/home/me/a'", "tracking=disabled"]
    return RunRecord(config, choices, overrides, "embedded", "f00d", {}, None, "0123", "4567", "89", "ab")


def test_the_header_is_the_hubs(record: RunRecord) -> None:
    header = ModelCard(model_card(record, METRICS, CARD, None, ["model.onnx"])).data
    assert (header.license, header.library_name, header.datasets) == ("cc-by-4.0", "multimodal-suite", None)
    assert header.pipeline_tag == "image-classification"
    assert "concat-fusion" in header.tags
    (result,) = header.eval_results
    assert (result.metric_type, result.metric_value, result.dataset_split) == ("accuracy/both", 0.9123, "test")
    numbers = {"cost/fusion_parameters": 364928.0, "text_to_image/kid": 0.000012345}
    results = ModelCard(model_card(record, numbers, CARD, None, ["model.onnx"])).data.eval_results
    assert {result.metric_type: result.metric_value for result in results} == numbers | {"text_to_image/kid": 1.234e-05}
    assert header.model_name == "mnist-concat-s0-0123"


def test_numbers_stand_beside_their_baselines_and_the_data_is_described(record: RunRecord) -> None:
    text = model_card(record, METRICS, CARD, None, ["model.onnx"])
    (line,) = [line for line in text.splitlines() if "`accuracy/both`" in line]
    assert [part.strip() for part in line.split("|")[2:4]] == [
        "0.912",
        "frequent label 0.100, the task's ceiling 1.000",
    ]
    assert "undefined: it reads \\| no image" in text
    assert "train: 7 samples: a\\|b 3, cat 4" in text
    assert "share of test captions that stand in train too: 0.250" in text
    assert "\npython scripts/run.py fusion=concat dataset.source=embedded\n" in text
    assert "The data is under cc-by-4.0" in text


def test_a_licence_that_is_not_known_is_said_and_one_that_is_given_counts(record: RunRecord) -> None:
    own = replace(record, data_source="path")
    text = model_card(own, {}, {}, None, [])
    assert ModelCard(text).data.license == "unknown"
    assert "The licence of the data is not known" in text
    assert "was not evaluated" in text
    assert ModelCard(model_card(own, {}, {}, "apache-2.0", [])).data.license == "apache-2.0"


def test_data_of_the_hub_is_named_with_its_commit(record: RunRecord) -> None:
    card = CARD | {"revision": "c0ffee"}
    text = model_card(replace(record, data_source="hub"), METRICS, card, None, [])
    hub_id = record.config["dataset"]["hub_id"]
    assert ModelCard(text).data.datasets == hub_id
    assert f"datasets/{hub_id}), commit `c0ffee`)" in text


@pytest.mark.parametrize(("dataset", "license"), [("mnist", "cc-by-4.0"), ("animals", "mit")])
def test_each_embedded_set_has_a_licence(record: RunRecord, dataset: str, license: str) -> None:
    config = OmegaConf.to_container(composed(f"dataset={dataset}"), resolve=True)
    assert data_license(replace(record, config=config)) == license


def test_folders_of_this_machine_are_named_by_their_last_part(record: RunRecord) -> None:
    config = record.config | {"output_dir": "/home/me/a", "cache_dir": "/home/me/cache"}
    config["dataset"] = config["dataset"] | {"path": "/home/me/photos"}
    overrides = ["dataset.path='/home/me/photos'", "~evaluation.measures.cost", "cache_dir=/home/me/cache"]
    found = without_places(replace(record, config=config, overrides=overrides))
    assert "/home/me" not in json.dumps(found.as_dict())
    assert overrides_of(found) == found.overrides == ["dataset.path='photos'", "~evaluation.measures.cost"]
    assert found.config["dataset"]["path"] == "photos"


def test_numbers_of_another_checkpoint_or_other_data_are_not_the_models(record: RunRecord, tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text(json.dumps(METRICS))
    assert read_measured(tmp_path / "best.pt", record) == (METRICS, {})
    assert read_measured(tmp_path / "last.pt", record) == ({}, {})
    assert read_measured(tmp_path / "best.pt", replace(record, fingerprint="other")) == ({}, {})


def test_a_card_that_was_changed_by_hand_is_kept(record: RunRecord, tmp_path: Path, caplog) -> None:
    file, text = tmp_path / "README.md", model_card(record, METRICS, CARD, None, [])
    write_card(text, record, file)
    write_card(text, record, file)
    assert not caplog.records
    file.write_text(f"{text}mine\n")
    write_card(text, record, file)
    assert file.read_text() == f"{text}mine\n"
    assert "it is kept" in caplog.text
    with pytest.raises(ValueError, match="is not the card of mnist-concat-s1-0123"):
        write_card(text, replace(record, config=record.config | {"seed": 1}), file)
