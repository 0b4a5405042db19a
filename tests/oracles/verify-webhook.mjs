// Has the library of Standard Webhooks check a signed message. Prints the message that it gives back as one line of JSON.
//
//   node verify-webhook.mjs '{ "secret": "whsec_..", "headers": { "webhook-id": "..", .. }, "body": ".." }'

import { Webhook } from "standardwebhooks";

const { secret, headers, body } = JSON.parse(process.argv[2]);
console.log(JSON.stringify(new Webhook(secret).verify(body, headers)));
