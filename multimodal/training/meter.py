"""Running means of logged values, summed on the device until they are read."""

from torch import Tensor


class MeanMeter:
    """Computes running means of named scalars; adding a value does not synchronise with the device."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.weight = 0

    def add(self, values: dict[str, Tensor], weight: int) -> None:
        """Add scalars that are means over `weight` samples."""
        for name, value in values.items():
            value = value.detach().float() * weight
            self.sums[name] = self.sums[name] + value if name in self.sums else value
        self.weight += weight

    def means(self) -> dict[str, float]:
        """Return {name: mean over all samples added}."""
        return {name: float(value) / self.weight for name, value in self.sums.items()}
