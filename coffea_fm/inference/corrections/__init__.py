"""Scale factors from correctionlib files."""
