"""Makes the widget that is served from its source: `python -m tests.widget_build`, after every change of widget.js."""

import re

import minify

from comments import resources

STATIC = resources.folder("static")
SOURCE, BUILT = STATIC / "widget.js", STATIC / "widget.min.js"
_STYLE = re.compile(r"(?<=const STYLE = `)[^`]*(?=`;)")
_WORDS = re.compile(r"(?<=const row of `)[^`]*(?=`)")
_PRIVATE = re.compile(r"--_(\w)\w*")  # custom properties that nobody outside may set


def built() -> str:
    """The source without what browsers do not need: comments, white space, long names."""
    source = SOURCE.read_text(encoding="utf-8")
    source, styles = _STYLE.subn(lambda style: minify.string("text/css", _PRIVATE.sub(r"--\1", style[0])), source)
    source, tables = _WORDS.subn(lambda table: re.sub(r"\n +", "\n", table[0]), source)
    assert (styles, tables) == (1, 1)
    return str(minify.string("application/javascript", source)) + "\n"


if __name__ == "__main__":
    BUILT.write_text(built(), encoding="utf-8")
