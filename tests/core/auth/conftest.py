"""Keys for all tests of this folder."""

from __future__ import annotations

import pytest

from .keys import Keys


@pytest.fixture(scope="session")
def keys() -> Keys:
    return Keys()
