"""Runs of pytest inside a test, on a file of tests."""

from __future__ import annotations

import textwrap

# pytester forgets what a run imported, and neither uvloop nor cryptography, of which one part is no
# Python, can be imported twice: they are here before.
import cryptography.hazmat.primitives.asymmetric.ec
import cryptography.x509  # noqa: F401
import pytest

import fake_etcd.testing.fake  # noqa: F401

# A run finds a distribution of ours in the checkout, too, and would have its modules rewritten.
IMPORTED_ALREADY = "ignore:Module already imported:pytest.PytestAssertRewriteWarning"


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
            result = self.pytester.runpytest_inprocess(
                "-p", "no:cacheprovider", "-W", IMPORTED_ALREADY, *arguments
            )
        found = result.parseoutcomes()
        assert found == outcomes, result.stdout.str()
        return result.stdout.str()
