"""The rules of the project as tests: layers, names, sizes, and what Home Assistant and HACS demand of the files."""
