"""The demo's table: one line an experiment, with shapes, agreement and times."""

from collections.abc import Mapping

from pyconv.cli.experiments import Experiment, Result

_HEAD = ("", "input", "weight", "output", "arguments", "max diff", "pyconv", "reference", "", "SciPy", "", "")


def shape(of: tuple[int, ...], times: str = "x") -> str:
    """Write a shape as one says it: 3x32x32."""
    return times.join(map(str, of))


def arguments(experiment: Experiment) -> str:
    """Write what was passed beside input and weight: 'padding 1, stride 2', or '-'."""
    return ", ".join(f"{name.replace('_size', '')} {value}" for name, value in experiment.options.items()) or "-"


def render(results: Mapping[str, Result], remark: str) -> str:
    """Return the table as text, with a heading a topic and what the columns mean below."""
    rows: list[tuple[str, ...] | str] = [_HEAD]
    topic = ""
    for result in results.values():
        if result.experiment.topic != topic:
            topic = result.experiment.topic
            rows.append(topic)
        rows.append(_row(result))
    cells = [row for row in rows if not isinstance(row, str)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [row if isinstance(row, str) else _aligned(row, widths) for row in rows]
    return "\n".join([f"{remark}; float32", "", *lines, "", *_conclusion(results)])


def _row(result: Result) -> tuple[str, ...]:
    experiment = result.experiment
    return (
        f"  {experiment.title}",
        shape(experiment.input.shape),
        "-" if experiment.weight is None else shape(experiment.weight.shape),
        shape(result.output.shape),
        arguments(experiment),
        f"{result.difference:.1e}" if result.difference else "0",
        f"{result.ours_ms:.3f}",
        *_compared(result.reference_ms, result.ours_ms),
        *_compared(result.scipy_ms, result.ours_ms),
        experiment.scipy_name + ("" if result.agrees else "  <-- DISAGREES"),
    )


def _compared(other_ms: float | None, ours_ms: float) -> tuple[str, str]:
    return ("-", "") if other_ms is None else (f"{other_ms:.3f}", f"{other_ms / ours_ms:.1f}x")


def _aligned(row: tuple[str, ...], widths: list[int]) -> str:
    """Texts to the left, numbers to the right."""
    left = (0, 4, len(_HEAD) - 1)
    cells = (c.ljust(w) if i in left else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
    return "  ".join(cells).rstrip()


def _conclusion(results: Mapping[str, Result]) -> list[str]:
    lines = [
        "max diff: from pyconv.reference. Times in ms, the fastest of a few runs; 12.0x: pyconv took a twelfth of it.",
        "SciPy: the function of scipy.ndimage, unless it says signal, that means the same; '-' where none does.",
    ]
    compared = [result.scipy_difference for result in results.values() if result.scipy_difference is not None]
    if compared:
        lines.append(f"Largest difference from SciPy: {max(compared):.1e} over {len(compared)} results.")
    correlated, convolved = results["relief_correlated"], results["relief_convolved"]
    apart = float(abs(correlated.output - convolved.output).max())
    lines.append(
        f"One kernel convolved and correlated: up to {apart:.2f} apart. Convolved (conv2d with the flipped kernel) "
        f"and scipy.ndimage.convolve: {convolved.scipy_difference or 0:.1e} apart."
    )
    return lines
