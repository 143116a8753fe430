"""What the GPTs read and write: 192 characters, a new line, ASCII, the Thai block and some typography."""

VOCABULARY = (
    "\n"
    + "".join(map(chr, range(0x20, 0x7F)))
    + "".join(map(chr, (*range(0x0E01, 0x0E3B), *range(0x0E3F, 0x0E5C))))
    + "‘’“”–—…γΔ"
)
INDEX = {character: index for index, character in enumerate(VOCABULARY)}
