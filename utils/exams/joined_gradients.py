"""The exam of lesson 17's gradients: joined and clipped before an optimizer adds them up."""

from collections.abc import Iterator

import numpy as np

from ._exam import Candidate, Exam, Mistake, Observation, see
from ._replicas import on_replicas

ONE = np.array([[3.0, -2.0], [0.5, 1.0]], "float32"), np.array([4.0, -6.0, 1.0], "float32")
OTHER = np.array([[1.0, 4.0], [-2.5, 1.0]], "float32"), np.array([0.5, 0.25, -3.0], "float32")


def parts_and_sum(
    candidate: Candidate, joined: list[np.ndarray], given: str, **limits: float
) -> Iterator[Observation]:
    """The part of each replica, and what an optimizer makes of them: their sum."""
    one, other = on_replicas(lambda *own: candidate(list(own), **limits), ONE, OTHER)
    for which, received, right in zip(("first", "second"), one, joined, strict=False):
        yield see(f"{which} gradient on replica 1", received, right / 2, given)
    for which, received, right in zip(("first", "second"), other, joined, strict=False):
        yield see(f"{which} gradient on replica 2", received, right / 2, given)
    yield see("number of gradients", len(one), len(joined), given)


def one_device_only_clips(joined_gradients):
    """On one device gradients stay as they are, or are clipped."""
    received, right = joined_gradients(list(ONE)), ONE
    for which, gradient, expected in zip(("first", "second"), received, right, strict=False):
        yield see(f"{which} gradient", gradient, expected, "two gradients, one device")
    received = joined_gradients(list(ONE), global_clipnorm=2.0)
    norm = np.sqrt(sum(np.sum(np.square(each)) for each in ONE))
    for which, gradient, expected in zip(("first", "second"), received, right, strict=False):
        yield see(
            f"{which} gradient", gradient, expected * 2 / norm, "global_clipnorm=2, one device"
        )


def replicas_have_equal_parts(joined_gradients):
    """Each of two replicas gets half of the sum, so that an optimizer finds the sum."""
    joined = [one + other for one, other in zip(ONE, OTHER, strict=True)]
    yield from parts_and_sum(joined_gradients, joined, "two gradients on each of two replicas")


def sum_is_clipped_once(joined_gradients):
    """The joined gradients are clipped, not those of each replica, nor the halves."""
    joined = [one + other for one, other in zip(ONE, OTHER, strict=True)]
    norm = np.sqrt(sum(np.sum(np.square(each)) for each in joined))
    right = [each * 2 / norm for each in joined]
    yield from parts_and_sum(joined_gradients, right, "global_clipnorm=2", global_clipnorm=2.0)
    yield from parts_and_sum(joined_gradients, joined, "global_clipnorm=90", global_clipnorm=90.0)


def other_limits_reach_the_sum(joined_gradients):
    """`clipvalue` and `clipnorm` limit the joined gradients too."""
    joined = [one + other for one, other in zip(ONE, OTHER, strict=True)]
    right = [np.clip(each, -1.5, 1.5) for each in joined]
    yield from parts_and_sum(joined_gradients, right, "clipvalue=1.5", clipvalue=1.5)
    right = [each * min(1.0, 5 / np.linalg.norm(each)) for each in joined]
    yield from parts_and_sum(joined_gradients, right, "clipnorm=5", clipnorm=5.0)


def every_replica_sees_infinity(joined_gradients):
    """Where one replica's gradient is infinite, it is so on every replica."""
    bad = np.array([1.0, np.inf], "float32"), np.array([2.0, 5.0], "float32")
    for parts in (bad, bad[::-1]):
        on_each = on_replicas(lambda own: joined_gradients([own]), *((each,) for each in parts))
        for place, (received,) in enumerate(on_each, 1):
            given = (
                f"gradients {parts[0].tolist()} on one replica and {parts[1].tolist()} on the other"
            )
            found = ["finite" if each else "not finite" for each in np.isfinite(received)]
            what = f"list of what the gradient holds on replica {place}"
            yield see(what, found, ["finite", "not finite"], given)


JOINED_GRADIENTS = Exam(
    name="joined_gradients",
    block="distributed",
    probes=(
        one_device_only_clips,
        replicas_have_equal_parts,
        sum_is_clipped_once,
        other_limits_reach_the_sum,
        every_replica_sees_infinity,
    ),
    mistakes=(
        Mistake(
            "not-joined",
            find="gradients = [all_sum(gradient) for gradient in gradients]",
            put="gradients = list(gradients)",
            says="Each replica hands over half of its own gradient. Add up over the replicas first.",
        ),
        Mistake(
            "as-they-are",
            find="    gradients = [all_sum(gradient) for gradient in gradients]\n"
            "    gradients = clip_gradients(gradients, **limits)\n"
            "    return [gradient / replicas for gradient in gradients]",
            put="    return clip_gradients(gradients, **limits)",
            says="Each replica clips its own gradient, and the optimizer adds up what comes out: that is "
            "Keras's way. Add up over the replicas before clipping.",
        ),
        Mistake(
            "not-shared-out",
            find="return [gradient / replicas for gradient in gradients]",
            put="return gradients",
            says="Every replica hands over the whole gradient, and the optimizer adds them up: the step "
            "is as many times too large as there are replicas. Hand out equal parts.",
        ),
        Mistake(
            "always-halved",
            find="return [gradient / replicas for gradient in gradients]",
            put="return [gradient / 2 for gradient in gradients]",
            says="You hand out halves, also where there are not two replicas. Divide by `replicas`.",
        ),
        Mistake(
            "shared-out-twice",
            find="return [gradient / replicas for gradient in gradients]",
            put="return [gradient / replicas / replicas for gradient in gradients]",
            says="You divide by the number of replicas twice. The optimizer adds up, it does not average.",
        ),
        Mistake(
            "clipped-before",
            find="    gradients = [all_sum(gradient) for gradient in gradients]\n"
            "    gradients = clip_gradients(gradients, **limits)\n",
            put="    gradients = clip_gradients(gradients, **limits)\n"
            "    gradients = [all_sum(gradient) for gradient in gradients]\n",
            says="You clip each replica's gradient and add up afterwards: the sum may be longer than the "
            "limit. Add up first.",
        ),
        Mistake(
            "clipped-after",
            find="    gradients = clip_gradients(gradients, **limits)\n"
            "    return [gradient / replicas for gradient in gradients]",
            put="    gradients = [gradient / replicas for gradient in gradients]\n"
            "    return clip_gradients(gradients, **limits)",
            says="You clip the parts: the optimizer's sum may be as many times the limit as there are "
            "replicas. Clip the sum, then share it out.",
        ),
        Mistake(
            "not-clipped",
            find="gradients = clip_gradients(gradients, **limits)",
            put="pass",
            says="The limits have no effect: hand them to `clip_gradients`.",
        ),
        Mistake(
            "global-norm-only",
            find="gradients = clip_gradients(gradients, **limits)",
            put='gradients = clip_gradients(gradients, global_clipnorm=limits.get("global_clipnorm"))',
            says="Only `global_clipnorm` has an effect. Hand all limits on: `**limits`.",
        ),
        Mistake(
            "clipped-one-by-one",
            find="gradients = clip_gradients(gradients, **limits)",
            put="gradients = [clip_gradients([gradient], **limits)[0] for gradient in gradients]",
            says="You clip each gradient by itself, so that `global_clipnorm` is not the norm of all "
            "together. Hand `clip_gradients` the whole list.",
        ),
        Mistake(
            "first-only",
            find="return [gradient / replicas for gradient in gradients]",
            put="return [gradient / replicas for gradient in gradients[:1]]",
            says="You return the first gradient alone. There is one for each variable.",
        ),
        Mistake(
            "infinity-removed",
            find="return [gradient / replicas for gradient in gradients]",
            put="return [ops.where(ops.isfinite(g), g, 0) / replicas for g in gradients]",
            says="You put 0 where a gradient is infinite. The optimizer then cannot see that the step is "
            "to be skipped: leave it as it is.",
        ),
    ),
    hints=(
        "Which comes first? What is clipped must be the gradient of the whole batch, and that is known "
        "only when the replicas have added up.",
        "`all_sum` of each gradient, then `clip_gradients` with the limits, then equal parts.",
    ),
    why="Every replica computes the same joined gradient, clips it in the same way and sees the same "
    "infinities. Dividing by the number of replicas comes last: the optimizer's sum takes it back, exactly "
    "so where that number is a power of two.",
)

EXAMS = (JOINED_GRADIENTS,)
