"""`python -m conformance`, and `fake-etcd-conformance` where it is installed."""

from __future__ import annotations

import sys

_EXTRAS = ("h2", "hypothesis", "rich")


def main() -> int:
    """Run the command line; gives the exit status."""
    try:
        from .cli import main
    except ModuleNotFoundError as error:
        if error.name not in _EXTRAS:
            raise
        print(f"{error.name} is missing: pip install 'fake_etcd[conformance]'", file=sys.stderr)
        return 2
    return main()


if __name__ == "__main__":
    sys.exit(main())
