"""How good a tagger is: metrics, working points, plots and the tables of a model card."""
