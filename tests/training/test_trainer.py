import math
import time
from dataclasses import replace
from functools import partial

import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.precision import MixedPrecision
from torch import nn

from multimodal.dataset.preparing.augment import Augment
from multimodal.images import write_images
from multimodal.io import read_csv
from multimodal.loss.image import ImageSquaredError
from multimodal.loss.label import LabelCrossEntropy
from multimodal.loss.multi_positive_infonce import MultiPositiveInfoNCE
from multimodal.loss.text import TokenCrossEntropy
from multimodal.loss.weighted import WeightedLoss
from multimodal.training.checkpoint_file import load_checkpoint
from multimodal.training.device import make_fabric
from multimodal.training.modality_dropout import ModalityDropout, generator
from multimodal.training.optimization import build_optimizer
from multimodal.training.sampler import MASKS, BatchSampler
from multimodal.training.schedule import warmup_constant, warmup_cosine
from multimodal.training.state import TrainerState
from multimodal.training.trainer import Trainer
from multimodal.training.training_step import ExactBatch, TrainingStep
from tests.helpers.tiny_training import DATA, EXTRA, SETTINGS, FakeLoss, adamw, build, fit, left, same, timeless
from tests.helpers.toy import needs_bf16


class Scripted(FakeLoss):
    """A loss whose validation values are given: it counts validations by the model's mode.

    Args:
        model: whose mode tells training from validation.
        values: the loss of each validation.
    """

    def __init__(self, model, values, training=0.0):
        super().__init__()
        object.__setattr__(self, "model", model)  # not a submodule
        self.values, self.training_value, self.seen = values, training, 0

    def forward(self, output, batch):
        anchor = output.label.sum() + output.image.sum() + output.text.sum()
        if self.model.training:
            return {"loss": anchor * 0.001 + self.training_value}
        self.seen += 1
        return {"loss": anchor * 0 + self.values[self.seen - 1]}


def scripted_fit(folder, values, **changed):
    """Training whose i-th validation loss is `values[i]`."""
    model, _ = build()
    settings = {"steps": len(values), "num_validations": len(values), "batch_size": 16} | changed
    return fit(folder, model=model, loss=Scripted(model, values), **settings)


def test_the_same_seed_gives_the_same_history_and_weights_to_the_bit(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, first, first_loss = fit(tmp_path / "a", seed=3)
    two, second, second_loss = fit(tmp_path / "b", seed=3)
    assert timeless(one) == timeless(two)
    for module, other in ((first, second), (first_loss, second_loss)):
        for name, weight in module.state_dict().items():
            assert torch.equal(weight, other.state_dict()[name]), name


def test_another_seed_is_another_run(tmp_path):
    one, first, _ = fit(tmp_path, seed=0)
    two, second, _ = fit(tmp_path, seed=1)
    assert timeless(one)[0] != timeless(two)[0]
    assert not torch.equal(first.fusion.project[0].weight, second.fusion.project[0].weight)


def test_it_learns_what_either_modality_tells(tmp_path):
    history, model, _ = fit(tmp_path, steps=120)
    assert history[-1]["train/loss"] < 0.7 * history[0]["train/loss"]
    assert history[-1]["validation/loss"] < 0.7 * history[0]["validation/loss"]
    assert history[-1]["validation/accuracy"] > 0.9
    for term in ("label", "image", "text"):
        assert history[-1][f"validation/{term}"] < history[0][f"validation/{term}"]
    assert next(model.parameters()).device.type == "cpu"


def test_the_history_is_returned_logged_and_written_alike(tmp_path):
    logged = []
    history, _, _ = fit(tmp_path, log=logged.append)
    assert logged == history == read_csv(tmp_path / "history.csv")
    assert [row["step"] for row in history] == [4, 8, 12]
    assert [row["epoch"] for row in history] == pytest.approx([4 / 3, 8 / 3, 4])  # 30 // 8 batches an epoch
    assert load_checkpoint(tmp_path / "last.pt")["history"] == history


def test_best_has_the_lowest_validation_loss_and_is_what_the_model_holds(tmp_path):
    history, model, _ = scripted_fit(tmp_path, [5.0, 2.0, 3.0, 2.0, 4.0])
    assert [row["validation/loss"] for row in history] == [5.0, 2.0, 3.0, 2.0, 4.0]
    best, last = load_checkpoint(tmp_path / "best.pt"), load_checkpoint(tmp_path / "last.pt")
    assert (best["step"], last["step"]) == (2, 5)
    assert best["record"] == EXTRA["record"]
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, best["model"][name]), name
    assert any(not torch.equal(weight, best["model"][name]) for name, weight in last["model"].items())


def test_it_stops_after_that_many_validations_without_a_lower_loss(tmp_path):
    history, _, _ = scripted_fit(tmp_path, [3.0, 4.0, 2.0, 2.0, 5.0, 6.0, 1.0, 1.0], patience=3)
    assert [row["step"] for row in history] == [1, 2, 3, 4, 5, 6]
    assert load_checkpoint(tmp_path / "best.pt")["step"] == 3


def falling_behind(folder, **changed):
    """Training that learns the class, while its validation loss is told to rise."""

    class Rising(FakeLoss):
        validations = 0

        def forward(self, output, batch):
            loss = nn.functional.cross_entropy(output.label, batch.label) + 0 * (output.image.sum() + output.text.sum())
            if torch.is_grad_enabled():
                return {"loss": loss}
            self.validations += 1
            return {"loss": 0 * loss + self.validations}

    settings = {"steps": 24, "num_validations": 12, "batch_size": 16} | changed
    return fit(folder, loss=Rising(), **settings)


def test_the_checkpoint_that_is_kept_is_the_first_of_the_highest_accuracy_if_that_is_selected(tmp_path):
    history, model, _ = falling_behind(tmp_path, select="accuracy")
    assert [row["validation/loss"] for row in history] == list(range(1, 13))
    accuracies = [row["validation/accuracy_both"] for row in history]
    assert accuracies[0] < max(accuracies)
    best = load_checkpoint(tmp_path / "best.pt")
    assert best["step"] == history[accuracies.index(max(accuracies))]["step"]
    assert all(torch.equal(weight, best["model"][name]) for name, weight in model.state_dict().items())
    split = DATA.splits["validation"]
    with torch.no_grad():
        predicted = model.eval().classify(model.fuse(model.encode(split.batch(torch.arange(len(split)))))).argmax(1)
    assert float((predicted == split.label).float().mean()) == pytest.approx(max(accuracies))


def test_it_stops_after_that_many_validations_without_a_higher_accuracy(tmp_path):
    history, _, _ = falling_behind(tmp_path, select="accuracy", steps=200, num_validations=100, patience=4)
    accuracies = [row["validation/accuracy_both"] for row in history]
    assert len(history) == accuracies.index(max(accuracies)) + 1 + 4 < 100


def test_by_the_loss_no_accuracy_of_complete_samples_is_computed(tmp_path):
    history, _, _ = falling_behind(tmp_path, steps=4, num_validations=2)
    assert "validation/accuracy_both" not in history[0]
    assert load_checkpoint(tmp_path / "best.pt")["step"] == 2


def test_a_log_file_says_what_the_best_is_the_best_of(tmp_path, caplog):
    caplog.set_level("INFO")
    history, _, _ = falling_behind(tmp_path, select="accuracy", steps=6, num_validations=3)
    best = max(history, key=lambda row: row["validation/accuracy_both"])
    value = f"{best['validation/accuracy_both']:.3f} at step {best['step']}"
    assert any(f"highest validation accuracy with both {value}," in message for message in caplog.messages)
    dropped = f"accuracy with modalities dropped {history[-1]['validation/accuracy']:.3f}, "
    assert any(dropped in message for message in caplog.messages)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_training_loss_that_is_not_finite_is_an_error(tmp_path, value):
    model, _ = build()
    with pytest.raises(FloatingPointError, match=r"training loss was (nan|inf) before step 4.*optimizer\.lr"):
        fit(tmp_path, model=model, loss=Scripted(model, [1.0] * 99, training=value))
    assert not (tmp_path / "best.pt").exists()


def test_a_validation_loss_that_is_not_finite_is_an_error_and_not_an_older_checkpoint(tmp_path):
    fit(tmp_path)  # leaves a best.pt that must not pass for this run's
    with pytest.raises(FloatingPointError, match="validation loss was nan before step 2"):
        scripted_fit(tmp_path, [math.nan] * 4, steps=8, num_validations=4)


@pytest.mark.parametrize(("epochs", "last"), [(1, 3), (2, 6)])
def test_epochs_replace_steps(tmp_path, epochs, last):
    history, _, _ = fit(tmp_path, epochs=epochs, steps=1000)
    assert history[-1]["step"] == last
    assert history[-1]["epoch"] == epochs
    assert history[-1]["train/learning_rate"] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("learned", [True, False])
def test_a_losss_own_parameter_is_trained_if_it_is_to_be(tmp_path, learned):
    model, _ = build()
    terms = {"label": LabelCrossEntropy(0.0), "contrastive": MultiPositiveInfoNCE(0.1, learned)}
    loss = WeightedLoss(
        terms | {"image": ImageSquaredError(), "text": TokenCrossEntropy()},
        dict.fromkeys(("label", "contrastive", "image", "text"), 1.0),
    )
    before = loss.terms["contrastive"].logit_scale.item()
    fit(tmp_path, model=model, loss=loss, batch_size=16)
    after = loss.terms["contrastive"].logit_scale.item()
    assert (abs(after - before) > 1e-3) == learned
    assert load_checkpoint(tmp_path / "last.pt")["loss"]["terms.contrastive.logit_scale"].item() == after


def test_a_batch_larger_than_the_split_is_the_whole_split(tmp_path):
    history, _, _ = fit(tmp_path, batch_size=1000, steps=4, num_validations=2)
    assert [row["epoch"] for row in history] == [2, 4]


def test_a_budget_that_validations_do_not_divide_ends_with_one(tmp_path):
    history, _, _ = fit(tmp_path, steps=11, num_validations=3)
    assert [row["step"] for row in history] == [4, 8, 11]


class Weightless(FakeLoss):
    """A loss that computes a term, multiplies it by 0 and adds it, as all losses once did with terms of weight 0."""

    def __init__(self, whole: WeightedLoss, term: nn.Module) -> None:
        super().__init__()
        self.whole, self.term = whole, term

    def forward(self, output, batch):
        values, contrastive = self.whole(output, batch), self.term(output, batch)
        return values | {"loss": values["loss"] + 0.0 * contrastive, "contrastive": contrastive}


@pytest.mark.parametrize("clip", [1.0, 1e9])
def test_a_term_of_weight_zero_is_not_computed_and_all_else_is_equal_to_the_bit(tmp_path, clip):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    whole = build()[1]
    terms, weights = dict(whole.terms), whole.weights | {"contrastive": 0.0}
    history, model, loss = fit(tmp_path / "a", loss=WeightedLoss(terms, weights), gradient_clip_norm=clip)
    assert "contrastive" not in loss.terms
    before = Weightless(WeightedLoss(terms, weights), MultiPositiveInfoNCE(0.1, True))
    old_history, old_model, _ = fit(tmp_path / "b", loss=before, gradient_clip_norm=clip)
    assert same(model.state_dict(), old_model.state_dict())
    columns = {"train/contrastive", "validation/contrastive"}
    assert columns <= set(old_history[0])
    old_rows = [{name: v for name, v in row.items() if name not in columns} for row in timeless(old_history)]
    assert timeless(history) == old_rows


@needs_bf16
def test_bf16_mixed_runs_and_leaves_weights_and_loss_in_float32(tmp_path):
    history, model, _ = fit(tmp_path, precision="bf16-mixed", steps=30)
    assert history[-1]["train/loss"] < history[0]["train/loss"]
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    split, rows, dtypes, targets = DATA.splits["validation"], torch.arange(3), [], []

    class Recorder(FakeLoss):
        def forward(self, output, batch):
            dtypes.extend([output.label.dtype, output.encoded["text"].pooled.dtype])
            targets.append(batch.image)
            return {"loss": output.label.sum()}

    fabric = make_fabric("cpu", 1, "bf16-mixed")
    fabric.setup_module(TrainingStep(model, Recorder()))(ExactBatch(split.batch(rows)))
    assert set(dtypes) == {torch.float32}
    assert torch.equal(targets[0], split.image[rows].float() / 255)  # not rounded on the way


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", 0),
        ("epochs", 0),
        ("batch_size", -1),
        ("gradient_clip_norm", 0.0),
        ("gradient_clip_norm", math.nan),
        ("batch_size", 2.5),
        ("epochs", 1.5),
        ("num_validations", 0),
        ("patience", 0),
        ("select", "best"),
        ("select", None),
    ],
)
def test_a_setting_out_of_range_is_named(name, value):
    with pytest.raises(ValueError, match=f"training.{name} .*got {value!r}"):
        Trainer(**(SETTINGS | {name: value}))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"optimizer": adamw(lr=0.0)}, r"optimizer\.lr must be a number, above 0, got 0\.0"),
        ({"optimizer": adamw(lr=math.nan)}, r"optimizer\.lr must be a number"),
        ({"optimizer": adamw(weight_decay=-0.1)}, r"optimizer\.weight_decay must be a number, 0 or more"),
        ({"optimizer": partial(torch.optim.SGD, lr=0.1, momentum=1.0)}, r"optimizer\.momentum must be a number, 0 or"),
        ({"optimizer": partial(torch.optim.AdamW, lr=0.1, betas=(2.0, 0.9))}, "optimizer and scheduler: .*beta"),
        ({"optimizer": partial(torch.optim.SGD, lr=0.1, speed=3)}, "optimizer and scheduler: .*speed"),
        (
            {"scheduler": partial(warmup_cosine, warmup_fraction=1.0)},
            r"scheduler\.warmup_fraction must be a number, 0 or more and below 1",
        ),
    ],
)
def test_a_bad_setting_of_optimizer_or_scheduler_is_named_before_training(changed, message):
    with pytest.raises(ValueError, match=message):
        Trainer(**(SETTINGS | changed))


def test_another_optimizer_and_scheduler_train_as_well(tmp_path):
    sgd = partial(torch.optim.SGD, lr=0.02, momentum=0.9, nesterov=True)
    history, _, _ = fit(tmp_path, optimizer=sgd, scheduler=partial(warmup_constant, warmup_fraction=0.1), steps=30)
    assert history[-1]["train/loss"] < history[0]["train/loss"]
    assert history[-1]["train/learning_rate"] == pytest.approx(0.02)


def test_validation_sees_the_same_samples_missing_whatever_the_seed(tmp_path):
    seen = []

    class Recorder(FakeLoss):
        def forward(self, output, batch):
            present = torch.stack([batch.present["image"], batch.present["text"]])
            seen.append(present if not torch.is_grad_enabled() else None)
            return {"loss": output.label.sum() + output.image.sum() + output.text.sum()}

    for seed in (0, 1):
        fit(tmp_path, seed=seed, loss=Recorder(), steps=2, num_validations=1, batch_size=9)
    first, second = (present for present in seen if present is not None)
    assert torch.equal(first, second)
    assert torch.equal(first[0], SETTINGS["modality_dropout"].draw(9, MASKS)["image"])


def batches(seed=0, size=8, rank=0, world=1):
    """Batches as process `rank` of `world` sees them."""

    class OneOf:
        device, global_rank, world_size = torch.device("cpu"), rank, world

    return BatchSampler(
        DATA.splits["train"], Augment(0.04, 5, 0.1, True), size, ModalityDropout(0.3, 0.3, 0.0), seed, OneOf()
    )


def test_an_epoch_shows_no_sample_twice_and_the_next_has_another_order():
    source = batches()
    epochs = [torch.cat([source.at(3 * epoch + i).index for i in range(3)]) for epoch in range(2)]
    assert all(len(set(epoch.tolist())) == 24 for epoch in epochs)
    assert not torch.equal(epochs[0], epochs[1])


def test_a_batch_depends_on_seed_and_number_alone():
    source, jumped = batches(), batches()
    walked = [source.at(step) for step in range(5)]
    assert torch.equal(jumped.at(4).index, walked[4].index)
    assert torch.equal(jumped.at(1).index, walked[1].index)  # also backwards
    assert torch.equal(jumped.at(1).present["text"], walked[1].present["text"])
    assert not torch.equal(batches(seed=1).at(0).index, walked[0].index)


def test_processes_share_a_batch_out_among_them():
    whole = batches().at(4)
    parts = [batches(rank=rank, world=2).at(4) for rank in range(2)]
    assert sorted(torch.cat([part.index for part in parts]).tolist()) == sorted(whole.index.tolist())
    for part in parts:
        for row, present in zip(part.index, part.present["image"], strict=True):
            assert present == whole.present["image"][whole.index == row]
        for row, image in zip(part.index, part.image, strict=True):
            assert torch.equal(image, whole.image[whole.index == row][0])


def test_the_images_of_a_batch_are_moved_and_differently_in_the_next_epoch():
    source = batches()
    first = {
        int(i): image
        for step in range(3)
        for i, image in zip(source.at(step).index, source.at(step).image, strict=True)
    }
    for step in range(3, 6):
        batch = source.at(step)
        for row, image in zip(batch.index.tolist(), batch.image, strict=True):
            assert not torch.equal(image, DATA.splits["train"].image[row] / 255)
            assert row not in first or not torch.equal(image, first[row])


def test_matrices_decay_and_frozen_parameters_are_left_out():
    model, loss = build()
    model.encoders["text"].requires_grad_(False)
    decayed, kept = build_optimizer(adamw(), TrainingStep(model, loss), unfused=False).param_groups
    assert (decayed["weight_decay"], kept["weight_decay"]) == (0.05, 0.0)
    assert all(p.ndim > 1 for p in decayed["params"])
    assert any(p is loss.terms["contrastive"].logit_scale for p in kept["params"])
    trained = {id(p) for p in [*decayed["params"], *kept["params"]]}
    assert trained == {id(p) for m in (model, loss) for p in m.parameters() if p.requires_grad}


@pytest.mark.slow
def test_two_processes_train_one_model(tmp_path):
    logged = []
    began = time.perf_counter()
    history, model, _ = fit(tmp_path, devices=2, steps=30, log=logged.append)
    assert time.perf_counter() - began < 60
    assert logged == history
    assert history[-1]["validation/loss"] < history[0]["validation/loss"]
    best = load_checkpoint(tmp_path / "best.pt")["model"]
    assert all(torch.equal(weight, best[name]) for name, weight in model.state_dict().items())


def test_the_ramp_follows_the_steps(tmp_path):
    """With all captions dropped at its end: none misses in the first step, nearly all in the last."""
    missing = []

    class Watched(WeightedLoss):
        def forward(self, output, batch):
            if self.training:
                missing.append(float((~batch.present["text"]).float().mean()))
            return super().forward(output, batch)

    loss = build()[1]
    loss.__class__ = Watched
    fit(tmp_path, loss=loss, modality_dropout=ModalityDropout(0.0, 1.0, 1.0), steps=30, batch_size=24)
    assert missing[0] == 0
    assert sum(missing[-5:]) / 5 > 0.75 > 0.4 > sum(missing[5:10]) / 5 > 0


def test_a_loss_may_change_the_encoders_gradients(tmp_path):
    class Stopping(WeightedLoss):
        def after_backward(self, encoders):
            for parameter in encoders["image"].parameters():
                parameter.grad = None if parameter.grad is None else parameter.grad.zero_()

    model, loss = build()
    loss.__class__ = Stopping
    before = {name: p.detach().clone() for name, p in model.encoders.named_parameters()}
    history, model, _ = fit(tmp_path, model=model, loss=loss, optimizer=adamw(weight_decay=0.0))
    for name, parameter in model.encoders.named_parameters():
        assert torch.equal(before[name], parameter) == name.startswith("image"), name
    assert all(row["train/imbalance/grad_norm_image"] == 0 < row["train/imbalance/grad_norm_text"] for row in history)


@pytest.mark.parametrize("clip", [1e-3, 1e3])
def test_the_gradient_norms_are_those_before_clipping(tmp_path, clip):
    model, loss = build()
    rows = torch.randperm(30, generator=generator(0, 0, 0))[:8]
    batch = BatchSampler(
        DATA.splits["train"], DATA.augment, 8, ModalityDropout(0.3, 0.3, 0.0), 0, make_fabric("cpu", 1, "32-true")
    )
    torch.manual_seed(0)
    TrainingStep(model, loss)(ExactBatch(batch.at(0)))["loss"].backward()
    assert torch.equal(batch.at(0).index, rows)
    expected = nn.utils.get_total_norm([p.grad for p in model.encoders["image"].parameters() if p.grad is not None])
    history, *_ = fit(tmp_path, steps=1, num_validations=1, gradient_clip_norm=clip)
    assert history[0]["train/imbalance/grad_norm_image"] == pytest.approx(float(expected), rel=1e-4)


def test_what_is_not_learned_is_said_at_the_end(tmp_path, caplog):
    """With all captions' gradients stopped, and images that show nothing."""
    blank = replace(DATA.splits["train"], image=torch.zeros_like(DATA.splits["train"].image))
    data = replace(DATA, splits={"train": blank, "validation": replace(blank)})
    often = {"optimizer": adamw(2e-2), "modality_dropout": ModalityDropout(0.5, 0.1, 0.0)}  # the caption stands alone
    fit(tmp_path, data=data, steps=200, **often)  # until the captions are learned
    assert "the image is not learned" in caplog.text


def test_what_is_not_learned_is_judged_by_the_weights_that_are_kept(tmp_path, monkeypatch):
    validate, losses, judged = Trainer.validate, iter([2.0, 1.0, 3.0]), []
    monkeypatch.setattr(Trainer, "validate", lambda *given: validate(*given) | {"validation/loss": next(losses)})
    monkeypatch.setattr("multimodal.training.trainer.warn_unlearned", lambda row, *_: judged.append(row["step"]))
    fit(tmp_path, num_validations=3, steps=6)
    assert judged == [4]


def test_the_average_of_the_weights_is_validated_and_kept(tmp_path, monkeypatch):
    """A plain loop over the weights of each step gives what best.pt has, and the model that `fit` leaves."""
    end_step, decay, weights = TrainerState.end_step, 0.7, []

    def recording(state, *arguments):
        end_step(state, *arguments)
        weights.append({name: p.detach().clone() for name, p in state.model.named_parameters()})

    monkeypatch.setattr(TrainerState, "end_step", recording)
    history, model, _ = fit(tmp_path, num_validations=1, steps=5, ema_decay=decay)
    average = weights[0]
    for following in weights[1:]:
        average = {name: decay * old + (1 - decay) * following[name] for name, old in average.items()}
    best, last = load_checkpoint(tmp_path / "best.pt"), load_checkpoint(tmp_path / "last.pt")
    for name, value in average.items():
        torch.testing.assert_close(best["model"][name], value)
        assert torch.equal(dict(model.named_parameters())[name], best["model"][name])
        assert torch.equal(last["model"][name], weights[-1][name])
    assert not torch.equal(best["loss"]["terms.contrastive.logit_scale"], last["loss"]["terms.contrastive.logit_scale"])
    loss = build()[1]
    loss.load_state_dict(best["loss"])
    again = Trainer(**SETTINGS).validate(TrainingStep(model, loss), DATA, torch.device("cpu"))
    assert again["validation/loss"] == pytest.approx(history[0]["validation/loss"], rel=1e-5)


@pytest.mark.parametrize("decay", [0, 1, "0.9"])
def test_a_decay_that_averages_nothing_is_refused(decay):
    with pytest.raises(ValueError, match=r"training\.ema_decay must be"):
        Trainer(**SETTINGS | {"ema_decay": decay})


@pytest.mark.filterwarnings("ignore:TF32 acceleration:UserWarning")
def test_fp16_with_its_scaler_clips_and_steps(tmp_path):
    """A fused optimizer unscales too late to be clipped: Fabric refuses that pair."""
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    plugin = MixedPrecision("16-mixed", "cpu", scaler)
    trainer = Trainer(**SETTINGS)
    trainer.fabric, trainer.precision = Fabric(accelerator="cpu", devices=1, plugins=[plugin]), "16-mixed"
    model, loss = build()
    torch.manual_seed(0)
    with torch.backends.mkldnn.flags(enabled=False):
        history = trainer.fit(model, loss, DATA, tmp_path, 0, lambda row: None, EXTRA)
    (tmp_path / "plain").mkdir()
    plain, *_ = fit(tmp_path / "plain")
    assert history[0]["train/imbalance/grad_norm_text"] == pytest.approx(
        plain[0]["train/imbalance/grad_norm_text"], rel=0.1
    )
    assert history[-1]["train/loss"] < history[0]["train/loss"]


def test_images_in_a_file_train_as_those_in_memory_to_the_bit(tmp_path):
    splits = {
        name: replace(part, image=write_images([part.image], tuple(part.image.shape[1:]), tmp_path / "images"))
        for name, part in DATA.splits.items()
    }
    runs = {"file": replace(DATA, splits=splits), "memory": DATA}
    for name, data in runs.items():
        (tmp_path / name).mkdir()
        fit(tmp_path / name, data=data, steps=20)
    assert same(left(tmp_path / "file"), left(tmp_path / "memory"))
