"""What benchmarks/fuzz.py feeds to readers of files of unknown origin."""
