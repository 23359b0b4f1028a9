"""MNIST with two hidden layers: 784-256-128-10, Adam with a cosine schedule, batches of 128, above 98 % on the test images.

Needs the four MNIST files: ``python examples/mnist.py --data-dir FOLDER``, or ``FASTNN_DATA`` set to the folder that holds ``mnist/``.
"""

from __future__ import annotations

import argparse
import os
import time

import fastnn
from fastnn.layers import Dense, Flatten


def train(data_dir: str | None, epochs: int = 10, verbose: int = 0) -> float:
    """Train with a fixed seed; the test accuracy."""
    (x_train, y_train), (x_test, y_test) = fastnn.datasets.mnist.load_data(data_dir)
    fastnn.utils.set_random_seed(1)
    model = fastnn.Sequential([fastnn.Input((28, 28)), Flatten(), Dense(256, "relu"), Dense(128, "relu"), Dense(10, "softmax")])
    schedule = fastnn.optimizers.schedules.CosineDecay(1e-3, decay_steps=epochs * -(-len(x_train) // 128))
    model.compile(fastnn.optimizers.Adam(schedule), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x_train / 255, y_train, batch_size=128, epochs=epochs, verbose=verbose)
    return model.evaluate(x_test / 255, y_test, verbose=0)[1]


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", help="the folder with the four files")
    parser.add_argument("--out", help="not used: nothing is drawn")
    options = parser.parse_args(argv)
    if options.data_dir is None and "FASTNN_DATA" not in os.environ:
        print("no MNIST: give --data-dir or set FASTNN_DATA")
        return
    start = time.perf_counter()
    accuracy = train(options.data_dir, verbose=2)
    print(f"test accuracy {accuracy:.4f}, {time.perf_counter() - start:.1f} s with loading, backend {fastnn.backend.current()}")


if __name__ == "__main__":
    main()
