// A pod of the network tests: says its name on many ports and protocols, and asks others and the DNS for whoever asks it.
import dgram from 'node:dgram';
import dns from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import os from 'node:os';

const numbers = (list, otherwise) => (list ?? otherwise).split(',').filter(Boolean).map(Number);
const name = process.env.SAYS ?? os.hostname();
const timeoutMs = 3000;

async function askHttp(url) {
  const answer = await fetch(url, { signal: AbortSignal.timeout(timeoutMs), headers: { connection: 'close' } });
  return answer.text();
}

function askUdp(host, port) {
  return new Promise((resolve, reject) => {
    const socket = dgram.createSocket('udp4');
    const timer = setTimeout(() => end(new Error('no answer')), timeoutMs);
    const end = (failure, answer) => {
      clearTimeout(timer);
      socket.close();
      failure ? reject(failure) : resolve(answer);
    };
    socket.on('error', end);
    socket.on('message', (message) => end(undefined, String(message)));
    socket.send('hostname', Number(port), host);
  });
}

/** As a resolver does with a name that is not whole: each domain of the search list in turn. */
async function search(host, type) {
  const domains = /^search (.*)$/m.exec(readFileSync('/etc/resolv.conf', 'utf8'))?.[1].split(/\s+/) ?? [];
  for (const domain of domains) {
    const found = await dns.resolve(`${host}.${domain}`, type).catch(() => undefined);
    if (found) return found;
  }
  throw new Error(`not found in ${domains}`);
}

const routes = {
  '/hostname': () => name,
  '/http': ({ url }) => askHttp(url),
  '/udp': ({ host, port }) => askUdp(host, port),
  '/resolve': async ({ host, type }) => JSON.stringify(await dns.resolve(host, type)),
  '/search': async ({ host, type }) => JSON.stringify(await search(host, type)),
  '/lookup': async ({ host }) => JSON.stringify((await dns.lookup(host, { all: true, family: 4 })).map((one) => one.address)),
  '/hosts': () => readFileSync('/etc/hosts', 'utf8'),
};

async function serve({ method, url }, response) {
  const { pathname, searchParams } = new URL(url, 'http://localhost');
  response.setHeader('connection', 'close');
  const route = routes[pathname];
  if (!route) return response.end(JSON.stringify({ method, path: pathname, name }));
  try {
    response.end(await route(Object.fromEntries(searchParams)));
  } catch (failure) {
    response.writeHead(502).end(String(failure.cause ?? failure));
  }
}

const bind = process.env.BIND ?? '0.0.0.0';
for (const port of numbers(process.env.HTTP_PORTS, '8080')) http.createServer(serve).listen(port, bind);
for (const port of numbers(process.env.UDP_PORTS, '8081')) {
  const socket = dgram.createSocket('udp4');
  socket.on('message', (_, from) => socket.send(name, from.port, from.address));
  socket.bind(port, bind);
}
/** What is said on ports of their own, over TLS where there is a certificate for it. */
function say(answers, create) {
  for (const [port, text] of Object.entries(JSON.parse(answers ?? '{}')))
    create((_, response) => response.setHeader('content-type', 'text/html').end(text)).listen(Number(port), bind);
}
say(process.env.ANSWERS, http.createServer);
const tls = { cert: process.env.TLS_CERT, key: process.env.TLS_KEY };
say(process.env.TLS_ANSWERS, (handle) => https.createServer(tls, handle));
process.on('SIGTERM', () => process.exit(0));
