"""Answer many samples with a trained model, in batches: JSON lines as it goes, a CSV table at the end, and drawings.

A sample's answer does not depend on the others of its batch. What was answered before a command was interrupted is
kept, and the same command goes on from there.
"""

import csv
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor
from tqdm import tqdm

from multimodal.dataset.preparing.vocabulary import Vocabulary
from multimodal.dataset.reading.inputs import SETTING, InputRow, listed
from multimodal.errors import one_line, read_object
from multimodal.inference import as_picture, join_samples, predict_samples, read_sample
from multimodal.io import flush, whole, write_json
from multimodal.model import MultimodalModel

LINES, TABLE, SETTINGS = "results.jsonl", "results.csv", "settings.json"
DRAWINGS = "drawings"
DIGITS = 6  # of probabilities; the size of a batch changes later ones, by rounding
COLUMNS = ["row", "image", "caption", "given", "class", "probability", "classes", "written", "written_greedy"]
COLUMNS += ["drawing", "note", "problem"]


@dataclass(frozen=True)
class Answerer:
    """Answers samples with a trained model.

    Args:
        model: trained.
        vocabulary: words of the training captions.
        class_names: of the K labels.
        max_words: words after which the training captions were cut.
        image_size: height and width of the training images in pixels.
        channels: channels of the training images.
        beam_width: width of the beam search.
        classes: number of most probable classes in a result.
        num_drawings: images for each caption, by a model that draws at random.
    """

    model: MultimodalModel
    vocabulary: Vocabulary
    class_names: list[str]
    max_words: int
    image_size: int
    channels: int
    beam_width: int
    classes: int
    num_drawings: int

    def answer(self, rows: list[InputRow], first: int, folder: Path) -> list[dict[str, Any]]:
        """Answer a batch, and write its drawings.

        Args:
            rows: N samples.
            first: number of the first of them.
            folder: of the results; it has a folder for drawings.

        Returns:
            N results with the keys in `COLUMNS`. One that cannot be answered has a `problem`, and no answer.
        """
        results, samples, answered = [], [], []
        for number, row in enumerate(rows, start=first):
            given = {"image": row.file, "text": row.caption}
            inputs = {name: value for name, value in given.items() if value is not None}
            result: dict[str, Any] = dict.fromkeys(COLUMNS) | row._asdict() | {"row": number, "given": given_name(row)}
            del result["file"]
            notes: list[str] = []
            try:
                sizes = (self.max_words, self.image_size, self.channels)
                samples.append(read_sample(inputs, self.model, self.vocabulary, *sizes, notes.append))
                answered.append(result)
            except ValueError as error:
                result["problem"] = one_line(str(error))
            result["note"] = "; ".join(notes) or None
            results.append(result)
        if samples:
            generated = predict_samples(self.model, join_samples(samples), self.beam_width, self.num_drawings)
            captions = [self.decode(tokens, len(samples)) for tokens in (generated.beam, generated.greedy)]
            for i, result in enumerate(answered):
                result |= self.class_of(generated.probability[i])
                if result["image"] is not None:
                    result["written"], result["written_greedy"] = (texts[i] for texts in captions)
                if result["caption"] is not None and generated.drawings is not None:
                    result["drawing"] = f"{DRAWINGS}/{result['row']:06d}.png"
                    for number, drawing in enumerate(generated.drawings[:, i], start=1):
                        file = folder / result["drawing"]
                        as_picture(drawing).save(file if number == 1 else file.with_stem(f"{file.stem}-{number}"))
        return results

    def class_of(self, probability: Tensor) -> dict[str, Any]:
        """Return the most probable class, and the likeliest ones, best first, with their probabilities (K,)."""
        best = probability.topk(min(self.classes, len(self.class_names))).indices.tolist()
        classes = {self.class_names[k]: round(float(probability[k]), DIGITS) for k in best}
        name, share = next(iter(classes.items()))
        return {"class": name, "probability": share, "classes": classes}

    def decode(self, tokens: Tensor | None, count: int) -> list[str] | list[None]:
        """Decode captions (N, T); None for each of `count` samples without a text head."""
        return [None] * count if tokens is None else self.vocabulary.decode(tokens)


def given_name(row: InputRow) -> str:
    """Return which modalities a sample has: `both`, `image` or `text`."""
    return "text" if row.image is None else "image" if row.caption is None else "both"


def samples_key(rows: list[InputRow], checkpoint: str, beam_width: int, classes: int, num_drawings: int) -> str:
    """Return a hash of all that changes the results; of an image its path, size and time of change.

    Args:
        rows: the samples.
        checkpoint: digest of the model's file.
        beam_width: width of the beam search.
        classes: number of most probable classes in a result.
        num_drawings: images for each caption.
    """
    digest = hashlib.blake2b(json.dumps([checkpoint, beam_width, classes, num_drawings]).encode(), digest_size=4)
    for row in rows:
        facts = None if row.file is None else row.file.stat()
        changed = None if facts is None else [facts.st_size, facts.st_mtime_ns]
        digest.update(json.dumps([row.image, row.caption, changed]).encode())
    return digest.hexdigest()


def prepare_results(folder: Path, settings: dict[str, Any]) -> int:
    """Create the folder of results, or go on with it, and return how many samples are answered already.

    Args:
        folder: new, empty, or with results of the same samples and model.
        settings: what is answered by which model; `key` is the hash of all that changes the results.

    Raises:
        ValueError: the folder holds something else, which would be lost.
    """
    file = folder / SETTINGS
    names = [path.name for path in folder.iterdir() if not path.name.startswith(".")] if folder.exists() else []
    if names and not file.is_file():
        raise ValueError(f"output_dir: {folder} is not empty, and not a folder of results; give another one")
    if names and read_object(file).get("key") != settings["key"]:
        raise ValueError(
            f"output_dir: {folder} holds results of other samples, another model or other settings; give another one"
        )
    (folder / DRAWINGS).mkdir(parents=True, exist_ok=True)
    write_json(settings, file)
    return whole_lines(folder / LINES)


def whole_lines(file: Path) -> int:
    """Count the lines of a file, after a last one that a killed process left half is cut off; 0 without a file."""
    count = end = 0
    if not file.exists():
        return 0
    with file.open("r+b") as lines:
        for line in lines:
            if line.endswith(b"\n"):
                count, end = count + 1, end + len(line)
        lines.truncate(end)
    return count


def answer_all(answerer: Answerer, rows: list[InputRow], folder: Path, done: int, batch_size: int) -> None:
    """Answer the samples that are not answered yet, and append their results to the JSON lines after each batch.

    Args:
        answerer: answers a batch.
        rows: all samples.
        folder: prepared by `prepare_results`.
        done: number of samples that are answered already.
        batch_size: samples at a time, the most that are in memory.
    """
    file = folder / LINES
    with tqdm(total=len(rows), initial=done, desc="generating", unit="sample", disable=None) as bar:
        for first in range(done, len(rows), batch_size):
            results = answerer.answer(rows[first : first + batch_size], first, folder)
            with file.open("a", encoding="utf-8") as lines:
                lines.write("".join(f"{json.dumps(result)}\n" for result in results))
            flush(file)
            bar.update(len(results))


def read_results(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the results in the JSON lines."""
    with (folder / LINES).open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def write_table(folder: Path) -> tuple[int, int, list[str]]:
    """Write the results as a CSV table, and return how many drawings and captions there are, and what has no answer."""
    drawings, written, problems = 0, 0, []
    with (
        whole(folder / TABLE) as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file,
    ):
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for result in read_results(folder):
            classes = result["classes"] or {}
            shares = ", ".join(f"{one_line(name)} {share:.3f}" for name, share in classes.items())
            writer.writerow(result | {"classes": shares})
            drawings, written = drawings + (result["drawing"] is not None), written + (result["written"] is not None)
            if result["problem"] is not None:
                problems.append(f"row {result['row']}: {result['problem']}")
    return drawings, written, problems


def check_answered(problems: list[str], count: int, folder: Path) -> None:
    """Raise ValueError, listing the first of them, if samples have no answer.

    Args:
        problems: a text for each of them.
        count: number of all samples.
        folder: of the results.
    """
    if problems:
        raise ValueError(
            f"{SETTING}: {len(problems)} of {count} have no answer, with the reason in the column problem of "
            f"{folder / TABLE}: {listed(problems, '; ')}; the others are answered"
        )
