// Drives phonebox's Management API with Auth0's own client for Node.js: every method that is about phone providers and their
// actions, errors, the page past the end, and being told to wait.
//
// usage: manage.mjs CODE   (a file: what the action is, as Auth0 has it in `code`)
// PHONEBOX_DOMAIN, PHONEBOX_CLIENT_ID and PHONEBOX_CLIENT_SECRET are what `phonebox dev --env-file` writes.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { ManagementClient, ManagementError } from "auth0";

const code = readFileSync(process.argv[2], "utf8");
const { PHONEBOX_DOMAIN: domain, PHONEBOX_CLIENT_ID: clientId, PHONEBOX_CLIENT_SECRET: clientSecret } = process.env;
const auth0 = new ManagementClient({ domain, clientId, clientSecret });
const { actions, branding, logs, tenants } = auth0;
const { providers, templates } = branding.phone;
const trigger = { id: "custom-phone-provider", version: "v1" };
const missing = "00000000-0000-4000-8000-000000000000";

const step = (name) => process.stderr.write(`step: ${name}\n`);

async function refused(status, promise) {
  let answer;
  try {
    answer = await promise;
  } catch (error) {
    assert.ok(error instanceof ManagementError, `${status} was expected, and not ${error}`);
    assert.equal(error.statusCode, status, error.message);
    assert.equal(error.body.statusCode, status, error.message);
    return error.body;
  }
  assert.fail(`${status} was expected, and not ${JSON.stringify(answer)}`);
}

async function all(pages) {
  const found = [];
  for await (const one of pages) found.push(one);
  return found;
}

async function built(id) {
  for (;;) {
    const action = await actions.get(id);
    if (action.status === "built") return action;
    assert.ok(["pending", "building", "retrying"].includes(action.status), JSON.stringify(action));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

step("what there is in an empty tenant");
assert.deepEqual(await all(await actions.list()), []);
assert.deepEqual(await all(await actions.modules.list()), []);
assert.deepEqual((await providers.list()).providers, []);
const row = (await actions.triggers.list()).triggers.find(({ id }) => id === trigger.id);
assert.equal(row?.status, "CURRENT");
assert.deepEqual(await all(await actions.triggers.bindings.list(trigger.id)), []);
const defaults = (await templates.list()).templates;
assert.ok(defaults.length >= 4 && defaults.every(({ id }) => id === undefined), JSON.stringify(defaults));

step("refusals");
await refused(400, actions.create({ name: "" , supported_triggers: [trigger] }));
await refused(400, actions.create({ name: "x", supported_triggers: [{ id: "post-login", version: "v3" }] }));
await refused(404, actions.get(missing));
await refused(404, actions.update(missing, { name: "y" }));
await refused(404, actions.deploy(missing));
await refused(404, actions.versions.get(missing, missing));
await refused(404, actions.executions.get(missing));
await refused(404, providers.get("pro_1111111111111111111111"));
await refused(404, templates.get("tem_1111111111111111111111"));
await refused(404, logs.get("90020250101000000000000000000000000000000000000000000000"));
await refused(400, providers.create({ name: "custom", credentials: {}, configuration: { delivery_methods: ["text"] } }));
await refused(403, auth0.clients.list());

step("an action");
const secrets = [{ name: "TWILIO_ACCOUNT_SID", value: "AC00000000000000000000000000000000" }, { name: "TWILIO_AUTH_TOKEN", value: "00000000000000000000000000000000" }];
const made = await actions.create({ name: "my provider", supported_triggers: [trigger], code, runtime: "node22", dependencies: [], secrets });
assert.ok(["pending", "building", "built"].includes(made.status), made.status);
assert.equal(made.code, code);
assert.deepEqual(made.secrets.map(({ name, value }) => [name, value]), secrets.map(({ name }) => [name, undefined]));
const second = await refused(403, actions.create({ name: "another", supported_triggers: [trigger], code }));
assert.equal(second.errorCode, "actions_cardinality_custom_phone_provider_not_allowed");
await built(made.id);
const version = await actions.deploy(made.id);
assert.equal(version.number, 1);
const deployed = await actions.get(made.id);
assert.equal(deployed.deployed_version.id, version.id);
assert.equal(deployed.all_changes_deployed, true);
for (const [filter, count] of [[{ triggerId: trigger.id }, 1], [{ actionName: "my provider" }, 1], [{ actionName: "no" }, 0], [{ deployed: true }, 1], [{ deployed: false }, 0], [{ per_page: 1 }, 1]]) {
  assert.equal((await all(await actions.list(filter))).length, count, JSON.stringify(filter));
}
const past = await actions.list({ page: 7, per_page: 50 });
assert.deepEqual(past.data, []);

step("versions");
const event = JSON.parse(readFileSync(process.argv[3], "utf8"));
const tested = await actions.test(made.id, { payload: { event } });
assert.equal(typeof tested.payload, "object");
await actions.update(made.id, { name: "renamed", secrets: [{ name: "TWILIO_ACCOUNT_SID" }, ...secrets.slice(1)] });
assert.equal((await built(made.id)).all_changes_deployed, false);
assert.equal((await actions.deploy(made.id)).number, 2);
const versions = await all(await actions.versions.list(made.id));
assert.deepEqual(versions.map(({ number }) => number).sort(), [1, 2]);
assert.equal((await actions.versions.get(made.id, version.id)).number, 1);
await actions.versions.deploy(made.id, version.id, { update_draft: true });
assert.equal((await built(made.id)).deployed_version.number, 3);

step("bindings");
const bound = await actions.triggers.bindings.updateMany(trigger.id, {
  bindings: [{ ref: { type: "action_name", value: "renamed" }, display_name: "The provider" }],
});
assert.equal(bound.bindings[0].action.name, "renamed");
assert.deepEqual((await all(await actions.triggers.bindings.list(trigger.id))).map(({ display_name }) => display_name), ["The provider"]);

step("modules");
const { modules } = actions;
const exported = (text) => `exports.say = (code) => \`\${code} ${text} \${actions.secrets.SIGNATURE}\`;`;
const words = { name: "words", code: exported("is it"), dependencies: [], secrets: [{ name: "SIGNATURE", value: "Acme" }] };
const shared = await modules.create(words);
assert.deepEqual([shared.all_changes_published, shared.latest_version_number, shared.actions_using_module_total], [false, undefined, 0]);
await refused(409, modules.create(words));
await refused(404, modules.get(missing));
const first = await modules.versions.create(shared.id);
assert.deepEqual([first.version_number, first.module_id, first.code], [1, shared.id, words.code]);
await refused(409, modules.versions.create(shared.id));
const saying = code.replace("as_text);", 'require("actions:words").say(event.notification.code));');
const reference = { module_id: shared.id, module_name: "words", module_version_id: first.id, module_version_number: 1 };
await actions.update(made.id, { code: saying, modules: [reference] });
assert.deepEqual((await built(made.id)).modules, [reference]);
await actions.deploy(made.id);
assert.deepEqual((await built(made.id)).deployed_version.modules, [reference]);
assert.deepEqual((await all(await modules.listActions(shared.id))).map(({ action_id, module_version_number }) => [action_id, module_version_number]), [[made.id, 1]]);
assert.equal((await modules.update(shared.id, { code: exported("was it") })).all_changes_published, false);
const second_version = await modules.versions.create(shared.id);
assert.deepEqual((await all(await modules.versions.list(shared.id, { per_page: 1 }))).map(({ version_number }) => version_number), [2, 1]);
assert.equal((await modules.versions.get(shared.id, first.id)).code, words.code);
await refused(404, modules.versions.get(shared.id, missing));
await refused(409, modules.rollback(shared.id, { module_version_id: second_version.id }));
assert.equal((await modules.rollback(shared.id, { module_version_id: first.id })).code, words.code);
const { latest_version: latest, ...listed } = await modules.get(shared.id);
assert.equal(latest.id, second_version.id);
assert.deepEqual(await all(await modules.list()), [listed]);
await refused(412, modules.delete(shared.id));

step("a provider");
const provider = await providers.create({ name: "custom", credentials: {}, configuration: { delivery_methods: ["text", "voice"] } });
await refused(409, providers.create({ name: "custom", credentials: {}, configuration: { delivery_methods: ["text"] } }));
assert.equal((await providers.get(provider.id)).name, "custom");
const tried = await providers.test(provider.id, { to: "+14155550100", delivery_method: "text" });
assert.equal(typeof tried.message, "string");
assert.equal((await providers.update(provider.id, { disabled: true })).disabled, true);
await providers.update(provider.id, { disabled: false });
assert.equal((await providers.list()).providers.length, 1);

step("templates");
const content = { syntax: "liquid", from: "+15005550006", body: { text: "{{ code }} is your code", voice: "{{ pause }} {{ code }}" } };
const template = await templates.create({ type: "otp_verify", disabled: false, content });
await refused(409, templates.create({ type: "otp_verify", disabled: false, content }));
await refused(400, templates.update(template.id, { content: { body: { text: "{% if" } } }));
assert.equal((await templates.get(template.id)).content.body.text, content.body.text);
assert.equal((await templates.update(template.id, { content: { body: { text: "Code {{ code }}" } } })).content.body.text, "Code {{ code }}");
assert.equal(typeof (await templates.test(template.id, { to: "+14155550100" })).message, "string");
await templates.reset(template.id, {});
await templates.delete(template.id);

step("logs, executions, settings");
let entries = [];
for (let page = await logs.list({ per_page: 50 }); ; page = await page.getNextPage()) {
  entries = entries.concat(page.data);
  if (page.data.length === 0 || !page.hasNextPage()) break;
}
assert.ok(entries.some(({ type }) => type === "sapi"), JSON.stringify(entries.map(({ type }) => type)));
assert.equal((await logs.get(entries[0].log_id)).log_id, entries[0].log_id);
const [, ...parts] = /ntf_(.{8})(.{4})(.{4})(.{4})(.{12})/.exec(tried.message) ?? assert.fail(tried.message);
const execution = parts.join("-");
assert.equal((await actions.executions.get(execution)).trigger_id, trigger.id);
await tenants.settings.update({ friendly_name: "Acme" });
assert.equal((await tenants.settings.get()).friendly_name, "Acme");

step("told to wait");
let told = 0;
const counting = async (...request) => {
  const response = await fetch(...request);
  told += response.status === 429 ? 1 : 0;
  return response;
};
const hasty = new ManagementClient({ domain, clientId, clientSecret, fetch: counting, maxRetries: 10 });
for (let round = 0; told === 0 && round < 200; round += 1) {
  await Promise.all(Array.from({ length: 50 }, () => hasty.actions.get(made.id)));
}
assert.ok(told > 0, "nobody was told to wait");

step("the end of it");
await refused(400, actions.delete(made.id));
await providers.delete(provider.id);
await actions.delete(made.id, { force: true });
await modules.delete(shared.id);
assert.deepEqual(await all(await modules.list()), []);
assert.deepEqual(await all(await actions.list()), []);
process.stdout.write("every method answered as it should\n");
