"""mode=generate samples=…: many samples by one command, each answered as it would be alone."""

import csv
import io
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import multimodal.many_samples
from tests.helpers.command import Done, command, train_only

CAPTIONS = ["a thick seven", "seven", "a thin one, slanted right", "three", "a wide five and an upright two, zebra"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where `out` is a tiny run, `single` one that reads images only, and `photos` has images in two folders."""
    folder = tmp_path_factory.mktemp("many")
    for name, fusion in (("out", "concat"), ("single", "image_only")):
        train_only(folder, f"fusion={fusion}", f"output_dir={name}")
    (folder / "photos" / "more").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.jpg", "more/c.PNG"):
        Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(folder / "photos" / name)
    (folder / "captions.txt").write_text("\n".join(CAPTIONS) + "\n")
    table = 'image,caption\nphotos/a.png,seven\nphotos/b.jpg,\n,"a thin one, slanted right"\n'
    (folder / "pairs.csv").write_text(table)
    return folder


@pytest.fixture
def generate(folder: Path, request):
    """The command on samples, its results in a folder of the test's own, which is deleted afterwards."""
    place = folder / "results"

    def run(samples: str, *arguments: str, checkpoint: str = "out") -> Done:
        return command(
            folder, "mode=generate", f"checkpoint={checkpoint}", f"samples={samples}", "output_dir=results", *arguments
        )

    yield run
    shutil.rmtree(place, ignore_errors=True)


def results(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


def pixels(file: Path) -> np.ndarray:
    with Image.open(file) as image:
        return np.asarray(image).astype(int)


def test_a_folder_of_images_is_described(folder: Path, generate, monkeypatch) -> None:
    monkeypatch.setattr("multimodal.run.read_data", lambda *_: pytest.fail("the data was read"))
    (folder / "photos" / "notes.md").write_text("mine")
    (folder / "photos" / ".hidden.png").write_bytes(b"")
    done = generate("photos", "mode.width=3", "mode.classes=2", checkpoint="single")
    assert done.status == 0, done.stderr
    assert "not read: notes.md" in done.stderr
    rows = results(folder / "results")
    assert [row["image"] for row in rows] == ["a.png", "b.jpg", "more/c.PNG"]
    for row in rows:
        assert (row["given"], row["caption"], row["drawing"], row["problem"]) == ("image", None, None, None)
        assert len(row["classes"]) == 2
        assert row["probability"] == max(row["classes"].values()) == row["classes"][row["class"]]
        assert isinstance(row["written"], str)
        assert isinstance(row["written_greedy"], str)


def test_captions_are_drawn_and_what_was_not_read_of_them_is_noted(folder: Path, generate) -> None:
    done = generate("captions.txt")
    assert done.status == 0, done.stderr
    rows = results(folder / "results")
    assert [row["caption"] for row in rows] == CAPTIONS
    assert {row["given"] for row in rows} == {"text"}
    assert {row["written"] for row in rows} == {None}
    assert "cut after 7 words" in rows[4]["note"]
    assert "zebra" in rows[4]["note"]
    assert rows[3]["note"] is None
    for row in rows:
        assert pixels(folder / "results" / row["drawing"]).shape == (28, 28)
    assert "5 drawings" in done.stdout
    with (folder / "results" / "results.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["caption"] for row in table] == CAPTIONS
    assert [float(row["probability"]) for row in table] == [row["probability"] for row in rows]
    assert table[0]["classes"].startswith(f"{rows[0]['class']} ")


def test_the_answers_do_not_depend_on_the_batch(folder: Path, generate) -> None:
    """A mixed table one by one, in twos, and at once; and each of its samples by a command of its own."""
    found = []
    for size in (1, 2, 256):
        done = generate("pairs.csv", f"evaluation.batch_size={size}")
        assert done.status == 0, done.stderr
        rows = results(folder / "results")
        drawn = [row["drawing"] and pixels(folder / "results" / row["drawing"]) for row in rows]
        found.append((rows, drawn))
        shutil.rmtree(folder / "results")
    assert [row["given"] for row in found[0][0]] == ["both", "image", "text"]
    for rows, drawn in found[1:]:
        for row, expected in zip(rows, found[0][0], strict=True):
            assert row.pop("probability") == pytest.approx(expected["probability"], abs=2e-6)
            assert row.pop("classes") == pytest.approx(expected["classes"], abs=2e-6)
            assert row == {name: expected[name] for name in row}
        for picture, expected in zip(drawn, found[0][1], strict=True):
            assert picture is expected is None or abs(picture - expected).max() <= 1  # rounded from floats
    samples = [("image=photos/a.png", "text=seven"), ("image=photos/b.jpg",), ('text="a thin one, slanted right"',)]
    for i, sample in enumerate(samples):
        done = command(folder, "mode=generate", "checkpoint=out", *sample, f"output_dir=alone-{i}", "mode.classes=1")
        assert done.status == 0, done.stderr
        lines = dict(line.split(": ", 1) for line in done.stdout.splitlines())
        row, picture = found[0][0][i], found[0][1][i]
        assert lines["class"] == f"{row['class']} {row['probability']:.3f}"
        assert lines.get("caption, beam of 5") == row["written"]
        assert lines.get("caption, greedy") == row["written_greedy"]
        alone = list((folder / f"alone-{i}").glob("*-1.png"))
        assert [True] * len(alone) == [abs(pixels(file) - picture).max() <= 1 for file in alone]
        assert bool(alone) == (picture is not None)


def test_captions_come_from_standard_input(folder: Path, generate, monkeypatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO("\ufeffseven\r\nthree\n".encode())))
    done = generate("-")
    assert done.status == 0, done.stderr
    assert [row["caption"] for row in results(folder / "results")] == ["seven", "three"]


def test_the_results_lie_with_the_run_and_other_samples_lie_beside_them(folder: Path) -> None:
    for samples in ("captions.txt", "photos", "captions.txt"):
        done = command(folder, "mode=generate", "checkpoint=out", f"samples={samples}")
        assert done.status == 0, done.stderr
    assert "5 of 5 samples are answered already" in done.stderr
    places = list((folder / "out" / "generated").glob("samples-*"))
    assert sorted(len(results(place)) for place in places) == [3, 5]
    settings = json.loads((places[0] / "settings.json").read_text())
    assert settings["run"].startswith("mnist-concat-s0-")


def test_an_interrupted_command_keeps_what_it_did_and_goes_on(folder: Path, generate, monkeypatch) -> None:
    predict, batches = multimodal.many_samples.predict_samples, []

    def interrupted(*arguments):
        batches.append(1)
        if len(batches) == 2:
            raise KeyboardInterrupt
        return predict(*arguments)

    monkeypatch.setattr("multimodal.many_samples.predict_samples", interrupted)
    assert generate("captions.txt", "evaluation.batch_size=2").status == 130
    file = folder / "results" / "results.jsonl"
    before = file.read_text()
    assert len(before.splitlines()) == 2
    file.write_text(before + '{"row": 2, "ima')  # half a line, as a killed process may leave
    done = generate("captions.txt", "evaluation.batch_size=2")
    assert done.status == 0, done.stderr
    assert "2 of 5 samples are answered already" in done.stderr
    assert file.read_text().startswith(before)
    assert [row["row"] for row in results(folder / "results")] == list(range(5))
    assert len(batches) == 4


def test_a_table_of_a_dataset_is_read_without_its_labels(folder: Path, generate) -> None:
    (folder / "metadata.csv").write_text(
        "file_name,label,split,caption\nphotos/a.png,3,test,three\nphotos/a.png,3,test,\n"
    )
    done = generate("metadata.csv")
    assert done.status == 0, done.stderr
    assert [(row["image"], row["caption"]) for row in results(folder / "results")] == [
        ("photos/a.png", "three"),
        ("photos/a.png", None),
    ]


def test_no_more_than_a_batch_is_in_memory(folder: Path, generate, monkeypatch) -> None:
    sizes, join = [], multimodal.many_samples.join_samples
    monkeypatch.setattr("multimodal.many_samples.join_samples", lambda s: sizes.append(len(s)) or join(s))
    assert generate("captions.txt", "evaluation.batch_size=2").status == 0
    assert sizes == [2, 2, 1]


def test_what_cannot_be_read_is_named_and_the_others_are_answered(folder: Path, generate) -> None:
    (folder / "broken.png").write_text("no image")
    (folder / "some.csv").write_text("image,caption\nbroken.png,seven\n,blorp zing\nphotos/a.png,three\n")
    for again in (False, True):
        done = generate("some.csv")
        assert done.status == 1
        assert "samples: 2 of 3 have no answer" in done.stderr
        assert "row 0: image: broken.png cannot be used: image does not decode" in done.stderr
        assert "row 1: text: no word that the model learned is in 'blorp zing'" in done.stderr
        rows = results(folder / "results")
        assert [row["class"] is None for row in rows] == [True, True, False], again
        assert "does not decode" in rows[0]["problem"]
        assert (rows[0]["drawing"], rows[0]["written"]) == (None, None)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.txt", b"seven\n\nthree\n \n", "2 bad rows of 4, counted from 0, in x.txt: row 1: caption is empty; row 3"),
        ("x.txt", b"", "row 0: caption is empty"),
        ("x.txt", b"caf\xe9", "samples: x.txt is not in UTF-8"),
        ("x.csv", b"image,captions\n1.png,a", "samples: x.csv has the column 'captions'"),
        ("x.csv", b"image,caption\nnowhere.png,a", "row 0: there is no file nowhere.png"),
        ("x.csv", b"image,caption\n,\n", "row 0: neither image nor caption is given"),
        ("x.csv", b"caption\na cat, big\n", "samples: x.csv line 2 has 2 cells"),
        ("x.csv", b"file_name,image\n1.png,2.png\n", "the columns image and file_name, which mean the same"),
        ("x.csv", b"caption\n\"['a cat', 'a dog']\"\n", "row 0: caption is a list of several"),
        ("x.csv", b"caption\n", "samples: x.csv has a header but no rows"),
        ("x.png", b"", "image=x.png is one image"),
        ("x.json", b"[]", "samples: x.json is not read"),
    ],
)
def test_bad_input_is_refused_before_work_starts(folder: Path, generate, name, content, message, monkeypatch) -> None:
    monkeypatch.setattr("multimodal.run.load_model", lambda *_: pytest.fail("work started"))
    (folder / name).write_bytes(content)
    done = generate(name)
    (folder / name).unlink()
    assert done.status == 1
    assert done.stderr.startswith("error: samples: ")
    assert message in done.stderr
    assert not (folder / "results").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["samples=nowhere"], "samples: there is no nowhere"),
        (["samples=cache"], "has no image"),
        (["samples=captions.txt", "text=seven"], "give samples=, or one sample by text= and image="),
        (["samples=captions.txt", "evaluation.batch_size=0"], "evaluation.batch_size must be a whole number"),
        (["samples=captions.txt", "evaluation.fill=none"], "evaluation.fill cannot be set"),
        (["samples=captions.txt", "checkpoint=single"], "image_only, which does not read text"),
        (["samples=captions.txt", "output_dir=photos"], "output_dir: photos is not empty, and not a folder of results"),
        (["image=photos"], "samples=photos answers all its images"),
    ],
)
def test_settings_that_do_not_fit_are_one_clear_error(folder: Path, arguments: list[str], message: str) -> None:
    checkpoint = [] if any(a.startswith("checkpoint=") for a in arguments) else ["checkpoint=out"]
    done = command(folder, "mode=generate", *checkpoint, *arguments)
    assert done.status == 1
    assert "\nerror: " in f"\n{done.stderr}"
    assert message in done.stderr


def test_results_of_other_samples_are_not_overwritten(folder: Path, generate) -> None:
    assert generate("captions.txt").status == 0
    before = (folder / "results" / "results.jsonl").read_bytes()
    done = generate("pairs.csv")
    assert done.status == 1
    assert "output_dir: results holds results of other samples, another model or other settings" in done.stderr
    assert (folder / "results" / "results.jsonl").read_bytes() == before


def test_samples_given_to_another_mode_are_an_error(folder: Path) -> None:
    assert "samples needs mode=" in command(folder, "samples=photos").stderr
    done = command(folder, "mode=export", "checkpoint=out", "samples=photos")
    assert "samples cannot be set" in done.stderr
