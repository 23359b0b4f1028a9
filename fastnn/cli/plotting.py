"""Learning curves as a picture."""

from __future__ import annotations

from pathlib import Path

__all__ = ["check_plot", "draw_curves"]


def check_plot(path: Path) -> None:
    """Raise unless a picture can be drawn into a file of this name."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("--plot needs matplotlib: install it with pip install 'fastnn[plot]', or leave --plot out") from error
    known = Figure().canvas.get_supported_filetypes()
    if path.suffix.lstrip(".").lower() not in known:
        raise ValueError(f"--plot {path}: unknown kind of picture {path.suffix!r}; use .{', .'.join(sorted(known))}")


def draw_curves(history: dict[str, list[float]], best_epoch: int, path: Path) -> None:
    """Draw each number of the history over the epochs, those of training and validation in one panel."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    names = [name for name in history if not name.startswith("val_") and name != "learning_rate"]
    figure = Figure(figsize=(5 * len(names), 3.6), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        for key, label in ((name, "training"), (f"val_{name}", "validation")):
            if key in history:
                axes.plot(range(1, len(history[key]) + 1), history[key], marker="." if len(history[key]) < 3 else None, label=label)
        axes.axvline(best_epoch, color="0.6", linestyle=":", label=f"epoch {best_epoch}, saved")
        axes.set(xlabel="epoch", ylabel=name, yscale="log" if name == "loss" else "linear")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        axes.legend()
    figure.savefig(path, dpi=120)
