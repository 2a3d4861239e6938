"""`python -m config.localization collect | check | compile`."""

from __future__ import annotations

import sys

from config.localization import catalogues


def main(arguments: list[str]) -> int:
    if arguments == ["compile"]:
        catalogues.compile_all()
        return 0
    if arguments not in (["collect"], ["check"]):
        sys.stderr.write(f"usage: {__doc__}\n")
        return 2
    from config.localization.sources import texts  # loads Django, which compiling at set-up can do without

    found = texts()
    if arguments == ["collect"]:
        catalogues.update(found)
    problems = list(catalogues.problems(found))
    sys.stdout.writelines(f"{problem}\n" for problem in problems)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
