"""Change YAML files: other values, other bytes, odd constructs, or aliases of aliases."""

from __future__ import annotations

import yaml
from mutations import Rng, mutate_bytes, mutate_tree


def mutated_yaml(data: bytes, rng: Rng) -> bytes:
    """YAML with other values, other bytes, or aliases of aliases."""
    match int(rng.integers(0, 8)):
        case 0 | 1:
            return mutate_bytes(data, rng)
        case 2:
            times, deep = int(rng.integers(2, 12)), int(rng.integers(1, 12))
            lines = ["a0: &a0 [x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * times)}]" for i in range(1, deep)]
            return data + "\n".join(["", *lines]).encode()
        case 3:
            odd = ("!!python/object/apply:os.system ['true']", "&a [*a]", "!!binary aGVsbG8=", "!!set {a, b}", "<<: *x",
                   "2001-99-99", "0x" + "f" * 5000, "9" * 5000, "1:2:3:4:5", ".inf", "!!timestamp x", "? [a, b]\n: c",
                   "!!int x", "!!omap [a: 1]", "[" * 2000, "- " * 500, "{" * 300, "\t", "%YAML 3.0\n---\n", "--- a\n--- b")  # fmt: skip
            lines = data.decode().splitlines()
            where = int(rng.integers(0, len(lines)))
            key = lines[where].partition(":")[0] or "x"
            lines[where] = f"{key}: {odd[rng.integers(0, len(odd))]}"
            return "\n".join(lines).encode()
        case _:
            return yaml.dump(mutate_tree(yaml.safe_load(data), rng), allow_unicode=True).encode(
                "utf-8", "surrogatepass"
            )
