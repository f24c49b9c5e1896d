"""`stratos ui`: runs to look at in a browser on this machine, and to decide on."""
