"""Whether captions are those of the data, and whether they differ at all."""


def exact(written: list[list[str]], references: list[list[str]]) -> float:
    """Share of N captions equal to their reference word for word."""
    return sum(said == asked for said, asked in zip(written, references, strict=True)) / len(references)


def distinct(written: list[list[str]]) -> int:
    """How many different captions there are."""
    return len(set(map(tuple, written)))
