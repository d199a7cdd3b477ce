"""Label head: a perceptron with one hidden layer."""

from torch import Tensor, nn

from multimodal.checks import check_number


class MLP(nn.Module):
    """Classifies the joint representation with one hidden layer.

    Args:
        dim: shared width D.
        num_classes: number of classes K.
        dropout: rate on the hidden layer.
    """

    def __init__(self, dim: int, num_classes: int, dropout: float) -> None:
        super().__init__()
        check_number("head.label", least=0, below=1, dropout=dropout)
        self.layers = nn.Sequential(nn.Linear(dim, dim), nn.GELU(), nn.Dropout(dropout), nn.Linear(dim, num_classes))

    def forward(self, z: Tensor) -> Tensor:
        """Classify: (B, D) -> logits (B, K)."""
        return self.layers(z)
