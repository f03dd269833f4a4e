"""Where containers run, behind one small Protocol; the fake honours the same contract tests as the real engines."""
