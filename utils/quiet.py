"""TensorFlow, imported without its log lines.

TensorFlow prints lines about oneDNN, CUDA and the processor while it is imported. They come from C++
and go straight to file descriptor 2, so that neither `TF_CPP_MIN_LOG_LEVEL` nor `sys.stderr` stops all
of them. Here descriptor 2 points at a temporary file for the length of the import; lines that are not
known noise are passed on afterwards.

    from utils.quiet import tensorflow as tf

Before its first tensor TensorFlow is asked to see the processor as two devices, later it refuses.
Lesson 17 computes on both; everything else stays on the first, as it would with one.
"""

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator

NOISE = re.compile(
    r"oneDNN custom operations|TF_ENABLE_ONEDNN_OPTS|cpu_feature_guard|rebuild TensorFlow with the"
    r"|[Cc]ould not find cuda drivers|GPU will not be used|Cannot dlopen some GPU|cuda_executor"
    r"|Unable to register cu|absl::InitializeLog|WARNING: All log messages|gpu_device\.cc"
    r"|oneDNN supports DT_"
    r"|TF-TRT Warning|failed call to cuInit|computation_placer|To enable the following instructions"
    r"|how to download and setup the required libraries|Skipping registering GPU devices"
)

LARGEST = 20_000  # bytes that are passed on


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Hold back what is written to file descriptor 2, then pass on the lines that are not noise."""
    _flush_stderr()
    with tempfile.TemporaryFile() as held:
        real = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            _flush_stderr()
            os.dup2(real, 2)
            os.close(real)
            held.seek(0)
            for line in held.read(LARGEST).decode(errors="replace").splitlines():
                if line.strip() and not NOISE.search(line):
                    print(line, file=sys.stderr)


def _flush_stderr() -> None:
    with contextlib.suppress(AttributeError, ValueError, OSError):  # it may be None, or closed
        sys.stderr.flush()


def _split_processor() -> None:
    processor = tensorflow.config.list_physical_devices("CPU")[0]
    halves = [tensorflow.config.LogicalDeviceConfiguration() for _ in range(2)]
    with contextlib.suppress(RuntimeError):  # somebody else's tensor was the first
        tensorflow.config.set_logical_device_configuration(processor, halves)


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
with quiet_stderr():
    import tensorflow

    _split_processor()
    tensorflow.constant(
        0.0
    )  # the devices are looked for at the first tensor, with lines of their own

__all__ = ["quiet_stderr", "tensorflow"]
