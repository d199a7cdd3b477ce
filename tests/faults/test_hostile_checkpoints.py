"""Checkpoints that somebody made or changed: none runs code, writes a file or reads a secret, and each is one line.

Alone: python -m pytest -m "slow or not slow" tests/faults/test_hostile_checkpoints.py
"""

import os
import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

import multimodal
from multimodal.io import write_json
from multimodal.runs.build import build_model
from multimodal.runs.checkpoint import load_model
from multimodal.runs.record import RunRecord
from multimodal.training.checkpoint_file import load_checkpoint, save_checkpoint
from tests.helpers.command import command
from tests.helpers.hostile.files import FILES, TOUCH
from tests.helpers.hostile.parts import PARTS
from tests.helpers.hostile.targets import COMMAND, PLACES, TARGETS
from tests.helpers.hostile.values import VALUES
from tests.helpers.hostile.whole import CANARY, SECRET, opened, put, saved, whole_state

CHANGES = {f"a command at {place}": put(place, COMMAND) for place in PLACES}
CHANGES |= {f"at fusion: {name}": put("fusion", target) for name, target in TARGETS.items()}
CHANGES |= {f"in a list: {name}": put("extra", [[target]]) for name, target in TARGETS.items()}
CHANGES |= VALUES | PARTS


def everywhere(name: str, value: int):
    """A change of a size or width in all places that share it."""

    def change(state: dict) -> None:
        rest = [state["record"]["config"]]
        while rest:
            node = rest.pop()
            rest += [child for child in node.values() if isinstance(child, dict)]
            if name in node:
                node[name] = value

    return change


CHANGES |= {
    "a caption without end": put("head.text.max_length", 10**8),
    "a caption without end, everywhere": lambda state: [
        everywhere("max_length", 10**8)(state),
        put("dataset.max_words", 10**8)(state),
    ],
    "a wide encoder": put("encoder.image.dim", 2**15),
    "a wide model": everywhere("dim", 2**15),
    "a deep stack": put("fusion.num_layers", 10**9),
    "a wide fusion": put("fusion.hidden", 2**40),
}
FILE_NAME = "hostile.pt"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Iterator[Path]:
    """The working folder, with a module that must not be imported; at the end nothing in it is new."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv(SECRET, "secret")
    (tmp_path / f"{CANARY}.py").write_text("open('canary', 'w')\ndef run(*a, **k): open('canary', 'w')\n")
    (tmp_path / "hubconf.py").write_text(f"def {CANARY}(*a, **k): open('canary', 'w')\n")
    torch.save(TOUCH, tmp_path / "pickle.pt")
    before = {file.name for file in tmp_path.iterdir()}
    yield tmp_path
    assert {file.name for file in tmp_path.iterdir()} - {FILE_NAME, "cache"} == before
    assert CANARY not in sys.modules
    assert "multimodal_hub" not in sys.modules


def refused(error: str) -> None:
    """Hold an error to one line that names the file and gives no secret away."""
    assert FILE_NAME in error
    assert "\n" not in error
    assert len(error) < 1500
    assert "secret" not in error


@pytest.mark.parametrize("name", list(CHANGES))
def test_a_changed_checkpoint_is_one_line(folder: Path, name: str) -> None:
    file = saved(folder, CHANGES[name])
    with pytest.raises(ValueError, match=r".") as caught:
        load_model(opened(file))
    refused(str(caught.value))


@pytest.mark.parametrize("name", list(FILES))
def test_a_file_that_is_no_checkpoint_is_one_line(folder: Path, name: str) -> None:
    FILES[name](folder / FILE_NAME)
    with pytest.raises(ValueError, match=r".") as caught:
        load_model(opened(folder / FILE_NAME))
    refused(str(caught.value))


def test_a_whole_checkpoint_is_loaded(folder: Path) -> None:
    model = load_model(opened(saved(folder, lambda state: None)))
    assert all(torch.equal(value, whole_state()["model"][name]) for name, value in model.state_dict().items())


def test_a_place_of_its_own_is_not_written_to(folder: Path) -> None:
    """`output_dir`, `cache_dir`, the judge's cache and the weights of a checkpoint's config are this machine's."""

    def elsewhere(state: dict) -> None:
        for place in ("output_dir", "cache_dir", "evaluation.image_judge.cache"):
            put(place, f"{folder}/{CANARY}")(state)
        put("encoder.image", whole_state()["record"]["config"]["encoder"]["image"] | {"weights": "pickle.pt"})(state)

    file = saved(folder, elsewhere)
    with pytest.raises(ValueError, match="unexpected keyword argument 'weights'"):  # this encoder reads no file
        opened(file) and load_model(opened(file))
    config = opened(file).config
    assert config.encoder.image.weights == "none"
    assert config.evaluation.image_judge.cache != f"{folder}/{CANARY}"


def test_a_package_that_the_user_trusts_is_run_and_only_that(folder: Path) -> None:
    file = saved(folder, put("fusion", {"_target_": "torch.nn.Flatten"}))
    with pytest.raises(ValueError, match="give trust=torch"):
        opened(file)
    for trust in ("torch", "torch.nn", ["mine", "torch.nn"]):
        assert opened(file, trust).config.fusion._target_ == "torch.nn.Flatten"
    for trust in ("torch.optim", "tor", "torch.n", [], "nothing", CANARY.upper()):
        with pytest.raises(ValueError, match="no file of conf/ offers"):
            opened(file, trust)
    for target in ("torch.nn.functional.math.sqrt", "torch.os.system", "torch.nn", "torch.version", "os.system"):
        with pytest.raises(ValueError, match="no file of conf/ offers"):
            opened(saved(folder, put("fusion", {"_target_": target})), "torch")


@pytest.mark.parametrize("trust", [5, "", "a b", ["a", 3], "../x", ".a", {"a-b": 1}])
def test_what_is_no_package_cannot_be_trusted(folder: Path, trust: object) -> None:
    with pytest.raises(ValueError, match="trust must be a package's name"):
        opened(saved(folder, lambda state: None), trust)


def test_every_option_of_conf_is_offered(config, folder: Path) -> None:
    """Also two terms of a loss that no file has together, and a getter."""
    for overrides in (
        ["dataset=animals", "loss=ogm_ge", "optimizer=sgd", "fusion=film", "encoder/text=gru"],
        ["loss=unimodal", "caption=anonymous", "encoder/image=vit", "scheduler=warmup_constant", "tracking=disabled"],
        ["+loss.terms.second={_target_: multimodal.loss.siglip.SigLIP, temperature: 0.1, learned: true, bias: -10}"],
        ["experiment=synergy", "mode=evaluate"],
    ):
        resolved = OmegaConf.to_container(config(*overrides), resolve=True)
        resolved["sizes"] = whole_state()["record"]["config"]["sizes"]

        def change(state: dict, resolved: dict = resolved) -> None:
            state["record"]["config"] = resolved
            resolved["dataset"]["channels"], resolved["dataset"]["image_size"] = 1, 28

        opened(saved(folder, change))


def test_a_notebook_trusts_as_the_command_does(folder: Path, tmp_path_factory) -> None:
    run = tmp_path_factory.mktemp("run")
    (run / "best.pt").write_bytes(saved(folder, put("fusion", COMMAND)).read_bytes())
    RunRecord(**whole_state()["record"]).write(run)
    write_json({}, run / "metrics.json")
    with pytest.raises(ValueError, match=r"best\.pt: 'fusion' names 'os\.system'"):
        _ = multimodal.load(run).model
    with pytest.raises(ValueError, match="no file of conf/ offers"):
        multimodal.load(run).predict(text="a seven")
    with pytest.raises(ValueError, match="no file of conf/ offers"):
        _ = multimodal.load(run, trust=["torch"]).model
    (run / "metrics.json").write_text("")
    with pytest.raises(ValueError, match=r"holds a damaged run: metrics\.json is empty"):
        multimodal.load(run)
    (run / "metrics.json").write_text('{"accuracy": NaN}')
    with pytest.raises(ValueError, match=r"holds a damaged run: metrics\.json holds NaN"):
        multimodal.load(run)


def test_a_trusted_package_that_cannot_be_imported_is_told_as_that(folder: Path) -> None:
    (folder / "broken.py").write_text("1 / 0")
    for name, trust, reason in (
        ("mine.Fusion", "mine", "trust=mine is given, but mine cannot be imported (ModuleNotFoundError: No module"),
        ("broken.Fusion", "broken", "trust=broken is given, but broken cannot be imported (ZeroDivisionError: divi"),
        ("torch.nn.Nothing", "torch", "trust=torch is given, but it defines no class or function of that name"),
        ("mine.Fusion", "other", "give trust=mine"),
    ):
        with pytest.raises(ValueError, match=re.escape(reason)):
            opened(saved(folder, put("fusion", {"_target_": name})), trust)
    (folder / "broken.py").unlink()


def test_a_model_is_compared_before_it_takes_memory(folder: Path, monkeypatch) -> None:
    devices = []

    def build(config):
        devices.append(torch.get_default_device().type)
        return build_model(config)

    monkeypatch.setattr("multimodal.runs.checkpoint.build_model", build)
    with pytest.raises(ValueError, match=r"does not hold the weights of its model: .* the model's is"):
        load_model(opened(saved(folder, everywhere("dim", 2**15))))
    assert devices == ["meta"]


@pytest.mark.parametrize("mode", ["generate", "evaluate"])
@pytest.mark.parametrize(
    "change",
    [
        put("fusion", COMMAND),
        PARTS["all weights NaN"],
        PARTS["no class names"],
        PARTS["config null"],
        PARTS["no model"],
    ],
)
def test_a_command_ends_in_one_line(folder: Path, mode: str, change) -> None:
    sample = ["text=seven"] if mode == "generate" else ["tracking=disabled"]
    saved(folder, change)
    done = command(folder, f"mode={mode}", f"checkpoint={FILE_NAME}", *sample)
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.status == 1
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    refused(lines[0])


@pytest.mark.slow
def test_no_hostile_file_gets_through_a_command(folder: Path) -> None:
    """Every change and file by `mode=generate`, as a user would meet it."""
    tried = 0
    for name, change in CHANGES.items():
        saved(folder, change)
        tried += ends_in_one_line(folder, name)
    for name, write in FILES.items():
        if (folder / FILE_NAME).is_file():
            (folder / FILE_NAME).unlink()
        write(folder / FILE_NAME)
        tried += ends_in_one_line(folder, name)
        if (folder / FILE_NAME).is_dir():
            (folder / FILE_NAME / "best.pt").rmdir()
            (folder / FILE_NAME).rmdir()
    print(f"{tried} hostile files: none ran code, wrote a file or gave a secret away")
    assert tried == len(CHANGES) + len(FILES) > 62


def ends_in_one_line(folder: Path, name: str) -> int:
    done = command(folder, "mode=generate", f"checkpoint={FILE_NAME}", "text=seven")
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.status == 1, name
    assert len(lines) == 1, f"{name}: {done.stderr}"
    refused(lines[0])
    assert not (folder / CANARY).exists(), name
    return 1


@pytest.mark.slow
def test_single_flipped_bits_are_found(folder: Path) -> None:
    """What still loads is equal: the bit was in padding, or in an entry's date."""
    assert fuzz(folder, 2000, flips=1) == 2000


@pytest.mark.slow
def test_random_damage_is_found(folder: Path) -> None:
    """About a minute: bits, bytes, cuts, insertions and exchanged pieces; `FUZZ=<count>` for more."""
    count = int(os.environ.get("FUZZ", "6000"))
    assert fuzz(folder, count, flips=0) == count


def fuzz(folder: Path, count: int, flips: int) -> int:
    """Damage a whole checkpoint at random; each time it is one line, or loads what was saved. Return the times."""
    file, generator = folder / FILE_NAME, random.Random(0)
    save_checkpoint(whole_state(), file)
    whole, expected = file.read_bytes(), whole_state()
    loaded = 0
    for _ in range(count):
        content = bytearray(whole)
        damage(content, generator, flips)
        file.write_bytes(content)
        try:
            state = load_checkpoint(file)
        except ValueError as error:
            refused(str(error))
            continue
        assert {k: v for k, v in state.items() if k != "model"} == {k: v for k, v in expected.items() if k != "model"}
        assert all(torch.equal(value, expected["model"][name]) for name, value in state["model"].items())
        loaded += 1
    print(f"{count} damaged files, of which {loaded} load what was saved")
    return count


def damage(content: bytearray, generator: random.Random, flips: int) -> None:
    """Change bytes in place: one bit, or one of several kinds of damage."""
    kind = (
        "flip" if flips else generator.choice(["flip", "bytes", "cut", "insert", "delete", "exchange", "zero", "new"])
    )
    at, length = generator.randrange(len(content)), generator.randrange(1, 400)
    if kind == "flip":
        content[at] ^= 1 << generator.randrange(8)
    elif kind == "bytes":
        for _ in range(generator.randrange(1, 20)):
            content[generator.randrange(len(content))] = generator.randrange(256)
    elif kind == "cut":
        del content[at:]
    elif kind == "insert":
        content[at:at] = generator.randbytes(length)
    elif kind == "delete":
        del content[at : at + length]
    elif kind == "exchange":
        other = generator.randrange(len(content))
        content[at : at + length] = content[other : other + length]
    elif kind == "zero":
        content[at : at + length] = bytes(len(content[at : at + length]))
    else:
        content[:] = generator.randbytes(length)
