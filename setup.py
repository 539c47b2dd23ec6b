"""Builds the extension by driving CMake; everything about compiling stands in CMakeLists.txt."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pybind11
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).parent.resolve()


def version() -> str:
    """The version that the public C header states."""
    header = (ROOT / "csrc/include/pyconv.h").read_text(encoding="utf-8")
    return ".".join(re.findall(r"^#define PC_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)$", header, re.MULTILINE))


def tool(name: str) -> str:
    """The path of an executable from this environment's packages, active or not, or else from the PATH."""
    path = shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name)
    if path is None:
        raise RuntimeError(f"building pyconv needs {name}: pip install {name}")
    return path


class BuildWithCMake(build_ext):
    """Configures and builds the CMake target `_native` and puts the result where setuptools wants it."""

    def build_extension(self, ext: Extension) -> None:
        target = Path(self.get_ext_fullpath(ext.name)).resolve()
        build = ROOT / "build" / f"{sys.implementation.cache_tag}-{self.plat_name}"
        # --fresh forgets the paths of the last, possibly deleted, isolated build environment, yet keeps its objects.
        configure = [
            *(tool("cmake"), "--fresh", "-S", str(ROOT), "-B", str(build), "-G", "Ninja"),
            f"-DCMAKE_MAKE_PROGRAM={tool('ninja')}",
            "-DCMAKE_BUILD_TYPE=Release",
            "-DPYCONV_BUILD_PYTHON=ON",
            f"-DPython_EXECUTABLE={sys.executable}",
            f"-Dpybind11_DIR={pybind11.get_cmake_dir()}",
            *shlex.split(os.environ.get("CMAKE_ARGS", "")),
        ]
        subprocess.run(configure, check=True)
        subprocess.run([tool("cmake"), "--build", str(build), "--target", "_native", "--parallel"], check=True)
        # A second copy beside the sources, because Python run from the checkout imports that folder even when the
        # package is installed; --inplace and editable builds have it as their only one.
        for path in {target, ROOT / "pyconv" / target.name}:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)  # never overwrite a file that a running process has mapped
            shutil.copy2(build / target.name, path)


setup(
    version=version(),
    ext_modules=[Extension("pyconv._native", sources=[])],
    cmdclass={"build_ext": BuildWithCMake},
)
