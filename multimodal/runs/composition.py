"""A composed config and the overrides that it was made from, the same for the command line and for a notebook."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from multimodal.paths import expanded

# `conf/` lies inside the installed package, and beside it in a checkout
CONF = next(p for p in (Path(__file__).parents[1] / "conf", Path(__file__).parents[2] / "conf") if p.is_dir())


def sweep_folder(output_dir: str | None) -> str:
    """Return the folder of a sweep's runs."""
    return str(expanded(output_dir or "runs"))


def num_gpus() -> int:
    """Count the GPUs that this process may use."""
    from multimodal.runs.gpus import visible_gpus  # imports torch, which --help does not wait for

    return len(visible_gpus())


OmegaConf.register_new_resolver("num_gpus", num_gpus, replace=True)
OmegaConf.register_new_resolver("or", lambda value, other: other if value is None else value, replace=True)
OmegaConf.register_new_resolver("sweep_folder", sweep_folder, replace=True)


@dataclass(frozen=True)
class Composition:
    """A config and its origin.

    Args:
        config: as composed, its `${...}` not yet filled in.
        choices: {group: the option that was chosen}.
        overrides: those of the command line.
        multirun: whether the job is one of a sweep.
        tuning: how mode=tune chose the settings, see `RunRecord`; None if it did not.
    """

    config: DictConfig
    choices: dict[str, str]
    overrides: list[str]
    multirun: bool
    tuning: dict[str, Any] | None = None

    @classmethod
    def of(cls, config: DictConfig, hydra: DictConfig) -> "Composition":
        """Return the composition of a config and of Hydra's own node.

        Args:
            config: without the node `hydra`.
            hydra: the node `hydra`.
        """
        choices = {str(k): v for k, v in hydra.runtime.choices.items() if not str(k).startswith("hydra/")}
        return cls(config, choices, list(hydra.overrides.task), hydra.mode is RunMode.MULTIRUN)


def compose(overrides: Sequence[str]) -> Composition:
    """Compose the config as the command line does; Hydra's global state is as it was afterwards.

    Inside of a command, its own search path is used.

    Args:
        overrides: as on the command line: `dataset=mnist`, `training.steps=100`.

    Raises:
        hydra.errors.HydraException: the overrides do not compose.
    """
    running = GlobalHydra.instance().is_initialized()
    with nullcontext() if running else initialize_config_dir(str(CONF), version_base="1.3"):
        config = hydra_compose("config", list(overrides), return_hydra_config=True)
    with open_dict(config):
        hydra = config.pop("hydra")
    return Composition.of(config, hydra)
