"""AWS as moto has it, over TLS, with signatures checked: starts, prints as a line of JSON its address and a user's keys, and
answers each line that it reads with the texts that SNS was to send since the last. It ends with its input.

    python aws.py CERTIFICATE.pem KEY.pem
"""

import json
import os
import sys
import threading

# Read when moto is imported: how many requests are believed before signatures are checked. Those by which the user is made.
SETTING_UP = 3
os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = str(SETTING_UP)

import boto3  # noqa: E402
from moto.backends import get_backend  # noqa: E402
from moto.core import DEFAULT_ACCOUNT_ID  # noqa: E402
from moto.server import DomainDispatcherApplication, create_backend_app  # noqa: E402
from werkzeug.serving import make_server  # noqa: E402

REGION = "eu-central-1"
certificate, key = sys.argv[1:]
application = DomainDispatcherApplication(create_backend_app)


def serve(**tls):
    server = make_server("127.0.0.1", 0, application, threaded=True, **tls)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


iam = boto3.client(
    "iam",
    region_name=REGION,
    endpoint_url=f"http://127.0.0.1:{serve()}",
    aws_access_key_id="nobody",
    aws_secret_access_key="nobody",
)
iam.create_user(UserName="phonebox")
policy = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sns:Publish", "Resource": "*"}}
iam.put_user_policy(UserName="phonebox", PolicyName="texts", PolicyDocument=json.dumps(policy))
user = iam.create_access_key(UserName="phonebox")["AccessKey"]
ready = {"port": serve(ssl_context=(certificate, key)), "id": user["AccessKeyId"], "secret": user["SecretAccessKey"]}
print(json.dumps(ready), flush=True)

sent = get_backend("sns")[DEFAULT_ACCOUNT_ID][REGION].sms_messages
for _ in sys.stdin:
    texts = [sent.pop(name) for name in list(sent)]
    print(json.dumps(texts), flush=True)
