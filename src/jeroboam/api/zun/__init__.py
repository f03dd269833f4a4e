"""The rest of Zun's API beside containers: what is done here, and what is refused with a sentence."""
