"""Accuracy over the budget: groups of runs that differ only in their number of steps or epochs, side by side."""

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from multimodal.comparison.budgets import by_budget, without_budget
from multimodal.comparison.ceiling import known_ceiling
from multimodal.comparison.comparison_figures import SIZE, LineStyle, draw_range, level_line, name_lines, small_figure
from multimodal.comparison.grouping import by_fusion
from multimodal.comparison.run import Run
from multimodal.figures.layout import INK

ACCURACY = "accuracy/both"


def budget_figures(groups: dict[str, list[Run]], styles: dict[str, LineStyle]) -> dict[str, Figure]:
    """Draw {title: accuracy with both modalities over the budget}, with a line per fusion."""
    return {
        title: draw_budgets({budget: groups[each] for budget, each in budgets.items()}, styles)
        for title, budgets in by_budget(groups).items()
    }


def draw_budgets(budgets: dict[int, list[Run]], styles: dict[str, LineStyle]) -> Figure:
    """Draw the accuracy over {budget: runs}, on a logarithmic axis that names the budgets."""
    figure, axes = small_figure(SIZE)
    runs = [run for own in budgets.values() for run in own]
    for fusion in by_fusion(runs):
        values = {budget: accuracies([run for run in own if run.fusion == fusion]) for budget, own in budgets.items()}
        found = {float(budget): each for budget, each in values.items() if each}
        if found:
            draw_range(axes, found, styles[fusion], f"{fusion} ({seeds_in_words([*found.values()])})")
    level_line(axes, runs[0].metrics.get("task/chance"), "chance")
    level_line(axes, known_ceiling(runs), "ceiling")
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator([*budgets]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
    axes.margins(x=0.08)
    axes.set_xlabel(f"training {without_budget(runs[0])[1]}", color=INK)
    axes.set_ylabel("accuracy with both", color=INK)
    name_lines(figure, axes)
    return figure


def accuracies(runs: list[Run]) -> list[float]:
    """Return the accuracies with both modalities that are defined, one per seed."""
    return [accuracy for run in runs if (accuracy := run.metrics.get(ACCURACY)) is not None]


def seeds_in_words(values: list[list[float]]) -> str:
    """Format the number of seeds, which may differ between budgets: `6`, or `3 to 6`."""
    sizes = sorted({len(each) for each in values})
    return str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
