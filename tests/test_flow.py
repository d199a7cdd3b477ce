"""What every combination of parts owes: shapes, no leak of what is masked, learning from what is there."""

import itertools
from dataclasses import replace

import pytest
import torch
from hydra.utils import instantiate

from multimodal.model import MultimodalModel
from multimodal.runs.build import build_model, count_parameters
from multimodal.training.device import computes_bf16
from multimodal.training.training_step import ExactBatch, TrainingStep
from multimodal.types import PAD
from tests.helpers.contracts import FUSIONS, GROUPS, build, changed, masked, one, said
from tests.helpers.toy import SIZES, options

PAIRS = list(itertools.product(FUSIONS, ["cnn"])) + list(itertools.product(["attention"], ["resnet18"]))


@pytest.mark.parametrize(("fusion", "image"), PAIRS)
@pytest.mark.parametrize("train", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("modality", ["image", "text"])
def test_masked_content_changes_no_output_bit(config, batch, fusion, image, train, modality) -> None:
    model, _ = build(config, f"fusion={fusion}", f"encoder/image={image}")
    model.train(train)
    before = said(model, masked(batch, modality))
    after = said(model, masked(changed(batch, modality), modality))
    for name, value in before.items():
        assert torch.equal(value, after[name]), name


@pytest.mark.parametrize(("fusion", "image"), PAIRS)
def test_hiding_after_encoding_equals_hiding_before(config, batch, fusion, image) -> None:
    model, _ = build(config, f"fusion={fusion}", f"encoder/image={image}")
    model.eval()
    absent = torch.zeros(6, dtype=torch.bool)
    before = model.fuse(model.encode(batch.with_present(text=absent))).z
    assert torch.equal(before, model.fuse(model.encode(batch), text=absent).z)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_samples_do_not_mix(config, batch, fusion) -> None:
    model, _ = build(config, f"fusion={fusion}")
    model.eval()
    together = said(model, batch)
    for i in range(6):
        alone = said(model, one(batch, i))
        for name, value in together.items():
            torch.testing.assert_close(value[i : i + 1], alone[name], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_padding_length_does_not_matter(config, batch, fusion) -> None:
    model, _ = build(config, f"fusion={fusion}")
    model.eval()
    longer = replace(batch, tokens=torch.nn.functional.pad(batch.tokens, (0, 5), value=PAD))
    for name, value in said(model, batch).items():
        torch.testing.assert_close(value, said(model, longer)[name], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("fusion", [f for f in FUSIONS if not f.endswith("_only")])
def test_every_present_modality_is_learned_from(config, batch, fusion) -> None:
    model, cfg = build(config, f"fusion={fusion}")
    objective = TrainingStep(model, instantiate(cfg.loss, _convert_="all"))
    objective(ExactBatch(batch))["loss"].backward()
    for name, encoder in model.encoders.items():
        assert max(p.grad.abs().max() for p in encoder.parameters() if p.grad is not None) > 1e-4, name
    decides = model.fuse(model.encode(batch)).logits is not None  # then the label head has nothing to learn
    for name, head in model.heads.items():
        if not (decides and name == "label"):
            assert max(p.grad.abs().max() for p in head.parameters()) > 1e-4, name


@pytest.mark.parametrize("modality", ["image", "text"])
@pytest.mark.parametrize("fusion", FUSIONS)
def test_an_absent_modality_gets_no_gradient(config, batch, fusion, modality) -> None:
    model, _ = build(config, f"fusion={fusion}")
    absent = batch.with_present(**{modality: torch.zeros(6, dtype=torch.bool)})
    model.fuse(model.encode(absent)).z.square().sum().backward()
    grads = [p.grad for p in model.encoders[modality].parameters() if p.grad is not None]
    assert all(not grad.any() for grad in grads)


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


def test_checkpoint_round_trip(config, batch, tmp_path) -> None:
    model, _ = build(config)
    torch.save(model.state_dict(), tmp_path / "model.pt")
    other, _ = build(config)
    for parameter in other.parameters():
        torch.nn.init.zeros_(parameter)
    other.load_state_dict(torch.load(tmp_path / "model.pt", weights_only=True))
    model.eval(), other.eval()
    assert torch.equal(said(model, batch)["z"], said(other, batch)["z"])


@pytest.mark.parametrize("fusion", [f for f in FUSIONS if not f.endswith("_only")])
@pytest.mark.parametrize("wanted", [20_000, 100_000])
def test_every_fusion_can_have_the_same_number_of_parameters(config, fusion, wanted) -> None:
    if "hidden" not in config(f"fusion={fusion}").fusion:
        pytest.skip("this fusion has no width to set")
    model, _ = build(config, f"fusion={fusion}", f"fusion_parameters={wanted}")
    assert sum(p.numel() for p in model.fusion.parameters()) == pytest.approx(wanted, rel=0.05)


def test_a_size_that_no_width_gives_is_refused(config) -> None:
    with pytest.raises(ValueError, match=r"fusion_parameters=100: this fusion has [\d,]+ at least"):
        build(config, "fusion=tensor", "fusion_parameters=100")


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
    objective = TrainingStep(model, instantiate(cfg.loss, _convert_="all"))
    present = {"image": torch.tensor([True] * 5 + [False]), "text": torch.tensor([False] + [True] * 5)}
    with torch.backends.mkldnn.flags(enabled=computes_bf16()):  # without AVX-512 by PyTorch's own, slow kernels
        with torch.autocast("cpu", torch.bfloat16):
            loss = objective(ExactBatch(batch.with_present(**present)))["loss"]
        loss.backward()
    assert loss.isfinite()
    assert all(p.grad.isfinite().all() for p in objective.parameters() if p.grad is not None)


@pytest.mark.parametrize(("group", "option"), CHOICES, ids=[f"{g}={o}" for g, o in CHOICES])
def test_a_batch_of_one_is_a_step(config, batch, group, option) -> None:
    model, cfg = build(config, f"{group}={option}")
    objective = TrainingStep(model, instantiate(cfg.loss, _convert_="all"))
    loss = objective(ExactBatch(one(batch, 0)))["loss"]
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
