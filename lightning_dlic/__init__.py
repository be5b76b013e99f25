"""lightning-dlic: train deep-learning image compression stages by recipe, and code photographs with them.

Importing this package costs nothing: torch and Lightning come in with the parts that need them.
"""

__version__ = "0.1.0"
