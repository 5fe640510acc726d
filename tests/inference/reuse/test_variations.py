from __future__ import annotations

from collections import Counter
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
from tiny_bundles import level_of_jets

import coffea_fm
from coffea_fm.errors import InputError, InputWarning
from coffea_fm.inference.reuse.keys import content_keys, stored_keys
from coffea_fm.tokens import Members, Packed, flatten, pack


def same(left: ak.Array, right: ak.Array) -> bool:
    return bool(ak.array_equal(left, right, equal_nan=True))


def raw(jets: ak.Array) -> ak.Array:
    """Corrected jets, which remember what they were before."""
    return ak.with_field(jets, jets[["pt", "mass"]], "uncorrected")


def shifted(jets: ak.Array, factor: float) -> ak.Array:
    return ak.with_field(jets, jets.pt * factor, "pt")


def test_momenta_that_no_network_reads_cost_nothing(bundle: Path, jets: ak.Array, rows_run: Counter[str]) -> None:
    tagger, jets = coffea_fm.load(bundle), raw(jets)
    nominal = tagger(jets)
    once = Counter(rows_run)
    results = tagger.variations(jets, {"up": shifted(jets, 1.1), "down": shifted(jets, 0.9)})
    assert list(results) == ["nominal", "up", "down"]
    assert rows_run == once + once
    for scores in results.values():
        assert same(scores, nominal)
        assert coffea_fm.report(scores).counts == coffea_fm.report(nominal).counts


def test_only_jets_that_were_not_selected_before_are_run(bundle: Path, jets: ak.Array, rows_run: Counter[str]) -> None:
    tagger, jets = coffea_fm.load(bundle), raw(jets)

    def select(jets: ak.Array) -> ak.Array:
        kept = jets[jets.pt > 500]
        return kept[ak.argsort(kept.pt, ascending=False)]

    nominal, up, down = (select(shifted(jets, factor)) for factor in (1.0, 1.3, 0.8))
    results = tagger.variations(nominal, {"up": up, "down": down})
    usable = ak.num(ak.flatten(jets[jets.pt * 1.3 > 500]).constituents) > 0
    assert rows_run == {"backbone": ak.sum(usable), "head": ak.sum(usable)}
    assert ak.sum(ak.num(nominal)) < ak.sum(ak.num(up))
    for name, chosen in (("nominal", nominal), ("up", up), ("down", down)):
        assert same(results[name], tagger(chosen))
        assert coffea_fm.report(results[name]).counts == coffea_fm.report(tagger(chosen)).counts


def test_changed_constituents_are_run_again(bundle: Path, jets: ak.Array) -> None:
    tagger = coffea_fm.load(bundle)
    harder = ak.with_field(jets, ak.with_field(jets.constituents, jets.constituents.pt * 2, "pt"), "constituents")
    fewer = ak.with_field(jets, jets.constituents[jets.constituents.pt > 2], "constituents")
    without = ak.with_field(jets, ak.mask(jets.constituents, jets.constituents.pt > 2), "constituents")
    heavier = ak.with_field(jets, jets.mass * 2, "mass")
    given = {"harder": harder, "fewer": fewer, "without": without, "heavier": heavier}
    for name, scores in tagger.variations(jets, given, outputs=("scores", "embedding")).items():
        assert same(scores, tagger(given.get(name, jets), outputs=("scores", "embedding"))), name


def test_only_the_head_of_events_answers_to_shifted_jets(
    event_bundle: Path, jets: ak.Array, rows_run: Counter[str]
) -> None:
    tagger = coffea_fm.load(event_bundle)
    jets = raw(jets[ak.all(ak.num(jets.constituents, axis=2) > 0, axis=1)])
    factor = ak.where(ak.local_index(jets.pt) % 2 == 0, 0.6, 1.5)
    mixed = ak.with_field(jets, jets.pt * factor, "pt")
    given = {"up": shifted(jets, 1.1), "mixed": mixed, "cut": mixed[mixed.pt > 400]}
    tagger.variations(jets.pt, {}, FatJet=jets)  # tries out once which fields the backbone reads
    rows_run.clear()
    results = tagger.variations(jets.pt, given, FatJet=jets)
    read = jets[ak.argsort(jets.pt, ascending=False)][:, :3]
    assert rows_run["backbone"] <= ak.count(jets.pt)
    assert rows_run["backbone"] >= ak.count(read.pt)
    for name, scores in results.items():
        chosen = given.get(name, jets)
        plain = tagger(chosen.pt, FatJet=chosen)
        assert same(scores, plain)
        assert coffea_fm.report(scores).counts == coffea_fm.report(plain).counts


@pytest.mark.filterwarnings("ignore::coffea_fm.errors.InputWarning")
def test_warnings_are_those_of_a_call(event_bundle: Path, jets: ak.Array) -> None:
    others = ak.with_parameter(jets, "collection_name", "Jet")
    tagger = coffea_fm.load(event_bundle)
    with pytest.warns(InputWarning, match="these are called Jet"):
        tagger.variations(jets.pt, {}, FatJet=others)


def test_a_column_of_none_is_no_obstacle(bundle: Path, jets: ak.Array) -> None:
    tagger = coffea_fm.load(bundle)
    counts = ak.num(ak.flatten(jets.constituents))
    nothing = ak.unflatten(ak.Array([None] * int(ak.sum(counts))), counts)
    none = ak.with_field(
        jets, ak.with_field(jets.constituents, ak.unflatten(nothing, ak.num(jets)), "d0"), "constituents"
    )
    assert same(tagger.variations(none, {"up": none})["up"], tagger(none))


def test_errors_name_the_variation(bundle: Path, jets: ak.Array) -> None:
    tagger = coffea_fm.load(bundle)
    with pytest.raises(InputError, match="by the names of their variations"):
        tagger.variations(jets, jets)
    with pytest.raises(InputError, match="score takes vectors of the embedding, not a record of"):
        tagger.score(tagger(jets))
    with pytest.raises(InputError, match=r"variation 'up': .*constituents.* jets"):
        tagger.variations(jets, {"up": jets[["pt", "mass"]]})
    with pytest.raises(InputError, match="cannot be called 'nominal'"):
        tagger.variations(jets, {"nominal": jets})


def test_variations_can_be_traced(bundle: Path, jets: ak.Array) -> None:
    tagger = coffea_fm.load(bundle)
    traced = ak.Array(jets.layout.to_typetracer(forget_length=True))
    results = tagger.variations(traced, {"up": shifted(traced, 1.1)})
    assert results["up"].fields == ["QCD", "Hbb", "Tbqq"]


def test_two_jets_have_one_key_only_if_they_are_the_same(jets: ak.Array) -> None:
    level = level_of_jets()
    flat = ak.flatten(jets)
    flat = flat[ak.num(flat.constituents) > 0]
    n = len(flat)
    packed, _ = pack(flat, level)
    assert len(set(content_keys(packed))) == n
    assert len(set(stored_keys(flatten(flat)[0], level))) == n
    order = np.random.default_rng(0).permutation(n)
    keys = content_keys(packed)
    assert content_keys(packed.take(order)) == [keys[row] for row in order]
    stored = stored_keys(flatten(flat)[0], level)
    assert stored_keys(flatten(flat[order])[0], level) == [stored[row] for row in order]
    packed.members["constituents"].things.values[0, 1] += 1
    assert [a == b for a, b in zip(content_keys(packed), keys, strict=True)] == [False] + [True] * (n - 1)


def test_a_token_counts_for_its_group() -> None:
    def things(counts: tuple[int, int]) -> Packed:
        tokens = np.arange(6, dtype=np.float32).reshape(3, 2)
        nothing = np.zeros((3, 0), dtype=np.bool_)
        groups = zip(("constituents", "vertices"), counts, (slice(0, counts[0]), slice(counts[0], 3)), strict=True)
        members = {name: Members(np.array([n]), Packed(tokens[part], nothing[part])) for name, n, part in groups}
        return Packed(np.zeros((1, 1), np.float32), np.zeros((1, 0), np.bool_), members)

    assert content_keys(things((2, 1))) != content_keys(things((1, 2)))
