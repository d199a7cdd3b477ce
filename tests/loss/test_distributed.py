"""Two processes' halves of a batch against the whole in one process."""

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn

from multimodal.loss.distributed import gather, global_mean

X = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
PARTS = (slice(0, 2), slice(2, 5))  # of different size
WORDS = (torch.tensor([[1, 2], [3, 4]]), torch.tensor([[5, 6, 7]]))  # captions cut to the longest of each part
GIVEN = (torch.tensor([True, False]), torch.tensor([True, True, True]))


def crowd(x: Tensor, scale: Tensor) -> Tensor:
    """A loss that no sample has to itself."""
    return (scale * x @ x.T).logsumexp(1).mean()


def work(rank: int, folder: str) -> None:
    """Compute in one process all that the tests compare, and save it."""
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    x, scale = X[PARTS[rank]].clone().requires_grad_(), torch.tensor(0.5, requires_grad=True)
    loss = crowd(gather(x), scale)
    loss.backward()
    mean_of = X[PARTS[rank]].clone().requires_grad_()
    mean = global_mean(mean_of.square().mean(), len(mean_of), True)
    mean.backward()
    results = {"gathered": gather(X[PARTS[rank]]), "words": gather(WORDS[rank]), "given": gather(GIVEN[rank])}
    results |= {"loss": loss.detach(), "x.grad": x.grad, "scale.grad": scale.grad}
    results |= {"mean": mean.detach(), "mean.grad": mean_of.grad}
    results["validation"] = global_mean(torch.tensor(float(rank)), 3, False)
    torch.save(results, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> list[dict[str, Tensor]]:
    """Results of each of two processes."""
    folder = str(tmp_path_factory.mktemp("gloo"))
    torch.multiprocessing.start_processes(work, (folder,), nprocs=2, start_method="spawn")
    return [torch.load(f"{folder}/{rank}.pt", weights_only=True) for rank in range(2)]


def averaged(results: list[dict[str, Tensor]], name: str) -> Tensor:
    """Gradient of the whole batch as DistributedDataParallel makes it: its average over the processes."""
    whole = [torch.zeros_like(X) for _ in results]
    for part, grad, result in zip(PARTS, whole, results, strict=True):
        grad[part] = result[name]
    return torch.stack(whole).mean(0)


def test_everyone_gathers_the_whole_batch(results) -> None:
    for result in results:
        assert torch.equal(result["gathered"], X)
        assert result["words"].tolist() == [[1, 2, 0], [3, 4, 0], [5, 6, 7]]  # `<pad>` where the other part is longer
        assert result["given"].tolist() == [True, False, True, True, True]


def test_a_loss_of_what_was_gathered_has_the_gradient_of_one_process(results) -> None:
    x, scale = X.clone().requires_grad_(), torch.tensor(0.5, requires_grad=True)
    loss = crowd(x, scale)
    loss.backward()
    torch.testing.assert_close(averaged(results, "x.grad"), x.grad)
    for result in results:
        torch.testing.assert_close(result["loss"], loss.detach())
        torch.testing.assert_close(result["scale.grad"], scale.grad)  # the average of equals


def test_the_mean_counts_every_sample_alike_and_so_does_its_gradient(results) -> None:
    x = X.clone().requires_grad_()
    x.square().mean().backward()
    for result in results:
        torch.testing.assert_close(result["mean"], X.square().mean())
    torch.testing.assert_close(averaged(results, "mean.grad"), x.grad)


def test_in_validation_everyone_has_all_samples_and_keeps_its_mean(results) -> None:
    assert [result["validation"].item() for result in results] == [0, 1]


def test_one_process_gets_back_what_it_gave() -> None:
    x = nn.Parameter(X)
    assert gather(x) is x
    assert global_mean(x, 3, True) is x
