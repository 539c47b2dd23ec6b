"""The arguments of every command, and nothing of what they do."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from pyconv import __version__
from pyconv.cli import demo, info
from pyconv.cli.errors import UserError

# Below this the small copies that some experiments use would be larger than the photograph itself.
SMALLEST_PHOTO = 128
LARGEST_PHOTO = 4096


class _Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line, like every other error of this program."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message} (see: {self.prog} --help)")


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Turn `argv` into a namespace whose `run` attribute is the command's function."""
    return _build().parse_args(argv)


def _build() -> _Parser:
    parser = _Parser(
        prog="pyconv",
        description="Convolution and pooling on CPUs: a demonstration on a photograph, and what is installed here.",
    )
    parser.add_argument("--version", action="version", version=f"pyconv {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_demo(commands)
    _add_info(commands)
    return parser


def _add_demo(commands: "argparse._SubParsersAction[_Parser]") -> None:
    command = commands.add_parser(
        "demo",
        help="convolve a photograph in every way, check and time each, draw the results as one picture",
        description="Convolve a photograph in every way: filters, the two ways to treat colour, stride, padding and "
        "dilation, max pooling, convolution against correlation. Each result is compared with pyconv.reference and "
        "timed against it, and against SciPy where it has the same operation. Prints a table and writes a captioned "
        "picture. Needs the [demo] extra: pip install 'pyconv-simd[demo]'.",
    )
    command.add_argument(
        "--image",
        type=Path,
        metavar="PATH",
        help="a photograph of yours, cut to its central square (default: the astronaut that ships in scikit-image)",
    )
    command.add_argument(
        "--output",
        type=Path,
        metavar="PATH",
        default=Path("pyconv-demo.png"),
        help="where the picture goes; the suffix chooses the format (default: %(default)s)",
    )
    command.add_argument(
        "--size",
        type=_whole_number(SMALLEST_PHOTO, LARGEST_PHOTO),
        metavar="N",
        default=512,
        help="work on the photograph at N x N pixels (default: %(default)s)",
    )
    command.add_argument(
        "--threads",
        type=_whole_number(1, 4096),
        metavar="N",
        help="threads for pyconv (default: OMP_NUM_THREADS, or the CPUs that this process may use)",
    )
    command.add_argument("--quiet", action="store_true", help="print the picture's path alone: no table, no progress")
    command.set_defaults(run=demo.run)


def _add_info(commands: "argparse._SubParsersAction[_Parser]") -> None:
    command = commands.add_parser(
        "info",
        help="version, instruction set, threads, compiler",
        description="Print what this installation is and what it runs on: pyconv's version, the instruction set chosen "
        "and those available (PYCONV_ISA forces one), threads, the compiler that built it, NumPy, and the CPU.",
    )
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.set_defaults(run=info.run)


def _whole_number(least: int, most: int) -> Callable[[str], int]:
    """A type for argparse: an int from `least` to `most`, whose error says so."""

    def parse_number(text: str) -> int:
        number = int(text) if text.isascii() and text.isdigit() else -1
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} to {most}")
        return number

    return parse_number
