"""Who may include or import whom, what a layer may not do, and facts that stand in two places and must agree."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import pyconv
from pyconv import _native

ROOT = Path(__file__).resolve().parents[1]
CSRC = ROOT / "csrc"
PACKAGE = ROOT / "pyconv"

C_FILES = sorted(path for path in CSRC.rglob("*") if path.suffix in {".c", ".h", ".cpp", ".hpp"})
PYTHON_FILES = sorted(PACKAGE.rglob("*.py"))

# The files outside its own folder that each folder of csrc/ may include.
MAY_INCLUDE = {
    "include": (),
    "base": ("include/pyconv.h", "base/"),
    "simd": (),
    "kernels": ("include/pyconv.h", "simd/", "base/shape.h"),
    "algo": ("include/pyconv.h", "base/", "kernels/kernels.h"),
    "plan": ("include/pyconv.h", "base/", "algo/", "kernels/kernels.h"),
    "python": ("include/pyconv.h",),
}

# What may be imported only from the layers after it. A module belongs to the longest name that it starts with.
PYTHON_LAYERS = [
    ("pyconv._native", "pyconv._types"),
    ("pyconv.runtime", "pyconv._interop"),
    ("pyconv.nn.functional",),
    ("pyconv.nn",),
    ("pyconv.image",),
    ("pyconv",),
    ("pyconv.cli", "pyconv.__main__"),
]


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def without_comments(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"/\*.*?\*/", lambda match: "\n" * match[0].count("\n"), text, flags=re.DOTALL)
    return re.sub(r"//[^\n]*", "", text)


def c_includes(path: Path) -> list[str]:
    """The quoted includes of a C file, as paths from csrc/; those that are not there come back as they are written."""
    found = re.findall(r'^\s*#\s*include\s+"([^"]+)"', without_comments(path), flags=re.MULTILINE)
    resolved = []
    for name in found:
        places = [path.parent / name, CSRC / name, CSRC / "include" / name]
        file = next((place.resolve() for place in places if place.is_file()), None)
        resolved.append(str(file.relative_to(CSRC)) if file else name)
    return resolved


def test_every_c_file_belongs_to_a_known_layer() -> None:
    assert {path.relative_to(CSRC).parts[0] for path in C_FILES} == set(MAY_INCLUDE)


@pytest.mark.parametrize("path", C_FILES, ids=relative)
def test_include_direction(path: Path) -> None:
    layer = path.relative_to(CSRC).parts[0]
    allowed = (f"{layer}/", *MAY_INCLUDE[layer])
    wrong = [name for name in c_includes(path) if not name.startswith(allowed)]
    assert not wrong, f"{relative(path)} must not include {wrong}"


def test_kernels_use_only_inline_functions_of_base() -> None:
    """A header that kernels include is compiled with their instruction set, so it may define nothing global."""
    code = without_comments(CSRC / "base/shape.h")
    code = re.sub(r"^\s*#.*(?:\\\n.*)*$", "", code, flags=re.MULTILINE)
    functions = re.findall(r"^(\w[^;{}=]*?)\b(\w+)\s*\([^;{}]*\)\s*[;{]", code, flags=re.MULTILINE)
    assert functions
    assert not [name for before, name in functions if "static inline" not in before]


@pytest.mark.parametrize("path", C_FILES, ids=relative)
def test_openmp_only_in_algorithms(path: Path) -> None:
    uses = re.search(r"#\s*pragma\s+omp|_Pragma\(\s*\"omp|<omp\.h>|\bomp_\w+\s*\(", without_comments(path))
    assert path.parent.name == "algo" or not uses, f"{relative(path)} uses OpenMP: {uses and uses[0]}"


@pytest.mark.parametrize("path", [path for path in C_FILES if path.suffix in {".c", ".h"}], ids=relative)
def test_library_neither_prints_nor_aborts(path: Path) -> None:
    calls = r"\b(v?f?printf|puts|putchar|fputs|perror|abort|exit|_exit|assert)\s*\("
    found = re.search(calls, without_comments(path))
    assert not found, f"{relative(path)} calls {found and found[1]}"


@pytest.mark.parametrize("path", sorted([*CSRC.glob("kernels/*.[ch]"), *CSRC.glob("simd/*.h")]), ids=relative)
def test_kernels_do_not_allocate(path: Path) -> None:
    found = re.search(
        r"\b(malloc|calloc|realloc|free|aligned_alloc|posix_memalign|alloca)\s*\(", without_comments(path)
    )
    assert not found, f"{relative(path)} calls {found and found[1]}"


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path) for path in PYTHON_FILES} | {"pyconv._native"}


def imports(path: Path) -> Iterator[str]:
    """Absolute names of the modules that a file imports anywhere in it, under TYPE_CHECKING and in functions too."""
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                full = f"{origin}.{alias.name}"
                yield full if full in MODULES else origin


def layer_of(module: str) -> int:
    names = [(name, rank) for rank, layer in enumerate(PYTHON_LAYERS) for name in layer]
    matching = [(name, rank) for name, rank in names if module == name or module.startswith(name + ".")]
    return max(matching, key=lambda pair: len(pair[0]))[1]


@pytest.mark.parametrize("path", [p for p in PYTHON_FILES if "reference" not in p.parts], ids=relative)
def test_import_direction(path: Path) -> None:
    layer = layer_of(module_name(path))
    ours = [name for name in imports(path) if name.split(".")[0] == "pyconv"]
    operators = [name for name in ours if not name.startswith("pyconv.reference")]
    wrong = [name for name in operators if layer_of(name) > layer]
    assert not wrong, f"{relative(path)} must not import {wrong}"
    if layer < layer_of("pyconv"):
        assert operators == ours, f"{relative(path)} must not import the reference"


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("reference/*.py")), ids=relative)
def test_reference_stands_apart(path: Path) -> None:
    allowed = {"numpy", *sys.stdlib_module_names}
    wrong = [n for n in imports(path) if n.split(".")[0] not in allowed and not n.startswith("pyconv.reference")]
    assert not wrong, f"{relative(path)} must not import {wrong}"


# ---- facts that stand in two places -------------------------------------------------------------------------------


def stub() -> ast.Module:
    return ast.parse((PACKAGE / "_native.pyi").read_text(encoding="utf-8"))


def is_public(name: str) -> bool:
    return not name.startswith("_") or name in {"__version__", "__init__", "__call__"}


def test_stub_names_what_the_extension_has() -> None:
    declared = set()
    for node in stub().body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            declared.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            declared.add(node.target.id)
    assert {name for name in declared if is_public(name)} == {name for name in vars(_native) if is_public(name)}


@pytest.mark.parametrize("node", [n for n in stub().body if isinstance(n, ast.ClassDef)], ids=lambda node: node.name)
def test_stub_has_the_methods_of_a_class(node: ast.ClassDef) -> None:
    declared = {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
    declared |= {item.target.id for item in node.body if isinstance(item, ast.AnnAssign)}  # type: ignore[union-attr]
    actual = {name for name in vars(getattr(_native, node.name)) if is_public(name)}
    assert {name for name in declared if is_public(name)} == actual


def header_version() -> str:
    header = (CSRC / "include/pyconv.h").read_text(encoding="utf-8")
    return ".".join(re.findall(r"^#define PC_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)$", header, flags=re.MULTILINE))


def test_one_version() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", header_version())
    assert pyconv.__version__ == header_version()
    assert _native.__version__ == header_version()
    assert importlib.metadata.version("pyconv-simd") == header_version()


def test_changelog_has_this_version_first() -> None:
    headings = re.findall(r"^## .*?(\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings
    assert headings[0] == header_version()


def test_instruction_sets_are_listed_alike() -> None:
    """The build's list, the public header's and the vocabulary's headers name the same instruction sets."""
    header = (CSRC / "include/pyconv.h").read_text(encoding="utf-8")
    public = {name.lower() for name in re.findall(r"\bPC_ISA_(\w+)\b", header)} - {"auto", "count"}
    flags = set(re.findall(r"^set\(PYCONV_FLAGS_(\w+)", (ROOT / "cmake/isa.cmake").read_text(), flags=re.MULTILINE))
    vocabulary = {path.stem.removeprefix("vec_") for path in CSRC.glob("simd/vec_*.h")}
    assert public == flags == vocabulary
