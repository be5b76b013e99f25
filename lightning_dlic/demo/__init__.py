"""A page on this machine that codes photographs while one watches. `dlic demo` serves it."""
