"""Each number of the evaluation is computed from what its name says: an untrained model, every measure called anew."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from hydra.utils import instantiate

from multimodal.dataset.data import Data, Split
from multimodal.dataset.preparing.vocabulary import Vocabulary
from multimodal.evaluation.beam_search import beam_captions
from multimodal.evaluation.captions import score_captions
from multimodal.evaluation.clock import Clock
from multimodal.evaluation.context import Context
from multimodal.evaluation.evaluator import Evaluator, Results
from multimodal.evaluation.interaction import answer_grid, interaction
from multimodal.judge.image import ImageJudge
from multimodal.metric.frechet import frechet
from multimodal.metric.latent import latent
from multimodal.metric.references import best_similarity
from multimodal.metric.retrieval import retrieval
from multimodal.runs.build import build_model
from multimodal.types import UNK
from tests.helpers.made_up_results import made_up_run
from tests.helpers.toy import toy_data

SIZE, PAIRS = 140, 9  # more samples than the judge has features
WORDS = ["one", "two", "three", "big", "small", "left", "right", "up", "down", "thin", "thick", "old", "new", "odd"]
WORDS += ["dark", "pale"]


def make_split(vocabulary: Vocabulary, seed: int) -> Split:
    """Noise; captions do not tell the class, and the answer is not what is pictured."""
    generator = torch.Generator().manual_seed(seed)
    image = torch.randint(256, (SIZE, 1, 28, 28), generator=generator).byte()
    drawn = torch.randint(16, (SIZE, 2), generator=generator)
    drawn[:30] = 0  # equal captions
    tokens = vocabulary.encode([f"{WORDS[i]} {WORDS[j]}" for i, j in drawn], 5)
    content = torch.arange(SIZE) % 3
    return Split(image, tokens, (content + drawn[:, 0]) % 3, content)


@pytest.fixture
def found(config, tmp_path) -> SimpleNamespace:
    vocabulary = Vocabulary.of([" ".join(WORDS)])
    assert len(vocabulary) == 20  # as the fixture `config` has it
    splits = {name: make_split(vocabulary, i) for i, name in enumerate(("train", "validation", "test"))}
    data: Data = replace(toy_data("noise", "embedded", splits, vocabulary, ["a", "b", "c"]), names_class=True)
    judge = ImageJudge(3, 8, 0.01, str(tmp_path))
    torch.manual_seed(0)
    model = build_model(config("fusion=attention", "head.text.max_length=6")).eval()
    model.heads["text"].to_logits.weight.data *= 30  # it has something to say
    cfg = config("evaluation.measures.beam_search.beam_width=3", f"evaluation.measures.interaction.num_samples={PAIRS}")
    measures = instantiate(cfg.evaluation.measures, _convert_="all")
    settings = {"fill": "none", "batch_size": 60, "seed": 7, "num_references": 4, "image_judge": judge}
    results: Results = Evaluator(measures=measures, **settings).evaluate(model, data, [])
    context = Context(model=model, data=data, history=[], clock=Clock(), **settings)
    return SimpleNamespace(model=model, test=splits["test"], results=results, context=context)


def test_every_number_is_computed_from_what_its_name_says(found) -> None:
    test, said, metrics = found.test, found.results.predictions, found.results.metrics
    expected: dict[str, float] = {}

    def told(prefix: str, scores: dict) -> None:
        expected.update({f"{prefix}/{name}": value for name, value in scores.items() if not isinstance(value, str)})

    image, text, equal = said.encoded["image"], said.encoded["text"], test.tokens.unique(dim=0, return_inverse=True)[1]
    every = torch.arange(SIZE)
    told("retrieval/image_to_text", retrieval(image, text, equal, test.content, every, 7, text_query=False))
    told("retrieval/text_to_image", retrieval(text, image, equal, test.content, every, 7, text_query=True))
    told("latent", latent(image, text, said.joint["both"], test.label, 7, 2000, 10))
    beam = beam_captions(found.model, test, 3, 60)
    assert not torch.equal(beam, said.caption["image"][:, : beam.shape[1]])  # else one could stand for the other
    told("image_to_text_beam", score_captions(beam, found.context).scores)
    told("image_to_text", score_captions(said.caption["image"], found.context).scores)
    for name, condition in (("text_to_image", "text"), ("reconstruction", "both")):
        features, shown = found.context.trained_image_judge.features_and_classes(said.image[condition] / 255)
        coherence = float((shown == test.content).double().mean())
        told(name, {"frechet": frechet(features, found.context.judged_test_images[0]), "class_coherence": coherence})
    best = best_similarity(said.image["text"], test.image, equal, 4, 7, 512)
    expected["text_to_image/ssim_best"] = float(best.double().mean())
    rows = torch.randperm(SIZE, generator=torch.Generator().manual_seed(7))[:PAIRS].sort().values
    grid = answer_grid(found.model, test, rows, 60)
    accuracy = {condition: metrics[f"accuracy/{condition}"] for condition in ("both", "image", "text")}
    frequent = found.context.data.splits["train"].label.bincount().argmax()
    chance = float((test.label == frequent).double().mean())
    told("interaction", interaction(grid, test.label[rows], accuracy, chance))
    assert len(expected) > 80
    for name, value in expected.items():
        assert metrics[name] == pytest.approx(value, abs=1e-9), name


def test_one_reading_could_not_stand_for_another(found) -> None:
    """Else the test above would pass with wires crossed."""
    metrics, way = found.results.metrics, "retrieval/{}_to_{}/r1_class_ceiling"
    assert metrics[way.format("image", "text")] != metrics[way.format("text", "image")]
    assert metrics["text_to_image/ssim_best"] > metrics["text_to_image/ssim"]
    assert metrics["text_to_image/frechet"] != metrics["reconstruction/frechet"] > 0


def test_captions_that_no_grammar_reads_have_no_attributes() -> None:
    data, results = made_up_run(2, 3, 4)
    test = data.splits["test"]
    group = torch.arange(len(test))
    context = SimpleNamespace(data=replace(data, grammar=None, names_class=False), test=test, image_group=group)
    scores = score_captions(results.predictions.caption["image"], context).scores
    assert scores["attribute_accuracy"] == "no grammar reads the captions of this dataset"


def several_captions(texts: list[str], images: list[int], unknown: tuple[str, ...] = ()) -> Context:
    """A context whose test split has these captions of these images."""
    vocabulary = Vocabulary.of(text for text in texts if text not in unknown)
    image = torch.tensor(images, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 4, 4)
    content = torch.zeros(len(texts), dtype=torch.int64)
    split = Split(image, vocabulary.encode(texts, 9), content, content)
    data = replace(
        toy_data("toy", "embedded", {"test": split}, vocabulary, ["a", "b"]), grammar=None, names_class=False
    )
    return Context(
        model=None,
        data=data,
        history=[],
        fill="none",
        batch_size=1,
        seed=0,
        num_references=1,
        image_judge=None,
        clock=Clock(),
    )


def test_a_caption_is_compared_with_all_of_its_image_and_the_image_counts_once() -> None:
    texts = ["a red cat sits", "the dog runs off", "a cat sits here", "one red cat is here"]
    context = several_captions(texts, [7, 9, 7, 7])
    encode = context.data.vocabulary.encode
    # of image 7, word for word its second caption; of image 9, half
    scores = score_captions(encode(["a cat sits here", "the dog is red", *["a cat sits here"] * 2], 9), context).scores
    assert scores["exact"] == 1 / 2
    assert scores["bleu1"] == pytest.approx((4 + 2) / 8)
    assert scores["rouge_l"] == pytest.approx((1 + 1 / 2) / 2)
    assert scores["distinct"] == 2


def test_an_unknown_word_is_never_matched() -> None:
    context = several_captions(["a cat", "zebra"], [1, 2], unknown=("zebra",))
    assert context.test.tokens[1, 1] == UNK
    scores = score_captions(torch.tensor([[2, 4, 5, 3], [2, UNK, 3, 0]]), context).scores
    assert scores["exact"] == 1 / 2
    assert scores["bleu1"] == pytest.approx(2 / 3)
    assert scores["rouge_l"] == pytest.approx(1 / 2)
