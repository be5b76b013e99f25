"""Networks, one a file: plain modules that know neither Lightning nor losses."""
