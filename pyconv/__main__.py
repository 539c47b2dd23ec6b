"""`python -m pyconv`: the same program as the console script `pyconv`."""

from pyconv.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
