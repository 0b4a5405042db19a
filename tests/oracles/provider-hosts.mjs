// Points the providers' names at one loopback address, for everything in this process that speaks
// TLS or plain HTTP. Import it before a client. The name still goes out as SNI and is still what the
// certificate is checked against; start node with NODE_EXTRA_CA_CERTS for the authority that signed it.
//
// Any other name is refused, so nothing here can reach the network.

import net from "node:net";
import tls from "node:tls";

const HOSTS = new Set([
  "gateway.example",
  "kannel.example",
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
  const check = (name) => {
    if (!HOSTS.has(name)) throw new Error(`${name} is none of the providers' hosts`);
  };
  const [connect, connectTls] = [net.connect, tls.connect];
  tls.connect = (options, ...rest) => {
    const name = options.servername || options.host;
    check(name);
    return connectTls.call(tls, { ...options, servername: name, host: hostname, port }, ...rest);
  };
  net.connect = net.createConnection = (options, ...rest) => {
    // TLS, too, is connected by this, to where it was pointed.
    if (options.host !== hostname) check(options.host);
    return connect.call(net, { ...options, host: hostname, port }, ...rest);
  };
}
