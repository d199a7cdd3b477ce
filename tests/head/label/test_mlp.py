"""The label head."""

import torch

from multimodal.head.label.mlp import MLP


def test_separates_what_is_separable() -> None:
    torch.manual_seed(0)
    head, z = MLP(8, 3, 0.0), torch.eye(8)[:3].repeat(4, 1)
    label = torch.arange(3).repeat(4)
    optimizer = torch.optim.Adam(head.parameters(), 0.05)
    for _ in range(40):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(head(z), label).backward()
        optimizer.step()
    assert torch.equal(head(z).argmax(1), label)
