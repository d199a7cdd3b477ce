import json
import math

import numpy as np
import pytest
import torch

from multimodal.caption.anonymous import AnonymousCaptions, score_words
from multimodal.dataset.builtin import animal_grammar, digit_grammar
from multimodal.types import Captions

GRAMMARS = {"digits": (digit_grammar, "digit"), "animals": (animal_grammar, "species")}
SETTINGS = {"words": None, "threshold": 0.5, "placeholder": "something"}
CAT_DOG = ["cat", "dog"]


def written(name: str, count: int, seed: int) -> tuple[list[str], torch.Tensor, list[str]]:
    """Captions of an embedded set with random attributes, their classes and the class names."""
    grammar, target = GRAMMARS[name]
    rng = np.random.default_rng(seed)
    drawn = [{k: str(rng.choice(words)) for k, words in grammar.VALUES.items()} for _ in range(count)]
    names = list(grammar.VALUES[target])
    content = torch.tensor([names.index(attributes[target]) for attributes in drawn])
    return [grammar.write(attributes, rng) for attributes in drawn], content, names


def apply(captions: dict[str, list[str]], content: dict[str, list[int]], **changed: object) -> Captions:
    """Captions of cats and dogs, without what gives them away."""
    pictured = {split: torch.tensor(numbers) for split, numbers in content.items()}
    return AnonymousCaptions(**SETTINGS | changed).apply(captions, pictured, CAT_DOG)


def replaced(told: Captions) -> set[str]:
    """The words that were."""
    return {row["word"] for row in told.tables["class_words"] if row["replaced"]}


@pytest.fixture(scope="module", params=GRAMMARS)
def embedded(request) -> tuple[dict[str, list[str]], dict[str, torch.Tensor], list[str], Captions]:
    """(captions, content, class names, told) of an embedded set."""
    train, seen, names = written(request.param, 1200, 0)
    test, asked, _ = written(request.param, 300, 1)
    captions, content = {"train": train, "test": test}, {"train": seen, "test": asked}
    return captions, content, names, AnonymousCaptions(**SETTINGS).apply(captions, content, names)


def test_the_class_words_are_found_and_no_others(embedded):
    _, content, names, told = embedded
    assert replaced(told) == set(names)
    first = told.tables["class_words"][: len(names)]
    assert all(row["word"] == row["class"] and row["share"] == 1 for row in first)  # the most telling come first
    assert [row["captions"] for row in sorted(first, key=lambda row: names.index(row["word"]))] == torch.bincount(
        content["train"]
    ).tolist()


def test_all_other_words_stay_where_they_were(embedded):
    captions, _, names, told = embedded
    for split, texts in captions.items():
        for before, after in zip(texts, told.texts[split], strict=True):
            assert after.split() == ["something" if word in names else word for word in before.split()]
            assert "something" in after


def test_no_caption_names_a_class(embedded):
    _, content, names, told = embedded
    assert not told.names_class
    again = AnonymousCaptions(**SETTINGS).apply(told.texts, content, names)
    assert replaced(again) == set()
    assert again.texts == told.texts


def test_the_attributes_can_still_be_read(embedded):
    captions, _, names, told = embedded
    grammar, target = GRAMMARS["digits" if len(names) == 10 else "animals"]
    kept = set(grammar.VALUES) - {target} - ({"fur", "pattern"} if target == "species" else set())
    for before, after in zip(captions["test"], told.texts["test"], strict=True):
        stated, left = grammar.parse(before), grammar.parse(after)
        assert target not in left
        assert {name: stated[name] for name in kept} == {name: left[name] for name in kept}


@pytest.mark.parametrize(("count", "suspected"), [(1, False), (3, False), (8, False), (40, True), (200, True)])
def test_a_rare_word_is_not_suspected_for_an_accident(count, suspected):
    """A word that only cats have: in a few captions by chance, in many for a reason."""
    texts = [f"a {'meowing ' if i < count else ''}thing" for i in range(400)]
    told = apply({"train": texts + ["a thing"] * 400}, {"train": [0] * 400 + [1] * 400})
    assert replaced(told) == ({"meowing"} if suspected else set())


def test_a_word_that_most_but_not_all_of_one_class_share_is_scored_between():
    texts = ["a furry thing"] * 60 + ["a thing"] * 40
    told = apply({"train": texts + ["a furry thing"] * 20 + ["a thing"] * 80}, {"train": [0] * 100 + [1] * 100})
    score = {row["word"]: row["score"] for row in told.tables["class_words"]}
    assert score["a"] == score["thing"] == 0
    assert 0.2 < score["furry"] < 0.5  # three quarters are cats: half of the way, less what is uncertain
    assert replaced(told) == set()
    given = {"train": texts + ["a furry thing"] * 20 + ["a thing"] * 80}, {"train": [0] * 100 + [1] * 100}
    assert replaced(apply(*given, threshold=0.2)) == {"furry"}


def test_a_word_of_the_commoner_class_is_not_telling_for_that():
    """Nine of ten samples are cats, and so are nine of ten of those with any word."""
    texts = [f"a {'furry' if i % 3 else 'plain'} thing" for i in range(1000)]
    assert replaced(apply({"train": texts}, {"train": [int(i % 10 == 0) for i in range(1000)]})) == set()


def test_scores_are_those_of_wilsons_formula():
    rng = np.random.default_rng(0)
    vocabulary = [f"w{i}" for i in range(12)]
    content = rng.choice(3, 200, p=[0.6, 0.3, 0.1])
    texts = [[w for i, w in enumerate(vocabulary) if rng.random() < (0.8 if i % 3 == k else 0.2)] for k in content]
    texts[5] = ["w0", "w0", "w0"]  # three times in one caption is once
    scores = {row["word"]: row for row in score_words(texts, content, ["x", "y", "z"])}
    assert set(scores) == set(vocabulary)
    z = 1.959963984540054
    for word, row in scores.items():
        have = np.array([word in text for text in texts])
        counts = [int((have & (content == k)).sum()) for k in range(3)]
        k, n = int(np.argmax(counts)), sum(counts)
        p, prior = counts[k] / n, float((content == k).mean())
        low = (p + z * z / (2 * n) - z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))) / (1 + z * z / n)
        assert (row["class"], row["captions"]) == ("xyz"[k], n)
        assert row["share"] == pytest.approx(p)
        assert row["score"] == pytest.approx(max(0, (low - prior) / (1 - prior)))
    assert [row["score"] for row in scores.values()] == sorted((r["score"] for r in scores.values()), reverse=True)


def test_test_captions_are_rewritten_by_the_words_of_train_alone():
    train = ["a cat here"] * 50 + ["a dog here"] * 50
    test = ["a cat barks"] * 50 + ["a dog meows"] * 50  # the verbs give the class away, but only here
    told = apply({"train": train, "test": test}, {"train": [0] * 50 + [1] * 50, "test": [0] * 50 + [1] * 50})
    assert replaced(told) == {"cat", "dog"}
    assert set(told.texts["test"]) == {"a something barks", "a something meows"}
    swapped = apply({"train": train, "test": test}, {"train": [0] * 50 + [1] * 50, "test": [1] * 100})
    assert swapped.texts == told.texts


def test_length_and_order_stay_and_case_and_punctuation_hide_no_word():
    train = ["Big CAT, small cat!"] * 30 + ["Big DOG, small dog!"] * 30
    told = apply({"train": train, "test": ["'Cat'-dog. 🐱 Cats?"]}, {"train": [0] * 30 + [1] * 30, "test": [0]})
    assert told.texts["train"] == ["big something , small something !"] * 60
    assert told.texts["test"] == ["' something '- something . 🐱 cats ?"]


@pytest.mark.parametrize("words", [["thin"], ["Thin", "HERE"], ["cat", "unheard"]])
def test_a_given_list_is_used_as_it_is(words):
    train = ["a thin cat here"] * 50 + ["a thin dog here"] * 50
    told = apply({"train": train}, {"train": [0] * 50 + [1] * 50}, words=words)
    given = {word.lower() for word in words}
    assert replaced(told) == given & {"a", "thin", "cat", "dog", "here"}
    for before, after in zip(train, told.texts["train"], strict=True):
        assert after.split() == ["something" if word in given else word for word in before.split()]


def test_the_list_of_words_is_json(embedded):
    table = embedded[3].tables["class_words"]
    assert json.loads(json.dumps(table, allow_nan=False)) == table


@pytest.mark.parametrize("threshold", [0, -0.1, 1.1])
def test_a_threshold_outside_its_range_is_refused(threshold):
    with pytest.raises(ValueError, match="threshold must be a number, above 0 and 1 at most"):
        AnonymousCaptions(**SETTINGS | {"threshold": threshold})


@pytest.mark.parametrize("words", ["cat", []])
def test_words_that_are_no_list_are_refused(words):
    with pytest.raises(ValueError, match="must be a list of words, or null"):
        AnonymousCaptions(**SETTINGS | {"words": words})


@pytest.mark.parametrize("placeholder", ["", "some thing", "it's"])
def test_a_neutral_word_is_one_word(placeholder):
    with pytest.raises(ValueError, match="must be one word"):
        AnonymousCaptions(**SETTINGS | {"placeholder": placeholder})


def test_a_list_that_matches_nothing_is_refused_and_a_part_that_does_not_is_said(caplog):
    captions, content = {"train": ["a grey cat", "a dog"]}, {"train": torch.tensor([0, 1])}
    with pytest.raises(ValueError, match=r"no training caption has any of emu, unicorn"):
        AnonymousCaptions(["unicorn", "emu"], 0.5, "something").apply(captions, content, ["cat", "dog"])
    told = AnonymousCaptions(["cat", "unicorn"], 0.5, "something").apply(captions, content, ["cat", "dog"])
    assert told.texts["train"] == ["a grey something", "a dog"]
    assert "no training caption has unicorn" in caplog.text


def test_a_word_of_several_parts_is_replaced_as_a_whole():
    texts = ["一只小猫。", "a polar-bear and ice", "一只狗"]
    told = apply({"train": texts}, {"train": [0, 0, 1]}, words=["小猫", "polar-bear", "Polar"])
    assert told.texts["train"] == ["一 只 something 。", "a something and ice", "一 只 狗"]


def test_accents_match_however_they_are_composed():
    told = apply({"train": ["un e\u0301le\u0301phant", "un chat"]}, {"train": [0, 1]}, words=["Éléphant"])
    assert told.texts["train"] == ["un something", "un chat"]
    told = apply({"train": ["un éléphant", "un chat"]}, {"train": [0, 1]}, words=["chat"], placeholder="be\u0301te")
    assert told.texts["train"] == ["un éléphant", "un béte"]


@pytest.mark.parametrize("words", [[7], [None], [" "], "cat", []])
def test_words_that_are_none_are_refused(words):
    with pytest.raises(ValueError, match=r"caption\.words must be a list of words"):
        AnonymousCaptions(**SETTINGS | {"words": words})
