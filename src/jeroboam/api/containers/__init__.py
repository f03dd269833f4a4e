"""Containers as Zun's API speaks of them: what comes in (schema, hints), what goes out (view), what is done."""
