"""The tables of predictions say what was predicted of each sample, with its own pictures."""

from dataclasses import replace

import numpy as np
import torch

from multimodal.evaluation.predict import predict
from multimodal.evaluation.sample_table import predictions_of_test
from multimodal.tracking.predictions import WatchedSamples
from tests.helpers import tiny_training
from tests.helpers.made_up_results import made_up_run

BOTH = ("image", "text")


def test_each_row_is_of_one_test_sample() -> None:
    data, results = made_up_run(3, 4, 5)
    rows = predictions_of_test(data, results.predictions, BOTH, 6)
    test, predictions = data.splits["test"], results.predictions
    assert sorted(test.label[[row["index"] for row in rows]].tolist()) == [0, 0, 1, 1, 2, 2]  # spread over the classes
    for row in rows:
        i = row["index"]
        assert row["class"] == data.class_names[test.label[i]]
        assert row["caption"] == data.vocabulary.decode(test.tokens[[i]])[0]
        assert row["written/image"] == data.vocabulary.decode(predictions.caption["image"][[i]])[0]
        np.testing.assert_array_equal(row["image"][..., 0], test.image[i, 0])
        np.testing.assert_array_equal(row["drawn/text"][..., 0], predictions.image["text"][i, 0])
        for condition in ("both", "image", "text"):
            probability, best = predictions.probability[condition][i].max(0)
            assert row[f"predicted/{condition}"] == data.class_names[best]
            assert row[f"probability/{condition}"] == float(probability)
            assert row[f"correct/{condition}"] is bool(best == test.label[i])


def test_nothing_is_generated_from_what_the_fusion_does_not_read() -> None:
    data, results = made_up_run(2, 2, 3)
    (row,) = predictions_of_test(data, results.predictions, ("image",), 1)
    assert row["drawn/text"] is None
    assert row["written/image"] is not None


def test_a_model_without_a_head_has_no_column_for_it() -> None:
    data, results = made_up_run(2, 2, 3)
    for absent, column in (("caption", "written/image"), ("image", "drawn/text")):
        (row,) = predictions_of_test(data, replace(results.predictions, **{absent: {}}), BOTH, 1)
        assert column not in row
        assert {"written/image", "drawn/text", "predicted/both"} - {column} <= set(row)
    model, _ = tiny_training.build()
    del model.heads["image"], model.heads["text"]
    assert all(
        {"written/image", "drawn/text"}.isdisjoint(row) for row in WatchedSamples(tiny_training.DATA, 5).table(model)
    )


def test_what_the_task_makes_meaningless_has_no_column() -> None:
    data, results = made_up_run(2, 2, 3)
    (row,) = predictions_of_test(replace(data, undefined={"text_to_image": "why"}), results.predictions, BOTH, 1)
    assert "drawn/text" not in row
    assert "written/image" in row


def test_colour_images_keep_their_channels() -> None:
    data, results = made_up_run(2, 2, 3, channels=3)
    (row,) = predictions_of_test(data, results.predictions, BOTH, 1)
    assert row["image"].shape == row["drawn/text"].shape == (8, 8, 3)
    assert row["image"].dtype == np.uint8


def test_watched_samples_are_those_of_the_validation_split_and_leave_the_model_training() -> None:
    model, _ = tiny_training.build()
    model.train()
    state = torch.get_rng_state()
    rows = WatchedSamples(tiny_training.DATA, 5).table(model)
    assert torch.equal(torch.get_rng_state(), state)
    assert model.training
    split = tiny_training.DATA.splits["validation"]
    expected = predict(model, split, 4)
    assert len({row["index"] for row in rows}) == 5
    for row in rows:
        probability, best = expected.probability["both"][row["index"]].max(0)
        np.testing.assert_array_equal(row["image"][..., 0], split.image[row["index"], 0])
        assert row["predicted/both"] == tiny_training.DATA.class_names[best]
        assert abs(row["probability/both"] - float(probability)) < 1e-6
