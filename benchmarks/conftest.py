"""Pins the benchmarks to one processor and one thread, and prints how much faster the compiled backend is."""

import os

import pytest

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "FASTNN_NUM_THREADS"):
    os.environ[_name] = "1"
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    config.option.benchmark_max_time = "0.05"
    config.option.benchmark_disable_gc = True
    config.option.benchmark_quiet = True


def pytest_terminal_summary(terminalreporter, config):
    """A line a group: the NumPy backend's time over the compiled one's, medians, with the quartiles of the compiled."""
    import fastnn

    medians = {}
    for result in config._benchmarksession.benchmarks:
        if result.stats.rounds:
            medians.setdefault(result.group, {})[result.params["backend"]] = result.stats
    pairs = {g: (s["numpy"], s["compiled"]) for g, s in medians.items() if len(s) == 2}
    if not pairs:
        return
    write = terminalreporter.write_line
    terminalreporter.section(f"compiled ({fastnn.backend.isa()}) against NumPy, one thread, microseconds")
    write(f"{'op':44} {'NumPy':>10} {'compiled':>10} {'spread':>8} {'times faster':>13}")
    for group, (numpy, compiled) in pairs.items():
        ratio = numpy.median / compiled.median
        spread = compiled.iqr / compiled.median
        mark = "" if ratio >= 1 else "   slower"
        write(f"{group:44} {numpy.median * 1e6:10.2f} {compiled.median * 1e6:10.2f} {spread:8.0%} {ratio:13.2f}{mark}")
    slower = [group for group, (numpy, compiled) in pairs.items() if numpy.median < compiled.median]
    write(f"{len(pairs)} pairs, {len(slower)} slower than NumPy{': ' + ', '.join(slower) if slower else ''}")
