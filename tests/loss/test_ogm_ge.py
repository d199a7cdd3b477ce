"""Gradient modulation against its formula."""

import math

import pytest
import torch
from torch import nn

from multimodal.loss.ogm_ge import GradientModulatedLoss
from multimodal.loss.unimodal import UnimodalCrossEntropy
from tests.helpers.pairs import EVERYONE, GAPS, TOKENS, embeddings, samples


def loss(alpha: float = 0.5, noise: bool = False) -> GradientModulatedLoss:
    torch.manual_seed(0)
    terms = {"unimodal": UnimodalCrossEntropy(5, ["image", "text"], 3)}
    return GradientModulatedLoss(terms, {"unimodal": 1.0}, alpha, noise)


def encoders() -> nn.ModuleDict:
    """Each with a gradient."""
    torch.manual_seed(1)
    made = nn.ModuleDict({m: nn.Linear(4, 4) for m in ("image", "text")})
    for parameter in made.parameters():
        parameter.grad = torch.randn_like(parameter)
    return made


def test_the_one_ahead_is_slowed_by_the_papers_factor_and_the_other_is_not() -> None:
    modulated, (x, y) = loss(), embeddings()
    values = modulated(*samples(x, y, TOKENS, GAPS))
    complete = [i for i in range(len(x)) if GAPS[0][i] and GAPS[1][i]]
    scores = {}
    for m, pooled in (("image", x), ("text", y)):
        probability = modulated.terms["unimodal"].classifiers[m](pooled).softmax(-1).detach()
        scores[m] = sum(float(probability[i, 0]) for i in complete)
    ahead, behind = sorted(scores, key=scores.get, reverse=True)
    factor = 1 - math.tanh(0.5 * scores[ahead] / scores[behind])
    assert float(values[f"modulation_{ahead}"]) == pytest.approx(factor, rel=1e-4)
    assert values[f"modulation_{behind}"] == 1
    before, made = {n: p.grad.clone() for n, p in encoders().named_parameters()}, encoders()
    modulated.after_backward(made)
    for name, parameter in made.named_parameters():
        expected = before[name] * (factor if name.startswith(ahead) else 1)
        torch.testing.assert_close(parameter.grad, expected, rtol=1e-4, atol=1e-6)


def test_noise_is_as_wide_as_the_gradient_and_the_same_in_every_process() -> None:
    made, again = nn.ModuleDict({"image": nn.Linear(200, 200)}), nn.ModuleDict({"image": nn.Linear(200, 200)})
    for module in (made, again):
        modulated = loss(alpha=0.0, noise=True)
        modulated(*samples(*embeddings(), TOKENS, (EVERYONE, EVERYONE)))
        modulated.confidence = {"image": modulated.confidence["image"], "text": modulated.confidence["image"]}
        for parameter in module.parameters():
            parameter.grad = torch.full_like(parameter, 2.0)
        module["image"].weight.grad[::2] = 4.0  # standard deviation 1
        modulated.after_backward({"image": module["image"], "text": nn.Linear(1, 1)})
        torch.manual_seed(5)  # another process draws other numbers
    noise = made["image"].weight.grad - torch.tensor([4.0, 2.0]).repeat(100)[:, None]
    assert float(noise.std()) == pytest.approx(1.0, abs=0.02)
    assert float(noise.mean()) == pytest.approx(0.0, abs=0.02)
    assert torch.equal(made["image"].weight.grad, again["image"].weight.grad)
    assert (made["image"].bias.grad == 2.0).all()


def test_a_resumed_training_draws_the_noise_of_its_next_step() -> None:
    """The step is in the state, and no tensor that the CPU would wait for."""
    torch.manual_seed(3)
    first, made = loss(alpha=0.0, noise=True), encoders()
    first.confidence = dict.fromkeys(("image", "text"), torch.tensor(0.5))
    first.after_backward(made)
    torch.manual_seed(3)
    resumed = loss(alpha=0.0, noise=True)
    resumed.confidence = first.confidence
    resumed.load_state_dict(first.state_dict())
    gradients = []
    for modulated in (first, resumed):
        modulated.after_backward(made := encoders())
        gradients.append(made["image"].weight.grad)
    assert first.step == resumed.step == 2
    assert torch.equal(*gradients)


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ValueError, match=r"loss\.terms must have unimodal"):
        GradientModulatedLoss({"label": nn.Identity()}, {"label": 1.0}, 0.1, True)
    with pytest.raises(ValueError, match="alpha must be a number, 0 or more"):
        loss(alpha=-1.0)
    with pytest.raises(ValueError, match=r"loss\.terms\.unimodal\.modalities must be two or more"):
        GradientModulatedLoss({"unimodal": UnimodalCrossEntropy(5, ["image"], 3)}, {"unimodal": 1.0}, 0.1, True)


def test_classifiers_that_do_not_learn_cannot_tell_which_modality_is_ahead() -> None:
    terms = {"unimodal": UnimodalCrossEntropy(5, ["image", "text"], 3), "label": nn.Identity()}
    with pytest.raises(ValueError, match=r"loss\.terms must have unimodal, with a weight above 0, .*unimodal=0"):
        GradientModulatedLoss(terms, {"unimodal": 0.0, "label": 1.0}, alpha=0.1, noise=False)


def test_runs_of_other_seeds_draw_other_noise() -> None:
    gradients = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        terms = {"unimodal": UnimodalCrossEntropy(5, ["image", "text"], 3)}
        modulated, made = GradientModulatedLoss(terms, {"unimodal": 1.0}, 0.0, True), encoders()
        modulated.confidence = dict.fromkeys(("image", "text"), torch.tensor(0.5))
        modulated.after_backward(made)
        gradients.append(made["image"].weight.grad)
    assert torch.equal(gradients[0], gradients[1])
    assert not torch.equal(gradients[0], gradients[2])
