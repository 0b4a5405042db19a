'use strict';
const axiosLike = require('node:util');
const config = Object.freeze({ base: 'http://provider.example:8000', sender: 'InfoSMS', path: ['sms', '3', 'messages'] });
const groupNames = new Map([[1, 'PENDING'], [2, 'UNDELIVERABLE'], [3, 'DELIVERED'], [4, 'EXPIRED'], [5, 'REJECTED']]);
exports.onExecuteCustomPhoneProvider = async function onExecute(event, api) {
  const url = [config.base, ...config.path].join('/');
  const payload = { messages: [{ sender: config.sender, destinations: [{ to: event.notification.recipient, messageId: undefined }], content: { text: event.notification.as_text }, options: { validityPeriod: { amount: 10, timeUnit: 'MINUTES' } } }] };
  const started = Date.now();
  const result = await fetch(url, { method: 'POST', headers: [['Authorization', `App ${event.secrets.TOKEN}`], ['Accept', 'application/json'], ['Content-Type', 'application/json']], body: JSON.stringify(payload) });
  const [type] = (result.headers.get('content-type') ?? '').split(';');
  console.log('%s %d %o', type, result.status, Object.fromEntries([...result.headers].filter(([name]) => name.startsWith('x-'))));
  const { messages, bulkId = null } = await result.json();
  for (const [index, { messageId, status: { groupId, name, description } }] of messages.entries()) {
    console.log(index, messageId, groupNames.get(groupId) ?? 'OTHER', name, description, axiosLike.inspect({ bulkId, nested: { a: { b: { c: {} } } } }, { depth: 1 }));
    if (groupId === 5 || groupId === 2) api.notification.drop(`${name}: ${description}`);
  }
  if (Date.now() - started > 60000) console.warn('slow');
};
