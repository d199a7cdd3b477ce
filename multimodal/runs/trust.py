"""What a file's config may build: the components of `conf/`, each in its place, and the packages that the user trusts.

Building a config runs what its `_target_`s name. A config from a file that somebody sent is therefore checked as a
whole before any of it is built, and nothing is imported that is not this package's or trusted.
"""

import ast
import importlib
import importlib.util
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import yaml

from multimodal.errors import first_line
from multimodal.runs.composition import CONF
from multimodal.runs.overrides import OPEN
from multimodal.runs.run_id import source_file

PACKAGE = __name__.partition(".")[0]
TARGET = "_target_"
GETTERS = tuple(f"hydra.utils.get_{what}" for what in ("method", "class", "object", "static_method"))
MOST = 100_000  # values in a config; ours have a few hundred
DEEPEST = 1000  # characters of a place in a config; ours have less than 50
PLAIN = (str, int, float, bool, type(None))
NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)


class Named(NamedTuple):
    """A class or function that a config names.

    Args:
        place: dotted path in the config.
        name: dotted path of the class or function; anything else in a wrong config.
    """

    place: str
    name: Any


class Offer(NamedTuple):
    """What `conf/` offers.

    Args:
        names: each class and function, in its place.
        shared: {place: the group that stands there}, for values such as `${optimizer}`.
    """

    names: frozenset[Named]
    shared: dict[str, str]


def check_trusted(config: Any, file: Path, trust: Any) -> None:
    """Check a config from a file before anything of it is built.

    Args:
        config: plain values, every `${...}` filled in.
        file: where it comes from, for messages.
        trust: the setting `trust`: a package, a list of packages, or None.

    Raises:
        ValueError: the config names a class or function that `conf/` does not offer in that place, and that is not
            defined in a trusted package; it has values that no config has; or `trust` names no package.
    """
    packages = trusted_packages(trust)
    try:
        found = list(named(config))
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    for place, name in found:
        if is_offered(Named(place, name)):
            continue
        problems = {package: definition_problem(name, package) for package in packages if is_in(name, package)}
        if None not in problems.values():
            raise ValueError(
                f"{file}: {place!r:.200} names {shown(name)}, which no file of conf/ offers there; nothing of it was "
                f"run. {advice(name, problems)}"
            )


def advice(name: Any, problems: dict[str, str | None]) -> str:
    """Return what a user can do about a name that is refused.

    Args:
        name: what the config names.
        problems: {trusted package that it is in: why it is refused nevertheless}.
    """
    if problems:
        package, problem = next(iter(problems.items()))
        return f"trust={package} is given, but {problem}"
    package = name.partition(".")[0] if isinstance(name, str) and NAME.fullmatch(name) else PACKAGE
    if package == PACKAGE:
        return "Another version of this package wrote the file, or it was changed"
    return f"If you trust that code and whoever made the file, give trust={package}"


def trusted_packages(trust: Any) -> list[str]:
    """Return the packages of the setting `trust`; raise ValueError for what is no package's name."""
    packages = [] if trust is None else [trust] if isinstance(trust, str) else trust
    try:
        packages = list(packages)
    except TypeError:
        packages = [packages]
    for package in packages:
        if not isinstance(package, str) or not NAME.fullmatch(package):
            raise ValueError(f"trust must be a package's name or a list of them, such as [mine], got {shown(package)}")
    return packages


def values(config: Any) -> Iterator[tuple[str, Any]]:
    """Yield every value of a config with its dotted place; items of lists are `*`.

    Raises:
        ValueError: a value is of a type that no config has, would be filled in when it is read, or there are too many.
    """
    rest: list[tuple[str, Any]] = [("", config)]
    count = 0
    while rest:  # no recursion: what holds itself ends at one of the two bounds
        place, value = rest.pop()
        count += 1
        if count > MOST:
            raise ValueError(f"its config has more than {MOST:,} values")
        if len(place) > DEEPEST:
            raise ValueError(f"its config is nested too deeply, at {place!r:.200}")
        if type(value) is dict:
            wrong = [key for key in value if type(key) not in PLAIN or (isinstance(key, str) and "." in key)]
            if wrong:
                raise ValueError(f"its config has {shown(wrong[0])} as a key, at {place!r:.200}")
            rest += [(f"{place}.{key}".lstrip("."), child) for key, child in value.items()]
        elif type(value) is list:
            rest += [(f"{place}.*", child) for child in value]
        elif type(value) not in PLAIN:
            raise ValueError(f"its config has {shown(value)} at {place!r:.200}")
        elif isinstance(value, str) and "${" in value:
            raise ValueError(f"its config is not resolved: {place!r:.200} is {shown(value)}")
        yield place, value


def named(config: Any) -> Iterator[Named]:
    """Yield every class and function that a config names: by `_target_`, or by the `path` of Hydra's getters."""
    for place, value in values(config):
        if isinstance(value, dict) and TARGET in value:
            yield Named(place, name_in(value))


def name_in(node: dict[str, Any]) -> Any:
    """Return what a mapping with a `_target_` names; a getter counts as what it gets, if it has no other argument."""
    target = node[TARGET]
    return node["path"] if target in GETTERS and set(node) == {TARGET, "path"} else target


def is_offered(found: Named) -> bool:
    """Return whether `conf/` offers a class or function in this place, and this package defines it if it is ours."""
    if not isinstance(found.name, str):
        return False
    place = in_open_mapping(in_its_group(found.place))
    ours = is_in(found.name, PACKAGE)
    return Named(place, found.name) in offered().names and (not ours or is_ours(found.name))


def in_its_group(place: str) -> str:
    """Return the place of the group that stands there by `${group}`: of `training.optimizer`, `optimizer`."""
    for shared, group in offered().shared.items():
        if place == shared or place.startswith(f"{shared}."):
            place = group + place.removeprefix(shared)
    return place


@cache
def is_ours(name: str) -> bool:
    """Return whether a file of this package defines this class or function itself, and does not import it."""
    module, _, last = name.rpartition(".")
    file = source_file(module)
    if file is None:
        return False
    statements = ast.parse(file.read_text(encoding="utf-8")).body
    return any(isinstance(s, ast.ClassDef | ast.FunctionDef) and s.name == last for s in statements)


@cache  # the files of an installed package do not change
def offered() -> Offer:
    """Read the files of `conf/`, and return every class and function that they name."""
    names, shared = set(), {}
    for file in CONF.rglob("*.yaml"):
        text = file.read_text(encoding="utf-8")
        package = re.search(r"^# @package (\S+)", text, re.MULTILINE)
        group = ".".join(file.parent.relative_to(CONF).parts)
        top = package[1].replace("_group_", group).removeprefix("_global_").lstrip(".") if package else group
        for place, value in raw_values(yaml.safe_load(text), top):
            if isinstance(value, dict) and TARGET in value:
                names.add(Named(in_open_mapping(place), name_in(value)))
            group_of_that_name = re.fullmatch(r"\$\{(\w+)\}", value) if isinstance(value, str) else None
            if group_of_that_name and (CONF / group_of_that_name[1]).is_dir():
                shared[place] = group_of_that_name[1]
    return Offer(frozenset(names), shared)


def raw_values(node: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Yield every value of a YAML file of ours, with its dotted place."""
    yield place, node
    if isinstance(node, dict):
        for key, child in node.items():
            yield from raw_values(child, f"{place}.{key}".lstrip("."))
    elif isinstance(node, list):
        for child in node:
            yield from raw_values(child, f"{place}.*")


def in_open_mapping(place: str) -> str:
    """Return a place with `*` for a name that the user chooses: an entry of `loss.terms` may hold any of its terms."""
    for parent in OPEN:
        if place.startswith(f"{parent}."):
            rest = place.removeprefix(f"{parent}.").partition(".")
            return f"{parent}.*{rest[1]}{rest[2]}"
    return place


def is_in(name: Any, package: str) -> bool:
    """Return whether a name is a dotted path that leads into a package."""
    return isinstance(name, str) and NAME.fullmatch(name) is not None and name.startswith(f"{package}.")


def definition_problem(name: str, package: str) -> str | None:
    """Return why a dotted path names no class or function that its package defines; None if it does.

    Nothing outside of the package is imported.
    """
    module, rest = package, name.removeprefix(f"{package}.").split(".")
    try:
        value: Any = importlib.import_module(module)
        while rest and hasattr(value, "__path__") and importlib.util.find_spec(f"{module}.{rest[0]}") is not None:
            module = f"{module}.{rest.pop(0)}"
            value = importlib.import_module(module)
    except Exception as error:  # what a foreign module raises at its import
        return f"{module} cannot be imported ({type(error).__name__}: {first_line(error)})"
    while rest and not (isinstance(value, ModuleType) and value.__name__ != module):  # a module that it imports
        value = vars(value).get(rest.pop(0)) if isinstance(value, ModuleType | type) else None
    home, own_name = getattr(value, "__module__", None), getattr(value, "__qualname__", "").rpartition(".")[2]
    own = isinstance(home, str) and (home == package or home.startswith(f"{package}."))
    if own and callable(value) and own_name == name.rpartition(".")[2]:
        return None
    return "it defines no class or function of that name"


def shown(value: Any) -> str:
    """Return a value for a message, on one line and not too long."""
    return f"{value!r:.100}" if isinstance(value, str) else f"a {type(value).__name__}"
