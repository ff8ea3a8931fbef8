"""Which bit of a result is which bit of the circuit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Layout:
    """The bits of a circuit, in each register of the result in the order of declaration."""

    num_bits: int
    registers: list[list[int]]

    def outcomes(self, execution: Mapping[str, Any], counts: Mapping[str, int]) -> dict[int, int]:
        """Returns how often each value of all bits of the circuit occurred."""
        self._check(execution)
        if self._is_plain():
            return {int(key, 2): count for key, count in counts.items()}
        sums: dict[int, int] = {}
        for key, count in counts.items():
            parts = [int(part, 2) for part in reversed(key.split(" "))]
            value = self._joined(parts)
            sums[value] = sums.get(value, 0) + count
        return sums

    def samples(self, execution: Mapping[str, Any]) -> list[int]:
        """Returns the value of all bits of the circuit for each shot."""
        self._check(execution)
        memory = execution["memory"]
        columns = [
            [int(sample, 16) for sample in memory[register["name"]]["samples"]]
            for register in execution["registers"]
        ]
        if self._is_plain():
            return columns[0]
        cache: dict[tuple[int, ...], int] = {}
        values = []
        for parts in zip(*columns, strict=True):
            value = cache.get(parts)
            if value is None:
                value = cache[parts] = self._joined(list(parts))
            values.append(value)
        return values

    def _is_plain(self) -> bool:
        return len(self.registers) == 1 and self.registers[0] == list(range(self.num_bits))

    def _joined(self, parts: list[int]) -> int:
        value = 0
        for part, bits in zip(parts, self.registers, strict=True):
            for place, bit in enumerate(bits):
                value |= (part >> place & 1) << bit
        return value

    def _check(self, execution: Mapping[str, Any]) -> None:
        sizes = [int(register["size"]) for register in execution["registers"]]
        if sizes != [len(bits) for bits in self.registers]:
            raise ValueError(f"the result has registers of {sizes} bits, the circuit {self.registers}")
