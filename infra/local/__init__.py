"""The embedded cloud: the synthesized template, run whole on one machine.

A moto server in one daemon process answers the AWS APIs; each seam below replaces the one part of
it that stock moto only pretends to do, so that Lambda handlers, training jobs and endpoints are
real processes. What is deployed does not know that it exists: it talks boto3 to whatever
`AWS_ENDPOINT_URL` names.
"""
