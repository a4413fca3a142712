"""Learning where tasks belong from decisions that were confirmed or corrected (routing.md 4, lexical view)."""
