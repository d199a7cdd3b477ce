"""Compositions that a test process keeps: to compose its settings, four times, is half of a tiny command's time."""

import pickle
from collections.abc import Hashable
from pathlib import Path

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.utils import JobRuntime
from hydra.types import RunMode
from omegaconf import DictConfig

LOAD = ConfigLoaderImpl.load_configuration
COMPOSED: dict[Hashable, bytes] = {}


def load_once(
    loader: ConfigLoaderImpl,
    config_name: str | None,
    overrides: list[str],
    run_mode: RunMode,
    from_shell: bool = True,
    validate_sweep_overrides: bool = True,
) -> DictConfig:
    """In the place of `ConfigLoaderImpl.load_configuration`: a copy of what the same overrides gave before.

    Errors are not kept; `from_shell` changes nothing else than their words.
    """
    places = tuple((source.provider, source.path) for source in loader.get_sources())
    key = (config_name, tuple(overrides), run_mode, validate_sweep_overrides, JobRuntime().get("name"), places)
    if key not in COMPOSED:
        config = LOAD(loader, config_name, overrides, run_mode, from_shell, validate_sweep_overrides)
        COMPOSED[key] = pickle.dumps(config)
        return config
    config = pickle.loads(COMPOSED[key])
    config.hydra.runtime.cwd = str(Path.cwd())
    return config


def compose_once(patch: pytest.MonkeyPatch) -> None:
    """Compose equal overrides once in this process, as long as the patch lasts."""
    patch.setattr(ConfigLoaderImpl, "load_configuration", load_once)
