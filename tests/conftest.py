"""What every test shares: no window opens, and no progress bar is drawn."""

import os

os.environ.setdefault("MPLBACKEND", "Agg")
