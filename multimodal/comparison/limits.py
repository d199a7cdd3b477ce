"""What the task of a group allows: chance, the most that one modality alone can reach, and the ceiling."""

from multimodal.comparison.run import Run
from multimodal.number_text import decimal_text

LIMITS = {  # {metric: words}, in the order of the sentence
    "task/chance": "chance",
    "task/image_ceiling": "image alone",
    "task/text_ceiling": "caption alone",
    "task/product_ceiling": "product of ideal answers from each alone",
    "task/ceiling": "both",
}
# {metric: the limit of its column in a table}
BESIDE = {
    "accuracy/both": "task/ceiling",
    "accuracy/image": "task/image_ceiling",
    "accuracy/text": "task/text_ceiling",
    "fusion/product": "task/product_ceiling",
}
DIGITS = 3


def limits_sentence(runs: list[Run]) -> str:
    """Return the sentence on the limits of the task, empty if no run has any.

    A limit that the data card has no number for was measured by an oracle; over several splits it is a range.
    """
    parts = []
    for name, words in LIMITS.items():
        values = [value for run in runs if (value := run.metrics.get(name)) is not None]
        if values:
            ends = dict.fromkeys(decimal_text(end, DIGITS) for end in (min(values), max(values)))
            measured = any(isinstance(run.card.get("task", {}).get(name.partition("/")[2]), str) for run in runs)
            parts.append(f"{words} {' to '.join(ends)}" + (" (measured)" if measured else ""))
    return f"Limits of the task, in accuracy: {', '.join(parts)}." if parts else ""
