"""One module for each figure: what is compared with what, side by side in the same run."""
