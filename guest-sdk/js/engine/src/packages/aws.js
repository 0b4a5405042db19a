// SNS's `publish`, as `aws-sdk` and as `@aws-sdk/client-sns` have it. Both ask for the same, and tell of it in their own ways.
'use strict';

const { createHash, createHmac } = require('crypto');

const hmac = (key, text) => createHmac('sha256', key).update(text).digest();
const sha256 = (text) => createHash('sha256').update(text).digest('hex');
const encode = (text) => encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);

/// The fields of a form, as AWS's query protocol has a structure.
function fields(input, before = '') {
  return Object.entries(input).filter(([, value]) => value !== undefined && value !== null).flatMap(([name, value]) => {
    if (name !== 'MessageAttributes') return [[before + name, `${value}`]];
    return Object.entries(value).flatMap(([key, attribute], index) => {
      const entry = `${name}.entry.${index + 1}`;
      const binary = attribute.BinaryValue && { BinaryValue: Buffer.from(attribute.BinaryValue).toString('base64') };
      return [[`${entry}.Name`, key], ...fields({ ...attribute, ...binary }, `${entry}.Value.`)];
    });
  });
}

/// What XML has in an element, where there is one of it.
function element(xml, name) {
  const [, text] = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml) ?? [];
  return text?.replace(/&(lt|gt|quot|apos|amp|#(\d+)|#x([0-9a-f]+));/gi, (_, known, decimal, hex) => (
    { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' }[known] ?? String.fromCodePoint(decimal ? Number(decimal) : parseInt(hex, 16))
  ));
}

/// Asks, and gives the identifier of the message and of the request, or throws what was answered.
async function publish({ region, endpoint, credentials, signal }, input) {
  if (!region) throw Object.assign(new Error('Region is missing'), { code: 'ConfigError', name: 'ConfigError' });
  const given = typeof credentials === 'function' ? await credentials() : credentials;
  if (!given?.accessKeyId || !given.secretAccessKey) {
    throw Object.assign(new Error('Could not load credentials from any providers'), { code: 'CredentialsError', name: 'CredentialsProviderError' });
  }
  const url = new URL(endpoint ?? `https://sns.${region}.amazonaws.com/`);
  const body = [...fields(input), ['Action', 'Publish'], ['Version', '2010-03-31']].map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&');
  const at = new Date().toISOString().replace(/[:-]|\.\d+/g, '');
  const headers = {
    'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
    host: url.host,
    'x-amz-content-sha256': sha256(body),
    'x-amz-date': at,
    ...(given.sessionToken && { 'x-amz-security-token': given.sessionToken }),
  };
  const signed = Object.keys(headers).join(';');
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`).join('');
  const scope = `${at.slice(0, 8)}/${region}/sns/aws4_request`;
  const request = ['POST', url.pathname, '', lines, signed, headers['x-amz-content-sha256']].join('\n');
  const key = scope.split('/').reduce(hmac, `AWS4${given.secretAccessKey}`);
  const signature = hmac(key, ['AWS4-HMAC-SHA256', at, scope, sha256(request)].join('\n')).toString('hex');
  delete headers.host;
  headers.authorization = `AWS4-HMAC-SHA256 Credential=${given.accessKeyId}/${scope}, SignedHeaders=${signed}, Signature=${signature}`;
  const answer = await fetch(url, { method: 'POST', headers, body, signal });
  const xml = await answer.text();
  const requestId = element(xml, 'RequestId') ?? answer.headers.get('x-amzn-requestid') ?? undefined;
  if (answer.ok) return { messageId: element(xml, 'MessageId'), sequenceNumber: element(xml, 'SequenceNumber'), requestId, status: answer.status };
  const error = new Error(element(xml, 'Message') ?? 'UnknownError');
  throw Object.assign(error, { failed: { code: element(xml, 'Code') ?? `${answer.status}`, status: answer.status, requestId } });
}

const told = ({ messageId, sequenceNumber }) => ({ MessageId: messageId, ...(sequenceNumber && { SequenceNumber: sequenceNumber }) });

// Version 2.
const config = {
  update(options) { Object.assign(this, options); },
};
class Credentials {
  constructor(accessKeyId, secretAccessKey, sessionToken) {
    Object.assign(this, typeof accessKeyId === 'object' ? accessKeyId : { accessKeyId, secretAccessKey, sessionToken });
  }
}
class SNS2 {
  constructor(options = {}) { this.config = { ...config, ...options }; }
  publish(input, callback) {
    const { region, endpoint, credentials, accessKeyId, secretAccessKey, sessionToken } = this.config;
    const send = async () => {
      try {
        const answer = await publish({ region, endpoint, credentials: credentials ?? { accessKeyId, secretAccessKey, sessionToken } }, input);
        return { ResponseMetadata: { RequestId: answer.requestId }, ...told(answer) };
      } catch (error) {
        const { failed } = error;
        if (failed === undefined) throw error;
        delete error.failed;
        throw Object.assign(error, { name: failed.code, code: failed.code, statusCode: failed.status, requestId: failed.requestId, time: new Date(), retryable: failed.status >= 500 || failed.status === 429 });
      }
    };
    let made;
    const once = (answer) => {
      made ??= send();
      if (typeof answer === 'function') made.then((data) => answer(null, data), (error) => answer(error, null));
      return made;
    };
    if (typeof callback === 'function') once(callback);
    return { promise: () => once(), send: (answer) => { once(answer); } };
  }
}

// Version 3.
class PublishCommand {
  constructor(input) { this.input = input; }
}
class SNSClient {
  constructor(options = {}) { this.config = options; }
  async send(command, options = {}) {
    if (!(command instanceof PublishCommand)) throw new TypeError('phonebox has PublishCommand of @aws-sdk/client-sns and no other: bundle the package into the action, or ask by fetch');
    const { endpoint, credentials } = this.config;
    const region = typeof this.config.region === 'function' ? await this.config.region() : this.config.region;
    try {
      const answer = await publish({ region, endpoint, credentials, signal: options.abortSignal }, command.input);
      return { $metadata: { httpStatusCode: answer.status, requestId: answer.requestId, attempts: 1, totalRetryDelay: 0 }, ...told(answer) };
    } catch (error) {
      const { failed } = error;
      if (failed === undefined) throw error;
      delete error.failed;
      const kind = exceptions[`${failed.code}Exception`] ?? SNSServiceException;
      throw Object.assign(Object.setPrototypeOf(error, kind.prototype), {
        name: kind === SNSServiceException ? failed.code : `${failed.code}Exception`, Code: failed.code, $fault: failed.status >= 500 ? 'server' : 'client',
        $metadata: { httpStatusCode: failed.status, requestId: failed.requestId, attempts: 1, totalRetryDelay: 0 },
      });
    }
  }
  destroy() {}
}
class SNS3 extends SNSClient {
  publish(input, options, callback) {
    const answer = typeof options === 'function' ? options : callback;
    const made = this.send(new PublishCommand(input), typeof options === 'object' ? options : undefined);
    if (typeof answer !== 'function') return made;
    made.then((data) => answer(null, data), (error) => answer(error));
    return undefined;
  }
}
class SNSServiceException extends Error {}
// The errors of Publish that the package has by name.
const exceptions = Object.fromEntries([
  'AuthorizationError', 'EndpointDisabled', 'InternalError', 'InvalidParameter', 'InvalidParameterValue', 'InvalidSecurity', 'KMSAccessDenied',
  'KMSDisabled', 'KMSInvalidState', 'KMSNotFound', 'KMSOptInRequired', 'KMSThrottling', 'NotFound', 'PlatformApplicationDisabled', 'Throttled',
].map((name) => [`${name}Exception`, class extends SNSServiceException {}]));

exports.v2 = { SNS: SNS2, Credentials, config };
exports.v3 = { SNSClient, SNS: SNS3, PublishCommand, SNSServiceException, ...exceptions };
