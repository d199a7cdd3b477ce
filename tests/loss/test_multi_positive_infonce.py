"""InfoNCE against loops over the pairs, and pairs that are not there."""

import math

import pytest
import torch
from torch import Tensor

from multimodal.loss.multi_positive_infonce import MultiPositiveInfoNCE
from tests.helpers.pairs import DIM, EVERYONE, GAPS, SIZE, TOKENS, embeddings, samples


def loss(x: Tensor, y: Tensor, tokens: Tensor, present: tuple[Tensor, Tensor], temperature=0.3) -> Tensor:
    return MultiPositiveInfoNCE(temperature, learned=False)(*samples(x, y, tokens, present))


def slow(x: Tensor, y: Tensor, tokens: Tensor, present: tuple[Tensor, Tensor], temperature=0.3) -> float:
    """The formula, pair by pair."""
    pairs = [i for i in range(len(x)) if present[0][i] and present[1][i]]
    total = 0.0
    for query, candidate in ((x, y), (y, x)):
        for i in pairs:
            likeness = {
                j: math.exp(float(torch.cosine_similarity(query[i], candidate[j], dim=0)) / temperature) for j in pairs
            }
            positives = [j for j in pairs if tokens[i].tolist() == tokens[j].tolist()]
            logs = [math.log(likeness[j] / sum(likeness.values())) for j in positives]
            total -= sum(logs) / len(logs)
    return total / (2 * len(pairs))


@pytest.mark.parametrize("temperature", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("present", [(EVERYONE, EVERYONE), GAPS], ids=["all", "gaps"])
def test_equals_loops_over_the_positives(present, temperature) -> None:
    x, y = embeddings()
    assert float(loss(x, y, TOKENS, present, temperature)) == pytest.approx(
        slow(x, y, TOKENS, present, temperature), rel=1e-4
    )


def test_without_equal_captions_it_is_infonce() -> None:
    x, y = embeddings()
    score = torch.nn.functional.normalize(x, dim=1) @ torch.nn.functional.normalize(y, dim=1).T / 0.3
    own = torch.arange(SIZE)
    plain = (torch.nn.functional.cross_entropy(score, own) + torch.nn.functional.cross_entropy(score.T, own)) / 2
    torch.testing.assert_close(loss(x, y, own[:, None], (EVERYONE, EVERYONE)), plain)


def test_samples_with_one_caption_are_no_negatives_of_each_other() -> None:
    """One caption, one embedding for it, the images on it: nothing is left to learn."""
    x = torch.randn(1, DIM).expand(SIZE, DIM).clone().requires_grad_()
    loss(x, x.detach(), TOKENS[:1].expand(SIZE, -1), (EVERYONE, EVERYONE)).backward()
    torch.testing.assert_close(x.grad, torch.zeros_like(x), atol=1e-6, rtol=0)


def test_absent_pairs_take_no_part() -> None:
    x, y = embeddings()
    before = loss(x, y, TOKENS, GAPS)
    absent = ~(GAPS[0] & GAPS[1])
    other_x, other_y = embeddings(seed=1)
    x, y = (torch.where(absent[:, None], other, own) for own, other in ((x, other_x), (y, other_y)))
    tokens = torch.where(absent[:, None], TOKENS[0], TOKENS)  # now equal to a caption that is there
    assert torch.equal(before, loss(x, y, tokens, GAPS))


def test_absent_pairs_get_no_gradient_and_all_others_do() -> None:
    x, y = (e.requires_grad_() for e in embeddings())
    loss(x, y, TOKENS, GAPS).backward()
    both = GAPS[0] & GAPS[1]
    for grad in (x.grad, y.grad):
        assert not grad[~both].any()
        assert (grad[both].abs().amax(1) > 1e-4).all()


@pytest.mark.parametrize("pairs", [0, 1])
def test_fewer_than_two_pairs_give_zero_with_finite_gradients(pairs) -> None:
    x, y = (e.requires_grad_() for e in embeddings())
    image = torch.arange(SIZE) < 3
    text = torch.arange(SIZE) >= 3 - pairs  # they meet in the third sample, or nowhere
    value = loss(x, y, TOKENS, (image, text))
    value.backward()
    assert value.item() == 0
    assert x.grad.isfinite().all()
    assert y.grad.isfinite().all()


def test_a_batch_of_one_is_finite() -> None:
    x, y = (e[:1] for e in embeddings())
    assert float(loss(x, y, TOKENS[:1], (EVERYONE[:1], EVERYONE[:1]))) == 0


@pytest.mark.parametrize("temperature", [0.0, -0.1])
def test_a_temperature_at_or_below_zero_is_refused(temperature) -> None:
    with pytest.raises(ValueError, match=str(temperature)):
        MultiPositiveInfoNCE(temperature, learned=True)


def test_a_temperature_below_the_floor_is_refused_and_not_raised_in_silence() -> None:
    with pytest.raises(ValueError, match=r"0\.005"):
        MultiPositiveInfoNCE(0.005, learned=False)


@pytest.mark.parametrize("learned", [True, False])
def test_the_temperature_is_trained_if_it_is_to_be(learned) -> None:
    module = MultiPositiveInfoNCE(0.3, learned)
    x, y = (e.requires_grad_() for e in embeddings())
    module(*samples(x, y, TOKENS, GAPS)).backward()
    assert (module.logit_scale.grad is not None) == learned
    if learned:
        assert module.logit_scale.grad.abs() > 1e-4


def test_a_learned_temperature_stays_above_the_floor_and_comes_back_from_it() -> None:
    module = MultiPositiveInfoNCE(0.3, learned=True)
    module.logit_scale.data.fill_(10.0)  # an optimizer's step too far
    x, y = embeddings()
    value = module(*samples(x, y, TOKENS, GAPS))
    assert value.item() == pytest.approx(loss(x, y, TOKENS, GAPS, temperature=0.01).item(), rel=1e-4)
    value.backward()
    assert module.logit_scale.grad > 1e-4  # random embeddings want a softer one
