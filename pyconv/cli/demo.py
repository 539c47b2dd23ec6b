"""`pyconv demo`: convolve a photograph in every way, print a table, draw the picture."""

import argparse
import contextlib
import importlib.util
import os
from pathlib import Path

import pyconv
from pyconv.cli.errors import UserError
from pyconv.cli.info import chosen_isa

# Modules of the [demo] extra, and the distributions that bring them.
_NEEDED = {"matplotlib": "matplotlib", "PIL": "pillow", "scipy": "scipy", "skimage": "scikit-image", "tqdm": "tqdm"}


def run(args: argparse.Namespace) -> int:
    """Do the demo; 0 if every result agrees with the reference and with SciPy, else 1."""
    missing = [name for module, name in _NEEDED.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise UserError(f"the demo needs {', '.join(missing)}: pip install 'pyconv-simd[demo]'")
    isa = chosen_isa()

    from tqdm import tqdm

    from pyconv.cli import experiments, montage, photo, table

    _check_writable(args.output, montage.formats())
    picture = photo.load(args.image)
    if args.image is not None and args.output.exists() and args.output.samefile(args.image):
        raise UserError(f"cannot write {args.output}: it is the photograph itself")

    todo = experiments.build(picture, args.size)
    results = {}
    with contextlib.ExitStack() as stack:
        if args.threads:
            stack.enter_context(pyconv.threads(args.threads))
        threads = pyconv.get_num_threads()
        remark = f"pyconv {pyconv.__version__}, {isa}, {threads} thread{'s' if threads > 1 else ''}"
        # disable=None: no bar unless stderr is a terminal. One step more than experiments: the drawing.
        bar = stack.enter_context(tqdm(total=len(todo) + 1, disable=args.quiet or None, leave=False))
        for experiment in todo:
            bar.set_description(experiment.title)
            results[experiment.key] = experiments.measure(experiment)
            bar.update()
        bar.set_description("Drawing")
        try:
            montage.save(montage.draw(results, picture, remark), args.output)
        except OSError as error:  # the disk may fill up, or the folder vanish, while we work
            raise UserError(f"cannot write {args.output}: {error.strerror or error}") from None
        bar.update()
    if not args.quiet:
        print(table.render(results, remark), end="\n\n")
    print(args.output)
    return 0 if all(result.agrees for result in results.values()) else 1


def _check_writable(path: Path, formats: set[str]) -> None:
    """Raise UserError now rather than after the work if `path` cannot be written or names no format of pictures."""
    suffix = path.suffix.lstrip(".").lower()
    if suffix not in formats:
        raise UserError(f"cannot write {path}: its suffix must be one of {', '.join(sorted(formats))}")
    existed = os.path.lexists(path)
    try:
        with path.open("ab"):
            pass
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from None
    if not existed:
        path.unlink()
