"""The contracts over pairs of options from different groups: every pair occurs in some combination."""

import itertools
from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from hydra.utils import instantiate

from multimodal.training.training_step import ExactBatch, TrainingStep
from multimodal.types import PAD
from tests.helpers.contracts import FUSIONS, GROUPS, build, changed, masked, one, said
from tests.helpers.toy import options

Choice = tuple[str, str]  # group, option


def covering(groups: dict[str, list[str]]) -> list[dict[str, str]]:
    """Combinations that have every pair of options of two groups, found greedily."""
    choices = [[(group, option) for option in found] for group, found in groups.items()]
    left = {pair for a, b in itertools.combinations(choices, 2) for pair in itertools.product(a, b)}
    combinations = []
    while left:
        combination = dict(min(left))
        for group, found in groups.items():
            if group not in combination:
                told = list(combination.items())
                combination[group] = max(found, key=lambda o, g=group, t=told: len(left & pairs([*t, (g, o)])))
        left -= pairs(list(combination.items()))
        combinations.append({group: combination[group] for group in groups})
    return combinations


def pairs(choices: list[Choice]) -> set[tuple[Choice, Choice]]:
    """Every two of them, in both orders."""
    return set(itertools.permutations(choices, 2))


COMBINATIONS = covering({group: options(group) for group in GROUPS})


def test_every_pair_of_options_occurs() -> None:
    seen = set().union(*(pairs(list(combination.items())) for combination in COMBINATIONS))
    for first, second in itertools.combinations(GROUPS, 2):
        for a, b in itertools.product(options(first), options(second)):
            assert ((first, a), (second, b)) in seen


@pytest.mark.slow
@pytest.mark.parametrize("combination", COMBINATIONS, ids=lambda c: "-".join(c.values()))
def test_a_combination_keeps_the_contracts(config, batch, combination, tmp_path) -> None:
    model, cfg = build(config, *(f"{group}={option}" for group, option in combination.items()))
    for train in (True, False):
        model.train(train)
        for modality in ("image", "text"):
            versions = (batch, changed(batch, modality))  # to a copy each: statistics move in training
            before, after = (said(deepcopy(model), masked(b, modality)) for b in versions)
            for name, value in before.items():
                assert torch.equal(value, after[name]), f"{name} sees a masked {modality}, training {train}"
    longer = replace(batch, tokens=torch.nn.functional.pad(batch.tokens, (0, 5), value=PAD))
    together, padded = said(model, batch), said(model, longer)
    for name, value in together.items():
        torch.testing.assert_close(value, padded[name], atol=1e-4, rtol=1e-3)
        for i in range(6):
            torch.testing.assert_close(value[i : i + 1], said(model, one(batch, i))[name], atol=1e-4, rtol=1e-3)
    torch.save(model.state_dict(), tmp_path / "model.pt")
    objective = TrainingStep(model.train(), instantiate(cfg.loss, _convert_="all"))
    objective(ExactBatch(batch))["loss"].backward()
    for name, encoder in model.encoders.items():
        if name in model.fusion.modalities:
            assert max(p.grad.abs().max() for p in encoder.parameters() if p.grad is not None) > 1e-4, name
    other, _ = build(config, *(f"{group}={option}" for group, option in combination.items()))
    for parameter in other.parameters():
        torch.nn.init.zeros_(parameter)
    other.load_state_dict(torch.load(tmp_path / "model.pt", weights_only=True))
    assert torch.equal(said(other.eval(), batch)["z"], together["z"])


@pytest.mark.slow
@torch.no_grad()
@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_fusion_can_be_compiled(config, batch, fusion) -> None:
    """What Dynamo makes of it says the same; code generation is torch's own matter."""
    torch.compiler.reset()
    model, _ = build(config, f"fusion={fusion}")
    model.eval()
    encoded = model.encode(batch)
    expected = model.fusion(encoded).z
    torch.testing.assert_close(torch.compile(model.fusion, backend="eager")(encoded).z, expected)
