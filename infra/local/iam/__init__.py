"""Who may do what here: the template's policies decide each call, as IAM does on AWS.

A call is judged by pure code (`evaluator`), on policies that were read once (`documents`). What was
judged is recorded, so that a command can say which statement of the template no call needed.
"""
