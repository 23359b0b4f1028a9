"""Compile every kernel in src_cython once for each instruction-set level the target architecture has.

FASTNN_DEBUG=1 builds with AddressSanitizer, debug information and -O1; Python is then started with ASAN_OPTIONS=detect_leaks=0 and
LD_PRELOAD=$(gcc -print-file-name=libasan.so). FASTNN_COMPILE=0 builds nothing, for machines without a compiler.
"""

import os
import platform
import sysconfig
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

DEBUG = os.environ.get("FASTNN_DEBUG") == "1"
COMMON = ("cpu", "engine")  # compiled once: they compute nothing
SOURCES = sorted(Path("src_cython").glob("*.pyx"))
# -O2 with -O3's vectorisation and inlining, not -O3: that unrolls loops of up to 16 steps before it can vectorise them (docs/design.md).
GNU = "-O2 -g0 -ftree-vectorize -fvect-cost-model=dynamic -fpeel-loops -funswitch-loops -fsplit-loops"
if DEBUG:
    GNU = "-O1 -g -fsanitize=address -fno-omit-frame-pointer"
GNU += " --param max-inline-insns-single=200 --param max-inline-insns-auto=30 --param inline-min-speedup=15 --param early-inlining-insns=14"
GNU += " --param inline-unit-growth=200"  # many kernels in one file otherwise exhaust the budget, and calls stay in the loops of the last
# No errno and no traps: libm calls and selects vectorise. Never -ffast-math: it changes the whole process's floating-point mode.
GNU += " -fno-math-errno -fno-trapping-math -fno-semantic-interposition -Wno-unused-function -Wno-sign-compare -Wno-unknown-warning-option"
X86 = {"baseline": "", "v3": "-march=x86-64-v3", "v4": "-march=x86-64-v4 -mprefer-vector-width=512"}
DIRECTIVES = {
    "language_level": 3,
    "boundscheck": DEBUG,
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": DEBUG,
    "embedsignature": True,
    "freethreading_compatible": True,
}


def levels() -> list[str]:
    """All levels where the target is x86-64 alone; ARCHFLAGS names the target when macOS cross-compiles. Windows gets the baseline."""
    target = os.environ.get("ARCHFLAGS") or sysconfig.get_platform()
    return list(X86) if "x86_64" in target and "arm64" not in target else ["baseline"]


def extension(name: str, source: str | Path, level: str) -> Extension:
    """One extension module; the compiler's own flags are added in BuildExt, which knows the compiler."""
    made = Extension(f"fastnn._compiled.{name}", [str(source)], include_dirs=["src_cython"])
    made.level = level
    return made


def cythonized(extensions: list[Extension], folder: str) -> list[Extension]:
    """The C sources of one level, in a folder of their own because every level has the same file names."""
    return cythonize(
        extensions,
        build_dir=f"build/cython/{folder}{'-debug' if DEBUG else ''}",
        include_path=["src_cython"],
        compiler_directives=DIRECTIVES,
        shared_utility_qualified_name="fastnn._compiled._cyutility",
    )


class BuildExt(build_ext):
    """Adds the flags of each module's level, and compiles on all cores."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()

    def build_extension(self, ext: Extension) -> None:
        level = getattr(ext, "level", "baseline")
        if self.compiler.compiler_type == "msvc":
            ext.extra_compile_args = ["/O2"]
        else:
            ext.extra_compile_args = [*GNU.split(), *X86[level].split()]
            ext.extra_link_args = ["-fsanitize=address"] if DEBUG else ["-Wl,-s"] if platform.system() == "Linux" else []
        super().build_extension(ext)


def all_extensions() -> list[Extension]:
    kernels = [p for p in SOURCES if p.stem not in COMMON]
    common = [extension(name, f"src_cython/{name}.pyx", "baseline") for name in COMMON] + [Extension("fastnn._compiled._cyutility", [])]
    built = cythonized(common, "common")
    for level in levels():
        built += cythonized([extension(f"{level}.{p.stem}", p, level) for p in kernels], level)
    for each in built:
        each.level = level if (level := each.name.split(".")[2]) in X86 else "baseline"
    return built


setup(ext_modules=all_extensions() if os.environ.get("FASTNN_COMPILE") != "0" else [], cmdclass={"build_ext": BuildExt})
