"""How fast a run was and where its time went: measured in the workers, added up over chunks, shown on a page."""
