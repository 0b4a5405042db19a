// Points the providers' names at one loopback address, for everything in this process that speaks
// TLS. Import it before a client. The name still goes out as SNI and is still what the certificate
// is checked against; start node with NODE_EXTRA_CA_CERTS for the authority that signed it.
//
// Any other name is refused, so nothing here can reach the network.

import tls from "node:tls";

const HOSTS = new Set([
  "gateway.example",
  "sns.eu-central-1.amazonaws.com",
  "api.twilio.com",
  "verify.twilio.com",
  "rest.nexmo.com",
  "api.nexmo.com",
]);

/** Sends connections for the providers' hosts to `address`, a "127.0.0.1:PORT". */
export function pointProvidersAt(address) {
  const { hostname, port } = new URL(`https://${address}`);
  if (hostname !== "127.0.0.1") {
    throw new Error(`the oracles speak to 127.0.0.1 only, not to ${hostname}`);
  }
  const connect = tls.connect;
  tls.connect = (options, ...rest) => {
    const name = options.servername || options.host;
    if (!HOSTS.has(name)) throw new Error(`${name} is none of the providers' hosts`);
    return connect.call(tls, { ...options, servername: name, host: hostname, port }, ...rest);
  };
}
