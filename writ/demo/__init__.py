"""Refund decisioning, live for four weeks: the worked example, simulated from a seed.

`month` plans the four weeks and lets them happen; `world` is what there is, `agent` what a
channel does that follows the policy, `slips` and its neighbours what goes wrong, `incident` what
went wrong in earnest. All of it goes through the real ledger client. `truth` keeps what must be
found, and `story` says what was.
"""
