"""What was said of every test sample, as columns of a table, so that runs can be compared sample by sample."""

from typing import Any

from multimodal.dataset.data import Data
from multimodal.evaluation.evaluator import Results


def sample_columns(data: Data, results: Results) -> dict[str, list[Any]]:
    """{column: a value for each test sample}.

    `index`, `label`, `content`, `place` (of the availability masks: the image is missing at rates above
    it, the caption at rates above 1 - place), `caption`; for each condition `predicted/`, `probability/` (of
    all classes), `correct/` (as the availability surface counts it) and `written/`; and by sample `ssim` and
    `class_coherent` of what is generated, whose means are `ssim` and `class_coherence` in `metrics.json`.
    """
    test, said = data.splits["test"], results.predictions
    columns: dict[str, list[Any]] = {
        "index": list(range(len(test))),
        "label": test.label.tolist(),
        "content": test.content.tolist(),
        "caption": [" ".join(words) for words in data.vocabulary.words_of(test.tokens)],
    }
    for condition, probability in said.probability.items():
        columns[f"predicted/{condition}"] = probability.argmax(1).tolist()
        columns[f"probability/{condition}"] = probability.tolist()
        columns[f"correct/{condition}"] = results.correct[condition].tolist()
        words = data.vocabulary.words_of(said.caption[condition])
        columns[f"written/{condition}"] = [" ".join(caption) for caption in words]
    return columns | {name: values.tolist() for name, values in results.samples.items()}
