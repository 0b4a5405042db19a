"""Drives phonebox's Management API with Auth0's own client for Python: every method that is about phone providers and their
actions, errors, the page past the end, and being told to wait.

usage: manage.py CODE EVENT   (files: what the action is, as Auth0 has it in `code`; what it is tested with)
PHONEBOX_DOMAIN, PHONEBOX_CLIENT_ID, PHONEBOX_CLIENT_SECRET and SSL_CERT_FILE are what `phonebox dev --env-file` writes.
"""

import json
import os
import re
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
from auth0.management import ManagementClient
from auth0.management.errors import BadRequestError, ConflictError, ForbiddenError, NotFoundError

code, event = Path(sys.argv[1]).read_text(), json.loads(Path(sys.argv[2]).read_text())
who = {name: os.environ[f"PHONEBOX_{name.upper()}"] for name in ("domain", "client_id", "client_secret")}
told_to_wait = 0


def counted(response):
    global told_to_wait
    told_to_wait += response.status_code == 429


auth0 = ManagementClient(**who, httpx_client=httpx.Client(event_hooks={"response": [counted]}, timeout=60))
actions, providers, templates = auth0.actions, auth0.branding.phone.providers, auth0.branding.phone.templates
TRIGGER = {"id": "custom-phone-provider", "version": "v1"}
MISSING = "00000000-0000-4000-8000-000000000000"
ONCE = {"max_retries": 0}


def step(name):
    print("step:", name, file=sys.stderr)


def refused(kind, ask, *arguments, **named):
    try:
        answer = ask(*arguments, **named)
    except kind as error:
        body = error.body if isinstance(error.body, dict) else error.body.__dict__
        assert error.status_code == kind(body=None).status_code, error
        return body
    raise AssertionError(f"{kind.__name__} was expected, and not {answer}")


def built(action):
    while True:
        found = actions.get(action)
        if found.status == "built":
            return found
        assert found.status in ("pending", "building", "retrying"), found
        time.sleep(0.05)


step("what there is in an empty tenant")
assert list(actions.list()) == []
assert list(actions.modules.list()) == []
assert providers.list().providers == []
assert any(row.id == TRIGGER["id"] for row in actions.triggers.list().triggers)
assert list(actions.triggers.bindings.list(TRIGGER["id"])) == []
assert len(templates.list().templates) >= 4

step("refusals")
refused(BadRequestError, actions.create, name="", supported_triggers=[TRIGGER])
refused(NotFoundError, actions.get, MISSING)
refused(NotFoundError, actions.versions.get, MISSING, MISSING)
refused(NotFoundError, actions.executions.get, MISSING)
refused(NotFoundError, providers.get, "pro_1111111111111111111111")
refused(NotFoundError, templates.get, "tem_1111111111111111111111")
refused(NotFoundError, auth0.logs.get, "90020250101000000000000000000000000000000000000000000000")
refused(ForbiddenError, auth0.clients.list)

step("an action")
secrets = [{"name": "TWILIO_ACCOUNT_SID", "value": "AC" + "0" * 32}, {"name": "TWILIO_AUTH_TOKEN", "value": "0" * 32}]
made = actions.create(name="my provider", supported_triggers=[TRIGGER], code=code, runtime="node22", secrets=secrets)
assert made.code == code and [secret.name for secret in made.secrets] == [secret["name"] for secret in secrets]
assert "actions_cardinality" in json.dumps(
    refused(ForbiddenError, actions.create, name="another", supported_triggers=[TRIGGER], code=code), default=str
)
built(made.id)
version = actions.deploy(made.id)
assert version.number == 1, version
deployed = actions.get(made.id)
assert deployed.deployed_version.id == version.id and deployed.all_changes_deployed, deployed
for wanted, count in [
    ({"trigger_id": TRIGGER["id"]}, 1),
    ({"action_name": "no"}, 0),
    ({"deployed": True}, 1),
    ({"deployed": False}, 0),
    ({"per_page": 1}, 1),
]:
    assert len(list(actions.list(**wanted))) == count, wanted

step("versions")
assert isinstance(actions.test(made.id, payload={"event": event}).payload, dict)
actions.update(made.id, name="renamed")
built(made.id)
assert actions.deploy(made.id).number == 2
assert sorted(version.number for version in actions.versions.list(made.id)) == [1, 2]
assert actions.versions.get(made.id, version.id).number == 1
actions.versions.deploy(made.id, version.id, request={"update_draft": True})
assert built(made.id).deployed_version.number == 3

step("bindings")
ref = {"type": "action_name", "value": "renamed"}
bound = actions.triggers.bindings.update_many(TRIGGER["id"], bindings=[{"ref": ref, "display_name": "The provider"}])
assert bound.bindings[0].action.name == "renamed", bound
assert [one.display_name for one in actions.triggers.bindings.list(TRIGGER["id"])] == ["The provider"]

step("modules")
modules = actions.modules
shared = modules.create(name="words", code="exports.x = 1;", secrets=[{"name": "KEY", "value": "12345678"}], publish=True)
assert (shared.all_changes_published, shared.latest_version.version_number) == (True, 1), shared
refused(ConflictError, modules.create, name="words", code="", request_options=ONCE)
refused(ConflictError, modules.versions.create, shared.id, request_options=ONCE)
refused(NotFoundError, modules.versions.get, shared.id, MISSING)
assert not modules.update(shared.id, code="exports.x = 2;").all_changes_published
second = modules.versions.create(shared.id)
assert [version.version_number for version in modules.versions.list(shared.id)] == [2, 1]
assert modules.versions.get(shared.id, second.id).code == "exports.x = 2;"
assert modules.rollback(shared.id, module_version_id=shared.latest_version.id).code == "exports.x = 1;"
assert list(modules.list_actions(shared.id)) == []
assert [module.name for module in modules.list()] == ["words"] and modules.get(shared.id).secrets[0].name == "KEY"
modules.delete(shared.id)
assert list(modules.list()) == []

step("a provider")
custom = {"name": "custom", "credentials": {}, "configuration": {"delivery_methods": ["text", "voice"]}}
provider = providers.create(**custom)
refused(ConflictError, providers.create, **custom, request_options=ONCE)
tried = providers.test(provider.id, to="+14155550100", delivery_method="text")
assert providers.update(provider.id, disabled=True).disabled
providers.update(provider.id, disabled=False)
assert providers.get(provider.id).name == "custom"

step("templates")
content = {"syntax": "liquid", "from": "+15005550006", "body": {"text": "{{ code }} is your code", "voice": "{{ pause }} {{ code }}"}}
template = templates.create(type="otp_verify", disabled=False, content=content)
refused(ConflictError, templates.create, type="otp_verify", content=content, request_options=ONCE)
assert templates.update(template.id, content={"body": {"text": "Code {{ code }}"}}).content.body.text == "Code {{ code }}"
assert templates.get(template.id).type == "otp_verify"
assert templates.test(template.id, to="+14155550100").message
templates.reset(template.id, request={})
templates.delete(template.id)

step("logs, executions, settings")
entries = list(auth0.logs.list(per_page=50))
assert any(entry.type == "sapi" for entry in entries), entries
assert auth0.logs.get(entries[0].log_id).log_id == entries[0].log_id
execution = str(uuid.UUID(re.search("ntf_([0-9a-f]{32})", tried.message)[1]))
assert actions.executions.get(execution).trigger_id == TRIGGER["id"]
auth0.tenants.settings.update(friendly_name="Acme")
assert auth0.tenants.settings.get().friendly_name == "Acme"

step("told to wait")
patient = {"max_retries": 10}
with ThreadPoolExecutor(16) as pool:
    for _ in range(200):
        list(pool.map(lambda _: actions.get(made.id, request_options=patient), range(50)))
        if told_to_wait:
            break
assert told_to_wait, "nobody was told to wait"

step("the end of it")
refused(BadRequestError, actions.delete, made.id)
providers.delete(provider.id)
actions.delete(made.id, force=True)
assert list(actions.list()) == []
print("every method answered as it should")
