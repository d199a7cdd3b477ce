"""Results of a model that guesses, and what every figure owes its reader."""

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import BboxImage
from matplotlib.legend import Legend
from matplotlib.text import Text

from multimodal.dataset.card import make_card
from multimodal.dataset.data import Data, Split
from multimodal.dataset.preparing.vocabulary import Vocabulary
from multimodal.evaluation.attention import AttentionMaps
from multimodal.evaluation.clock import Clock
from multimodal.evaluation.evaluator import Results
from multimodal.evaluation.predict import Predictions, as_levels
from multimodal.figures.run_figures import RunFigures
from multimodal.metric.availability import expected_correct, missing_thresholds, surface
from tests.helpers.toy import toy_data

TITLE = "animals (embedded, anonymous captions), product_of_experts fusion, seed 10"  # about as long as they get


DROPOUT = {"_target_": "somewhere.ModalityDropout", "image": 0.3, "text": 0.2}
TRAINING = {"modality_dropout": DROPOUT, "select": "loss"}


def captions(count: int, words: int, generator: torch.Generator) -> list[str]:
    """Of `words` words each, all words of one caption different."""
    return [
        " ".join(f"word{int(i)}" for i in torch.randperm(words + 20, generator=generator)[:words]) for _ in range(count)
    ]


def made_up_run(classes: int, each: int, words: int, channels: int = 1, labels: list[int] | None = None) -> tuple:
    """(data, results) of a model that guesses; `each` test samples of each class."""
    generator = torch.Generator().manual_seed(0)
    label = torch.arange(classes).repeat(each) if labels is None else torch.tensor(labels)
    n = len(label)
    real, written = captions(n, words, generator), captions(n, words, generator)
    vocabulary = Vocabulary.of([*real, *written])
    image = torch.randint(0, 256, (n, channels, 8, 8), generator=generator, dtype=torch.uint8)
    test = Split(image, vocabulary.encode(real, words), label, label)
    splits = dict.fromkeys(("train", "validation", "test"), test)
    data = toy_data("toy", "embedded", splits, vocabulary, [f"class {k}" for k in range(classes)])
    conditions = ("both", "image", "text")
    caption = {c: vocabulary.encode(real if c == "both" else written, words).long() for c in conditions}
    predictions = Predictions(
        probability={c: torch.rand(n, classes, generator=generator).softmax(1) for c in conditions},
        image={c: as_levels(torch.rand(n, channels, 8, 8, generator=generator)) for c in conditions},
        caption=caption,
        joint={c: torch.randn(n, 6, generator=generator) + 5 * label[:, None] for c in conditions},
        encoded={m: torch.randn(n, 5, generator=generator) for m in ("image", "text")},
    )
    correct = {c: p.argmax(1) == label for c, p in predictions.probability.items()}
    rows = surface(correct, missing_thresholds(n, 0), 5)
    metrics = {f"accuracy/{c}": float(right.float().mean()) for c, right in correct.items()}
    metrics |= {"availability/mean": 0.5, "availability/worst": None, "latent/modality_gap": 0.25}
    correct["neither"] = label == 0
    independent = {f"missing/{r}{s}": expected_correct(correct, r, r) for r in (0.3, 0.5, 0.7) for s in ("", "_filled")}
    metrics |= {name: float(each.mean()) for name, each in independent.items()}
    shown = torch.arange(min(6, n))
    maps = torch.rand(len(shown), test.tokens.shape[1], 3, 3, generator=generator)
    attention = AttentionMaps(shown, maps / maps.sum((2, 3), keepdim=True))
    return data, Results(
        metrics=metrics,
        undefined={},
        baselines={},
        surface=rows,
        fill="none",
        reads=("image", "text"),
        clock=Clock(),
        samples={name: each.numpy() for name, each in independent.items()},
        predictions=predictions,
        attention=attention,
    )


def made_up_history(rows: int) -> list[dict[str, float]]:
    """Rows with a term that no list foresees, and without what had no value."""
    return [
        {
            "step": 10 * i,
            "train/loss": 2 - i,
            "train/novel": 1.0,
            "train/accuracy": 0.5,
            "train/samples_per_s": 9.0,
        }
        | {f"train/imbalance/grad_norm_{m}": 0.5 + i for m in ("image", "text")}
        | {f"validation/imbalance/accuracy_{c}": 0.1 * i for c in ("both", "image", "text")}
        | ({"validation/imbalance/share_image": 0.5} if i else {})
        | {"train/learning_rate": 1e-3, "validation/loss": abs(i - 1.0), "validation/novel": 2.0}
        for i in range(rows)
    ]


def draw_every_figure(data: Data, results: Results, rows: int = 3) -> dict[str, Figure]:
    captions = {split: data.vocabulary.decode(part.tokens) for split, part in data.splits.items()}
    card = make_card(captions, data.limits, data.splits, data.vocabulary, data.class_names, 100, [])
    card |= {"source": "embedded", "revision": None, "near_duplicates": [{"test": 0, "train": 0}]}
    return RunFigures(samples=6, points=90, seed=0).draw(TITLE, data, made_up_history(rows), results, TRAINING, card)


def visible_texts(figure: Figure) -> list[Text]:
    """Every text that is drawn, in the order in which they were set."""
    hidden = set()
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        low, high = sorted(axis.get_view_interval())
        hidden |= {t.label1 for t in axis.get_major_ticks() if not low <= t.get_loc() <= high or not axis.axes.axison}
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return [text for text in texts if text not in hidden]


def pictures(figure: Figure) -> list[BboxImage]:
    """Every picture that stands among captions, in the order in which they were set."""
    return figure.findobj(BboxImage)


def check_layout(figure: Figure) -> None:
    """Check that every text, image and legend mark lies inside the figure, and none on another, up to 1.5 pixels."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw_without_rendering()
    marks = [mark for legend in figure.findobj(Legend) for mark in legend.legend_handles]
    parts = [*visible_texts(figure), *pictures(figure), *marks]
    box = np.array([part.get_window_extent(renderer).extents for part in parts])  # x0, y0, x1, y1
    outside = (box[:, :2] < 0).any(1) | (box[:, 2:] > (figure.bbox.width, figure.bbox.height)).any(1)
    assert not [str(part) for part, out in zip(parts, outside, strict=True) if out]
    low = np.maximum(box[:, None, :2], box[None, :, :2])
    high = np.minimum(box[:, None, 2:], box[None, :, 2:])
    both = np.argwhere(np.triu((high - low > 1.5).all(2), k=1))
    assert not [(str(parts[i]), str(parts[j])) for i, j in both]
