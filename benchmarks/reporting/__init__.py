"""Parts of `report.py`: the sets, the sheet of pictures, the tables of the pages."""
