"""A trained model as files that run without this package: a program of torch.export, and an ONNX file.

Both read image, caption and what is present of them, for any number of samples, and return class probabilities, and an
image and a caption, decoded greedily, if the model has the heads. The loop over the caption's words is unrolled, and
captions have one length.
"""

import importlib.util
import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from multimodal.io import whole, write_json
from multimodal.model import MultimodalModel
from multimodal.types import BOS, EOS, PAD, UNK, Batch
from multimodal.words import LONGEST

INPUTS = ("image", "tokens", "image_present", "text_present")
OUTPUTS = {"probability": "label", "drawing": "image", "caption": "text"}  # {output: its head}
NEEDED = ("onnx", "onnxscript", "safetensors")  # of the extra `export`; onnxruntime runs the file
EXAMPLES = 3  # samples that the model is traced with: 0 and 1 would count as special


class ExportedModel(nn.Module):
    """The model as a function of tensors.

    Args:
        model: trained; in eval mode.
    """

    def __init__(self, model: MultimodalModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor, tokens: Tensor, image_present: Tensor, text_present: Tensor) -> tuple[Tensor, ...]:
        """Predict class, image and caption.

        Args:
            image: (B, C, H, W) float32 in [0, 1]; any values where it is absent.
            tokens: (B, T) int64, `<bos>` … `<eos>`, then `<pad>`; any words where it is absent.
            image_present: (B,) bool.
            text_present: (B,) bool.

        Returns:
            Class probabilities (B, K), images (B, C, H, W) in [0, 1], and captions (B, T) int64; the outputs of heads
            that the model lacks are left out.
        """
        model, nothing = self.model, torch.zeros(1, dtype=torch.int64)
        present = {"image": image_present, "text": text_present}
        fused = model.fuse(model.encode(Batch(image, tokens, nothing, nothing, present, nothing)))
        heads: dict[str, Any] = dict(model.heads)
        drawing = [model.draw(fused.z)] if "image" in heads else []
        caption = [heads["text"].generate(fused.z, *model.memory(fused))] if "text" in heads else []
        return (model.classify(fused).softmax(-1), *drawing, *caption)


def output_names(model: MultimodalModel) -> list[str]:
    """Return the names of an exported model's outputs, in their order."""
    return [name for name, head in OUTPUTS.items() if head in model.heads]


def check_installed() -> None:
    """Raise ValueError if what writes an ONNX file is not installed."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ValueError(f"mode=export needs {' and '.join(missing)}: pip install 'multimodal-suite[export]'")


@torch.no_grad()
def export_program(model: MultimodalModel, sizes: dict[str, int]) -> ExportedProgram:
    """Trace a model for any number of samples.

    Args:
        model: on the CPU; put into eval mode.
        sizes: `channels`, `image_size` in pixels, and `max_length` in tokens.
    """
    side = sizes["image_size"]
    present = torch.tensor([True, True, False])
    tokens = torch.full((EXAMPLES, sizes["max_length"]), PAD)
    tokens[:, 0] = BOS
    example = (torch.zeros(EXAMPLES, sizes["channels"], side, side), tokens, present, present.flip(0))
    batch = {0: Dim("batch")}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The tensor attributes .*_flat_weights")  # an LSTM's list of its own weights
        return torch.export.export(ExportedModel(model).eval(), example, dynamic_shapes=(batch,) * len(INPUTS))


def onnx_bytes(program: ExportedProgram, outputs: list[str]) -> bytes:
    """Translate a program into an ONNX file, weights included.

    Args:
        program: of `export_program`.
        outputs: names of what it returns, see `output_names`.
    """
    translated = torch.onnx.export(
        program, dynamo=True, input_names=INPUTS, output_names=outputs, verbose=False, optimize=True
    )
    assert translated is not None  # None is the answer of the older exporter
    return translated.model_proto.SerializeToString()


def describe_files(
    outputs: list[str], sizes: dict[str, int], vocabulary: list[str], class_names: list[str], max_words: int
) -> dict[str, Any]:
    """Return what a user of the files needs to know, for JSON.

    Args:
        outputs: names of what the model returns, see `output_names`.
        sizes: as for `export_program`.
        vocabulary: the words by their numbers.
        class_names: of the K labels.
        max_words: words after which the training captions were cut.
    """
    image = ["batch", sizes["channels"], sizes["image_size"], sizes["image_size"]]
    tokens = ["batch", sizes["max_length"]]
    absent = "any values where it is absent"
    returned: dict[str, dict[str, Any]] = {
        "probability": {"dtype": "float32", "shape": ["batch", len(class_names)], "meaning": "of `class_names`"},
        "drawing": {"dtype": "float32", "shape": image, "meaning": "the generated image, intensities in [0, 1]"},
        "caption": {"dtype": "int64", "shape": tokens, "meaning": "the generated caption, as `tokens`"},
    }
    return {
        "inputs": {
            "image": {"dtype": "float32", "shape": image, "meaning": f"intensities in [0, 1]; {absent}"},
            "tokens": {
                "dtype": "int64",
                "shape": tokens,
                "meaning": "numbers of the words in `vocabulary`: <bos>, the caption's words, <eos>, then <pad>; "
                f"{absent}",
            },
            "image_present": {"dtype": "bool", "shape": ["batch"], "meaning": "false where the image is absent"},
            "text_present": {"dtype": "bool", "shape": ["batch"], "meaning": "false where the caption is absent"},
        },
        "outputs": {name: returned[name] for name in outputs},
        "class_names": class_names,
        "vocabulary": vocabulary,
        "special": {"pad": PAD, "unk": UNK, "bos": BOS, "eos": EOS},
        "captions": f"in lower case and Unicode's form NFC; a word is a run of letters and digits, cut after {LONGEST} "
        "characters, or a run of punctuation; scripts that write without spaces have one word per character. "
        f"A caption was cut after {max_words} words; a word that `vocabulary` lacks is <unk>",
    }


def write_exported(
    model: MultimodalModel,
    sizes: dict[str, int],
    vocabulary: list[str],
    class_names: list[str],
    max_words: int,
    folder: Path,
) -> dict[str, Path]:
    """Write `model.pt2`, `model.onnx` and `model.json` into a folder, and return {format: file}.

    Args:
        model: trained; moved to the CPU, in float32 whatever precision it was trained in.
        sizes: as for `export_program`.
        vocabulary: see `describe_files`.
        class_names: see `describe_files`.
        max_words: see `describe_files`.
        folder: created if it does not exist.

    Raises:
        ValueError: a package is not installed.
    """
    check_installed()
    model = model.cpu().to(memory_format=torch.contiguous_format)  # weights as the files hold them
    program, outputs = export_program(model, sizes), output_names(model)
    buffer = BytesIO()
    torch.export.save(program, buffer)
    folder.mkdir(parents=True, exist_ok=True)
    files = {name: folder / f"model.{name}" for name in ("pt2", "onnx", "json")}
    for name, content in (("pt2", buffer.getvalue()), ("onnx", onnx_bytes(program, outputs))):
        with whole(files[name]) as temporary:
            temporary.write_bytes(content)
    write_json(describe_files(outputs, sizes, vocabulary, class_names, max_words), files["json"])
    return files
