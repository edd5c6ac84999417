"""Runs of pytest inside a test, on a file of tests."""

from __future__ import annotations

import textwrap

import pytest

# pytester forgets what a run imported, and uvloop cannot be imported twice: it is here before.
import fake_etcd.testing.fake  # noqa: F401


class Runner:
    """Runs tests with the plugin in it."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester

    def __call__(self, source: str, *arguments: str, **outcomes: int) -> str:
        """What pytest printed about a file; the outcomes have to be these."""
        self.pytester.makepyfile(textwrap.dedent(source))
        with pytest.MonkeyPatch.context() as patch:
            # pytest prints each failure twice, whole, where it believes to be in a CI.
            for name in ("CI", "BUILD_NUMBER"):
                patch.delenv(name, raising=False)
            result = self.pytester.runpytest_inprocess("-p", "no:cacheprovider", *arguments)
        found = result.parseoutcomes()
        assert found == outcomes, result.stdout.str()
        return result.stdout.str()
