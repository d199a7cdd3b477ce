"""The search space of mode=tune: settings with the values that they may take, in Hydra's notation of a sweep."""

import math
import re
from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, RangeSweep
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from multimodal.checks import check_seed, check_whole
from multimodal.runs.composition import compose
from multimodal.runs.overrides import check_key, parse
from multimodal.runs.settings import EXPECTED, check_model, check_settings, explain

# Parts of the config that may be tuned: model and training, not the data, what is asked, or what is measured.
TUNABLE = ("encoder", "missing", "fusion", "head", "loss", "training", "optimizer", "scheduler", "dim")
FIXED = {  # settings of the training that may not: why
    **dict.fromkeys(("training.steps", "training.epochs"), "the budget is equal for all"),
    **dict.fromkeys(("training.accelerator", "training.devices", "training.num_nodes"), "it is of the machine"),
    **dict.fromkeys(("training.strategy", "training.precision", "training.accumulation"), "it is of the machine"),
    "training.select": "it decides which checkpoint a trial is scored by",
}
DIGITS = 3  # significant digits of a value from an interval: it stands in commands and tables
EXAMPLE = "optimizer.lr=tag(log,interval(0.0001,0.01)) or dim=64,128"


@dataclass(frozen=True)
class Dimension:
    """A setting of the search space with its values: choices, or a number within an interval.

    Args:
        name: the setting's dotted name.
        choices: its values; empty for an interval.
        low, high: ends of the interval, both included.
        log: whether the interval is searched by the logarithm.
        whole: whether its numbers are whole.
    """

    name: str
    choices: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False

    @property
    def checked(self) -> tuple[Any, ...]:
        """Return the values to check before work starts: all choices, or the ends of the interval.

        Of whole numbers the second one too: where only multiples can be, it is none.
        """
        return self.choices or (self.low, self.high, *([self.low + 1] if self.whole else []))

    @property
    def size(self) -> float:
        """Return how many values there are: of an interval those that differ after rounding, infinite around 0."""
        if self.choices:
            return len(self.choices)
        if self.whole:
            return self.high - self.low + 1
        if self.low <= 0 <= self.high:
            return math.inf
        return abs(rank_of(abs(self.high)) - rank_of(abs(self.low))) + 1

    def holds(self, value: Any) -> bool:
        """Return whether the setting may have this value."""
        if self.choices:
            return any(type(value) is type(choice) and value == choice for choice in self.choices)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and self.low <= value <= self.high and (not self.whole or isinstance(value, int))

    def rounded(self, value: Any) -> Any:
        """Round a number of the interval to a few digits, within its ends; a choice is returned as it is."""
        if self.choices or self.whole:
            return value
        return min(max(float(f"{value:.{DIGITS}g}"), self.low), self.high)

    def __str__(self) -> str:
        """Return the words of a report: `optimizer.lr 0.0001 to 0.01 (log)`."""
        if self.choices:
            *texts, last = map(value_text, self.choices)
            return f"{self.name} {' or '.join(filter(None, [', '.join(texts), last]))}"
        return f"{self.name} {self.low:g} to {self.high:g}" + (" (log)" if self.log else "")


def rank_of(number: float) -> int:
    """Return the place of a positive number, rounded to a few digits, among all such numbers, counted from 1.

    >>> rank_of(1.02) - rank_of(1.0), rank_of(10.0) - rank_of(1.0)
    (2, 900)
    """
    digits, exponent = f"{number:.{DIGITS - 1}e}".split("e")
    return 9 * 10 ** (DIGITS - 1) * int(exponent) + int(digits.replace(".", "")) - 10 ** (DIGITS - 1) + 1


def space_size(space: list[Dimension]) -> float:
    """Return how many different settings a space has."""
    return math.prod(dimension.size for dimension in space)


def read_space(texts: Iterable[str], cfg: DictConfig) -> list[Dimension]:
    """Return the dimensions of a search space for a config.

    An interval between two whole numbers has whole numbers only where the setting is one in the config: Hydra's
    notation does not tell 1 from 1.0 there.

    Args:
        texts: see `parse_space`.
        cfg: whole config.

    Raises:
        ValueError: see `parse_space`.
    """
    return [as_whole(d) if type(OmegaConf.select(cfg, d.name)) is int else d for d in parse_space(texts)]


def as_whole(dimension: Dimension) -> Dimension:
    """Return an interval of whole numbers if both ends are; else the dimension as it is."""
    low, high = dimension.low, dimension.high
    if dimension.choices or not (float(low).is_integer() and float(high).is_integer()):
        return dimension
    return replace(dimension, low=int(low), high=int(high), whole=True)


def parse_space(texts: Iterable[str]) -> list[Dimension]:
    """Return the dimensions of a search space.

    Args:
        texts: for each setting its values: `dim=64,128`, `optimizer.lr=tag(log,interval(0.0001,0.01))`.

    Raises:
        ValueError: a text names no values, or a setting stands there twice.
    """
    dimensions = [parse_dimension(text) for text in texts]
    names = [dimension.name for dimension in dimensions]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"mode.space has {twice} twice; give all of its values in one entry")
    return dimensions


def parse_dimension(text: str) -> Dimension:
    """Return one dimension; ValueError for a text that names no values."""
    if "=" not in text:
        raise ValueError(f"mode.space: {text!r} has no values; give for example {EXAMPLE}")
    override = parse(text)
    name, value = override.key_or_group, override.value()
    if override.is_delete() or override.is_add():
        raise ValueError(f"mode.space: {text!r} must be a setting and its values, such as {EXAMPLE}")
    if isinstance(value, IntervalSweep):
        return interval(name, value)
    if not isinstance(value, ChoiceSweep | RangeSweep) or not override.is_discrete_sweep():
        raise ValueError(f"mode.space: {text!r} has only one value; give several, such as {EXAMPLE}")
    choices = tuple(getattr(choice, "text", choice) for choice in override.sweep_iterator())
    wrong = [choice for choice in choices if not isinstance(choice, str | int | float | bool | None)]
    if wrong:
        raise ValueError(f"mode.space: {name} may be numbers, texts, true, false or null, got {wrong[0]}")
    return Dimension(name, tuple(dict.fromkeys(choices)))


def interval(name: str, value: IntervalSweep) -> Dimension:
    """Return the dimension of an interval; ValueError for one that is empty, or has no logarithm."""
    assert value.start is not None, "the grammar gives both ends"
    assert value.end is not None, "the grammar gives both ends"
    low, high, log = value.start, value.end, "log" in value.tags
    if not low < high:
        raise ValueError(f"mode.space: the interval of {name} must end above its start, got {low:g} to {high:g}")
    if log and low <= 0:
        raise ValueError(f"mode.space: the interval of {name} must start above 0 to have a logarithm, got {low:g}")
    return Dimension(name, (), low, high, log, whole=isinstance(low, int) and isinstance(high, int))


def value_text(value: Any) -> str:
    """Return a value as the command line takes it.

    >>> value_text(None), value_text(True), value_text(0.003), value_text("a b")
    ('null', 'true', '0.003', "'a b'")
    """
    if isinstance(value, str):
        return value if re.fullmatch(r"[\w.-]+", value) else repr(value)
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else f"{value}"


def with_values(cfg: DictConfig, values: dict[str, Any]) -> DictConfig:
    """Return a copy of the config in which settings have these values; `${...}` follow them.

    Args:
        cfg: as composed.
        values: {dotted name: value}.
    """
    changed = deepcopy(cfg)
    for name, value in values.items():
        OmegaConf.update(changed, name, value)
    return changed


def current_values(cfg: DictConfig, space: list[Dimension]) -> dict[str, Any]:
    """Return {setting of the space: its value in the config}."""
    return {dimension.name: OmegaConf.select(cfg, dimension.name) for dimension in space}


def check_tuning(cfg: DictConfig) -> None:
    """Check all that mode=tune needs, before anything is trained.

    Args:
        cfg: the whole config, with mode=tune.

    Raises:
        ValueError: the space, the number of trials or a seed is wrong, in one line.
    """
    check_settings(cfg)
    mode = cfg.mode
    check_whole("mode", trials=mode.trials)
    check_seed("mode", sampler_seed=mode.sampler_seed)
    check_tuning_seeds(list(mode.tuning_seeds), {cfg.seed})
    if not cfg.resume:
        raise ValueError("resume=false: mode=tune always goes on; give another output_dir to tune anew")
    space = read_space(mode.space, cfg)
    if not space:
        raise ValueError(f"mode.space is empty; give settings with their values, such as {EXAMPLE}")
    for dimension in space:
        check_dimension(cfg, dimension)
    for i in range(max(len(dimension.checked) for dimension in space)):
        changed = with_values(cfg, {d.name: d.checked[min(i, len(d.checked) - 1)] for d in space})
        try:
            check_settings(changed)
            # knows the ranges of its optimizer; on any device
            here = {"accelerator": "cpu", "devices": 1, "num_nodes": 1, "strategy": "auto", "precision": "32-true"}
            instantiate(changed.training, **here, _convert_="all")
            check_model(changed)
        except (*EXPECTED, InstantiationException) as error:
            advice = "; multiples alone are a range: dim=range(64,257,32)" if any(d.whole for d in space) else ""
            raise ValueError(f"mode.space has a value that cannot be: {explain(error, changed)}{advice}") from error
    size = space_size(space)
    if mode.trials > size:
        raise ValueError(
            f"mode.trials={mode.trials}, but mode.space has only {int(size)} different settings, and none is tried "
            f"twice; give mode.trials={int(size)}, or more values in mode.space"
        )


def check_tuning_seeds(tuning_seeds: list[Any], seeds: set[int]) -> None:
    """Raise ValueError unless there are seeds for the trials, all different, and none that a final run has."""
    if not tuning_seeds or len(set(tuning_seeds)) < len(tuning_seeds):
        raise ValueError(f"mode.tuning_seeds must be one seed or more, all different, got {tuning_seeds}")
    for seed in tuning_seeds:
        check_seed("mode", tuning_seeds=seed)
    both = sorted(seeds & set(tuning_seeds))
    if both:
        raise ValueError(
            f"mode.tuning_seeds and seed both have {', '.join(map(str, both))}: a final run would repeat a training "
            "that its settings were chosen by; give seeds apart"
        )


def check_dimension(cfg: DictConfig, dimension: Dimension) -> None:
    """Raise ValueError unless a dimension is a setting that may be tuned and can be set."""
    name = dimension.name
    try:
        check_key(cfg, parse(f"{name}=0"))
    except ValueError as error:
        raise ValueError(f"mode.space: {error}") from error
    if isinstance(OmegaConf.select(cfg, name), DictConfig):
        raise ValueError(f"mode.space: {name} is a part of the config; name one of its settings")
    if name.partition(".")[0] not in TUNABLE or name in FIXED:
        why = FIXED.get(name, f"those of {', '.join(TUNABLE)} can")
        raise ValueError(f"mode.space: {name} cannot be tuned: {why}")
    if name == "fusion.hidden" and cfg.fusion_parameters is not None:
        raise ValueError("mode.space: fusion_parameters sets fusion.hidden: give one of the two")
    value = dimension.checked[-1]
    if OmegaConf.select(with_values(cfg, {name: value}), name) != value:
        raise ValueError(f"mode.space: {name} follows another setting; tune that one")


def check_tuning_jobs(config: DictConfig) -> None:
    """Check all jobs of a sweep with mode=tune before the first one starts; other sweeps are left alone.

    Args:
        config: of the sweep, with the node `hydra`.

    Raises:
        ValueError: a job would fail by its space, its trials or its seeds.
    """
    if config.hydra.runtime.choices.get("mode") != "tune":
        return
    jobs = list(sweep_jobs(config))
    seeds = {int(seed) for job in jobs for seed in seed_of(job) if seed.isdecimal()} or {config.seed}
    if OmegaConf.is_list(config.mode.tuning_seeds):  # if it is none, the jobs are refused below
        check_tuning_seeds(list(config.mode.tuning_seeds), seeds)
    for rest in dict.fromkeys(tuple(o for o in job if not o.startswith("seed=")) for job in jobs):
        check_tuning(compose([*rest, f"seed={min(seeds)}"]).config)


def sweep_jobs(config: DictConfig) -> Iterator[list[str]]:
    """Yield the overrides of each job of a sweep."""
    params = config.hydra.sweeper.get("params") or {}
    lines = [f"{name}={value}" for name, value in params.items()] + list(config.hydra.overrides.task)
    parsed = OverridesParser.create().parse_overrides(lines)
    yield from (job for batch in BasicSweeper.split_arguments(parsed, None) for job in batch)


def seed_of(job: list[str]) -> list[str]:
    """Return the value of `seed` in a job's overrides, in a list; empty if it is not given."""
    return [override.partition("=")[2] for override in job if override.startswith("seed=")]
