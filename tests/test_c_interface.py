"""The C library as a C user has it: built, installed, found by CMake, and driven through its public header alone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cffi
import numpy as np
import numpy.typing as npt
import pytest

from pyconv import reference

ROOT = Path(__file__).resolve().parents[1]
HEADER = ROOT / "csrc/include/pyconv.h"
Array = npt.NDArray[Any]


def executable(name: str) -> str | None:
    return shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name)


def run(*command: str | Path) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the C library installed in it; without what a C user needs, a skip that says what is missing."""
    missing = [name for name in ("cc", "cmake", "ninja") if executable(name) is None]
    if missing:
        pytest.skip(f"building the C library needs {', '.join(missing)}")
    build, installed = tmp_path_factory.mktemp("build"), tmp_path_factory.mktemp("installed")
    cmake = str(executable("cmake"))
    run(cmake, "-S", ROOT, "-B", build, "-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={executable('ninja')}")
    run(cmake, "--build", build)
    run(cmake, "--install", build, "--prefix", installed)
    return installed


@pytest.fixture(scope="session")
def library_file(prefix: Path) -> Path:
    return next(path for path in prefix.rglob("libpyconv.*") if path.suffix in {".so", ".dylib"})


@pytest.fixture(scope="session")
def declarations() -> str:
    """The header as C declarations only: comments, macros and the standard headers gone."""
    if executable("cc") is None:
        pytest.skip("preprocessing the header needs cc")
    text = re.sub(r"^#include.*$", "", HEADER.read_text(encoding="utf-8"), flags=re.MULTILINE)
    command = [str(executable("cc")), "-E", "-P", "-x", "c", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="session")
def c(library_file: Path, declarations: str) -> SimpleNamespace:
    """`ffi` and `lib`: the shared library, opened by its public header."""
    ffi = cffi.FFI()
    ffi.cdef(declarations)
    return SimpleNamespace(ffi=ffi, lib=ffi.dlopen(str(library_file)))


def test_exports_what_the_header_declares_and_no_more(library_file: Path, declarations: str) -> None:
    if executable("nm") is None:
        pytest.skip("listing symbols needs nm")
    listing = run("nm", "-D", "--defined-only", library_file)
    exported = set(re.findall(r" [A-Z] (\w+)", listing))
    declared = set(re.findall(r"\b(pc_\w+)\s*\(", declarations))
    assert exported == declared


def test_says_its_version_and_names(c: SimpleNamespace) -> None:
    version = ".".join(re.findall(r"^#define PC_VERSION_\w+ (\d+)$", HEADER.read_text(), flags=re.MULTILINE))
    assert c.ffi.string(c.lib.pc_version()).decode() == version
    assert c.ffi.string(c.lib.pc_isa_name(c.lib.PC_ISA_SCALAR)) == b"scalar"
    assert c.lib.pc_isa_available(c.lib.PC_ISA_SCALAR) == 1
    assert c.lib.pc_isa_name(c.lib.PC_ISA_COUNT) == c.ffi.NULL
    assert c.ffi.string(c.lib.pc_precision_name(c.lib.pc_get_precision())) == b"fast"
    assert c.lib.pc_precision_name(c.lib.PC_PRECISION_COUNT) == c.ffi.NULL


def pointer(c: SimpleNamespace, array: Array) -> Any:
    return c.ffi.from_buffer(array, require_writable=array.flags.writeable)


def conv_desc(c: SimpleNamespace, src: Array, wei: Array, stride: tuple[int, int], padding: tuple[int, int]) -> Any:
    desc = c.ffi.new("pc_conv_desc *")
    desc.dtype = {np.dtype("f4"): c.lib.PC_F32, np.dtype("f8"): c.lib.PC_F64}[src.dtype]
    desc.precision = c.lib.PC_STRICT
    desc.mb, desc.ic, desc.oc, desc.groups = src.shape[0], src.shape[1], wei.shape[0], src.shape[1] // wei.shape[1]
    getattr(desc, "in")[0:3] = [1, *src.shape[2:]]
    desc.kernel[0:3] = [1, *wei.shape[2:]]
    desc.stride[0:3] = [1, *stride]
    desc.dilation[0:3] = [1, 1, 1]
    desc.pad_lo[0:3] = desc.pad_hi[0:3] = [0, *padding]
    return desc


def execute(
    c: SimpleNamespace, plan: Any, src: Array, wei: Array, bias: Array | None, dst_shape: tuple[int, ...]
) -> Array:
    packed = np.full(c.lib.pc_plan_packed_size(plan), 0xFF, dtype=np.uint8)
    workspace = np.full(c.lib.pc_plan_workspace_size(plan), 0xFF, dtype=np.uint8)
    dst = np.full(dst_shape, np.nan, dtype=src.dtype)
    assert c.lib.pc_plan_pack(plan, pointer(c, wei), pointer(c, packed)) == c.lib.PC_OK
    args = c.ffi.new("pc_exec_args *")
    buffers = {"src": src, "packed": packed, "bias": bias, "dst": dst, "workspace": workspace}
    alive = {name: pointer(c, array) for name, array in buffers.items() if array is not None}
    for name, address in alive.items():
        setattr(args, name, address)
    assert c.lib.pc_plan_execute(plan, args) == c.lib.PC_OK
    return dst


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(
    ("src_shape", "wei_shape", "stride", "padding"),
    [
        ((2, 3, 9, 11), (4, 3, 3, 3), (1, 1), (1, 1)),
        ((1, 16, 7, 7), (33, 16, 1, 1), (1, 1), (0, 0)),
        ((1, 6, 10, 13), (6, 1, 3, 5), (2, 1), (1, 2)),
        ((3, 1, 12, 20), (1, 1, 5, 5), (1, 1), (2, 2)),
    ],
    ids=["3x3", "1x1", "depthwise", "filter"],
)
def test_convolves_integers_exactly(
    c: SimpleNamespace,
    rng: np.random.Generator,
    dtype: str,
    src_shape: tuple[int, ...],
    wei_shape: tuple[int, ...],
    stride: tuple[int, int],
    padding: tuple[int, int],
) -> None:
    src, wei, bias = (rng.integers(-4, 5, size=n).astype(dtype) for n in (src_shape, wei_shape, wei_shape[0]))
    want = reference.conv2d(src, wei, bias, stride, padding, groups=src_shape[1] // wei_shape[1])
    handle = c.ffi.new("pc_plan **")
    assert c.lib.pc_plan_create_conv(conv_desc(c, src, wei, stride, padding), handle) == c.lib.PC_OK
    assert tuple(c.lib.pc_plan_out(handle[0])[0:3]) == (1, *want.shape[2:])
    dst = execute(c, handle[0], src, wei, bias, want.shape)
    c.lib.pc_plan_destroy(handle[0])
    np.testing.assert_array_equal(dst, want)


def test_explains_a_plan(c: SimpleNamespace) -> None:
    src, wei = np.zeros((1, 8, 9, 9), dtype="f4"), np.zeros((8, 8, 3, 3), dtype="f4")
    handle, info = c.ffi.new("pc_plan **"), c.ffi.new("pc_plan_info *")
    assert c.lib.pc_plan_create_conv(conv_desc(c, src, wei, (1, 1), (0, 0)), handle) == c.lib.PC_OK
    assert c.lib.pc_plan_get_info(handle[0], info) == c.lib.PC_OK
    text = c.ffi.new("char[]", c.lib.pc_plan_explain(handle[0], c.ffi.NULL, 0) + 1)
    c.lib.pc_plan_explain(handle[0], text, len(text))
    assert c.ffi.string(info.algo) in c.ffi.string(text)
    assert info.flops == 2 * 8 * 7 * 7 * 8 * 9
    c.lib.pc_plan_destroy(handle[0])


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda d: setattr(d, "dtype", 9), "PC_ERR_DTYPE"),
        (lambda d: setattr(d, "oc", 0), "PC_ERR_SIZE"),
        (lambda d: setattr(d, "groups", 3), "PC_ERR_GROUPS"),
        (lambda d: d.stride.__setitem__(1, 0), "PC_ERR_STRIDE"),
        (lambda d: d.pad_lo.__setitem__(2, -1), "PC_ERR_PADDING"),
        (lambda d: d.kernel.__setitem__(2, 10), "PC_ERR_KERNEL"),
        (lambda d: setattr(d, "threads", -1), "PC_ERR_THREADS"),
        (lambda d: setattr(d, "precision", 9), "PC_ERR_PRECISION"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refuses_with_a_status(c: SimpleNamespace, change: Callable[[Any], None], status: str) -> None:
    desc = conv_desc(c, np.zeros((1, 8, 9, 9), dtype="f4"), np.zeros((8, 8, 3, 3), dtype="f4"), (1, 1), (0, 0))
    change(desc)
    handle = c.ffi.new("pc_plan **")
    got = c.lib.pc_plan_create_conv(desc, handle)
    assert got == getattr(c.lib, status)
    assert c.ffi.string(c.lib.pc_status_text(got))
    assert handle[0] == c.ffi.NULL


def test_pools(c: SimpleNamespace, rng: np.random.Generator) -> None:
    src = rng.integers(-9, 9, size=(2, 5, 8, 10)).astype("f4")
    values, indices = reference.max_pool2d(src, 2, return_indices=True)
    desc, handle, args = c.ffi.new("pc_pool_desc *"), c.ffi.new("pc_plan **"), c.ffi.new("pc_exec_args *")
    desc.mb, desc.c, desc.with_indices = 2, 5, 1
    getattr(desc, "in")[0:3] = [1, 8, 10]
    desc.window[0:3] = desc.stride[0:3] = [1, 2, 2]
    desc.dilation[0:3] = [1, 1, 1]
    assert c.lib.pc_plan_create_pool(desc, handle) == c.lib.PC_OK
    dst, where = np.full(values.shape, np.nan, dtype="f4"), np.full(values.shape, -1, dtype=np.int64)
    workspace = np.zeros(c.lib.pc_plan_workspace_size(handle[0]), dtype=np.uint8)
    alive = [pointer(c, array) for array in (src, dst, workspace)]
    args.src, args.dst, args.workspace = alive
    where_data = c.ffi.from_buffer("int64_t[]", where, require_writable=True)
    args.indices = where_data
    assert c.lib.pc_plan_execute(handle[0], args) == c.lib.PC_OK
    c.lib.pc_plan_destroy(handle[0])
    np.testing.assert_array_equal(dst, values)
    np.testing.assert_array_equal(where, indices)


PROGRAM = """
#include <pyconv.h>
int main(void) {
    pc_conv_desc desc = PC_CONV_DESC_INIT;
    pc_plan *plan;
    float one[1] = {3}, wei[1] = {2}, dst[1], packed[4096], workspace[65536];
    if (pc_plan_create_conv(&desc, &plan) != PC_OK) return 1;
    if (pc_plan_packed_size(plan) > sizeof packed || pc_plan_workspace_size(plan) > sizeof workspace) return 2;
    if (pc_plan_pack(plan, wei, packed) != PC_OK) return 3;
    pc_exec_args args = {.src = one, .packed = packed, .dst = dst, .workspace = workspace};
    if (pc_plan_execute(plan, &args) != PC_OK) return 4;
    pc_plan_destroy(plan);
    return dst[0] == 6 ? 0 : 5;
}
"""

PROJECT = """
cmake_minimum_required(VERSION 3.24)
project(user C)
find_package(pyconv 0.1 REQUIRED)
add_executable(shared main.c)
target_link_libraries(shared PRIVATE pyconv::pyconv)
add_executable(static main.c)
target_link_libraries(static PRIVATE pyconv::pyconv_static)
"""


@pytest.fixture(scope="session")
def programs(prefix: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of somebody else's, which finds pyconv by `find_package`."""
    source = tmp_path_factory.mktemp("user")
    (source / "main.c").write_text(PROGRAM)
    (source / "CMakeLists.txt").write_text(PROJECT)
    cmake = str(executable("cmake"))
    make = f"-DCMAKE_MAKE_PROGRAM={executable('ninja')}"
    run(cmake, "-S", source, "-B", source / "build", "-G", "Ninja", make, f"-DCMAKE_PREFIX_PATH={prefix}")
    run(cmake, "--build", source / "build")
    return source / "build"


@pytest.mark.parametrize("kind", ["shared", "static"])
def test_links_into_a_cmake_project(programs: Path, kind: str) -> None:
    assert subprocess.run([programs / kind], env=os.environ).returncode == 0
