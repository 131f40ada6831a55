"""IAM and STS: the Query APIs of identities and temporary credentials, on the API port.

`port` reads, verifies and answers requests; `actions` says which there are; `call` is what an action works
on, and the other files are the actions by what they are about. An action that changes something only says
which documents are to be set (`Changes`): `perform` submits them, and has the action say it anew when the
account has changed meanwhile. So whatever it checked holds when the change is applied. One that has to look
into buckets says so (`Reading`), and is given the store.
"""
