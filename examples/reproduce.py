"""Check the best model of `digits.py` in a Python that has no retix: only torch, safetensors and scikit-learn.

Called as ``python -I -S reproduce.py SITE_PACKAGES``, so that nothing but the named folder is on the path.
"""

import importlib.util
import sys
from pathlib import Path

sys.path.append(sys.argv[1])  # torch and the others are found there, so their imports come behind it
import torch
from safetensors.torch import load_file
from sklearn.datasets import load_digits

RUNS = Path(__file__).parent.parent / "runs"


def main():
    if importlib.util.find_spec("retix") is not None:
        sys.exit("retix can be imported here, so this would prove nothing")
    sys.path.append(str(RUNS))
    model = importlib.import_module("best_model").Net()
    model.load_state_dict(load_file(RUNS / "best_model.safetensors"))
    model.eval()
    digits = load_digits()
    images = torch.tensor(digits.images[::5], dtype=torch.float32).unsqueeze(1) / 16
    with torch.no_grad():
        accuracy = (model(images).argmax(1) == torch.tensor(digits.target[::5])).float().mean().item()
    reported = float((RUNS / "best_accuracy.txt").read_text())
    if abs(accuracy - reported) > 1e-6:
        sys.exit(f"best_model.py scores {accuracy:.6f} without retix, but {reported:.6f} was reported")
    print(f"without retix: best_model.py with best_model.safetensors scores {accuracy:.4f}, as reported")


if __name__ == "__main__":
    main()
