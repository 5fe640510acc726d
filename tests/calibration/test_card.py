from __future__ import annotations

from coffea_fm.calibration.card import with_measured

DRAFT = "# model\n\n## Measured\n\nNot yet: `coffea-fm evaluate`.\n\n## Limits\n\n- none\n"


def test_a_section_that_says_not_yet_is_filled():
    card = with_measured(DRAFT, "Accuracy 0.8")
    assert "Not yet" not in card
    assert card.index("## Measured") < card.index("Accuracy 0.8") < card.index("## Limits")


def test_measuring_again_replaces_what_was_measured():
    card = with_measured(with_measured(DRAFT, "Accuracy 0.8"), "Accuracy 0.9")
    assert card == with_measured(DRAFT, "Accuracy 0.9")


def test_what_somebody_wrote_stays():
    card = with_measured("# model\n\n## Measured\n\nOn real data: fine.\n", "Accuracy 0.8")
    assert "On real data: fine." in card
    assert "Accuracy 0.8" in card
    again = with_measured(card, "Accuracy 0.9")
    assert "On real data: fine." in again
    assert "Accuracy 0.8" not in again


def test_a_card_without_the_section_gets_one():
    assert with_measured("# model\n", "Accuracy 0.8").startswith("# model\n\n## Measured\n\n")
