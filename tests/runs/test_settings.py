"""Every setting is checked before the data is read: it works, or ends in one line with its full name.

`python -m pytest -m slow tests/runs/test_settings.py` tries ten values of every setting, and runs what passes.
"""

import math
import re
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from multimodal.dataset.preparing import prepare
from multimodal.runs.composition import Composition, compose
from multimodal.runs.settings import EXPECTED, check_model, check_settings, explain
from tests.helpers.command import OFF, TINY
from tests.helpers.pretrained import files_of
from tests.helpers.toy import CONF

NO_DATA = ("mode", "experiment", "hydra")  # groups without settings of a training run
GROUPS = sorted({file.parent for file in CONF.rglob("*/*.yaml")} - {CONF})
CHOICES = ["seed=0"]
CHOICES += [
    f"{group.relative_to(CONF)}={file.stem}"
    for group in GROUPS
    if group.relative_to(CONF).parts[0] not in NO_DATA
    for file in sorted(group.glob("*.yaml"))
]
VALUES = [-3, 0, 10**12, math.nan, math.inf, "abc", None, 1.5, [], True]


@cache
def composed_with(choice: str) -> Composition:
    return compose(
        [
            *(["tracking=several"] if choice.startswith("tracking/") else []),
            choice,
            *files_of((choice,)),
            "dataset.source=embedded",
            *([] if "tracking" in choice else ["tracking=offline"]),
        ]
    )


def leaves(node: DictConfig, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Full name of every setting, and the name that it takes its value from."""
    for key in map(str, node):
        value = node._get_node(key)
        if key.startswith("_") or (not prefix and key == "sizes"):
            continue
        if isinstance(value, DictConfig) and not value._is_none() and not value._is_interpolation():
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value._value()).strip("${}") if value._is_interpolation() else f"{prefix}{key}"


def settings_of(choice: str) -> DictConfig:
    """Of the choice's file alone, under their full names; of the whole config where it takes more than its file.

    A config takes a tenth of a second to compose, and these are read wherever tests are collected.
    """
    group, _, option = choice.partition("=")
    file = CONF / group / f"{option}.yaml"
    if not file.is_file() or re.search("^defaults:|@package", file.read_text(), re.MULTILINE):
        return composed_with(choice).config
    node = OmegaConf.load(file)
    for name in reversed(group.split("/")):
        node = OmegaConf.create({name: node})
    return node


def new_settings() -> dict[str, tuple[str, str]]:
    """{full name: the first choice that has this setting, and the name that it takes its value from}."""
    found: dict[str, tuple[str, str]] = {}
    for choice in CHOICES:
        for name, origin in leaves(settings_of(choice)):
            found.setdefault(name, (choice, origin))
    return found


SETTINGS = new_settings()


def changed(name: str, value: object) -> Composition:
    composition = composed_with(SETTINGS[name][0])
    config = deepcopy(composition.config)
    OmegaConf.update(config, name, value)
    return replace(composition, config=config)


def test_all_groups_are_tried() -> None:
    assert len(SETTINGS) > 140
    assert {"fusion.hidden", "loss.terms.contrastive.bias", "encoder.image.patch", "caption.threshold"} <= set(SETTINGS)


@pytest.mark.parametrize("choice", CHOICES)
def test_the_defaults_pass(choice: str) -> None:
    cfg = composed_with(choice).config
    check_settings(cfg)
    check_model(cfg)


@pytest.mark.parametrize("name", SETTINGS)
def test_no_setting_takes_nan(name: str) -> None:
    with pytest.raises(ValueError, match=f"{re.escape(name)} must be a finite number, got nan"):
        check_settings(changed(name, math.nan).config)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("evaluation.seed", "abc", "evaluation.seed must be a whole number, got 'abc'"),
        ("evaluation.image_judge.batch_size", 1.5, "evaluation.image_judge.batch_size must be a whole number, got 1.5"),
        ("evaluation.measures", None, "evaluation.measures must be a mapping, got null"),
        ("evaluation.image_judge.learning_rate", math.inf, "evaluation.image_judge.learning_rate must be a finite"),
        ("evaluation.figures", "none", "evaluation.figures must be a component or null, got 'none'"),
        ("dataset.image_size", 8, "dataset.image_size must be a whole number from 11 to 4096, got 8"),
        ("dataset.seed", -1, "dataset.seed must be a whole number from 0 to 4294967295, got -1"),
        ("dataset.augment.flip", "no", "dataset.augment.flip must be true or false, got 'no'"),
        ("dataset.augment", None, "dataset.augment must be a component, got null"),
        ("dataset.max_bad_rows", 2.0, "dataset.max_bad_rows must be a whole number, got 2.0"),
        ("dataset.image_size", "big", "dataset.image_size must be a whole number, got 'big'"),
        ("loss", None, "loss must be a component, got null; choose loss=infonce,multi_positive_infonce"),
        ("loss.weights", None, "loss.weights must be a mapping, got null"),
        ("loss.weights.text", math.inf, "loss.weights.text must be a finite number, got inf"),
        ("fusion.modalities", "image", "fusion.modalities must be a list of texts, got 'image'"),
        ("training.modality_dropout", None, "training.modality_dropout must be a component, got null"),
        ("encoder.image.dim", 64, "encoder.image.dim must be ${dim}, which all parts share, got 64"),
        ("head.label.num_classes", 0, "head.label.num_classes must be ${sizes.num_classes}, which all parts share"),
        ("dim", 0, "dim must be a whole number from 1 to 65536, got 0"),
    ],
)
def test_a_wrong_setting_is_named_before_work_starts(name: str, value: object, message: str) -> None:
    config = deepcopy(composed_with("seed=0").config)
    OmegaConf.update(config, name, value, merge=False)
    with pytest.raises(ValueError, match=re.escape(message)):
        check_settings(config)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("fusion.hidden", 0, "fusion.hidden must be a whole number of 1 or more, got 0"),
        ("fusion.hidden", 10**12, "fusion.hidden=1000000000000: "),
        ("fusion.modalities", ["image"], "fusion.modalities must be exactly two for this fusion, got ['image']"),
        ("encoder.image.widths", [], "encoder.image.widths must have a width for the stem and each stage"),
        ("encoder.text.dropout", 1.5, "encoder.text.dropout must be a number, 0 or more and below 1, got 1.5"),
        ("fusion.num_layers", 10**6, "fusion.num_layers must be a whole number from 1 to 1000, got 1000000"),
    ],
)
def test_a_part_that_cannot_be_built_is_named_without_data_or_memory(name: str, value: object, message: str) -> None:
    config = changed(name, value).config
    check_settings(config)
    with pytest.raises((ValueError, InstantiationException)) as error:
        check_model(config)
    assert message in explain(error.value, config)


def test_our_own_words_are_all_and_a_librarys_are_followed_by_the_settings() -> None:
    config = changed("optimizer.nesterov", True).config
    config.optimizer.momentum = 0.0
    with pytest.raises((ValueError, InstantiationException)) as error:
        instantiate(config.training, _convert_="all")
    assert "Nesterov momentum requires a momentum" in explain(error.value, config)
    config = changed("scheduler.warmup_fraction", 1.0).config
    with pytest.raises((ValueError, InstantiationException)) as error:
        instantiate(config.training, _convert_="all")
    assert explain(error.value, config) == "scheduler.warmup_fraction must be a number, 0 or more and below 1, got 1.0"
    config = changed("dataset.grammar.path", "json").config
    with pytest.raises(InstantiationException) as error:
        instantiate(config.dataset.grammar)
    line = explain(error.value, config)
    assert line.startswith("dataset.grammar cannot be built (Located non-callable")
    assert line.endswith("with dataset.grammar.path='json'")


def test_a_setting_that_another_one_sets_is_named_with_it() -> None:
    config = changed("dim", 127).config
    with pytest.raises(InstantiationException) as error:
        check_model(config)
    line = "encoder.text.dim must be a multiple of 2 (half for each direction), got 127 (encoder.text.dim is ${dim})"
    assert explain(error.value, config) == line


@pytest.mark.parametrize("name", ["loss.terms", "report"])
def test_a_mapping_without_its_entries_is_named(name: str) -> None:
    config = deepcopy(composed_with("seed=0").config)
    OmegaConf.update(config, name, None, merge=False)
    with pytest.raises(ValueError, match=f"{name} must be a mapping, got null"):
        check_settings(config)


def test_a_loss_without_terms_and_a_term_without_weight_are_named_before_the_data_is_read() -> None:
    config = deepcopy(composed_with("seed=0").config)
    del config.loss.weights.dssim
    with pytest.raises(InstantiationException) as error:
        check_model(config)
    line = explain(error.value, config)
    assert line == "loss terms without a weight: ['dssim']; set loss.weights.<name> for each of them"
    config.loss.terms = {}
    with pytest.raises(InstantiationException) as error:
        check_model(config)
    assert explain(error.value, config) == "loss.terms must have an entry or more, got none"


class DataReached(BaseException):
    """Raised where the data would be read."""


@pytest.mark.slow
@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_works_or_is_named_before_the_data_is_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def reach(*arguments: object) -> None:
        raise DataReached

    monkeypatch.setattr(prepare, "read_source", reach)
    for value in VALUES:
        composition = changed(name, value)
        config = composition.config
        with suppress(DataReached):
            try:
                check_settings(config)
                instantiate(config.mode)(composition, instantiate(config.tracking))
            except (ValueError, InstantiationException) as error:
                line = explain(error, config)
                assert name in line or SETTINGS[name][1] in line, (value, line)
                assert "\n" not in line


WORKING = [value for value in VALUES if not (isinstance(value, float) and not math.isfinite(value))]
BUDGETS = ("training.steps", "training.epochs", "training.devices", "dataset.limit", "dataset.path")
BUDGETS += ("evaluation.image_judge.steps", "evaluation.measures.cost.repeats", "evaluation.figures.points")
BUDGETS += ("dataset.embedded.train", "dataset.embedded.test")  # pictures to draw: a million are too many for a test


@cache
def tiny_with(choice: str, measured: str) -> Composition:
    """A run of two steps, with one of the slow measures, all of them or none, and with figures or without."""
    off = [name for name in OFF if measured not in ("all", name)]
    tiny = [override for override in TINY if not any(f".{name}." in override for name in (*off, "figures"))]
    line = [
        *tiny,
        *(f"evaluation.measures.{name}=null" for name in off),
        "training.steps=2",
        choice,
        *files_of((choice,)),
    ]
    line += [] if measured == "figures" else ["evaluation.figures=null"]
    line += ["training.num_validations=1", "cache_dir=cache"]
    return compose(line if choice.startswith("tracking") else [*line, "tracking=disabled"])


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in SETTINGS if name not in BUDGETS])
def test_what_passes_the_checks_works_or_is_named(name: str, tmp_path: Path, monkeypatch, one_thread) -> None:
    monkeypatch.chdir(tmp_path)
    node, *path = name.split(".")
    choice = "tracking=offline" if node == "tracking" else SETTINGS[name][0]
    measured = "" if node != "evaluation" else path[1] if len(path) > 2 else path[0] if path[0] == "figures" else "all"
    for value in WORKING:
        composition = tiny_with(choice, measured)
        config = deepcopy(composition.config)
        OmegaConf.update(config, name, value, merge=False)
        if name != "output_dir":
            config.output_dir = f"out/{value}"
        try:
            check_settings(config)
            instantiate(config.mode)(replace(composition, config=config), instantiate(config.tracking))
        except (*EXPECTED, InstantiationException) as error:
            line = explain(error, config)
            assert name in line or SETTINGS[name][1] in line, (value, line)
            assert "\n" not in line
