"""The data sets: splits, labels, repeatability, and what is said when a file is bad."""

import gzip
import io
import pickle
import re
import tarfile
from pathlib import Path

import numpy as np
import pytest

from utils import datasets


def test_digits_shapes_types_and_classes():
    (x_train, y_train), (x_test, y_test) = datasets.digits()
    assert (x_train.shape, x_test.shape) == ((1200, 64), (597, 64))
    assert (x_train.dtype, y_train.dtype, y_test.dtype) == ("float32", "int32", "int32")
    assert set(y_train) == set(y_test) == set(range(10))
    (images, _), _ = datasets.digits(num_train=100, flat=False)
    assert images.shape == (100, 8, 8, 1)


def test_digits_split_every_image_once():
    (_, y_train), (_, y_test) = datasets.digits(seed=3)
    _, labels = datasets._read_digits(datasets.DATA / "digits.npz")
    counts = np.bincount(y_train) + np.bincount(y_test)
    assert np.array_equal(counts, np.bincount(labels))


@pytest.mark.parametrize("num_train", [200, 1200])
def test_digits_standardised_by_the_training_images(num_train):
    (x_train, _), (x_test, _) = datasets.digits(num_train)
    assert abs(x_train.mean(dtype="float64")) < 1e-6
    assert abs(x_train.std(dtype="float64") - 1) < 1e-6
    assert abs(x_test.mean(dtype="float64")) > 1e-6


def test_digits_follow_the_seed():
    first, again, other = (datasets.digits(seed=seed)[0][0] for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_digits_smaller_training_set_keeps_the_test_set():
    (_, y_small), (_, small_test) = datasets.digits(num_train=150)
    (_, y_large), (_, large_test) = datasets.digits()
    assert np.array_equal(y_small, y_large[:150])
    assert np.array_equal(small_test, large_test)


def test_digits_are_not_shared_between_calls():
    (x_train, y_train), _ = datasets.digits()
    x_train[:], y_train[:] = 0, 0
    assert datasets.digits()[0][0].any() and datasets.digits()[0][1].any()


@pytest.mark.parametrize("load", [datasets.digits, datasets.glyphs])
@pytest.mark.parametrize("fraction", [0.2, 0.99])
def test_wrong_labels_are_that_many_and_all_wrong(load, fraction):
    (x_right, right), (_, test_right) = load(num_train=300)
    (x_train, y_train), (_, test) = load(num_train=300, wrong_labels=fraction)
    assert np.count_nonzero(y_train != right) == round(300 * fraction)
    assert set(y_train) <= set(range(10))
    assert np.array_equal(x_train, x_right) and np.array_equal(test, test_right)
    assert np.array_equal(y_train, load(num_train=300, wrong_labels=fraction)[0][1])


def test_glyphs_shapes_types_and_classes():
    (x_train, y_train), (x_test, y_test) = datasets.glyphs(num_train=500, num_test=200)
    assert (x_train.shape, x_test.shape) == ((500, 28, 28, 1), (200, 28, 28, 1))
    assert (x_train.dtype, y_train.dtype) == ("float32", "int32")
    assert set(y_train) == set(y_test) == set(range(len(datasets.GLYPH_NAMES)))
    assert datasets.glyphs(num_train=500, flat=True)[0][0].shape == (500, 784)


def test_glyphs_same_seed_same_bytes_without_the_cache():
    first = datasets.glyphs(num_train=50, num_test=50, seed=7)
    datasets._draw_glyphs.cache_clear()
    datasets._glyph_templates.cache_clear()
    again = datasets.glyphs(num_train=50, num_test=50, seed=7)
    other = datasets.glyphs(num_train=50, num_test=50, seed=8)
    assert first[0][0].tobytes() == again[0][0].tobytes()
    assert first[0][0].tobytes() != other[0][0].tobytes()


def test_glyphs_noise_is_added_to_the_same_letters():
    clean, labels = datasets._draw_glyphs(100, 0.0, 0)
    noisy, same_labels = datasets._draw_glyphs(100, 0.2, 0)
    assert np.array_equal(labels, same_labels)
    grey = (0.4 < clean) & (clean < 0.6)  # away from where ink or paper clip the noise
    assert (noisy - clean)[grey].std() == pytest.approx(0.2, abs=0.03)


def test_glyphs_letters_stay_whole():
    clean, _ = datasets._draw_glyphs(500, 0.0, 0)
    edge = np.ones((28, 28), bool)
    edge[1:-1, 1:-1] = False
    assert np.mean(clean[:, edge].max(axis=1) > 0.5) < 0.05
    assert clean.max(axis=(1, 2)).min() > 0.3


def test_glyph_templates_are_centred_with_a_margin_and_all_different():
    templates = datasets._glyph_templates()
    ink = templates > 0
    assert not ink[..., [0, -1], :].any() and not ink[..., [0, -1]].any()
    assert len(np.unique(templates.reshape(-1, 56 * 56), axis=0)) == len(ink) * 10


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda: datasets.digits(num_train=0),
            "`num_train` must be an integer between 1 and 1200. Received: num_train=0",
        ),
        (
            lambda: datasets.digits(num_train=1201),
            "`num_train` must be an integer between 1 and 1200. Received: num_train=1201",
        ),
        (
            lambda: datasets.digits(num_train=0.5),
            "`num_train` must be an integer between 1 and 1200. Received: num_train=0.5",
        ),
        (
            lambda: datasets.digits(wrong_labels=1.0),
            "`wrong_labels` is the fraction of wrong labels and must be in [0, 1). "
            "Received: wrong_labels=1.0. Use wrong_labels=0.2 for 20 %.",
        ),
        (
            lambda: datasets.digits(wrong_labels=-0.1),
            "`wrong_labels` is the fraction of wrong labels and must be in [0, 1). "
            "Received: wrong_labels=-0.1. Use wrong_labels=0.2 for 20 %.",
        ),
        (
            lambda: datasets.glyphs(num_test=0),
            "`num_test` must be an integer of at least 1. Received: num_test=0",
        ),
        (
            lambda: datasets.glyphs(noise=-1),
            "`noise` must be at least 0. Received: noise=-1. Use noise=0 for clean images.",
        ),
        (
            lambda: datasets.downloaded("cifar"),
            "`name` must be 'fashion_mnist', 'mnist' or 'cifar10'. Received: name='cifar'",
        ),
    ],
)
def test_bad_argument_says_what_was_expected(call, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call()


@pytest.mark.parametrize(
    "spoil, word",
    [
        (lambda content: content[:-1], "damaged"),
        (lambda content: content[:9000] + b"?" + content[9001:], "damaged"),
        (lambda content: b"", "missing or empty"),
        (None, "missing or empty"),
    ],
    ids=["truncated", "one byte changed", "empty", "missing"],
)
def test_digits_bad_file_is_named_with_what_to_do(spoil, word, tmp_path, monkeypatch):
    if spoil:
        content = (datasets.DATA / "digits.npz").read_bytes()
        (tmp_path / "digits.npz").write_bytes(spoil(content))
    monkeypatch.setattr(datasets, "DATA", tmp_path)
    message = f"{tmp_path / 'digits.npz'} is {word}: "
    with pytest.raises(OSError, match=re.escape(message) + ".*`git checkout data/digits.npz`"):
        datasets.digits()


@pytest.fixture
def fake_keras(tmp_path, monkeypatch):
    """Give the Python that downloads a stand-in for Keras, and the course an empty cache."""

    def write(body: str) -> None:
        folder = tmp_path / "packages"
        folder.mkdir()
        lines = ["class datasets:", "  class mnist:", "    @staticmethod", "    def load_data():"]
        lines += [f"      {line}" for line in body.splitlines()]
        (folder / "keras.py").write_text("\n".join(lines))
        monkeypatch.setenv("PYTHONPATH", str(folder))

    monkeypatch.setattr(datasets, "CACHE", tmp_path / "cache")
    return write


GOOD = """\
import numpy
images, labels = numpy.arange(30 * 784, dtype="uint8").reshape(30, 28, 28), numpy.arange(30) % 10
return (images, labels), (images[:10], labels[:10])"""


def test_downloaded_is_kept_and_then_needs_no_keras(fake_keras, monkeypatch):
    fake_keras(GOOD)
    (x_train, y_train), (x_test, y_test) = datasets.downloaded("mnist", num_train=20)
    assert (x_train.shape, x_test.shape) == ((20, 28, 28, 1), (10, 28, 28, 1))
    assert (x_train.dtype, y_train.dtype, y_test.dtype) == ("float32", "int32", "int32")
    assert [path.name for path in datasets.CACHE.iterdir()] == ["mnist.npz"]
    monkeypatch.setattr(datasets, "_DOWNLOAD", "raise SystemExit('asked again')")
    assert np.array_equal(datasets.downloaded("mnist", num_train=20)[0][0], x_train)


@pytest.mark.parametrize(
    "body, reason",
    [
        ("raise Exception('URL fetch failure on https://…')", "URL fetch failure on https://…"),
        ("raise OSError(28, 'No space left on device')", "No space left on device"),
        ("raise ValueError('Incomplete or corrupted file detected.')", "corrupted file detected"),
        ("import os; os._exit(9)", "exit status 9"),
    ],
    ids=["no network", "no disk space", "wrong checksum", "killed"],
)
def test_downloaded_failure_leaves_nothing_and_names_the_built_in_sets(fake_keras, body, reason):
    half_written = "import os; open(os.environ['KERAS_HOME'] + '/half.npz', 'w').write('half')\n"
    fake_keras(half_written + body)
    message = f"mnist could not be fetched .*{re.escape(reason)}.*digits().*glyphs()"
    with pytest.raises(OSError, match=message.replace("()", r"\(\)")):
        datasets.downloaded("mnist")
    assert not list(datasets.CACHE.iterdir())


def test_downloaded_unwritable_cache_is_a_sentence(fake_keras):
    datasets.CACHE.write_text("a file stands where the folder should be")
    with pytest.raises(OSError, match="mnist could not be fetched .*Use `datasets.digits"):
        datasets.downloaded("mnist")


@pytest.mark.parametrize("spoil", ["truncated", "one byte changed", "not an archive"])
def test_downloaded_damaged_copy_is_named(fake_keras, spoil):
    fake_keras(GOOD)
    datasets.downloaded("mnist")
    path = datasets.CACHE / "mnist.npz"
    content = bytearray(path.read_bytes())
    if spoil == "truncated":
        content = content[: len(content) // 2]
    elif spoil == "one byte changed":
        content[5000] ^= 1
    else:
        content = b"<html>Please log in</html>"
    path.write_bytes(content)
    message = re.escape(f"{path} is damaged") + ".* Delete it, and it is fetched again."
    with pytest.raises(OSError, match=message):
        datasets.downloaded("mnist")


# Keras's own loading code, on small files in the layout in which it fetches them. Nothing is asked of
# the network: in the Python that downloads, what would be fetched is copied from a folder.

NO_NETWORK = """
import os, pathlib, shutil, urllib.error, keras.src.utils.file_utils as files
def urlretrieve(url, target, *_):
    file = pathlib.Path(os.environ["SERVED"], url.rsplit("/", 1)[1])
    if not file.exists():
        raise urllib.error.URLError("[Errno -3] Temporary failure in name resolution")
    shutil.copy(file, target)
files.urlretrieve = urlretrieve
if os.environ.get("UNCHECKED"):  # small files have another checksum than the real ones
    files.validate_file = lambda *_, **__: True
"""


@pytest.fixture
def served(tmp_path, monkeypatch):
    """The folder whose files stand for those on the network, and an empty cache."""
    folder = tmp_path / "served"
    folder.mkdir()
    monkeypatch.setenv("SERVED", str(folder))
    monkeypatch.setattr(datasets, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets, "_DOWNLOAD", NO_NETWORK + datasets._DOWNLOAD)
    return folder


IMAGES = np.random.default_rng(0).integers(0, 256, (30, 28, 28), dtype="uint8")
LABELS = (np.arange(30) % 10).astype("uint8")


def serve_fashion_mnist(folder: Path) -> None:
    """Four gzipped files of IDX: a header of 16 bytes before images, of 8 before labels."""
    for part, chosen in (("train", slice(0, 20)), ("t10k", slice(20, 30))):
        for kind, header, values in (
            ("images-idx3", 16, IMAGES[chosen]),
            ("labels-idx1", 8, LABELS[chosen]),
        ):
            content = gzip.compress(bytes(header) + values.tobytes())
            (folder / f"{part}-{kind}-ubyte.gz").write_bytes(content)


def serve_mnist(folder: Path) -> None:
    np.savez(
        folder / "mnist.npz",
        x_train=IMAGES[:20], y_train=LABELS[:20], x_test=IMAGES[20:], y_test=LABELS[20:],
    )  # fmt: skip


def test_fashion_mnist_is_read_from_the_files_that_keras_fetches(served):
    serve_fashion_mnist(served)
    (x_train, y_train), (x_test, y_test) = datasets.downloaded("fashion_mnist")
    order = np.random.default_rng(0).permutation(20)
    assert np.array_equal(y_train, LABELS[:20][order]) and np.array_equal(y_test, LABELS[20:])
    right = (IMAGES[20:] - IMAGES[:20].mean()) / IMAGES[:20].std()
    assert x_train.shape == (20, 28, 28, 1)
    assert np.allclose(x_test[..., 0], right, atol=1e-5)
    assert [path.name for path in datasets.CACHE.iterdir()] == ["fashion_mnist.npz"]


def test_cifar10_is_read_from_the_archive_that_keras_fetches(served, monkeypatch):
    monkeypatch.setenv("UNCHECKED", "1")
    images = np.random.default_rng(1).integers(0, 256, (10000, 3072), dtype="uint8")
    labels = [number % 10 for number in range(10000)]
    batch = pickle.dumps({b"data": images, b"labels": labels}, protocol=3)
    with tarfile.open(served / "cifar-10-python.tar.gz", "w:gz", compresslevel=1) as archive:
        for name in [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]:
            entry = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            entry.size = len(batch)
            archive.addfile(entry, io.BytesIO(batch))
    (x_train, y_train), (x_test, y_test) = datasets.downloaded("cifar10", num_train=100)
    assert (x_train.shape, x_test.shape) == ((100, 32, 32, 3), (10000, 32, 32, 3))
    assert np.array_equal(y_test, labels)
    red = images[0, :1024].reshape(32, 32).astype("float32")
    assert np.corrcoef(x_test[0, ..., 0].ravel(), red.ravel())[0, 1] > 0.9999
    assert [path.name for path in datasets.CACHE.iterdir()] == ["cifar10.npz"]


def truncated(folder: Path) -> str:
    serve_fashion_mnist(folder)
    file = folder / "train-images-idx3-ubyte.gz"
    file.write_bytes(file.read_bytes()[:-2000])
    return "fashion_mnist"


def login_page(folder: Path) -> str:
    serve_fashion_mnist(folder)
    (folder / "t10k-labels-idx1-ubyte.gz").write_text("<html>Please log in</html>")
    return "fashion_mnist"


def wrong_checksum(folder: Path) -> str:
    serve_mnist(folder)  # whole, and not the file that Keras knows
    return "mnist"


def no_network(folder: Path) -> str:
    return "cifar10"


@pytest.mark.parametrize(
    "spoil, reason",
    [
        (truncated, "Compressed file ended before the end-of-stream marker was reached"),
        (login_page, "Not a gzipped file"),
        (wrong_checksum, "Incomplete or corrupted file detected"),
        (no_network, "Temporary failure in name resolution"),
    ],
)
def test_downloaded_names_what_keras_met_and_keeps_nothing(served, spoil, reason):
    name = spoil(served)
    what = re.escape(f"{name} could not be fetched (") + ".*" + re.escape(reason)
    then = "Nothing was kept: mend that and run the cell again. Use `datasets.digits()`"
    with pytest.raises(OSError, match=what + ".*" + re.escape(then)):
        datasets.downloaded(name)
    assert not list(datasets.CACHE.iterdir())


def test_downloaded_on_a_full_disk_keeps_nothing(served, monkeypatch):
    serve_fashion_mnist(served)
    full = "import numpy\ndef savez(file, **_):\n  open(file, 'w').write('half')\n"
    full += "  raise OSError(28, 'No space left on device')\nnumpy.savez = savez\n"
    monkeypatch.setattr(datasets, "_DOWNLOAD", full + datasets._DOWNLOAD)
    with pytest.raises(OSError, match="No space left on device.*Nothing was kept"):
        datasets.downloaded("fashion_mnist")
    assert not list(datasets.CACHE.iterdir())
