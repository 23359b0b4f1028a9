"""The tables at the end of docs/format.md, of every class and its arguments; `python tests/format_tables.py` writes them."""

import inspect
import json
from collections import Counter
from pathlib import Path

from helpers import any_layer, model_of

from fastnn.configurable import Catalogue, serialize

PAGE = Path(__file__).parents[1] / "docs" / "format.md"
MARK = "## All classes\n"
WORDS = {
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "str": "string",
    "None": "null",
    "LearningRateSchedule": "learning-rate schedule",
    "list[int]": "array of integers",
    "list[float]": "array of numbers",
    "Sequence[int]": "array of integers",
    "Sequence[float]": "array of numbers",
    "Sequence[str]": "array of strings",
    "tuple[float, float]": "array of two numbers",
    "tuple[int, ...]": "array of integers",
    "Mapping[str, Mapping[str, float]]": "object of objects of numbers",
    "Iterable[Any]": "array of arrays of layers",
}
BY_NAME = {
    "merge": "merge",
    "layers": "array of layers",
    "shortcut": "array of layers",
    "loss": "loss",
    "schedule": "learning-rate schedule",
}
ELSEWHERE = "fastnn.tables", "fastnn.classic", "fastnn.configurable"
"""Where catalogues are of things that no model has."""
KINDS = {c.kind: c for c in Catalogue.all if not c.base.__module__.startswith(ELSEWHERE)}


def type_of(name, annotation):
    """What JSON has for an argument."""
    if annotation not in ("Any", "object", inspect.Parameter.empty):
        return " or ".join(WORDS.get(part, part) for part in str(annotation).split(" | "))
    kind = name.rpartition("_")[2]
    found = BY_NAME.get(name) or (f"{kind} or null" if kind in ("regularizer", "constraint") else kind if kind in KINDS else "")
    return found or ("string" if name == "name" else "number, array or null")


def argument(parameter):
    kind = type_of(parameter.name, parameter.annotation)
    if parameter.default is None and "null" not in kind:
        kind += " or null"
    text = f"`{parameter.name}` {kind}"
    if parameter.default is parameter.empty:
        return text
    default = serialize(parameter.default)
    return f"{text} = `{json.dumps(default)}`"


def arguments(member):
    """The constructor's arguments, by name."""
    given = inspect.signature(member).parameters.values()
    return {p.name: argument(p) for p in given if p.kind is not p.VAR_KEYWORD}


def shared(members):
    """The arguments that most members have alike."""
    counts = Counter(text for member in members for text in arguments(member).items())
    return dict(text for text, count in counts.items() if count > max(3, len(members) / 2))


def row(member, alike):
    own = arguments(member)
    parts = [text for name, text in own.items() if alike.get(name) != text]
    return "; ".join(parts + [f"no `{name}`" for name in alike if name not in own])


def weights(name):
    """Those of a layer of samples of 4 features."""
    if name in ("InputLayer", "Parallel", "Residual"):
        return "those of its layers" if name != "InputLayer" else ""
    layer = model_of(lambda: any_layer(name)).layers[0]
    return ", ".join(f"`{p.name}` {p.shape}" for p in layer.weights)


def public(catalogue):
    return {
        n: m for n, m in sorted(catalogue.members.items()) if getattr(m, "__module__", "fastnn.").startswith("fastnn.") and n != "Lambda"
    }


def table(kind):
    members = public(KINDS[kind])
    lines = [f"\n### {kind[0].upper()}{kind[1:]}{'es' if kind[-1] == 's' else 's'}\n"]
    if kind == "merge":
        return [*lines, ", ".join(f"`{json.dumps(serialize(member()))}`" for member in members.values())]
    if kind == "activation":
        lines += [
            "Parameters are numbers, booleans, or where the default is null numbers or null.\n",
            "| class_name | config |",
            "|---|---|",
        ]
        rows = {name: ", ".join(f"`{k}` = `{json.dumps(v)}`" for k, v in m.parameters.items()) for name, m in members.items()}
        return lines + [f"| `{name}` | {row} |" for name, row in rows.items()]
    alike = shared(list(members.values()))
    lines += [f"All have, unless their rows say otherwise: {'; '.join(alike.values())}.\n"] if alike else []
    if kind == "layer":
        lines += ["Shapes of parameters are those for samples of 4 features.\n", "| class_name | config | parameters |", "|---|---|---|"]
        return lines + [f"| `{name}` | {row(member, alike)} | {weights(name)} |" for name, member in members.items()]
    lines += ["| class_name | config |", "|---|---|"]
    return lines + [f"| `{name}` | {row(member, alike)} |" for name, member in members.items()]


def tables():
    """The section, with its heading."""
    kinds = ["layer", "merge", "activation", *sorted(KINDS.keys() - {"layer", "merge", "activation"})]
    return MARK + "\n".join(line for kind in kinds for line in table(kind)) + "\n"


if __name__ == "__main__":
    PAGE.write_text(PAGE.read_text(encoding="utf-8").partition(MARK)[0] + tables(), encoding="utf-8")
