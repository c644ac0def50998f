// The application of the end-to-end tests: says how it is, can be made ill, and leaves without dropping a request.
import http from 'node:http';

const port = Number(process.env.PORT ?? 3000);
const pod = process.env.HOSTNAME;
/** After SIGTERM it serves on for a while, since proxies need a moment to hear that it is going. */
const drainMs = Number(process.env.DRAIN_MS ?? 2000);
let healthy = true;
let ready = false;
let leaving = false;

setTimeout(() => {
  ready = true;
  console.log('Application ready');
}, Number(process.env.STARTUP_MS ?? 0));

const routes = {
  'GET /health': () => [healthy ? 200 : 503, { status: healthy ? 'healthy' : 'unhealthy', timestamp: new Date() }],
  'GET /ready': () => {
    const serves = ready && !leaving;
    return [serves ? 200 : 503, { status: serves ? 'ready' : 'not ready', timestamp: new Date() }];
  },
  'GET /api/data': () => [
    200,
    { message: 'Hello from Kubernetes!', pod, version: process.env.APP_VERSION ?? '1.0.0', secret: process.env.SECRET !== undefined },
  ],
  'POST /toggle-health': () => {
    healthy = !healthy;
    return [200, { healthy, timestamp: new Date() }];
  },
};

const server = http.createServer((request, response) => {
  const route = routes[`${request.method} ${request.url.split('?')[0]}`];
  const [status, body] = route ? route() : [404, { error: 'not found' }];
  const headers = { 'content-type': 'application/json' };
  if (leaving) headers.connection = 'close';
  response.writeHead(status, headers).end(`${JSON.stringify(body)}\n`);
});
server.listen(port, () => console.log(`Server running on port ${port} in pod ${pod}`));

process.on('SIGTERM', () => {
  if (leaving) return;
  leaving = true;
  console.log('SIGTERM: draining');
  setTimeout(() => {
    server.close(() => {
      console.log('Drained');
      process.exit(0);
    });
    server.closeIdleConnections();
  }, drainMs);
});
