"""Numbers for people keep the digits that matter."""

import numpy as np
import pytest

from sklroute.compare import _words as words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (words.percent(0.8866), "88.7 %"),
        (words.percent(np.nan), ""),
        (words.points(0.0123), "+1.2"),
        (words.points(-0.0123, -0.02, 0.005), "-1.2 [-2.0, +0.5]"),
        (words.points(np.nan, np.nan, np.nan), ""),
        (words.points(-1e-12), "+0.0"),
        (words.points(0.012, 0.0003, 0.02), "+1.20 [+0.03, +2.00]"),
        (words.share(0.494, 0.46, 0.52), "49.4 % [46.0, 52.0]"),
        (words.share(0.99972), "99.97 %"),
        (words.share(0.9995, 0.9991, 0.9999), "99.95 % [99.91, 99.99]"),
        (words.share(0.02, 0.0004, 0.03), "2.00 % [0.04, 3.00]"),
        (words.share(1.0), "100.0 %"),
        (words.share(-0.2), "-20.0 %"),
        (words.share(np.nan, np.nan, np.nan), ""),
        (words.area(0.9124, 0.9, 0.92), "0.912 [0.900, 0.920]"),
        (words.significant(0.000226), "0.000226"),
        (words.significant(251.867), "252"),
        (words.significant(999.4), "999"),
        (words.significant(-999.7), "-1,000"),
        (words.significant(12345.6), "12,346"),
        (words.significant(np.inf), "inf"),
        (words.significant(np.nan), ""),
        (words.thousands(58210.4), "58,210"),
    ],
)
def test_numbers(text, expected):
    assert text == expected
