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
    """The tables: both backends side by side, and products against the processor's limit."""
    results = [r for r in config._benchmarksession.benchmarks if r.stats.rounds]
    backends = {}
    for result in results:
        backends.setdefault(result.group, {})[(result.params or {}).get("backend")] = result.stats
    pairs = {group: (s["numpy"], s["compiled"]) for group, s in backends.items() if {"numpy", "compiled"} <= s.keys()}
    if pairs:
        compare(terminalreporter, pairs)
    if products := [r for r in results if "peak" in r.extra_info]:
        show_share_of_peak(terminalreporter, products)


def compare(terminalreporter, pairs):
    """A line a pair: the NumPy backend's time over the compiled one's, medians, with the quartiles of the compiled."""
    import fastnn

    write = terminalreporter.write_line
    terminalreporter.section(f"compiled ({fastnn.backend.isa()}) against NumPy, one thread, microseconds")
    write(f"{'op':44} {'NumPy':>10} {'compiled':>10} {'spread':>8} {'times faster':>13}")
    for group, (numpy, compiled) in pairs.items():
        ratio, spread = numpy.median / compiled.median, compiled.iqr / compiled.median
        mark = "" if ratio >= 1 else "   slower"
        write(f"{group:44} {numpy.median * 1e6:10.2f} {compiled.median * 1e6:10.2f} {spread:8.0%} {ratio:13.2f}{mark}")
    slower = [group for group, (numpy, compiled) in pairs.items() if numpy.median < compiled.median]
    write(f"{len(pairs)} pairs, {len(slower)} slower than NumPy{': ' + ', '.join(slower) if slower else ''}")


def show_share_of_peak(terminalreporter, products):
    """A line a product: GFLOP/s (two a multiply-add) in the median call, its call from Python included, and the share of the limit."""
    terminalreporter.section("dense products, one thread, against fused multiply-adds on registers alone")
    for result in products:
        rate, peak = result.extra_info["multiply_adds"] / result.stats.median, result.extra_info["peak"]
        terminalreporter.write_line(f"{result.group:52} {2e-9 * rate:8.1f} of {2e-9 * peak:5.0f} GFLOP/s {rate / peak:6.0%}")
