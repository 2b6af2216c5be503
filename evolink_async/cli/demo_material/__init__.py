"""What `demo` runs: the jobs in `jobs.jsonl`, and the reference files that they name, made by `media`.

The command itself is `commands.demo`.
"""
