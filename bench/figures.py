"""A measured figure beside its baseline, and the table of them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One row of the table; both numbers come from the same run."""

    name: str
    value: float
    unit: str
    baseline_name: str
    baseline: float

    @property
    def ratio(self) -> float:
        return self.value / self.baseline if self.baseline else math.nan

    def row(self) -> str:
        measured, raw = _number(self.value, self.unit), _number(self.baseline, self.unit)
        return f"| {self.name} | {measured} | {self.baseline_name} | {raw} | {self.ratio:.2f} |"


@dataclass(frozen=True)
class Spread:
    """The middle and the far end of many measurements."""

    p50: float
    p99: float


def spread(values: Sequence[float]) -> Spread:
    """By nearest rank, so that both are values that occurred."""
    return Spread(percentile(values, 0.50), percentile(values, 0.99))


def percentile(values: Sequence[float], part: float) -> float:
    """By nearest rank; `part` is between 0 and 1."""
    return sorted(values)[max(math.ceil(len(values) * part) - 1, 0)]


def median_spread(rounds: Sequence[Spread]) -> Spread:
    """The median round, for each of the two by itself."""
    return Spread(statistics.median(one.p50 for one in rounds), statistics.median(one.p99 for one in rounds))


def table(figures: Sequence[Figure]) -> str:
    """The figures as Markdown."""
    head = ["| figure | measured | baseline | measured | ratio |", "| --- | ---: | --- | ---: | ---: |"]
    return "\n".join([*head, *(figure.row() for figure in figures)])


def _number(value: float, unit: str) -> str:
    digits = 0 if value >= 100 or value == int(value) else 1 if value >= 10 else 2
    return f"{value:,.{digits}f} {unit}"
