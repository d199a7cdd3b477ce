"""The rules of the tree: imports go one way, each component has its test, components know no config."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "multimodal"
# each may import what stands before it
LAYERS = ["types", "files", "network", "caption", "dataset", "encoder", "missing", "fusion", "head", "model", "loss"]
LAYERS += [
    "metric",
    "training",
    "judge",
    "evaluation",
    "report",
    "tracking",
    "sweep",
    "build",
    "key",
    "folder",
    "restore",
    "run",
]
GROUPS = ("caption", "encoder", "missing", "fusion", "head")  # whose members know only the two modules below
FILES = sorted(f for f in PACKAGE.rglob("*.py") if f.name != "__init__.py")


def name(file: Path) -> str:
    return str(file.relative_to(ROOT))


def layer(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(file: Path) -> set[str]:
    """Full names of the modules a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


@pytest.mark.parametrize("file", FILES, ids=name)
def test_imports_go_against_the_flow_only(file: Path) -> None:
    position = LAYERS.index(layer(file))
    for module in imported(file):
        parts = module.split(".")
        if parts[0] == "multimodal" and len(parts) > 1:
            assert LAYERS.index(parts[1]) <= position, f"{layer(file)} imports {module}"


@pytest.mark.parametrize("file", [f for f in FILES if layer(f) in GROUPS], ids=name)
def test_components_import_types_and_their_own_group_only(file: Path) -> None:
    ours = {module for module in imported(file) if module.startswith("multimodal.")}
    assert all(m.startswith(("multimodal.types", "multimodal.network", f"multimodal.{layer(file)}")) for m in ours)


@pytest.mark.parametrize("file", FILES, ids=name)
def test_only_the_ends_know_config_and_tracker(file: Path) -> None:
    roots = {module.split(".")[0] for module in imported(file)}
    if layer(file) not in ("sweep", "build", "folder", "restore", "run"):
        assert not roots & {"hydra", "omegaconf"}
    if layer(file) != "tracking":
        assert "wandb" not in roots


@pytest.mark.parametrize("file", FILES, ids=name)
def test_every_file_says_what_it_is(file: Path) -> None:
    assert ast.get_docstring(ast.parse(file.read_text()))


def test_the_entrypoint_is_short() -> None:
    assert len((ROOT / "scripts" / "run.py").read_text().splitlines()) < 40


COMPONENTS = [f for f in FILES if layer(f) in (*GROUPS, "loss", "judge", "metric")]


@pytest.mark.parametrize("file", COMPONENTS, ids=name)
def test_a_component_has_its_test(file: Path) -> None:
    place = file.relative_to(PACKAGE)
    assert (ROOT / "tests" / place.parent / f"test_{place.name}").exists()


@pytest.mark.parametrize("file", COMPONENTS, ids=name)
def test_the_yaml_is_the_only_place_of_a_setting(file: Path) -> None:
    """No default value, no `**kwargs`, and no layer that draws its weights at its first forward."""
    tree = ast.parse(file.read_text())
    for made in (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == "__init__"):
        assert [made.args.defaults, made.args.kw_defaults, made.args.kwarg] == [[], [], None]
    assert not [n for n in ast.walk(tree) if isinstance(n, ast.Attribute) and n.attr.startswith("Lazy")]
