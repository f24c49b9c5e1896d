"""Programs of training jobs, and what they are given."""

import textwrap


def program(text: str) -> str:
    return textwrap.dedent(text)


def channel(name: str, uri: str) -> dict:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}
