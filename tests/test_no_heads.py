"""Models without the heads that generate: `head/image=none`, `head/text=none`, from the loss to the comparison."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hydra.utils import instantiate
from PIL import Image

import multimodal
from multimodal.dataset.preparing.vocabulary import Vocabulary
from multimodal.evaluation import captions, images
from multimodal.evaluation.evaluator import Evaluator, Results
from multimodal.figures.generation import draw_generation
from multimodal.judge.caption import CaptionJudge
from multimodal.judge.image import ImageJudge
from multimodal.model import MultimodalModel, no_head
from multimodal.runs.build import build_loss
from multimodal.training.training_step import ExactBatch, TrainingStep
from tests.evaluation.test_wiring import WORDS, make_split
from tests.helpers.command import TINY, command
from tests.helpers.contracts import FUSIONS, build
from tests.helpers.made_up_results import TITLE, check_layout, draw_every_figure, made_up_run, visible_texts
from tests.helpers.toy import options, toy_data

ABSENT = {"image": "head/image=none", "text": "head/text=none"}
NAMES = {"image": "image", "text": "caption"}  # of what each head generates
QUICK = ["evaluation.measures.interaction.num_samples=6", "evaluation.measures.beam_search.beam_width=2"]
QUICK += ["evaluation.measures.availability.grid_steps=2", "evaluation.measures.cost.repeats=1"]


class NoJudge:
    """Must not be trained: nothing is there to judge."""


def evaluate(config, model: MultimodalModel, judge: object, *overrides: str) -> Results:
    """All measures on noise that is captioned at random."""
    vocabulary = Vocabulary.of([" ".join(WORDS)])
    splits = {name: make_split(vocabulary, i) for i, name in enumerate(("train", "validation", "test"))}
    data = toy_data("noise", "embedded", splits, vocabulary, ["a", "b", "c"])
    cfg = config(*QUICK, *overrides)
    measures = instantiate(cfg.evaluation.measures, _convert_="all")
    settings = {"fill": cfg.evaluation.fill, "batch_size": 70, "seed": 0, "num_references": 2}
    return Evaluator(image_judge=judge, measures=measures, **settings).evaluate(model, data, [])


def take_steps(model: MultimodalModel, loss: torch.nn.Module, batch, count: int = 2) -> dict[str, torch.Tensor]:
    """The terms of the last of some optimizer steps."""
    step = TrainingStep(model.train(), loss)
    optimizer = torch.optim.AdamW(step.parameters(), lr=1e-3)
    for _ in range(count):
        terms = step(ExactBatch(batch))
        terms["loss"].backward()
        loss.after_backward(model.encoders)
        optimizer.step()
        optimizer.zero_grad()
    return terms


@pytest.mark.parametrize("fusion", FUSIONS)
def test_every_fusion_trains_and_is_evaluated_without_them(config, batch, monkeypatch, fusion: str) -> None:
    monkeypatch.setattr(CaptionJudge, "fit", lambda *_: pytest.fail("a judge of captions, and no captions"))
    model, cfg = build(config, f"fusion={fusion}", *ABSENT.values())
    assert set(model.heads) == {"label"}
    output = model(batch)
    assert (output.image, output.text, output.float().image) == (None, None, None)
    terms = take_steps(model, build_loss(cfg), batch)
    assert (
        {"label", "contrastive", "loss", "accuracy"} <= set(terms) <= {"label", "contrastive", "loss", "accuracy", "kl"}
    )
    results = evaluate(config, model, NoJudge())
    assert results.metrics["accuracy/both"] is not None
    assert (results.predictions.image, results.predictions.caption) == ({}, {})
    reads = model.fusion.modalities
    if len(reads) == 2:
        assert results.undefined["text_to_image/ssim"] == results.undefined["judge/accuracy"] == no_head("image")
        assert results.undefined["image_to_text/bleu4_skill"] == no_head("text")
    assert set(results.baselines) == {"frequent_label"}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.parametrize("fusion", FUSIONS)
def test_every_fusion_can_be_exported_without_them(config, fusion: str) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    from multimodal.export import export_program, onnx_bytes, output_names
    from tests.helpers.toy import SIZES
    from tests.test_export import check_answers, run_onnx, samples

    model, _ = build(config, f"fusion={fusion}", *ABSENT.values())
    program, outputs = export_program(model, SIZES), output_names(model)
    assert outputs == ["probability"]
    inputs = samples(5, SIZES)
    found = run_onnx(onnx_bytes(program, outputs), inputs, outputs)
    check_answers(found, program.module()(*inputs), outputs, "onnxruntime")


@pytest.mark.parametrize("loss", options("loss"))
def test_terms_that_read_an_absent_head_or_weigh_nothing_are_left_out(config, batch, loss: str) -> None:
    model, cfg = build(config, f"loss={loss}", *ABSENT.values(), "loss.weights.contrastive=0")
    made = build_loss(cfg)
    own = {"label", "unimodal"} & set(cfg.loss.terms)
    assert set(made.terms) == own
    terms = take_steps(model, made, batch)
    assert {name for name in terms if not name.startswith(("weight_", "modulation_"))} == own | {"loss", "accuracy"}
    assert {name for name in terms if name.startswith("weight_")} <= {f"weight_{name}" for name in own}


@pytest.mark.parametrize(("head", "term"), [("image", {"image", "dssim"}), ("text", {"text"})])
def test_one_absent_head_takes_its_terms_along(config, head: str, term: set[str]) -> None:
    assert set(config().loss.terms) - set(build_loss(config(ABSENT[head])).terms) == term


@pytest.mark.parametrize("head", ABSENT)
def test_what_an_absent_head_would_give_has_its_reason_by_the_same_names(
    config, tmp_path, monkeypatch, head: str
) -> None:
    whole, _ = build(config)
    full = evaluate(config, whole, ImageJudge(3, 8, 0.01, str(tmp_path)))
    lost: set[str] = {name for name in full.metrics if "attribute_accuracy_" in name and "_skill" not in name}
    scored = {"image": images, "text": captions}[head]
    name = "score_images" if head == "image" else "score_captions"
    monkeypatch.setattr(scored, name, lambda *_: pytest.fail(f"there is no {head} to score"))
    model, _ = build(config, ABSENT[head])
    judge = NoJudge() if head == "image" else ImageJudge(3, 8, 0.01, str(tmp_path))
    partial = evaluate(config, model, judge)
    assert set(partial.metrics) | lost == set(full.metrics) | lost
    gone = {name for name, why in partial.undefined.items() if why == no_head(head)}
    ways = {"image": ("text_to_image/",), "text": ("image_to_text/", "image_to_text_beam/")}[head]
    assert {name for name in partial.metrics if name.startswith(ways)} <= gone
    assert {"missing/0.5_filled", "accuracy/image_filled", "accuracy/text_filled"} <= gone
    others = {"image": "image_to_text/bleu4", "text": "text_to_image/ssim"}
    assert partial.metrics[others[head]] is not None


def test_an_availability_that_is_filled_by_generation_is_undefined(config) -> None:
    model, _ = build(config, *ABSENT.values())
    results = evaluate(config, model, NoJudge(), "evaluation.fill=generated")
    assert results.undefined["availability/mean"] == no_head("image")
    assert results.surface == []


def test_a_label_head_there_has_to_be(config) -> None:
    model, _ = build(config)
    with pytest.raises(ValueError, match=r"head\.label must be a component"):
        MultimodalModel(dict(model.encoders), model.missing, model.fusion, {"label": None})


@pytest.mark.parametrize("head", ABSENT)
def test_the_figure_of_generation_says_which_head_is_absent(head: str) -> None:
    data, results = made_up_run(2, 3, 8)
    field = "image" if head == "image" else "caption"
    results = replace(results, predictions=replace(results.predictions, **{field: {}}))
    figure = draw_generation(TITLE, data, results, samples=6, seed=0)
    check_layout(figure)
    texts = " ".join(text.get_text().replace("\n", " ") for text in visible_texts(figure))
    assert f"no {head} head" in texts


def test_without_either_there_is_no_figure_of_generation() -> None:
    data, results = made_up_run(2, 3, 8)
    results = replace(results, predictions=replace(results.predictions, image={}, caption={}))
    figures = draw_every_figure(data, results)
    assert "generation" not in figures
    check_layout(figures["masking"])


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> SimpleNamespace:
    """A run without both heads and one with them, of the command."""
    folder = tmp_path_factory.mktemp("heads")
    for name, heads in {"without": list(ABSENT.values()), "with": []}.items():
        done = command(folder, *TINY, *heads, "tracking=disabled", f"output_dir=runs/{name}")
        assert done.status == 0, done.stderr
    return SimpleNamespace(folder=folder, without=folder / "runs" / "without", full=folder / "runs" / "with")


def test_the_history_has_no_column_of_an_absent_head(runs) -> None:
    columns = (runs.without / "history.csv").read_text().splitlines()[0].split(",")
    terms = {"label", "image", "dssim", "text", "contrastive"}
    assert {name for name in terms if f"train/{name}" in columns} == {"label", "contrastive"}


@pytest.mark.parametrize(
    ("given", "head", "made"), [('text="a thick seven"', "image", "drawing"), ("image=x.png", "text", "caption")]
)
def test_mode_generate_gives_the_class_and_says_what_it_cannot_make(runs, given: str, head: str, made: str) -> None:
    Image.new("L", (28, 28)).save(runs.folder / "x.png")
    done = command(runs.folder, "mode=generate", "checkpoint=runs/without", given)
    assert done.status == 0, done.stderr
    assert "class: " in done.stdout
    assert f"no {made}: {no_head(head)}" in done.stdout


def test_a_prediction_has_none_of_it_and_says_so(runs, caplog) -> None:
    answer = multimodal.load(runs.without).predict(text="a thick seven")
    assert (answer.image, answer.caption) == (None, None)
    assert sum(answer.probability.values()) == pytest.approx(1)
    for head, made in NAMES.items():
        assert f"{no_head(head)}: the prediction's {made} is None" in caplog.messages


def test_the_comparison_of_both_kinds_of_run_has_all_of_them(runs) -> None:
    tables = multimodal.compare(runs.folder / "runs")
    assert list(tables["Quality"].index.get_level_values("fusion")).count("attention") == 2
    quality = json.loads((runs.without / "metrics.json").read_text())
    assert quality["undefined"]["reconstruction/ssim"] == no_head("image")
    done = command(runs.folder, "mode=report", "output_dir=runs", "tracking=disabled")
    assert done.status == 0, done.stderr
    assert "head/image=none" in Path(runs.folder / "runs" / "report.md").read_text(encoding="utf-8")
