"""One harness under Atheris: ``python -m tests.fuzz.guided NAME [OPTION OF LIBFUZZER …]``."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["pdfspider", "protego", "w3lib"]):
    from tests.fuzz.harnesses import HARNESSES


def main() -> None:
    name = sys.argv.pop(1)
    atheris.Setup(sys.argv, HARNESSES[name].check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
