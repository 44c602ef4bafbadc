"""Programs that a trained policy writes. Needs the distribution coding-envs-trainer."""

from __future__ import annotations

import os

from ..data import ProblemSet
from ..errors import CodingEnvsError

__all__ = ["samples_from_checkpoint"]


def samples_from_checkpoint(
    path: str | os.PathLike[str],
    problems: ProblemSet,
    *,
    greedy: bool = True,
    samples: int = 1,
    seed: int = 0,
) -> dict[str, list[str]]:
    """Returns problem key -> programs that the policy of a checkpoint writes.

    Args:
      path: weights, as PufferLib or the trainer saves them.
      problems: what to write for.
      greedy: True takes the likeliest token each time; False samples.
      samples: programs per problem.
      seed: of the sampling.

    Raises:
      CodingEnvsError: the trainer is not installed, or the file holds no policy of ours.
    """
    try:
        from coding_envs_trainer import checkpoint
    except ImportError as error:
        raise CodingEnvsError(
            f"a checkpoint needs the trainer ({error}); install it: pip install coding-envs-trainer"
        ) from None
    policy, tokenizer = checkpoint.load(path)
    return checkpoint.write_programs(
        policy, tokenizer, problems, greedy=greedy, samples=samples, seed=seed
    )
