"""The rules of the tree: imports go one way, each component has its test, components know no config."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.helpers.toy import ROOT

PACKAGE = ROOT / "multimodal"
# each may import what stands before it
LAYERS = [
    "images",
    "types",
    "recurrent",
    "torch_file",
    "paths",
    "io",
    "errors",
    "connectivity",
    "checks",
    "words",
    "number_text",
    "caption",
    "task",
    "dataset",
    "encoder",
    "missing",
    "fusion",
    "head",
    "model",
    "loss",
]
LAYERS += [
    "metric",
    "training",
    "judge",
    "evaluation",
    "inference",
    "many_samples",
    "export",
    "runs",
    "model_card",
    "figures",
    "pages",
    "comparison",
    "tracking",
]
LAYERS += ["sweep", "run", "tune", "api", "demo", "cli"]
GROUPS = ("caption", "task", "encoder", "missing", "fusion", "head")  # whose members know only the eight modules below
CONFIGURED = ("runs", "sweep", "run", "tune", "api", "cli")  # may import Hydra and OmegaConf
FILES = sorted(f for f in PACKAGE.rglob("*.py") if f.name != "__init__.py")


def layer(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


COMPONENTS = [f for f in FILES if layer(f) in (*GROUPS, "loss", "judge", "metric")]


def imported(file: Path) -> set[str]:
    """Full names of the modules a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def ours(file: Path) -> Iterator[str]:
    """Modules of this package that a file imports."""
    return (module for module in imported(file) if module.startswith("multimodal."))


def test_imports_go_against_the_flow_only() -> None:
    wrong = [
        f"{file.relative_to(ROOT)} imports {module}"
        for file in FILES
        for module in ours(file)
        if LAYERS.index(module.split(".")[1]) > LAYERS.index(layer(file))
    ]
    assert not wrong


def test_components_import_types_and_their_own_group_only() -> None:
    wrong = [
        f"{file.relative_to(ROOT)} imports {module}"
        for file in FILES
        if layer(file) in GROUPS
        for module in ours(file)
        if module.split(".")[1]
        not in ("types", "recurrent", "images", "torch_file", "paths", "connectivity", "checks", "words", layer(file))
    ]
    assert not wrong


def test_only_the_ends_know_config_and_tracker() -> None:
    for file in FILES:
        roots = {module.split(".")[0] for module in imported(file)}
        assert layer(file) in CONFIGURED or not roots & {"hydra", "omegaconf"}, file
        # wandb_api is imported where a checkpoint or a comparison is read from W&B, and by its tracker
        assert layer(file) == "tracking" or file.stem == "wandb_api" or "wandb" not in roots, file


def test_every_file_says_what_it_is() -> None:
    assert not [file for file in FILES if not ast.get_docstring(ast.parse(file.read_text()))]


def test_the_entrypoint_is_short() -> None:
    assert len((ROOT / "scripts" / "run.py").read_text().splitlines()) < 40


def test_a_component_has_its_test() -> None:
    places = [file.relative_to(PACKAGE) for file in COMPONENTS]
    assert not [p for p in places if not (ROOT / "tests" / p.parent / f"test_{p.name}").exists()]


def test_the_yaml_is_the_only_place_of_a_setting() -> None:
    """No default value, no `**kwargs`, and no layer that draws its weights at its first forward."""
    for file in COMPONENTS:
        tree = ast.parse(file.read_text())
        for made in (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == "__init__"):
            assert [made.args.defaults, made.args.kw_defaults, made.args.kwarg] == [[], [], None], file
        assert not [n for n in ast.walk(tree) if isinstance(n, ast.Attribute) and n.attr.startswith("Lazy")], file
