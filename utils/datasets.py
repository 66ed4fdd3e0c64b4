"""Small data sets, each returned as `(x_train, y_train), (x_test, y_test)`.

`digits` ships with the course, `glyphs` is drawn on the spot: both work offline.
`downloaded` fetches Fashion-MNIST, MNIST or CIFAR-10 through Keras, for those who want more.

All three return float32 images standardised as `(x - mean) / std`, with one mean and one standard
deviation over all pixels of the training images, and int32 labels. The same arguments give the
same arrays.
"""

import functools
import hashlib
import io
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

DATA = Path(__file__).resolve().parent.parent / "data"
CACHE = DATA / "cache"
DIGITS_SHA256 = "b2dab7b501728c22e9119ad76740b2e17c77a231e42d1e592380d90886f1a05e"
GLYPH_NAMES = "ABCDEFGHIJ"
OFFLINE = "Use `datasets.digits()` or `datasets.glyphs()` instead: both work without a network."

Split = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def digits(
    num_train: int = 1200, wrong_labels: float = 0.0, seed: int = 0, flat: bool = True
) -> Split:
    """Load the 1,797 handwritten digits of the UCI set, 8 by 8 pixels, ten classes.

    For one `seed` the test set is the same 597 images whatever `num_train` and `wrong_labels`
    are, and a smaller training set is the beginning of a larger one. Which labels are wrong:
    compare `y_train` with that of `wrong_labels=0`.

    Args:
        num_train: int in [1, 1200]. Number of training images.
        wrong_labels: float in [0, 1). Fraction of training labels replaced by a wrong one.
        seed: int. Decides the split and which labels are wrong, and how.
        flat: bool. Images of shape `(64,)` if True, `(8, 8, 1)` if False.

    Raises:
        ValueError: an argument is outside its range.
        OSError: `data/digits.npz` is missing or damaged.

    Reference: Alpaydin & Kaynak, 1998, https://doi.org/10.24432/C50P49, CC BY 4.0.
    """
    images, labels = _read_digits(DATA / "digits.npz")
    order = np.random.default_rng(seed).permutation(len(images))
    train, test = order[:1200], order[1200:]
    return _prepare(
        (images[train], labels[train]),
        (images[test], labels[test]),
        num_train,
        wrong_labels,
        seed,
        flat,
    )


def glyphs(
    num_train: int = 5000,
    num_test: int = 1000,
    noise: float = 0.2,
    wrong_labels: float = 0.0,
    seed: int = 0,
    flat: bool = False,
) -> Split:
    """Draw the letters A to J, 28 by 28 pixels, in the fonts that come with Matplotlib.

    Each image takes a font and a stroke width and is turned, sheared, scaled and shifted, all at
    random. Letters, because `digits` has the digits already, so that one set can serve as the
    unfamiliar input of a net trained on the other. `datasets.GLYPH_NAMES[label]` is the letter.

    Args:
        num_train: int, at least 1. Number of training images.
        num_test: int, at least 1. Number of test images.
        noise: float, at least 0. Standard deviation of the noise added to each pixel; ink is 1.
        wrong_labels: float in [0, 1). Fraction of training labels replaced by a wrong one.
        seed: int. Decides everything random. On another version of NumPy or Pillow the images
            may differ.
        flat: bool. Images of shape `(784,)` if True, `(28, 28, 1)` if False.

    Raises:
        ValueError: an argument is outside its range.
    """
    for name, value in (("num_train", num_train), ("num_test", num_test)):
        if not _is_int(value) or value < 1:
            raise ValueError(f"`{name}` must be an integer of at least 1. Received: {name}={value}")
    if noise < 0:
        raise ValueError(
            f"`noise` must be at least 0. Received: noise={noise}. Use noise=0 for clean images."
        )
    images, labels = _draw_glyphs(num_train + num_test, noise, seed)
    return _prepare(
        (images[:num_train], labels[:num_train]),
        (images[num_train:], labels[num_train:]),
        num_train,
        wrong_labels,
        seed,
        flat,
    )


def downloaded(
    name: str,
    num_train: int | None = None,
    wrong_labels: float = 0.0,
    seed: int = 0,
    flat: bool = False,
) -> Split:
    """Load Fashion-MNIST, MNIST or CIFAR-10, fetched through Keras on first use.

    No lesson needs them. They are kept in `data/cache`.

    Args:
        name: `"fashion_mnist"`, `"mnist"` or `"cifar10"`.
        num_train: int or None. Number of training images; None takes all.
        wrong_labels: float in [0, 1). Fraction of training labels replaced by a wrong one.
        seed: int. Decides which training images are taken, and which labels are wrong, and how.
        flat: bool. Images of shape `(784,)` or `(3072,)` if True, `(28, 28, 1)` or
            `(32, 32, 3)` if False.

    Raises:
        ValueError: an argument is outside its range.
        OSError: the data could not be fetched, or the kept copy is damaged.
    """
    if name not in ("fashion_mnist", "mnist", "cifar10"):
        raise ValueError(
            f"`name` must be 'fashion_mnist', 'mnist' or 'cifar10'. Received: name={name!r}"
        )
    path = CACHE / f"{name}.npz"
    if not path.exists():
        _download(name, path)
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            x_train, y_train = arrays["x_train"], arrays["y_train"].reshape(-1)
            x_test, y_test = arrays["x_test"], arrays["y_test"].reshape(-1)
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise OSError(
            f"{path} is damaged ({error}). Delete it, and it is fetched again. {OFFLINE}"
        ) from error
    order = np.random.default_rng(seed).permutation(len(x_train))
    train = (x_train[order], y_train[order])
    num_train = len(x_train) if num_train is None else num_train
    return _prepare(train, (x_test, y_test), num_train, wrong_labels, seed, flat)


def _prepare(
    train: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    num_train: int,
    wrong_labels: float,
    seed: int,
    flat: bool,
) -> Split:
    """Take the first `num_train` images, standardise, spoil labels, and shape."""
    (x_train, y_train), (x_test, y_test) = train, test
    if not _is_int(num_train) or not 1 <= num_train <= len(x_train):
        raise ValueError(
            f"`num_train` must be an integer between 1 and {len(x_train)}. "
            f"Received: num_train={num_train}"
        )
    if not 0 <= wrong_labels < 1:
        raise ValueError(
            "`wrong_labels` is the fraction of wrong labels and must be in [0, 1). "
            f"Received: wrong_labels={wrong_labels}. Use wrong_labels=0.2 for 20 %."
        )
    x_train = x_train[:num_train]
    y_train = y_train[:num_train].astype("int32")
    mean, std = float(x_train.mean(dtype="float64")), float(x_train.std(dtype="float64"))

    # A stream of its own, so that the images do not depend on how many labels are wrong.
    rng = np.random.default_rng([seed, 1])
    wrong = rng.permutation(num_train)[: round(wrong_labels * num_train)]
    y_train[wrong] = (y_train[wrong] + rng.integers(1, 10, len(wrong))) % 10

    def finish(images: np.ndarray) -> np.ndarray:
        images = (images.astype("float32") - mean) / std
        if flat:
            return images.reshape(len(images), -1)
        return images if images.ndim == 4 else images[..., np.newaxis]

    return (finish(x_train), y_train), (finish(x_test), y_test.astype("int32"))


def _is_int(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


@functools.cache
def _read_digits(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read `digits.npz`: uint8 images `(1797, 8, 8)` with values 0 to 16, and their labels."""
    content = path.read_bytes() if path.exists() else b""
    if hashlib.sha256(content).hexdigest() != DIGITS_SHA256:
        raise OSError(
            f"{path} is {'damaged' if content else 'missing or empty'}: its checksum is not the "
            "one that this course shipped with. Restore it with `git checkout data/digits.npz`, "
            "or use `datasets.glyphs()` instead."
        )
    with np.load(io.BytesIO(content)) as arrays:
        return arrays["images"], arrays["labels"]


@functools.lru_cache(maxsize=2)
def _draw_glyphs(num_images: int, noise: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw float32 images `(num_images, 28, 28)` with values 0 to 1, and their labels."""
    templates = _glyph_templates()  # (styles, letters, 56, 56)
    rng = np.random.default_rng(seed)
    styles = rng.integers(0, templates.shape[0], num_images)
    labels = rng.integers(0, templates.shape[1], num_images)
    angle = rng.uniform(-0.3, 0.3, num_images)  # radians
    shear = rng.uniform(-0.3, 0.3, num_images)
    width, height = rng.uniform(0.7, 1.1, (2, num_images))
    shift = rng.uniform(-3, 3, (2, num_images, 1, 1))  # pixels

    # For every pixel of an image, the point of its template that it shows: undo the shift, then
    # the rotation, the shear and the scale. One image pixel is two template pixels wide.
    row, column = np.mgrid[:28, :28] - 13.5
    row, column = row - shift[0], column - shift[1]  # (num_images, 28, 28)
    cos, sin, shear, width, height = (
        value[:, np.newaxis, np.newaxis]
        for value in (np.cos(angle), np.sin(angle), shear, width, height)
    )
    row, column = cos * row + sin * column, cos * column - sin * row
    column = 2 * (column + shear * row) / width + 27.5
    row = 2 * row / height + 27.5

    images = _sample(templates[styles, labels], row, column)
    images += noise * rng.standard_normal(images.shape, dtype="float32")
    return np.clip(images, 0, 1), labels


def _sample(images: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Read `images` `(n, 56, 56)` at points between pixels, by bilinear interpolation."""
    row = np.clip(row, 0, 54.999).astype("float32")
    column = np.clip(column, 0, 54.999).astype("float32")
    top, left = row.astype("int32"), column.astype("int32")
    down, right = row - top, column - left
    image = np.arange(len(images))[:, np.newaxis, np.newaxis]
    upper = images[image, top, left] * (1 - right) + images[image, top, left + 1] * right
    lower = images[image, top + 1, left] * (1 - right) + images[image, top + 1, left + 1] * right
    return upper * (1 - down) + lower * down


@functools.cache
def _glyph_templates() -> np.ndarray:
    """Draw every letter upright and centred, float32 `(fonts x strokes, letters, 56, 56)`."""
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    folder = Path(matplotlib.get_data_path(), "fonts", "ttf")
    names = (
        "DejaVuSans DejaVuSans-BoldOblique DejaVuSansMono DejaVuSerif DejaVuSerif-Bold "
        "DejaVuSerif-Italic STIXGeneral STIXGeneralItalic cmr10 cmss10 cmtt10 cmb10 cmmi10"
    )
    templates = []
    for name in names.split():
        font = ImageFont.truetype(folder / f"{name}.ttf", size=44)
        for stroke in (0, 1, 2):  # pixels added on each side of a line
            for letter in GLYPH_NAMES:
                image = Image.new("L", (56, 56))
                left, top, right, bottom = font.getbbox(letter, stroke_width=stroke)
                corner = (28 - (left + right) / 2, 28 - (top + bottom) / 2)
                ImageDraw.Draw(image).text(corner, letter, 255, font, stroke_width=stroke)
                templates.append(np.asarray(image, "float32") / 255)
    return np.reshape(templates, (-1, len(GLYPH_NAMES), 56, 56))


# Keras reads KERAS_HOME once, at import, so the download runs in a Python of its own. It works in
# a temporary folder that goes away whatever happens; only a complete file is moved out of it.
_DOWNLOAD = """
import socket, sys, numpy, keras
socket.setdefaulttimeout(30)  # a network that swallows everything is none
name, target = sys.argv[1:]
train, test = getattr(keras.datasets, name).load_data()
numpy.savez(target, x_train=train[0], y_train=train[1], x_test=test[0], y_test=test[1])
"""


def _download(name: str, path: Path) -> None:
    """Fetch a Keras data set into the file `path`: all of it, or an error and no file."""
    print(f"Fetching {name} through Keras ...")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            target = Path(folder, path.name)
            subprocess.run(
                [sys.executable, "-c", _DOWNLOAD, name, target],
                env=os.environ | {"KERAS_HOME": folder},
                check=True,
                capture_output=True,
                text=True,
            )
            os.replace(target, path)
    except (OSError, subprocess.CalledProcessError) as error:
        said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        raise OSError(
            f"{name} could not be fetched ({said[-1]}). Nothing was kept: mend that and run the cell "
            f"again. {OFFLINE}"
        ) from None
