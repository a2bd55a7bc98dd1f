"""Files that are whole or not there, and damaged ones that say so."""

import errno
import io
import json
import os
import signal
import subprocess
import sys
import warnings
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinyvae import storage

ARRAYS = {"theta": np.arange(30.0), "small": np.float32([[1, -2]]), "t": np.array(7)}
ABOUT = {"what": "a test", "numbers": [1, 2.5, None], "rows": {"a": 0.1}}
FIXTURE = [HealthCheck.function_scoped_fixture]


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "run.npz"
    storage.save(path, ARRAYS, ABOUT)
    return path


def assert_same(arrays, about, expected=ARRAYS, expected_about=ABOUT):
    assert about == expected_about
    assert arrays.keys() == expected.keys()
    for name, array in expected.items():
        assert arrays[name].dtype == array.dtype
        assert arrays[name].shape == array.shape
        assert arrays[name].tobytes() == array.tobytes()


def assert_whole_or_refused(path):
    """What is loaded is what was saved, or the error is a ValueError that names the file."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            arrays, about = storage.load(path)
        except ValueError as error:
            refusal = str(error)
        else:
            assert_same(arrays, about)
            return True
    assert str(path) in refusal
    return False


names = st.text("abcdefghij_.", min_size=1, max_size=8).filter(lambda name: name != "file")
arrays = hnp.arrays(
    st.sampled_from([np.float32, np.float64, np.int64, np.uint8, np.bool_]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)
texts = st.dictionaries(
    st.text(max_size=5).filter(lambda key: key != "format"),
    st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    max_size=3,
)


@settings(max_examples=60, deadline=None, suppress_health_check=FIXTURE)
@given(content=st.dictionaries(names, arrays, max_size=4), about=texts)
@example(content={}, about={})
@example(content={"x": np.zeros((0, 3))}, about={"text": "ä\n\U0001f600"})
def test_load_gives_back_what_was_saved(tmp_path, content, about):
    storage.save(tmp_path / "run.npz", content, about)
    assert_same(*storage.load(tmp_path / "run.npz"), content, about)
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.npz"]


def test_numbers_survive_to_the_bit_through_json(tmp_path):
    values = [0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -0.0, 2**100]
    storage.save(tmp_path / "run.npz", {}, {"values": values})
    loaded = storage.load(tmp_path / "run.npz")[1]["values"]
    assert [repr(value) for value in loaded] == [repr(value) for value in values]


def test_a_file_cut_short_anywhere_is_refused(saved):
    whole = saved.read_bytes()
    for length in [*range(60), *range(60, len(whole), 23), len(whole) - 1]:
        saved.write_bytes(whole[:length])
        assert not assert_whole_or_refused(saved)


def test_no_flipped_byte_is_believed(saved):
    whole = saved.read_bytes()
    refused = 0
    for place in range(len(whole)):
        for flip in (0x01, 0xFF):
            damaged = bytearray(whole)
            damaged[place] ^= flip
            saved.write_bytes(damaged)
            refused += not assert_whole_or_refused(saved)
    assert refused > len(whole)  # most of them; some bytes, a date say, mean nothing


@settings(max_examples=150, deadline=None, suppress_health_check=FIXTURE)
@given(data=st.data())
def test_random_damage_is_refused(saved, data):
    whole = saved.read_bytes()
    start = data.draw(st.integers(0, len(whole)))
    stop = data.draw(st.integers(start, min(start + 40, len(whole))))
    saved.write_bytes(whole[:start] + data.draw(st.binary(max_size=40)) + whole[stop:])
    try:
        assert_whole_or_refused(saved)
    finally:
        saved.write_bytes(whole)


def npy(array, header=None):
    """The bytes of an .npy file, with another header text if one is given."""
    file = io.BytesIO()
    if header is None:
        np.lib.format.write_array(file, array, allow_pickle=True)
        return file.getvalue()
    text = (header + "\n").encode("latin1")
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + array.tobytes()


def with_shape(n):
    """The bytes of an .npy file whose header claims the shape (n,)."""
    return npy(np.zeros(1), f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({n},), }}")


def archive(path, **members):
    about = json.dumps({"format": storage.FORMAT}).encode()
    members = {"about": npy(np.frombuffer(about, np.uint8))} | members
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            if content is not None:
                file.writestr(f"{name}.npy", content)


def about_array(value):
    return npy(np.frombuffer(json.dumps(value).encode(), np.uint8))


@pytest.mark.parametrize(
    "content", [b"", b"not a zip at all", b"PK\x03\x04", b"\x80\x04K\x01.", npy(np.arange(3.0))]
)
def test_what_is_no_archive_is_refused(tmp_path, content):
    path = tmp_path / "run.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"run\.npz is damaged or is no checkpoint of tinyvae"):
        storage.load(path)


@pytest.mark.parametrize(
    "members",
    [
        {"about": None},
        {"about": npy(np.uint8([0xFF, 0xFE]))},
        {"about": about_array([1, 2])},
        {"about": about_array("text")},
        {"about": about_array({"what": "no format"})},
        {"about": npy(np.array([{"format": 1}], dtype=object))},
        {"theta": npy(np.array([print], dtype=object))},
        {"theta": b"\x93NUMPY\x09\x00 what is this"},
        {"theta": npy(np.zeros(1), "{'descr': '<f8', 'fortran_order': False, 'shape': (3,")},
        {"theta": with_shape(9)},
        {"theta": with_shape(-1)},
        {"theta": npy(np.zeros(1), "{'descr': 'q!', 'fortran_order': False, 'shape': (1,), }")},
        {"theta": with_shape(2**58)},
        {"theta": with_shape(10**30)},
        {"theta": with_shape("1L")},
    ],
)  # fmt: skip
def test_an_archive_with_something_wrong_inside_is_refused(tmp_path, members):
    path = tmp_path / "run.npz"
    archive(path, **members)
    with pytest.raises(ValueError, match=r"run\.npz is damaged or is no checkpoint of tinyvae"):
        storage.load(path)


def test_a_pickle_in_a_checkpoint_is_never_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    archive(tmp_path / "run.npz", theta=npy(np.array([Trap()], dtype=object)))
    with pytest.raises(ValueError, match="damaged or is no checkpoint"):
        storage.load(tmp_path / "run.npz")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_another_format_says_which(tmp_path, version):
    archive(tmp_path / "run.npz", about=about_array({"format": version}))
    with pytest.raises(ValueError, match=rf"run\.npz has format {version}, this version reads"):
        storage.load(tmp_path / "run.npz")


def test_nothing_there_is_a_file_not_found_error(tmp_path):
    for path in (tmp_path / "run.npz", tmp_path):
        with pytest.raises(FileNotFoundError, match=f"no checkpoint at {path}"):
            storage.load(path)


KILLED = """
import os, signal, sys
from tinyvae.storage import replacing
with replacing(sys.argv[1]) as file:
    file.write(b"half of it")
    file.flush()
    {death}
"""


@pytest.mark.parametrize(
    ("death", "code"),
    [("os._exit(9)", 9), ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL)],
)
def test_a_process_killed_while_saving_leaves_the_old_file_whole(saved, death, code):
    before = saved.read_bytes()
    script = KILLED.format(death=death)
    assert subprocess.run([sys.executable, "-c", script, saved], check=False).returncode == code
    assert saved.read_bytes() == before
    storage.save(saved, {"theta": np.ones(3)}, {})  # and the next save is not in its way
    assert storage.load(saved)[0]["theta"].sum() == 3
    assert [entry.name for entry in saved.parent.iterdir()] == [saved.name]


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), RuntimeError(), KeyboardInterrupt()]
)
def test_whatever_stops_a_save_leaves_the_old_file_and_no_part(saved, monkeypatch, error):
    def full(file, **arrays):
        file.write(b"half of it")
        raise error

    before = saved.read_bytes()
    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(type(error)) as caught:
        storage.save(saved, {}, {})
    if isinstance(error, OSError):
        assert str(caught.value) == f"cannot write {saved}: No space left on device"
    assert saved.read_bytes() == before
    assert [entry.name for entry in saved.parent.iterdir()] == [saved.name]


def test_a_disk_that_fills_up_at_the_last_moment_is_noticed(saved, monkeypatch):
    def full(number):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = saved.read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        storage.save(saved, {}, {})
    assert saved.read_bytes() == before
    assert len(list(saved.parent.iterdir())) == 1


def test_a_missing_folder_is_made(tmp_path):
    path = tmp_path / "a" / "b" / "run.npz"
    storage.save(path, ARRAYS, ABOUT)
    assert_same(*storage.load(path))


def test_a_file_in_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "a").write_text("mine")
    for path in (tmp_path / "a" / "run.npz", tmp_path / "a" / "b" / "run.npz"):
        with pytest.raises(OSError, match=f"cannot write {path}: "):
            storage.save(path, {}, {})
    assert (tmp_path / "a").read_text() == "mine"


def test_a_folder_in_place_of_the_file_is_named(tmp_path):
    (tmp_path / "run.npz").mkdir()
    with pytest.raises(OSError, match=r"cannot write .*run\.npz: "):
        storage.save(tmp_path / "run.npz", {}, {})
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.npz"]


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere"
)
def test_a_folder_that_may_not_be_written_is_named(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OSError, match=r"cannot write .*run\.npz: Permission denied"):
            storage.save(tmp_path / "run.npz", {}, {})
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs /proc, where nobody may write")
def test_a_folder_that_nobody_may_write_is_named():
    with pytest.raises(OSError, match=r"cannot write /proc/tinyvae/run\.npz: "):
        storage.save("/proc/tinyvae/run.npz", {}, {})


def test_json_is_readable_and_ends_with_a_newline(tmp_path):
    storage.write_json(tmp_path / "a.json", {"b": [1.5, None, "ä"]})
    text = (tmp_path / "a.json").read_text()
    assert json.loads(text) == {"b": [1.5, None, "ä"]}
    assert text.endswith("}\n")


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_json_that_is_not_finite_is_refused_and_the_old_file_stays(tmp_path, bad):
    path = tmp_path / "a.json"
    storage.write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="JSON"):
        storage.write_json(path, {"a": bad})
    with pytest.raises(ValueError, match="JSON"):
        storage.save(tmp_path / "run.npz", {}, {"a": bad})
    assert json.loads(path.read_text()) == {"a": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]
