"""Unknown settings are refused before work starts, with the nearest right one."""

import re

import pytest

from multimodal.runs.overrides import check_overrides


@pytest.mark.parametrize(
    ("override", "advice"),
    [
        ("model_type=concat", "it is fusion here"),
        ("+model_type=concat", "it is fusion here"),
        ("++model_type=concat", "it is fusion here"),
        ("training.step=5", "did you mean training.steps?"),
        ("trainig.steps=5", "did you mean training.steps?"),
        ("fusions=concat", "did you mean fusion?"),
        ("num_heads=2", "did you mean fusion.num_heads?"),
        ("training.learning_rate=0.1", "it is optimizer.lr here"),
        ("+fusion.hiden=3", "did you mean fusion.hidden?"),
        ("+training.modality_dropout.audio=0.1", "there is no setting"),
        ("+zzz=3", "--help lists the groups"),
        ("fusion=film fusion.num_hands=3", "fusion has dim, modalities, blocks, hidden"),
        ("fusion=film fusion.num_heads=3", "; fusion=attention,bottleneck,transformer have it"),
        ("fusion=concat +fusion.rank=3", "; fusion=low_rank has it"),
        ("head.image.solver=foo", "; head/image=flow has it"),
        ("head/image=none head.image.solver=foo", "; head/image=flow has it"),
        ("mode.port=80", "; mode=demo has it"),
        ("experiment.seed=1", "did you mean"),
        ("optimizer.learning_rate=0.1", "it is optimizer.lr here"),
        ("dataset.columns.text=cap", "dataset.columns has image, label, caption"),
        ("~evaluation.measures.retreival", "did you mean evaluation.measures.retrieval?"),
    ],
)
def test_an_unknown_setting_is_refused(override: str, advice: str) -> None:
    with pytest.raises(ValueError, match="there is no setting") as error:
        check_overrides(override.split(), multirun=True)
    assert advice in str(error.value)


@pytest.mark.parametrize(
    "override",
    [
        "fusion=film,concat fusion.hidden=3",  # a sweep
        "dataset.path=null",
        "+optimizer.betas=[0.9,0.95]",  # an argument that its class has
        "+loss.weights.mine=1",
        "++seed=3",
        "~evaluation.measures.retrieval",
        "hydra.job.name=x",
        "experiment=synergy",
    ],
)
def test_the_rest_is_left_to_hydra(override: str) -> None:
    check_overrides(override.split(), multirun=True)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("fusion=atention", "fusion has no option atention; did you mean attention?"),
        ("fusion=concat,atention", "fusion has no option atention; did you mean attention?"),
        ("fusion=attention.yaml", "fusion has no option attention.yaml; did you mean attention?"),
        ("encoder=resnet18", "did you mean encoder/image=resnet18?"),
        ("head=mlpp", "its parts are the groups head/image, head/label, head/text"),
        ("encoder.image=vit", "encoder.image is a component: choose it by encoder/image=vit"),
        ("sizes.channels=3", "sizes.channels cannot be set: it is read from the data"),
        ("~fusion.hidden", "fusion.hidden cannot be removed"),
        ("concat", "'concat' is no setting=value"),
    ],
)
def test_an_option_that_does_not_exist_is_refused(override: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        check_overrides([override], multirun=True)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("override", ["fusion=concat,sum", "seed=0,1", "seed=range(0,3)"])
def test_several_values_are_a_sweep(override: str) -> None:
    check_overrides([override], multirun=True)
    with pytest.raises(ValueError, match="several values are a sweep: add -m"):
        check_overrides([override], multirun=False)


@pytest.mark.parametrize(("override", "multirun"), [("caption=synergy", False), ("caption=original,synergy", True)])
def test_an_option_that_moved_is_answered_with_its_new_group(override: str, multirun: bool) -> None:
    with pytest.raises(ValueError, match="caption has no option synergy; it is task=synergy here"):
        check_overrides([override], multirun)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("optimizer=null", "optimizer must be one of its options, got null; choose optimizer=adamw,sgd"),
        ("optimizer=sgd,null", "optimizer must be one of its options, got null; choose optimizer=adamw,sgd"),
        ("encoder/image=null", "encoder/image must be one of its options, got null; choose encoder/image=clip,"),
        ("experiment=null", "experiment must be one of its options, got null; choose experiment="),
        ("hydra/launcher=null", "hydra/launcher must be one of its options, got null; choose hydra/launcher="),
        ("~optimizer", "optimizer cannot be removed; choose optimizer=adamw,sgd"),
        ("~head/text", "head/text cannot be removed; choose head/text=lstm,none,transformer"),
        ("~seed", "seed cannot be removed; give it another value"),
        ("~report.margin", "report.margin cannot be removed"),
        ("~evaluation.figures", "evaluation.figures cannot be removed"),
        (
            "~evaluation.measures",
            "give it another value; its entries can: ~evaluation.measures.<name>",
        ),
        ("loss.terms={}", "loss.terms={} would change nothing: ~loss.terms.<name> removes an entry"),
        ("a=[", "'a=[' cannot be read (no viable alternative at input '['); a value with special characters needs"),
        (
            "hydra.sweeper.n_jobs=2",
            "do not fit together: Could not override 'hydra.sweeper.n_jobs': Key 'n_jobs' not in",
        ),
        ("evaluation.measures.task=[]", "do not fit together: Error merging override evaluation.measures.task=[]: "),
        ("dataset.columns={}", "dataset.columns={} would change nothing"),
    ],
)
def test_what_is_needed_cannot_be_taken_away(override: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        check_overrides([override], multirun=True)


def test_experiments_may_be_stacked_and_each_of_them_is_checked() -> None:
    check_overrides(["experiment=[synergy,quick]"], multirun=False)
    with pytest.raises(ValueError, match=r"experiment has no option quik; did you mean quick\?"):
        check_overrides(["experiment=[synergy,quik]"], multirun=False)
    with pytest.raises(ValueError, match=r"fusion takes one option, got fusion=\[concat,film\]"):
        check_overrides(["fusion=[concat,film]"], multirun=False)
