"""The built stack into an account, and out of it again, through the APIs that boto3 has.

What is deployed was built before: a template and archives. Clients are the caller's.
"""
