"""What every combination of parts owes: shapes, no leak of what is masked, learning from what is there."""

import itertools

import pytest
import torch
from omegaconf import OmegaConf

from multimodal.model import MultimodalModel
from multimodal.runs import build as build_module
from multimodal.runs.build import build_loss, build_model, count_parameters, matched_width
from multimodal.training.device import computes_bf16
from multimodal.training.training_step import ExactBatch, TrainingStep
from tests.helpers.contracts import CHOICES, FUSIONS, GROUPS, build, keeps_every_contract
from tests.helpers.toy import SIZES, options

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
                chosen = list(combination.items())
                combination[group] = max(found, key=lambda o, g=group, c=chosen: len(left & pairs([*c, (g, o)])))
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


@pytest.mark.parametrize(("group", "option"), CHOICES, ids=[f"{g}={o}" for g, o in CHOICES])
def test_an_option_keeps_every_contract(config, batch, group, option) -> None:
    keeps_every_contract(config, batch, f"{group}={option}")


@pytest.mark.slow
@pytest.mark.parametrize("combination", COMBINATIONS, ids=lambda c: "-".join(c.values()))
def test_a_combination_keeps_every_contract(config, batch, combination) -> None:
    keeps_every_contract(config, batch, *(f"{group}={option}" for group, option in combination.items()))


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


def test_output_shapes(config, batch) -> None:
    model, _ = build(config)
    output = model(batch)
    assert output.label.shape == (6, SIZES["num_classes"])
    assert output.image.shape == batch.image.shape
    assert output.text.shape == (6, batch.tokens.shape[1] - 1, SIZES["vocab_size"])


def test_one_seed_gives_every_fusion_the_same_encoders(config) -> None:
    models = [build(config, f"fusion={fusion}")[0] for fusion in FUSIONS]
    for model in models[1:]:
        for a, b in zip(models[0].encoders.parameters(), model.encoders.parameters(), strict=True):
            assert torch.equal(a, b)


@pytest.mark.parametrize("fusion", [f for f in FUSIONS if not f.endswith("_only")])
def test_every_fusion_can_have_the_same_number_of_parameters(config, fusion) -> None:
    wanted = 20_000
    if "hidden" not in config(f"fusion={fusion}").fusion:
        pytest.skip("this fusion has no width to set")
    model, _ = build(config, f"fusion={fusion}", f"fusion_parameters={wanted}")
    assert sum(p.numel() for p in model.fusion.parameters()) == pytest.approx(wanted, rel=0.05)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_every_fusion_and_control_can_be_as_large_as_attention_is_by_default(config, fusion) -> None:
    """To 1 %, at the default width of the embeddings and the classes of digits."""
    sizes = {"dim": 128, "sizes": {"num_classes": 10}}
    attention = OmegaConf.merge(config("fusion=attention"), sizes)
    wanted = count_parameters(attention, attention.fusion.hidden)
    assert wanted == 364_928
    cfg = OmegaConf.merge(config(f"fusion={fusion}", f"fusion_parameters={wanted}"), sizes)
    hidden = matched_width(cfg)
    assert count_parameters(cfg, hidden) == pytest.approx(wanted, rel=0.01)
    assert hidden >= 128 or fusion == "bottleneck"  # whose attention alone has 270,000


def test_a_size_that_no_width_gives_is_refused(config) -> None:
    with pytest.raises(ValueError, match=r"fusion_parameters=100: this fusion has at least [\d,]+; give"):
        build(config, "fusion=tensor", "fusion_parameters=100")


def test_the_smallest_size_is_said_once_and_between_two_the_nearer(config, monkeypatch) -> None:
    """ "135,683 at least, and 135,683 at its nearest" said the same twice."""
    monkeypatch.setattr(build_module, "count_parameters", lambda cfg, hidden: 1000 * hidden)
    near = "at the nearest; give a number within 5 % of it"
    for wanted, reach in (
        (12, "at least 1,000; give as many or more"),
        (1400, f"1,000 {near}"),
        (1600, f"2,000 {near}"),
    ):
        text = f"fusion_parameters={wanted}: this fusion has {reach}"
        with pytest.raises(ValueError, match=f"^{text}$"):
            matched_width(config(f"fusion_parameters={wanted}"))


def test_a_fusion_without_a_width_cannot_be_given_a_size(config) -> None:
    cfg = config("fusion=concat", "~fusion.hidden", "fusion_parameters=20000")
    with pytest.raises(ValueError, match=r"sets fusion\.hidden, which this fusion does not have"):
        build_model(cfg)


@pytest.mark.parametrize("wanted", ["abc", "0", "1.5"])
def test_a_size_that_is_no_number_of_parameters_is_refused(config, wanted: str) -> None:
    with pytest.raises(ValueError, match="must be a whole number above 0, or null"):
        build(config, f"fusion_parameters={wanted}")


def test_counting_draws_no_random_number(config) -> None:
    cfg = config("fusion=transformer")
    state = torch.get_rng_state()
    count_parameters(cfg, 8)
    assert torch.equal(torch.get_rng_state(), state)


CHOICES = [(group, option) for group in GROUPS for option in options(group)]


@pytest.mark.parametrize(("group", "option"), CHOICES, ids=[f"{g}={o}" for g, o in CHOICES])
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:TF32 acceleration:UserWarning")
def test_a_step_in_bf16(config, batch, group, option) -> None:
    model, cfg = build(config, f"{group}={option}")
    objective = TrainingStep(model, build_loss(cfg))
    present = {"image": torch.tensor([True] * 5 + [False]), "text": torch.tensor([False] + [True] * 5)}
    with torch.backends.mkldnn.flags(enabled=computes_bf16()):  # without AVX-512 by PyTorch's own, slow kernels
        with torch.autocast("cpu", torch.bfloat16):
            loss = objective(ExactBatch(batch.with_present(**present)))["loss"]
        loss.backward()
    assert loss.isfinite()
    assert all(p.grad.isfinite().all() for p in objective.parameters() if p.grad is not None)


@pytest.mark.parametrize("present", [0, 1])
def test_fewer_than_two_images_leave_the_running_statistics(config, batch, present) -> None:
    model, _ = build(config, "encoder/image=resnet18")
    before = {name: x.clone() for name, x in model.named_buffers()}
    model(batch.with_present(image=torch.arange(6) < present))
    assert all(torch.equal(x, before[name]) for name, x in model.named_buffers())
    assert all(module.training for module in model.modules())
    model(batch.with_present(image=torch.arange(6) < 2))
    assert not all(torch.equal(x, before[name]) for name, x in model.named_buffers())


def test_a_fusion_that_does_not_say_what_it_reads_is_refused(config) -> None:
    model, _ = build(config, "fusion=concat")
    del model.fusion.modalities
    with pytest.raises(ValueError, match=r"ConcatFusion needs `self\.modalities`"):
        MultimodalModel(dict(model.encoders), model.missing, model.fusion, dict(model.heads))


def test_an_encoder_of_a_third_modality_is_refused(config) -> None:
    audio = "{_target_: multimodal.encoder.text.bag_of_words.BagOfWords, dim: 16, vocab_size: 20, dropout: 0.0}"
    with pytest.raises(ValueError, match=r"encoder\.audio: only image and text are supported"):
        build(config, f"+encoder.audio={audio}")
