"""Words of a generated caption that contradict the real one: another wording is no error, another class is."""

from collections.abc import Callable

from multimodal.caption.anonymous import runs
from multimodal.words import tokenize

Grammar = Callable[[str], dict[str, str]]


def contradicting_words(
    preds: list[str], target: list[str], content: str, class_names: list[str], grammar: Grammar | None
) -> list[bool]:
    """Find the words that name another class, or state another value of an attribute that the real caption states.

    Args:
        preds: words of the generated caption.
        target: words of the real caption.
        content: name of the pictured class.
        class_names: names of all classes.
        grammar: function from a caption to its attributes, {attribute: word}; without one only classes count.

    Returns:
        For each word of `preds`, whether it contradicts.

    Example:
        >>> contradicting_words(["a", "dog", "sleeps"], ["the", "cat", "sits"], "cat", ["cat", "dog"], None)
        [False, True, False]
    """
    others = {tuple(tokenize(name)) for name in class_names} - {()}
    allowed = {tuple(tokenize(content))} | {phrase for phrase, _ in runs(target, others)}
    marked: list[bool] = []
    for phrase, names_a_class in runs(preds, others):
        marked += [names_a_class and phrase not in allowed] * len(phrase)
    if grammar is None:
        return marked
    stated, expected = grammar(" ".join(preds)), grammar(" ".join(target))
    for name, value in stated.items():
        if expected.get(name, value) != value:
            marked = [a or b for a, b in zip(marked, stating_words(preds, name, value, grammar), strict=True)]
    return marked


def stating_words(words: list[str], name: str, value: str, grammar: Grammar) -> list[bool]:
    """Find the words that state the value of an attribute: those without which the grammar reads another one.

    A value may stand twice, as in "a brown cat with brown eyes", and only one of them is the fur's. If it is stated
    twice, so that no single word decides, all words of the value are found.
    """
    candidates = [word in value.split() for word in words]

    def decides(i: int) -> bool:
        return grammar(" ".join([*words[:i], "_", *words[i + 1 :]])).get(name) != value

    found = [candidate and decides(i) for i, candidate in enumerate(candidates)]
    return found if any(found) else candidates
