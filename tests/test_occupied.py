"""Which calls must keep their order: by the definition, pair by pair, and in a time that doesn't grow with the pairs."""

import time

from helpers import model_of
from hypothesis import given
from hypothesis import strategies as st

import fastnn
from fastnn import layers
from fastnn.occupied import Memory, Occupied


@st.composite
def memories(draw):
    start, length = draw(st.integers(0, 40)), draw(st.integers(0, 12))
    step = draw(st.sampled_from([0, 3, 4, 8]))
    return Memory(start, start + length, step, min(draw(st.integers(1, 8)), length) if step else 0)


calls = st.lists(st.tuples(st.lists(memories(), max_size=2), st.lists(memories(), max_size=2)), max_size=12)


def pair_clashes(one, other, by_rows):
    (reads, writes), (other_reads, other_writes) = one, other
    pairs = [(a, b) for a in writes for b in other_reads + other_writes] + [(a, b) for a in reads for b in other_writes]
    return any(a.overlaps(b) and not (by_rows and a.keeps_to_samples(b)) for a, b in pairs)


@given(calls, calls)
def test_a_call_clashes_with_some_where_it_clashes_with_one(before, calls):
    occupied = Occupied()
    for each in before:
        occupied.add(*each)
    for each in calls:
        for by_rows in (False, True):
            assert occupied.clashes(*each, by_rows=by_rows) == any(pair_clashes(each, other, by_rows) for other in before)


def test_models_of_very_many_layers_load_in_time(tmp_path):
    model = model_of(*[lambda: layers.Dense(1, "relu")] * 3000, features=(1,))
    model.save(tmp_path / "deep.fnn")
    start = time.process_time()
    loaded = fastnn.load_model(tmp_path / "deep.fnn")
    assert time.process_time() - start < 10, "it took a minute or more when each call was compared with each"
    assert len(loaded.layers) == 3000
