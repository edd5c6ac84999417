"""Numbers that look random and are not: the same seed gives the same ones.

What has to differ from server to server (ids, jitter) comes from here, so that a run can be
repeated. For secrets only where they are to be repeated with it. The generator is splitmix64
(Steele, Lea and Flood, 2014).
"""

from __future__ import annotations

_MASK = (1 << 64) - 1


class Noise:
    """A sequence of numbers.

    Args:
        seed: any integer.

    >>> Noise(1).bits(64) == Noise(1).bits(64) != Noise(2).bits(64)
    True
    """

    __slots__ = ("state",)

    def __init__(self, seed: int) -> None:
        self.state = seed & _MASK
        """What the next number is made from; set it to go back."""

    def bits(self, count: int) -> int:
        """A number of up to 64 bits."""
        self.state = (self.state + 0x9E3779B97F4A7C15) & _MASK
        mixed = self.state
        mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & _MASK
        mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & _MASK
        return (mixed ^ mixed >> 31) >> 64 - count

    def bytes(self, count: int) -> bytes:
        """So many bytes."""
        return b"".join(self.bits(8).to_bytes(1, "big") for _ in range(count))

    def fraction(self) -> float:
        """A number from 0 up to, and without, 1."""
        return self.bits(53) / (1 << 53)
