"""Means of what each step logged, kept on the device until somebody asks."""

from torch import Tensor


class MeanMeter:
    """Running means of named scalars; adding costs no synchronisation."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.weight = 0

    def add(self, values: dict[str, Tensor], weight: int) -> None:
        """Scalars that stand for `weight` samples."""
        for name, value in values.items():
            value = value.detach().float() * weight
            self.sums[name] = self.sums[name] + value if name in self.sums else value
        self.weight += weight

    def means(self) -> dict[str, float]:
        """{name: mean over all samples added}."""
        return {name: float(value) / self.weight for name, value in self.sums.items()}
