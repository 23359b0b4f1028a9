"""Model files taken apart and put together again, by the standard library alone."""

import io
import json
import zipfile

import numpy as np


def npy(array, **options):
    """The bytes of a member that holds an array."""
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(array), **options)
    return file.getvalue()


def header(shape, dtype="<f8"):
    """The bytes before an array's numbers."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
    return file.getvalue()


def zipped(members, compression=zipfile.ZIP_STORED):
    """A zip file of members, given as bytes by name."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, contents in members.items():
            archive.writestr(name, contents)
    return file.getvalue()


def members_of(contents):
    """The members of a zip file as bytes by name."""
    with zipfile.ZipFile(io.BytesIO(contents)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewritten(contents, **changes):
    """The same file with some arrays replaced, given by name, or left out where they are None."""
    changed = {f"{name}.npy": None if array is None else npy(array) for name, array in changes.items()}
    return zipped({name: value for name, value in {**members_of(contents), **changed}.items() if value is not None})


def described(contents):
    """What a file says of its model."""
    return json.loads(members_of(contents)["model.json"])


def with_description(contents, **changes):
    """The same file with some fields of its description changed."""
    return with_text(contents, json.dumps({**described(contents), **changes}))


def with_text(contents, text):
    """The same file with another text as its description, or none."""
    members = {name: value for name, value in members_of(contents).items() if name != "model.json"}
    return zipped(members if text is None else {"model.json": text, **members})
