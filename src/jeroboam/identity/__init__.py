"""Keystone: who is asking (tokens), where their project stands in the tree (projects), what they may (policy).

`embedded/` runs a real Keystone as a child process for those who have none.
"""
