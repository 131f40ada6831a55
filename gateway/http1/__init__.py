"""HTTP/1.1 on the S3 port, on the event loop of its process: requests in, answers out, no thread between.

Parsing is llhttp's (by httptools). What is ours is what S3 needs of a server and frameworks hide:
back-pressure both ways, bodies refused unread without the loss of the answer, exact header bytes.
"""
