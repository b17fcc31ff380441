"""``python -m tests.picture``: record the picture of the README."""

import asyncio
from pathlib import Path

from tests.picture.recording import record

PICTURE = Path(__file__).parents[2] / "docs/talking.svg"

if __name__ == "__main__":
    PICTURE.write_text(asyncio.run(record()))
    print(f"{PICTURE}: {PICTURE.stat().st_size // 1024} KiB")
