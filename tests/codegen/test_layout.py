"""Breaking statements into lines."""

from __future__ import annotations

import subprocess
import sys

from retix.codegen.layout import WIDTH, break_statement

LONG = (
    "x = self.function(first_argument, second_argument, third_argument, fourth_argument=1)",
    "self.layers = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3))",
    "return {'first': self.first_head(features), 'second': self.second_head(features), 'third': features}",
    "self.layers = nn.ModuleList([SeparableConv(dim, dim, 3, stride=2, padding=1, groups=dim) for _ in range(4)])",
    "x = torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch_pool(x), x], dim=1)",
)


def test_short_statements_stay() -> None:
    """What fits is one line."""
    assert break_statement("x = f(y)", 2) == ["        x = f(y)"]


def test_commas_in_strings_do_not_count() -> None:
    """Only brackets and commas outside of strings break a line."""
    lines = break_statement(f'x = f("a, (b", {"c" * 80})', 1)
    assert lines[1:-1] == ['        "a, (b",', f"        {'c' * 80},"]


def test_lines_are_the_formatters(tmp_path: object) -> None:
    """The formatter leaves broken statements as they are."""
    body = ["def forward(self, x):"]
    for statement in LONG:
        body += break_statement(statement.replace("'", '"'), 1)
    text = "\n".join(body) + "\n"
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--no-cache", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    assert done.stdout == text
    assert all(len(line) <= WIDTH for line in body)
