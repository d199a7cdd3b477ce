"""The key of a run changes with all that changes its result, and with nothing else."""

from copy import deepcopy

import pytest
from omegaconf import OmegaConf

from multimodal.runs import run_id
from multimodal.runs.run_id import (
    code_keys,
    evaluation_key,
    file_digest,
    imported_names,
    run_key,
    statements,
    targets,
)


@pytest.fixture
def resolved(config) -> dict:
    return OmegaConf.to_container(config(), resolve=True)


def key(config: dict, source: str = "embedded", fingerprint: str = "0", image: str = "random") -> str:
    return run_key(config, source, fingerprint, {"image": image, "text": "random"})


def changed(config: dict, name: str, value: object) -> dict:
    """With another value at a dotted name."""
    config, (*path, last) = deepcopy(config), name.split(".")
    part = config
    for step in path:
        part = part[step]
    assert last in part
    part[last] = value
    return config


@pytest.mark.parametrize(
    ("name", "value", "another"),
    [
        ("dataset.source", "embedded", False),  # what it came to counts
        ("dataset.path", "/elsewhere", False),
        ("training.accelerator", "cpu", False),
        ("tracking", None, False),
        ("output_dir", "elsewhere", False),
        ("evaluation.image_judge.cache", "/elsewhere", False),
        ("training.devices", 2, True),  # dropout draws apart
        ("training.precision", "bf16-mixed", True),
        ("training.steps", 7, True),
        ("fusion.hidden", 9, True),
        ("dataset.max_words", 3, True),
        ("seed", 1, True),
    ],
)
def test_what_makes_another_run(resolved, name: str, value: object, another: bool) -> None:
    assert (key(changed(resolved, name, value)) != key(resolved)) == another
    assert evaluation_key(changed(resolved, name, value), None, "0") == evaluation_key(resolved, None, "0")


def test_data_and_weights_count_by_their_content(resolved, tmp_path) -> None:
    keys = {key(resolved), key(resolved, "hub"), key(resolved, fingerprint="1"), key(resolved, image="imagenet")}
    for name, content in (("a.pt", b"one"), ("b.pt", b"one"), ("c.pt", b"two")):
        (tmp_path / name).write_bytes(content)
        keys.add(key(resolved, image=str(tmp_path / name)))
    assert len(keys) == 6
    assert file_digest(str(tmp_path / "a.pt")) == file_digest(str(tmp_path / "b.pt"))
    assert file_digest("random") == "random"


def test_an_evaluation_is_told_by_its_settings_and_by_what_it_evaluates(resolved) -> None:
    other = changed(resolved, "evaluation.fill", "generated")
    keys = [evaluation_key(config, None, "0") for config in (resolved, other)]
    keys += [evaluation_key(resolved, checkpoint, data) for checkpoint, data in (("a", "0"), ("b", "0"), ("a", "1"))]
    assert len(set(keys)) == 5
    assert evaluation_key(resolved, None, "1") == keys[0]  # the run's own key has its data


def test_an_edited_component_is_another_run(resolved, monkeypatch) -> None:
    before, evaluated = key(resolved), evaluation_key(resolved, None, "0")
    whole, fusion = run_id.source_digest, resolved["fusion"]["_target_"]
    monkeypatch.setattr(run_id, "source_digest", lambda target: "edited" if target == fusion else whole(target))
    assert key(resolved) != before
    assert evaluation_key(resolved, None, "0") == evaluated
    judge = resolved["evaluation"]["image_judge"]["_target_"]
    monkeypatch.setattr(run_id, "source_digest", lambda target: "edited" if target == judge else whole(target))
    assert evaluation_key(resolved, None, "0") != evaluated
    assert key(resolved) == before


def test_the_code_of_each_part_is_known_apart(resolved, monkeypatch) -> None:
    before = code_keys(resolved)
    assert {"encoder.image", "loss", "training", "model", "evaluation"} <= set(before["code_parts"])
    assert not any(place.startswith("fusion") for place in before["code_parts"])
    whole, loss = run_id.source_digest, resolved["loss"]["_target_"]
    monkeypatch.setattr(run_id, "source_digest", lambda target: "edited" if target == loss else whole(target))
    after = code_keys(resolved)
    assert after["fusion_code"] == before["fusion_code"]
    assert after["code"] != before["code"]
    assert {place for place, key in after["code_parts"].items() if key != before["code_parts"][place]} == {"loss"}


def test_a_comment_or_a_docstring_makes_no_other_run(tmp_path) -> None:
    (tmp_path / "a.py").write_text("def f(x):\n    return x + 1\n")
    (tmp_path / "b.py").write_text('"""Adds."""\n\n\ndef f(x):\n    """One."""\n    return x+1  # more\n')
    (tmp_path / "c.py").write_text("def f(x):\n    return x + 2\n")
    same, also, other = (statements(tmp_path / f"{name}.py") for name in "abc")
    assert same == also != other


@pytest.mark.parametrize(
    ("target", "part"),
    [
        ("multimodal.fusion.mopoe.MoPoEFusion", "fusion/gaussian.py"),
        ("multimodal.fusion.mopoe.MoPoEFusion", "types.py"),  # which gaussian.py imports
        ("multimodal.fusion.bottleneck.BottleneckFusion", "fusion/attention.py"),
        ("multimodal.loss.uncertainty.UncertaintyWeightedLoss", "loss/weighted.py"),
        ("multimodal.head.text.lstm.LSTMDecoder", "head/text/decoding.py"),
    ],
)
def test_a_component_is_also_what_its_file_imports(target: str, part: str) -> None:
    files = {str(file) for file in run_id.sources(target.rpartition(".")[0], set())}
    assert any(file.endswith(f"multimodal/{part}") for file in files)
    assert not any(file.endswith("fusion/concat.py") for file in files)


def test_a_function_that_a_config_names_by_its_path_counts() -> None:
    grammar = {"_target_": "hydra.utils.get_method", "path": "multimodal.dataset.builtin.digit_grammar.parse"}
    assert targets({"dataset": {"grammar": grammar}}) == {"dataset.grammar": grammar["path"]}


def test_every_form_of_an_import_is_followed() -> None:
    """`import a.b`, `from a import b`, `from . import c` and `from .c import d`."""
    text = "import multimodal.types\nfrom multimodal.fusion import layers\nfrom . import concat\nfrom .film import x\n"
    found = set(imported_names(text, "multimodal.fusion"))
    assert {
        "multimodal.types",
        "multimodal.fusion.layers",
        "multimodal.fusion.concat",
        "multimodal.fusion.film",
    } <= found


def test_a_package_of_the_users_own_is_followed_by_absolute_and_relative_imports(tmp_path, monkeypatch) -> None:
    package = tmp_path / "mine_of_a_user"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "head.py").write_text("from torch import nn\nfrom .layers import X\nfrom mine_of_a_user.more import Y\n")
    for name in ("layers", "more"):
        (package / f"{name}.py").write_text("X = Y = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    files = run_id.sources("mine_of_a_user.head", set())
    assert {file.name for file in files} == {"head.py", "layers.py", "more.py"}
    assert {file.name for file in run_id.sources("torch.optim.adamw", set())} == {"adamw.py"}
