"""Every YAML file composes, builds, lies in its group's package and names its constructor's arguments."""

import importlib
import inspect
import re
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from multimodal.runs.settings import check_settings
from multimodal.runs.space import sweep_jobs
from tests.helpers.toy import options

CONF = Path(__file__).parent.parent / "conf"
FILES = sorted(f for f in CONF.rglob("*.yaml") if "_target_" in f.read_text() and f.name != "config.yaml")
FILES = [f for f in FILES if CONF / "hydra" not in f.parents]  # those are Hydra's own settings
# optimizers are PyTorch's, and schedules are functions of one file
ELSEWHERE = {"optimizer": "torch.optim.", "scheduler": "multimodal.training.schedule."}
# what is not a component of the suite: modes are functions of run.py
COMPONENTS = [f for f in FILES if f.parent.name != "mode"]


def name(file: Path) -> str:
    return str(file.relative_to(CONF).with_suffix(""))


def choice(file: Path) -> list[str]:
    """The command line that chooses a file."""
    group = "/".join(file.relative_to(CONF).parent.parts)
    return [*(["tracking=several"] if group == "tracking/trackers" else []), f"{group}={file.stem}"]


def read(file: Path, config) -> dict:
    """What is in a file, and in the files that it builds on."""
    node = OmegaConf.load(file)
    if "defaults" in node:
        group = file.relative_to(CONF).parent
        node = OmegaConf.select(config(*choice(file), "dataset.source=embedded"), ".".join(group.parts))
    return OmegaConf.to_container(node)


def targets(node: object) -> list[dict]:
    """Every mapping with a `_target_`, at any depth."""
    if isinstance(node, dict):
        return ([node] if "_target_" in node else []) + [t for v in node.values() for t in targets(v)]
    return [t for v in node for t in targets(v)] if isinstance(node, list) else []


@pytest.mark.parametrize("file", FILES, ids=name)
def test_keys_are_the_arguments_of_the_target(file: Path, config) -> None:
    for node in targets(read(file, config)):
        module, _, attribute = node["_target_"].rpartition(".")
        parameters = inspect.signature(getattr(importlib.import_module(module), attribute)).parameters
        named = {n for n, p in parameters.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
        given = {key for key in node if not key.startswith("_")}
        assert given <= named, f"{node['_target_']} does not take all of {given}"
        if not node.get("_partial_"):
            at_run_time = {"vocabulary"}  # a checkpoint's, given by mode=evaluate
            assert named - at_run_time == given, f"{node['_target_']} lacks arguments"


@pytest.mark.parametrize("file", COMPONENTS, ids=name)
def test_target_lies_in_the_package_of_its_group(file: Path, config) -> None:
    group = ".".join(file.relative_to(CONF).parent.parts)
    node = read(file, config)
    own = node["measures"].values() if group == "evaluation" else targets(node) if "tracking" in group else [node]
    group = group.removesuffix(".trackers")  # one of several is the same class
    assert all(part["_target_"].startswith(ELSEWHERE.get(group, f"multimodal.{group}.")) for part in own)


@pytest.mark.parametrize("file", FILES, ids=name)
def test_a_file_says_when_to_pick_it(file: Path) -> None:
    assert file.read_text().startswith("# ")


@pytest.mark.parametrize("file", COMPONENTS, ids=name)
def test_builds(file: Path, config) -> None:
    group = "/".join(file.relative_to(CONF).parent.parts)
    cfg: DictConfig = config(*choice(file), "dataset.source=embedded")
    node = OmegaConf.select(cfg, group.replace("/", "."))
    if group == "dataset":
        assert node.embedded is None or instantiate(node.embedded) is not None  # reading the data is another test's
    else:
        assert instantiate(node, _convert_="all") is not None


def test_dataset_brings_its_encoder_and_head_and_the_command_line_wins(config) -> None:
    assert config("dataset=mnist").encoder.image._target_.endswith("CNN")
    assert config("dataset=animals").encoder.image.stem_stride == 4
    assert config("dataset=animals", "encoder/image=cnn").encoder.image.stem_stride == 2
    assert config("dataset=mnist", "encoder/image=resnet18").encoder.image.name == "resnet18"


@pytest.mark.parametrize("experiment", options("experiment"))
def test_an_experiment_composes_and_the_command_line_wins(config, experiment: str) -> None:
    cfg = config(f"experiment={experiment}", "training.modality_dropout.image=0.25")
    assert cfg != config()
    assert cfg.training.modality_dropout.image == 0.25


@pytest.mark.parametrize("experiment", options("experiment"))
def test_all_settings_of_an_experiment_are_in_effect(config, experiment: str) -> None:
    node = OmegaConf.load(CONF / "experiment" / f"{experiment}.yaml")
    settings = OmegaConf.masked_copy(node, [key for key in node if key not in ("defaults", "hydra")])
    cfg = config(f"experiment={experiment}")
    assert OmegaConf.merge(cfg, settings) == cfg


@pytest.mark.parametrize("experiment", options("experiment"))
def test_a_sweep_changes_the_seed_slowest(experiment: str) -> None:
    """So jobs side by side are of other fusions, and do not wait for the same search."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("config", [f"experiment={experiment}"], return_hydra_config=True)
    assert next(iter(cfg.hydra.sweeper.params or ["seed"])) == "seed"


@pytest.mark.parametrize("experiment", options("experiment"))
def test_an_experiment_says_how_many_runs_it_is(experiment: str) -> None:
    told = re.search(r"experiment=\w+ +(\d+) runs", (CONF / "experiment" / f"{experiment}.yaml").read_text())
    with initialize_config_dir(str(CONF), version_base="1.3"):
        jobs = list(sweep_jobs(compose("config", [f"experiment={experiment}"], return_hydra_config=True)))
    assert len(jobs) == (int(told[1]) if told else 1)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.modality_dropout.image=-0.1", "modality_dropout"),
        ("training.modality_dropout.text=0.9", "sum must be 1 at most"),
        ("training.batch_size=0", "batch_size"),
        ("training.devices=0", "devices"),
        ("optimizer.lr=-1", r"optimizer\.lr must be a number, above 0, got -1"),
        ("training.precision=16-true", "precision must be one of"),
        ("training.strategy=fsdp", r"training\.strategy must be one of auto, ddp, got fsdp"),
        ("training.modality_dropout.ramp=2", "ramp must be a number"),
        ("training.accelerator=cuda", "CUDA"),
    ],
)
def test_bad_training_settings_are_refused(config, override: str, message: str) -> None:
    if override == "training.accelerator=cuda":
        torch = importlib.import_module("torch")
        if torch.cuda.is_available():
            pytest.skip("this machine has a CUDA device")
    with pytest.raises(Exception, match=message):
        instantiate(config(override).training, _convert_="all")


def test_a_temperature_of_zero_is_refused(config) -> None:
    with pytest.raises(Exception, match="temperature must be"):
        instantiate(config("loss.terms.contrastive.temperature=0").loss, _convert_="all")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed=1.5", "seed must be a whole number, got 1.5"),
        ("seed=-1", "seed must be a whole number"),
        ("seed=abc", "seed must be a whole number, got 'abc'"),
        ("dataset.seed=null", r"dataset\.seed must be a whole number"),
        ("resume=foo", "resume must be true or false, got 'foo'"),
        ("requeue=1", "requeue must be true or false, got 1"),
        ("report.margin=abc", r"report\.margin must be a number"),
    ],
)
def test_bad_settings_of_no_component_are_refused(config, override: str, message: str) -> None:
    check_settings(config())
    with pytest.raises(ValueError, match=message):
        check_settings(config(override))


@pytest.mark.parametrize(
    ("dim", "wanted"), [(0, "from 1 to"), (-8, "from 1 to"), ("abc", "got 'abc'"), (1.5, "got 1.5")]
)
def test_a_width_that_is_none_is_refused(config, dim: object, wanted: str) -> None:
    with pytest.raises(ValueError, match=f"dim must be a whole number.*{wanted}"):
        check_settings(OmegaConf.merge(config(), {"dim": dim}))


@pytest.mark.parametrize(
    "override", ["training.modality_dropout.image=abc", "evaluation.measures.availability.grid_steps=2.5"]
)
def test_a_setting_of_another_kind_is_refused(config, override: str) -> None:
    cfg = config(override)
    with pytest.raises(Exception, match=r"must be a (whole )?number"):
        instantiate(cfg[override.partition(".")[0]], _convert_="all")
