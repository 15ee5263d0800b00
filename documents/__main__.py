"""Write the made parts anew and name the pages that changed."""

from pathlib import Path

from .pages import made


def main() -> None:
    """Write what differs."""
    root = Path(__file__).parents[1]
    for path, text in made(root).items():
        if (root / path).read_text() != text:
            (root / path).write_text(text)
            print(path)


if __name__ == "__main__":
    main()
