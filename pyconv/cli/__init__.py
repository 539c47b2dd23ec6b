"""The command line: `python -m pyconv demo`, `python -m pyconv info`.

Everything that can go wrong for a user becomes one line on stderr and exit code 2. Modules that only one command needs
are imported by that command, so that `pyconv --help` stays quick.
"""

import os
import sys
from collections.abc import Sequence

from pyconv.cli.errors import UserError
from pyconv.cli.parser import parse

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program on `argv` (`sys.argv[1:]` if None) and return its exit code.

    0: done; 1: a result of the demo disagrees with the reference; 2: the arguments, a file or the environment are at
    fault, told in one line on stderr; 130: interrupted from the keyboard. `--help` and `--version` raise SystemExit.
    """
    try:
        args = parse(argv)
        code: int = args.run(args)
        sys.stdout.flush()  # so that a closed pipe shows here, not while the interpreter shuts down
        return code
    except UserError as error:
        print(f"pyconv: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has closed it (`pyconv demo | head`); the interpreter must not flush into it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
