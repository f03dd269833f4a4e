"""`jeroboam quota ...`: what operators do with the tree of quotas beside its API."""
