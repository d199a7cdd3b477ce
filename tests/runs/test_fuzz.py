"""Whatever stands on a command line is a config, or one line that says what is wrong: searched by hypothesis."""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from multimodal.cli import checked
from multimodal.runs.composition import compose
from multimodal.runs.overrides import GROUPS, keys
from multimodal.runs.settings import check_settings

COUNT = int(os.environ.get("FUZZ", "1500"))  # about a minute
FUZZ = settings(max_examples=COUNT, deadline=None, derandomize=True, database=None, suppress_health_check=HealthCheck)
HYDRA = ["hydra.run.dir", "hydra.mode", "hydra/launcher", "hydra.searchpath", "hydra.help.template", "fusion@x"]
NAMES = [*keys(compose([]).config), *GROUPS, *HYDRA, "loss.terms.x", "experiment"]
VALUES = ["null", "1", "-1", "1e400", "nan", "[]", "{}", "{a:1}", "${seed}", "${oc.env:HOME}", "${or:1}", "${", "???"]
VALUES += ["true", "range(1,3)", "choice(a,b)", "shuffle(1,2)", "glob(*)", "interval(0,1)", "int(3.5)", "sort(1,2)"]
VALUES += ["extend_list(1)", "tag(a,1)", "concat", "0x10", "1_000", "'a'", "{_target_:os.system}", "~/x", "a,b"]
VALUE = st.sampled_from(VALUES) | st.text(max_size=20)
VALUE |= st.text(alphabet="abn01.,-:[]{}()'\"\\$~ =#@|\n", max_size=14)
MARK, EQUALS = st.sampled_from(["", "", "", "+", "++", "~"]), st.sampled_from(["=", "=", "=", "", "=="])
SETTING = st.builds("{}{}{}{}".format, MARK, st.sampled_from(NAMES) | st.text(max_size=12), EQUALS, VALUE)
OVERRIDE = (SETTING | st.text(max_size=30)).filter(lambda text: not text.startswith("-"))


@pytest.mark.slow
@FUZZ
@given(st.lists(OVERRIDE, min_size=1, max_size=2), st.booleans())
def test_any_override_is_a_config_or_one_line(overrides: list[str], multirun: bool) -> None:
    try:
        arguments = checked([*(["-m"] if multirun else []), *overrides])
        if not multirun:
            check_settings(compose(arguments).config)
    except ValueError as error:
        line = str(error)
    else:
        line = ""
    assert "\n" not in line
