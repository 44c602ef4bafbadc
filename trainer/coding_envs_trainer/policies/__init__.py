"""Actor-critic policies, and the seam between what reads, what remembers and what decides.

MLP          any observation and action space, no memory
LSTM         memory over a body: an LSTM whose state goes on from segment to segment
Transformer  memory over a body: causal attention within the segment, with a key-value cache
CausalLM     a causal language model of `transformers` with a value head
Policy       reads statement and program, points at the statement, knows the grammar
TokenSteps   the body for LSTM and Transformer there: reads what a step adds

A **body** is a policy without memory that has two halves: `encode_observations(observations,
state) -> hidden` and `decode_actions(hidden) -> (logits, values)`, as PufferLib's own LSTMWrapper
wants them, over rows without a time dimension. Where `reads_observations` is True the second half
is called `decode_actions(hidden, observations)`.
"""

from .causal_lm import CausalLM
from .coding import Policy, TokenSteps
from .flat import MLP
from .lstm import LSTM
from .transformer import Transformer

__all__ = ["LSTM", "MLP", "CausalLM", "Policy", "TokenSteps", "Transformer"]
