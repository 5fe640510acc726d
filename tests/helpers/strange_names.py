"""Names that people give to files, datasets and outputs, and that files, folders or keys in ROOT files cannot have."""

from __future__ import annotations

from hypothesis import strategies as st

from coffea_fm.names import safe_name

ZOO = [
    *(
        "a:b",
        "a/b",
        "a.b",
        "a;b",
        "a;1",
        "a\\\\b",
        "a|b",
        "a b",
        "a_b",
        "a",
        "A",
        " a",
        "a ",
        ".",
        "..",
        "...",
        "",
        " ",
        "-a",
        ".a",
        "/",
        "//",
    ),
    *(
        "a?b",
        "a*b",
        'a"b',
        "a<b",
        "a>b",
        "a\nb",
        "a\x00b",
        "tt̄",
        "tt\u0304",
        "数据",
        "é",
        "e\u0301",
        "🎉",
        "x" * 300,
        "x" * 301,
    ),
    *(
        "~",
        "a~b",
        "a_b~0",
        safe_name("a/b"),
        "é" * 200,
        "con",
        "mc20_13TeV:mc20.410470.ttbar",
        "m_{jj} [GeV]",
        "pt>200",
    ),
]
TEXT = st.text(st.characters(), max_size=200) | st.sampled_from(ZOO)
DATASETS = [name for name in ZOO if name.strip() and name.isprintable()]
"""Those that a fileset may have; the others are refused before the run."""
