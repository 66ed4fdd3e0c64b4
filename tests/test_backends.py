"""The blocks on Keras's other backends, where these are installed beside TensorFlow.

pip install jax torch
python3 course.py test tests/test_backends.py
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = [
    "normalization.BatchNormalization()", "normalization.LayerNormalization()",
    "normalization.RMSNormalization()", "normalization.GroupNormalization(groups=4)",
    "normalization.BatchNormalizationWithRenorm(renorm=True)", "dropout.Dropout(0.2)",
    "dropout.GaussianDropout(0.2)", "dropout.GaussianNoise(0.2)", "dropout.AlphaDropout(0.2)",
    "dropout.ConcreteDropout(layers.Dense(16))",
]  # fmt: skip
OPTIMIZERS = [
    "optimizers.GradientDescent(0.01)", "optimizers.SGD(0.01, 0.9, nesterov=True)",
    "optimizers.SGD(schedules.CosineDecay(0.01, 30))",
    "optimizers.SGD(schedules.ExponentialDecay(0.01, 30, 0.5))",
    "optimizers.SGD(schedules.PiecewiseConstantDecay([9], [0.02, 0.01]))",
    "optimizers.SGD(schedules.PolynomialDecay(0.01, 30))", "optimizers.Adagrad(0.01)",
    "optimizers.RMSprop(0.01, momentum=0.5, centered=True)", "optimizers.Adadelta(1.0)",
    "optimizers.Adam(0.01, amsgrad=True)", "optimizers.AdamW(0.01)", "optimizers.Nadam(0.01)",
    "optimizers.Adamax(0.01)", "optimizers.Lion(0.01)", "optimizers.Muon(0.01)",
    "optimizers.ScheduleFreeAdamW(0.01, warmup_steps=9)", "optimizers.Lamb(0.01)",
]  # fmt: skip
PROGRAM = """
import json, sys
import keras
import numpy as np
from solutions.blocks import dropout, layers, normalization, optimizers, schedules

def losses(layer, optimizer):
    keras.utils.set_random_seed(0)
    inputs = np.random.default_rng(0).normal(size=(64, 8)).astype("float32")
    layer = [eval(layer)] if layer else []
    model = keras.Sequential([keras.Input((8,)), layers.Dense(16), *layer, layers.Dense(1)])
    model.compile(eval(optimizer), "mse")
    return model.fit(inputs, inputs.sum(1, keepdims=True), epochs=9, verbose=0).history["loss"]

cases = json.loads(sys.argv[1])
print(json.dumps([keras.backend.backend(), [losses(*case) for case in cases]]))
"""


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_blocks_train_on_backend(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    cases = [(layer, "optimizers.SGD(0.01)") for layer in LAYERS]
    cases += [("", optimizer) for optimizer in OPTIMIZERS]
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(cases)],
        env=os.environ | {"KERAS_BACKEND": backend},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    used, losses = json.loads(ran.stdout.splitlines()[-1])
    assert used == backend
    for case, (first, *_, last) in zip(cases, losses, strict=True):
        assert last < first, f"{case}: the loss went from {first:.3f} to {last:.3f}"
