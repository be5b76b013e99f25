"""``python -m lightning_dlic`` is ``dlic``: what launchers such as torchrun start."""

from lightning_dlic.cli.main import main

if __name__ == "__main__":
    main()
