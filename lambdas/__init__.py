"""The functions of the stack, in rooms that import only what stands below them.

    handlers      one module for each function: payload in, one domain call, payload out
    end_of_run    how a run ends: run.json, report.html, the runs table, a notice
    serving       the endpoint of a spec: deployments, turns, what is taken back
    jobs          the training jobs of a run, and what the run has spent
    gathering     what a step decides on, read from the bucket and the account
    aws           boto3: services, the bucket's files, the runs table
    step          the decorator of every handler

Decisions are made in `stratos`. import-linter holds the order (`pyproject.toml`).
"""
