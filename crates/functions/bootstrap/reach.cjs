// Loaded before anything else: leads calls of our own APIs, `https://{api}.execute-api.{region}.amazonaws.com`, to the server.
// No TLS is spoken: the server is on this machine. `https` (and so both AWS SDKs), `fetch` and undici all open their
// connections with `tls.connect`. Workers and forked processes load this too.
"use strict";

const net = require("node:net");
const tls = require("node:tls");
const { syncBuiltinESMExports } = require("node:module");

const HTTPS = 443;
// Where to, and for which names: the server puts it here.
const { address, names } = REACH;
const { hostname, port } = new URL(`http://${address}`);
const server = { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port || 80) };
const ours = new Set(names);
const connect = tls.connect;

/** The options of `tls.connect(options)`, `(port, host, options)` and `(port, options)`. */
function optionsOf(given) {
  const options = given.find((one) => one !== null && typeof one === "object") ?? {};
  return typeof given[0] === "object" ? options : { port: given[0], host: typeof given[1] === "string" ? given[1] : undefined, ...options };
}

tls.connect = function (...given) {
  const options = optionsOf(given);
  const name = options.host ?? options.servername;
  // What goes over a socket that is there already has found its way by itself.
  const leadsHere = !options.socket && Number(options.port ?? HTTPS) === HTTPS && ours.has(String(name).toLowerCase());
  if (!leadsHere) return connect.apply(this, given);
  const socket = net.connect({ ...server, noDelay: true });
  // What clients ask of a connection with TLS.
  Object.assign(socket, { encrypted: true, authorized: true, authorizationError: null, alpnProtocol: false, servername: name });
  Object.assign(socket, {
    getPeerCertificate: () => ({ subject: { CN: name }, subjectaltname: `DNS:${name}` }),
    getProtocol: () => "TLSv1.3",
    getCipher: () => ({}),
    getSession: () => undefined,
    isSessionReused: () => false,
    setServername: () => {},
  });
  const connected = given.find((one) => typeof one === "function");
  if (connected) socket.once("secureConnect", connected);
  socket.once("connect", () => socket.emit("secureConnect"));
  return socket;
};
// `import { connect } from "node:tls"` gets it as well.
syncBuiltinESMExports();
