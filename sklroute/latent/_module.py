"""The network of the latent router, part by part, as the paper describes it.

Shapes: B queries, K models, M capsules, T query tokens, d = ``token_dim``,
h = ``hidden_dim``, S points of the distribution's support.

``P`` (B, M, d) are the routing capsules, ``m`` (K, M, d) the capability tokens and
``t`` (B, K, d) the states of the models while they communicate.
"""

from itertools import combinations
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class RouterOutput(NamedTuple):
    """What the network says of every model's answer to every query."""

    log_prob: Tensor
    """(B, K, S) log-probability of each point of the support."""
    correction: Tensor
    """(B, K) shift of the mean by the capsule correction."""


def support_of(log_prob: Tensor) -> Tensor:
    """Points in [0, 1] to which the last axis gives probabilities, (S,)."""
    n_support = log_prob.shape[-1]
    return torch.linspace(0, 1, n_support, dtype=log_prob.dtype, device=log_prob.device)


class LatentRouterModule(nn.Module):
    """Counterfactual quality of every model for every query.

    Parameters
    ----------
    block_dims : tuple of int
        Number of features of each modality block, in the order of the columns.
    n_models, n_profile, n_support : int
        K, length of a capability profile, S.
    hidden_dim, n_capsules, token_dim, n_heads, n_layers : int
        Sizes; ``n_layers=0`` switches communication off.
    interactions, feedback : bool
        Whether products and differences of blocks become tokens, and whether models
        speak back to capsules.
    correction_bound : float
        Largest shift of the mean, >= 0; 0 switches the correction off.
    dropout : float
        Probability of zeroing a hidden unit in training.
    """

    def __init__(
        self,
        *,
        block_dims: tuple[int, ...],
        n_models: int,
        n_profile: int,
        n_support: int,
        hidden_dim: int,
        n_capsules: int,
        token_dim: int,
        n_heads: int,
        n_layers: int,
        interactions: bool,
        feedback: bool,
        correction_bound: float,
        dropout: float,
    ):
        super().__init__()
        self.capsules = RoutingCapsules(
            block_dims, hidden_dim, n_capsules, token_dim, interactions, dropout
        )
        self.tokens = CapabilityTokens(
            n_models, n_profile, n_capsules, token_dim, dropout
        )
        self.communication = (
            LatentCommunication(
                n_capsules, token_dim, n_heads, n_layers, feedback, dropout
            )
            if n_layers
            else None
        )
        self.head = DistributionHead(n_capsules, token_dim, n_support)
        self.correction = (
            CapsuleCorrection(token_dim, correction_bound)
            if correction_bound > 0
            else None
        )

    def forward(
        self,
        x: Tensor,
        present: Tensor,
        available: Tensor,
        profile: Tensor,
        prior: Tensor,
    ) -> RouterOutput:
        """Predict the distribution of quality.

        Parameters
        ----------
        x : Tensor of shape (B, sum of block_dims)
            Scaled features, the blocks side by side.
        present : Tensor of bool, of shape (B, n_blocks)
            Whether the query has the block at all.
        available : Tensor of bool, of shape (B, K)
            Models that take part; the others influence nothing.
        profile : Tensor of shape (K, n_profile)
            Standardised capability profiles.
        prior : Tensor of shape (K, S)
            Log-frequency of each quality in the model's calibration outcomes.
        """
        P = self.capsules(x, present)
        m = self.tokens(profile)
        t = None
        if self.communication is not None:
            t, P_heard = self.communication(m, P, available)
        log_prob = self.head(P, m, t, prior)
        if self.correction is None:
            return RouterOutput(log_prob, torch.zeros_like(log_prob[..., 0]))
        if t is None:
            t, P_heard = m.mean(1).expand(len(P), -1, -1), P
        return self.correction(log_prob, t, P_heard)


class RoutingCapsules(nn.Module):
    r"""A few learned queries that read the modality blocks and their interactions.

    Every block is projected, :math:`h_b = W_b x_b`; the query tokens are
    :math:`\mathrm{GELU}` of the projections and, for every pair of blocks, of
    :math:`h_b \odot h_c` and :math:`h_b - h_c`. Capsule :math:`c` attends to them:

    .. math:: P_c = \sqrt{T} \sum_t \mathrm{softmax}_t(q_c \cdot u_t / \sqrt{h}) \,
              (V_t u_t)_c
    """

    def __init__(
        self, block_dims, hidden_dim, n_capsules, token_dim, interactions, dropout
    ):
        super().__init__()
        self.block_dims = tuple(block_dims)
        self.pairs = (
            tuple(combinations(range(len(block_dims)), 2)) if interactions else ()
        )
        self.shape = (n_capsules, token_dim)
        n_tokens = len(block_dims) + 2 * len(self.pairs)
        self.project = nn.ModuleList(nn.Linear(dim, hidden_dim) for dim in block_dims)
        self.query_weight = nn.Parameter(0.02 * torch.randn(n_capsules, hidden_dim))
        self.value_weight = nn.Parameter(
            torch.randn(n_tokens, hidden_dim, n_capsules * token_dim) * hidden_dim**-0.5
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, present: Tensor) -> Tensor:
        """Map (B, features) to capsules P, (B, M, d)."""
        # Features have variance 1: what is cut off here is an outlier of the outliers,
        # whose products would overflow.
        blocks = x.clamp(-100, 100).split(self.block_dims, dim=1)
        h = [
            project(block) for project, block in zip(self.project, blocks, strict=True)
        ]
        u = (
            h
            + [h[b] * h[c] for b, c in self.pairs]
            + [h[b] - h[c] for b, c in self.pairs]
        )
        both = [present[:, b] & present[:, c] for b, c in self.pairs]
        there = torch.stack([*present.unbind(1), *both, *both], dim=1)  # (B, T)
        u = F.gelu(torch.stack(u, dim=1))  # (B, T, h)
        u = u * self.dropout(torch.ones_like(u[:, :1]))  # one draw for all tokens
        scores = torch.einsum("bth,mh->bmt", u, self.query_weight) / u.shape[-1] ** 0.5
        attention = masked_softmax(scores, there[:, None])
        values = torch.einsum("bth,tho->bto", u, self.value_weight)
        values = values.unflatten(-1, self.shape)  # (B, T, M, d)
        read = torch.einsum("bmt,btmd->bmd", attention, values)
        return read * there.sum(1)[:, None, None] ** 0.5


class CapabilityTokens(nn.Module):
    r"""What a model is good at, independent of the query.

    .. math:: m_i = W_2 \, \mathrm{GELU}(W_1 \mathrm{LN}(z_i)) + e_i

    with the calibration profile :math:`z_i` and a learned part :math:`e_i`, which is
    zero for a model that joins after training.
    """

    def __init__(self, n_models, n_profile, n_capsules, token_dim, dropout):
        super().__init__()
        self.shape = (n_capsules, token_dim)
        width = n_capsules * token_dim
        self.read = nn.Sequential(
            nn.LayerNorm(n_profile),
            nn.Linear(n_profile, width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(width, width),
        )
        self.learned_weight = nn.Parameter(torch.randn(n_models, width) * width**-0.5)

    def forward(self, profile: Tensor) -> Tensor:
        """Map profiles (K, n_profile) to tokens m, (K, M, d)."""
        n_new = len(profile) - len(self.learned_weight)
        learned = F.pad(self.learned_weight, (0, 0, 0, n_new))
        return (self.read(profile) + learned).unflatten(-1, self.shape)


class LatentCommunication(nn.Module):
    """Layers in which models read capsules, hear each other, and speak back."""

    def __init__(self, n_capsules, token_dim, n_heads, n_layers, feedback, dropout):
        super().__init__()
        self.enter = nn.Linear(n_capsules * token_dim, token_dim)
        self.layers = nn.ModuleList(
            CommunicationLayer(token_dim, n_heads, feedback, dropout)
            for _ in range(n_layers)
        )

    def forward(self, m: Tensor, P: Tensor, available: Tensor) -> tuple[Tensor, Tensor]:
        """Return the models' states t, (B, K, d), and the capsules after feedback."""
        t = self.enter(m.flatten(1)).expand(len(P), -1, -1)
        P = F.layer_norm(P, P.shape[-1:])
        for layer in self.layers:
            t, P = layer(t, P, available)
        return t, P


class CommunicationLayer(nn.Module):
    r"""One round of latent communication.

    1. Read: :math:`u_i = \sum_c \mathrm{softmax}_c(W_q t_i \cdot W_k P_c) W_v P_c` and
       :math:`t_i \leftarrow \mathrm{LN}(t_i + \mathrm{MLP}[t_i; u_i; t_i \odot u_i])`.
    2. Models attend to the available models, themselves included.
    3. Feedback: models weigh in by :math:`\mathrm{softmax}(w \cdot t_i / 0.25)` over
       the available ones, and capsules attend to what they say.
    """

    temperature = 0.25

    def __init__(self, token_dim, n_heads, feedback, dropout):
        super().__init__()
        self.read = Attention(token_dim, n_heads)
        self.update = nn.Sequential(
            nn.Linear(3 * token_dim, token_dim), nn.GELU(), nn.Dropout(dropout)
        )
        self.listen = Attention(token_dim, n_heads)
        self.speak = Attention(token_dim, n_heads) if feedback else None
        self.decide = nn.Linear(token_dim, 1) if feedback else None
        self.norm_read = nn.LayerNorm(token_dim)
        self.norm_listen = nn.LayerNorm(token_dim)
        self.norm_speak = nn.LayerNorm(token_dim)

    def forward(self, t: Tensor, P: Tensor, available: Tensor) -> tuple[Tensor, Tensor]:
        """Update the states t (B, K, d) and the capsules P (B, M, d)."""
        u = self.read(t, P)
        t = self.norm_read(t + self.update(torch.cat([t, u, t * u], dim=-1)))
        heard = available[:, None, :] | torch.eye(
            t.shape[1], dtype=torch.bool, device=t.device
        )
        t = self.norm_listen(t + self.listen(t, t, heard))
        if self.speak is None:
            return t, P
        vote = self.decide(t).squeeze(-1) / self.temperature
        weight = masked_softmax(vote, available)
        P = P + self.speak(P, weight[..., None] * t, available[:, None, :])
        return t, self.norm_speak(P)


class Attention(nn.Module):
    """Multi-head attention from one set of tokens to another."""

    def __init__(self, dim, n_heads):
        super().__init__()
        self.n_heads = n_heads
        self.query = nn.Linear(dim, dim)
        self.key_value = nn.Linear(dim, 2 * dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, to: Tensor, of: Tensor, mask: Tensor | None = None) -> Tensor:
        """Let ``to`` (B, n, d) read ``of`` (B, m, d) where ``mask`` (B, n or 1, m)."""
        q = self.query(to).unflatten(-1, (self.n_heads, -1))
        k, v = self.key_value(of).unflatten(-1, (2, self.n_heads, -1)).unbind(-3)
        scores = torch.einsum("bnhe,bmhe->bhnm", q, k) / q.shape[-1] ** 0.5
        attention = masked_softmax(scores, None if mask is None else mask[:, None])
        read = torch.einsum("bhnm,bmhe->bnhe", attention, v)
        return self.out(read.flatten(-2))


def masked_softmax(scores: Tensor, mask: Tensor | None) -> Tensor:
    """Softmax over the last axis, exactly 0 where the mask is false.

    Scores are clamped to +-30 instead of shifted by their maximum: for the short
    rows of this network that is five times as fast as ``Tensor.softmax``.
    """
    weight = scores.clamp(-30, 30).exp()
    if mask is not None:
        weight = weight * mask
    return weight / weight.sum(-1, keepdim=True)


class DistributionHead(nn.Module):
    r"""Distribution of quality on the support :math:`s \in [0, 1]^S`.

    .. math:: \log p_{is} = \log \pi_{is} + a_i s + r_s(t_i) + \mathrm{const},
              \qquad a_i = \langle P, m_i \rangle / \sqrt{Md}

    The affinity :math:`a_i` of query and model tilts the model's own marginal
    :math:`\pi_i`; :math:`r`, zero at the start, is what communication adds. With two
    points of support this is a logistic model of success.
    """

    def __init__(self, n_capsules, token_dim, n_support):
        super().__init__()
        self.scale = (n_capsules * token_dim) ** -0.5
        self.bias = nn.Parameter(torch.zeros(()))
        self.refine = nn.Linear(token_dim, n_support)
        nn.init.zeros_(self.refine.weight)
        nn.init.zeros_(self.refine.bias)

    def forward(self, P: Tensor, m: Tensor, t: Tensor | None, prior: Tensor) -> Tensor:
        """Return log-probabilities, (B, K, S)."""
        affinity = torch.einsum("bmd,kmd->bk", P, m) * self.scale + self.bias
        logits = prior + affinity[..., None] * support_of(prior)
        if t is not None:
            logits = logits + self.refine(t)
        return logits.log_softmax(-1)


class CapsuleCorrection(nn.Module):
    r"""Bounded shift of the mean by what the capsules hold.

    .. math:: \delta_i = \beta \tanh \mathrm{MLP}[t_i; \bar P], \qquad
              \tilde\mu_i = \mathrm{clip}(\mu_i + \delta_i, 0, 1)

    The distribution is mixed with the end of the support towards which the mean
    moves, so that its mean is exactly :math:`\tilde\mu_i`.
    """

    def __init__(self, token_dim, bound):
        super().__init__()
        self.bound = bound
        self.shift = nn.Sequential(
            nn.LayerNorm(2 * token_dim),
            nn.Linear(2 * token_dim, token_dim),
            nn.GELU(),
            nn.Linear(token_dim, 1),
        )

    def forward(self, log_prob: Tensor, t: Tensor, P: Tensor) -> RouterOutput:
        """Shift ``log_prob`` (B, K, S) given states t (B, K, d) and capsules P."""
        pooled = P.mean(1, keepdim=True).expand(-1, t.shape[1], -1)
        delta = (
            self.bound * self.shift(torch.cat([t, pooled], dim=-1)).squeeze(-1).tanh()
        )
        prob = log_prob.exp()
        mean = prob @ support_of(prob)
        room = torch.where(delta > 0, 1 - mean, mean)
        weight = (delta.abs() / room.clamp_min(1e-6)).clamp(0, 1)[..., None]
        ends = torch.zeros_like(prob)
        ends[..., 0], ends[..., -1] = delta <= 0, delta > 0
        mixed = (1 - weight) * prob + weight * ends
        return RouterOutput(mixed.clamp_min(1e-6).log(), delta)
