// `twilio`: messages, calls and verifications, as Twilio's own client for Node asks for them.
'use strict';

const upper = (name) => name[0].toUpperCase() + name.slice(1);
const camel = (name) => name.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase());

/// Every parameter is one of Twilio's in camel case; a list is given once for each.
function form(parameters) {
  const fields = new URLSearchParams();
  const text = (value) => {
    if (value instanceof Date) return value.toISOString().replace(/\.\d+Z$/, 'Z');
    return typeof value === 'object' ? JSON.stringify(value) : `${value}`;
  };
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined || value === null) continue;
    for (const one of Array.isArray(value) ? value : [value]) fields.append(upper(name), text(one));
  }
  return fields;
}

function read(answer) {
  if (answer === null || typeof answer !== 'object') return answer;
  return Object.fromEntries(Object.entries(answer).map(([name, value]) => {
    const isDate = name.startsWith('date_') && typeof value === 'string' && !Number.isNaN(Date.parse(value));
    return [camel(name), isDate ? new Date(value) : value];
  }));
}

class RestException extends Error {
  constructor(status, answer) {
    super(`[HTTP ${status}] Failed to execute request`);
    this.status = status;
    if (answer === null || typeof answer !== 'object') return;
    this.message = answer.message;
    this.code = answer.code;
    this.moreInfo = answer.more_info;
    this.details = answer.details;
  }
}

class Twilio {
  #username; #password; #options;

  constructor(username, password, options = {}) {
    this.#username = username ?? process.env.TWILIO_ACCOUNT_SID;
    this.#password = password ?? process.env.TWILIO_AUTH_TOKEN;
    this.#options = options;
    this.accountSid = options.accountSid ?? this.#username ?? '';
    // What a sealed secret is, only the host knows: so it is not looked at whether it begins with AC.
    if (this.accountSid.startsWith('SK')) {
      throw new Error('accountSid must start with AC. The given SID indicates an API Key which requires the accountSid to be passed as an additional option');
    }
    const account = `/2010-04-01/Accounts/${this.accountSid}`;
    const ask = (host, method, path, parameters, callback) => this.#ask(host, method, path, parameters, callback);
    // What is made in a list and looked at or changed by its SID.
    const list = (host, path, ending, required = [], more = () => ({})) => Object.assign((sid) => {
      const one = `${path}/${encodeURIComponent(sid)}`;
      return {
        fetch: (callback) => ask(host, 'GET', one + ending, {}, callback),
        update: (parameters, callback) => ask(host, 'POST', one + ending, parameters, callback),
        remove: (callback) => ask(host, 'DELETE', one + ending, {}, callback),
        ...more(one),
      };
    }, {
      create: (parameters, callback) => {
        if (required.length > 0 && (parameters === undefined || parameters === null)) throw new Error('Required parameter "params" missing.');
        for (const name of required) {
          if (parameters[name] === undefined || parameters[name] === null) throw new Error(`Required parameter "params['${name}']" missing.`);
        }
        return ask(host, 'POST', path + ending, parameters, callback);
      },
    });
    this.messages = list('api', `${account}/Messages`, '.json', ['to']);
    this.calls = list('api', `${account}/Calls`, '.json', ['to', 'from']);
    this.api = { v2010: { accounts: () => ({ messages: this.messages, calls: this.calls }) }, messages: this.messages, calls: this.calls };
    const services = list('verify', '/v2/Services', '', ['friendlyName'], (service) => ({
      verifications: list('verify', `${service}/Verifications`, '', ['to', 'channel']),
      verificationChecks: list('verify', `${service}/VerificationCheck`, ''),
    }));
    this.verify = { v2: { services }, services };
  }

  #ask(host, method, path, parameters, callback) {
    const made = this.#send(host, method, path, parameters ?? {});
    if (typeof callback === 'function') made.then((answer) => callback(null, answer), (error) => callback(error));
    return made;
  }

  async #send(host, method, path, parameters) {
    if (!this.#username) throw new Error('username is required');
    if (!this.#password) throw new Error('password is required');
    const { edge, region, timeout } = this.#options;
    const where = [host, edge, region ?? (edge && 'us1'), 'twilio.com'].filter(Boolean).join('.');
    const credentials = Buffer.from(`${this.#username}:${this.#password}`).toString('base64');
    const answer = await fetch(`https://${where}${path}`, {
      method,
      headers: { accept: 'application/json', authorization: `Basic ${credentials}` },
      body: method === 'POST' ? form(parameters) : undefined,
      signal: timeout ? AbortSignal.timeout(timeout) : undefined,
    });
    const text = await answer.text();
    let said = null;
    try { said = JSON.parse(text); } catch { /* It has nothing to say. */ }
    if (!answer.ok) throw new RestException(answer.status, said);
    return method === 'DELETE' ? true : read(said);
  }
}

const escape = (text) => `${text}`.replace(/[&<>\r]/g, (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '\r': '&#xD;' }[sign]));
const quoted = (value) => `${Array.isArray(value) ? value.join(' ') : value}`
  .replace(/[&<"\t\n\r]/g, (sign) => ({ '&': '&amp;', '<': '&lt;', '"': '&quot;', '\t': '&#x9;', '\n': '&#xA;', '\r': '&#xD;' }[sign]));

/// TwiML: an element, with attributes, and with a text or others inside.
class Verb {
  #name; #attributes; #inside = [];
  constructor(name, attributes, text) {
    this.#name = name;
    this.#attributes = attributes ?? {};
    if (text !== undefined && text !== null) this.addText(text);
  }
  addChild(name, attributes) { return this.#add(new Verb(name, attributes)); }
  addText(text) { this.#inside.push(escape(text)); }
  toString() { return `<?xml version="1.0" encoding="UTF-8"?>${this.#written()}`; }
  #add(verb) { this.#inside.push(verb); return verb; }
  #written() {
    const attributes = Object.entries(this.#attributes).filter(([, value]) => value !== undefined && value !== null)
      .map(([name, value]) => ` ${name}="${quoted(value)}"`).join('');
    const inside = this.#inside.map((one) => (typeof one === 'string' ? one : one.#written())).join('');
    return inside === '' ? `<${this.#name}${attributes}/>` : `<${this.#name}${attributes}>${inside}</${this.#name}>`;
  }
  static {
    // The attributes may be left out where there is a text.
    const verb = (element) => function (...given) {
      const hasAttributes = given.length > 1 || typeof given[0] !== 'string';
      const [attributes, text] = hasAttributes ? given : [undefined, given[0]];
      return this.#add(new Verb(element, attributes, text));
    };
    const VERBS = ['Connect', 'Dial', 'Enqueue', 'Gather', 'Hangup', 'Leave', 'Message', 'Body', 'Media', 'Pause', 'Play', 'Record', 'Redirect', 'Reject', 'Say', 'Sms', 'Start', 'Stop'];
    for (const name of VERBS) this.prototype[name[0].toLowerCase() + name.slice(1)] = verb(name);
    for (const name of ['break', 'emphasis', 'lang', 'p', 'phoneme', 'prosody', 's', 'say-as', 'sub', 'w']) {
      const own = name === 'break' ? 'break_' : name.replace('-as', 'As');
      this.prototype[own] = verb(name);
      this.prototype[`ssml${upper(own.replace('_', ''))}`] = verb(name);
    }
  }
}
class VoiceResponse extends Verb {
  constructor() { super('Response'); }
}
class MessagingResponse extends Verb {
  constructor() { super('Response'); }
}

const twilio = (username, password, options) => new Twilio(username, password, options);
module.exports = Object.assign(twilio, { Twilio, RestException, twiml: { VoiceResponse, MessagingResponse }, default: twilio });
