"""The search space of mode=tune: what it holds, what it is called, and what is refused before anything is trained."""

import math

import pytest
from omegaconf import OmegaConf

from multimodal.runs.space import (
    Dimension,
    check_tuning,
    current_values,
    parse_space,
    read_space,
    space_size,
    with_values,
)
from tests.helpers.toy import composed, options

LR = Dimension("optimizer.lr", (), 0.0003, 0.01, log=True)


def test_a_space_is_read_from_the_notation_of_a_sweep():
    texts = ["optimizer.lr=tag(log,interval(0.0003,0.01))", "dim=64,128", "missing=zero,mean", "a=int(interval(1,4))"]
    assert parse_space(texts) == [
        LR,
        Dimension("dim", (64, 128)),
        Dimension("missing", ("zero", "mean")),
        Dimension("a", (), 1, 4, whole=True),
    ]
    assert parse_space(["a=range(1,4)", "b=null,true,'x y'"]) == [
        Dimension("a", (1, 2, 3)),
        Dimension("b", (None, True, "x y")),
    ]


def test_an_interval_of_a_whole_number_has_whole_numbers():
    """The setting says what it takes: a width is a whole number, a share may be 0, 1 and all between."""
    texts = ["dim=interval(16,32)", "head.label.dropout=interval(0,1)", "optimizer.weight_decay=interval(0.5,2)"]
    assert read_space([*texts, "training.batch_size=tag(log,interval(16,64))"], composed("mode=tune")) == [
        Dimension("dim", (), 16, 32, whole=True),
        Dimension("head.label.dropout", (), 0, 1),
        Dimension("optimizer.weight_decay", (), 0.5, 2),
        Dimension("training.batch_size", (), 16, 64, log=True, whole=True),
    ]
    deep = ["encoder/text=transformer", 'mode.space=["encoder.text.num_layers=interval(1,3)"]']
    check_tuning(composed("mode=tune", *deep, "mode.trials=3"))
    with pytest.raises(ValueError, match="only 3 different settings"):
        check_tuning(composed("mode=tune", *deep, "mode.trials=4"))
    with pytest.raises(ValueError, match=r"mode\.space has a value that cannot be: dim must be a whole number"):
        check_tuning(composed("mode=tune", 'mode.space=["dim=interval(16.5,32)"]'))


@pytest.mark.parametrize(
    ("texts", "size"),
    [
        (["dim=8,16,24"], 3),
        (["dim=8,16,24", "missing=zero,mean"], 6),
        (["a=int(interval(1,4))", "dim=8,16"], 8),
        (["optimizer.lr=interval(0.001,0.002)"], 101),  # in steps of 0.00001, with both ends
        (["optimizer.lr=tag(log,interval(0.001,0.1))"], 1801),  # 900 numbers of three digits a decade
        (["optimizer.lr=interval(-0.002,-0.001)"], 101),
        (["head.label.dropout=interval(0,0.5)"], math.inf),
    ],
)
def test_a_space_knows_how_many_settings_it_has(texts: list[str], size: float):
    assert space_size(parse_space(texts)) == size


def test_more_trials_than_there_are_settings_are_refused():
    space = 'mode.space=["dim=16,24","head.label.dropout=0.0,0.1,0.3"]'
    check_tuning(composed("mode=tune", space, "mode.trials=6"))
    with pytest.raises(
        ValueError, match=r"^mode\.trials=7, but mode\.space has only 6 different settings, .*trials=6, or"
    ):
        check_tuning(composed("mode=tune", space, "mode.trials=7"))


def test_a_space_is_told_in_words():
    texts = ["optimizer.lr=tag(log,interval(0.0003,0.01))", "dim=32,64,128", "head.label.dropout=0.1,0.3"]
    assert [str(dimension) for dimension in parse_space(texts)] == [
        "optimizer.lr 0.0003 to 0.01 (log)",
        "dim 32, 64 or 128",
        "head.label.dropout 0.1 or 0.3",
    ]


def test_a_dimension_holds_its_values_only():
    assert LR.holds(0.01)
    assert not LR.holds(0.011)
    assert not LR.holds(None)
    assert not LR.holds(True)
    choices = Dimension("a", (1, None))
    assert choices.holds(1)
    assert choices.holds(None)
    assert not choices.holds(True)  # equal to 1 for Python
    assert not Dimension("a", (), 1, 4, whole=True).holds(2.0)


def test_rounding_stays_within_the_interval():
    assert LR.rounded(0.00123456) == 0.00123
    assert Dimension("a", (), 0.12345, 0.98765).rounded(0.12346) == 0.12345  # 0.123 is below it
    assert Dimension("a", (), 0.12345, 0.98765).rounded(0.98764) == 0.98765  # 0.988 is above it


def test_what_follows_from_a_setting_follows_the_chosen_value():
    cfg = composed("mode=tune")
    changed = with_values(cfg, {"optimizer.lr": 0.004, "dim": 24})
    assert changed.training.optimizer.lr == 0.004
    assert changed.encoder.image.dim == 24
    assert current_values(changed, [LR]) == {"optimizer.lr": 0.004}
    assert cfg.training.optimizer.lr == 0.001  # the config that it is copied from is as it was


@pytest.mark.parametrize("fusion", options("fusion"))
def test_every_fusion_has_every_setting_of_the_default_space(fusion: str):
    check_tuning(composed("mode=tune", f"fusion={fusion}"))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("mode.trials=0", "mode.trials must be a whole number of 1 or more, got 0"),
        ("mode.trials=2.5", "mode.trials must be a whole number, got 2.5"),
        ("mode.sampler_seed=-1", "mode.sampler_seed must be a whole number from 0"),
        ("mode.tuning_seeds=[]", "mode.tuning_seeds must be one seed or more, all different, got []"),
        ("mode.tuning_seeds=[7,7]", "mode.tuning_seeds must be one seed or more, all different, got [7, 7]"),
        ("mode.tuning_seeds=0", "mode.tuning_seeds must be a list of whole numbers, got 0"),
        ("mode.tuning_seeds=null", "mode.tuning_seeds must be a list of whole numbers, got null"),
        ("mode.tuning_seeds=[5,0]", "mode.tuning_seeds and seed both have 0: a final run would repeat"),
        ("mode.space=[]", "mode.space is empty"),
        ("mode.space=[dim]", "mode.space: 'dim' has no values; give for example"),
        ('mode.space=["dim=64"]', "mode.space: 'dim=64' has only one value"),
        ('mode.space=["dim=16,24","dim=8,16"]', "mode.space has dim twice"),
        ('mode.space=["dim=[8],[16]"]', "mode.space: dim may be numbers, texts, true, false or null, got [8]"),
        ('mode.space=["optimizer.lrr=0.1,0.2"]', "there is no setting optimizer.lrr; did you mean optimizer.lr?"),
        ('mode.space=["fusion.hidden=1,2","fusion.width=1,2"]', "mode.space: there is no setting fusion.width"),
        ('mode.space=["optimizer=adamw,sgd"]', "mode.space: optimizer is a component"),
        ('mode.space=["training.modality_dropout=1,2"]', "is a part of the config; name one of its settings"),
        (
            'mode.space=["dataset.limit=100,200"]',
            "mode.space: dataset.limit cannot be tuned: those of encoder, missing",
        ),
        ('mode.space=["seed=1,2"]', "mode.space: seed cannot be tuned"),
        ('mode.space=["training.devices=1,2"]', "training.devices cannot be tuned: it is of the machine"),
        ('mode.space=["training.select=loss,accuracy"]', "training.select cannot be tuned: it decides which"),
        ('mode.space=["training.steps=10,20"]', "training.steps cannot be tuned: the budget is equal for all"),
        ('mode.space=["optimizer.lr=interval(0.2,0.1)"]', "the interval of optimizer.lr must end above its start"),
        ('mode.space=["optimizer.lr=tag(log,interval(0,0.1))"]', "must start above 0 to have a logarithm, got 0"),
        ('mode.space=["optimizer.lr=interval(-1,0.1)"]', "mode.space has a value that cannot be: optimizer.lr must be"),
        ('mode.space=["head.label.dropout=0.1,2.0"]', "mode.space has a value that cannot be: "),
        ('mode.space=["fusion.num_heads=2,3"]', "mode.space has a value that cannot be: "),
        (
            'mode.space=["dim=interval(16,32)"]',
            "got 17 (encoder.text.dim is ${dim}); multiples alone are a range: dim=range(",
        ),
        ("resume=false", "resume=false: mode=tune always goes on"),
    ],
)
def test_what_cannot_be_tuned_is_refused_in_one_line(override: str, message: str):
    with pytest.raises(ValueError) as refused:  # noqa: PT011  the message is compared below, brackets and all
        check_tuning(composed("mode=tune", override))
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_width_that_equal_sizes_set_is_refused():
    space = 'mode.space=["fusion.hidden=64,128"]'
    check_tuning(composed("mode=tune", space, "mode.trials=2"))
    with pytest.raises(ValueError, match=r"fusion_parameters sets fusion\.hidden: give one of the two"):
        check_tuning(composed("mode=tune", space, "fusion_parameters=300000"))


def test_a_setting_of_one_fusion_is_refused_for_another():
    space = 'mode.space=["fusion.num_heads=2,4"]'
    check_tuning(composed("mode=tune", "fusion=attention", space, "mode.trials=2"))
    with pytest.raises(
        ValueError, match=r"mode\.space: there is no setting fusion\.num_heads; fusion=attention,.* have it"
    ):
        check_tuning(composed("mode=tune", "fusion=concat", space))


def test_the_space_in_the_config_is_a_list_of_texts():
    assert OmegaConf.to_container(composed("mode=tune").mode.space) == [
        "optimizer.lr=tag(log,interval(0.0003,0.01))",
        "optimizer.weight_decay=tag(log,interval(0.005,0.5))",
        "head.label.dropout=0.0,0.1,0.3",
    ]
