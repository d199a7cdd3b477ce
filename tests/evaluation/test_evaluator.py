"""The evaluation of models that were made up: perfect, blind, silent, of one modality."""

import json
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from sklearn.metrics import f1_score
from torch import Tensor

from multimodal.dataset.data import Data, Split
from multimodal.dataset.preparing.vocabulary import Vocabulary
from multimodal.evaluation.classification import classification_metrics
from multimodal.evaluation.derived import BLIND
from multimodal.evaluation.evaluator import Evaluator, Results
from multimodal.judge.image import ImageJudge
from multimodal.metric import catalogue
from multimodal.metric.catalogue import MetricSpec
from multimodal.run import build_evaluation
from multimodal.types import BOS, EOS, Encoded, Fused
from tests.helpers.toy import composed, toy_data

CLASSES = ("bar", "plank", "box")
SHAPES = ((20, 5), (5, 20), (12, 12))  # rows and columns of the block that an image shows
TONES = ("pale", "grey", "dark")
PLACES = ("left", "middle", "right")
CONDITIONS = ("both", "image", "text")
# 60 samples are too few for 128 features, and of two modalities that each answer alone no fusion gains
UNDEFINED = {"text_to_image/frechet", "reconstruction/frechet", "fusion/gain", "fusion/gain_se"}
UNDEFINED |= {"text_to_image/diversity"}  # of a model that draws one image for a caption


def captions(content: Tensor, tone: Tensor, place: Tensor) -> list[str]:
    rows = zip(content.tolist(), tone.tolist(), place.tolist(), strict=True)
    return [f"a {TONES[t]} {CLASSES[c]} on the {PLACES[p]}" for c, t, p in rows]


def make_split(size: int, vocabulary: Vocabulary, seed: int) -> Split:
    """Blocks on noise, told in six words."""
    generator = torch.Generator().manual_seed(seed)
    content = torch.arange(size) % 3
    tone, place = torch.randint(3, (2, size), generator=generator)
    image = torch.randint(60, (size, 1, 28, 28), generator=generator)
    for i in range(size):
        height, width = SHAPES[content[i]]
        image[i, :, 4 : 4 + height, 1 + 3 * place[i] : 1 + 3 * place[i] + width] = 240 - 40 * tone[i]
    tokens = vocabulary.encode(captions(content, tone, place), max_words=10)
    return Split(image.to(torch.uint8), tokens, content, content)


@pytest.fixture(scope="module")
def data() -> Data:
    every = torch.cartesian_prod(*[torch.arange(3)] * 3).unbind(1)
    vocabulary = Vocabulary.of(captions(*every))
    splits = {name: make_split(60, vocabulary, seed) for seed, name in enumerate(("train", "validation", "test"))}
    whole = toy_data("blocks", "embedded", splits, vocabulary, list(CLASSES), "blocks")
    return replace(whole, grammar=parse, image_attributes=measure)


def parse(caption: str) -> dict[str, str]:
    """The tone that a caption states."""
    tones = [word for word in caption.split() if word in TONES]
    return {"tone": tones[0]} if tones else {}


def measure(image: np.ndarray, name: str) -> dict[str, str]:
    """The tone of the block in an image, (H, W) uint8."""
    assert (image.shape, image.dtype) == ((28, 28), np.uint8)
    assert name in CLASSES
    return {"tone": TONES[min(2, max(0, round((240 - int(image.max())) / 40)))]} if image.max() > 120 else {}


@pytest.fixture(scope="module")
def evaluator(tmp_path_factory) -> Evaluator:
    judge = ImageJudge(60, 16, 0.01, str(tmp_path_factory.mktemp("judges")))
    return make_evaluator(judge)


def make_evaluator(judge: ImageJudge, batch_size: int = 25, only: tuple[str, ...] | None = None) -> Evaluator:
    """All measures of conf/evaluation, or some, but the cost: what these models cost says nothing."""
    cfg = composed(
        "evaluation.measures.availability.grid_steps=4",
        "evaluation.measures.beam_search.beam_width=2",
        "evaluation.measures.interaction.num_samples=12",
        "evaluation.measures.cost=null",
    )
    measures = instantiate(cfg.evaluation.measures, _convert_="all")
    if only is not None:
        measures = {name: measure for name, measure in measures.items() if name in only}
    return Evaluator("none", batch_size, seed=0, num_references=3, image_judge=judge, measures=measures)


def fake(
    test: Split,
    probability: Tensor | None = None,
    image: Tensor | None = None,
    tokens: Tensor | None = None,
    encoded: dict[str, Tensor] | None = None,
    reads: tuple[str, ...] = ("image", "text"),
) -> SimpleNamespace:
    """A model that says these things of the test samples, whatever it is given; the truth by default.

    Args:
        probability: (N, K), or {condition: (N, K)}.
        image: (N, C, H, W) drawn.
        tokens: (N, T) written.
        encoded: {modality: (N, D)}.
        reads: the modalities of its fusion.
    """
    truth = torch.nn.functional.one_hot(test.label, len(CLASSES)).float()
    said = truth if probability is None else probability
    said = said if isinstance(said, dict) else dict.fromkeys(CONDITIONS, said)
    drawn = test.image.float() / 255 if image is None else image
    written = test.tokens if tokens is None else tokens
    same = torch.nn.functional.one_hot(test.tokens.unique(dim=0, return_inverse=True)[1]).float()
    pooled = {"image": same, "text": same} if encoded is None else encoded

    def encode(batch):
        row = batch.index[:, None, None]
        return {m: Encoded(x[batch.index], row, row[..., 0] >= 0, batch.present[m]) for m, x in pooled.items()}

    def fuse(encoded, **hidden):
        condition = {(): 0, ("text",): 1, ("image",): 2}[tuple(hidden)]
        row = encoded["image"].tokens[:, 0, 0]
        return Fused(torch.stack([row, torch.full_like(row, condition)], dim=1))

    def classify(fused):
        chosen = torch.stack([said[c] for c in CONDITIONS])[fused.z[:, 1], fused.z[:, 0]]
        return chosen.clamp(min=1e-30).log()

    return SimpleNamespace(
        eval=lambda: None,
        parameters=lambda: iter([torch.zeros(1)]),
        tokenize=lambda captions: None,  # it reads the vocabulary's words
        encode=encode,
        fuse=fuse,
        classify=classify,
        draws_at_random=False,
        draw=lambda z, number: drawn[z[:, 0]],
        memory=lambda fused: (),
        heads={
            "image": object(),
            "text": SimpleNamespace(
                generate=lambda z: written[z[:, 0]].long(), beam=lambda z, width: written[z[:, 0].long()].long()
            ),
        },
        fusion=SimpleNamespace(modalities=reads),
    )


def fallible(test: Split) -> dict:
    """Answers that are partly wrong, for `fake`; no two embeddings tie."""
    generator = torch.Generator().manual_seed(5)
    size = len(test)
    probability = {c: torch.rand(size, 3, generator=generator).pow(2) for c in CONDITIONS}
    for weight, condition in zip((1.0, 0.5, 0.2), CONDITIONS, strict=True):
        probability[condition][torch.arange(size), test.label] += weight
    other = torch.randperm(size, generator=generator)
    half = torch.rand(size, generator=generator) < 0.5
    noise = torch.rand(test.image.shape, generator=generator)
    x, y = torch.randn(2, size, 6, generator=generator)
    return {
        "probability": {c: p / p.sum(1, keepdim=True) for c, p in probability.items()},
        "image": 0.6 * test.image.float() / 255 + 0.4 * noise,
        "tokens": torch.where(half[:, None], test.tokens, test.tokens[other]),
        "encoded": {"image": x, "text": x + y},
    }


def permuted(value, order: Tensor):
    """The rows of a tensor, or of every tensor of a dict."""
    return {n: v[order] for n, v in value.items()} if isinstance(value, dict) else value[order]


def rows_of(split: Split, order: Tensor) -> Split:
    return Split(split.image[order], split.tokens[order], split.label[order], split.content[order])


def with_test(data: Data, test: Split) -> Data:
    return replace(data, splits=data.splits | {"test": test})


@pytest.fixture(scope="module")
def perfect(data, evaluator) -> Results:
    return evaluator.evaluate(fake(data.splits["test"]), data, [])


@pytest.fixture(scope="module")
def imperfect(data, evaluator) -> Results:
    test = data.splits["test"]
    return evaluator.evaluate(fake(test, **fallible(test)), data, [])


def test_a_perfect_model_scores_the_best_of_everything(perfect) -> None:
    metrics = perfect.metrics
    for condition in CONDITIONS:
        assert metrics[f"accuracy/{condition}"] == metrics[f"macro_f1/{condition}"] == 1  # without any rounding
        assert metrics[f"nll/{condition}"] == pytest.approx(0, abs=1e-6)
        assert metrics[f"ece/{condition}"] == pytest.approx(0, abs=1e-6)
    assert metrics["availability/mean"] == metrics["availability/worst"] == 1
    for n in range(1, 5):
        assert metrics[f"reconstruction/bleu{n}"] == metrics[f"image_to_text/bleu{n}"] == pytest.approx(1)
    assert metrics["reconstruction/ssim"] == metrics["text_to_image/ssim"] == pytest.approx(1)
    assert metrics["reconstruction/psnr"] == pytest.approx(100)
    assert metrics["image_to_text/class_coherence"] == metrics["judge/caption_accuracy"] == 1
    assert metrics["text_to_image/class_coherence"] == metrics["judge/accuracy"] > 0.9
    assert metrics["text_to_image/attribute_accuracy"] == metrics["judge/attribute_accuracy"] == 1
    assert metrics["image_to_text/cider"] == metrics["reconstruction/cider"] == pytest.approx(10)
    assert metrics["text_to_image/ssim"] <= 1
    assert metrics["text_to_image/kid"] <= 0  # no nearer than the real images themselves


def test_a_perfect_model_has_skill_one_and_reaches_every_ceiling(perfect) -> None:
    skills = {name: value for name, value in perfect.metrics.items() if name.endswith("_skill")}
    assert len(skills) == 10  # BLEU-1..4, ROUGE-L, SSIM, attributes and coherence both ways
    assert skills == pytest.approx(dict.fromkeys(skills, 1.0))
    assert max(skills.values()) <= 1
    own = {n: v for n, v in perfect.metrics.items() if not n.startswith("task/")}
    ceilings = {n.removesuffix("_ceiling"): v for n, v in own.items() if n.endswith("_ceiling")}
    assert len(ceilings) == 2 * 9
    assert {name: perfect.metrics[name] for name in ceilings} == pytest.approx(ceilings)
    assert perfect.undefined.keys() == UNDEFINED
    assert perfect.metrics["fusion/product"] == perfect.metrics["task/ceiling"] == 1


def test_the_order_of_the_test_samples_changes_no_metric(data, evaluator, imperfect) -> None:
    """But what is drawn by row: masks, random caption, references, audited pairs, the starts of k-means."""
    test = data.splits["test"]
    order = torch.randperm(len(test), generator=torch.Generator().manual_seed(1))
    says = {name: permuted(value, order) for name, value in fallible(test).items()}
    after = evaluator.evaluate(fake(rows_of(test, order), **says), with_test(data, rows_of(test, order)), [])
    drawn_by_row = {"text_to_image/ssim_best", "latent/v_measure"}
    drawn_by_row |= {name for name in imperfect.metrics if name.startswith("interaction/")}
    assert after.metrics.keys() == imperfect.metrics.keys()
    blind = {
        name
        for name in imperfect.metrics
        if name.endswith("_skill")
        and name.startswith("image_to_text")
        and best_blind(imperfect, name)[0] == "random_caption"
    }
    for name in imperfect.metrics.keys() - drawn_by_row - blind - UNDEFINED:
        assert after.metrics[name] == pytest.approx(imperfect.metrics[name], rel=1e-5, abs=1e-7), name
    for name in ("frequent_caption", "mean_image", "class_caption", "class_image"):
        fixed = {n: v for n, v in imperfect.baselines[name].items() if n not in UNDEFINED | drawn_by_row}
        assert {n: after.baselines[name][n] for n in fixed} == pytest.approx(fixed, rel=1e-5), name


def test_real_images_stand_beside_the_baselines_and_are_not_blind(data, imperfect) -> None:
    rows = imperfect.baselines
    other, halves = rows["same_caption_image"], rows["real_halves"]
    assert other["text_to_image/attribute_accuracy"] == 1  # the caption states it of both
    assert other["text_to_image/class_coherence"] > 0.9
    # blocks of one caption are equal and their noise is not: nearer than the mean of a class, and not the same image
    assert rows["class_image"]["text_to_image/ssim"] < other["text_to_image/ssim"] < 0.99
    assert abs(halves["text_to_image/kid"]) < 0.2 * rows["mean_image"]["text_to_image/kid"]
    assert halves["text_to_image/kid"] == halves["reconstruction/kid"]
    assert 0.5 < imperfect.metrics["data/same_caption"] < 1
    skill = imperfect.metrics["text_to_image/attribute_accuracy_skill"]
    score, blind = imperfect.metrics["text_to_image/attribute_accuracy"], rows["mean_image"]
    assert skill == pytest.approx(
        (score - blind["text_to_image/attribute_accuracy"]) / (1 - blind["text_to_image/attribute_accuracy"])
    )


def test_captions_that_hardly_any_other_image_has_leave_no_such_row(data, evaluator) -> None:
    """Of six test samples one shares its caption; a text that no image shows twice would be one of few."""
    test, few = data.splits["test"], torch.arange(6)
    tokens = data.vocabulary.encode(captions(*torch.cartesian_prod(*[torch.arange(3)] * 3)[:7].unbind(1)), 10)
    part = Split(test.image[few], tokens[few], test.label[few], test.content[few])
    train = data.splits["train"]
    train = Split(train.image, tokens[[5] + [6] * 59], train.label, train.content)
    results = evaluator.evaluate(fake(part), replace(data, splits={"train": train, "test": part}), [])
    assert results.metrics["data/same_caption"] is None
    assert results.undefined["data/same_caption"].startswith("only 1 of 6 test samples")
    assert results.baselines["same_caption_image"] == {"text_to_image/ssim": None}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"grammar": None}, "no grammar reads the captions"),
        ({"image_attributes": None}, "no rule measures the attributes"),
        ({"image_attributes": lambda image, name: {}}, "no test caption states an attribute that the rule measures"),
        (
            {"image_attributes": lambda image, name: {"tone": "pale"}},
            "the rule that measures attributes finds only 0.3",
        ),
    ],
)
def test_without_a_rule_that_fits_attributes_of_images_are_undefined(data, evaluator, changes, reason) -> None:
    chosen = make_evaluator(evaluator.image_judge, only=("images", "baselines"))
    results = chosen.evaluate(fake(data.splits["test"]), replace(data, **changes), [])
    for name in ("judge/attribute_accuracy", "text_to_image/attribute_accuracy", "reconstruction/attribute_accuracy"):
        assert results.metrics[name] is None
        assert results.undefined[name].startswith(reason), name
    assert results.undefined["text_to_image/attribute_accuracy_skill"].startswith(reason)


def best_blind(results: Results, skill_name: str) -> tuple[str, float]:
    """(name, score) of the best baseline that is not told the class."""
    metric = skill_name.removesuffix("_skill")
    rows = {n: r[metric] for n, r in results.baselines.items() if metric in r and n in BLIND}
    name = max(rows, key=rows.get)
    return name, rows[name]


def test_skill_is_the_share_above_the_best_blind_baseline(imperfect) -> None:
    metrics = imperfect.metrics
    limits = {"image_to_text/class_coherence": "judge/caption_accuracy"}
    limits |= {
        f"text_to_image/{n}": f"judge/{j}" for n, j in (("class_coherence", "accuracy"), ("attribute_accuracy",) * 2)
    }
    names = [name for name in metrics if name.endswith("_skill")]
    for name in names:
        score = metrics[name.removesuffix("_skill")]
        limit = metrics[limits[name.removesuffix("_skill")]] if name.removesuffix("_skill") in limits else 1.0
        blind = best_blind(imperfect, name)[1]
        assert metrics[name] == pytest.approx((score - blind) / (limit - blind)), name


def test_answers_equal_their_formulas(data, imperfect) -> None:
    test = data.splits["test"]
    for condition, p in imperfect.predictions.probability.items():
        said, label = p.argmax(1), test.label
        assert imperfect.metrics[f"accuracy/{condition}"] == pytest.approx((said == label).double().mean().item())
        f1 = f1_score(label, said, average="macro")
        assert imperfect.metrics[f"macro_f1/{condition}"] == pytest.approx(f1, abs=1e-6)
        nll = -sum(math.log(p[i, label[i]]) for i in range(len(p))) / len(p)
        assert imperfect.metrics[f"nll/{condition}"] == pytest.approx(nll, rel=1e-5)
        gap = 0.0
        for b in range(15):
            rows = [i for i in range(len(p)) if b / 15 < p[i].max() <= (b + 1) / 15]
            gap += abs(sum(float(p[i].max()) - float(said[i] == label[i]) for i in rows)) / len(p)
        assert imperfect.metrics[f"ece/{condition}"] == pytest.approx(gap, abs=1e-5)


def test_a_certain_error_costs_much_and_not_infinitely() -> None:
    scores = classification_metrics({"both": torch.tensor([[0.0, 1.0], [0.0, 1.0]])}, torch.tensor([0, 1]))
    assert scores["nll/both"] == pytest.approx(-math.log(torch.finfo(torch.float32).tiny) / 2)


def test_corners_of_the_surface_are_the_accuracies(imperfect) -> None:
    cells = {(row["no_image"], row["no_text"]): row["accuracy"] for row in imperfect.surface}
    corners = {"both": cells[0.0, 0.0], "image": cells[0.0, 1.0], "text": cells[1.0, 0.0]}
    assert corners == pytest.approx({c: imperfect.metrics[f"accuracy/{c}"] for c in CONDITIONS})
    assert len(set(corners.values())) == 3
    assert imperfect.metrics["availability/mean"] == pytest.approx(sum(corners.values()) / 3, abs=1e-12)
    assert imperfect.metrics["availability/worst"] == min(corners.values())


def test_generation_and_reconstruction_are_kept_apart(data, evaluator) -> None:
    """A model that says the truth with both given and one constant otherwise."""
    test = data.splits["test"]
    model, constant = fake(test), test.tokens[:1].long()
    grey = torch.full((1, 1, 28, 28), 0.5)
    draw, write = model.draw, model.heads["text"].generate
    model.draw = lambda z, number: torch.where((z[:, 1] == 0)[:, None, None, None], draw(z, number), grey)
    model.heads["text"].generate = lambda z: torch.where((z[:, 1] == 0)[:, None], write(z), constant)
    metrics = evaluator.evaluate(model, data, []).metrics
    assert metrics["reconstruction/bleu4"] == metrics["reconstruction/ssim"] == pytest.approx(1)
    assert metrics["image_to_text/bleu4"] < 0.9
    assert metrics["text_to_image/ssim"] < 0.5


def test_a_constant_caption_has_no_coherence_and_no_skill(data, evaluator) -> None:
    test = data.splits["test"]
    for said in torch.cat([data.splits["train"].tokens[:3], torch.tensor([[BOS, 5, 6, 7, 5, 6, 7, EOS]])]):
        metrics = evaluator.evaluate(fake(test, tokens=said.long().expand(len(test), -1)), data, []).metrics
        assert metrics["image_to_text/class_coherence"] == pytest.approx(1 / 3, abs=0.01)
        skills = {n: v for n, v in metrics.items() if n.startswith("image_to_text") and n.endswith("_skill")}
        assert len(skills) == 7
        assert skills["image_to_text/class_coherence_skill"] <= 0
        assert max(skills.values()) < 0.15  # another constant may fit the test split better


def test_the_blind_baselines_themselves_have_no_skill(data, evaluator) -> None:
    train, test = data.splits["train"], data.splits["test"]
    rows, counts = train.tokens.unique(dim=0, return_counts=True)
    frequent = rows[counts.argmax()].long().expand(len(test), -1)  # unique sorts: of equals the smallest
    mean = (train.image.float().mean(0) / 255).expand(len(test), -1, -1, -1)
    results = evaluator.evaluate(fake(test, tokens=frequent, image=mean), data, [])
    skills = {name: value for name, value in results.metrics.items() if name.endswith("_skill")}
    assert max(skills.values()) <= 1e-9
    assert skills["text_to_image/ssim_skill"] == pytest.approx(0, abs=1e-6)
    for name, value in results.baselines["frequent_caption"].items():
        assert results.metrics[name] == value


def test_blind_baselines_do_not_read_the_labels_of_the_test(data, evaluator, imperfect) -> None:
    """With other classes for the same captions and images only coherence changes, but for the class_ ones."""
    test = data.splits["test"]
    other = (test.content + 1) % 3
    relabelled = Split(test.image, test.tokens, other, other)
    after = evaluator.evaluate(fake(relabelled), with_test(data, relabelled), []).baselines
    for name, row in imperfect.baselines.items():
        kept = {metric: value for metric, value in row.items() if not metric.endswith("class_coherence")}
        same = {metric: after[name][metric] for metric in kept} == kept
        assert same != name.startswith("class_"), name


@pytest.mark.parametrize(
    ("reads", "cannot", "can"),
    [
        (("image",), ("text_to_image/", "reconstruction/bleu"), ("image_to_text/", "reconstruction/ssim")),
        (("text",), ("image_to_text/", "reconstruction/ssim", "reconstruction/psnr"), ("text_to_image/",)),
    ],
)
def test_a_control_has_no_value_for_what_it_cannot_do(data, evaluator, reads, cannot, can) -> None:
    results = evaluator.evaluate(fake(data.splits["test"], reads=reads), data, [])
    for name, value in results.metrics.items():
        if name.startswith(cannot):
            assert value is None, name
            assert "does not read" in results.undefined[name]
        elif name.startswith(can) and name not in UNDEFINED:
            assert value is not None, name
    json.dumps(results.as_json(), allow_nan=False)


def test_without_room_skill_is_undefined_and_says_why(data, evaluator) -> None:
    """One caption for all: the blind baseline is perfect."""
    one = data.splits["train"].tokens[:1]
    splits = {n: Split(s.image, one.expand(len(s), -1), s.label, s.content) for n, s in data.splits.items()}
    results = evaluator.evaluate(fake(splits["test"]), replace(data, splits=splits), [])
    for name in ("image_to_text/bleu4_skill", "image_to_text/class_coherence_skill"):
        assert results.metrics[name] is None
        assert "nothing to gain" in results.undefined[name]
    assert results.metrics["text_to_image/ssim_skill"] == pytest.approx(1)


def test_a_model_that_says_nothing_is_measured(data, evaluator) -> None:
    test = data.splits["test"]
    size = len(test)
    silent = fake(
        test,
        probability=torch.full((size, 3), 1 / 3),
        image=torch.zeros(size, 1, 28, 28),
        tokens=torch.tensor([[BOS, EOS]]).expand(size, -1),
        encoded={"image": torch.zeros(size, 4), "text": torch.ones(size, 4)},
    )
    results = evaluator.evaluate(silent, data, [])
    assert results.metrics["image_to_text/bleu4"] == 0
    assert results.metrics["accuracy/both"] == pytest.approx(1 / 3)
    assert results.metrics["nll/both"] == pytest.approx(math.log(3))
    assert results.metrics["retrieval/image_to_text/r1_pair"] == pytest.approx(1 / size)
    json.dumps(results.as_json(), allow_nan=False)


@pytest.mark.parametrize("results", ["perfect", "imperfect"])
def test_results_are_json_and_every_gap_has_a_reason(results, request) -> None:
    found = request.getfixturevalue(results)
    assert json.loads(json.dumps(found.as_json(), allow_nan=False)) == found.as_json()
    assert {name for name, value in found.metrics.items() if value is None} == found.undefined.keys()
    assert found.as_json()["availability/surface"] == found.surface


def test_what_is_dear_is_timed_apart(imperfect) -> None:
    apart = {"image_judge", "predictions", "beam_search", "interaction", "baselines"}
    assert apart < imperfect.seconds.keys()
    assert imperfect.seconds["image_judge"] > 0


def test_evaluating_twice_gives_the_same_and_draws_nothing(data, evaluator, imperfect) -> None:
    before = torch.get_rng_state()
    test = data.splits["test"]
    again = evaluator.evaluate(fake(test, **fallible(test)), data, [])
    assert again.as_json() | {"seconds": {}} == imperfect.as_json() | {"seconds": {}}
    assert torch.equal(before, torch.get_rng_state())


def test_other_batches_give_the_same(data, evaluator, imperfect) -> None:
    test = data.splits["test"]
    whole = make_evaluator(evaluator.image_judge, batch_size=len(test))
    assert whole.evaluate(fake(test, **fallible(test)), data, []).metrics == pytest.approx(imperfect.metrics)


def test_the_most_frequent_answer_of_training_is_the_baseline_of_accuracy(data, evaluator) -> None:
    train, test = data.splits["train"], data.splits["test"]
    skewed = replace(train, label=torch.where(train.label == 1, 2, train.label))  # most are 2, in test a third
    after = evaluator.evaluate(fake(test), replace(data, splits=data.splits | {"train": skewed}), [])
    found = after.baselines["frequent_label"]
    assert found == dict.fromkeys(found, pytest.approx(float((test.label == 2).double().mean())))
    assert {"accuracy/both", "accuracy/image", "accuracy/text", "availability/mean"} < set(found)


MEASURES = [name for name in composed().evaluation.measures if name != "cost"]
OF_THE_JUDGE = {"images", "baselines"}  # measures that need the image judge


def evaluate_only(data: Data, evaluator: Evaluator, *names: str) -> Results:
    """Some measures of the imperfect model."""
    test = data.splits["test"]
    return make_evaluator(evaluator.image_judge, only=names).evaluate(fake(test, **fallible(test)), data, [])


@pytest.mark.parametrize("name", MEASURES)
def test_without_a_measure_the_others_give_the_same(data, evaluator, imperfect, name) -> None:
    """What it alone computes is absent, and the skill that follows from it; nothing else changes."""
    alone = evaluate_only(data, evaluator, name)
    rest = evaluate_only(data, evaluator, *(other for other in MEASURES if other != name))
    assert not alone.metrics.keys() & rest.metrics.keys()
    assert not (alone.baselines and rest.baselines)
    assert not (alone.surface and rest.surface)
    columns = {"index", "label", "content", "caption"}
    assert alone.samples.keys() & rest.samples.keys() == columns
    assert alone.samples.keys() | rest.samples.keys() == imperfect.samples.keys()
    for part in (alone, rest):
        assert part.metrics.items() <= imperfect.metrics.items()
        assert part.undefined.items() <= imperfect.undefined.items()
        json.dumps(part.as_json(), allow_nan=False)
    missing = imperfect.metrics.keys() - alone.metrics.keys() - rest.metrics.keys()
    assert all(metric.endswith("_skill") for metric in missing)
    assert bool(missing) == (name in {"captions", "images", "baselines"})
    assert name in alone.seconds
    assert name not in rest.seconds


def test_no_judge_is_trained_that_no_measure_needs(data, evaluator, monkeypatch) -> None:
    def never(*_, **__):
        raise AssertionError("trained")

    monkeypatch.setattr(ImageJudge, "fit", never)
    found = evaluate_only(data, evaluator, *(name for name in MEASURES if name not in OF_THE_JUDGE))
    assert found.metrics["image_to_text/class_coherence"] is not None
    assert "image_judge" not in found.seconds
    for name in OF_THE_JUDGE:
        with pytest.raises(AssertionError, match="trained"):
            evaluate_only(data, evaluator, name)


def test_a_measure_that_is_null_is_skipped_and_none_at_all_leaves_predictions(data, evaluator) -> None:
    test, measures = data.splits["test"], dict.fromkeys(MEASURES)
    empty = Evaluator("none", 25, 0, 3, evaluator.image_judge, measures).evaluate(fake(test), data, [])
    assert empty.metrics == empty.baselines == {}
    assert set(empty.predictions.probability) == set(CONDITIONS)


def test_availability_of_each_sample_is_a_column_whose_mean_is_the_metric(imperfect) -> None:
    column = imperfect.samples["availability"]
    assert column.mean() == pytest.approx(imperfect.metrics["availability/mean"], abs=1e-12)
    right = {c: imperfect.samples[f"correct/{c}"] for c in CONDITIONS}
    assert (column[right["both"] & right["image"] & right["text"]] == 1).all()
    assert (column[~right["both"] & ~right["image"] & ~right["text"]] == 0).all()
    assert ((column > 0) & (column < 1)).any()


def test_every_metric_of_the_catalogue_is_the_mean_of_its_samples(imperfect) -> None:
    for spec in (spec for spec in catalogue.CATALOGUE if spec.per_sample is not None):
        values = np.asarray(spec.per_sample(imperfect.samples), np.float64)
        assert values.shape == (60,), spec.name
        assert values.mean() == pytest.approx(imperfect.metrics[spec.name], abs=1e-9), spec.name


def confident_error(columns) -> np.ndarray:
    """A user's own metric: whether the model is wrong and at least 50 % sure."""
    wrong = columns["predicted/text"] != columns["label"]
    return wrong & (columns["probability/text"].max(1) >= 0.5)


def test_a_metric_per_sample_needs_a_function_and_a_line_in_the_catalogue(data, evaluator, monkeypatch) -> None:
    added = (MetricSpec("confident_error/text", needs=("text",), per_sample=confident_error),)
    monkeypatch.setattr(catalogue, "CATALOGUE", catalogue.CATALOGUE + added)
    found = evaluate_only(data, evaluator, "classification")
    p = found.predictions.probability["text"]
    expected = ((p.argmax(1) != data.splits["test"].label) & (p.max(1).values >= 0.5)).double().mean()
    assert expected > 0
    assert found.metrics["confident_error/text"] == pytest.approx(float(expected))
    absent = evaluate_only(data, evaluator, "retrieval")  # without its columns
    assert "confident_error/text" not in absent.metrics
    control = make_evaluator(evaluator.image_judge, only=("classification",))
    undefined = control.evaluate(fake(data.splits["test"], reads=("image",)), data, []).undefined
    assert undefined["confident_error/text"] == "this fusion does not read the text"


def test_a_metric_with_skill_in_the_catalogue_has_one(data, evaluator, imperfect, monkeypatch) -> None:
    added = (MetricSpec("text_to_image/ssim_best", needs=("text",), skill=True),)
    monkeypatch.setattr(catalogue, "CATALOGUE", added + catalogue.CATALOGUE)
    found = evaluate_only(data, evaluator, "images", "baselines")
    score, blind = imperfect.metrics["text_to_image/ssim_best"], imperfect.baselines["mean_image"]
    expected = (score - blind["text_to_image/ssim_best"]) / (1 - blind["text_to_image/ssim_best"])
    assert found.metrics["text_to_image/ssim_best_skill"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("fill=mean", "evaluation.fill must be one of none, generated, got 'mean'"),
        ("image_judge.steps=0", "evaluation.image_judge.steps must be a whole number of 1 or more, got 0"),
        ("batch_size=0", "evaluation.batch_size must be a whole number of 1 or more, got 0"),
        ("num_references=2.5", "evaluation.num_references must be a whole number"),
        ("measures.interaction.num_samples=1", "interaction.num_samples must be a whole number of 2 or more, got 1"),
        ("measures.beam_search.beam_width=true", "beam_search.beam_width must be a whole number from 1 to 1000"),
    ],
)
def test_bad_settings_are_refused(override: str, message: str) -> None:
    cfg = composed(f"evaluation.{override}")
    with pytest.raises(Exception, match=message):  # Hydra's own around that of a measure
        build_evaluation(cfg)


def test_a_measure_of_another_name_is_refused() -> None:
    with pytest.raises(Exception, match="retrievals"):
        composed("evaluation.measures.retrievals=null")
