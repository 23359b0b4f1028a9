"""The console command: what it trains, writes and says, and that each mistake gives one line and exit status 2."""

import csv
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastnn
from fastnn.cli import main
from fastnn.cli.callbacks import Progress
from fastnn.cli.report import confusion, confusion_text, regression_scores
from fastnn.models import load_model

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("FASTNN_DATA") or ROOT.parent / "shared" / "data")
QUICK = ["--hidden", "8", "--epochs", "5"]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def fastnn_command(capsys):
    """Run the command; its exit status, stdout and stderr."""

    def run(*arguments):
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        return status, *capsys.readouterr()

    return run


def write(name, rows):
    with open(name, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return name


def read(text):
    return list(csv.DictReader(io.StringIO(text)))


def people(n=200, seed=0):
    """Rows whose class follows from an age (sometimes missing) and a city, and a header."""
    rng = np.random.default_rng(seed)
    ages, cities = rng.integers(1, 90, n), rng.choice(["Rome", "Oslo", "New York, NY"], n)
    rows = [["age", "city", "note", "buys"]]
    for i, (age, city) in enumerate(zip(ages, cities, strict=True)):
        rows.append(["" if i % 17 == 5 else age, city, f"note {i}", "yes" if (age > 40) != (city == "Oslo") else "no"])
    return rows


def houses(n=300, seed=0):
    rng = np.random.default_rng(seed)
    area, rooms = rng.uniform(20, 200, n), rng.integers(1, 8, n)
    return [["area", "rooms", "price"], *([f"{a:.2f}", r, f"{3000 * a + 20000 * r:.1f}"] for a, r in zip(area, rooms, strict=True))]


def epochs(model):
    return model.metadata["results"]["training"]["epochs"]


# ------------------------------------------------------------------------------------------------- the command itself


@pytest.mark.parametrize("command", [[sys.executable, "-m", "fastnn"], ["fastnn"]])
def test_entry_point(command, tmp_path):
    if command == ["fastnn"] and not (script := Path(sys.executable).with_name("fastnn")).exists():
        pytest.skip(f"not installed: no {script}")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    if command != ["fastnn"]:
        environment["PYTHONPATH"] = str(Path(fastnn.__file__).parents[1])
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"fastnn {fastnn.__version__}\n", "")


def test_without_arguments_it_prints_its_help(fastnn_command):
    status, out, err = fastnn_command()
    assert status == 0 and not err
    assert all(name in out for name in ("train", "predict", "info", "bench"))


@pytest.mark.parametrize("command", ["train", "predict", "info", "bench"])
def test_each_command_has_help_with_an_example(fastnn_command, command):
    status, out, err = fastnn_command(command, "--help")
    assert status == 0 and not err and f"fastnn {command} " in out[out.index("example") :]


def test_the_options_of_train_are_in_its_help(fastnn_command):
    out = fastnn_command("train", "--help")[1]
    options = (
        "--target --task --hidden --activation --dropout --batch-norm --optimizer --lr --epochs --batch-size --validation --test "
        "--early-stopping --seed --threads --dtype --out --plot --data-dir"
    )
    for option in re.split(" ", options):
        assert re.search(rf"  {option}\b", out), option


def test_a_reader_that_goes_away_is_no_error(tmp_path):
    write("people.csv", people())
    assert main(["train", "people.csv", *QUICK]) == 0
    reading, writing = os.pipe()
    os.close(reading)
    environment = {**os.environ, "PYTHONPATH": str(Path(fastnn.__file__).parents[1])}
    command = [sys.executable, "-m", "fastnn", "predict", "model.fnn", "people.csv"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, env=environment)
    os.close(writing)
    assert done.returncode == 141 and "Traceback" not in done.stderr and "Broken" not in done.stderr


# -------------------------------------------------------------------------------------------------------------- train


def test_the_bundled_digits_need_no_arguments(fastnn_command):
    status, out, err = fastnn_command("train")
    assert status == 0 and not err
    accuracy = float(re.search(r"^test +accuracy ([.\d]+) \(\d+ of \d+ rows\)", out, re.MULTILINE)[1])
    assert accuracy >= 0.97
    for said in (
        "1293 train, 359 test, 145 validation rows; 64 inputs",
        "epoch ",
        "val_loss",
        "true \\ predicted",
        "samples a second",
        "backend",
        fastnn.backend.current(),
        "saved    model.fnn",
    ):
        assert said in out, said
    assert Path("model.fnn").exists()


def test_classification_of_a_table(fastnn_command):
    write("people.csv", people(400))
    status, out, _ = fastnn_command("train", "people.csv", "--hidden", "16", "--batch-size", 16, "--out", "people.fnn")
    assert status == 0
    assert "classification of 'buys' (2 classes)" in out and "'note'" in out
    metadata = load_model("people.fnn").metadata
    assert metadata["results"]["test"]["accuracy"] > 0.9
    assert metadata["rows"] == {"train": 288, "validation": 32, "test": 80}


def test_regression_of_a_table_in_its_own_unit(fastnn_command):
    write("houses.csv", houses())
    status, out, _ = fastnn_command("train", "houses.csv", "--batch-size", 16)
    assert status == 0 and "regression of 'price' (a number)" in out
    rmse = float(re.search(r"RMSE ([\d.]+)  MAE [\d.]+  R2 [.\d]+", out)[1])
    spread = np.std([float(row[-1]) for row in houses()[1:]])
    assert 0.0005 * spread < rmse < 0.1 * spread


def test_the_same_seed_gives_the_same_model(fastnn_command):
    write("people.csv", people())
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert fastnn_command("train", "people.csv", *QUICK, "--seed", seed, "--out", name)[0] == 0
    a, b, c = (load_model(name).get_weights() for name in "abc")
    assert all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))
    assert not all(np.array_equal(x, y) for x, y in zip(a, c, strict=True))


@pytest.mark.parametrize(
    ("options", "check"),
    [
        (["--hidden", "none"], lambda m: m.count_params() == 2 * (m.input_shape[1] + 1)),
        (
            ["--hidden", "8,4", "--activation", "tanh"],
            lambda m: [layer.units for layer in m.layers if hasattr(layer, "units")] == [8, 4, 2],
        ),
        (["--dropout", "0.3"], lambda m: "Dropout" in [type(layer).__name__ for layer in m.layers]),
        (["--batch-norm"], lambda m: "BatchNormalization" in [type(layer).__name__ for layer in m.layers]),
        (["--no-batch-norm"], lambda m: "BatchNormalization" not in [type(layer).__name__ for layer in m.layers]),
        (["--optimizer", "sgd", "--lr", "0.05"], lambda m: type(m.optimizer).__name__ == "SGD"),
        (["--dtype", "float64"], lambda m: m.dtype == "float64" and m.get_weights()[0].dtype == np.float64),
        (["--validation", "0"], lambda m: "validation" not in m.metadata["rows"] and epochs(m) == 5),
        (["--test", "0"], lambda m: "test" not in m.metadata["rows"] and "validation" in m.metadata["results"]),
        (["--test", "0", "--validation", "0"], lambda m: set(m.metadata["rows"]) == {"train"}),
        (["--test", "0.5"], lambda m: abs(m.metadata["rows"]["test"] - 100) <= 1),
        (["--early-stopping", "0"], lambda m: epochs(m) == 5),
        (["--epochs", "500", "--early-stopping", "1", "--lr", "0.05"], lambda m: epochs(m) < 500),
        (["--target", "city"], lambda m: m.metadata["target"] == "city" and m.output_shape[1] == 3),
        (["--target", "age", "--task", "regression"], None),
        (["--threads", "1"], lambda m: True),
    ],
)
def test_options(fastnn_command, options, check):
    write("people.csv", people())
    threads = fastnn.get_num_threads()
    status, _, err = fastnn_command("train", "people.csv", *QUICK, *options)
    fastnn.set_num_threads(threads)
    if check is None:
        assert status == 2 and "the target 'age' is missing" in err
        return
    assert status == 0, err
    assert check(load_model("model.fnn"))


def test_the_task_can_be_chosen(fastnn_command):
    write("stars.csv", [["x", "stars"], *([i, i % 5 + 1] for i in range(100))])
    for task, expected in (("auto", "classification"), ("classification", "classification"), ("regression", "regression")):
        assert fastnn_command("train", "stars.csv", "--task", task, *QUICK)[0] == 0
        assert load_model("model.fnn").metadata["task"] == expected


def test_tables_of_a_few_rows_are_enough(fastnn_command):
    write("few.csv", [["x", "kind"], *([i, "abc"[i % 3]] for i in range(9))])
    assert fastnn_command("train", "few.csv", *QUICK)[0] == 0
    assert load_model("model.fnn").metadata["rows"] == {"train": 5, "test": 3, "validation": 1}


def test_many_whole_numbers_are_regression(fastnn_command):
    write("counts.csv", [["x", "y"], *([i, i] for i in range(100))])
    assert "regression of 'y'" in fastnn_command("train", "counts.csv", *QUICK)[1]


@pytest.mark.parametrize("text_labels", [True, False])
def test_arrays(fastnn_command, text_labels):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2, 3))
    y = (x[:, 0, 0] > 0).astype(int)
    np.savez("data.npz", x=x, y=np.array(["no", "yes"])[y] if text_labels else y)
    status, out, _ = fastnn_command("train", "data.npz", *QUICK)
    assert status == 0 and "6 inputs" in out and "classification" in out
    status, out, err = fastnn_command("predict", "model.fnn", "data.npz")
    assert status == 0 and len(read(out)) == 200 and "accuracy" in err


def test_arrays_with_a_test_part(fastnn_command):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(100, 3)), rng.normal(size=(100, 1))
    np.savez("data.npz", x=x[:60], y=y[:60], x_test=x[60:], y_test=y[60:])
    assert fastnn_command("train", "data.npz", *QUICK)[0] == 0
    assert load_model("model.fnn").metadata["rows"] == {"train": 54, "test": 40, "validation": 6}
    status, _, err = fastnn_command("train", "data.npz", *QUICK, "--test", "0.2")
    assert status == 2 and "data.npz: comes with its own test part" in err


def test_learning_curves_are_drawn(fastnn_command):
    pytest.importorskip("matplotlib")
    write("people.csv", people())
    assert fastnn_command("train", "people.csv", *QUICK, "--plot", "curves.png")[0] == 0
    assert Path("curves.png").read_bytes().startswith(b"\x89PNG")


def test_a_plot_without_matplotlib_fails_before_training(fastnn_command, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    status, out, err = fastnn_command("train", "--plot", "curves.png")
    assert status == 2 and not out and "fastnn[plot]" in err and not list(Path().iterdir())


def test_ctrl_c_keeps_the_best_model_so_far(fastnn_command, monkeypatch):
    def interrupt(self, epoch, logs=None):
        if epoch == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "on_epoch_end", interrupt)
    write("people.csv", people())
    status, out, err = fastnn_command("train", "people.csv", *QUICK)
    assert status == 130 and not err and "interrupted: the best model so far" in out
    assert load_model("model.fnn").metadata["results"]["training"]["best epoch"] <= 4
    assert fastnn_command("predict", "model.fnn", "people.csv")[0] == 0


def test_ctrl_c_before_the_first_epoch_ends_saves_nothing(fastnn_command, monkeypatch):
    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(fastnn.Sequential, "fit", interrupt)
    status, _, err = fastnn_command("train")
    assert status == 130 and "nothing saved" in err and not list(Path().iterdir())


def test_training_that_diverges_says_so(fastnn_command):
    write("houses.csv", houses())
    status, _, err = fastnn_command("train", "houses.csv", "--optimizer", "sgd", "--lr", "1e30")
    assert status == 2 and "diverged" in err and "--lr" in err and not Path("model.fnn").exists()


# --------------------------------------------------------------------------------------------------------- mistakes


def few(*rows):
    return [["a", "b"], *rows]


GOOD = [[i, i % 2] for i in range(20)]
TABLES = {
    "good": few(*GOOD),
    "one class only": few(*([i, "yes"] for i in range(20))),
    "constant": few(*([i, 0.5] for i in range(20))),
    "text": few(*GOOD, ["many", 1], *GOOD),
    "no target": few(*GOOD, [3, "NaN"]),
    "no rows": few(),
    "too few": few([1, 2.5], [2, 3.5]),
    "no columns": [["b"], *([i] for i in range(50))],
    "names": few(*([i, f"name {i}"] for i in range(50))),
    "ragged": few(*GOOD, [1, 2, 3]),
    "no header": [[i, 0.5] for i in range(20)],
    "words": few(*([i, "yes" if i % 2 else "no"] for i in range(20))),
    "nearly numbers": few(*([i, i + 0.5] for i in range(40)), [3, "abc"]),
}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train", "absent.csv"], "absent.csv: no such file; expected digits, mnist"),
        (["train", "."], "this is a folder"),
        (["train", "one class only.csv"], "one class only.csv: the target 'b' is always yes, only one class"),
        (["train", "constant.csv"], "always 0.5, "),
        (["train", "text.csv"], "text.csv, line 22: 'many' in the number column 'a'"),
        (["train", "no target.csv"], r"no target.csv, line 22: the target 'b' is missing \(1 of 21 rows\)"),
        (["train", "no rows.csv"], "no rows.csv: no rows"),
        (["train", "too few.csv"], "too few"),
        (["train", "no columns.csv"], "no column to learn from"),
        (["train", "names.csv"], "50 classes in 50 rows; choose another column with --target"),
        (["train", "ragged.csv"], "ragged.csv, line 22: 3 cells"),
        (["train", "no header.csv"], "no header"),
        (["train", "words.csv", "--task", "regression"], "line 2: 'no' in the number column 'b'"),
        (["train", "nearly numbers.csv"], "line 42: 'abc' in the number column 'b'"),
        (["train", "good.csv", "--target", "B"], "no column 'B'"),
        (["train", "good.csv", "--target", "rooms"], "it has 'a', 'b'"),
        (["train", "digits", "--target", "b"], "digits has no named columns"),
        (["train", "good.csv", "--data-dir", "."], "--data-dir goes with mnist"),
        (["train", "mnist", "--data-dir", "."], "put train-images-idx3-ubyte.gz"),
        (["train", "binary.csv"], "binary.csv.*not text in UTF-8|binary.csv: a binary file"),
        (["train", "binary.npz"], "binary.npz: not an .npz file"),
        (["train", "--hidden", "12,x"], r"argument --hidden: expected numbers of units such as 128,64, or none, got '12,x'"),
        (["train", "--hidden", "0"], "argument --hidden"),
        (["train", "--epochs", "0"], "argument --epochs: expected a whole number from 1 on, got '0'"),
        (["train", "--epochs", "many"], "argument --epochs"),
        (["train", "--batch-size", "-3"], "argument --batch-size"),
        (["train", "--lr", "-0.1"], "argument --lr: expected a number above 0"),
        (["train", "--lr", "nan"], "argument --lr"),
        (["train", "--dropout", "1"], "argument --dropout: expected a number from 0 on and below 1"),
        (["train", "--validation", "1.5"], "argument --validation"),
        (["train", "--test", "-0.2"], "argument --test"),
        (["train", "--early-stopping", "-1"], "argument --early-stopping"),
        (["train", "--seed", "4294967296"], "argument --seed"),
        (["train", "--threads", "0"], "argument --threads"),
        (["train", "--dtype", "float16"], "argument --dtype"),
        (["train", "--task", "guess"], "argument --task"),
        (["train", "--activation", "rellu"], "'rellu'.*'relu'"),
        (["train", "--optimizer", "adamm"], "'adamm'.*'adam'"),
        (["train", "--out", "none/model.fnn"], "--out none/model.fnn: there is no folder none"),
        (["train", "--out", "."], "--out .: this is a folder"),
        (["train", "--out", os.devnull], "no regular file|no folder"),
        (["train", "good.csv", "--out", "good.csv"], "would overwrite a file that is read"),
        (["train", "--plot", "none/curves.png"], "--plot none/curves.png: there is no folder"),
        (["train", "--plot", "curves.xyz"], "unknown kind of picture '.xyz'"),
        (["train", "--plot", "x.png", "--out", "x.png"], "the model is saved there"),
        (["train", "--nonsense"], "unrecognized arguments: --nonsense"),
        (["nonsense"], "invalid choice: 'nonsense'"),
        (["predict", "absent.fnn", "good.csv"], "absent.fnn"),
        (["predict", "good.csv", "good.csv"], "good.csv"),
        (["predict", "model.fnn"], "required: DATA"),
        (["info", "absent.fnn"], "absent.fnn"),
        (["info", "good.csv"], "good.csv"),
        (["bench", "nonsense"], "nonsense"),
    ],
)
def test_mistakes_give_one_line_and_write_nothing(fastnn_command, arguments, said):
    if "--plot" in arguments:
        pytest.importorskip("matplotlib")
    if arguments[0] == "bench" and fastnn.backend.isa() is None:
        said = "not built"
    for name, rows in TABLES.items():
        write(f"{name}.csv", rows)
    for name in ("binary.csv", "binary.npz"):
        Path(name).write_bytes(b"PK\x03\x04\x00\xff")
    before = {path: path.read_bytes() for path in Path().iterdir()}
    status, out, err = fastnn_command(*arguments)
    assert status == 2 and not out
    assert re.fullmatch(rf"fastnn: error: .*({said}).*\n", err), err
    assert {path: path.read_bytes() for path in Path().iterdir()} == before


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"a": [1.0]}, "no array x; it holds a"),
        ({"x": np.ones((9, 2))}, "no array y"),
        ({"x": np.ones((0, 2)), "y": []}, "no rows"),
        ({"x": np.ones((9, 2)), "y": np.arange(8)}, r"y has the shape \(8,\).* 9 rows"),
        ({"x": np.ones((9, 2)), "y": np.eye(9)}, r"argmax"),
        ({"x": np.full((9, 2), np.nan), "y": np.arange(9)}, r"x holds nan at \[0, 0\]"),
        ({"x": np.array([["a"]] * 9), "y": np.arange(9)}, "x must hold rows of numbers"),
        ({"x": np.ones((9, 2)), "y": np.array([1.0, np.nan] + [2] * 7)}, "the target y is nan in row 1"),
        ({"x": np.ones((9, 2)), "y": np.ones(9)}, "only one class"),
        ({"x": np.ones((9, 2)), "y": np.arange(9), "x_test": np.ones((9, 3)), "y_test": np.arange(9)}, r"x_test of \(3,\)"),
        ({"x": np.ones((9, 2)), "y": np.arange(9), "x_test": np.ones((9, 2))}, "no array y"),
        ({"x": np.array([{}] * 9), "y": np.arange(9)}, "not an .npz file of plain arrays"),
        ({"x": np.ones((9, 2)), "y": np.array(list("aabbccdde")), "task": "r"}, "is text; regression needs numbers"),
    ],
)
def test_wrong_arrays_give_one_line(fastnn_command, arrays, said):
    options = ["--task", "regression"] if arrays.pop("task", None) else []
    np.savez("data.npz", **{name: np.asarray(array) for name, array in arrays.items()})
    status, out, err = fastnn_command("train", "data.npz", *options)
    assert status == 2 and not out and not Path("model.fnn").exists()
    assert re.fullmatch(rf"fastnn: error: data.npz: .*{said}.*\n", err), err


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_folder_fails_before_training(fastnn_command):
    Path("locked").mkdir(mode=0o555)
    status, out, err = fastnn_command("train", "--out", "locked/model.fnn")
    assert status == 2 and not out and "isn't writable" in err


# ---------------------------------------------------------------------------------------------------- predict and info


@pytest.fixture
def model(fastnn_command):
    write("people.csv", people(400))
    assert fastnn_command("train", "people.csv", "--hidden", "16", "--batch-size", 16)[0] == 0
    return "model.fnn"


def test_predictions_have_a_row_each_with_probabilities(fastnn_command, model):
    rows = [row[:3] for row in people(50, seed=1)]
    write("new.csv", [*rows, ["", "", ""], ["33", "Mars", "unknown city"]])
    status, out, err = fastnn_command("predict", model, "new.csv", "--out", "predictions.csv")
    assert status == 0 and not err and "52 rows" in out
    predicted = read(Path("predictions.csv").read_text())
    assert len(predicted) == 52 and list(predicted[0]) == ["prediction", "probability_no", "probability_yes"]
    for row in predicted:
        no, yes = float(row["probability_no"]), float(row["probability_yes"])
        assert abs(no + yes - 1) < 1e-5 and row["prediction"] == ("yes" if yes > no else "no")
    truth = [row[3] for row in people(50, seed=1)[1:]]
    assert np.mean([row["prediction"] == true for row, true in zip(predicted, truth, strict=False)]) > 0.85


def test_predictions_go_to_stdout_and_scores_to_stderr(fastnn_command, model):
    write("new.csv", people(50, seed=1))
    status, out, err = fastnn_command("predict", model, "new.csv")
    assert status == 0 and len(read(out)) == 50
    assert "accuracy" in err and "true \\ predicted" in err


def test_predictions_are_those_of_the_model_in_python(fastnn_command):
    write("houses.csv", houses())
    assert fastnn_command("train", "houses.csv", *QUICK, "--dtype", "float64")[0] == 0
    status, out, err = fastnn_command("predict", "model.fnn", "houses.csv")
    predicted = np.array([float(row["prediction"]) for row in read(out)])
    truth = np.array([float(row[-1]) for row in houses()[1:]])
    assert status == 0
    rmse, _, r2 = (float(number) for number in re.search(r"RMSE ([-.\d]+)  MAE ([-.\d]+)  R2 ([-.\d]+)", err).groups())
    assert rmse == pytest.approx(np.sqrt(np.mean((predicted - truth) ** 2)), rel=1e-5)
    assert r2 == pytest.approx(1 - np.mean((predicted - truth) ** 2) / truth.var(), abs=1e-4)


def test_rows_without_a_target_are_predicted_but_not_scored(fastnn_command, model):
    rows = people(50, seed=1)
    rows[3][3], rows[4][3] = "", "perhaps"
    write("new.csv", rows)
    status, out, err = fastnn_command("predict", model, "new.csv")
    assert status == 0 and len(read(out)) == 50
    assert "of 49 rows" in err and "unknown to the model: 1 rows, 'perhaps'" in err


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([["age", "buys"], [1, "yes"]], "new.csv: no column 'city', which the model needs"),
        ([["age", "city"], [1, "Rome"], ["old", "Rome"]], "new.csv, line 3: 'old' in the number column 'age'"),
        ([["age", "city"]], "new.csv: no rows"),
    ],
)
def test_mistakes_in_new_rows(fastnn_command, model, rows, said):
    write("new.csv", rows)
    status, out, err = fastnn_command("predict", model, "new.csv", "--out", "predictions.csv")
    assert status == 2 and not out and re.fullmatch(f"fastnn: error: {said}.*\n", err), err
    assert not Path("predictions.csv").exists()


@pytest.mark.parametrize("out", ["people.csv", "model.fnn", "none/predictions.csv"])
def test_predictions_overwrite_neither_data_nor_model(fastnn_command, model, out):
    before = Path(model).read_bytes()
    status, _, err = fastnn_command("predict", model, "people.csv", "--out", out)
    assert status == 2 and err.count("\n") == 1 and Path(model).read_bytes() == before


def test_a_table_is_no_array(fastnn_command, model):
    np.savez("data.npz", x=np.ones((3, 2)))
    status, _, err = fastnn_command("predict", model, "data.npz")
    assert status == 2 and "a table with the columns 'age', 'city'" in err


def test_digits_can_be_predicted(fastnn_command):
    fastnn_command("train", *QUICK)
    status, out, err = fastnn_command("predict", "model.fnn", "digits")
    assert status == 0 and len(read(out)) == 1797 and "accuracy" in err


def test_a_model_made_in_python_says_what_is_missing(fastnn_command):
    model = fastnn.Sequential([fastnn.layers.Input((2,)), fastnn.layers.Dense(1)])
    model.save("own.fnn")
    write("new.csv", [["a", "b"], [1, 2]])
    status, _, err = fastnn_command("predict", "own.fnn", "new.csv")
    assert status == 2 and "not made by fastnn train" in err
    status, out, _ = fastnn_command("info", "own.fnn")
    assert status == 0 and "Dense" in out


def test_info_tells_what_the_model_is(fastnn_command, model):
    status, out, err = fastnn_command("info", model)
    assert status == 0 and not err
    for said in (
        "Dense",
        "float32",
        "people.csv",
        "classification of 'buys'",
        "no, yes",
        "age: number, flag for missing",
        "city: 3 categories",
        "accuracy",
    ):
        assert said in out, said


def test_info_of_arrays_tells_their_shape(fastnn_command):
    fastnn_command("train", *QUICK)
    assert "rows of shape (8, 8)" in fastnn_command("info", "model.fnn")[1]


def test_bench_compares_the_backends(fastnn_command, monkeypatch):  # for every op
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")  # or the command would start itself anew with it
    if fastnn.backend.isa() is None:
        pytest.skip("the compiled backend is not built")
    monkeypatch.setattr("fastnn.cli.bench.median_seconds", lambda run: run() or 1.0)
    names = [name for name, op in fastnn.backend.registry.items() if op.compiled]
    before = fastnn.backend.current()
    status, out, err = fastnn_command("bench", *names, "--sizes", 3)
    assert status == 0 and not err and fastnn.backend.current() == before
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines()[2:] if line}
    assert all(float(number) > 0 for name in names for number in rows[name])


# ------------------------------------------------------------------------------------------------------------ numbers


def test_confusion_counts_by_true_row_and_predicted_column():
    counts = confusion(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0]), 3)
    np.testing.assert_array_equal(counts, [[1, 1, 0], [0, 1, 0], [1, 0, 0]])
    lines = confusion_text(counts, ["a", "bb", "a label that is very long"]).splitlines()
    assert [line.split() for line in lines[1:3]] == [["a", "1", "1", "0"], ["bb", "0", "1", "0"]]
    assert len({len(line) for line in lines}) == 1


def test_confusions_of_many_classes_are_listed():
    counts = np.eye(30, dtype=int)
    counts[3, 4] = 7
    assert confusion_text(counts, [f"class {i}" for i in range(30)]).splitlines()[1:] == ["  7 times class 4 for class 3"]


def test_regression_scores():
    scores = regression_scores(np.array([1.0, 2, 3]), np.array([1.0, 2, 6]))
    assert scores == pytest.approx({"rmse": np.sqrt(3), "mae": 1.0, "r2": 1 - 9 / 2})


# ---------------------------------------------------------------------------------------------------------- real data


def real(*parts):
    path = DATA.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"no {path}; set FASTNN_DATA to the folder that holds it")
    return path


def test_california_housing(fastnn_command):
    path = real("california-housing", "cal_housing.data")
    status, _, _ = fastnn_command("train", path, "--epochs", 40)
    assert status == 0
    assert load_model("model.fnn").metadata["results"]["test"]["rmse"] / 1e5 <= 0.53


def test_titanic(fastnn_command):
    path = real("titanic", "titanic.csv")
    status, _, _ = fastnn_command("train", path, "--target", "Survived")
    assert status == 0 and load_model("model.fnn").metadata["results"]["test"]["accuracy"] > 0.75
    assert fastnn_command("predict", "model.fnn", path)[0] == 0
    status, _, err = fastnn_command("train", path)
    assert status == 2 and "line 63: the target 'Embarked' is missing (2 of 891 rows)" in err


@pytest.mark.parametrize("parts", [("adult", "adult.data"), ("small", "iris.csv")])
def test_files_without_a_header_say_so(fastnn_command, parts):
    status, _, err = fastnn_command("train", real(*parts))
    assert status == 2 and "no header" in err and err.count("\n") == 1


def test_mnist(fastnn_command):
    real("mnist")
    status, out, _ = fastnn_command("train", "mnist", "--data-dir", DATA, "--hidden", "32", "--batch-size", 256, "--epochs", 1)
    assert status == 0 and "54000 train" in out and "10000 test" in out
    assert load_model("model.fnn").metadata["results"]["test"]["accuracy"] > 0.9
