"""Who may do what: the one evaluator of policies, for every service that asks. Pure: no clock, no I/O.

A document is compiled once (`policy`), a question is answered from compiled ones in AWS's order (`decide`),
and whoever wants to know why gets every statement that speaks to it besides (`trail`).

Source: IAM User Guide, "Policy evaluation logic" and "IAM JSON policy element reference"; Amazon S3 User
Guide, "How Amazon S3 authorizes a request".
"""
