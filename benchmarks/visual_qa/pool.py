"""The candidate models: eight ways to answer a question about a picture."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import vision
from data import words
from torch import nn
from torch.nn import functional as F

WIDTH = 64
BATCH_IMAGES = 64
LEARNING_RATE = 3e-3


class Vocabulary:
    """Number the words of questions; 0 is a word never seen."""

    def __init__(self, questions):
        known = sorted({word for text in set(questions) for word in words(text)})
        self.index = {word: number for number, word in enumerate(known, start=1)}

    def __len__(self):
        return len(self.index) + 1

    def encode(self, questions):
        """Return counts of words, (n_questions, n_words)."""
        counts = torch.zeros(len(questions), len(self))
        for row, text in enumerate(questions):
            for word in words(text):
                counts[row, self.index.get(word, 0)] += 1
        return counts


class Answerer(nn.Module):
    """Answer from an encoded picture and the words of a question.

    The question is a sum of word vectors. It gates the picture's vector
    element by element, then a small network names the answer.
    """

    def __init__(self, encoder, n_words, n_answers):
        super().__init__()
        self.encoder = encoder
        self.word_vectors = nn.Parameter(torch.randn(n_words, WIDTH) * 0.3)
        self.head = nn.Sequential(
            nn.Linear(2 * WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, n_answers)
        )

    def forward(self, inputs, counts, image):
        """Return logits; question i is about picture `image[i]` of the inputs."""
        picture = self.encoder(inputs)[image]
        question = torch.tanh(counts @ self.word_vectors)
        return self.head(torch.cat([picture * question, question], dim=1))


def dense(n_inputs):
    """Encode a vector by one hidden layer."""
    return nn.Sequential(
        nn.BatchNorm1d(n_inputs), nn.Linear(n_inputs, WIDTH), nn.ReLU()
    )


def two_layers(n_inputs, hidden=256):
    """Encode a vector by two hidden layers."""
    return nn.Sequential(
        nn.BatchNorm1d(n_inputs),
        nn.Linear(n_inputs, hidden),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(hidden, WIDTH),
        nn.ReLU(),
    )


class MeanAndMax(nn.Module):
    """Pool a map to its means and its maxima."""

    def forward(self, maps):
        return torch.cat([maps.mean(dim=(2, 3)), maps.amax(dim=(2, 3))], dim=1)


def convolutional(channels, strides, first_kernel=3):
    """Encode pixels by convolutions, pooling over places at the end."""
    layers, n_inputs, kernel = [], 3, first_kernel
    for n_outputs, stride in zip(channels, strides, strict=True):
        layers += [
            nn.Conv2d(n_inputs, n_outputs, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm2d(n_outputs),
            nn.ReLU(),
        ]
        n_inputs, kernel = n_outputs, 3
    layers += [MeanAndMax(), nn.Linear(2 * n_inputs, WIDTH), nn.ReLU()]
    return nn.Sequential(*layers)


@dataclass(frozen=True)
class Candidate:
    """Recipe of a candidate model.

    Parameters
    ----------
    name : str
    look : callable
        What it sees of a picture, from `vision`.
    encoder : callable
        Makes the network from what it sees to a vector.
    learns_from : {"clean", "day", "night"}
        The pool's pictures it was trained on: clean ones; clean, tinted and
        noisy ones; dark ones, tinted and noisy or not.
    epochs : int
    """

    name: str
    look: Callable
    encoder: Callable
    learns_from: str
    epochs: int


CANDIDATES = (
    Candidate("question-only", vision.nothing, lambda: dense(1), "clean", 4),
    Candidate(
        "color-histogram", vision.color_histogram, lambda: dense(64), "clean", 15
    ),
    Candidate(
        "balanced-color",
        vision.balanced_color_histogram,
        lambda: dense(64),
        "clean",
        15,
    ),
    Candidate("edge-histogram", vision.edge_histogram, lambda: dense(36), "clean", 15),
    Candidate(
        "small-cnn",
        vision.small_pixels,
        lambda: convolutional((12, 24, 48), (2, 2, 2)),
        "clean",
        12,
    ),
    Candidate(
        "day-cnn",
        vision.tiny_pixels,
        lambda: convolutional((24, 48, 64), (1, 2, 2)),
        "day",
        10,
    ),
    Candidate(
        "night-cnn",
        vision.tiny_pixels,
        lambda: convolutional((24, 48, 64), (1, 2, 2)),
        "night",
        15,
    ),
    Candidate(
        "pretrained-cnn",
        vision.zoomed_pretrained_features,
        lambda: two_layers(1280),
        "clean",
        15,
    ),
)


class TrainedModel:
    """A candidate with its network, ready to answer."""

    def __init__(self, candidate, network, vocabulary, answers):
        self.name = candidate.name
        self.look = candidate.look
        self.network = network.eval()
        self.vocabulary = vocabulary
        self.answers = answers

    @torch.inference_mode()
    def answer(self, images, text, image):
        """Answer questions about pictures, from raw pixels and raw text."""
        logits = self.network(
            self.look(images), self.vocabulary.encode(text), torch.as_tensor(image)
        )
        return self.answers[logits.argmax(dim=1).numpy()]

    @property
    def operations(self):
        """Operations of one query that are not matrix work."""
        return vision.OPERATIONS[self.look]


def batches_of_images(n_images, generator):
    """Yield shuffled rows of pictures; a last batch too small is left out."""
    for rows in torch.randperm(n_images, generator=generator).split(BATCH_IMAGES):
        if len(rows) > 1:
            yield rows


def train(candidate, images, questions, vocabulary, answers, *, seed, epochs=None):
    """Train a candidate on pictures and all of their questions.

    Parameters
    ----------
    candidate : Candidate
    images : ndarray of shape (n_images, 64, 64, 3)
    questions : Questions
        Sorted by picture.
    vocabulary : Vocabulary
    answers : ndarray of str
        All answers, sorted.
    seed : int
    epochs : int, default=None
        Instead of the candidate's own number.

    Returns
    -------
    model : TrainedModel
    """
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    network = Answerer(candidate.encoder(), len(vocabulary), len(answers)).train()
    inputs = candidate.look(images)
    counts = vocabulary.encode(questions.text)
    target = torch.from_numpy(np.searchsorted(answers, questions.answer))
    owner = torch.from_numpy(questions.image)
    first = torch.searchsorted(owner, torch.arange(len(images) + 1))
    epochs = epochs or candidate.epochs
    n_steps = epochs * -(-len(images) // BATCH_IMAGES)
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=n_steps
    )
    for _ in range(epochs):
        for rows in batches_of_images(len(images), generator):
            asked = [torch.arange(first[row], first[row + 1]) for row in rows]
            image = torch.arange(len(rows)).repeat_interleave(
                torch.tensor([len(a) for a in asked])
            )
            asked = torch.cat(asked)
            loss = F.cross_entropy(
                network(inputs[rows], counts[asked], image), target[asked]
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return TrainedModel(candidate, network, vocabulary, answers)
