"""What the tables of a comparison tell of each fusion: the columns, each a metric."""

from typing import NamedTuple


class Quantity(NamedTuple):
    """A column: the metric, its heading, the digits shown, and what it is multiplied by."""

    name: str
    title: str
    digits: int
    factor: float


def shares(titles: dict[str, str]) -> list[Quantity]:
    """Columns of three digits."""
    return [Quantity(name, title, 3, 1.0) for name, title in titles.items()]


QUALITY = shares(
    {
        "availability/mean": "accuracy, all missing rates\u00a0↑",
        "availability/worst": "accuracy, worst rates\u00a0↑",
        "accuracy/both": "accuracy, both\u00a0↑",
        "accuracy/image": "accuracy, image only\u00a0↑",
        "accuracy/text": "accuracy, text only\u00a0↑",
        "interaction/emap_gap": "EMAP gap",
    }
)
COST = [
    Quantity("cost/parameters", "parameters, millions\u00a0↓", 2, 1e-6),
    Quantity("cost/flops", "GFLOPs a sample\u00a0↓", 3, 1e-9),
    Quantity("cost/train_samples_per_s", "training, samples/s\u00a0↑", 0, 1.0),
    Quantity("cost/ms_per_sample_batch64", "inference, ms a sample\u00a0↓", 2, 1.0),
]
GENERATION = [
    *shares(
        {
            "image_to_text/bleu4": "captions: BLEU-4\u00a0↑",
            "image_to_text/bleu4_skill": "captions: BLEU-4 skill\u00a0↑",
            "image_to_text/class_coherence": "captions: right class\u00a0↑",
            "text_to_image/ssim": "images: SSIM\u00a0↑",
            "text_to_image/ssim_skill": "images: SSIM skill\u00a0↑",
            "text_to_image/class_coherence": "images: right class\u00a0↑",
        }
    ),
    Quantity("text_to_image/frechet", "images: Fréchet distance\u00a0↓", 2, 1.0),
    *shares(
        {
            "reconstruction/ssim": "reconstruction: SSIM\u00a0↑",
            "retrieval/image_to_text/r1_caption": "image to caption: R@1\u00a0↑",
            "retrieval/text_to_image/r1_caption": "caption to image: R@1\u00a0↑",
        }
    ),
]
