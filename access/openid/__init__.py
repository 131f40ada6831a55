"""OpenID Connect: tokens of issuers outside, and the keys that tell whether they are genuine.

`urls` says which URLs are taken, `slots` how many are read at once, `fetching` reads documents from them,
`key_sets` says what keys there are, `issuer_keys` keeps them for a while, `tokens` checks a token. Which
issuers an account trusts is a matter of its identity providers (gateway.iam): nothing else is ever fetched.
"""
