"""IDX files, MNIST's folder, and the download, from a server on this machine."""

import gzip
import hashlib
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinyvae.data import load, mnist
from tinyvae.data.idx import TYPES, read_idx
from tinyvae.data.mnist import MIRRORS, SHA256, cache_dir, fetch

same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def idx(array):
    """The bytes of an IDX file with this array."""
    code = next(c for c, t in TYPES.items() if np.dtype(t) == array.dtype.newbyteorder(">"))
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def images(n, height=4, width=3):
    return (np.arange(n * height * width) % 256).astype(np.uint8).reshape(n, height, width)


def put(folder, name, array, *, gz=True):
    folder.mkdir(exist_ok=True)
    data = idx(array)
    (folder / name).write_bytes(gzip.compress(data) if gz else data)


@pytest.fixture
def folder(tmp_path):
    """A look-alike of 30 + 12 images of 4 x 3."""
    folder = tmp_path / "look-alike"
    put(folder, "train-images-idx3-ubyte.gz", images(30))
    put(folder, "train-labels-idx1-ubyte.gz", np.arange(30, dtype=np.uint8))
    put(folder, "t10k-images.idx3-ubyte", images(12), gz=False)
    put(folder, "t10k-labels-idx1-ubyte", np.arange(12, dtype=np.uint8), gz=False)
    return folder


# -- read_idx

arrays = st.sampled_from([np.dtype(t).newbyteorder("=") for t in TYPES.values()]).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(max_dims=4, min_side=0, max_side=4))
)


@same_folder
@given(array=arrays, gz=st.booleans())
def test_idx_round_trip(tmp_path, array, gz):
    put(tmp_path, "file", array, gz=gz)
    back = read_idx(tmp_path / "file")
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()


@pytest.mark.parametrize("gz", [False, True])
def test_idx_cut_short_at_any_byte_is_an_error(tmp_path, gz):
    put(tmp_path, "whole", images(2), gz=gz)
    whole, part = (tmp_path / "whole").read_bytes(), tmp_path / "part"
    for length in range(len(whole)):
        part.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"part: .*(cut short|not an IDX file)"):
            read_idx(part)


@same_folder
@given(where=st.integers(0), bit=st.integers(0, 7))
def test_damaged_gzip_never_gives_other_values(tmp_path, where, bit):
    data = bytearray(gzip.compress(idx(images(2)), mtime=0))
    data[where % len(data)] ^= 1 << bit
    (tmp_path / "file").write_bytes(data)
    try:
        back = read_idx(tmp_path / "file")
    except ValueError as error:
        assert "file: " in str(error)  # noqa: PT017 - gzip's header has bits that mean nothing
    else:
        np.testing.assert_array_equal(back, images(2))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not an IDX file: 0 bytes"),
        (b"<html>oops</html>", "not an IDX file: it begins with 3c 68 74 6d"),
        (b"\0\0\x07\x01\0\0\0\0", "begins with 00 00 07 01"),
        (b"\0\0\x08\0", "begins with 00 00 08 00"),
        (b"\0\0\x08\x02\0\0\0\1", "cut short in its header: 8 of 12 bytes"),
        (b"\0\0\x08\x01\0\0\0\2ab!", r"too long: 11 bytes, but uint8 of shape \(2,\) takes 10"),
        (b"\0\0\x08\x02" + 8 * b"\xff", "cut short: 12 bytes"),
        (b"\x1f\x8b not gzip", "the gzip file is damaged or cut short"),
    ],
)
def test_idx_refuses(tmp_path, data, message):
    (tmp_path / "bad").write_bytes(data)
    with pytest.raises(ValueError, match=f"bad: .*{message}"):
        read_idx(tmp_path / "bad")


# -- mnist from a folder


def test_four_files(folder):
    d = load("mnist", data_dir=folder)
    assert (d.name, d.x.shape, d.held_out.shape, d.image_shape) == (
        "mnist",
        (30, 12),
        (12, 12),
        (4, 3),
    )
    np.testing.assert_array_equal(d.x, images(30).reshape(30, 12) / np.float32(255))
    np.testing.assert_array_equal(d.held_out_labels, np.arange(12))
    few = mnist(folder, held_out=5)
    np.testing.assert_array_equal(few.held_out, d.held_out[:5])
    assert "first 5 held out" in few.source
    with pytest.raises(ValueError, match="held_out=13, but the held-out part has 12"):
        mnist(folder, held_out=13)


@pytest.mark.parametrize("part", ["train", "t10k"])
def test_one_part_is_split_and_says_so(folder, part):
    for path in folder.glob(f"{'t10k' if part == 'train' else 'train'}-*"):
        path.unlink()
    d = mnist(folder)
    total = len(d.x) + len(d.held_out)
    assert (total, len(d.held_out)) == {"train": (30, 3), "t10k": (12, 1)}[part]
    assert f"only {part} images there" in d.source
    together = np.concatenate([d.labels, d.held_out_labels])
    np.testing.assert_array_equal(np.sort(together), np.arange(total))
    first_pixel = np.concatenate([d.x, d.held_out])[:, 0]
    np.testing.assert_allclose(first_pixel * 255, together.astype(int) * 12 % 256, rtol=1e-6)
    assert len(mnist(folder, held_out=6).held_out) == 6


def test_labels_may_be_missing(folder):
    (folder / "train-labels-idx1-ubyte.gz").unlink()
    d = mnist(folder)
    assert d.labels is None
    assert len(d.held_out_labels) == 12


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("train-labels-idx1-ubyte.gz", np.zeros(29, np.uint8), "one integer for each of the 30"),
        ("train-labels-idx1-ubyte.gz", np.zeros(30, np.float32), "float32 .* expected labels"),
        ("train-images-idx3-ubyte.gz", np.zeros(30, np.uint8), "expected images: uint8 of shape"),
        ("train-images-idx3-ubyte.gz", np.zeros((30, 4, 3), np.int16), "int16 .* expected images"),
        ("train-images-idx3-ubyte.gz", images(30, 3, 4), r"train images of shape \(3, 4\)"),
        ("train-images-idx3-ubyte.gz", images(0), "holds no images"),
    ],
)
def test_files_that_disagree(folder, name, array, message):
    put(folder, name, array)
    with pytest.raises(ValueError, match=message):
        mnist(folder)


def test_absent_files_say_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYVAE_CACHE", str(tmp_path))
    with pytest.raises(FileNotFoundError) as error:
        mnist()
    for told in (*SHA256, str(tmp_path / "mnist"), "--data-dir", "--download", "by hand", *MIRRORS):
        assert told in str(error.value)


def test_cache_dir(monkeypatch, tmp_path):
    monkeypatch.setenv("TINYVAE_CACHE", str(tmp_path))
    assert cache_dir() == tmp_path
    monkeypatch.delenv("TINYVAE_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_dir() == tmp_path / ".cache" / "tinyvae"


# -- the download

FILES = {
    "train-images-idx3-ubyte": images(30),
    "train-labels-idx1-ubyte": np.arange(30, dtype=np.uint8),
    "t10k-images-idx3-ubyte": images(12),
    "t10k-labels-idx1-ubyte": np.arange(12, dtype=np.uint8),
}
SERVED = {f"{name}.gz": gzip.compress(idx(array), mtime=0) for name, array in FILES.items()}
HASHES = {name: hashlib.sha256(SERVED[f"{name}.gz"]).hexdigest() for name in FILES}


@pytest.fixture
def server(monkeypatch):
    """A server with mirrors good/, wrong/ (other bytes), short/ (cut off) and 404s; its log."""
    monkeypatch.setenv("no_proxy", "*")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            _, mirror, name = self.path.split("/")
            asked.append((mirror, name))
            if mirror not in ("good", "wrong", "short"):
                self.send_error(404)
                return
            body = b"<html>please log in</html>" if mirror == "wrong" else SERVED[name]
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: 10 if mirror == "short" else None])

        def log_message(self, *args):
            pass

    asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        base = f"http://127.0.0.1:{http.server_port}"
        yield lambda *names: [f"{base}/{name}/" for name in names], asked
        http.shutdown()
        thread.join()


def test_download(tmp_path, server):
    mirrors, asked = server
    folder = tmp_path / "new" / "mnist"
    fetch(folder, mirrors=mirrors("good"), sha256=HASHES)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == SERVED
    assert len(mnist(folder, download=True).x) == 30  # all there: nothing is asked for
    assert len(asked) == 4
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    fetch(folder, mirrors=mirrors("good"), sha256=HASHES)
    assert asked[4:] == [("good", "t10k-labels-idx1-ubyte.gz")]


@pytest.mark.parametrize("first", ["gone", "wrong", "short"])
def test_second_mirror_is_tried(tmp_path, server, first):
    mirrors, asked = server
    fetch(tmp_path, mirrors=mirrors(first, "good"), sha256=HASHES)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == SERVED
    assert len(asked) == 8


def test_failed_download_gives_each_mirrors_reason_and_leaves_nothing(tmp_path, server):
    mirrors, _ = server
    with pytest.raises(ConnectionError) as error:
        fetch(tmp_path, mirrors=[*mirrors("gone", "wrong"), "http://127.0.0.1:1/"], sha256=HASHES)
    message = str(error.value)
    assert "train-images-idx3-ubyte.gz" in message
    assert "/gone/: HTTP Error 404" in message
    assert "/wrong/: 26 bytes with the wrong SHA-256" in message
    assert "127.0.0.1:1/: <urlopen error" in message
    assert f"by hand: save the four .gz files from {MIRRORS[0]}" in message
    assert list(tmp_path.iterdir()) == []


def test_download_mixes_nothing_into_a_look_alike(folder, server):
    mirrors, asked = server
    (folder / "train-images-idx3-ubyte.gz").unlink()
    with pytest.raises(ValueError, match=r"is not MNIST's train-labels-idx1-ubyte.gz \(its SHA"):
        fetch(folder, mirrors=mirrors("good"), sha256=SHA256)
    assert asked == []
