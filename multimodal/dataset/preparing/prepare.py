"""Turn a source's rows into images and arrays: check, decode, split, apply caption mode and task, tokenise."""

import hashlib
import logging
from collections.abc import Callable

import numpy as np
import torch
from datasets import DatasetDict
from torch import Tensor

from multimodal.caption.original import OriginalCaptions
from multimodal.checks import check_number, check_one_of, check_seed, check_whole
from multimodal.dataset.card import make_card
from multimodal.dataset.data import Data, Split
from multimodal.dataset.near_duplicates import cached_near_duplicates, equal_images
from multimodal.dataset.preparing.augment import Augment
from multimodal.dataset.preparing.split import limit_rows, split_rows
from multimodal.dataset.preparing.vocabulary import Vocabulary
from multimodal.dataset.reading.bad_rows import BadRows, text_problems
from multimodal.dataset.reading.images import decode_images
from multimodal.dataset.reading.rows import Rows, Samples, read_rows
from multimodal.dataset.reading.sources import folder_of, read_source
from multimodal.images import Pictures, in_parts
from multimodal.task.redundant import RedundantTask
from multimodal.words import LONGEST, tokenize

log = logging.getLogger(__name__)

UNKNOWN_SHARE = 0.2  # of the words of a split: more are worth a warning
MAX_NAMED = 10  # classes named in a message


def prepare_data(
    name: str,
    source: str,
    path: str | None,
    hub_id: str | None,
    embedded: Callable[[], DatasetDict] | None,
    columns: dict[str, str],
    caption: OriginalCaptions,
    task: RedundantTask,
    grammar: Callable[[str], dict[str, str]] | None,
    image_attributes: Callable[[np.ndarray, str], dict[str, str]] | None,
    augment: Augment,
    image_size: int,
    channels: int,
    max_words: int,
    min_word_count: int,
    max_words_kept: int | None,
    max_bad_rows: int,
    validation_fraction: float,
    test_fraction: float,
    limit: int | None,
    seed: int,
    vocabulary: Vocabulary | None,
) -> Data:
    """Read a captioned image dataset; its images stay in the cache of `datasets`.

    Args:
        name: name of the dataset, for titles.
        source: `hub`, `path`, `embedded` or `auto`; see `read_source`.
        path: folder of the data, or None.
        hub_id: name of the repository on the hub, or None.
        embedded: function that makes the embedded set, or None.
        columns: {"image", "label", "caption"}: the source's names of these columns.
        caption: caption mode, a member of the group `caption`.
        task: what is asked, a member of the group `task`.
        grammar: reads the stated attributes from a caption of the source, {attribute: word}; None: attributes are not
            scored.
        image_attributes: measures the attributes that captions state on an image, given its class; None: those of
            generated images are not scored.
        augment: augmentation of training images that keeps their captions true.
        image_size: images are resized to this height and width, pixels.
        channels: 1 for grey, 3 for RGB.
        max_words: longer captions are truncated to this many words.
        min_word_count: words that are rarer in the training captions are read as `<unk>`.
        max_words_kept: largest number of words in the vocabulary, the most frequent ones; None keeps all.
        max_bad_rows: largest number of unusable rows that are skipped; more raise an error.
        validation_fraction: share of the training split held out for validation if the source has no such split.
        test_fraction: share held out as test split if the source has none.
        limit: keep at most this many training samples and a quarter as many test samples, by class; None keeps all.
        seed: seed of the splits that the source does not provide.
        vocabulary: that of a checkpoint; None builds one from the training captions.

    Raises:
        ValueError: a setting is out of range, the source cannot be read, too many rows are unusable, or a split
            has no usable rows, or train has a single class.
    """
    check_whole("dataset", 4, 4096, image_size=image_size)
    check_whole("dataset", max_words=max_words, min_word_count=min_word_count)
    given = {"limit": limit, "max_words_kept": max_words_kept}
    check_whole("dataset", **{name: number for name, number in given.items() if number is not None})
    check_number("dataset", above=0, below=1, validation_fraction=validation_fraction, test_fraction=test_fraction)
    check_seed("dataset", seed=seed)
    check_one_of("dataset", (1, 3), channels=channels)  # grey or RGB
    bad = BadRows(max_bad_rows)
    raw_splits, source, revision = read_source(source, path, hub_id, embedded)
    folder = folder_of(path) if source == "path" and path else None
    origin = {"path": path, "hub": hub_id}.get(source) or "the embedded set"
    found, class_names = read_rows(raw_splits, columns, folder, origin)
    found = bad.without_untrained({split: bad.without(part, text_problems(part)) for split, part in found.items()})
    bad.check_limit()  # before drawing, which may fail if too few rows are left
    found, test_fraction = limit_rows(found, test_fraction, limit, seed)
    samples = decode_samples(found, image_size, channels, bad)
    bad.report()
    check_left(samples, class_names, bad)
    samples = split_samples(samples, validation_fraction, test_fraction, seed)
    pairs = cached_near_duplicates({split: part.pixels for split, part in samples.items()})
    samples["train"] = repeat_samples(samples["train"], task.draws)
    images: dict[str, Pictures] = {split: part.pixels for split, part in samples.items()}
    content = {split: torch.from_numpy(part.label) for split, part in samples.items()}
    captions = {split: [text for text in part.caption if text is not None] for split, part in samples.items()}
    warn_of_absent_classes(content, class_names)
    told = caption.apply(captions, content, class_names)  # no text was None: such rows are skipped as bad
    made = task.apply(images, told, content, class_names)
    if made.writes_captions:  # a cut one would not ask the question
        max_words = max(max_words, *(len(tokenize(text)) for texts in made.captions.values() for text in set(texts)))
    if vocabulary is None:
        vocabulary = Vocabulary.of_frequent(made.captions["train"], max_words, min_word_count, max_words_kept)
    splits = {
        split: Split(
            image=made.image[split],
            tokens=vocabulary.encode(made.captions[split], max_words),
            label=made.label[split],
            content=made.content[split],
            captions=made.captions[split],
        )
        for split in samples
    }
    counts = {name: len(found) for name, found in pairs.items()}
    card = make_card(made.captions, made.limits, splits, vocabulary, class_names, max_words, bad.skipped)
    card |= {"near_duplicates": pairs["test_in_train"], "near_duplicate_counts": counts}
    warn_of_near_duplicates(counts)
    warn_of_cut_words(card["cut_words"])
    warn_of_unknown_words({split: float(card["captions"][split]["unknown_words"]) for split in ("validation", "test")})
    return Data(
        name=name,
        source=source,
        splits=splits,
        vocabulary=vocabulary,
        class_names=class_names,
        names_class=made.names_class,
        limits=made.limits,
        undefined=made.undefined,
        grammar=None if made.writes_captions else grammar,
        image_attributes=image_attributes,
        augment=augment if made.flippable else augment.without_flip(),
        fingerprint=fingerprint(splits),
        card={"source": source, "revision": revision} | card,
        tables=told.tables,
    )


def decode_samples(rows: dict[str, Rows], size: int, channels: int, bad: BadRows) -> dict[str, Samples]:
    """Decode the images of all splits: {split: Samples} without those of a problem, which `bad` records."""
    decoded = decode_images(rows, size, channels)
    samples = {split: bad.without(Samples.of(rows[split], pixels), why) for split, (pixels, why) in decoded.items()}
    return bad.without_untrained(samples)  # again: a class may have had training samples that do not decode


def check_left(samples: dict[str, Samples], class_names: list[str], bad: BadRows) -> None:
    """Raise ValueError unless every split has samples, and train two classes."""
    empty = [split for split, part in samples.items() if len(part) == 0]
    if empty:
        raise ValueError(f"no usable row is left for {', '.join(empty)}: {bad.listed()}")
    label = samples["train"].label
    if len(np.unique(label)) < 2:
        raise ValueError(f"all training samples are of one class, {class_names[label[0]]}: training needs two or more")


def split_samples(
    samples: dict[str, Samples], validation_fraction: float, test_fraction: float, seed: int
) -> dict[str, Samples]:
    """Hold out the splits that the source does not have, see `split_rows`: {"train", "validation", "test": Samples}."""
    label = {split: part.label for split, part in samples.items()}
    groups = {split: equal_images(part.pixels) for split, part in samples.items()}
    warn_of_two_classes(label, groups)
    chosen = split_rows(label, groups["train"], validation_fraction, test_fraction, seed)
    return {split: samples[origin].take(rows) for split, (origin, rows) in chosen.items()}


def repeat_samples(samples: Samples, times: int) -> Samples:
    """Return N samples several times over, (N * times), one round after another."""
    return samples.take(np.tile(np.arange(len(samples)), times))


def warn_of_two_classes(label: dict[str, np.ndarray], group: dict[str, np.ndarray]) -> None:
    """Log how many different images have several classes: {split: (N,) classes}, {split: (N,) numbers of images}."""
    pairs = {split: np.unique(np.stack([group[split], label[split]]), axis=1)[0] for split in label}
    count = sum(int((np.bincount(images) > 1).sum()) for images in pairs.values())
    if count:
        log.warning("%d images stand in the data with several classes: no model can be right on all their rows", count)


def warn_of_absent_classes(content: dict[str, Tensor], class_names: list[str]) -> None:
    """Log the classes that have training samples, but none in validation or test: {split: (N,) classes}."""
    trained = set(content["train"].tolist())
    absent = {split: sorted(trained - set(content[split].tolist())) for split in ("validation", "test")}
    lines = []
    for split, classes in absent.items():
        names = ", ".join(class_names[k] for k in classes[:MAX_NAMED]) + (", …" if len(classes) > MAX_NAMED else "")
        lines += [f"{split} has no sample of {len(classes)} of {len(trained)} classes ({names})"] if classes else []
    if lines:
        log.warning("%s: too rare to be in every split", "; ".join(lines))


def warn_of_near_duplicates(counts: dict[str, int]) -> None:
    """Log how many images are nearly in another split: {"test_in_train": images, ...}."""
    lines = [f"{count} {name.replace('_', ' ')}" for name, count in counts.items() if count]
    if lines:
        log.warning("images nearly equal to one of another split: %s (data_card.json)", ", ".join(lines))


def warn_of_cut_words(count: int) -> None:
    """Log how many different words are longer than is read."""
    if count:
        advice = f"those with the same {LONGEST} letters at the beginning become one word"
        log.warning("%d words of the captions are cut after %d letters: %s", count, LONGEST, advice)


def warn_of_unknown_words(shares: dict[str, float]) -> None:
    """Log shares of unknown words above `UNKNOWN_SHARE`: {split: share}."""
    high = [f"{share:.0%} of the words in {split}" for split, share in shares.items() if share > UNKNOWN_SHARE]
    if high:
        advice = "more training captions, or a smaller dataset.min_word_count, make words known"
        log.warning("%s are unknown, read as <unk>; %s", " and ".join(high), advice)


def fingerprint(splits: dict[str, Split]) -> str:
    """Compute a hash of all arrays, 16 hexadecimal digits: images, tokens, labels and classes of every split."""
    digest = hashlib.blake2b(digest_size=8)
    for name, split in sorted(splits.items()):
        digest.update(name.encode())
        digest.update(str(tuple(split.image.shape)).encode())
        for part in in_parts(split.image):
            digest.update(part.numpy().data)
        for array in (split.tokens, split.label, split.content):
            digest.update(str(tuple(array.shape)).encode())
            digest.update(array.numpy().data)
    return digest.hexdigest()
