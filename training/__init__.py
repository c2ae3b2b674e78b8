"""Training of the demo model: synthetic quadruplets, HySAC's losses, evaluation, conversion."""
