"""The floors: a package imports only what lies below it, and only through the other's door."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "retix"

# The cellar, which everything may import: errors only carry data, doors only look names up.
CELLAR = {"errors", "door", "traceable"}

# What each package may import. `recipe` and `errors` share the ground floor: an error only carries data.
FLOORS: dict[str, set[str]] = {
    "errors": set(),
    "caller": set(),  # the line of the user's code that is running
    "door": {"errors"},
    "traceable": set(),
    "serializer": {"recipe", "traceable", "errors"},
    "recipe": {"caller", "errors"},
    "ir": {"errors"},
    "space": {"caller", "errors"},
    "nn": {"caller", "recipe", "space", "errors"},
    "trial": {"space", "errors"},
    "objective": {"errors"},
    "pareto": {"objective", "errors"},
    "converter": {"ir", "nn", "space", "recipe", "errors"},
    "codegen": {"ir", "errors"},
    "mutation": {"ir", "space", "errors"},
    "weights": {"errors"},
    "fusion": {"ir", "codegen", "errors"},
    "profile": {"ir", "codegen", "errors"},
    "hub": {"nn"},
    "evaluator": {"trial", "space", "recipe", "errors"},
    "strategy": {"space", "trial", "objective", "pareto", "errors"},
    "stopping": {"trial", "objective", "pareto", "recipe", "errors"},
    "measures": {"recipe", "evaluator", "errors"},
    "benchmark": {"strategy", "stopping", "space", "trial", "objective", "pareto", "errors"},
    "testing": {"strategy", "stopping", "space", "trial", "objective", "errors"},
    "store": {"trial", "space", "objective", "pareto", "errors"},
    "execution": {"evaluator", "recipe", "weights", "trial", "errors"},
    "oneshot": {"nn", "space", "evaluator", "trial", "errors"},
    "model_space": {
        *("errors", "recipe", "ir", "space", "nn", "converter", "codegen", "mutation", "evaluator", "measures"),
    },
    "experiment": {
        *("errors", "recipe", "ir", "space", "nn", "trial", "converter", "codegen", "mutation", "weights", "fusion"),
        *("hub", "evaluator", "strategy", "store", "execution", "oneshot", "dashboard", "model_space"),
        *("objective", "pareto", "stopping", "measures"),
    },
    "compat": {
        *("errors", "recipe", "ir", "space", "nn", "converter", "codegen", "mutation", "evaluator", "strategy"),
        *("execution", "experiment", "model_space"),
    },
    "dashboard": {"store", "ir", "trial", "errors"},
    "cli": {"experiment", "dashboard", "store", "hub", "trial", "benchmark", "objective", "errors"},
}

# What a floor hands up to, inside of one method: `Model.summary` asks for torch only when it is called.
HANDED_UP = {("ir", "retix.profile")}

# Doors that re-export, above every floor: the public list, `python -m retix`, and the modules at the paths that NNI's
# users type, whatever floor their folder belongs to.
DOORS = {
    *("__init__", "__main__", "debug_configs", "fixed", "graph", "integration_api", "mutator", "operation", "utils"),
    *("codegen/pytorch", "converter/graph_gen", "execution/api", "execution/base", "execution/cgo_engine"),
    *("execution/interface", "execution/python", "execution/utils", "hub/pytorch"),
    *("nn/pytorch/api", "nn/pytorch/component", "nn/pytorch/hypermodule", "nn/pytorch/mutator", "nn/pytorch/nn"),
    *("oneshot/pytorch", "strategy/base", "strategy/bruteforce", "strategy/evolution"),
    *("strategy/local_debug_strategy", "strategy/oneshot", "strategy/rl", "strategy/tpe_strategy", "strategy/utils"),
}

TORCH_FREE = (
    "errors",
    "door",
    "traceable",
    "serializer",
    "recipe",
    "ir",
    "space",
    "trial",
    "objective",
    "pareto",
    "stopping",
    "benchmark",
    "testing",
    "mutation",
    "codegen",
    "store",
    "strategy",
    "dashboard",
)

TORCHSCRIPT_FILES = 2

SOURCES = sorted(PACKAGE.rglob("*.py"))


def package_of(path: Path) -> str:
    """The floor's name: the first part of the path below the package."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def is_door(path: Path) -> bool:
    """Whether the file only re-exports, so that it may import from any floor."""
    return str(path.relative_to(PACKAGE).with_suffix("")) in DOORS


def imports_of(path: Path) -> list[tuple[int, str, bool]]:
    """Each import as line, dotted module and whether it stands inside a function."""
    tree = ast.parse(path.read_text())
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for node in ast.walk(function)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name, id(node) in inside) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            found.append((node.lineno, node.module or "", id(node) in inside))
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_down_a_floor(path: Path) -> None:
    """Every import of retix from within retix names a door of a floor below."""
    here = package_of(path)
    if is_door(path):
        return
    assert here in FLOORS, f"{here} has no floor: add it to FLOORS and to docs/architecture.md"
    for line, module, _ in imports_of(path):
        parts = module.split(".")
        if parts[0] != "retix" or parts[1:2] == [here] or (here, module) in HANDED_UP:
            continue
        assert len(parts) > 1, f"{path}:{line} imports retix itself"
        assert parts[1] in FLOORS[here] | CELLAR, f"{path}:{line}: {here} may not import {module}"
        doors = {2} if parts[1] not in ("nn", "evaluator") else {2, 3, 4}
        assert len(parts) in doors, f"{path}:{line}: import {module} through its package's door"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_import_inside_a_function(path: Path) -> None:
    """Imports inside functions are for optional dependencies, and for what would make the IR slow to import."""
    optional = {"networkx", "lightning", "onnx", "onnxscript", "fastapi", "uvicorn", "nicegui", "optuna", "ray"}
    for line, module, inside in imports_of(path):
        late = module.split(".")[0] in optional or (package_of(path), module) in HANDED_UP
        assert not inside or late, f"{path}:{line} imports {module} inside a function"


@pytest.mark.parametrize("name", TORCH_FREE)
def test_torch_free_packages(name: str) -> None:
    """Importing a torch-free package loads no torch."""
    code = f"import sys, retix.{name}; sys.exit('torch' in sys.modules)"
    if not ((PACKAGE / name).exists() or (PACKAGE / f"{name}.py").exists()):
        pytest.skip(f"{name} is not built yet")
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_torchscript_stays_in_two_files() -> None:
    """TorchScript is deprecated by torch: only two files of the converter may know it."""
    touching = [p for p in SOURCES if any(word in p.read_text() for word in ("torch.jit", "torch._C"))]
    assert len(touching) <= TORCHSCRIPT_FILES, touching
    assert all(package_of(p) == "converter" for p in touching), touching


@pytest.mark.parametrize("name", sorted(DOORS - {"__init__", "__main__"}))
def test_doors_are_thin(name: str) -> None:
    """A door defines nothing: it imports, lists names, and may look names up."""
    for statement in ast.parse((PACKAGE / f"{name}.py").read_text()).body:
        assert isinstance(statement, (ast.Import, ast.ImportFrom, ast.Assign, ast.Expr)), ast.unparse(statement)
