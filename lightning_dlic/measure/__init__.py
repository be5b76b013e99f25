"""How each kind of stage is measured: sets, rivals, figures."""
