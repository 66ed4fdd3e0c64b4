"""The figures' data, not their pixels."""

import base64
import itertools
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest

from utils import plots

# Methods that the lessons show together in one figure.
COMPARISONS = [
    ["training", "validation"],
    ["yours", "Keras"],
    [
        "none",
        "batch normalization",
        "layer normalization",
        "group normalization",
        "RMS normalization",
        "batch renormalization",
    ],
    ["none", "batch normalization", "dropout", "dropout and batch normalization"],
    ["SGD", "momentum", "Nesterov"],
    ["SGD", "momentum", "Adagrad", "RMSprop", "Adadelta"],
    ["Adam", "AMSGrad", "AdamW", "Nadam"],
    ["SGD", "Nesterov", "Adam", "AdamW", "Lion", "Muon", "schedule-free AdamW"],
]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_methods_all_look_different():
    looks = [plots.method(name) for name in plots.METHODS]
    pairs = {(look["color"], look["marker"]) for look in looks}
    assert len(pairs) == len(looks)


@pytest.mark.parametrize("names", COMPARISONS, ids=" ".join)
def test_methods_of_one_figure_differ_in_colour_and_marker(names):
    looks = [plots.method(name) for name in names]
    assert len({look["color"] for look in looks}) == len(names)
    assert len({look["marker"] for look in looks}) == len(names)


@pytest.mark.parametrize("names", COMPARISONS, ids=" ".join)
def test_methods_of_one_figure_differ_in_black_and_white(names):
    for one, other in itertools.combinations(map(plots.method, names), 2):
        contrast = abs(plots.luminance(one["color"]) - plots.luminance(other["color"]))
        assert contrast > 0.1 or one["linestyle"] != other["linestyle"], (one, other)


def test_method_colours_show_on_white():
    assert all(plots.luminance(entry[0]) < 0.7 for entry in plots.METHODS.values())


def test_method_aliases_name_one_method_each():
    names = [name.lower() for entry in plots.METHODS.items() for name in (entry[0], *entry[1][3])]
    assert len(names) == len(set(names))
    assert plots.method("bn") == plots.method("BatchNormalization")
    assert plots.method("BN") == plots.method("batch normalization")


def test_method_unknown_name_lists_the_known():
    with pytest.raises(ValueError, match="method of the course: none, .*Received: name='adamm'"):
        plots.method("adamm")


def test_lines_shows_mean_range_and_seeds():
    values = np.array([[1.0, 2.0], [3.0, 6.0], [2.0, 1.0]])
    ax = plots.lines([10, 20], {"BN": values}, title="t", xlabel="x", ylabel="y", log="y")
    line = ax.lines[0]
    assert line.get_xydata().tolist() == [[10, 2], [20, 3]]
    band = ax.collections[0].get_paths()[0].vertices
    assert {tuple(point) for point in band} == {(10, 1), (10, 3), (20, 1), (20, 6)}
    assert ax.get_legend().get_title().get_text() == "mean and range of 3 seeds"
    assert (line.get_color(), line.get_marker()) == ("#0072B2", "s")
    assert (ax.get_title("left"), ax.get_xlabel(), ax.get_ylabel()) == ("t", "x", "y")
    assert (ax.get_xscale(), ax.get_yscale()) == ("linear", "log")


def test_lines_single_run_has_no_band():
    ax = plots.lines([1, 2], {"none": [3, 4]}, title="t", xlabel="x", ylabel="y")
    assert len(ax.lines) == 1 and not ax.collections


def test_lines_arms_outside_the_table_take_colours_of_their_own():
    names = ["rate 0.1", "BN", "rate 1"]
    ax = plots.lines([1], {name: [1] for name in names}, title="t", xlabel="x", ylabel="y")
    colors = [line.get_color() for line in ax.lines]
    assert colors[1] == plots.method("BN")["color"] and len(set(colors)) == 3


def test_lines_too_many_arms_says_draw_two():
    arms = {f"rate {rate}": [rate] for rate in range(9)}
    with pytest.raises(ValueError, match="at most 8 arms .*Received: 9. Draw two figures."):
        plots.lines([1], arms, title="t", xlabel="x", ylabel="y")


def test_lines_wrong_length_names_the_arm():
    message = r"shape \(seeds, 3\).*Received: shape \(1, 2\) for 'none'"
    with pytest.raises(ValueError, match=message):
        plots.lines([1, 2, 3], {"none": [1, 2]}, title="t", xlabel="x", ylabel="y")


def test_per_layer_counts_from_one():
    ax = plots.per_layer({"none": np.ones((5, 4))}, title="t", ylabel="gradient norm")
    assert ax.lines[0].get_xdata().tolist() == [1, 2, 3, 4]
    assert ax.get_yscale() == "log"


def test_dots_shows_every_seed_and_the_mean():
    arms = {"none": [1.0, 2.0], "dropout": [3.0, 4.0]}
    ax = plots.dots(arms, title="t", xlabel="accuracy", decimals=1)
    assert [line.get_xdata().tolist() for line in ax.lines] == [[1, 2], [1.5], [3, 4], [3.5]]
    assert [text.get_text() for text in ax.texts] == ["1.5", "3.5"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["none", "dropout"]
    low, high = ax.get_ylim()
    assert low > high  # the first arm is on top


def test_histograms_draws_a_row_for_each_layer():
    layers = {"layer 1": np.array([[-1.0, 1.0]]), "layer 2": np.array([[-2.0, 2.0]])}
    ax = plots.histograms(layers, title="t", xlabel="activation", bins=4)
    assert [patch.get_data().edges.tolist() for patch in ax.patches] == [[-2, -1, 0, 1, 2]] * 2
    assert [text.get_text() for text in ax.texts] == ["std 1.00", "std 2.00"]


def test_heatmap_has_readable_numbers_and_blank_nan():
    values = [[0.0, 0.5, 1.0], [np.nan, 0.25, 0.75]]
    ax = plots.heatmap(values, ["a", "b"], [1, 2, 3], title="t", xlabel="x", ylabel="y")
    assert [text.get_text() for text in ax.texts] == ["0.00", "0.50", "1.00", "0.25", "0.75"]
    image = ax.images[0]
    for text in ax.texts:
        column, row = map(int, text.get_position())
        behind = plots.luminance(image.to_rgba(values[row][column]))
        assert abs(behind - plots.luminance(text.get_color())) > 0.4
    shades = [plots.luminance(image.to_rgba(value)) for value in (0, 0.25, 0.5, 0.75, 1)]
    assert shades == sorted(shades)


def test_heatmap_wrong_shape_is_named():
    with pytest.raises(ValueError, match=r"shape \(1, 2\).*Received: shape \(2, 1\)"):
        plots.heatmap([[1], [2]], ["a"], [1, 2], title="t", xlabel="x", ylabel="y")


@pytest.mark.parametrize("shape", [(3, 64), (3, 8, 8), (3, 8, 8, 1)])
def test_image_grid_takes_every_shape(shape):
    images = np.arange(192, dtype="float32").reshape(shape)
    grid = plots.image_grid(images, [7, 8, 9], title="t", columns=2)
    assert grid.shape == (2, 2)
    shown = [ax.images[0].get_array() for ax in grid.flat if ax.images]
    assert np.array_equal(shown, images.reshape(3, 8, 8))
    assert [ax.get_title() for ax in grid.flat] == ["7", "8", "9", ""]
    assert {ax.images[0].get_clim() for ax in grid.flat if ax.images} == {(0, 191)}


def test_table_text_is_aligned_and_rounded():
    table = plots.table(
        {"arm": ["none", "BN"], "accuracy": [0.5, np.array([0.9, 0.8])], "seeds": [8, 8]},
        decimals=3,
    )
    assert repr(table).splitlines() == [
        "arm        accuracy  seeds",
        "----  -------------  -----",
        "none          0.500      8",
        "BN    0.850 ± 0.050      8",
    ]


def test_table_zero_has_no_sign():
    assert plots.table({"x": [-0.001, np.float32(-0.0)]}).columns == {"x": ["0.00", "0.00"]}


def test_table_says_in_words_what_is_no_number():
    arms = [np.array([0.5, np.nan, np.nan]), np.array([np.inf, 3.0]), np.nan, np.inf]
    cells = ["diverged in 2 of 3", "never in 1 of 2", "diverged", "never"]
    assert plots.table({"x": arms}).columns == {"x": cells}


def test_table_html_has_the_same_words_escaped():
    table = plots.table({"arm": ["<b>", "BN"], "accuracy": [0.5, 1.0]})
    markup = table._repr_html_()
    assert re.findall(r"<t[hd]>(.*?)</t[hd]>", markup) == [
        *("arm", "accuracy"),
        *("&lt;b&gt;", "0.50"),
        *("BN", "1.00"),
    ]


def test_table_columns_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="same length. Received: lengths {'a': 1, 'b': 2}"):
        plots.table({"a": [1], "b": [1, 2]})


def test_verdicts_are_worked_out_from_what_held():
    judge = plots.Verdicts("dropout …")
    judge(
        "helps", {"on noise": np.True_, "on few": True, "on many": np.False_}, "5, 4 and 0 points"
    )
    judge("is best at 0.5", {"": False}, "0.7")
    judge("costs time", {"in training": 3 > 2}, "3 to 2")
    judge("is best at 0.5", {"on noise": False, "on many": False}, "0.7 and 0.1")
    assert judge.table().columns == {
        "dropout …": ["helps", "is best at 0.5", "costs time"],
        "verdict": ["holds on noise, on few; not on many", "does not hold here", "holds"],
        "measured here": ["5, 4 and 0 points", "0.7 and 0.1", "3 to 2"],
    }
    assert repr(judge) == repr(judge.table())
    assert "<th>dropout …</th>" in judge._repr_html_()
    with pytest.raises(ValueError, match="`held` must name a condition at least. Received: {} for"):
        judge("nothing", {}, "")


def test_film_is_the_same_at_every_run():
    def made():
        figure, ax = plt.subplots(figsize=(1, 1), dpi=30)
        return plots.film(figure, lambda number: ax.set_title(number), 2, alt='a "film"').data

    markup = made()
    assert markup == made() and 'aria-label="a &quot;film&quot;"' in markup
    assert markup.count("data:image/png") == 2


def test_show_displays_once_with_alt_text_and_closes(monkeypatch):
    shown = []
    monkeypatch.setattr(plots, "display", lambda data, **options: shown.append((data, options)))
    for _ in range(2):
        plots.lines([1, 2], {"none": [3, 4]}, title="t", xlabel="x", ylabel="y")
        plots.show(alt="A rising line.")
    assert not plt.get_fignums()
    (data, options), again = shown
    assert options == {"metadata": {"image/png": {"alt": "A rising line."}}, "raw": True}
    assert data["text/plain"] == "A rising line."
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert again == (data, options)  # the same data give the same bytes


def test_show_without_alt_text_is_refused():
    with pytest.raises(ValueError, match="`alt` must say in a sentence .* Received: ' '"):
        plots.show(alt=" ")
