"""Compositions that a test process keeps: to compose its settings, four times, is half of a tiny command's time."""

import os
import pickle
from collections.abc import Hashable
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.utils import JobRuntime
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

COMPOSE, READ = ConfigLoaderImpl.load_configuration, OmegaConf.load
COMPOSED: dict[Hashable, bytes] = {}
FILES: dict[Hashable, bytes] = {}


def kept_composition(
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
        config = COMPOSE(loader, config_name, overrides, run_mode, from_shell, validate_sweep_overrides)
        COMPOSED[key] = pickle.dumps(config)
        return config
    config = pickle.loads(COMPOSED[key])
    config.hydra.runtime.cwd = str(Path.cwd())
    return config


def kept_file(file: Any) -> Any:
    """In the place of `OmegaConf.load`: a copy of what an open file, as it is, gave before."""
    if not isinstance(file, TextIOWrapper):
        return READ(file)
    state = os.fstat(file.fileno())
    key = (file.name, state.st_ino, state.st_size, state.st_mtime_ns)
    if key not in FILES:
        FILES[key] = pickle.dumps(READ(file))
    return pickle.loads(FILES[key])


def compose_once(patch: pytest.MonkeyPatch) -> None:
    """Compose equal overrides, and read equal files, once in this process, as long as the patch lasts."""
    patch.setattr(ConfigLoaderImpl, "load_configuration", kept_composition)
    patch.setattr(OmegaConf, "load", staticmethod(kept_file))
