"""A tiny AWS Lambda function: it tells how long ago a moment was."""

from datetime import datetime, timezone

import humanize
from dateutil import parser

GREETING = "Hello"


def app(event, context):
    now = datetime.now(timezone.utc)
    since = parser.isoparse(event.get("since", "2020-03-01T00:00:00Z"))
    return {
        "statusCode": 200,
        "body": f"{GREETING}, that was {humanize.naturaltime(now - since)}",
    }
