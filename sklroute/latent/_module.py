r"""The network of the latent router, part by part, as the paper describes it.

Shapes: E members of the ensemble, B queries, K models, M capsules, T query tokens,
d = ``token_dim``, h = ``hidden_dim``, S points of the distribution's support.

``P`` (E, B, M, d) are the routing capsules, ``m`` (E, K, M, d) the capability tokens
and ``t`` (E, B, K, d) the states of the models while they communicate. The members are
independent networks that share one pass: their axis is never mixed.
"""

from itertools import combinations
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sklroute.serving._latent import CLAMP


class RouterOutput(NamedTuple):
    """What the network says of every model's answer to every query."""

    log_prob: Tensor
    """(E, B, K, S) log-probability of each point of the support."""
    correction: Tensor
    """(E, B, K) shift of the mean by the capsule correction."""


class LatentRouterModule(nn.Module):
    """Counterfactual quality of every model for every query.

    Parameters
    ----------
    profile : Tensor of shape (K, n_profile)
        Standardised capability profiles.
    prior : Tensor of shape (K, S)
        Log-frequency of each quality in the model's calibration outcomes.
    block_dims : tuple of int
        Number of features of each modality block, in the order of the columns.
    n_members : int
        E.
    hidden_dim, n_capsules, token_dim, n_heads, n_layers : int
        Sizes; ``n_layers=0`` switches communication off.
    interactions, feedback : bool
        Whether products of blocks become tokens, and whether models speak back to
        capsules.
    correction_bound : float
        Largest shift of the mean, >= 0; 0 switches the correction off.
    dropout : float
        Probability of zeroing a hidden unit in training.
    """

    profile: Tensor
    prior: Tensor

    def __init__(
        self,
        *,
        profile: Tensor,
        prior: Tensor,
        block_dims: tuple[int, ...],
        n_members: int,
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
        self.register_buffer("profile", profile)
        self.register_buffer("prior", prior)
        self.n_members = n_members
        E, M, d = n_members, n_capsules, token_dim
        self.capsules = RoutingCapsules(
            E, block_dims, hidden_dim, M, d, interactions, dropout
        )
        self.tokens = CapabilityTokens(E, *profile.shape, M, d, dropout)
        self.communication = (
            LatentCommunication(E, M, d, n_heads, n_layers, feedback, dropout)
            if n_layers
            else None
        )
        self.head = DistributionHead(E, M, d, prior.shape[1])
        self.correction = (
            CapsuleCorrection(E, d, correction_bound) if correction_bound else None
        )

    def forward(
        self,
        x: Tensor,
        present: Tensor,
        available: Tensor,
        tokens: Tensor | None = None,
    ) -> RouterOutput:
        """Predict the distribution of quality.

        Each argument has one row per query for all members, or a leading axis of
        length E with rows of each member's own.

        Parameters
        ----------
        x : Tensor of shape (B, sum of block_dims)
            Scaled features, the blocks side by side.
        present : Tensor of bool, of shape (B, n_blocks)
            Whether the query has the block at all.
        available : Tensor of bool, of shape (B, K)
            Models that take part; the others influence nothing.
        tokens : Tensor of shape (E, K, M, d), default=None
            What ``self.tokens(self.profile)`` returns, if it has been computed: it
            is the same for every query.

        Returns
        -------
        output : RouterOutput
            Of every member, query and model.
        """
        # Features have variance 1: what is cut off here is an outlier of the outliers,
        # whose products would overflow.
        x = x.clamp(-CLAMP, CLAMP)
        x, present, available = (
            part.expand(self.n_members, -1, -1) for part in (x, present, available)
        )
        P = self.capsules(x, present)
        m = self.tokens(self.profile) if tokens is None else tokens
        t, P_heard = None, P
        if self.communication is not None:
            t, P_heard = self.communication(m, P, available)
        log_prob = self.head(P, m, t, self.prior)
        if self.correction is None:
            return RouterOutput(log_prob, torch.zeros_like(log_prob[..., 0]))
        if t is None:
            t = m.mean(2)[:, None].expand(-1, x.shape[1], -1, -1)
        return self.correction(log_prob, t, P_heard)


class RoutingCapsules(nn.Module):
    r"""A few learned queries that read the modality blocks and their interactions.

    Every block is projected, :math:`h_b = W_b x_b`; the query tokens are
    :math:`\mathrm{GELU}` of the projections and, for every pair of blocks, of
    :math:`h_b \odot h_c`. Capsule :math:`c` attends to them:

    .. math:: P_c = \sqrt{T} \sum_t \mathrm{softmax}_t(q_c \cdot u_t / \sqrt{h}) \,
              (V_t u_t)_c
    """

    def __init__(
        self,
        n_members,
        block_dims,
        hidden_dim,
        n_capsules,
        token_dim,
        interactions,
        dropout,
    ):
        super().__init__()
        blocks = range(len(block_dims))
        self.block_dims = tuple(block_dims)
        self.pairs = tuple(combinations(blocks, 2)) if interactions else ()
        self.shape = (n_capsules, token_dim)
        n_tokens = len(block_dims) + len(self.pairs)
        self.project = nn.ModuleList(
            MemberLinear(n_members, dim, hidden_dim) for dim in block_dims
        )
        self.query_weight = nn.Parameter(
            0.02 * torch.randn(n_members, 1, hidden_dim, n_capsules)
        )
        self.value_weight = nn.Parameter(
            torch.randn(n_members, n_tokens, hidden_dim, n_capsules * token_dim)
            * hidden_dim**-0.5
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, present: Tensor) -> Tensor:
        """Map features (E, B, features) to capsules P, (E, B, M, d)."""
        attention, values, there = self.attend(x, present)
        P = (attention[..., None] * values).sum(1)
        return P * there.sum(1)[..., None, None] ** 0.5

    def attend(self, x: Tensor, present: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Attention (E, T, B, M), values (E, T, B, M, d), what is there (E, T, B)."""
        blocks = x.split(self.block_dims, dim=-1)
        h = [
            project(block) for project, block in zip(self.project, blocks, strict=True)
        ]
        u = h + [h[b] * h[c] for b, c in self.pairs]
        both = [present[..., b] & present[..., c] for b, c in self.pairs]
        there = torch.stack([*present.unbind(-1), *both], dim=1)  # (E, T, B)
        u = F.gelu(torch.stack(u, dim=1))  # (E, T, B, h)
        if self.training:
            u = u * self.dropout(torch.ones_like(u[:, :1]))  # one draw for all tokens
        # Scores and values in one product: twice as fast as two narrow ones.
        n_tokens, width = u.shape[1], u.shape[-1]
        query = self.query_weight.expand(-1, n_tokens, -1, -1) / width**0.5
        read = u @ torch.cat([query, self.value_weight], dim=-1)
        scores, values = read.split([self.shape[0], read.shape[-1] - self.shape[0]], -1)
        attention = masked_softmax(scores, there[..., None], dim=1)  # (E, T, B, M)
        return attention, values.unflatten(-1, self.shape), there


class CapabilityTokens(nn.Module):
    r"""What a model is good at, independent of the query.

    .. math:: m_i = W_2 \, \mathrm{GELU}(W_1 \mathrm{LN}(z_i)) + e_i

    with the calibration profile :math:`z_i` and a learned part :math:`e_i`, which is
    zero for a model that joins after training.
    """

    def __init__(self, n_members, n_models, n_profile, n_capsules, token_dim, dropout):
        super().__init__()
        self.n_members = n_members
        self.shape = (n_capsules, token_dim)
        width = n_capsules * token_dim
        self.read = nn.Sequential(
            MemberLinear(n_members, n_profile, width),
            nn.GELU(),
            nn.Dropout(dropout),
            MemberLinear(n_members, width, width),
        )
        self.learned_weight = nn.Parameter(
            torch.randn(n_members, n_models, width) * width**-0.5
        )

    def forward(self, profile: Tensor) -> Tensor:
        """Map profiles (K, n_profile) to tokens m, (E, K, M, d)."""
        n_new = len(profile) - self.learned_weight.shape[1]
        learned = F.pad(self.learned_weight, (0, 0, 0, n_new))
        profile = norm(profile).expand(self.n_members, -1, -1)
        return (self.read(profile) + learned).unflatten(-1, self.shape)


class LatentCommunication(nn.Module):
    """Layers in which models read capsules, hear each other, and speak back."""

    def __init__(
        self, n_members, n_capsules, token_dim, n_heads, n_layers, feedback, dropout
    ):
        super().__init__()
        self.enter = MemberLinear(n_members, n_capsules * token_dim, token_dim)
        self.layers = nn.ModuleList(
            CommunicationLayer(n_members, token_dim, n_heads, feedback, dropout)
            for _ in range(n_layers)
        )

    def forward(self, m: Tensor, P: Tensor, available: Tensor) -> tuple[Tensor, Tensor]:
        """Return the states t, (E, B, K, d), and the capsules after feedback."""
        t = self.enter(m.flatten(2))[:, None].expand(-1, P.shape[1], -1, -1)
        P = norm(P)
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

    def __init__(self, n_members, token_dim, n_heads, feedback, dropout):
        super().__init__()
        self.read = Attention(n_members, token_dim, n_heads)
        self.update = nn.Sequential(
            MemberLinear(n_members, 3 * token_dim, token_dim),
            nn.GELU(),
            nn.Dropout(dropout),
        )
        self.listen = Attention(n_members, token_dim, n_heads)
        self.speak = Attention(n_members, token_dim, n_heads) if feedback else None
        self.decide = MemberLinear(n_members, token_dim, 1) if feedback else None

    def forward(self, t: Tensor, P: Tensor, available: Tensor) -> tuple[Tensor, Tensor]:
        """Update the states t (E, B, K, d) and the capsules P (E, B, M, d)."""
        u = self.read(t, P)
        t = norm(t + self.update(torch.cat([t, u, t * u], dim=-1)))
        itself = torch.eye(t.shape[2], dtype=torch.bool, device=t.device)
        t = norm(t + self.listen(t, t, available[..., None, :] | itself))
        if self.speak is None:
            return t, P
        vote = self.decide(t).squeeze(-1) / self.temperature
        weight = masked_softmax(vote, available)
        P = P + self.speak(P, weight[..., None] * t, available[..., None, :])
        return t, norm(P)


class Attention(nn.Module):
    """Multi-head attention from one set of tokens to another."""

    def __init__(self, n_members, dim, n_heads):
        super().__init__()
        self.n_heads = n_heads
        self.query = MemberLinear(n_members, dim, dim)
        self.key_value = MemberLinear(n_members, dim, 2 * dim)
        self.out = MemberLinear(n_members, dim, dim)

    def forward(self, to: Tensor, of: Tensor, mask: Tensor | None = None) -> Tensor:
        """Let ``to`` (E, B, n, d) read ``of`` (E, B, m, d); mask (E, B, n or 1, m)."""
        q = self.query(to).unflatten(-1, (self.n_heads, -1))
        k, v = self.key_value(of).unflatten(-1, (2, self.n_heads, -1)).unbind(-3)
        scores = torch.einsum("xbnhe,xbmhe->xbhnm", q, k) / q.shape[-1] ** 0.5
        attention = masked_softmax(scores, None if mask is None else mask[:, :, None])
        read = torch.einsum("xbhnm,xbmhe->xbnhe", attention, v)
        return self.out(read.flatten(-2))


class DistributionHead(nn.Module):
    r"""Distribution of quality on the support :math:`s \in [0, 1]^S`.

    .. math:: \log p_{is} = \log \pi_{is} + a_i s + r_s(t_i) + \mathrm{const},
              \qquad a_i = \langle P, m_i \rangle / \sqrt{Md}

    The affinity :math:`a_i` of query and model tilts the model's own marginal
    :math:`\pi_i`; :math:`r`, zero at the start, is what communication adds. With two
    points of support this is a logistic model of success.
    """

    def __init__(self, n_members, n_capsules, token_dim, n_support):
        super().__init__()
        self.scale = (n_capsules * token_dim) ** -0.5
        self.bias = nn.Parameter(torch.zeros(n_members, 1, 1))
        self.refine = MemberLinear(n_members, token_dim, n_support)
        nn.init.zeros_(self.refine.weight)

    def forward(self, P: Tensor, m: Tensor, t: Tensor | None, prior: Tensor) -> Tensor:
        """Return log-probabilities, (E, B, K, S)."""
        affinity = P.flatten(2) @ m.flatten(2).mT * self.scale + self.bias  # (E, B, K)
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

    def __init__(self, n_members, token_dim, bound):
        super().__init__()
        self.bound = bound
        self.shift = nn.Sequential(
            MemberLinear(n_members, 2 * token_dim, token_dim),
            nn.GELU(),
            MemberLinear(n_members, token_dim, 1),
        )

    def forward(self, log_prob: Tensor, t: Tensor, P: Tensor) -> RouterOutput:
        """Shift ``log_prob`` (E, B, K, S) given states t and capsules P."""
        pooled = P.mean(2, keepdim=True).expand(-1, -1, t.shape[2], -1)
        shift = self.shift(norm(torch.cat([t, pooled], dim=-1)))
        delta = self.bound * shift.squeeze(-1).tanh()
        prob = log_prob.exp()
        mean = prob @ support_of(prob)
        room = torch.where(delta > 0, 1 - mean, mean)
        weight = (delta.abs() / room.clamp_min(1e-6)).clamp(0, 1)[..., None]
        ends = torch.zeros_like(prob)
        ends[..., 0], ends[..., -1] = delta <= 0, delta > 0
        mixed = (1 - weight) * prob + weight * ends
        return RouterOutput(mixed.clamp_min(1e-6).log(), delta)


class MemberLinear(nn.Module):
    """A linear layer for each member: (E, ..., n_in) to (E, ..., n_out)."""

    def __init__(self, n_members, n_in, n_out):
        super().__init__()
        bound = n_in**-0.5
        weight = torch.empty(n_members, n_in, n_out)
        self.weight = nn.Parameter(weight.uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(n_members, 1, n_out))

    def forward(self, x: Tensor) -> Tensor:
        """Apply each member's layer to its rows, in one batched product."""
        out = torch.baddbmm(self.bias, x.flatten(1, -2), self.weight)
        return out.unflatten(1, x.shape[1:-1])


def norm(x: Tensor) -> Tensor:
    """Layer norm; the linear layer that follows would absorb a gain and a bias."""
    return F.layer_norm(x, x.shape[-1:])


def masked_softmax(scores: Tensor, mask: Tensor | None, dim: int = -1) -> Tensor:
    """Softmax that is exactly 0 where the mask is false.

    Scores are clamped to +-30 instead of shifted by their maximum: for the short
    rows of this network that is several times as fast as ``Tensor.softmax``.
    """
    weight = scores.clamp(-30, 30).exp()
    if mask is not None:
        weight = weight * mask
    return weight / weight.sum(dim, keepdim=True)


def support_of(log_prob: Tensor) -> Tensor:
    """Points in [0, 1] to which the last axis gives probabilities, (S,)."""
    return torch.linspace(
        0, 1, log_prob.shape[-1], dtype=log_prob.dtype, device=log_prob.device
    )
